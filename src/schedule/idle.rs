//! Decides when a history is over: pure, takes the time and what the sources did.
//!
//! A history is over when no source has read or acknowledged anything for a while, and no reading still waits to be
//! stored. Readings that wait, because the disk or a run is slow, hold their publishers up: such a publisher is not
//! idle, it is kept waiting.

use std::time::{Duration, Instant};

/// What the sources have done so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SourceActivity {
    /// How many bytes they have read since the start.
    pub bytes_read: u64,
    /// How many messages they have acknowledged since the start: a publisher that waited for one of these may go on.
    pub acknowledged: u64,
    /// Whether readings that they took in, or a device that connects, wait for the disk.
    pub waits: Waits,
}

/// Whether something waits for the disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Waits {
    /// Something does.
    Something,
    /// Nothing does.
    Nothing,
}

/// Watches for the end of a history.
#[derive(Debug)]
pub struct IdleWatch {
    idle_after: Duration,
    last: Option<SourceActivity>,
    /// Since when nothing was read, and nothing waited.
    since: Instant,
}

/// Whether a history goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum History {
    /// Something came, waits, or may come still.
    GoesOn,
    /// Nothing has come for the time after which a history is over.
    IsOver,
}

impl IdleWatch {
    /// Begins to watch. A history is over when nothing has come for `idle_after`.
    pub fn new(idle_after: Duration, now: Instant) -> Self {
        Self { idle_after, last: None, since: now }
    }

    /// Begins anew: something else kept the readings from coming.
    pub fn restart(&mut self, now: Instant) {
        self.since = now;
    }

    /// Takes in what the sources did. Reports the end once, and again only after as much time has passed.
    pub fn look(&mut self, activity: SourceActivity, now: Instant) -> History {
        if self.last.replace(activity) != Some(activity) || activity.waits == Waits::Something {
            self.since = now;
        }
        if now.saturating_duration_since(self.since) < self.idle_after {
            return History::GoesOn;
        }
        self.since = now;
        History::IsOver
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AFTER: Duration = Duration::from_secs(5);

    #[test]
    fn a_history_is_over_when_nothing_has_come_and_nothing_waits() {
        let start = Instant::now();
        let at = |secs| start + Duration::from_secs(secs);
        let mut watch = IdleWatch::new(AFTER, start);
        let mut look = |bytes_read, acknowledged, waits, secs| {
            watch.look(SourceActivity { bytes_read, acknowledged, waits }, at(secs))
        };
        assert_eq!(look(0, 0, Waits::Nothing, 0), History::GoesOn);
        assert_eq!(look(0, 0, Waits::Nothing, 4), History::GoesOn);
        assert_eq!(look(10, 0, Waits::Nothing, 6), History::GoesOn, "something was read");
        assert_eq!(look(10, 0, Waits::Something, 12), History::GoesOn, "it waits for the disk");
        assert_eq!(look(10, 0, Waits::Nothing, 16), History::GoesOn, "it is stored");
        assert_eq!(look(10, 1, Waits::Nothing, 20), History::GoesOn, "its publisher may go on");
        assert_eq!(look(10, 1, Waits::Nothing, 24), History::GoesOn, "and has yet to");
        assert_eq!(look(10, 1, Waits::Nothing, 25), History::IsOver);
        assert_eq!(look(10, 1, Waits::Nothing, 26), History::GoesOn, "it is told once");
        assert_eq!(look(10, 1, Waits::Nothing, 30), History::IsOver);
    }
}
