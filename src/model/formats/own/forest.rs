//! Isolation forests: the nodes of all trees, one tree behind the other.
//!
//! Tensors: `sizes` (uint32), how many nodes each tree has; then, a number a node, `feature` (int32), −1 at the end of a
//! path, `threshold` (float32), `left` and `right` (uint32), counted within the tree, and `samples` (uint32), how many
//! training rows ended there. What a node has no use for is 0. Where rows that lack numbers are answered there is also
//! `nan_left` (uint8), 1 where a row whose feature is NaN goes left.

use serde::{Deserialize, Serialize};

use super::error::OwnError;
use super::tensors::{Target, TensorScope};
use crate::model::invalid::parameter;
use crate::model::isolation_forest::{ForestBoundary, IsolationForest, MissingNumbers, Node, Params, PathLength};

const NAME: &str = "IsolationForest";
/// The feature of a leaf.
const LEAF: i32 = -1;

/// A forest without its nodes.
#[derive(Serialize, Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct ForestDescription {
    width: usize,
    max_samples: u32,
    offset: f64,
    boundary: BoundaryDescription,
    path_length: PathLengthDescription,
}

#[derive(Serialize, Deserialize, Debug)]
#[serde(rename_all = "snake_case")]
enum BoundaryDescription {
    Below(f64),
    AtOrBelow(f64),
}

/// By the first version of scikit-learn that it is of.
#[derive(Serialize, Deserialize, Debug)]
enum PathLengthDescription {
    #[serde(rename = "0.18")]
    Version018,
    #[serde(rename = "0.19", alias = "0.20")]
    Version019,
    #[serde(rename = "0.21")]
    Current,
}

pub(super) fn write(forest: &IsolationForest, to: &mut Target<'_>) -> ForestDescription {
    let Params { width, trees, max_samples, offset, boundary, path_length, missing } = forest.params();
    let sizes = trees.iter().map(|tree| u32::try_from(tree.len()).unwrap_or(u32::MAX)).collect::<Vec<_>>();
    let (mut features, mut thresholds) = (Vec::new(), Vec::new());
    let (mut lefts, mut rights, mut counts, mut nan_lefts) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for node in trees.into_iter().flatten() {
        let (feature, threshold, left, right, samples, nan_left) = match node {
            Node::Split { feature, threshold, left, right, nan_left } => {
                (i32::try_from(feature).unwrap_or(i32::MAX), threshold, left, right, 0, nan_left)
            }
            Node::Leaf { samples } => (LEAF, 0.0, 0, 0, samples, false),
        };
        features.push(feature);
        thresholds.push(threshold);
        lefts.push(left);
        rights.push(right);
        counts.push(samples);
        nan_lefts.push(u8::from(nan_left));
    }
    to.counts("sizes", &sizes);
    to.whole("feature", &features);
    to.singles("threshold", &thresholds);
    to.counts("left", &lefts);
    to.counts("right", &rights);
    to.counts("samples", &counts);
    if missing == MissingNumbers::Answered {
        to.bytes("nan_left", &nan_lefts);
    }
    ForestDescription {
        width,
        max_samples,
        offset,
        boundary: match boundary {
            ForestBoundary::Below(level) => BoundaryDescription::Below(level),
            ForestBoundary::AtOrBelow(level) => BoundaryDescription::AtOrBelow(level),
        },
        path_length: match path_length {
            PathLength::Version018 => PathLengthDescription::Version018,
            PathLength::Version019 => PathLengthDescription::Version019,
            PathLength::Current => PathLengthDescription::Current,
        },
    }
}

pub(super) fn read(description: &ForestDescription, from: &TensorScope<'_, '_>) -> Result<IsolationForest, OwnError> {
    let &ForestDescription { width, max_samples, offset, ref boundary, ref path_length } = description;
    let sizes = from.counts("sizes")?;
    let (nodes, missing) = nodes(from)?;
    let mut rest = &nodes[..];
    let mut trees = Vec::with_capacity(sizes.len());
    for size in sizes {
        let split = usize::try_from(size).ok().and_then(|size| rest.split_at_checked(size));
        let (tree, behind) =
            split.ok_or_else(|| parameter(NAME, "sizes").invalid(size, "as many nodes as there are in all"))?;
        trees.push(tree.to_vec());
        rest = behind;
    }
    if !rest.is_empty() {
        let found = format!("{} nodes less than there are", rest.len());
        return Err(parameter(NAME, "sizes").invalid(found, "as many nodes as there are in all").into());
    }
    let boundary = match *boundary {
        BoundaryDescription::Below(level) => ForestBoundary::Below(level),
        BoundaryDescription::AtOrBelow(level) => ForestBoundary::AtOrBelow(level),
    };
    let path_length = match path_length {
        PathLengthDescription::Version018 => PathLength::Version018,
        PathLengthDescription::Version019 => PathLength::Version019,
        PathLengthDescription::Current => PathLength::Current,
    };
    Ok(IsolationForest::new(&Params { width, trees, max_samples, offset, boundary, path_length, missing })?)
}

fn nodes(from: &TensorScope<'_, '_>) -> Result<(Vec<Node>, MissingNumbers), OwnError> {
    let (features, thresholds) = (from.whole("feature")?, from.singles("threshold")?);
    let (lefts, rights, counts) = (from.counts("left")?, from.counts("right")?, from.counts("samples")?);
    let nan_lefts = from.optional_bytes("nan_left")?;
    let missing = if nan_lefts.is_some() { MissingNumbers::Answered } else { MissingNumbers::Refused };
    let lengths = [
        ("threshold", thresholds.len()),
        ("left", lefts.len()),
        ("right", rights.len()),
        ("samples", counts.len()),
        ("nan_left", nan_lefts.map_or(features.len(), <[u8]>::len)),
    ];
    for (name, length) in lengths {
        parameter(NAME, name).length(length, features.len(), "nodes")?;
    }
    if let Some(wrong) = nan_lefts.unwrap_or_default().iter().find(|left| **left > 1) {
        return Err(parameter(NAME, "nan_left").invalid(wrong, "0 or 1").into());
    }
    let nan_lefts = nan_lefts.unwrap_or_default().iter().map(|left| *left == 1).chain(std::iter::repeat(false));
    let parts =
        features.into_iter().zip(thresholds).zip(lefts.into_iter().zip(rights)).zip(counts.into_iter().zip(nan_lefts));
    let nodes =
        parts.map(|(((feature, threshold), (left, right)), (samples, nan_left))| match u32::try_from(feature) {
            Ok(feature) => Ok(Node::Split { feature, threshold, left, right, nan_left }),
            Err(_) if feature == LEAF => Ok(Node::Leaf { samples }),
            Err(_) => Err(OwnError::from(
                parameter(NAME, "feature").invalid(feature, "a feature, or -1 at the end of a path"),
            )),
        });
    Ok((nodes.collect::<Result<_, _>>()?, missing))
}
