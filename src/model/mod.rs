//! Models: read from files as data, evaluated over all rows of a window at once.
//!
//! A file's bytes become a [`Model`] through one of the [`formats`]: steps of preprocessing, then a detector.
//! Reading is bounded by [`Limits`] and runs none of what a file says; evaluating is a pure function of model and rows.
#![allow(
    clippy::needless_pass_by_value,
    reason = "a view of an array is a reference, and its users have it as a value"
)]

mod autoencoder;
mod boundary;
mod calibration;
mod catalog;
mod changes;
mod compare;
mod dense;
mod detector;
mod drift;
mod elliptic_envelope;
mod explain;
pub mod formats;
mod invalid;
mod isolation_forest;
mod kmeans_distance;
mod limits;
mod listing;
mod local_outlier_factor;
mod name_template;
mod network;
mod one_class_svm;
mod panicked;
mod pca_reconstruction;
mod preprocessing;
mod proof;
mod robust_statistics;
mod rows;
mod sgd_one_class_svm;
mod training;
mod usual;
mod vectors;
mod warning;

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use ndarray::{ArrayView2, CowArray};
use sha2::{Digest, Sha256};

use self::formats::onnx::OnnxError;

pub use self::autoencoder::Autoencoder;
pub use self::calibration::{CalibrateError, Contamination, ContaminationError};
pub use self::catalog::{Catalog, Entry, EntryError};
pub use self::changes::{Changes, Due};
pub use self::compare::{Comparison, Disagreement, Tolerance, ToleranceError};
pub use self::detector::Detector;
pub use self::drift::{Drift, Moved};
pub use self::elliptic_envelope::{EllipticEnvelope, Scale};
pub use self::explain::Cause;
pub use self::formats::{Format, Metadata, Source};
pub use self::invalid::Invalid;
pub use self::isolation_forest::{Boundary, IsolationForest, PathLength};
pub use self::kmeans_distance::KmeansDistance;
pub use self::limits::{Exceeded, Limits};
pub use self::listing::{CatalogError, Ignored, IgnoredReason, Listing, ModelFile, Stamp};
pub use self::local_outlier_factor::{LocalOutlierFactor, Metric};
pub use self::name_template::{NameTemplate, NameTemplateError};
pub use self::network::{Network, NetworkError, Output, Precision};
pub use self::one_class_svm::{Kernel, OneClassSvm};
pub use self::panicked::{Panicked, guarded};
pub use self::pca_reconstruction::PcaReconstruction;
pub use self::preprocessing::{
    Beyond, Branch, ColumnTransformer, Distribution, Function, FunctionTransformer, MaxAbsScaler, Method, MinMaxScaler,
    MinMaxScalerParams, Missing, Pca, PcaParams, PolynomialFeatures, PolynomialFeaturesParams, PowerTransformer,
    QuantileTransformer, QuantileTransformerParams, Replacement, RobustScaler, SimpleImputer, SimpleImputerParams,
    StandardScaler, Step,
};
pub use self::proof::{Proof, ProofError, ProofProblem};
pub use self::robust_statistics::RobustStatistics;
pub use self::rows::{Columns, LabelColumn, RowReader, Rows, RowsError, of_width};
pub use self::sgd_one_class_svm::SgdOneClassSvm;
pub use self::training::{Components, TrainError, Training, TrainingMethod, train};
pub use self::warning::Warning;
use crate::verdict::{Label, ModelHash};

/// A trained model, ready to be evaluated.
#[derive(Clone, PartialEq, Debug)]
pub struct Model {
    preprocessing: Box<[Step]>,
    detector: Detector,
    metadata: Metadata,
    hash: ModelHash,
    proof: Proof,
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
    /// An ONNX file that was refused.
    #[error(transparent)]
    Onnx(#[from] formats::onnx::OnnxError),
    /// A text of LIBSVM that was refused.
    #[error(transparent)]
    Libsvm(#[from] formats::libsvm::LibsvmError),
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
    /// A file of our own format that was refused.
    #[error(transparent)]
    Own(#[from] formats::own::OwnError),
    /// Parameters that no model can be made of.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// A detector of an error, and nothing says from where on the error is an anomaly.
    #[error(
        "{detector} has no offset_, so it is not known which error is an anomaly; set it before the model is dumped, as \
         in `pca.offset_ = -numpy.quantile(errors, 0.99)`, or give it with: anomalyd model convert --offset or --calibrate"
    )]
    NoOffset {
        /// The detector.
        detector: &'static str,
    },
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
    /// It does not give the answers that are expected of it.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// A defect of ours.
    #[error(transparent)]
    Panicked(#[from] Panicked),
}

/// Why a file is not a model.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", path.display())]
pub struct LoadError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub problem: Box<ModelError>,
}

impl LoadError {
    fn new(path: &Path, problem: ModelError) -> Self {
        Self { path: path.to_owned(), problem: problem.into() }
    }
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
        let model = Self::of(bytes, limits, |bytes| formats::read(bytes, limits))?;
        match model.detector.lacks_offset() {
            true => Err(ModelError::NoOffset { detector: model.detector.name() }),
            false => Ok(model),
        }
    }

