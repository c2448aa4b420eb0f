//! Whether devices bear the system's clock out: pure, takes what the clocks say.
//!
//! A reading that is a whole zone ahead of a clock that is not synchronised comes from a device in another zone, or the
//! clock is behind. It is the zone if the times of other readings, since the clock was last set, were those of the clock.

use crate::schedule::clock_trust::ClockReading;
use crate::time::{Span, Timestamp};

/// What the times of readings say of the system's clock.
#[derive(Debug)]
pub(super) struct ClockWitness {
    clock: ClockReading,
    is_borne_out: bool,
}

impl ClockWitness {
    /// How far the time of a reading that has just come may be from the clock's.
    const DELAY: Span = Span::from_secs(60);
    /// What is further from the time expected means that the clock was set.
    const DRIFT: Span = Span::from_secs(5);

    /// Nothing is known of a clock that is read for the first time.
    pub(super) fn new(clock: ClockReading) -> Self {
        Self { clock, is_borne_out: false }
    }

    /// Takes note of what the clocks say.
    pub(super) fn observe(&mut self, clock: ClockReading) {
        let elapsed = clock.instant.saturating_duration_since(self.clock.instant);
        if distance(self.clock.believed + Span::from(elapsed), clock.believed) > Self::DRIFT {
            self.is_borne_out = false;
        }
        self.clock = clock;
    }

    /// Takes note of a time that a device gave.
    pub(super) fn hear(&mut self, time: Timestamp) {
        self.is_borne_out |= distance(time, self.clock.believed) <= Self::DELAY;
    }

    /// Whether the clock is right, as far as devices know.
    pub(super) fn is_borne_out(&self) -> bool {
        self.is_borne_out
    }
}

fn distance(one: Timestamp, other: Timestamp) -> Span {
    one.since(other).max(other.since(one))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::schedule::clock_trust::ClockSync;

    #[test]
    fn a_clock_is_borne_out_by_a_time_near_its_own_until_it_is_set() {
        let start = Instant::now();
        let at = |secs: u32| Timestamp::default() + Span::from_secs(secs);
        let says = |wall: u32, secs: u64| {
            let instant = start + Duration::from_secs(secs);
            ClockReading { wall: at(wall), instant, believed: at(wall), sync: ClockSync::Unsynchronised }
        };
        let mut witness = ClockWitness::new(says(7_200, 0));
        for (time, is_borne_out) in [(3_600, false), (7_261, false), (7_139, false), (7_260, true), (3_600, true)] {
            witness.hear(at(time));
            assert_eq!(witness.is_borne_out(), is_borne_out, "{time}");
        }
        witness.observe(says(7_300, 100));
        assert!(witness.is_borne_out(), "time passes");
        witness.observe(says(10_900, 100));
        assert!(!witness.is_borne_out(), "the clock was set");
    }
}
