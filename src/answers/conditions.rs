//! The conditions of sensors.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::status::Severity;
use crate::time::Timestamp;

/// A condition of a sensor: something that is wrong with the sensor itself, with or without a model.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Condition {
    /// The sensor, as `device/sensor`.
    pub sensor: String,
    /// What is wrong.
    pub condition: ConditionKind,
    /// How bad it is, as configured: `ok` for a condition that is noted and is no problem.
    pub severity: Severity,
    /// Since when it has been so: the start of the first window that showed it.
    pub since: Timestamp,
    /// What the window showed that raised it, in words.
    pub words: String,
}

/// What can be wrong with a sensor.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConditionKind {
    /// It sends nothing any more.
    Silent,
    /// All its readings have one value, and they usually vary.
    Stuck,
    /// It sends in far fewer intervals than usual.
    Sparse,
    /// Its windows are unlike those that its model was trained on.
    OutOfRange,
    /// Its level has left what is usual for it.
    Drifting,
    /// The times of its readings are far from the times at which they come.
    ClockWrong,
}

/// How many sensors have a condition of each kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct ConditionCounts {
    /// They send nothing any more.
    pub silent: u64,
    /// All their readings have one value.
    pub stuck: u64,
    /// They send in far fewer intervals than usual.
    pub sparse: u64,
    /// Their windows are unlike the training of their models.
    pub out_of_range: u64,
    /// Their level has left what is usual.
    pub drifting: u64,
    /// Their clocks are wrong.
    pub clock_wrong: u64,
}
