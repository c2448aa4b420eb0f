//! Models: read from files as data, evaluated over all rows of a window at once.
//!
//! A file's bytes become a [`Model`] through one of the [`formats`]: steps of preprocessing, then a detector.
//! Reading is bounded by [`Limits`] and runs none of what a file says; evaluating is a pure function of model and rows.
#![allow(
    clippy::needless_pass_by_value,
    reason = "a view of an array is a reference, and its users have it as a value"
)]

mod catalog;
mod detector;
pub mod formats;
mod invalid;
mod limits;
mod name_template;
mod one_class_svm;
mod preprocessing;
mod warning;

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use ndarray::ArrayView2;
use sha2::{Digest, Sha256};

pub use self::catalog::{Catalog, CatalogError, Entry, EntryError, Ignored, IgnoredReason};
pub use self::detector::Detector;
pub use self::formats::{Format, Metadata};
pub use self::invalid::Invalid;
pub use self::limits::{Exceeded, Limits};
pub use self::name_template::{NameTemplate, NameTemplateError};
pub use self::one_class_svm::OneClassSvm;
pub use self::preprocessing::{StandardScaler, Step};
pub use self::warning::Warning;
use crate::verdict::{Label, ModelHash};

/// A trained model, ready to be evaluated.
#[derive(Clone, PartialEq, Debug)]
pub struct Model {
    preprocessing: Vec<Step>,
    detector: Detector,
    metadata: Metadata,
    hash: ModelHash,
}

/// What a model says of one row.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Evaluation {
    /// The label, ties decided as the library decides them.
    pub label: Label,
    /// The decision value, as the library's `decision_function` gives it. Finite.
    pub decision: f64,
}

