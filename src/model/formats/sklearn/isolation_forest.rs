//! `sklearn.ensemble.IsolationForest`.

use std::collections::HashSet;

use super::SklearnError;
use super::estimator::Estimator;
use crate::model::formats::pickle::{Matrix, Node as Value};
use crate::model::isolation_forest::{
    ForestBoundary, IsolationForest, MAX_NODES, MissingNumbers, Node, Params, PathLength, round_down,
};

const CLASS: &str = "IsolationForest";

/// Reads a fitted detector.
pub(super) fn read(estimator: Estimator<'_, '_>) -> Result<IsolationForest, SklearnError> {
    let width = estimator.count(CLASS, estimator.either("n_features_in_", "n_features_"))?;
    let max_samples = estimator.count(CLASS, estimator.either("_max_samples", "max_samples_"))?;
    if let Some(other) = estimator.attribute("max_samples_").and_then(Value::int)
        && usize::try_from(other) != Ok(max_samples)
    {
        return Err(wrong("max_samples_", &other.to_string(), format!("{max_samples}, as _max_samples is")));
    }
    let (offset, boundary) = boundary(estimator)?;
    let (trees, missing) = trees(estimator, width)?;
    let params = Params {
        width,
        trees,
        max_samples: u32::try_from(max_samples).unwrap_or(0),
        offset,
        boundary,
        path_length: path_length(estimator),
        missing,
    };
    let forest = IsolationForest::new(&params)?;
    check_lengths(estimator, &params)?;
    Ok(forest)
}

/// How many rows it was fitted to.
pub(super) fn training_rows(estimator: Estimator<'_, '_>) -> Option<u64> {
    u64::try_from(estimator.attribute("_n_samples")?.int()?).ok()
}

/// The offset, and the boundary: 0.19 has a threshold and a fixed offset, 0.20 and 0.21 may have either.
fn boundary(estimator: Estimator<'_, '_>) -> Result<(f64, ForestBoundary), SklearnError> {
    let threshold = |name: &str| estimator.number(CLASS, name);
    if estimator.is_before(0, 20)
        && estimator.attribute("offset_").is_none()
        && estimator.attribute("threshold_").is_some()
    {
        return Ok((-0.5, ForestBoundary::AtOrBelow(threshold("threshold_")?)));
    }
    let offset = estimator.number(CLASS, "offset_")?;
    let old = estimator.is_before(0, 22) && estimator.attribute("behaviour").and_then(Value::text) == Some("old");
    let level = match estimator.attribute("_threshold_") {
        Some(_) if old => threshold("_threshold_")?,
        _ => 0.0,
    };
    Ok((offset, ForestBoundary::Below(level)))
}

/// The rule of the version that wrote the forest.
///
/// Every version that knows one says which it is. Where that was taken out, a threshold without an offset is that of 0.19;
/// 0.20 and 0.21 cannot be told apart, and the newer rule counts.
fn path_length(estimator: Estimator<'_, '_>) -> PathLength {
    match estimator.version() {
        None if estimator.attribute("offset_").is_none() => PathLength::Version019,
        Some(_) if estimator.is_before(0, 19) => PathLength::Version018,
        Some(_) if estimator.is_before(0, 21) => PathLength::Version019,
        _ => PathLength::Current,
    }
}

