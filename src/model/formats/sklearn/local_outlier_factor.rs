//! `sklearn.neighbors.LocalOutlierFactor`.

use super::SklearnError;
use super::estimator::Estimator;
use crate::model::formats::pickle::{Node, printable};
use crate::model::local_outlier_factor::{LocalOutlierFactor, Metric, Params};

const CLASS: &str = "LocalOutlierFactor";

/// Reads a detector that was fitted for new rows.
pub(super) fn read(estimator: Estimator<'_, '_>) -> Result<LocalOutlierFactor, SklearnError> {
    // Before 0.20 there was no such setting: it judged its own training rows only.
    if estimator.attribute("novelty").and_then(Node::bool) != Some(true) {
        return Err(setting(estimator, "novelty", "False".to_owned(), "True, from scikit-learn 0.20 on"));
    }
    let rows = estimator.matrix(CLASS, "_fit_X")?;
    let neighbours = estimator.count(CLASS, "n_neighbors_")?;
    let distances = estimator.matrix(CLASS, "_distances_fit_X_")?;
    // The column of the last neighbour that counts.
    let reach = neighbours
        .checked_sub(1)
        .filter(|last| *last < distances.columns)
        .map(|last| distances.numbers.iter().skip(last).step_by(distances.columns).copied().collect::<Vec<_>>());
    Ok(LocalOutlierFactor::new(&Params {
        width: rows.columns,
        rows: rows.numbers,
        neighbours,
        reach: reach.unwrap_or_default(),
        densities: estimator.row(CLASS, "_lrd")?,
        offset: estimator.number(CLASS, "offset_")?,
        metric: metric(estimator)?,
    })?)
}

/// How many rows it was fitted to.
pub(super) fn training_rows(estimator: Estimator<'_, '_>) -> Option<u64> {
    match estimator.attribute("n_samples_fit_").and_then(Node::int) {
        Some(rows) => u64::try_from(rows).ok(),
        None => u64::try_from(estimator.matrix(CLASS, "_fit_X").ok()?.rows).ok(),
    }
}

fn metric(estimator: Estimator<'_, '_>) -> Result<Metric, SklearnError> {
    const SUPPORTED: &str = "euclidean, manhattan, chebyshev or minkowski, without metric_params";
    if let Some(params) = estimator.attribute("metric_params").filter(|params| !params.is_none()) {
        return Err(setting(estimator, "metric_params", params.kind().to_owned(), SUPPORTED));
    }
    // The metric that was put to use: minkowski with p = 2 is kept as euclidean.
    let metric = estimator.required(CLASS, "effective_metric_")?;
    Ok(match metric.text() {
        Some("euclidean" | "l2") => Metric::Euclidean,
        Some("manhattan" | "cityblock" | "l1") => Metric::Manhattan,
        Some("chebyshev" | "infinity") => Metric::Chebyshev,
        Some("minkowski" | "p") => Metric::Minkowski { p: estimator.number(CLASS, "p")? },
        other => {
            let value = printable(other.unwrap_or(metric.kind()));
            return Err(setting(estimator, "metric", value, SUPPORTED));
        }
    })
}

fn setting(
    estimator: Estimator<'_, '_>,
    setting: &'static str,
    value: String,
    supported: &'static str,
) -> SklearnError {
    SklearnError::Setting { class: CLASS, version: estimator.origin(), setting, value, supported }
}
