//! Decides which windows are due to be scored: pure, takes the time.
//!
//! A cron pattern says when runs take place. A firing covers the windows that are over by then and were not scored; it
//! is due once the lateness has passed, so that the readings of the last minute are in. What was missed while the
//! daemon was down is caught up on, up to a bound.
//!
//! The modules below decide what the scheduler's actor may close and score: whether the system's clock is believed,
//! whether a window may be closed, and when a history is over.

pub mod clock_trust;
pub mod closing;
pub mod idle;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use croner::Cron;
use croner::parser::{CronParser, Seconds};

use crate::interval::{Cut, Window};
use crate::time::{Span, Timestamp};

/// When windows are scored.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// The firings.
    pub cron: CronPattern,
    /// The lengths of windows.
    pub cut: Cut,
    /// How long after a firing its run begins.
    pub lateness: Span,
    /// How many missed windows are scored at most; older ones are given up.
    pub catch_up: u32,
}

/// A cron pattern of six fields, the first being seconds, in UTC.
#[derive(Clone)]
pub struct CronPattern {
    text: String,
    cron: Cron,
}

/// A cron pattern that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is no cron pattern: {problem}; six fields are expected (second minute hour day month weekday), such as \"0 0 * * * *\""
)]
pub struct CronError {
    text: String,
    problem: String,
}

impl fmt::Debug for CronPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CronPattern").field(&self.text).finish()
    }
}

impl PartialEq for CronPattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl FromStr for CronPattern {
    type Err = CronError;

    fn from_str(text: &str) -> Result<Self, CronError> {
        let shown = |text: &str| text.chars().take(Self::MAX_CHARACTERS).collect();
        let refused = |problem: String| CronError { text: shown(text), problem };
        if text.chars().count() > Self::MAX_CHARACTERS {
            return Err(refused(format!("it has more than {} characters", Self::MAX_CHARACTERS)));
        }
        // The pattern is read as tokio-cron-scheduler reads it, because that library wakes the scheduler's actor.
        let parser = CronParser::builder().seconds(Seconds::Required).dom_and_dow(true).build();
        let cron =
            parser.parse(text).map_err(|error| refused(error.to_string().trim_end_matches('.').to_lowercase()))?;
        match cron.find_next_occurrence(&Timestamp::default().utc(), true) {
            Ok(_) => Ok(Self { text: text.to_owned(), cron }),
            Err(_) => Err(refused("it never fires".to_owned())),
        }
    }
}

impl CronPattern {
    const MAX_CHARACTERS: usize = 256;

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The first firing after `time`.
    pub fn next_after(&self, time: Timestamp) -> Option<Timestamp> {
        self.cron.find_next_occurrence(&time.utc(), false).ok().map(Timestamp::from)
    }

    /// The shortest time between two neighbours of the next 1,440 firings after `time`; `None` when there are none. It
    /// looks at so many because firings need not be evenly spread.
    pub fn shortest_period_after(&self, time: Timestamp) -> Option<Span> {
        const FIRINGS: usize = 1440;
        let firings: Vec<_> = self.cron.iter_after(time.utc()).take(FIRINGS).map(Timestamp::from).collect();
        firings.windows(2).filter(|pair| pair[1] < Timestamp::MAX).map(|pair| pair[1].since(pair[0])).min()
    }

    /// The last firing at `time` or before.
    fn last_until(&self, time: Timestamp) -> Option<Timestamp> {
        self.cron.find_previous_occurrence(&time.utc(), true).ok().map(Timestamp::from)
    }
}

/// The windows that have to be scored now, with one run each, the oldest first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Due {
    /// The first of them.
    pub first: Window,
    /// How many there are; at least one.
    pub count: u32,
    /// How many older windows are given up, because more were missed than `catch_up` allows.
    pub skipped: u64,
}

impl Schedule {
    /// What is due at `now`, when everything before `scored` is done and windows up to `closable` may be closed.
    pub fn due(&self, scored: Timestamp, now: Timestamp, closable: Timestamp) -> Option<Due> {
        // Before the clock has a time there is nothing to score.
        if now == Timestamp::MIN || scored == Timestamp::MIN {
            return None;
        }
        let firing = self.cron.last_until(now - self.lateness)?;
        let first = self.cut.window_of(scored);
        let after_last = self.cut.window_of(firing.min(closable));
        let missed = u64::try_from(after_last.index() - first.index()).ok().filter(|missed| *missed > 0)?;
        let count = u32::try_from(missed).unwrap_or(u32::MAX).min(self.catch_up.max(1));
        let skipped = missed - u64::from(count);
        let oldest = after_last.start() - self.cut.window().times(i64::from(count));
        Some(Due { first: self.cut.window_of(oldest), count, skipped })
    }

    /// Whether a window that is due at `now` was due at an earlier firing already, and nobody scored it then.
    pub fn is_missed(&self, window: Window, now: Timestamp) -> bool {
        let firing = self.cron.last_until(now - self.lateness);
        let earlier = firing.and_then(|firing| self.cron.last_until(firing - Span::from(Duration::from_nanos(1))));
        earlier.is_some_and(|earlier| earlier >= window.end())
    }

