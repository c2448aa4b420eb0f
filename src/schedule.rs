//! Decides which windows are due to be scored: pure, takes the time.
//!
//! A pattern in a zone says when runs take place. A firing covers the windows that are over by then and were not scored;
//! it is due once the lateness has passed, so that the readings of the last minute are in. What was missed while the
//! daemon was down is caught up on, up to a bound. Windows are counted from the epoch in UTC, so that a change of
//! daylight saving leaves none out and scores none twice.
//!
//! A [`Schedule`] is one group's; the [`agenda`] says what comes next of all groups. The other modules decide what the
//! scheduler's actor may close and score: whether the system's clock is believed, whether a window may be closed, and when
//! a history is over.

pub mod agenda;
pub mod clock_trust;
pub mod closing;
mod firings;
pub mod idle;
mod pattern;

use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::group::GroupName;
use crate::interval::{Window, WindowGrid};
use crate::time::{Span, Timestamp};
#[cfg(test)]
use crate::zone::Zone;

pub use firings::Firings;
pub use pattern::{Pattern, PatternError};

/// When the windows of a group are scored.
#[derive(Clone, PartialEq, Debug)]
pub struct Schedule {
    /// The firings.
    pub firings: Firings,
    /// How the windows lie.
    pub windows: WindowGrid,
    /// How long after its end a window takes readings.
    pub lateness: Span,
    /// How much longer after a firing its runs begin: the offset and the group's jitter. A firing covers the windows that
    /// are over when it takes place, however much later their runs begin.
    pub delay: Span,
    /// What happens to a firing that becomes due while the windows of the one before are being scored.
    pub overlap: Overlap,
    /// How many due windows are scored at most, the newest in any case; older ones are given up.
    pub catch_up: u32,
    /// How long ago a missed window may have ended; older ones are given up. A window that no earlier firing covers was not
    /// missed.
    pub horizon: Option<Span>,
}

/// What happens to the windows of a firing that becomes due while the windows of the same group's firing before are being
/// scored.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Overlap {
    /// They are scored afterwards: those of the last firing first, and then the others as missed windows, oldest first, within
    /// the bounds on what is caught up on.
    #[default]
    CatchUp,
    /// The firing waits. If another one becomes due meanwhile, that one waits in its place, and its own windows are
    /// given up.
    QueueOne,
    /// They are given up.
    Skip,
}

/// How much later than others the runs of a group begin, from nothing to `most`. It depends on the group's name alone, so
/// that it is the same after each start.
pub fn jitter(group: &GroupName, most: Span) -> Span {
    let digest = Sha256::digest(group.as_str().as_bytes());
    let fraction = digest.iter().take(4).fold(0, |hash, byte| (hash << 8) | i64::from(*byte));
    // In milliseconds: the longest span in nanoseconds would not fit.
    let millis = (i128::from(most.nanos() / 1_000_000) * i128::from(fraction)) >> 32;
    Span::from_millis(1).times(i64::try_from(millis).unwrap_or(0))
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
        let firing = self.firing(now)?;
        let last = self.windows.last_ending(firing.min(closable));
        let missed = self.windows_between(scored, last.end());
        let count = u32::try_from(missed).unwrap_or(u32::MAX).min(self.kept(last, firing, now));
        let first = self.back(last, count.checked_sub(1)?);
        Some(Due { first, count, skipped: missed - u64::from(count) })
    }

    /// Whether a window that is due at `now` was due at an earlier firing already, and nobody scored it then.
    pub fn is_missed(&self, window: Window, now: Timestamp) -> bool {
        self.firing(now).and_then(|firing| self.firing_before(firing)).is_some_and(|earlier| earlier >= window.end())
    }

    /// When something may be due next, after `now`.
    pub fn next_wake(&self, now: Timestamp) -> Option<Timestamp> {
        self.firings.next_after(now - self.wait()).map(|firing| firing + self.wait())
    }

    /// How long after a firing its runs begin.
    pub fn wait(&self) -> Span {
        self.lateness + self.delay
    }

    /// The last firing whose runs may have begun at `now`.
    pub fn firing(&self, now: Timestamp) -> Option<Timestamp> {
        self.firings.last_until(now - self.wait())
    }

    /// The firing before another one.
    pub fn firing_before(&self, firing: Timestamp) -> Option<Timestamp> {
        self.firings.last_until(firing - Span::from(Duration::from_nanos(1)))
    }

    /// How far back missed windows are scored.
    pub fn reach(&self) -> Span {
        let counted = self.windows.hop().times(self.most().into());
        self.horizon.map_or(counted, |horizon| horizon.min(counted))
    }

    /// How many windows end behind `from`, and at `until` or before.
    pub fn windows_between(&self, from: Timestamp, until: Timestamp) -> u64 {
        let hop = self.windows.hop();
        u64::try_from(until.index(hop).saturating_sub(from.index(hop))).unwrap_or(0)
    }

    /// The window that ends so many hops before another one.
    fn back(&self, window: Window, hops: u32) -> Window {
        self.windows.last_ending(window.end() - self.windows.hop().times(hops.into()))
    }

    /// How many windows are scored at most of those that are due.
    pub fn most(&self) -> u32 {
        self.catch_up.max(1)
    }

    /// How many windows up to `last` are scored at most, when `last` is the newest that is due and `firing` covers it; at
    /// least one.
    fn kept(&self, last: Window, firing: Timestamp, now: Timestamp) -> u32 {
        let Some(horizon) = self.horizon else { return self.most() };
        // What no earlier firing covers was not missed, however long ago it ended.
        let given_up_until = (now - horizon - Span::from_nanos(1)).min(self.covered_before(firing));
        let within = self.windows_between(given_up_until, last.end());
        self.most().min(u32::try_from(within).unwrap_or(u32::MAX)).max(1)
    }

    /// The time up to which firings before this one cover windows.
    pub fn covered_before(&self, firing: Timestamp) -> Timestamp {
        self.firing_before(firing).unwrap_or(Timestamp::MIN)
    }
}

#[cfg(test)]
impl Schedule {
    /// A schedule of this pattern in UTC, without lateness, that catches up on 24 windows.
    pub(crate) fn for_test(pattern: &str, windows: WindowGrid) -> Self {
        Self {
            firings: Firings::new(pattern.parse().unwrap(), Zone::default()),
            windows,
            lateness: Span::ZERO,
            delay: Span::ZERO,
            overlap: Overlap::default(),
            catch_up: 24,
            horizon: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::interval::Cut;

    const HOUR: Span = Span::from_secs(3600);

    fn schedule(cron: &str) -> Schedule {
        let cut = Cut::new(Span::from_secs(60), HOUR).unwrap();
        Schedule { lateness: Span::from_secs(30), ..Schedule::for_test(cron, cut.into()) }
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
        let missed =
            |cron, window, now| schedule(cron).is_missed(schedule(cron).windows.cut().window_of(at(window)), at(now));
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
    fn a_horizon_gives_up_what_was_missed_and_never_what_is_due_for_the_first_time() {
        let daily = Schedule { horizon: Some(HOUR), delay: HOUR.times(3), ..schedule("0 0 6 * * *") };
        assert_eq!(due(&daily, "2026-03-01 06:00", "2026-03-02 09:01:00Z"), Some(("06:00".into(), 24, 0)));
        let two_days = Schedule { catch_up: 100, ..daily };
        assert_eq!(due(&two_days, "2026-02-28 06:00", "2026-03-02 09:01:00Z"), Some(("06:00".into(), 24, 24)));
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
