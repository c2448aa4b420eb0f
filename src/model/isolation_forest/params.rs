//! The parameters, and their layout in memory.

use super::PathLength;
use crate::model::invalid::{Invalid, parameter};

const NAME: &str = "IsolationForest";

/// The most nodes of all trees together: two thousand trees of the usual size, or a hundred that saw 10,000 rows each.
pub(in crate::model) const MAX_NODES: usize = 1 << 20;

/// The parameters as files hold them.
#[derive(Clone, PartialEq, Debug)]
pub(in crate::model) struct Params {
    /// How many features a row has.
    pub(in crate::model) width: usize,
    /// The nodes of each tree, the root first.
    pub(in crate::model) trees: Vec<Vec<Node>>,
    /// How many rows each tree was trained on.
    pub(in crate::model) max_samples: u32,
    /// What is subtracted from the negative score.
    pub(in crate::model) offset: f64,
    /// Which decision values are anomalies.
    pub(in crate::model) boundary: ForestBoundary,
    /// How the rows of a leaf count.
    pub(in crate::model) path_length: PathLength,
    /// What happens to a row in which a number is missing.
    pub(in crate::model) missing: MissingNumbers,
}

/// What happens to a row in which a number is NaN.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MissingNumbers {
    /// It has no answer.
    Refused,
    /// The row is answered, and each split says to which side it goes: scikit-learn from 1.6 on.
    Answered,
}

/// A node of a tree.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(in crate::model) enum Node {
    /// A row goes left when its feature, in single precision, is at most the threshold.
    Split {
        /// The feature, among those of a whole row.
        feature: u32,
        /// The threshold; see [`round_down`] for one in double precision.
        threshold: f32,
        /// The node at the left.
        left: u32,
        /// The node at the right.
        right: u32,
        /// Whether a row whose feature is NaN goes left; used when rows with missing numbers are answered.
        nan_left: bool,
    },
    /// The end of a path.
    Leaf {
        /// How many training rows ended here.
        samples: u32,
    },
}

/// Which decision values are anomalies. Only versions that chose the threshold apart from the offset have one that is
/// not zero.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum ForestBoundary {
    /// Decision values below the boundary.
    Below(f64),
    /// Decision values below the boundary, and the boundary itself: scikit-learn up to 0.19.
    AtOrBelow(f64),
}

impl ForestBoundary {
    /// The decision value of the boundary.
    pub fn level(self) -> f64 {
        match self {
            Self::Below(level) | Self::AtOrBelow(level) => level,
        }
    }
}

/// The largest float32 that is not above `threshold`: no float32 is between the two.
pub(in crate::model) fn round_down(threshold: f64) -> f32 {
    #[expect(clippy::cast_possible_truncation, reason = "rounds to the nearest, which is corrected")]
    let nearest = threshold as f32;
    if f64::from(nearest) > threshold { nearest.next_down() } else { nearest }
}

/// An isolation forest, fitted.
#[derive(Clone, PartialEq, Debug)]
pub struct IsolationForest {
    pub(super) width: usize,
    /// The nodes of all trees, tree by tree, each from its root down; siblings are side by side.
    pub(super) nodes: Box<[Packed]>,
    pub(super) trees: Box<[Tree]>,
    /// The leaves of all trees: path length, and rows of the training.
    pub(super) leaves: Box<[Leaf]>,
    /// Whether a row whose feature is NaN goes left, for each node. `None`: rows with missing numbers are refused.
    pub(super) nan_left: Option<Box<[bool]>>,
    /// How many bits of a packed node's place hold the feature.
    pub(super) feature_bits: u32,
    /// c(ψ) times the trees: what the sum of a row's path lengths is divided by.
    pub(super) denominator: f64,
    pub(super) offset: f64,
    pub(super) boundary: ForestBoundary,
    max_samples: u32,
    path_length: PathLength,
}

/// A node in eight bytes.
///
/// A leaf leads to itself, so that a walk may take more steps than it needs: no x is above NaN, and the NaN's bits have
/// room for the leaf's number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Packed {
    threshold: u32,
    /// The feature in the low bits, and above it the index of the left child among the tree's nodes.
    place: u32,
}

/// The bits of a NaN. Below them there is room for numbers of 22 bits.
const LEAF: u32 = 0x7fc0_0000;

impl Packed {
    fn split(threshold: f32, place: u32) -> Self {
        Self { threshold: threshold.to_bits(), place }
    }

    fn leaf(number: u32, place: u32) -> Self {
        Self { threshold: LEAF | number, place }
    }

    pub(super) fn feature(self, feature_bits: u32) -> usize {
        (self.place & ((1 << feature_bits) - 1)) as usize
    }

    /// The next node of a row: the right child when its feature is above the threshold.
    pub(super) fn child(self, x: f32, feature_bits: u32) -> u32 {
        (self.place >> feature_bits) + u32::from(x > f32::from_bits(self.threshold))
    }

