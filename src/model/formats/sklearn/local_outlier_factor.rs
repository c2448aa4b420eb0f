//! `sklearn.neighbors.LocalOutlierFactor`.

use super::SklearnError;
use super::estimator::Estimator;
use crate::model::formats::pickle::Node;
use crate::model::formats::printable::printable;
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
    let (order, levels) = search_order(estimator, rows.rows)?;
    // What is too short comes out too short, and is refused with the other parameters.
    let in_order = |numbers: &[f64], width: usize| -> Vec<f64> {
        order.iter().filter_map(|row| numbers.get(row * width..(row + 1) * width)).flatten().copied().collect()
    };
    Ok(LocalOutlierFactor::new(&Params {
        rows: in_order(&rows.numbers, rows.columns),
        width: rows.columns,
        levels,
        neighbours,
        reach: in_order(&reach.unwrap_or_default(), 1),
        densities: in_order(&estimator.row(CLASS, "_lrd")?, 1),
        offset: estimator.number(CLASS, "offset_")?,
        metric: metric(estimator)?,
    })?)
}

/// The order in which the rows are searched, and the levels of boxes around them: those of the tree that the search was
/// fitted with, if it was one.
///
/// A tree's state is the tuple of its data, the rows' places in its order, nodes, bounds, size of the leaves, levels and
/// counts.
fn search_order(estimator: Estimator<'_, '_>, rows: usize) -> Result<(Vec<usize>, u32), SklearnError> {
    let state = estimator.attribute("_tree").and_then(Node::state);
    let Some(mut items) = state.and_then(Node::items) else { return Ok(((0..rows).collect(), 1)) };
    let wrong = |found: &str| SklearnError::Attribute {
        class: CLASS,
        attribute: "_tree".to_owned(),
        found: found.to_owned(),
        expected: format!("a tree of {rows} rows"),
    };
    let order = items.nth(1).and_then(Node::whole_numbers).ok_or_else(|| wrong("without an order of the rows"))?;
    let levels = items.nth(3).and_then(Node::int).and_then(|levels| u32::try_from(levels).ok());
    let levels = levels.ok_or_else(|| wrong("without levels"))?;
    let mut seen = vec![false; rows];
    let order = order.into_iter().map(|row| {
        let row = usize::try_from(row).ok()?;
        // No row may come twice.
        seen.get_mut(row).is_some_and(|seen| !std::mem::replace(seen, true)).then_some(row)
    });
    let order = order.collect::<Option<Vec<_>>>().filter(|order| order.len() == rows);
    Ok((order.ok_or_else(|| wrong("not an order of the rows"))?, levels))
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