    /// When something may be due next, after `now`.
    pub fn next_wake(&self, now: Timestamp) -> Option<Timestamp> {
        self.cron.next_after(now - self.lateness).map(|firing| firing + self.lateness)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOUR: Span = Span::from_secs(3600);

    fn schedule(cron: &str) -> Schedule {
        let cut = Cut::new(Span::from_secs(60), HOUR).unwrap();
        Schedule { cron: cron.parse().unwrap(), cut, lateness: Span::from_secs(30), catch_up: 24 }
    }

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn due(schedule: &Schedule, scored: &str, now: &str) -> Option<(String, u32, u64)> {
        let due = schedule.due(at(scored), at(now), Timestamp::MAX)?;
        Some((due.first.start().format("%H:%M"), due.count, due.skipped))
    }

    #[test]
    fn a_window_is_due_when_the_lateness_has_passed_after_the_firing() {
        let hourly = schedule("0 0 * * * *");
        assert_eq!(due(&hourly, "2026-03-01 10:00", "2026-03-01 11:00:29Z"), None);
        assert_eq!(due(&hourly, "2026-03-01 10:00", "2026-03-01 11:00:30Z"), Some(("10:00".into(), 1, 0)));
        assert_eq!(due(&hourly, "2026-03-01 11:00", "2026-03-01 11:59:59Z"), None);
    }

    #[test]
    fn a_firing_in_the_middle_of_a_window_covers_those_that_are_over() {
        let half_past = schedule("0 30 * * * *");
        assert_eq!(due(&half_past, "2026-03-01 10:00", "2026-03-01 11:10:00Z"), None);
        assert_eq!(due(&half_past, "2026-03-01 10:00", "2026-03-01 11:31:00Z"), Some(("10:00".into(), 1, 0)));
    }

    #[test]
    fn what_was_missed_is_caught_up_on_up_to_the_bound() {
        let hourly = schedule("0 0 * * * *");
        assert_eq!(due(&hourly, "2026-03-01 01:00", "2026-03-01 11:05:00Z"), Some(("01:00".into(), 10, 0)));
        assert_eq!(due(&hourly, "2026-03-01 01:00", "2026-03-03 11:05:00Z"), Some(("11:00".into(), 24, 34)));
    }

    #[test]
    fn a_daily_schedule_scores_the_windows_of_the_day_at_once() {
        let daily = schedule("0 0 6 * * *");
        assert_eq!(due(&daily, "2026-03-01 06:00", "2026-03-02 05:59:00Z"), None);
        assert_eq!(due(&daily, "2026-03-01 06:00", "2026-03-02 06:01:00Z"), Some(("06:00".into(), 24, 0)));
    }

    #[test]
    fn a_window_was_missed_when_an_earlier_firing_has_covered_it() {
        let missed = |cron, window, now| schedule(cron).is_missed(schedule(cron).cut.window_of(at(window)), at(now));
        let hourly = "0 0 * * * *";
        assert!(!missed(hourly, "2026-03-01 10:00", "2026-03-01 11:00:30Z"));
        assert!(!missed(hourly, "2026-03-01 10:00", "2026-03-01 12:00:29Z"));
        assert!(missed(hourly, "2026-03-01 10:00", "2026-03-01 12:00:30Z"));
        // All windows of a day are due at once.
        let daily = "0 0 6 * * *";
        assert!(!missed(daily, "2026-03-01 06:00", "2026-03-02 06:01:00Z"));
        assert!(missed(daily, "2026-03-01 05:00", "2026-03-02 06:01:00Z"));
    }

    #[test]
    fn windows_that_are_held_open_are_not_due_and_not_given_up() {
        let hourly = schedule("0 0 * * * *");
        let now = at("2026-03-01 15:01:00Z");
        assert_eq!(hourly.due(at("2026-03-01 10:00"), now, at("2026-03-01 10:00")), None);
        let due = hourly.due(at("2026-03-01 10:00"), now, at("2026-03-01 12:00")).unwrap();
        assert_eq!((due.first.start(), due.count, due.skipped), (at("2026-03-01 10:00"), 2, 0));
    }

    #[test]
    fn a_clock_that_steps_back_makes_nothing_due() {
        assert_eq!(due(&schedule("0 0 * * * *"), "2026-03-01 11:00", "2026-03-01 09:30:00Z"), None);
    }

    #[test]
    fn it_wakes_when_the_next_firing_becomes_due() {
        let hourly = schedule("0 0 * * * *");
        assert_eq!(hourly.next_wake(at("2026-03-01 10:59:00")), Some(at("2026-03-01 11:00:30")));
        assert_eq!(hourly.next_wake(at("2026-03-01 11:00:10")), Some(at("2026-03-01 11:00:30")));
        assert_eq!(hourly.next_wake(at("2026-03-01 11:00:30")), Some(at("2026-03-01 12:00:30")));
    }

    #[test]
    fn a_pattern_that_makes_no_sense_says_what_is_expected() {
        for text in ["", "hourly", "0 * * * *", "61 0 * * * *"] {
            let error = text.parse::<CronPattern>().unwrap_err().to_string();
            assert!(error.contains("six fields"), "{error}");
        }
    }

    proptest! {
        /// Every window is scored exactly once and in order, however often the schedule is asked.
        #[test]
        fn no_window_is_scored_twice_and_none_is_left_out(steps in proptest::collection::vec(1_u32..20_000, 1..60)) {
            let schedule = schedule("0 0 * * * *");
            let start = at("2026-03-01 00:00");
            let (mut scored, mut now) = (start, start);
            for step in steps {
                now = now + Span::from_secs(step);
                if let Some(due) = schedule.due(scored, now, Timestamp::MAX) {
                    prop_assert_eq!(due.first.start(), scored);
                    scored = due.first.start() + HOUR.times(i64::from(due.count));
                }
                prop_assert!(now - schedule.lateness < scored + HOUR);
            }
        }
    }
}