    /// The leaf's number; `None` when the node is not a leaf.
    pub(super) fn as_leaf(self) -> Option<usize> {
        f32::from_bits(self.threshold).is_nan().then_some((self.threshold & !LEAF) as usize)
    }

    fn threshold(self) -> f32 {
        f32::from_bits(self.threshold)
    }
}

/// Where a tree's nodes are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Tree {
    pub(super) start: usize,
    pub(super) end: usize,
    /// The steps of its longest path.
    pub(super) depth: u32,
}

/// The end of a path.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Leaf {
    pub(super) path_length: f64,
    pub(super) samples: u32,
}

impl IsolationForest {
    /// Checks the parameters, and lays them out for evaluation.
    ///
    /// # Errors
    /// When there is no tree, the nodes of one are not a tree (two nodes lead to one, or no node does), a child, a
    /// feature or a count is out of range, a threshold is NaN, or there are more than 2^19 nodes.
    pub(in crate::model) fn new(params: &Params) -> Result<Self, Invalid> {
        let Params { width, ref trees, max_samples, offset, boundary, path_length, missing } = *params;
        parameter(NAME, "offset_").finite(offset)?;
        parameter(NAME, "threshold_").finite(boundary.level())?;
        if width == 0 {
            return Err(parameter(NAME, "n_features_in_").invalid(width, "at least one feature"));
        }
        if max_samples == 0 {
            return Err(parameter(NAME, "max_samples_").invalid(max_samples, "at least one row"));
        }
        let estimators = parameter(NAME, "estimators_");
        let most = trees.iter().map(Vec::len).max().unwrap_or(0);
        let nodes = trees.iter().map(Vec::len).sum::<usize>();
        if most == 0 || nodes > MAX_NODES {
            let found = format!("{} trees of {nodes} nodes", trees.len());
            return Err(estimators.invalid(found, format!("at least one tree, and at most {MAX_NODES} nodes")));
        }
        let feature_bits = bits(width);
        if feature_bits + bits(most).max(1) > u32::BITS {
            let found = format!("a tree of {most} nodes over {width} features");
            return Err(estimators.invalid(found, "fewer of one or the other"));
        }

        let answers = missing == MissingNumbers::Answered;
        let mut layout = Layout {
            width,
            feature_bits,
            path_length,
            nodes: Vec::with_capacity(nodes),
            leaves: vec![],
            nan_left: answers.then(|| Vec::with_capacity(nodes)),
        };
        let trees = trees.iter().map(|tree| layout.add(tree)).collect::<Result<Box<[_]>, _>>()?;
        Ok(Self {
            width,
            nodes: layout.nodes.into(),
            leaves: layout.leaves.into(),
            nan_left: layout.nan_left.map(Into::into),
            feature_bits,
            denominator: trees.len() as f64 * path_length.of(max_samples),
            trees,
            offset,
            boundary,
            max_samples,
            path_length,
        })
    }

    /// The parameters from which this was made, apart from the order of the nodes.
    pub(in crate::model) fn params(&self) -> Params {
        let node = |place: usize| {
            let node = self.nodes[place];
            match node.as_leaf() {
                Some(leaf) => Node::Leaf { samples: self.leaves[leaf].samples },
                None => {
                    let feature = node.place & ((1 << self.feature_bits) - 1);
                    let left = node.child(f32::NEG_INFINITY, self.feature_bits);
                    let nan_left = self.nan_left.as_ref().is_some_and(|nan_left| nan_left[place]);
                    Node::Split { feature, threshold: node.threshold(), left, right: left + 1, nan_left }
                }
            }
        };
        Params {
            width: self.width,
            trees: self.trees.iter().map(|tree| (tree.start..tree.end).map(node).collect()).collect(),
            max_samples: self.max_samples,
            offset: self.offset,
            boundary: self.boundary,
            path_length: self.path_length,
            missing: self.missing(),
        }
    }

    /// The same with another boundary, on which ties are decided as before.
    ///
    /// # Errors
    /// When the offset is not finite, or above 0, where every row would be an anomaly.
    pub(in crate::model) fn with_offset(&self, offset: f64) -> Result<Self, Invalid> {
        parameter(NAME, "offset_").below_zero(offset)?;
        let boundary = match self.boundary {
            ForestBoundary::Below(_) => ForestBoundary::Below(0.0),
            ForestBoundary::AtOrBelow(_) => ForestBoundary::AtOrBelow(0.0),
        };
        Ok(Self { offset, boundary, ..self.clone() })
    }

    /// How many features a row has.
    pub fn width(&self) -> usize {
        self.width
    }

    /// How many trees there are.
    pub fn trees(&self) -> usize {
        self.trees.len()
    }

    /// How many steps a row goes down in all trees together: each tree counts with its full depth.
    pub(in crate::model) fn steps_down(&self) -> usize {
        self.trees.iter().map(|tree| tree.depth as usize + 1).sum()
    }

