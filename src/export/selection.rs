//! Which rows of a table are wanted.

use crate::export::Table;
use crate::sensor::SensorName;
use crate::sensor_pattern::SensorPattern;
use crate::time::Timestamp;

/// Which rows are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// The table.
    pub table: Table,
    /// The sensors; `None` for all.
    pub sensors: Option<SensorPattern>,
    /// The earliest time.
    pub since: Timestamp,
    /// The time before which the rows lie.
    pub until: Timestamp,
}

impl Selection {
    /// Whether rows of this time are wanted.
    pub(super) fn takes(&self, time: Timestamp) -> bool {
        self.since <= time && time < self.until
    }

    /// Whether rows of this sensor are wanted.
    pub(super) fn takes_sensor(&self, name: &SensorName) -> bool {
        self.sensors.as_ref().is_none_or(|pattern| pattern.fits(&name.to_string()))
    }
}
