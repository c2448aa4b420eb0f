//! Decides whether the system's clock is believed: pure, takes what the clocks say.
//!
//! A window that was closed stays closed. So a wall clock that jumps ahead, as that of a gateway without a battery may,
//! must not close windows whose readings are yet to come. Each reading of the wall clock is compared with the one
//! before, by a clock that only counts. A jump ahead is believed when the system says that its clock is synchronised,
//! or when the jump has lasted for a while; until then the time believed goes on from where it was. A step back is
//! believed at once, because it closes nothing.

use std::time::{Duration, Instant};

use crate::time::{Span, Timestamp};

/// What the system says of its own clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClockSync {
    /// A time server, or another source of time, keeps the clock right.
    Synchronised,
    /// Nothing keeps the clock right, or nothing does yet.
    Unsynchronised,
    /// The system does not say.
    Unknown,
}

/// What the clocks say at one moment, and which time is believed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ClockReading {
    /// The system's clock.
    pub wall: Timestamp,
    /// The clock that only counts.
    pub instant: Instant,
    /// The time that is believed: the system's, or an earlier one while a jump ahead is in doubt.
    pub believed: Timestamp,
    /// What the system says of its clock.
    pub sync: ClockSync,
}

impl ClockReading {
    /// Whether the time is known to be right, so that a reading ahead of it is wrong.
    pub fn is_certain(&self) -> bool {
        self.sync == ClockSync::Synchronised && !self.is_in_doubt()
    }

    /// Whether the system's clock jumped ahead and is not believed yet.
    pub fn is_in_doubt(&self) -> bool {
        self.believed < self.wall
    }

    /// The time to believe for a moment, not long ago, at which the system's clock said `wall`. What was read before a
    /// jump that is in doubt is believed as it was read.
    pub fn believed_at(&self, wall: Timestamp) -> Timestamp {
        if wall > self.believed { wall - self.wall.since(self.believed) } else { wall }
    }
}

/// What happened to the system's clock since the reading before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClockNews {
    /// The clock jumped ahead, and the system does not call it synchronised. The jump is believed when it has lasted.
    JumpedAhead {
        /// How far.
        by: Span,
    },
    /// The clock is believed again; it is later than the time believed so far.
    Believed {
        /// How much later it is.
        by: Span,
        /// Why.
        why: Belief,
    },
    /// The clock went back to where it was before it jumped ahead.
    TakenBack,
    /// It was set back.
    SteppedBack {
        /// How far.
        by: Span,
    },
}

/// Why a clock that was set ahead is believed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Belief {
    /// The system says that the clock is synchronised.
    Synchronised,
    /// It has lasted.
    Lasted,
}

/// Which change of the clock is a jump, and how long a jump is in doubt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ClockTrustSettings {
    /// A time that differs from the expected time by more than this is a jump or a step.
    pub tolerance: Span,
    /// How long a jump ahead must last to be believed.
    pub patience: Duration,
}

impl ClockTrustSettings {
    /// The tolerance that goes with a lateness: a jump within the lateness closes nothing early.
    pub fn tolerance(lateness: Span) -> Span {
        lateness.clamp(Span::from_secs(1), Span::from_secs(5))
    }
}

/// Follows the system's clock, and tells which time is believed.
#[derive(Debug)]
pub struct ClockTrust {
    settings: ClockTrustSettings,
    last: ClockReading,
    /// Since when the clock has been ahead of the time believed, after its last jump; `None` when it is believed.
    doubt: Option<Instant>,
}

impl ClockTrust {
    /// Begins with a clock that is believed, because there is nothing to compare it with.
    pub fn new(settings: ClockTrustSettings, wall: Timestamp, instant: Instant) -> Self {
        let last = ClockReading { wall, instant, believed: wall, sync: ClockSync::Unknown };
        Self { settings, last, doubt: None }
    }

    /// Whether the clock says another time than expected.
    pub fn is_surprised_by(&self, wall: Timestamp, instant: Instant) -> bool {
        let expected = self.last.wall + Span::from(instant.saturating_duration_since(self.last.instant));
        wall.since(expected).max(expected.since(wall)) > self.settings.tolerance
    }

