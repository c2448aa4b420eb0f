//! How the last scored window of each sensor compares with the training of its model, until the next look for conditions.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::interval::Window;
use crate::sensor::SensorId;

/// Notes of scored windows: at most one waits for a sensor, and each look takes them all.
#[derive(Debug, Default)]
pub struct TrainingNotes {
    waiting: Mutex<HashMap<SensorId, TrainingNote>>,
}

/// How a scored window compares with the training of its sensor's model.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TrainingNote {
    /// Which window.
    pub window: Window,
    /// How it is unlike the training, in words; `None` when it is like it.
    pub unlike: Option<String>,
}

impl TrainingNotes {
    /// Notes how a scored window compares with the training, in the place of the note before, unless that is of a later
    /// window: windows that are caught up on are no news.
    pub fn note(&self, sensor: SensorId, note: TrainingNote) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.get(&sensor).is_none_or(|held| held.window.end() <= note.window.end()) {
            waiting.insert(sensor, note);
        }
    }

    /// Takes all notes, in no order.
    pub fn take(&self) -> HashMap<SensorId, TrainingNote> {
        std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{Span, Timestamp};

    #[test]
    fn a_window_that_is_caught_up_on_takes_no_place_of_a_later_one() {
        let note = |hour| TrainingNote {
            window: Window::new(Timestamp::default() + Span::from_secs(3600).times(hour), Span::from_secs(3600)),
            unlike: None,
        };
        let notes = TrainingNotes::default();
        for hour in [3, 5, 4] {
            notes.note(SensorId(0), note(hour));
        }
        assert_eq!(notes.take(), HashMap::from([(SensorId(0), note(5))]));
    }
}
