//! Verdicts, with their explanation.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::time::Timestamp;

/// A span of time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Span {
    /// Its start.
    pub start: Timestamp,
    /// Its end, which is not in it.
    pub end: Timestamp,
}

/// What a model said of one window of a sensor.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Verdict {
    /// `device/sensor`.
    pub sensor: String,
    /// The run.
    pub run: u64,
    /// The group that the sensor was in.
    pub group: String,
    /// How many runs over the same window ended before it.
    pub revision: u32,
    /// The window.
    pub window: Span,
    /// What came out.
    pub outcome: Outcome,
    /// Why not, when it was not scored.
    pub reason: Option<String>,
    /// The model's hash.
    pub model: Option<String>,
    /// Whether that model gave the answers that were expected of it when it was loaded.
    pub is_proven: Option<bool>,
    /// The score from which on intervals are anomalies, where the configuration says one (`[[sensitivity]]`); `null` when the
    /// model decides.
    pub anomaly_score: Option<f64>,
    /// Intervals with a row.
    pub intervals: u32,
    /// Those that are anomalies.
    pub anomalies: u32,
    /// The anomalies, neighbouring intervals as one span; the first 200.
    pub anomalous: Vec<Span>,
    /// The interval with the lowest decision value.
    pub worst: Option<WorstRow>,
    /// How unusual that interval is, from 0 to 1; an anomaly is above 0.5.
    pub score: Option<f64>,
    /// What moved that interval's decision most.
    pub explanation: Option<Explanation>,
}

/// What came out of scoring a window.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The window was scored.
    Scored,
    /// It has no readings.
    NoData,
    /// It has too few.
    TooLittleData,
    /// The scoring failed.
    Failed,
    /// The scoring had not ended when its time was over, and was given up.
    TimedOut,
    /// The model failed so often that it is not tried any more.
    Quarantined,
    /// The model is not proven, and the configuration wants proof.
    Unproven,
}

/// The most unusual interval of a window.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct WorstRow {
    /// The interval's start.
    pub time: Timestamp,
    /// Its decision value; scikit-learn's `decision_function`.
    pub decision: f64,
}

/// What moved an interval's decision most.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Explanation {
    /// In words: `vibration std 4.1 at 13:42, usually 0.2 to 0.9`, the time in UTC.
    pub words: String,
    /// The interval's start.
    pub time: Timestamp,
    /// The feature's name, such as `vibration.std`.
    pub feature: String,
    /// Its value; `null` when it was missing.
    pub value: Option<f64>,
    /// Its lowest value in the training data.
    pub usual_low: Option<f64>,
    /// Its highest value in the training data.
    pub usual_high: Option<f64>,
}