    /// Takes in what the clocks say. Returns which time is believed, and what happened to the clock.
    pub fn observe(&mut self, wall: Timestamp, instant: Instant, sync: ClockSync) -> (ClockReading, Option<ClockNews>) {
        let elapsed = Span::from(instant.saturating_duration_since(self.last.instant));
        let expected = self.last.believed + elapsed;
        let tolerance = self.settings.tolerance;
        let ahead = wall.since(expected);
        let was_in_doubt = self.doubt.is_some();
        let (believed, news) = if ahead > tolerance {
            let moved = self.is_surprised_by(wall, instant);
            let since = match self.doubt {
                Some(since) if !moved => since,
                _ => *self.doubt.insert(instant),
            };
            let lasted = instant.saturating_duration_since(since) >= self.settings.patience;
            match sync {
                ClockSync::Synchronised => (wall, Some(ClockNews::Believed { by: ahead, why: Belief::Synchronised })),
                _ if lasted => (wall, Some(ClockNews::Believed { by: ahead, why: Belief::Lasted })),
                _ => (expected, moved.then_some(ClockNews::JumpedAhead { by: ahead })),
            }
        } else if expected.since(wall) > tolerance {
            (wall, Some(ClockNews::SteppedBack { by: expected.since(wall) }))
        } else {
            (wall, was_in_doubt.then_some(ClockNews::TakenBack))
        };
        if believed == wall {
            self.doubt = None;
        }
        self.last = ClockReading { wall, instant, believed, sync };
        (self.last, news)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TOLERANCE: Span = Span::from_secs(5);
    const PATIENCE: Duration = Duration::from_secs(600);
    const HOUR: Span = Span::from_secs(3600);

    /// A system's clock that a test sets.
    struct Clocks {
        trust: ClockTrust,
        wall: Timestamp,
        instant: Instant,
        sync: ClockSync,
    }

    impl Clocks {
        fn new() -> Self {
            let (wall, instant) = (Timestamp::default(), Instant::now());
            let settings = ClockTrustSettings { tolerance: TOLERANCE, patience: PATIENCE };
            Self { trust: ClockTrust::new(settings, wall, instant), wall, instant, sync: ClockSync::Unsynchronised }
        }

        fn after(&mut self, secs: u32) -> (ClockReading, Option<ClockNews>) {
            self.wall = self.wall + Span::from_secs(secs);
            self.instant += Duration::from_secs(secs.into());
            self.trust.observe(self.wall, self.instant, self.sync)
        }
    }

    #[test]
    fn a_clock_that_runs_is_believed() {
        let mut clocks = Clocks::new();
        clocks.wall = clocks.wall + Span::from_secs(4);
        let (reading, news) = clocks.after(30);
        assert_eq!((reading.believed, news), (clocks.wall, None));
    }

    #[test]
    fn a_jump_of_less_than_a_window_is_in_doubt_until_it_has_lasted() {
        let mut clocks = Clocks::new();
        let by = Span::from_secs(3599);
        clocks.wall = clocks.wall + by;
        let (reading, news) = clocks.after(1);
        assert_eq!(news, Some(ClockNews::JumpedAhead { by }));
        assert_eq!(reading.believed, Timestamp::default() + Span::from_secs(1));
        let (reading, news) = clocks.after(599);
        assert_eq!((reading.believed, news), (Timestamp::default() + Span::from_secs(600), None));
        let (reading, news) = clocks.after(1);
        assert_eq!((reading.believed, news), (clocks.wall, Some(ClockNews::Believed { by, why: Belief::Lasted })));
    }

    #[test]
    fn a_jump_that_is_taken_back_leaves_nothing_behind() {
        let mut clocks = Clocks::new();
        clocks.wall = clocks.wall + HOUR;
        assert!(clocks.after(10).0.is_in_doubt());
        clocks.wall = clocks.wall - HOUR;
        let (reading, news) = clocks.after(10);
        assert_eq!((reading.believed, news), (clocks.wall, Some(ClockNews::TakenBack)));
    }

    #[test]
    fn a_synchronised_clock_is_believed_at_once() {
        let mut clocks = Clocks::new();
        clocks.wall = clocks.wall + HOUR;
        assert!(clocks.after(10).0.is_in_doubt());
        clocks.sync = ClockSync::Synchronised;
        let (reading, news) = clocks.after(1);
        assert_eq!(news, Some(ClockNews::Believed { by: HOUR, why: Belief::Synchronised }));
        assert!(reading.is_certain());
        clocks.wall = clocks.wall + HOUR;
        assert!(!clocks.after(1).0.is_in_doubt());
    }

    #[test]
    fn a_step_back_is_believed_and_told_with_its_size() {
        let mut clocks = Clocks::new();
        clocks.wall = clocks.wall - HOUR;
        let (reading, news) = clocks.after(10);
        assert_eq!((reading.believed, news), (clocks.wall, Some(ClockNews::SteppedBack { by: HOUR })));
        assert_eq!(clocks.after(10).1, None);
    }

    proptest! {
        /// Wherever the clock is set, and however often: it is never believed to be ahead of the counting clock before
        /// it is synchronised or the jump has lasted; and it is believed within the patience after it was last set.
        #[test]
        fn no_jump_is_believed_early_and_each_is_believed_in_the_end(
            steps in proptest::collection::vec((0..100_u32, prop_oneof![Just(0_i64), -100_000..100_000_i64]), 1..60),
        ) {
            let mut clocks = Clocks::new();
            let mut set = clocks.instant;
            let (mut believed, mut before) = (clocks.wall, clocks.instant);
            for (secs, step) in steps {
                clocks.wall = Timestamp::from_nanos(clocks.wall.nanos() + step * 1_000_000_000);
                let (reading, news) = clocks.after(secs);
                if step.abs() > 5 {
                    set = clocks.instant;
                }
                prop_assert!(reading.believed <= reading.wall);
                let expected = believed + Span::from(clocks.instant - before);
                if !matches!(news, Some(ClockNews::Believed { .. })) {
                    prop_assert!(reading.believed <= expected + TOLERANCE);
                }
                if clocks.instant - set >= PATIENCE {
                    prop_assert!(!reading.is_in_doubt());
                }
                (believed, before) = (reading.believed, clocks.instant);
            }
            prop_assert!(!clocks.after(600).0.is_in_doubt());
        }
    }
}
