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
