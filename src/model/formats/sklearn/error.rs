//! Why what a file holds is not a model that can be put to work.

use crate::model::Invalid;
use crate::model::limits::Exceeded;

/// What is wrong with a scikit-learn estimator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SklearnError {
    /// The file holds no estimator at all.
    #[error("the file holds {found}; expected a scikit-learn estimator: {}", super::supported())]
    NotAnEstimator {
        /// What it holds.
        found: String,
    },
    /// Only what may stand before a detector.
    #[error(
        "the file holds {found} and no detector: it is what stands before one. Put it beside the model's file, with \
         \"scaler\" for \"model\" in the name (models.scaler), or make one file of both: anomalyd model convert --before \
         SCALER MODEL OUT"
    )]
    NoDetector {
        /// The transformers.
        found: String,
    },
    /// A detector, where only what stands before one may be.
    #[error("the file holds {found}, a detector, where a scaler or another transformer is expected: {}", super::STEPS.join(", "))]
    NotATransformer {
        /// The estimators.
        found: String,
    },
    /// Several estimators side by side that make no model, or more than one.
    #[error(
        "the file is {kind} of {found}: {problem}; expected is one detector, and the transformers before it if there are any, \
         as {{'model': …, 'scaler': …, 'features': […]}}, (scaler, model) or a Pipeline"
    )]
    Bundle {
        /// What it is.
        kind: &'static str,
        /// What is in it.
        found: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// The columns are named beside an estimator, and it takes other ones.
    #[error(
        "the columns are named {listed} beside the estimators, and {class} was fitted to {expected}: the file holds parts \
         of two models"
    )]
    Columns {
        /// What is listed.
        listed: String,
        /// The first estimator.
        class: String,
        /// What it says of its columns.
        expected: String,
    },
    /// An estimator that is not supported.
    #[error("{class} of {module} ({version}) is not supported here; supported: {}", super::supported())]
    Unsupported {
        /// Its class.
        class: String,
        /// The module of its class.
        module: String,
        /// The library and version that wrote it.
        version: String,
    },
    /// An estimator for something else.
    #[error(
        "{class} of {module} ({version}) is {kind}, and no outlier detector: fit one that is to normal rows alone, such as \
         IsolationForest; supported: {}",
        super::supported()
    )]
    NotADetector {
        /// Its class.
        class: String,
        /// The module of its class.
        module: String,
        /// The library and version that wrote it.
        version: String,
        /// What it is instead.
        kind: &'static str,
    },
    /// A setting that is not supported.
    #[error("{class} ({version}) has {setting} = {value}; supported: {supported}")]
    Setting {
        /// Whose setting.
        class: &'static str,
        /// The library and version that wrote it.
        version: String,
        /// Its name.
        setting: &'static str,
        /// Its value.
        value: String,
        /// What it may be.
        supported: &'static str,
    },
    /// An attribute is not there: the model was never fitted, or the file is damaged.
    #[error("{class} has no {attribute}; fit the model before it is written")]
    Missing {
        /// Whose attribute.
        class: &'static str,
        /// Its name.
        attribute: String,
    },
    /// A search that kept no estimator.
    #[error(
        "the search has no best_estimator_; run it with refit=True, or, where `scoring` names several, with the one that \
         counts"
    )]
    NoBestEstimator,
    /// Functions take rows of any width, and nothing around them says which.
    #[error("{class} does not say how many features it takes; put a scaler before it")]
    UnknownWidth {
        /// Whose features.
        class: &'static str,
    },
    /// An attribute holds something that it cannot.
    #[error("{attribute} of {class} is {found}, expected {expected}")]
    Attribute {
        /// Whose attribute.
        class: &'static str,
        /// Its name.
        attribute: String,
        /// What it holds.
        found: String,
        /// What it must hold.
        expected: String,
    },
    /// There are too many estimators.
    #[error("it has more than {max} steps, nested ones counted")]
    Parts {
        /// The bound.
        max: usize,
    },
    /// A bound was reached.
    #[error(transparent)]
    Limit(#[from] Exceeded),
    /// Parameters that no model can be made of.
    #[error(transparent)]
    Invalid(#[from] Invalid),
}
