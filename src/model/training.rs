//! Training on the gateway's own history, without Python: from rows to a model.
//!
//! All input is checked before smartcore gets it, and smartcore's panics are caught: it panics on NaN, on constant
//! columns and on singular matrices. Training is deterministic: the same rows, method and seed give the same bytes.

use ndarray::{Array2, ArrayView2, Axis};
use smartcore::error::Failed;

use super::calibration::{CalibrateError, Contamination};
use super::detector::Detector;
use super::formats::own::VERSION;
use super::formats::printable::printable;
use super::preprocessing::{StandardScaler, Step};
use super::{Format, Invalid, KmeansDistance, Metadata, Model, PcaReconstruction, Proof, RobustStatistics};
use super::{kmeans_distance, pca_reconstruction, robust_statistics};
use crate::telemetry::panics;
use crate::verdict::ModelHash;

/// The detector to train, and its settings.
#[derive(Clone, PartialEq, Debug)]
pub struct Training {
    /// The detector.
    pub method: TrainingMethod,
    /// The share of the rows that should be anomalies.
    pub contamination: Contamination,
    /// The names of the columns.
    pub columns: Vec<String>,
}

/// A detector that can be trained here.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum TrainingMethod {
    /// Reconstruction error of a principal component analysis of standardised rows.
    Pca {
        /// How many components are kept.
        components: Components,
    },
    /// Distance to the nearest centre of k-means, behind standardisation.
    Kmeans {
        /// How many centres there are, at least 2.
        clusters: usize,
        /// The seed of the random choice of the first centres.
        seed: u64,
    },
    /// Median and median absolute deviation of each feature.
    Mad,
    /// Quantiles of each feature: the range of all values but the share of anomalies.
    Quantiles,
}

/// How many components are kept: at most one less than there are features.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Components {
    /// So many.
    Number(usize),
    /// As few as hold this share of the variance.
    Share(f64),
}

/// Why a model cannot be trained on rows.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// Not enough rows.
    #[error("{found} rows are too few to train on; at least {needed} are needed")]
    TooFewRows {
        /// How many there are.
        found: usize,
        /// How many there must be.
        needed: usize,
    },
    /// NaN or an infinity.
    #[error("row {row} holds {value} in column {column}; leave such rows out")]
    NotFinite {
        /// The row, counted from zero.
        row: usize,
        /// The column.
        column: String,
        /// The value.
        value: f64,
    },
    /// A column that never changes.
    #[error("column {column} is the same in all rows, so nothing can be learnt from it; leave it out with --features")]
    Constant {
        /// The column.
        column: String,
    },
    /// A column whose median absolute deviation is 0.
    #[error(
        "more than half of the rows hold the same number in column {column}, so its deviation is 0; use --rule quantile"
    )]
    NoDeviation {
        /// The column.
        column: String,
    },
    /// Components of a single feature.
    #[error(
        "a principal component analysis needs at least two columns: with one nothing is left to be an error; use robust"
    )]
    OneFeature,
    /// Another number of components than there can be.
    #[error("{found} components of {width} columns; keep at least 1 and at most {}", width - 1)]
    Components {
        /// How many were asked for.
        found: usize,
        /// How many features there are.
        width: usize,
    },
    /// Another number of clusters than there can be.
    #[error("{found} clusters of {distinct} different rows; ask for at least 2 and at most {distinct}")]
    Clusters {
        /// How many were asked for.
        found: usize,
        /// How many different rows there are.
        distinct: usize,
    },
    /// smartcore gave up.
    #[error("{what} cannot be fitted to these rows: {problem}")]
    Library {
        /// The step or detector that was being trained.
        what: &'static str,
        /// Why not.
        problem: String,
    },
    /// The fitted parameters make no detector.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The boundary cannot be set.
    #[error(transparent)]
    Calibrate(#[from] CalibrateError),
}

