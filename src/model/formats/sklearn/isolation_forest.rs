//! `sklearn.ensemble.IsolationForest`.

use super::SklearnError;
use super::estimator::Estimator;
use crate::model::formats::pickle::Node as Value;
use crate::model::isolation_forest::{Boundary, IsolationForest, MAX_NODES, Node, Params, PathLength, round_down};

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
fn boundary(estimator: Estimator<'_, '_>) -> Result<(f64, Boundary), SklearnError> {
    if estimator.attribute("offset_").is_none() && estimator.attribute("threshold_").is_some() {
        return Ok((-0.5, Boundary::AtOrBelow(estimator.number(CLASS, "threshold_")?)));
    }
    let offset = estimator.number(CLASS, "offset_")?;
    let old = estimator.attribute("behaviour").and_then(Value::text) == Some("old");
    let threshold = match estimator.attribute("_threshold_") {
        Some(_) if old => estimator.number(CLASS, "_threshold_")?,
        _ => 0.0,
    };
    Ok((offset, Boundary::Below(threshold)))
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
fn trees(estimator: Estimator<'_, '_>, width: usize) -> Result<Vec<Vec<Node>>, SklearnError> {
    let list = estimator.required(CLASS, "estimators_")?;
    let wrong = |attribute: &str, found: &str, expected: &str| SklearnError::Attribute {
        class: CLASS,
        attribute: attribute.to_owned(),
        found: found.to_owned(),
        expected: expected.to_owned(),
    };
    let estimators = list.items().ok_or_else(|| wrong("estimators_", list.kind(), "a list of trees"))?;
    // Trees that see all features see them in their order.
    let subsets = match estimator.attribute("_max_features").and_then(Value::int) {
        Some(features) if usize::try_from(features).ok() == Some(width) => None,
        _ => Some(estimator.required(CLASS, "estimators_features_")?),
    };
    let mut subsets = subsets
        .map(|list| list.items().ok_or_else(|| wrong("estimators_features_", list.kind(), "a list of arrays")))
        .transpose()?;
    let mut trees = Vec::new();
    // A file may name one tree a thousand times: the nodes are counted before they are there.
    let mut left = MAX_NODES;
    for estimator in estimators {
        let nodes = estimator.attribute("tree_").and_then(|tree| tree.attribute("nodes"));
        let nodes = nodes.ok_or_else(|| wrong("estimators_", estimator.kind(), "fitted trees"))?;
        let count = nodes.length().ok_or_else(|| wrong("nodes", nodes.kind(), "an array of records"))?;
        left = left.checked_sub(count.max(1)).ok_or_else(|| {
            wrong("estimators_", "too large", &format!("trees of at most {MAX_NODES} nodes together"))
        })?;
        let subset = match &mut subsets {
            None => None,
            Some(list) => Some(list.next().and_then(Value::whole_numbers).ok_or_else(|| {
                wrong("estimators_features_", "too short", "an array of whole numbers for each tree")
            })?),
        };
        trees.push(tree(nodes, subset.as_deref()).ok_or_else(|| {
            wrong("nodes", "not a tree's", "records of left_child, right_child, feature, threshold and n_node_samples")
        })?);
    }
    Ok(trees)
}

/// The nodes of a tree. `None` when a column is not there, or a number is out of all range.
fn tree(nodes: Value<'_, '_>, subset: Option<&[i64]>) -> Option<Vec<Node>> {
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