/// Why the bytes of a file are not a model.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The file cannot be read.
    #[error("cannot be read: {0}")]
    Read(#[from] io::Error),
    /// A directory, a device or a pipe.
    #[error("is not a regular file")]
    NotAFile,
    /// The file is too large.
    #[error("is larger than {max} bytes, the most that is accepted; raise models.max_file if that is too few")]
    TooLarge {
        /// The bound.
        max: usize,
    },
    /// The content is of no known format.
    #[error("begins with the bytes {beginning:?}, which is no known format; expected {}", formats::ACCEPTED)]
    Format {
        /// The first bytes, in hexadecimal.
        beginning: String,
    },
    /// A pickle that was refused.
    #[error(transparent)]
    Pickle(#[from] formats::pickle::PickleError),
    /// A compressed file that was refused.
    #[error(transparent)]
    Joblib(#[from] formats::JoblibError),
    /// A skops file that was refused.
    #[error(transparent)]
    Skops(#[from] formats::SkopsError),
    /// A bound was reached.
    #[error(transparent)]
    Limit(#[from] Exceeded),
    /// A pickle of something that is not a usable estimator.
    #[error(transparent)]
    Sklearn(#[from] formats::sklearn::SklearnError),
    /// Parameters that no model can be made of.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// Two steps that do not fit together.
    #[error(
        "{step} gives rows of {found} features, and {next} behind it takes {expected}; they were not fitted together"
    )]
    Steps {
        /// The step.
        step: &'static str,
        /// The features that it gives.
        found: usize,
        /// What follows it.
        next: &'static str,
        /// The features that that takes.
        expected: usize,
    },
}

/// Why a file is not a model.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", path.display())]
pub struct LoadError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub problem: ModelError,
}

/// Why rows cannot be evaluated.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum EvaluateError {
    /// Rows of another width.
    #[error("rows of {found} features were given to a model of {expected}")]
    Width {
        /// The width of the rows.
        found: usize,
        /// That of the model.
        expected: usize,
    },
    /// A row that holds NaN or an infinity, which the model's preprocessing does not replace.
    #[error("row {row} holds {value} in feature {feature}")]
    Row {
        /// The row, counted from zero.
        row: usize,
        /// The feature, counted from zero.
        feature: usize,
        /// The value.
        value: f64,
    },
    /// A row that becomes NaN or an infinity by preprocessing.
    #[error("row {row} comes to {value} in feature {feature} by the model's preprocessing")]
    Preprocessed {
        /// The row, counted from zero.
        row: usize,
        /// The feature that the detector sees, counted from zero.
        feature: usize,
        /// Its value.
        value: f64,
    },
    /// A decision value that is NaN or infinite.
    #[error("the decision value of row {row} is {decision}")]
    Decision {
        /// The row, counted from zero.
        row: usize,
        /// The decision value.
        decision: f64,
    },
}

impl Model {
    /// Reads a model from the bytes of a file; what they are decides the format.
    ///
    /// # Errors
    /// When they are of no known format, are damaged, hold something else than a supported model, or take more than
    /// `limits` allow.
    pub fn read(bytes: &[u8], limits: &Limits) -> Result<Self, ModelError> {
        if bytes.len() > limits.file_bytes {
            return Err(ModelError::TooLarge { max: limits.file_bytes });
        }
        let formats::Contents { preprocessing, detector, metadata } = formats::read(bytes, limits)?;
        fit_together(&preprocessing, &detector)?;
        Ok(Self { preprocessing, detector, metadata, hash: ModelHash(Sha256::digest(bytes).into()) })
    }

    /// Reads a model from a file.
    ///
    /// # Errors
    /// As [`read`](Self::read), and when the file cannot be read. The error names the file.
    pub fn load(path: &Path, limits: &Limits) -> Result<Self, LoadError> {
        read_bounded(path, limits)
            .and_then(|bytes| Self::read(&bytes, limits))
            .map_err(|problem| LoadError { path: path.to_owned(), problem })
    }

    /// How many features a row has.
    pub fn width(&self) -> usize {
        self.preprocessing.first().map_or(self.detector.width(), Step::width)
    }

    /// The memory that the model takes, in bytes, about.
    pub fn memory_bytes(&self) -> usize {
        let steps = self.preprocessing.iter().map(|step| size_of::<Step>() + step.heap_bytes()).sum::<usize>();
        size_of::<Self>() + steps + self.detector.heap_bytes()
    }

    /// The SHA-256 of the file's bytes.
    pub fn hash(&self) -> ModelHash {
        self.hash
    }

    /// What the file says of itself.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// What is done to a row before the detector sees it, in order.
    pub fn preprocessing(&self) -> &[Step] {
        &self.preprocessing
    }

    /// The detector.
    pub fn detector(&self) -> &Detector {
        &self.detector
    }

    /// What is odd about the model, though it can be evaluated.
    pub fn warnings(&self) -> Vec<Warning> {
        Warning::of(self)
    }

    /// Evaluates rows, each by itself: its answer is the same to the last bit whatever its neighbours.
    ///
    /// # Errors
    /// When the rows are of another width, or one holds or leads to NaN or an infinity. The error names the row.
    pub fn evaluate(&self, rows: ArrayView2<'_, f64>) -> Result<Vec<Evaluation>, EvaluateError> {
        let width = self.width();
        if rows.ncols() != width {
            return Err(EvaluateError::Width { found: rows.ncols(), expected: width });
        }
        let prepared = self.preprocessing.iter().fold(rows.to_owned(), |rows, step| step.apply(rows));
        // An infinity is infinitely far from every support vector and would get a decision value as if all were well.
        match first_not_finite(rows) {
            _ if prepared.iter().all(|x| x.is_finite()) => {}
            Some((row, feature)) => return Err(EvaluateError::Row { row, feature, value: rows[[row, feature]] }),
            None => {
                let (row, feature) = first_not_finite(prepared.view()).unwrap_or_default();
                return Err(EvaluateError::Preprocessed { row, feature, value: prepared[[row, feature]] });
            }
        }
        let decisions = self.detector.decide(prepared.view());
        decisions
            .into_iter()
            .enumerate()
            .map(|(row, decision)| match decision.is_finite() {
                true => Ok(Evaluation { label: self.detector.label(decision), decision }),
                false => Err(EvaluateError::Decision { row, decision }),
            })
            .collect()
    }
}

/// Checks that each step takes what the one before it gives.
fn fit_together(preprocessing: &[Step], detector: &Detector) -> Result<(), ModelError> {
    let takes =
        preprocessing.iter().map(|step| (step.name(), step.width())).chain([(detector.name(), detector.width())]);
    for (step, (next, expected)) in preprocessing.iter().zip(takes.skip(1)) {
        let found = step.output_width();
        if found != expected {
            return Err(ModelError::Steps { step: step.name(), found, next, expected });
        }
    }
    Ok(())
}

/// Where the first NaN or infinity is.
fn first_not_finite(rows: ArrayView2<'_, f64>) -> Option<(usize, usize)> {
    rows.indexed_iter().find(|(_, x)| !x.is_finite()).map(|(place, _)| place)
}

/// The bytes of a file, unless there are too many.
fn read_bounded(path: &Path, limits: &Limits) -> Result<Vec<u8>, ModelError> {
    // To open a pipe would wait for its other end.
    if !std::fs::metadata(path)?.is_file() {
        return Err(ModelError::NotAFile);
    }
    let max = u64::try_from(limits.file_bytes).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    File::open(path)?.take(max.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok(bytes)
}
