//! How many events one listener gets a second: pure, is told the time.

use std::time::{Duration, Instant};

/// The most events a second.
const PER_SECOND: usize = 1000;
const SECOND: Duration = Duration::from_secs(1);

/// Counts what a listener gets, and what it does not get.
#[derive(Debug, Default)]
pub(super) struct EventPace {
    /// When the second that goes on began.
    began: Option<Instant>,
    passed: usize,
    withheld: u64,
}

impl EventPace {
    /// How many more events may pass.
    pub(super) fn room(&mut self, now: Instant) -> usize {
        let goes_on = self.began.is_some_and(|began| now.saturating_duration_since(began) < SECOND);
        if !goes_on {
            (self.began, self.passed) = (Some(now), 0);
        }
        PER_SECOND.saturating_sub(self.passed)
    }

    /// So many have passed.
    pub(super) fn pass(&mut self, events: usize) {
        self.passed += events;
    }

    /// So many were withheld, or missed.
    pub(super) fn withhold(&mut self, events: u64) {
        self.withheld += events;
    }

    /// Whether the listener has yet to be told of events that were withheld.
    pub(super) fn is_withholding(&self) -> bool {
        self.withheld > 0
    }

    /// How many events were withheld, when it is time to say so: behind the second in which they were.
    pub(super) fn take_withheld(&mut self, now: Instant) -> Option<u64> {
        if self.withheld == 0 || self.room(now) == 0 {
            return None;
        }
        Some(std::mem::take(&mut self.withheld))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_second_has_no_more_events_than_may_be_and_none_is_forgotten(
            steps in prop::collection::vec((0..700_u64, 0..900_usize), 1..60),
        ) {
            let begin = Instant::now();
            let (mut pace, mut millis) = (EventPace::default(), 0);
            let (mut passed, mut withheld, mut told) = (Vec::new(), 0, 0);
            for (pause, events) in steps {
                millis += pause;
                let now = begin + Duration::from_millis(millis);
                let passes = pace.room(now).min(events);
                pace.pass(passes);
                pace.withhold((events - passes) as u64);
                withheld += (events - passes) as u64;
                told += pace.take_withheld(now).unwrap_or_default();
                passed.push((millis, passes));
                // Two seconds may touch.
                let lately: usize = passed.iter().filter(|(at, _)| at + 1_000 > millis).map(|(_, passes)| passes).sum();
                prop_assert!(lately <= 2 * PER_SECOND);
                prop_assert_eq!(pace.is_withholding(), told < withheld);
            }
            told += pace.take_withheld(begin + Duration::from_millis(millis + 1_000)).unwrap_or_default();
            prop_assert_eq!(told, withheld);
        }
    }
}
