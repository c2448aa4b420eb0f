//! Verdicts: what came of scoring one window with one model.

use std::fmt;

use crate::sensor::SensorId;

/// What a detector says of one row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Label {
    /// Like what the model was trained on. scikit-learn's `1`.
    Normal,
    /// Unlike it. scikit-learn's `-1`.
    Anomaly,
}

/// The SHA-256 of a model file's bytes: the model's identity.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModelHash(pub [u8; 32]);

impl fmt::Display for ModelHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ModelHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The outcome of one model on one window. The run that it belongs to names the window.
#[derive(Clone, PartialEq, Debug)]
pub struct Verdict {
    /// Whose window.
    pub sensor: SensorId,
    /// What came of it.
    pub outcome: Outcome,
}

/// How the scoring of one window ended. Every sensor in a run's scope gets exactly one.
#[derive(Clone, PartialEq, Debug)]
pub enum Outcome {
    /// The window was scored.
    Scored(Scored),
    /// The window holds no readings of the sensor.
    NoData,
    /// Rows can be made for fewer intervals than the configuration asks for.
    TooLittleData {
        /// For how many a row can be made.
        intervals: u32,
        /// How many it takes.
        needed: u32,
    },
    /// The scoring failed.
    Failed {
        /// What went wrong, for a person to read.
        reason: String,
    },
    /// The model failed so often that it is not tried any more.
    Quarantined,
}

impl Outcome {
    /// A short word for the outcome, the same in metrics, logs and messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Scored(_) => "scored",
            Self::NoData => "no_data",
            Self::TooLittleData { .. } => "too_little_data",
            Self::Failed { .. } => "failed",
            Self::Quarantined => "quarantined",
        }
    }
}

/// A scored window: one row for each interval that one could be made for.
#[derive(Clone, PartialEq, Debug)]
pub struct Scored {
    /// The model that scored it.
    pub model: ModelHash,
    /// Whether that model gave the answers that were expected of it when it was loaded.
    pub proven: bool,
    /// The rows, in the order of time.
    pub rows: Vec<Row>,
    /// What moved the worst row's decision most, when that row is an anomaly and the model knows what is usual.
    pub explanation: Option<Explanation>,
}

impl Scored {
    /// How many rows are anomalies.
    pub fn anomalies(&self) -> usize {
        self.rows.iter().filter(|row| row.label == Label::Anomaly).count()
    }

    /// The row with the lowest decision value, the first of equals.
    pub fn worst(&self) -> Option<&Row> {
        self.rows.iter().min_by(|a, b| a.decision.total_cmp(&b.decision))
    }
}

/// Which feature of the worst row moved its decision most.
#[derive(Clone, PartialEq, Debug)]
pub struct Explanation {
    /// The interval's place in its window, counted from zero.
    pub interval: u16,
    /// The feature's name, such as `vibration.std`.
    pub feature: String,
    /// Its value.
    pub value: f64,
    /// Between what it lay when the model was trained, if the model knows.
    pub usual: Option<(f64, f64)>,
}

/// What a model says of one interval.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Row {
    /// The interval's place in its window, counted from zero.
    pub interval: u16,
    /// The detector's label, ties decided as scikit-learn decides them.
    pub label: Label,
    /// The decision value, as scikit-learn's `decision_function` gives it: negative means anomalous.
    pub decision: f64,
}
