//! The models.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::supervision::Trouble;
use crate::time::Timestamp;

/// A sensor's model.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Model {
    /// `device/sensor`.
    pub sensor: String,
    /// How it is.
    pub state: ModelState,
    /// Why its file cannot be used.
    pub problem: Option<String>,
    /// Its failures since it last scored.
    #[serde(default)]
    pub trouble: Option<Trouble>,
    /// The file, below the folder of models.
    pub file: Option<String>,
    /// The hash of the model at work.
    pub hash: Option<String>,
    /// The detector, such as `one_class_svm`.
    pub detector: Option<String>,
    /// Since when it is at work; the daemon's start when it was there then.
    pub since: Option<Timestamp>,
    /// The columns that it reads, such as `vibration.std`.
    pub features: Vec<String>,
    /// Whether it gave the answers that a file beside it expects; `null` when there is no such file.
    pub is_proven: Option<bool>,
    /// What is odd about it.
    pub warnings: Vec<String>,
    /// The usual range of each feature in its training data; empty when the file does not tell.
    pub usual: Vec<UsualRange>,
}

/// How a model is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ModelState {
    /// It is at work.
    AtWork,
    /// It is at work, and a newer file beside it cannot be used.
    AtWorkNewerRefused,
    /// It failed, and is tried again after a pause.
    Paused,
    /// It was released from quarantine: its next failure quarantines it again.
    Probation,
    /// It failed too often, and is not tried any more.
    Quarantined,
    /// Its file cannot be used.
    Unusable,
}

/// The range of a feature in the training data.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct UsualRange {
    /// The feature's name.
    pub feature: String,
    /// Its lowest value.
    pub low: f64,
    /// Its highest value.
    pub high: f64,
}