    /// How the rows of a leaf count.
    pub fn path_length(&self) -> PathLength {
        self.path_length
    }

    /// What is subtracted from the negative score.
    pub fn offset(&self) -> f64 {
        self.offset
    }

    /// The same where a row on the boundary is normal, in every version.
    pub(in crate::model) fn with_ties_normal(self) -> Self {
        Self { boundary: ForestBoundary::Below(self.boundary.level()), ..self }
    }

    /// What happens to a row in which a number is missing.
    pub fn missing(&self) -> MissingNumbers {
        if self.nan_left.is_some() { MissingNumbers::Answered } else { MissingNumbers::Refused }
    }

    /// Which decision values are anomalies.
    pub fn boundary(&self) -> ForestBoundary {
        self.boundary
    }

    /// The threshold of each split, with its feature.
    pub(in crate::model) fn thresholds(&self) -> impl Iterator<Item = (usize, f64)> + '_ {
        let splits = self.nodes.iter().filter(|node| node.as_leaf().is_none());
        splits.map(|node| (node.feature(self.feature_bits), f64::from(node.threshold())))
    }

    pub(in crate::model) fn parameters(&self) -> Vec<(&'static str, String)> {
        let level = self.boundary.level();
        let threshold = (level.abs() > 0.0).then(|| ("threshold", level.to_string()));
        [
            ("trees", self.trees.len().to_string()),
            ("nodes", self.nodes.len().to_string()),
            ("max_samples", self.max_samples.to_string()),
            ("offset", self.offset.to_string()),
        ]
        .into_iter()
        .chain(threshold)
        .collect()
    }

    pub(in crate::model) fn heap_bytes(&self) -> usize {
        let nan_left = self.nan_left.as_deref().map_or(0, size_of_val);
        size_of_val(&*self.nodes) + size_of_val(&*self.trees) + size_of_val(&*self.leaves) + nan_left
    }

    /// The score of the boundary: a row with twice that score is twice as strange.
    pub(in crate::model) fn unit(&self) -> f64 {
        (self.offset + self.boundary.level()).abs()
    }
}

/// How many bits a number up to `things` takes.
fn bits(things: usize) -> u32 {
    usize::BITS - things.saturating_sub(1).leading_zeros()
}

/// The trees whose layout is made.
struct Layout {
    width: usize,
    feature_bits: u32,
    path_length: PathLength,
    nodes: Vec<Packed>,
    leaves: Vec<Leaf>,
    nan_left: Option<Vec<bool>>,
}

impl Layout {
    /// Makes the layout of a tree level by level, and checks on the way that it is a tree.
    fn add(&mut self, tree: &[Node]) -> Result<Tree, Invalid> {
        let index = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let wrong = |what: &str, found: u32, expected: String| {
            Err(parameter(NAME, "estimators_").invalid(format!("a tree with {what} {found}"), expected))
        };
        let start = self.nodes.len();
        let mut seen = vec![false; tree.len()];
        // The nodes in their new order, with their depths.
        let mut order = vec![(0_u32, 0_u32)];
        let mut depth = 0;
        for next in 0..tree.len() {
            let Some(&(place, level)) = order.get(next) else {
                return wrong("nodes that no path leads to, but", index(order.len()), "one path to each".to_owned());
            };
            let Some((&node, seen @ false)) = tree.get(place as usize).zip(seen.get_mut(place as usize)) else {
                return wrong("two paths to node", place, format!("one path to each of {} nodes", tree.len()));
            };
            *seen = true;
            depth = level;
            let packed = match node {
                Node::Split { feature, threshold, left, right, .. } => {
                    if feature as usize >= self.width {
                        return wrong("a split of feature", feature, format!("one of {}", self.width));
                    }
                    if threshold.is_nan() {
                        return wrong("the threshold NaN at node", place, "a number".to_owned());
                    }
                    let child = index(order.len());
                    order.extend([(left, level + 1), (right, level + 1)]);
                    Packed::split(threshold, child << self.feature_bits | feature)
                }
                Node::Leaf { samples: 0 } => return wrong("no training rows in leaf", place, "some".to_owned()),
                Node::Leaf { samples } => {
                    let number = index(self.leaves.len());
                    // In scikit-learn's order of operations: the nodes on the path and c(n), less one.
                    let path_length = f64::from(level + 1) + self.path_length.of(samples) - 1.0;
                    self.leaves.push(Leaf { path_length, samples });
                    Packed::leaf(number, index(next) << self.feature_bits)
                }
            };
            self.nodes.push(packed);
            if let Some(sides) = &mut self.nan_left {
                sides.push(matches!(node, Node::Split { nan_left: true, .. }));
            }
        }
        if order.len() > tree.len() {
            return wrong("two paths to a node, and", index(order.len()), format!("paths to {} nodes", tree.len()));
        }
        Ok(Tree { start, end: self.nodes.len(), depth })
    }
}