/// Trains a model on rows, whose columns the training names.
///
/// # Errors
/// When the rows are too few or not finite, or a column allows no training. The error names the column.
pub fn train(rows: ArrayView2<'_, f64>, training: &Training) -> Result<Model, TrainError> {
    let Training { method, contamination, columns } = training;
    check(rows, columns)?;
    let (preprocessing, detector, library) = match *method {
        TrainingMethod::Pca { components } => {
            let (scaler, rows) = standardised(rows)?;
            let params = pca_reconstruction::train(&rows, components)?;
            (vec![scaler], Detector::PcaReconstruction(PcaReconstruction::new(params)?), SMARTCORE)
        }
        TrainingMethod::Kmeans { clusters, seed } => {
            let (scaler, rows) = standardised(rows)?;
            let params = kmeans_distance::train(&rows, clusters, seed)?;
            (vec![scaler], Detector::KmeansDistance(KmeansDistance::new(params)?), SMARTCORE)
        }
        TrainingMethod::Mad => {
            let params = robust_statistics::deviations(rows, columns)?;
            (vec![], Detector::RobustStatistics(RobustStatistics::new(params)?), OURS)
        }
        TrainingMethod::Quantiles => {
            let params = robust_statistics::quantiles(rows, contamination.share());
            (vec![], Detector::RobustStatistics(RobustStatistics::new(params)?), OURS)
        }
    };
    let metadata = Metadata {
        format: Format::Own { version: VERSION },
        library: library.0.to_owned(),
        library_version: Some(library.1.to_owned()),
        training_rows: u64::try_from(rows.nrows()).ok(),
        columns: Some(columns.iter().map(|name| printable(name)).collect()),
        threshold: None,
        source: None,
        notes: Vec::new(),
    };
    let model = Model {
        preprocessing: preprocessing.into(),
        detector,
        metadata,
        hash: ModelHash([0; 32]),
        proof: Proof::None,
        standardised: None,
    };
    Ok(model.calibrated(rows, *contamination)?)
}

/// The library that trained the model, and its version.
const SMARTCORE: (&str, &str) = ("smartcore", "0.7");
const OURS: (&str, &str) = ("anomalyd", env!("CARGO_PKG_VERSION"));

/// Refuses rows on which no detector can be trained.
fn check(rows: ArrayView2<'_, f64>, columns: &[String]) -> Result<(), TrainError> {
    /// A boundary set from fewer rows is arbitrary.
    const FEWEST_ROWS: usize = 10;
    let needed = FEWEST_ROWS.max(rows.ncols() + 1);
    if rows.nrows() < needed {
        return Err(TrainError::TooFewRows { found: rows.nrows(), needed });
    }
    if let Some(((row, column), value)) = rows.indexed_iter().find(|(_, x)| !x.is_finite()) {
        return Err(TrainError::NotFinite { row, column: name(columns, column), value: *value });
    }
    let constant = |column: ndarray::ArrayView1<'_, f64>| {
        let first = column.first().copied().unwrap_or_default();
        column.iter().all(|x| x.total_cmp(&first).is_eq())
    };
    match rows.axis_iter(Axis(1)).position(constant) {
        Some(column) => Err(TrainError::Constant { column: name(columns, column) }),
        None => Ok(()),
    }
}

/// The name of a column, counted from zero.
pub(super) fn name(columns: &[String], column: usize) -> String {
    columns.get(column).cloned().unwrap_or_else(|| format!("x{column}"))
}

/// scikit-learn's `StandardScaler`, fitted to rows, and the rows scaled with it.
fn standardised(rows: ArrayView2<'_, f64>) -> Result<(Step, Array2<f64>), TrainError> {
    let mean = rows.mean_axis(Axis(0)).map(|mean| mean.to_vec());
    let scaler = StandardScaler::new(rows.ncols(), mean, Some(rows.std_axis(Axis(0), 0.0).to_vec()))?;
    let step = Step::StandardScaler(scaler);
    let scaled = step.apply(rows.to_owned());
    Ok((step, scaled))
}

/// The result of a call of smartcore; its panics become errors.
pub(super) fn guarded<T>(what: &'static str, fit: impl FnOnce() -> Result<T, Failed>) -> Result<T, TrainError> {
    let failed = |problem: String| TrainError::Library { what, problem };
    panics::catch(fit)
        .map_err(|_| failed("its arithmetic broke down on them".to_owned()))?
        .map_err(|error| failed(error.to_string()))
}
