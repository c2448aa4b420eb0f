//! How far the times of readings were off that were refused for their times, until the next look for conditions.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::reading::{Reject, RejectedReading, Rejects};
use crate::sensor::{SensorDirectory, SensorId};
use crate::time::Timestamp;

/// Notes of refused readings: one a sensor, and each look takes them all.
#[derive(Debug, Default)]
pub struct ClockNotes {
    waiting: Mutex<HashMap<SensorId, i64>>,
}

impl ClockNotes {
    /// Notes the readings among the rejects of a commit that were refused for their times.
    pub fn note_rejects(&self, rejects: &Rejects, directory: &SensorDirectory) {
        for Reject { reason, reading, received, .. } in rejects.kept() {
            if matches!(reason.kind(), "late" | "implausible_time")
                && let Some(RejectedReading { sensor, time, .. }) = reading
                && let Some(sensor) = directory.find(sensor)
            {
                self.note(sensor, *time, *received);
            }
        }
    }

    /// Notes that a reading was refused for its time. The one nearest to its own time counts.
    fn note(&self, sensor: SensorId, time: Timestamp, received: Timestamp) {
        let off_nanos = received.nanos().saturating_sub(time.nanos());
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let nearest = waiting.entry(sensor).or_insert(off_nanos);
        *nearest = nearer(*nearest, off_nanos);
    }

    /// Takes all notes: by how many nanoseconds a sensor's nearest reading was off, positive when it came after its own
    /// time.
    pub fn take(&self) -> HashMap<SensorId, i64> {
        std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The one of two numbers that is nearer to zero.
pub fn nearer(a: i64, b: i64) -> i64 {
    if b.unsigned_abs() < a.unsigned_abs() { b } else { a }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reading_nearest_to_its_own_time_counts_until_it_is_taken() {
        let notes = ClockNotes::default();
        let at = Timestamp::from_nanos;
        for time in [95_000, 100_300, 99_100] {
            notes.note(SensorId(3), at(time), at(100_000));
        }
        assert_eq!(notes.take(), HashMap::from([(SensorId(3), -300)]));
        assert_eq!(notes.take(), HashMap::new());
    }
}
