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
    /// Notes how a scored window compares with the training, in the place of the note before.
    pub fn note(&self, sensor: SensorId, note: TrainingNote) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).insert(sensor, note);
    }

    /// Takes all notes, in no order.
    pub fn take(&self) -> HashMap<SensorId, TrainingNote> {
        std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
