//! scikit-learn's estimators, as its pickles hold them, from version 0.19 on.
//!
//! Only attributes that `fit` sets are read, and each is checked before it is used: what comes out of here can be
//! evaluated. Modules moved at 0.22 (`sklearn.svm.classes` became `sklearn.svm._classes`, `sklearn.preprocessing.data`
//! became `_data`), so an estimator is told by its package and class.

mod autoencoder;
mod bundle;
mod column_transformer;
mod columns;
mod elliptic_envelope;
mod error;
mod estimator;
mod function_transformer;
mod gaussian_mixture;
mod isolation_forest;
mod kmeans_distance;
mod local_outlier_factor;
mod max_abs_scaler;
mod min_max_scaler;
mod nystroem;
mod offset;
mod one_class_svm;
mod pca;
mod pca_reconstruction;
mod polynomial_features;
mod power_transformer;
mod pyod;
mod quantile_transformer;
mod robust_scaler;
mod sgd_one_class_svm;
mod simple_imputer;
mod standard_scaler;
mod variance_threshold;
mod walk;

pub use error::SklearnError;

use bundle::Bundle;
use estimator::Estimator;
use walk::{Link, Walk};

use super::pickle::{Graph, Node};
use super::printable::printable;
use super::{Contents, Metadata, Transformer};
use crate::model::Limits;
use crate::model::detector::Detector;
use crate::model::preprocessing::Step;

/// The detectors that [`detector`] reads, for error messages.
const DETECTORS: &[&str] = &[
    "EllipticEnvelope",
    "IsolationForest",
    "LocalOutlierFactor with novelty=True",
    "OneClassSVM",
    "SGDOneClassSVM",
    "PCA with offset_",
    "KMeans with offset_",
    "MiniBatchKMeans with offset_",
    "MLPRegressor with offset_",
    "GaussianMixture with offset_",
    "IForest of pyod",
    "OCSVM of pyod",
    "LOF of pyod",
    "PCA of pyod",
    "KNN of pyod",
];

/// What [`step`] reads, for error messages.
const STEPS: &[&str] = &[
    "StandardScaler",
    "MinMaxScaler",
    "MaxAbsScaler",
    "RobustScaler",
    "PowerTransformer",
    "QuantileTransformer",
    "PCA",
    "SimpleImputer",
    "PolynomialFeatures",
    "ColumnTransformer",
    "FeatureUnion",
    "Nystroem",
    "VarianceThreshold",
    "FunctionTransformer of numpy's log1p, log, sqrt or abs",
    "passthrough",
];

/// What can be read, for error messages.
fn supported() -> String {
    format!(
        "{}, alone, found by a search (best_estimator_), or at the end of a Pipeline, behind {}",
        DETECTORS.join(", "),
        STEPS.join(", ")
    )
}

/// Reads an estimator, a pipeline of transformers with a detector at its end, or both side by side.
pub(super) fn read(graph: &Graph<'_>, limits: &Limits) -> Result<Contents, SklearnError> {
    let mut walk = Walk::new(limits);
    let bundle = Bundle::of(graph.root(), &mut walk)?;
    let Some(last) = bundle.detector()? else { return Err(no_detector(&bundle, &mut walk)) };
    let detector = detector(last)?;
    last.counted(detector.name(), "n_features_in_", detector.width(), "features")?;
    let (chain, first) = bundle.before(Some(detector.width()), &mut walk)?;
    let preprocessing = chain.steps(None, Some(detector.width()))?;
    let first = first.unwrap_or(last);
    let width = preprocessing.first().map_or(detector.width(), Step::width);
    let metadata = Metadata {
        format: graph.format(),
        library: last.library().to_owned(),
        library_version: last.version().or_else(|| Estimator::of(graph.root())?.version()),
        training_rows: training_rows(last).or(walk.training_rows()),
        columns: columns(first, bundle.columns(), width)?,
        threshold: bundle.threshold(),
        source: None,
        notes: walk.into_notes(),
    };
    Ok(Contents { preprocessing, detector, metadata })
}

