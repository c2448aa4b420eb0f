//! What a sensor measured, and what its model said, over time. Columns have one entry a point.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::time::Timestamp;

/// A sensor's values over time, brought down to a number of points. Points without readings are left out: a gap is where
/// two times are further apart than `step_seconds`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Series {
    /// `device/sensor`.
    pub sensor: String,
    /// Where the series begins.
    pub since: Timestamp,
    /// Where it ends.
    pub until: Timestamp,
    /// How long a point is: an interval, or some.
    pub step_seconds: f64,
    /// The start of each point, in seconds since 1970.
    pub time: Vec<f64>,
    /// How many readings each has.
    pub count: Vec<u64>,
    /// The mean of its readings.
    pub mean: Vec<f64>,
    /// The lowest.
    pub min: Vec<f64>,
    /// The highest.
    pub max: Vec<f64>,
    /// Windows of which nothing is stored any more, though readings may have come, as their starts.
    pub forgotten: Vec<Timestamp>,
}

/// What a sensor's model said of each interval, computed again where it is not stored.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Scores {
    /// `device/sensor`.
    pub sensor: String,
    /// How long an interval is.
    pub interval_seconds: f64,
    /// The start of each scored interval, in seconds since 1970.
    pub time: Vec<f64>,
    /// Whether it is an anomaly.
    pub anomaly: Vec<bool>,
    /// Its decision value; `null` when it is not stored and cannot be computed again.
    pub decision: Vec<Option<f64>>,
    /// How unusual it is, from 0 to 1; an anomaly is above 0.5. `null` as the decision value.
    pub score: Vec<Option<f64>>,
    /// Why some cannot be computed again, in words, each reason once.
    pub missing: Vec<String>,
}
