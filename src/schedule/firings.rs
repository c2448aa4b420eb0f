//! When a pattern fires in a zone.
//!
//! A cron pattern names local times. Two kinds of them are special:
//!
//! - A time that the clocks leave out, because they are put ahead: the firing takes place at the moment at which they are
//!   put ahead. Several such times, and the first time behind them, are one firing.
//! - A time that comes twice, because clocks are put back: a pattern whose hours are `*` or `*/n` fires both times, since
//!   it is meant to fire all the time; every other pattern fires the first time only.
//!
//! So in a zone whose clocks change, `@hourly` fires each hour by UTC, and `30 2 * * *` once a day, every day.

use crate::schedule::pattern::{FiringTimes, LocalTimes, Pattern, Repeats};
use crate::time::{Span, Timestamp};
use crate::zone::{Meaning, Zone};

/// The firings of a pattern in a zone.
#[derive(Clone, PartialEq, Debug)]
pub struct Firings {
    pattern: Pattern,
    zone: Zone,
}

/// The points in time that a local time of a pattern means: one, or two when it comes twice and the pattern repeats.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Moments {
    first: Timestamp,
    last: Timestamp,
}

/// Clocks are put back by less than this, and a search looks so far around itself for it. (A few zones once repeated a
/// whole day, the last of them in 1969; what comes twice of that day fires once.)
const NEAR: Span = Span::from_secs(3 * 3600);

impl Firings {
    /// The firings of `pattern` in `zone`. A zone means nothing to a pattern such as `every 10m`.
    pub fn new(pattern: Pattern, zone: Zone) -> Self {
        Self { pattern, zone }
    }

    /// The pattern.
    pub fn pattern(&self) -> &Pattern {
        &self.pattern
    }

    /// The zone.
    pub fn zone(&self) -> Zone {
        self.zone
    }

    /// The first firing after `time`.
    pub fn next_after(&self, time: Timestamp) -> Option<Timestamp> {
        let times = match self.pattern.times() {
            FiringTimes::Local(times) => times,
            FiringTimes::Every(span) => return Some(time.floor(*span) + *span).filter(|next| *next < Timestamp::MAX),
        };
        // The later of two local times is reached first no earlier than the earlier one is. So the search is over with
        // the first time that the clocks show for the first time after `time`. Before it, a time may come again.
        let mut local = self.zone.local(time - self.zone.put_back(time, NEAR));
        let mut next: Option<Timestamp> = None;
        loop {
            local = times.next_after(local)?;
            let Moments { first, last } = self.moments(local, times)?;
            let behind = [first, last].into_iter().find(|moment| *moment > time);
            next = next.into_iter().chain(behind).min();
            if first > time {
                return next;
            }
        }
    }

    /// The last firing at `time` or before.
    pub fn last_until(&self, time: Timestamp) -> Option<Timestamp> {
        let times = match self.pattern.times() {
            FiringTimes::Local(times) => times,
            FiringTimes::Every(span) => return Some(time.floor(*span)).filter(|last| *last > Timestamp::MIN),
        };
        let mut local = self.zone.local(time + self.zone.put_back(time, NEAR));
        let mut last: Option<Timestamp> = None;
        loop {
            local = times.last_until(local)?;
            let moments = self.moments(local, times)?;
            let before = [moments.last, moments.first].into_iter().find(|moment| *moment <= time);
            last = last.into_iter().chain(before).max();
            if moments.last <= time {
                return last;
            }
            local -= chrono::TimeDelta::nanoseconds(1);
        }
    }