/// The nodes of all trees, with the features of whole rows, and what becomes of rows that lack numbers.
///
/// A file of a few bytes may name one tree, one dictionary or one array a hundred thousand times. So no tree may come
/// twice, and nodes and features are counted before they are read.
fn trees(estimator: Estimator<'_, '_>, width: usize) -> Result<(Vec<Vec<Node>>, MissingNumbers), SklearnError> {
    let (list, estimators) = items(estimator, "estimators_")?;
    let count = estimators.len();
    if estimator.is_before(0, 21) && estimator.version().is_some() {
        // These divide by the setting.
        estimator.counted(CLASS, "n_estimators", count, "trees")?;
    }
    // Trees that see all features see them in their order.
    let all = estimator.attribute("_max_features").and_then(Value::int).map(usize::try_from) == Some(Ok(width));
    let subsets = estimator.attribute("estimators_features_").and_then(Value::items);
    if subsets.as_ref().is_some_and(|subsets| subsets.len() != count) {
        return Err(wrong("estimators_features_", "of another length", format!("an item for each of {count} trees")));
    }
    let mut subsets = if all { None } else { Some(items(estimator, "estimators_features_")?.1) };
    let too_large = || wrong("estimators_", "too large", format!("at most {MAX_NODES} nodes in all trees together"));
    let (mut nodes_left, mut features_left) = (MAX_NODES, MAX_FEATURES);
    let mut seen = HashSet::new();
    let mut trees = Vec::new();
    let mut missing = if estimator.is_before(1, 6) { MissingNumbers::Refused } else { MissingNumbers::Answered };
    for estimator in estimators {
        let unfitted = || wrong("estimators_", list.kind(), "a list of fitted trees, each there once".to_owned());
        let mut fresh = |value: Value<'_, '_>| value.state().is_some_and(|state| seen.insert(state.place()));
        let tree = fresh(estimator).then(|| estimator.attribute("tree_")).flatten().ok_or_else(unfitted)?;
        let nodes = fresh(tree).then(|| tree.attribute("nodes")).flatten().ok_or_else(unfitted)?;
        let count = nodes.length().ok_or_else(|| not_a_tree(nodes))?;
        if let Some(found) = tree.attribute("node_count").and_then(Value::int)
            && usize::try_from(found) != Ok(count)
        {
            return Err(wrong("node_count", &found.to_string(), format!("{count}, as many nodes as there are")));
        }
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
        let nan_left =
            (missing == MissingNumbers::Answered).then(|| nodes.whole_column("missing_go_to_left")).flatten();
        if nan_left.is_none() {
            missing = MissingNumbers::Refused;
        }
        trees.push(read_tree(nodes, subset.as_deref(), nan_left.as_deref()).ok_or_else(|| not_a_tree(nodes))?);
    }
    Ok((trees, missing))
}

/// Checks what newer versions keep beside the trees, and take the path lengths from: it must be that of these trees.
fn check_lengths(estimator: Estimator<'_, '_>, params: &Params) -> Result<(), SklearnError> {
    let kept = |name: &str| {
        let kept = estimator.attribute(name)?.items()?;
        Some(kept.map(Value::matrix).collect::<Option<Vec<_>>>().unwrap_or_default())
    };
    for (name, depths) in [("_decision_path_lengths", true), ("_average_path_length_per_tree", false)] {
        let Some(kept) = kept(name) else { continue };
        let fits = |(nodes, kept): (&Vec<Node>, &Matrix)| {
            // The constructor has seen that there is one path to each node.
            let mut waiting = vec![(0_u32, 1_u32)];
            while let Some((place, depth)) = waiting.pop() {
                match nodes.get(place as usize) {
                    Some(Node::Split { left, right, .. }) => waiting.extend([(*left, depth + 1), (*right, depth + 1)]),
                    Some(Node::Leaf { samples }) => {
                        let expected = if depths { f64::from(depth) } else { params.path_length.of(*samples) };
                        let found = kept.numbers.get(place as usize).copied().unwrap_or(f64::NAN);
                        let agrees = (found - expected).abs() <= 1e-9 * expected.max(1.0);
                        if !agrees {
                            return false;
                        }
                    }
                    None => return false,
                }
            }
            true
        };
        if kept.len() != params.trees.len() || !params.trees.iter().zip(&kept).all(fits) {
            return Err(wrong(name, "other numbers", "the path lengths of its trees, a number a node".to_owned()));
        }
    }
    Ok(())
}

/// The most features of all trees together that are read.
const MAX_FEATURES: usize = 1 << 21;

fn items<'g, 'a>(
    estimator: Estimator<'g, 'a>,
    name: &str,
) -> Result<(Value<'g, 'a>, impl ExactSizeIterator<Item = Value<'g, 'a>>), SklearnError> {
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
fn read_tree(nodes: Value<'_, '_>, subset: Option<&[i64]>, nan_left: Option<&[i64]>) -> Option<Vec<Node>> {
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
                nan_left: nan_left.is_some_and(|nan_left| nan_left[place] != 0),
            })
        })
        .collect()
}
