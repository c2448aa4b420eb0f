//! Groups of sensors.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::runs::Run;
use super::sensors::SensorCounts;
use crate::time::Timestamp;

/// A group of sensors that share windows, a schedule and the rules of their scoring.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Group {
    /// Its name; `default` for that of all sensors that no other takes.
    pub name: String,
    /// The pattern of the sensors that it takes, unless an earlier group takes them.
    pub pattern: String,
    /// How long an interval is.
    pub interval_seconds: f64,
    /// How long a window is.
    pub window_seconds: f64,
    /// How far a window ends behind the one before; windows overlap where this is shorter than a window.
    pub hop_seconds: f64,
    /// How many of its sensors are in which state.
    pub sensors: SensorCounts,
    /// The windows that end at this time or before are scored or given up; `null` before scoring has begun.
    pub scored_until: Option<Timestamp>,
    /// Its last run that has ended, among the last hundred of all groups.
    pub last_run: Option<Run>,
}
