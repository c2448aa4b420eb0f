//! Models: read from files as data, evaluated over all rows of a window at once.
//!
//! A file's bytes become a [`Model`] through one of the [`formats`]: steps of preprocessing, then a detector.
//! Reading is bounded by [`Limits`] and executes nothing of a file; evaluating is a pure function of model and rows.
#![expect(
    clippy::needless_pass_by_value,
    reason = "a view of an array is a reference, and its users have it as a value"
)]

mod autoencoder;
mod behind;
mod boundary;
mod calibration;
mod catalog;
mod changes;
mod compare;
mod component_distance;
mod cost;
mod data_file;
mod decimal;
mod dense;
mod detector;
mod drift;
mod elliptic_envelope;
mod error;
mod explain;
mod fingerprint;
pub mod formats;
mod gaussian_mixture;
mod invalid;
mod isolation_forest;
mod kmeans_distance;
mod limits;
mod listing;
mod load;
mod local_outlier_factor;
mod model_folder;
mod name_template;
mod name_templates;
mod neighbour_distance;
mod neighbours;
mod network;
mod one_class_svm;
mod operations;
mod panicked;
mod pca_reconstruction;
mod preprocessing;
mod proof;
mod regular_file;
mod robust_statistics;
mod rounding;
mod rows;
mod sgd_one_class_svm;
mod standardised;
mod survey;
mod training;
mod usual;
mod vectors;
mod warning;

use std::path::Path;

use ndarray::{ArrayView2, Axis, CowArray};

pub use self::autoencoder::Autoencoder;
pub use self::behind::{BehindError, hash_of_parts};
pub use self::calibration::{CalibrateError, Contamination, ContaminationError};
pub use self::catalog::{Catalog, Entry, EntryError};
pub use self::changes::{Changes, Due};
pub use self::compare::{Comparison, Disagreement, Tolerance, ToleranceError};
pub use self::component_distance::ComponentDistance;
pub use self::detector::Detector;
pub use self::drift::{Drift, Moved};
pub use self::elliptic_envelope::{EllipticEnvelope, Scale};
pub use self::error::{EvaluateError, LoadError, ModelError};
pub use self::explain::Cause;
pub use self::fingerprint::Fingerprint;
pub use self::formats::{Format, Metadata, Source};
pub use self::gaussian_mixture::{Covariance, GaussianMixture};
pub use self::invalid::Invalid;
pub use self::isolation_forest::{ForestBoundary, IsolationForest, MissingNumbers, PathLength};
pub use self::kmeans_distance::KmeansDistance;
pub use self::limits::{Exceeded, Limits};
pub use self::listing::{CatalogError, Ignored, IgnoredReason, Listing, ModelFile, ScalerFile, ScalersAlone};
pub use self::load::parts;
pub use self::local_outlier_factor::LocalOutlierFactor;
pub use self::model_folder::FolderLinks;
pub use self::name_template::{NameTemplate, NameTemplateError};
pub use self::name_templates::{NameTemplates, SameNames};
pub use self::neighbour_distance::{NeighbourDistance, Of};
pub use self::neighbours::Metric;
pub use self::network::{Anomalous, Interval, Network, NetworkError, Output};
pub use self::one_class_svm::{Kernel, OneClassSvm};
pub use self::panicked::{Panicked, guarded};
pub use self::pca_reconstruction::PcaReconstruction;
pub use self::preprocessing::{
    Beyond, Branch, ColumnTransformer, Distribution, Function, FunctionTransformer, Likeness, MaxAbsScaler, Method,
    MinMaxScaler, MinMaxScalerParams, MissingMarker, Nystroem, NystroemParams, Pca, PcaParams, PolynomialFeatures,
    PolynomialFeaturesParams, PowerTransformer, QuantileTransformer, QuantileTransformerParams, Replacement,
    RobustScaler, SimpleImputer, SimpleImputerParams, StandardScaler, Step, VarianceThreshold,
};
pub use self::proof::{Proof, ProofError, ProofProblem};
pub use self::robust_statistics::RobustStatistics;
pub use self::rows::{AnsweredRows, Columns, LabelColumn, RowReader, RowsError, of_width};
pub use self::sgd_one_class_svm::SgdOneClassSvm;
use self::standardised::Standardised;
pub use self::standardised::Unscaled;
pub use self::survey::Survey;
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
    /// The signs that the training rows were standardised, if no step standardises rows.
    standardised: Option<Box<Standardised>>,
}

/// A model's answer for one row.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Evaluation {
    /// The label, ties decided as the library decides them.
    pub label: Label,
    /// The decision value, as the library's `decision_function` gives it. Finite.
    pub decision: f64,
}

impl Model {
    /// Checks the model against the file of expected answers beside its own, if there is one.
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

