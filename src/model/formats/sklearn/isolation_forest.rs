//! `sklearn.ensemble.IsolationForest`.

use std::collections::HashSet;

use super::SklearnError;
use super::estimator::Estimator;
use crate::model::formats::pickle::Node as Value;
use crate::model::isolation_forest::{
    ForestBoundary, IsolationForest, MAX_NODES, Node, Params, PathLength, round_down,
};

const CLASS: &str = "IsolationForest";

/// Reads a fitted detector.
pub(super) fn read(estimator: Estimator<'_, '_>) -> Result<IsolationForest, SklearnError> {
    let width = ["n_features_in_", "n_features_"].into_iter().find(|name| estimator.attribute(name).is_some());
    let width = estimator.count(CLASS, width.unwrap_or("n_features_in_"))?;
    let max_samples = ["_max_samples", "max_samples_"].into_iter().find(|name| estimator.attribute(name).is_some());
    let max_samples = estimator.count(CLASS, max_samples.unwrap_or("max_samples_"))?;
    let (offset, boundary) = boundary(estimator)?;
    Ok(IsolationForest::new(&Params {
        width,
        trees: trees(estimator, width)?,
        max_samples: u32::try_from(max_samples).unwrap_or(0),
        offset,
        boundary,
        path_length: path_length(estimator),
    })?)
}

/// How many rows it was fitted to.
pub(super) fn training_rows(estimator: Estimator<'_, '_>) -> Option<u64> {
    u64::try_from(estimator.attribute("_n_samples")?.int()?).ok()
}

/// The offset, and the boundary: 0.19 has a threshold and a fixed offset, 0.20 and 0.21 may have either.
fn boundary(estimator: Estimator<'_, '_>) -> Result<(f64, ForestBoundary), SklearnError> {
    if estimator.attribute("offset_").is_none() && estimator.attribute("threshold_").is_some() {
        return Ok((-0.5, ForestBoundary::AtOrBelow(estimator.number(CLASS, "threshold_")?)));
    }
    let offset = estimator.number(CLASS, "offset_")?;
    let old = estimator.attribute("behaviour").and_then(Value::text) == Some("old");
    let threshold = match estimator.attribute("_threshold_") {
        Some(_) if old => estimator.number(CLASS, "_threshold_")?,
        _ => 0.0,
    };
    Ok((offset, ForestBoundary::Below(threshold)))
}

fn path_length(estimator: Estimator<'_, '_>) -> PathLength {
    let version = estimator.version().unwrap_or_default();
    let mut parts = version.split('.').map_while(|part| part.parse::<u32>().ok());
    match (parts.next(), parts.next()) {
        (Some(0), Some(..20)) => PathLength::Version019,
        (Some(0), Some(20)) => PathLength::Version020,
        _ => PathLength::Current,
    }
}

/// The nodes of all trees, with the features of whole rows.
///
/// A file of a few bytes may name one tree, one dictionary or one array a hundred thousand times. So no tree may come
/// twice, and nodes and features are counted before they are read.
fn trees(estimator: Estimator<'_, '_>, width: usize) -> Result<Vec<Vec<Node>>, SklearnError> {
    let (list, estimators) = items(estimator, "estimators_")?;
    // Trees that see all features see them in their order.
    let all = estimator.attribute("_max_features").and_then(Value::int).map(usize::try_from) == Some(Ok(width));
    let mut subsets = if all { None } else { Some(items(estimator, "estimators_features_")?.1) };
    let too_large = || wrong("estimators_", "too large", format!("at most {MAX_NODES} nodes in all trees together"));
    let (mut nodes_left, mut features_left) = (MAX_NODES, MAX_FEATURES);
    let mut seen = HashSet::new();
    let mut trees = Vec::new();
    for estimator in estimators {
        let unfitted = || wrong("estimators_", list.kind(), "a list of fitted trees, each there once".to_owned());
        let mut fresh = |value: Value<'_, '_>| value.state().is_some_and(|state| seen.insert(state.place()));
        let tree = fresh(estimator).then(|| estimator.attribute("tree_")).flatten().ok_or_else(unfitted)?;
        let nodes = fresh(tree).then(|| tree.attribute("nodes")).flatten().ok_or_else(unfitted)?;
        let count = nodes.length().ok_or_else(|| not_a_tree(nodes))?;
        nodes_left = nodes_left.checked_sub(count.max(1)).ok_or_else(too_large)?;
        let subset = subsets.as_mut().map(|list| {
            let list = list.next().ok_or("too short")?;
            features_left = features_left
                .checked_sub(list.length().filter(|features| *features <= width).ok_or(list.kind())?)
                .ok_or("too large")?;
            list.whole_numbers().ok_or(list.kind())
        });
        let expected = || "an array of whole numbers for each tree".to_owned();
        let subset = subset.transpose().map_err(|found| wrong("estimators_features_", found, expected()))?;
        trees.push(read_tree(nodes, subset.as_deref()).ok_or_else(|| not_a_tree(nodes))?);
    }
    Ok(trees)
}

/// The most features of all trees together that are read.
const MAX_FEATURES: usize = 1 << 21;

fn items<'g, 'a>(
    estimator: Estimator<'g, 'a>,
    name: &str,
) -> Result<(Value<'g, 'a>, impl Iterator<Item = Value<'g, 'a>>), SklearnError> {
    let list = estimator.required(CLASS, name)?;
    list.items().map(|items| (list, items)).ok_or_else(|| wrong(name, list.kind(), "a list, an item a tree".to_owned()))
}

fn not_a_tree(nodes: Value<'_, '_>) -> SklearnError {
    let expected = "records of left_child, right_child, feature, threshold and n_node_samples, all in range";
    wrong("nodes", nodes.kind(), expected.to_owned())
}

fn wrong(attribute: &str, found: &str, expected: String) -> SklearnError {
    SklearnError::Attribute { class: CLASS, attribute: attribute.to_owned(), found: found.to_owned(), expected }
}

/// The nodes of a tree. `None` when a column is not there, or a number is out of all range.
fn read_tree(nodes: Value<'_, '_>, subset: Option<&[i64]>) -> Option<Vec<Node>> {
    let whole = |name| nodes.whole_column(name);
    let (left, right) = (whole("left_child")?, whole("right_child")?);
    let (features, samples) = (whole("feature")?, whole("n_node_samples")?);
    let thresholds = nodes.column("threshold")?;
    (0..left.len())
        .map(|place| {
            // scikit-learn marks a leaf by a left child of -1.
            if left[place] == -1 {
                return Some(Node::Leaf { samples: u32::try_from(samples[place]).ok()? });
            }
            let feature = match subset {
                None => features[place],
                Some(subset) => *subset.get(usize::try_from(features[place]).ok()?)?,
            };
            let finite = thresholds[place].is_finite().then_some(thresholds[place])?;
            Some(Node::Split {
                feature: u32::try_from(feature).ok()?,
                threshold: round_down(finite),
                left: u32::try_from(left[place]).ok()?,
                right: u32::try_from(right[place]).ok()?,
            })
        })
        .collect()
}
