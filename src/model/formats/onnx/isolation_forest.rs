//! `IsolationForest`, which skl2onnx writes as one `TreeEnsembleRegressor` a tree.
//!
//! A tree gives the number of the leaf that a row ends in; two tables make of it the leaf's training rows and the length
//! of the path, and plain operators the rest of the formula.

use std::collections::HashMap;

use super::budget::Budget;
use super::error::OnnxError;
use super::graph::Term;
use super::pattern::Pattern::{self, Hole, Number};
use super::pattern::{number_of, op, whole};
use super::proto::NodeProto;
use super::rows::selected;
use crate::model::isolation_forest::{
    ForestBoundary, IsolationForest, MissingNumbers, Node, Params, PathLength, round_down,
};

/// A forest, and the rows that it takes.
pub(super) struct GraphParts<'g, 'a> {
    pub(super) rows: Term<'g, 'a>,
    trees: Vec<Vec<Node>>,
    denominator: f64,
    offset: f64,
}

/// Finds a forest behind its decision values: b − 2^(−Σ depths / d).
pub(super) fn find<'g, 'a>(
    scores: Term<'g, 'a>,
    budget: &mut Budget<'_>,
) -> Result<Option<GraphParts<'g, 'a>>, OnnxError> {
    let power = op("Pow", [Number(2.0), op("Neg", [op("Div", [Hole(0), Hole(1)])])]);
    let formula = op("Add", [op("Neg", [power]), Hole(2)]);
    let Some([depths, denominator, negative_offset]) = formula.find(scores, budget)? else { return Ok(None) };
    let (Some(denominator), Some(negative_offset), Some((sum, 0))) =
        (number_of(denominator, budget)?, number_of(negative_offset, budget)?, depths.node())
    else {
        return Ok(None);
    };
    if sum.operator != "Sum" {
        return Err(sum.refused("it stands where an isolation forest adds the depths of its trees"));
    }
    let depth = depth();
    let mut trees = Vec::new();
    let mut rows: Option<Term<'g, 'a>> = None;
    for term in depths.inputs(sum) {
        let Some([samples, path]) = depth.find(term, budget)? else {
            return Err(
                sum.refused("a value that it adds is not the depth in an isolation tree, as skl2onnx writes it")
            );
        };
        let (tree, of) = tree(samples, path, budget)?;
        if rows.replace(of).is_some_and(|before| before.id != of.id) {
            return Err(sum.refused("its trees do not take the same rows"));
        }
        trees.push(tree);
    }
    let rows = rows.ok_or_else(|| sum.refused("it adds nothing"))?;
    Ok(Some(GraphParts { rows, trees, denominator, offset: -negative_offset }))
}

impl GraphParts<'_, '_> {
    /// The forest over rows of this width.
    pub(super) fn forest(self, width: usize) -> Result<IsolationForest, OnnxError> {
        let Self { trees, denominator, offset, .. } = self;
        Ok(IsolationForest::new(&Params {
            width,
            max_samples: samples_of(denominator / trees.len() as f64),
            trees,
            offset,
            boundary: ForestBoundary::Below(0.0),
            path_length: PathLength::Current,
            missing: MissingNumbers::Refused,
        })?)
    }
}

/// How many rows a tree was trained on whose mean path length is `length`: c is monotone.
fn samples_of(length: f64) -> u32 {
    let (mut low, mut high) = (1, 1 << 30);
    while low < high {
        let middle = low + (high - low) / 2;
        // Half way to the next one, as the file holds the length in float32.
        let between = f64::midpoint(PathLength::Current.of(middle), PathLength::Current.of(middle + 1));
        if between < length { low = middle + 1 } else { high = middle }
    }
    low
}