/// Reads what stands before a detector that is in a file of its own, and takes rows of `then` features.
pub(super) fn read_transformer(graph: &Graph<'_>, then: usize, limits: &Limits) -> Result<Transformer, SklearnError> {
    let mut walk = Walk::new(limits);
    let bundle = Bundle::of(graph.root(), &mut walk)?;
    let (chain, first) = bundle.transformers(then, &mut walk)?;
    let steps = chain.steps(None, Some(then))?;
    let first = first.ok_or_else(|| SklearnError::NotAnEstimator { found: bundle.contents() })?;
    let columns = columns(first, bundle.columns(), steps.first().map_or(then, Step::width))?;
    Ok(Transformer { steps, columns, training_rows: walk.training_rows(), notes: walk.into_notes() })
}

/// Why a file without a detector is no model: it holds something else, or what would stand before one.
fn no_detector(bundle: &Bundle<'_, '_>, walk: &mut Walk) -> SklearnError {
    match bundle.before(None, walk) {
        Ok((_, None)) => SklearnError::NotAnEstimator { found: bundle.contents() },
        Ok(_) => SklearnError::NoDetector { found: bundle.contents() },
        Err(error) => error,
    }
}

fn estimator_of<'g, 'a>(node: Node<'g, 'a>) -> Result<Estimator<'g, 'a>, SklearnError> {
    match node.class() {
        Some(class) if class.module == "pandas" || class.module.starts_with("pandas.") => {
            Err(SklearnError::NotAnEstimator { found: format!("a {} of pandas, which is data", printable(class.name)) })
        }
        _ => Estimator::of(node).ok_or_else(|| SklearnError::NotAnEstimator { found: node.kind().to_owned() }),
    }
}

/// What the features are called that go into the first estimator: as it was fitted to them, or as is said beside it.
fn columns(
    first: Estimator<'_, '_>,
    listed: Option<&[String]>,
    width: usize,
) -> Result<Option<Vec<String>>, SklearnError> {
    let fitted = first.feature_names().filter(|names| names.len() == width);
    let fitted = fitted.map(|names| names.iter().map(|name| printable(name)).collect::<Vec<_>>());
    let Some(listed) = listed else { return Ok(fitted) };
    if listed.len() == width && fitted.as_ref().is_none_or(|fitted| fitted == listed) {
        return Ok(Some(listed.to_vec()));
    }
    Err(SklearnError::Columns {
        listed: printable(&listed.join(", ")),
        class: first.class_name(),
        expected: fitted.map_or_else(|| format!("{width} columns"), |fitted| printable(&fitted.join(", "))),
    })
}

/// Reads what stands at the end of a pipeline.
fn detector(estimator: Estimator<'_, '_>) -> Result<Detector, SklearnError> {
    match reader(estimator) {
        Some(read) => read(estimator),
        None => Err(estimator.no_detector()),
    }
}

/// Whether an estimator can stand at the end of a pipeline.
fn is_detector(estimator: Estimator<'_, '_>) -> bool {
    reader(estimator).is_some()
}

type Reader = fn(Estimator<'_, '_>) -> Result<Detector, SklearnError>;

/// What reads a detector of this class.
fn reader(estimator: Estimator<'_, '_>) -> Option<Reader> {
    Some(match estimator.path() {
        ("sklearn.cluster", "KMeans" | "MiniBatchKMeans") => {
            |estimator| kmeans_distance::read(estimator).map(Detector::KmeansDistance)
        }
        ("sklearn.decomposition", "PCA") => {
            |estimator| pca_reconstruction::read(estimator).map(Detector::PcaReconstruction)
        }
        ("sklearn.neural_network", "MLPRegressor") => {
            |estimator| autoencoder::read(estimator).map(Detector::Autoencoder)
        }
        ("sklearn.covariance", "EllipticEnvelope") => {
            |estimator| elliptic_envelope::read(estimator).map(Detector::EllipticEnvelope)
        }
        ("sklearn.ensemble", "IsolationForest") => {
            |estimator| isolation_forest::read(estimator).map(Detector::IsolationForest)
        }
        ("sklearn.neighbors", "LocalOutlierFactor") => {
            |estimator| local_outlier_factor::read(estimator).map(Detector::LocalOutlierFactor)
        }
        ("sklearn.linear_model", "SGDOneClassSVM") => {
            |estimator| sgd_one_class_svm::read(estimator).map(Detector::SgdOneClassSvm)
        }
        ("sklearn.mixture", "GaussianMixture") => {
            |estimator| gaussian_mixture::read(estimator).map(Detector::GaussianMixture)
        }
        ("sklearn.svm", "OneClassSVM") => |estimator| one_class_svm::read(estimator).map(Detector::OneClassSvm),
        (pyod::PACKAGE, _) => pyod::read,
        _ => return None,
    })
}