    /// What a local time of the pattern means; `None` when its year is out of reach.
    fn moments(&self, local: chrono::NaiveDateTime, times: &LocalTimes) -> Option<Moments> {
        Some(match self.zone.meaning(local) {
            Meaning::One(moment) => Moments { first: moment, last: moment },
            Meaning::Two(first, last) => match times.repeats {
                Repeats::Both => Moments { first, last },
                Repeats::First => Moments { first, last: first },
            },
            Meaning::None => {
                let end = self.zone.end_of_gap(local)?;
                Moments { first: end, last: end }
            }
            Meaning::OutOfReach => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BERLIN: &str = "Europe/Berlin";
    const MINUTE: Span = Span::from_secs(60);

    fn firings(pattern: &str, zone: &str) -> Firings {
        Firings::new(pattern.parse().unwrap(), zone.parse().unwrap())
    }

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    /// The next firings, by UTC.
    fn next(pattern: &str, zone: &str, after: &str, count: usize) -> Vec<String> {
        let firings = firings(pattern, zone);
        let all = std::iter::successors(firings.next_after(at(after)), |firing| firings.next_after(*firing));
        all.take(count).map(|firing| firing.format("%d %H:%M")).collect()
    }

    #[test]
    fn a_time_that_the_clocks_leave_out_is_when_they_are_put_ahead() {
        // On 2026-03-29 at 02:00 it is 03:00 in Berlin, and 01:00 by UTC.
        let daily = next("30 2 * * *", BERLIN, "2026-03-28 00:00", 3);
        assert_eq!(daily, ["28 01:30", "29 01:00", "30 00:30"]);
        let weekly = next("30 2 * * SUN", BERLIN, "2026-03-28 00:00", 2);
        assert_eq!(weekly, ["29 01:00", "05 00:30"], "also when the next firing is far");
        let often = next("*/20 2,3 * * *", BERLIN, "2026-03-29 00:00", 4);
        assert_eq!(often, ["29 01:00", "29 01:20", "29 01:40", "30 00:00"], "all that is left out is one firing");
    }

    #[test]
    fn a_time_that_comes_twice_fires_once_when_its_hours_are_named() {
        // On 2026-10-25 at 03:00 it is 02:00 in Berlin, and 01:00 by UTC.
        let daily = next("30 2 * * *", BERLIN, "2026-10-24 00:00", 3);
        assert_eq!(daily, ["24 00:30", "25 00:30", "26 01:30"]);
        let often = next("*/30 2 * * *", BERLIN, "2026-10-25 00:00:01Z", 3);
        assert_eq!(often, ["25 00:30", "26 01:00", "26 01:30"]);
    }

    #[test]
    fn a_pattern_that_fires_all_the_time_fires_in_both_hours() {
        let hourly = next("@hourly", BERLIN, "2026-10-24 23:30", 4);
        assert_eq!(hourly, ["25 00:00", "25 01:00", "25 02:00", "25 03:00"]);
        let hourly = next("@hourly", BERLIN, "2026-03-28 23:30", 3);
        assert_eq!(hourly, ["29 00:00", "29 01:00", "29 02:00"]);
        // Lord Howe puts its clocks back by half an hour, from 02:00 to 01:30, at 15:00 by UTC.
        let hourly = next("@hourly", "Australia/Lord_Howe", "2026-04-04 13:30", 3);
        assert_eq!(hourly, ["04 14:00", "04 15:30", "04 16:30"]);
        let half = next("30 * * * *", "Australia/Lord_Howe", "2026-04-04 13:45", 3);
        assert_eq!(half, ["04 14:30", "04 15:00", "04 16:00"]);
    }

    #[test]
    fn a_span_is_counted_by_utc_whatever_the_clocks_show() {
        assert_eq!(next("every 30m", BERLIN, "2026-03-29 00:45", 3), ["29 01:00", "29 01:30", "29 02:00"]);
        assert_eq!(firings("every 7h", "UTC").last_until(at("1970-01-01 13:00")), Some(at("1970-01-01 07:00")));
    }

    #[test]
    fn a_firing_is_found_whatever_the_fraction_of_a_second() {
        let hourly = firings("@hourly", "UTC");
        let noon = at("2026-01-01 12:00");
        let nano = Span::from_nanos(1);
        assert_eq!(hourly.last_until(noon), Some(noon));
        assert_eq!(hourly.last_until(noon + nano), Some(noon));
        assert_eq!(hourly.last_until(noon - nano), Some(at("2026-01-01 11:00")));
        assert_eq!(hourly.next_after(noon - nano), Some(noon));
        assert_eq!(hourly.next_after(noon), Some(at("2026-01-01 13:00")));
    }

    #[test]
    fn the_ends_of_time_have_no_firings_behind_them() {
        for pattern in ["@hourly", "every 1h"] {
            assert_eq!(firings(pattern, BERLIN).next_after(Timestamp::MAX), None);
            assert!(firings(pattern, BERLIN).last_until(Timestamp::MAX).is_some());
        }
    }

    /// The firings of some days, found by looking at the clocks each minute.
    fn by_looking(firings: &Firings, from: Timestamp, until: Timestamp) -> Vec<Timestamp> {
        let FiringTimes::Local(times) = firings.pattern.times() else { unreachable!() };
        let minutes = |from: Timestamp| std::iter::successors(Some(from), |time| Some(*time + MINUTE));
        // What was shown before is the latest that the clocks have shown.
        let long_before = from - Span::from_secs(2 * 86_400);
        let mut shown = minutes(long_before).take_while(|t| *t <= from).map(|t| firings.zone.local(t)).max().unwrap();
        let mut found = Vec::new();
        for time in minutes(from + MINUTE).take_while(|time| *time <= until) {
            let local = firings.zone.local(time);
            let reaches = |from| times.next_after(from).is_some_and(|next| next <= local);
            let fires = if local > shown {
                reaches(shown)
            } else {
                times.repeats == Repeats::Both && reaches(local - chrono::TimeDelta::seconds(1))
            };
            if fires {
                found.push(time);
            }
            shown = shown.max(local);
        }
        found
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

        /// The search finds what somebody finds who looks at the clocks all the time, forwards and backwards.
        #[test]
        fn firings_are_those_of_the_clocks_of_the_zone(
            change in proptest::sample::select(vec![
                (BERLIN, "2026-03-29 01:00"), (BERLIN, "2026-10-25 01:00"), ("America/New_York", "2026-03-08 07:00"),
                ("America/New_York", "2026-11-01 06:00"), ("Australia/Lord_Howe", "2026-04-04 15:00"),
                ("Australia/Lord_Howe", "2026-10-03 15:30"), ("Antarctica/Troll", "2026-03-29 01:00"),
                ("Antarctica/Troll", "2026-10-25 01:00"), ("Pacific/Apia", "2011-12-30 10:00"),
                ("Africa/Casablanca", "2026-02-15 02:00"), ("Asia/Kolkata", "2026-05-05 05:00"), ("UTC", "2026-01-01 00:00"),
            ]),
            pattern in proptest::sample::select(vec![
                "@hourly", "*/10 * * * *", "30 2 * * *", "0 */2 * * *", "15 1-3 * * *", "45 1,2 * * SUN", "0 6 * * *", "59 23 * * *",
                "30 * 29 * *", "0 0 1 * *", "*/7 2 * * *",
            ]),
            minutes_before in 0_u32..2_000,
        ) {
            let (zone, change) = change;
            let firings = firings(pattern, zone);
            let from = at(change) - MINUTE.times(minutes_before.into());
            let until = from + Span::from_secs(2 * 86_400);
            let expected = by_looking(&firings, from, until);
            let forwards = std::iter::successors(firings.next_after(from), |firing| firings.next_after(*firing));
            let forwards: Vec<_> = forwards.take_while(|firing| *firing <= until).collect();
            prop_assert_eq!(&forwards, &expected);
            let backwards = std::iter::successors(firings.last_until(until), |firing| firings.last_until(*firing - MINUTE));
            let mut backwards: Vec<_> = backwards.take_while(|firing| *firing > from).collect();
            backwards.reverse();
            prop_assert_eq!(&backwards, &expected);
        }
    }
}