/// Path + c(n) − 1, with c(n) = \[n = 2\] + \[n > 2\] (2 (ln(n − 1) + γ) − 2 (n − 1) / n), where n, at hole 0, are the
/// training rows of the leaf, and path, at hole 1, the nodes on the way to it.
fn depth() -> Pattern {
    let plus = || op("Cast", [op("Greater", [Hole(0), Number(2.0)])]);
    let rows = || op("Mul", [plus(), Hole(0)]);
    let less_one = || op("Add", [rows(), Number(-1.0)]);
    let logarithm = op("Add", [op("Log", [op("Max", [less_one(), Number(1.0)])]), Number(0.577_215_7)]);
    let quotient = op("Div", [op("Max", [less_one(), Number(0.0)]), op("Max", [rows(), Number(1.0)])]);
    let harmonic = op("Add", [op("Mul", [logarithm, Number(2.0)]), op("Mul", [quotient, Number(-2.0)])]);
    let equal = op("Cast", [op("Equal", [Hole(0), Number(2.0)])]);
    let rest = op("Add", [equal, op("Mul", [harmonic, plus()])]);
    op("Add", [op("Add", [Hole(1), rest]), Number(-1.0)])
}

/// The tree behind the tables of its leaves' training rows and path lengths, and the rows that it takes.
fn tree<'g, 'a>(
    samples: Term<'g, 'a>,
    path: Term<'g, 'a>,
    budget: &mut Budget<'_>,
) -> Result<(Vec<Node>, Term<'g, 'a>), OnnxError> {
    let ((samples, of_samples), (path, of_path)) = (table(samples, budget)?, table(path, budget)?);
    let Some((node, 0)) = of_samples.node().filter(|(node, _)| node.operator == "TreeEnsembleRegressor") else {
        return Err(OnnxError::value(of_samples.name, "is not the leaf of an isolation tree"));
    };
    if of_samples.id != of_path.id {
        return Err(node.refused("the tables of its leaves are of different trees"));
    }
    let ensemble = Ensemble::read(node, budget)?;
    let (rows, columns) = selected(of_samples.input_of(node, 0)?, budget)?;
    let tree = ensemble.tree(node, &samples, columns.as_deref())?;
    ensemble.check_paths(node, &tree, &path)?;
    Ok((tree, rows))
}

/// A table, by the number of the leaf, and what gives that number.
fn table<'g, 'a>(term: Term<'g, 'a>, budget: &mut Budget<'_>) -> Result<(HashMap<i64, f64>, Term<'g, 'a>), OnnxError> {
    let encoder = term.operand("Reshape").and_then(Term::node);
    let Some((node, 0)) = encoder.filter(|(node, _)| node.operator == "LabelEncoder") else {
        return Err(OnnxError::value(term.name, "does not come from a table of leaves"));
    };
    let (keys, values) = (node.ints("keys_int64s", budget)?, node.floats("values_floats", budget)?);
    if keys.len() != values.len() {
        return Err(node.refused("it does not have one value for each key"));
    }
    budget.memory(32 * keys.len())?;
    let leaf = term.input_of(node, 0)?;
    let leaf = leaf.operand("Cast").ok_or_else(|| node.refused("it does not take the number of a leaf"))?;
    Ok((keys.into_iter().zip(values).collect(), leaf))
}

/// The attributes of the operator.
struct Ensemble {
    /// The place of each node, by its number.
    places: HashMap<i64, u32>,
    features: Vec<i64>,
    thresholds: Vec<f64>,
    modes: Vec<Mode>,
    children: [Vec<i64>; 2],
    /// What the tree gives at each leaf.
    leaves: HashMap<i64, i64>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    AtMost,
    Below,
    Leaf,
}

