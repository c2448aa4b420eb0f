//! What was most unusual in a range of time, and what changed together.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::verdicts::Explanation;
use super::verdicts::Span;
use crate::time::Timestamp;

/// What was most unusual.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Unusual {
    /// The group whose sensors these are.
    pub group: String,
    /// The range of time, widened to whole windows.
    pub range: Span,
    /// The most unusual sensors, the most unusual first.
    pub sensors: Vec<UnusualSensor>,
    /// Sensors whose anomalies began together, the largest set first.
    pub together: Vec<Together>,
    /// Each device, the most unusual first.
    pub devices: Vec<DeviceShare>,
}

/// How unusual a sensor was.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct UnusualSensor {
    /// `device/sensor`.
    pub sensor: String,
    /// Intervals with a row in the range.
    pub intervals: u64,
    /// Those that are anomalies.
    pub anomalies: u64,
    /// The highest score, from 0 to 1.
    pub score: Option<f64>,
    /// Its first anomaly in the range.
    pub first: Option<Timestamp>,
    /// Its last.
    pub last: Option<Timestamp>,
    /// Why, at its highest score.
    pub explanation: Option<Explanation>,
}

/// Sensors whose anomalies began within few intervals of each other.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Together {
    /// When the first of them began.
    pub time: Timestamp,
    /// The sensors, in the order in which their anomalies began.
    pub sensors: Vec<String>,
}

/// The share of a device's sensors that were unusual.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct DeviceShare {
    /// The device.
    pub device: String,
    /// Its sensors with a verdict in the range.
    pub sensors: u64,
    /// Those with an anomaly.
    pub unusual: u64,
    /// The start of each window in the range, the oldest first.
    pub windows: Vec<Timestamp>,
    /// The share with an anomaly in each window, from 0 to 1; `null` when none was scored.
    pub share: Vec<Option<f32>>,
}