    /// About how many operations scoring a row takes; one takes about a nanosecond on a core of a desktop.
    pub fn operations_per_row(&self) -> usize {
        cost::of(&self.preprocessing, &self.detector)
    }

    /// About how many bytes of memory the model takes.
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

    /// The steps that a row goes through before the detector, in order.
    pub fn preprocessing(&self) -> &[Step] {
        &self.preprocessing
    }

    /// The detector.
    pub fn detector(&self) -> &Detector {
        &self.detector
    }

    /// This model, which gave the expected answers when it was read before, or was not asked for any.
    #[must_use]
    pub fn with_proof(self, proof: Proof) -> Self {
        Self { proof, ..self }
    }

    /// Whether the model gave the expected answers when it was loaded.
    pub fn proof(&self) -> Proof {
        self.proof
    }

    /// The score of a decision value: how unusual the row is, from 0 to 1. See [`score`](crate::verdict::score).
    pub fn score(&self, decision: f64) -> f64 {
        crate::verdict::score(decision, self.detector.unit())
    }

    /// The usual range of each feature in the training rows, lowest and highest, in the order of the features; `None` when
    /// the model does not know it.
    pub fn usual_ranges(&self) -> Option<Vec<(f64, f64)>> {
        usual::Usual::of(self)?.ranges
    }

    /// What is odd about the model, although it can be evaluated.
    pub fn warnings(&self) -> Vec<Warning> {
        Warning::of(self)
    }

    /// Evaluates rows, each by itself: an answer is the same to the last bit whatever the other rows are.
    ///
    /// # Errors
    /// When the rows have another width, or a row holds or leads to an infinity, or to NaN when the detector does not
    /// answer NaN. The error names the row.
    pub fn evaluate(&self, rows: ArrayView2<'_, f64>) -> Result<Vec<Evaluation>, EvaluateError> {
        let width = self.width();
        if rows.ncols() != width {
            return Err(EvaluateError::Width { found: rows.ncols(), expected: width });
        }
        // A step may make tens of thousands of features of one, and there may be a million rows, so only some are
        // evaluated at a time.
        let widest = self.preprocessing.iter().map(Step::widest).fold(width, usize::max);
        let block_rows = (BLOCK_ELEMENTS / widest.max(1)).max(1);
        let mut evaluations = Vec::with_capacity(rows.nrows());
        for block in rows.axis_chunks_iter(Axis(0), block_rows) {
            let before = evaluations.len();
            evaluations.extend(self.evaluate_block(block).map_err(|error| error.behind(before))?);
        }
        Ok(evaluations)
    }

    fn evaluate_block(&self, rows: ArrayView2<'_, f64>) -> Result<impl Iterator<Item = Evaluation>, EvaluateError> {
        let prepared =
            self.preprocessing.iter().fold(CowArray::from(rows), |rows, step| step.apply(rows.into_owned()).into());
        // An infinity is refused: it is infinitely far from every support vector, and would get a decision value like
        // any row.
        let missing = self.detector.missing();
        // An infinity is no missing number either, although a function may turn it into NaN.
        let infinite = (missing == MissingNumbers::Answered).then(|| first_refused(rows, missing)).flatten();
        if let Some((row, feature)) = infinite {
            return Err(EvaluateError::Row { row, feature, value: rows[[row, feature]] });
        }
        if let Some((row, feature)) = first_refused(prepared.view(), missing) {
            return Err(match rows.row(row).iter().position(|x| !x.is_finite()) {
                Some(feature) => EvaluateError::Row { row, feature, value: rows[[row, feature]] },
                None => EvaluateError::Preprocessed { row, feature, value: prepared[[row, feature]] },
            });
        }
        let decisions = self.detector.decide(prepared.view());
        if let Some((row, decision)) = decisions.iter().enumerate().find(|(_, decision)| !decision.is_finite()) {
            return Err(EvaluateError::Decision { row, decision: *decision });
        }
        let evaluation = |decision| Evaluation { label: self.detector.label(decision), decision };
        Ok(decisions.into_iter().map(evaluation))
    }
}

/// About how many numbers of rows are in memory at a time: 8 MiB.
const BLOCK_ELEMENTS: usize = 1 << 20;

/// The first infinity; also the first NaN when NaN is refused.
fn first_refused(rows: ArrayView2<'_, f64>, missing: MissingNumbers) -> Option<(usize, usize)> {
    let answered = missing == MissingNumbers::Answered;
    let accepted = |x: &f64| x.is_finite() | (answered & x.is_nan());
    // Without a branch a number when the rows are contiguous.
    let all_accepted = rows.as_slice().is_some_and(|numbers| numbers.iter().fold(true, |all, x| all & accepted(x)));
    if all_accepted {
        return None;
    }
    rows.indexed_iter().find(|(_, x)| !accepted(x)).map(|(place, _)| place)
}