impl Ensemble {
    fn read(node: &NodeProto<'_>, budget: &mut Budget<'_>) -> Result<Self, OnnxError> {
        let one = |numbers: &[i64]| numbers.windows(2).all(|pair| pair[0] == pair[1]);
        let transformed = node.text("post_transform")?.is_some_and(|transform| transform != "NONE");
        let aggregated = node.text("aggregate_function")?.is_some_and(|function| function != "SUM");
        let several = !one(&node.ints("nodes_treeids", budget)?) || node.int("n_targets")?.is_some_and(|n| n != 1);
        if transformed || aggregated || several || node.attribute("base_values").is_some() {
            return Err(node.refused("expected one tree with one target, and nothing done to what it gives"));
        }
        let modes = node.attribute("nodes_modes").map_or(Ok(Vec::new()), |modes| modes.strings(budget))?;
        let modes = modes.into_iter().map(|mode| match mode {
            b"BRANCH_LEQ" => Ok(Mode::AtMost),
            b"BRANCH_LT" => Ok(Mode::Below),
            b"LEAF" => Ok(Mode::Leaf),
            _ => Err(node.refused("a node of it is neither a leaf nor compares by <= or <")),
        });
        let modes = modes.collect::<Result<Vec<_>, _>>()?;
        let numbers = node.ints("nodes_nodeids", budget)?;
        let (features, thresholds) = (node.ints("nodes_featureids", budget)?, node.floats("nodes_values", budget)?);
        let children = [node.ints("nodes_truenodeids", budget)?, node.ints("nodes_falsenodeids", budget)?];
        let targets = node.ints("target_nodeids", budget)?;
        let weights = node.floats("target_weights", budget)?;
        let count = numbers.len();
        let lengths = [modes.len(), features.len(), thresholds.len(), children[0].len(), children[1].len()];
        if lengths != [count; 5] || targets.len() != weights.len() {
            return Err(node.refused("its attributes are of different lengths"));
        }
        budget.memory(64 * count)?;
        let places: HashMap<_, _> = numbers.into_iter().zip(0..).collect();
        #[expect(clippy::cast_possible_truncation, reason = "the number of a node; any other is in no table")]
        let leaves: HashMap<_, _> = targets.into_iter().zip(weights.into_iter().map(|weight| weight as i64)).collect();
        if places.len() != count {
            return Err(node.refused("two nodes have one number"));
        }
        Ok(Self { places, features, thresholds, modes, children, leaves })
    }

    /// The tree, with the training rows of its leaves. `columns` are those of the rows that it takes, if not all.
    fn tree(
        &self,
        node: &NodeProto<'_>,
        samples: &HashMap<i64, f64>,
        columns: Option<&[usize]>,
    ) -> Result<Vec<Node>, OnnxError> {
        let column = |feature: i64| {
            let feature = usize::try_from(feature).ok()?;
            let column = columns.map_or(Some(feature), |columns| columns.get(feature).copied())?;
            u32::try_from(column).ok()
        };
        let mut tree = vec![Node::Leaf { samples: 0 }; self.modes.len()];
        for (number, place) in &self.places {
            let at = *place as usize;
            tree[at] = if self.modes[at] == Mode::Leaf {
                let samples = self.leaves.get(number).and_then(|leaf| samples.get(leaf));
                let samples = samples.and_then(|samples| whole(*samples));
                Node::Leaf { samples: samples.ok_or_else(|| node.refused("a leaf has no training rows"))? }
            } else {
                let child = |side: usize| self.places.get(&self.children[side][at]).copied();
                let (Some(feature), Some(left), Some(right)) = (column(self.features[at]), child(0), child(1)) else {
                    return Err(node.refused("a node leads nowhere, or compares a feature that is not there"));
                };
                let at_most = round_down(self.thresholds[at]);
                let threshold = if self.modes[at] == Mode::Below { at_most.next_down() } else { at_most };
                Node::Split { feature, threshold, left, right, nan_left: false }
            };
        }
        Ok(tree)
    }

    /// The table of path lengths must say what the tree itself says.
    fn check_paths(&self, node: &NodeProto<'_>, tree: &[Node], path: &HashMap<i64, f64>) -> Result<(), OnnxError> {
        let wrong = || node.refused("the table of path lengths does not agree with the tree");
        let mut numbers = vec![0; tree.len()];
        for (number, place) in &self.places {
            numbers[*place as usize] = *number;
        }
        let mut waiting = vec![(0_u32, 1_u32)];
        // A tree has each node on one path; in anything else some are on several.
        for _ in 0..tree.len() {
            let Some((place, nodes)) = waiting.pop() else { break };
            match tree.get(place as usize) {
                Some(Node::Split { left, right, .. }) => waiting.extend([(*left, nodes + 1), (*right, nodes + 1)]),
                Some(Node::Leaf { .. }) => {
                    let length = self.leaves.get(&numbers[place as usize]).and_then(|leaf| path.get(leaf));
                    if length.copied().and_then(whole) != Some(nodes) {
                        return Err(wrong());
                    }
                }
                None => return Err(wrong()),
            }
        }
        if waiting.is_empty() { Ok(()) } else { Err(wrong()) }
    }
}
