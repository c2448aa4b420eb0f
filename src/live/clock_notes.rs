//! How far the times of readings were off that were refused for their times, until the next look for conditions.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use crate::reading::{Reading, Reject, RejectedReading};
use crate::sensor::{SensorDirectory, SensorId};
use crate::time::Timestamp;

/// Notes of refused readings: one a sensor, and each look takes them all. What was imported came when somebody sent the file,
/// and says nothing of a sensor's clock.
#[derive(Debug, Default)]
pub struct ClockNotes {
    waiting: Mutex<TakenClockNotes>,
}

/// What is known of sensors' clocks since the last look.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TakenClockNotes {
    /// By how many nanoseconds a sensor's nearest refused reading was off, positive when it came after its own time.
    pub nearest: HashMap<SensorId, i64>,
    /// The sensors of which readings were imported.
    pub imported: HashSet<SensorId>,
}

impl ClockNotes {
    /// Notes those of rejected readings that came from a live source and were refused for their times.
    pub fn note_rejects(&self, rejects: &[Reject], directory: &SensorDirectory) {
        for Reject { reason, reading, received, .. } in rejects {
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
        let nearest = waiting.nearest.entry(sensor).or_insert(off_nanos);
        *nearest = nearer(*nearest, off_nanos);
    }

    /// Notes that readings were imported.
    pub fn note_import(&self, readings: &[Reading]) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        for one_sensor in readings.chunk_by(|a, b| a.sensor == b.sensor) {
            waiting.imported.extend(one_sensor.first().map(|reading| reading.sensor));
        }
    }

    /// Takes all notes.
    pub fn take(&self) -> TakenClockNotes {
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
        assert_eq!(notes.take().nearest, HashMap::from([(SensorId(3), -300)]));
        assert_eq!(notes.take(), TakenClockNotes::default());
    }
}
