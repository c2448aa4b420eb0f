//! scikit-learn's estimators, as its pickles hold them, from version 0.19 on.
//!
//! Only attributes that `fit` sets are read, and each is checked before it is used: what comes out of here can be
//! evaluated. Modules moved at 0.22 (`sklearn.svm.classes` became `sklearn.svm._classes`, `sklearn.preprocessing.data`
//! became `_data`), so an estimator is told by its package and class.

mod autoencoder;
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

use estimator::Estimator;
use walk::{Link, Walk};

use super::pickle::{Graph, Node};
use super::printable::printable;
use super::{Contents, Metadata};
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

/// Reads an estimator, or a pipeline of transformers with a detector at its end.
pub(super) fn read(graph: &Graph<'_>, limits: &Limits) -> Result<Contents, SklearnError> {
    let root = estimator_of(graph.root())?;
    let mut walk = Walk::new(limits);
    let estimators = walk.flatten(graph.root())?;
    let Some((last, transformers)) = estimators.split_last() else {
        return Err(SklearnError::NotAnEstimator { found: "a Pipeline without steps".to_owned() });
    };
    let detector = detector(*last)?;
    last.counted(detector.name(), "n_features_in_", detector.width(), "features")?;
    let preprocessing = walk.chain(transformers, None)?.steps(None, Some(detector.width()))?;
    let width = preprocessing.first().map_or(detector.width(), Step::width);
    let metadata = Metadata {
        format: graph.format(),
        library: last.library().to_owned(),
        library_version: last.version().or_else(|| root.version()),
        training_rows: training_rows(*last).or(walk.training_rows()),
        columns: columns(estimators.first().copied(), width),
        source: None,
        notes: walk.into_notes(),
    };
    Ok(Contents { preprocessing, detector, metadata })
}

fn estimator_of<'g, 'a>(node: Node<'g, 'a>) -> Result<Estimator<'g, 'a>, SklearnError> {
    match node.class() {
        Some(class) if class.module == "pandas" || class.module.starts_with("pandas.") => {
            Err(SklearnError::NotAnEstimator { found: format!("a {} of pandas, which is data", printable(class.name)) })
        }
        _ => Estimator::of(node).ok_or_else(|| SklearnError::NotAnEstimator { found: node.kind().to_owned() }),
    }
}

/// What the features were called that go into the first estimator.
fn columns(first: Option<Estimator<'_, '_>>, width: usize) -> Option<Vec<String>> {
    let names = first?.feature_names()?;
    (names.len() == width).then(|| names.iter().map(|name| printable(name)).collect())
}

/// Reads what stands at the end of a pipeline.
fn detector(estimator: Estimator<'_, '_>) -> Result<Detector, SklearnError> {
    match estimator.path() {
        ("sklearn.cluster", "KMeans" | "MiniBatchKMeans") => {
            kmeans_distance::read(estimator).map(Detector::KmeansDistance)
        }
        ("sklearn.decomposition", "PCA") => pca_reconstruction::read(estimator).map(Detector::PcaReconstruction),
        ("sklearn.neural_network", "MLPRegressor") => autoencoder::read(estimator).map(Detector::Autoencoder),
        ("sklearn.covariance", "EllipticEnvelope") => {
            elliptic_envelope::read(estimator).map(Detector::EllipticEnvelope)
        }
        ("sklearn.ensemble", "IsolationForest") => isolation_forest::read(estimator).map(Detector::IsolationForest),
        ("sklearn.neighbors", "LocalOutlierFactor") => {
            local_outlier_factor::read(estimator).map(Detector::LocalOutlierFactor)
        }
        ("sklearn.linear_model", "SGDOneClassSVM") => sgd_one_class_svm::read(estimator).map(Detector::SgdOneClassSvm),
        ("sklearn.mixture", "GaussianMixture") => gaussian_mixture::read(estimator).map(Detector::GaussianMixture),
        ("sklearn.svm", "OneClassSVM") => one_class_svm::read(estimator).map(Detector::OneClassSvm),
        (pyod::PACKAGE, _) => pyod::read(estimator),
        _ => Err(estimator.no_detector()),
    }
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
        _ => return Err(estimator.unsupported()),
    };
    estimator.counted(step.name(), "n_features_in_", step.width(), "features")?;
    Ok(Some(Link::Step(step)))
}

#[cfg(test)]
mod tests;
