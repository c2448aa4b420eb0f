//! `pyod.models.knn.KNN`: the distances to the nearest training rows.

use super::super::SklearnError;
use super::super::estimator::Estimator;
use super::super::local_outlier_factor::{Search, metric, search};
use crate::model::neighbour_distance::{NeighbourDistance, Of, Params};
use crate::model::neighbours::Metric;

const CLASS: &str = "KNN";

/// Reads a fitted detector. Of rows as far only the distance counts, so a tree is of use for its order alone.
pub(in crate::model::formats::sklearn) fn read(
    estimator: Estimator<'_, '_>,
) -> Result<NeighbourDistance, SklearnError> {
    let neigh = estimator.required(CLASS, "neigh_")?;
    let neigh = Estimator::of(neigh)
        .ok_or_else(|| estimator.wrong(CLASS, "neigh_", neigh.kind(), "scikit-learn's NearestNeighbors"))?;
    let rows = neigh.matrix(CLASS, "_fit_X")?;
    let Search { order, levels, .. } = search(neigh, CLASS, &rows, metric(neigh, CLASS)?)?;
    let width = rows.columns;
    let in_order = order.iter().filter_map(|row| rows.numbers.get(row * width..(row + 1) * width)).flatten();
    Ok(NeighbourDistance::new(&Params {
        rows: in_order.copied().collect(),
        width,
        levels,
        neighbours: estimator.count(CLASS, "n_neighbors")?,
        of: method(estimator)?,
        metric: metric_of(estimator, neigh)?,
        offset: Some(-super::threshold(estimator, CLASS)?),
    })?)
}

fn method(estimator: Estimator<'_, '_>) -> Result<Of, SklearnError> {
    let name = estimator.text(CLASS, "method")?;
    [Of::Largest, Of::Mean, Of::Median]
        .into_iter()
        .find(|of| of.name() == name)
        .ok_or_else(|| estimator.setting(CLASS, "method", name, "largest, mean or median"))
}

/// The metric of the search that pyod asks. Where scikit-learn made no tree, versions before 3 made a BallTree of their
/// own, without the power of a minkowski metric: it was 2, whatever was set.
fn metric_of(estimator: Estimator<'_, '_>, neigh: Estimator<'_, '_>) -> Result<Metric, SklearnError> {
    let metric = metric(neigh, CLASS)?;
    let own_tree = || {
        let tree = estimator.attribute("tree_").and_then(|tree| tree.class());
        tree.is_some_and(|tree| tree.name.starts_with("BallTree"))
            && neigh.attribute("_tree").is_none_or(|tree| tree.is_none())
    };
    Ok(match metric {
        Metric::Minkowski { .. } if own_tree() => Metric::Euclidean,
        metric => metric,
    })
}
