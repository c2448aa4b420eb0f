//! What the scheduler shows: which windows it gave up lately, and when it last looked for what is due.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::schedule::agenda::GivenUp;

/// How many times windows were given up that are remembered; older ones are forgotten.
const REMEMBERED: usize = 256;

/// What the scheduler shows. It forgets all at a restart.
#[derive(Debug, Default)]
pub struct ScheduleBoard(Mutex<Shown>);

#[derive(Debug, Default)]
struct Shown {
    given_up: VecDeque<GivenUp>,
    looked: Option<Instant>,
}

impl ScheduleBoard {
    /// Notes that windows were given up.
    pub fn note_given_up(&self, given_up: GivenUp) {
        let mut shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if shown.given_up.len() == REMEMBERED {
            shown.given_up.pop_front();
        }
        shown.given_up.push_back(given_up);
    }

    /// Notes that the scheduler looks for what is due.
    pub fn note_look(&self, now: Instant) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).looked = Some(now);
    }

    /// What was given up lately, the newest first.
    pub fn given_up(&self) -> Vec<GivenUp> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).given_up.iter().rev().cloned().collect()
    }

    /// For how long the scheduler has not looked for what is due; `None` before its first look.
    pub fn silence(&self, now: Instant) -> Option<Duration> {
        let looked = self.0.lock().unwrap_or_else(PoisonError::into_inner).looked;
        looked.map(|looked| now.saturating_duration_since(looked))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::group::GroupName;
    use crate::schedule::agenda::GiveUpReason;
    use crate::time::Timestamp;

    #[test]
    fn what_was_given_up_is_remembered_up_to_a_bound_the_newest_first() {
        let board = ScheduleBoard::default();
        for windows in 0..REMEMBERED as u64 + 2 {
            let (group, end) = (GroupName::default(), Timestamp::default());
            let why = GiveUpReason::Overlap;
            board.note_given_up(GivenUp { group, first_end: end, last_end: end, windows, why, at: end });
        }
        let counts: Vec<_> = board.given_up().iter().map(|given_up| given_up.windows).collect();
        assert_eq!((counts.len(), counts[0], counts[REMEMBERED - 1]), (REMEMBERED, REMEMBERED as u64 + 1, 2));
    }
}