/// How many rows a detector was fitted to.
fn training_rows(estimator: Estimator<'_, '_>) -> Option<u64> {
    match estimator.path() {
        ("sklearn.decomposition", "PCA") => pca_reconstruction::training_rows(estimator),
        ("sklearn.covariance", "EllipticEnvelope") => elliptic_envelope::training_rows(estimator),
        ("sklearn.ensemble", "IsolationForest") => isolation_forest::training_rows(estimator),
        ("sklearn.neighbors", "LocalOutlierFactor") => local_outlier_factor::training_rows(estimator),
        (pyod::PACKAGE, _) => pyod::training_rows(estimator),
        _ => one_class_svm::training_rows(estimator),
    }
}

/// Reads what stands before it, for rows of `width` features, if that is known. `None` for what does nothing.
fn step(estimator: Estimator<'_, '_>, width: Option<usize>, walk: &mut Walk) -> Result<Option<Link>, SklearnError> {
    let step = match estimator.path() {
        ("sklearn.preprocessing", "StandardScaler") => Step::StandardScaler(standard_scaler::read(estimator)?),
        ("sklearn.preprocessing", "MinMaxScaler") => Step::MinMaxScaler(min_max_scaler::read(estimator)?),
        ("sklearn.preprocessing", "MaxAbsScaler") => Step::MaxAbsScaler(max_abs_scaler::read(estimator)?),
        ("sklearn.preprocessing", "RobustScaler") => Step::RobustScaler(robust_scaler::read(estimator)?),
        ("sklearn.preprocessing", "PowerTransformer") => Step::PowerTransformer(power_transformer::read(estimator)?),
        ("sklearn.preprocessing", "QuantileTransformer") => {
            Step::QuantileTransformer(quantile_transformer::read(estimator)?)
        }
        ("sklearn.decomposition", "PCA") => {
            let projection = pca::read(estimator)?;
            walk.note(pca::note(estimator, &projection));
            Step::Pca(projection)
        }
        ("sklearn.impute", "SimpleImputer") | ("sklearn.preprocessing", "Imputer") => {
            Step::SimpleImputer(simple_imputer::read(estimator)?)
        }
        ("sklearn.preprocessing", "PolynomialFeatures") => {
            Step::PolynomialFeatures(polynomial_features::read(estimator)?)
        }
        ("sklearn.kernel_approximation", "Nystroem") => Step::Nystroem(nystroem::read(estimator)?),
        ("sklearn.feature_selection", "VarianceThreshold") => {
            Step::VarianceThreshold(variance_threshold::read(estimator)?)
        }
        ("sklearn.compose", "ColumnTransformer") => Step::ColumnTransformer(column_transformer::read(estimator, walk)?),
        ("sklearn.pipeline", "FeatureUnion") => {
            Step::ColumnTransformer(column_transformer::read_union(estimator, width, walk)?)
        }
        ("sklearn.preprocessing", "FunctionTransformer") => {
            return Ok(function_transformer::read(estimator)?.map(Link::Function));
        }
        _ => return Err(estimator.no_detector()),
    };
    estimator.counted(step.name(), "n_features_in_", step.width(), "features")?;
    Ok(Some(Link::Step(step)))
}

#[cfg(test)]
mod tests;