    /// As [`read`](Self::read), also a detector whose boundary was never set: it is to be given one before its labels
    /// mean anything.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_uncalibrated(bytes: &[u8], limits: &Limits) -> Result<Self, ModelError> {
        Self::of(bytes, limits, |bytes| match formats::read(bytes, limits) {
            Err(ModelError::Onnx(OnnxError::NoOffset { .. })) => {
                Ok(formats::onnx::read_with_offset(bytes, Some(0.0), limits)?)
            }
            contents => contents,
        })
    }

    fn of(
        bytes: &[u8],
        limits: &Limits,
        read: impl FnOnce(&[u8]) -> Result<formats::Contents, ModelError>,
    ) -> Result<Self, ModelError> {
        if bytes.len() > limits.file_bytes {
            return Err(ModelError::TooLarge { max: limits.file_bytes });
        }
        let formats::Contents { preprocessing, detector, metadata } = read(bytes)?;
        fit_together(&preprocessing, &detector)?;
        Ok(Self {
            preprocessing: preprocessing.into(),
            detector,
            metadata,
            hash: ModelHash(Sha256::digest(bytes).into()),
            proof: Proof::None,
        })
    }

    /// Reads a model from a file, and proves it when a file of expected answers lies beside it: `NAME.expect.csv`.
    ///
    /// # Errors
    /// As [`read`](Self::read), when the file cannot be read, and when the model does not give the answers that are
    /// expected. The error names the file.
    pub fn load(path: &Path, limits: &Limits) -> Result<Self, LoadError> {
        let model = Self::load_unproven(path, limits)?;
        let proof = model.prove(path, limits);
        let proof = proof.map_err(|problem| LoadError::new(path, problem.into()))?;
        Ok(Self { proof, ..model })
    }

    /// Reads a model from a file, to be looked at rather than put to work: it need not give the answers that are expected
    /// of it.
    ///
    /// # Errors
    /// As [`read`](Self::read), and when the file cannot be read. The error names the file.
    pub fn load_unproven(path: &Path, limits: &Limits) -> Result<Self, LoadError> {
        read_bounded(path, limits)
            .and_then(|bytes| Self::read(&bytes, limits))
            .map_err(|problem| LoadError::new(path, problem))
    }

    /// Reads a model from a file, also one whose boundary was never set.
    ///
    /// # Errors
    /// As [`read_uncalibrated`](Self::read_uncalibrated), and when the file cannot be read. The error names the file.
    pub fn load_uncalibrated(path: &Path, limits: &Limits) -> Result<Self, LoadError> {
        read_bounded(path, limits)
            .and_then(|bytes| Self::read_uncalibrated(&bytes, limits))
            .map_err(|problem| LoadError::new(path, problem))
    }

    /// Holds the model against the file of expected answers beside its own, if there is one.
    ///
    /// # Errors
    /// When that file cannot be used, or the model does not give those answers.
    pub fn prove(&self, path: &Path, limits: &Limits) -> Result<Proof, ProofError> {
        proof::prove(self, path, limits)
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

    /// Whether it gave the answers that were expected of it when it was loaded.
    pub fn proof(&self) -> Proof {
        self.proof
    }

    /// How strange a row of this decision value is, from 0 to 1; see [`score`](crate::verdict::score).
    pub fn score(&self, decision: f64) -> f64 {
        crate::verdict::score(decision, self.detector.unit())
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
        let prepared =
            self.preprocessing.iter().fold(CowArray::from(rows), |rows, step| step.apply(rows.into_owned()).into());
        // An infinity is infinitely far from every support vector and would get a decision value as if all were well.
        if !all_finite(prepared.view()) {
            return Err(match first_not_finite(rows) {
                Some((row, feature)) => EvaluateError::Row { row, feature, value: rows[[row, feature]] },
                None => {
                    let (row, feature) = first_not_finite(prepared.view()).unwrap_or_default();
                    EvaluateError::Preprocessed { row, feature, value: prepared[[row, feature]] }
                }
            });
        }
        let decisions = self.detector.decide(prepared.view());
        if let Some((row, decision)) = decisions.iter().enumerate().find(|(_, decision)| !decision.is_finite()) {
            return Err(EvaluateError::Decision { row, decision: *decision });
        }
        let evaluation = |decision| Evaluation { label: self.detector.label(decision), decision };
        Ok(decisions.into_iter().map(evaluation).collect())
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

/// Whether there is neither NaN nor an infinity, without a branch a number where they lie in a row.
fn all_finite(rows: ArrayView2<'_, f64>) -> bool {
    match rows.as_slice() {
        Some(numbers) => numbers.iter().fold(true, |all, x| all & x.is_finite()),
        None => rows.iter().all(|x| x.is_finite()),
    }
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
