//! What is done to rows before the detector sees them, as steps of preprocessing.

use super::budget::Budget;
use super::error::OnnxError;
use super::graph::Term;
use super::pattern::number_of;
use super::proto::NodeProto;
use super::tensor::Tensor;
use crate::model::preprocessing::{
    Branch, ColumnTransformer, MinMaxScaler, MinMaxScalerParams, MissingMarker, Pca, PcaParams, Replacement,
    SimpleImputer, SimpleImputerParams, StandardScaler, Step,
};

const SUPPORTED: &str = "no step of preprocessing does this; supported: StandardScaler, MinMaxScaler, MaxAbsScaler, \
                         RobustScaler, PCA, SimpleImputer, ColumnTransformer";

/// Rows on their way through the graph.
#[derive(Debug)]
pub(super) struct Rows {
    pub(super) steps: Vec<Step>,
    /// How many features a row has by now.
    pub(super) width: usize,
}

/// Follows a value back to the rows that go into the graph.
///
/// # Errors
/// When an operator on the way does something that no step does.
pub(super) fn rows(
    term: Term<'_, '_>,
    input_width: usize,
    depth: usize,
    budget: &mut Budget<'_>,
) -> Result<Rows, OnnxError> {
    budget.depth(depth)?;
    let way = Way::back(term, Until::Joint, budget)?;
    let mut rows = if way.start.is_input() {
        Rows { steps: Vec::new(), width: input_width }
    } else if let Some(columns) = way.start.columns() {
        let mut rows = Rows { steps: Vec::new(), width: input_width };
        rows.take(columns.collect())?;
        rows
    } else {
        joined(way.start, input_width, depth, budget)?
    };
    rows.follow(way, budget)?;
    Ok(rows)
}

/// The operators between two values, the last first.
struct Way<'g, 'a> {
    start: Term<'g, 'a>,
    operators: Vec<(&'g NodeProto<'a>, Term<'g, 'a>)>,
}

/// Where a way back ends, if it does not lead to the rows that go into the graph.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Until {
    /// Where columns are put beside each other.
    Joint,
    /// There, and where columns are taken out of rows.
    Columns,
}

impl<'g, 'a> Way<'g, 'a> {
    fn back(term: Term<'g, 'a>, until: Until, budget: &mut Budget<'_>) -> Result<Self, OnnxError> {
        let mut way = Self { start: term.bare(budget)?, operators: Vec::new() };
        while !way.start.is_input() {
            let term = way.start;
            if term.columns().is_some() {
                break;
            }
            let Some((node, 0)) = term.node() else {
                return Err(OnnxError::value(term.name, "is no row of features"));
            };
            if is_joint(node) || (until == Until::Columns && selected(term, budget)?.1.is_some()) {
                break;
            }
            budget.parts(node.inputs.len())?;
            let rows = term.inputs(node).find(|input| constant(*input).is_none()).ok_or_else(|| {
                node.refused("takes nothing that depends on the rows; expected a step of preprocessing")
            })?;
            way.operators.push((node, term));
            way.start = rows.bare(budget)?;
        }
        Ok(way)
    }
}

/// Whether a node puts columns beside each other.
fn is_joint(node: &NodeProto<'_>) -> bool {
    matches!((node.domain, node.operator), ("", "Concat") | ("ai.onnx.ml", "FeatureVectorizer"))
}

/// Columns that went different ways, beside each other again: a `ColumnTransformer`.
fn joined(term: Term<'_, '_>, input_width: usize, depth: usize, budget: &mut Budget<'_>) -> Result<Rows, OnnxError> {
    let Some((node, 0)) = term.node() else { return Err(OnnxError::value(term.name, "is no row of features")) };
    if !matches!(node.int("axis")?, None | Some(1 | -1)) {
        return Err(node.refused("it mixes rows; expected it to put columns beside each other"));
    }
    let mut ways = Vec::new();
    let mut base: Option<Term<'_, '_>> = None;
    for input in term.inputs(node) {
        let way = Way::back(input, Until::Columns, budget)?;
        let (of, columns) = selected(way.start, budget)?;
        if base.replace(of).is_some_and(|before| before.id != of.id) {
            return Err(node.refused("its parts are not all made of the same rows"));
        }
        ways.push((way, columns));
    }
    let base = base.filter(|base| base.id != term.id).ok_or_else(|| node.refused("it joins nothing"))?;
    let mut rows = rows(base, input_width, depth + 1, budget)?;
    let mut branches = Vec::new();
    for (way, columns) in ways {
        let columns = match columns {
            Some(columns) => columns,
            None => {
                budget.memory(size_of::<usize>() * rows.width)?;
                (0..rows.width).collect()
            }
        };
        let mut branch = Rows { steps: Vec::new(), width: columns.len() };
        branch.follow(way, budget)?;
        branches.push(Branch { columns, steps: branch.steps, weight: 1.0 });
    }
    let widths = node.ints("inputdimensions", budget)?;
    if !widths.is_empty()
        && !branches.iter().map(branch_width).eq(widths.iter().map(|width| usize::try_from(*width).ok()))
    {
        return Err(node.refused("its parts have other widths than it says"));
    }
    // Inputs that hold a column each, and are put together in their order, are the rows.
    let columns = branches.iter().flat_map(|branch| &branch.columns).copied();
    if branches.iter().any(|branch| !branch.steps.is_empty()) || !columns.eq(0..rows.width) {
        rows.push(Step::ColumnTransformer(ColumnTransformer::new(rows.width, branches)?));
    }
    Ok(rows)
}

fn branch_width(branch: &Branch) -> Option<usize> {
    Some(branch.steps.last().map_or(branch.columns.len(), Step::output_width))
}

/// The rows that columns are taken of, and which; `None` where all stay.
pub(super) fn selected<'g, 'a>(
    term: Term<'g, 'a>,
    budget: &mut Budget<'_>,
) -> Result<(Term<'g, 'a>, Option<Vec<usize>>), OnnxError> {
    let term = term.bare(budget)?;
    if let Some(columns) = term.columns() {
        return Ok((term.rows(), Some(columns.collect())));
    }
    let Some((node, 0)) = term.node() else { return Ok((term, None)) };
    if is_joint(node) {
        // Inputs that hold columns, some of them put together.
        budget.parts(node.inputs.len())?;
        let columns = term.inputs(node).map(Term::columns).collect::<Option<Vec<_>>>();
        let count = columns.iter().flatten().map(ExactSizeIterator::len).fold(0_usize, usize::saturating_add);
        budget.memory(size_of::<usize>().saturating_mul(count))?;
        return Ok(columns.map_or((term, None), |columns| (term.rows(), Some(columns.into_iter().flatten().collect()))));
    }
    let columns = match (node.domain, node.operator) {
        ("ai.onnx.ml", "ArrayFeatureExtractor") => true,
        ("", "Gather") => matches!(node.int("axis")?, Some(1 | -1)),
        _ => false,
    };
    let Some(tensor) = term.input(node, 1).and_then(Term::tensor).filter(|_: &&Tensor<'_>| columns) else {
        return Ok((term, None));
    };
    let columns = tensor.ints(budget)?.into_iter().map(|column| {
        usize::try_from(column).map_err(|_| node.refused(format!("it takes column {column}; expected one from 0 on")))
    });
    Ok((term.input_of(node, 0)?.bare(budget)?, Some(columns.collect::<Result<_, _>>()?)))
}

/// The tensor behind a constant, and whether its root is meant.
fn constant<'g, 'a>(term: Term<'g, 'a>) -> Option<(Term<'g, 'a>, bool)> {
    if term.tensor().is_some() {
        return Some((term, false));
    }
    term.operand("Sqrt").filter(|root| root.tensor().is_some()).map(|root| (root, true))
}

impl Rows {
    fn push(&mut self, step: Step) {
        self.width = step.output_width();
        self.steps.push(step);
    }

    /// Leaves only some of the columns.
    fn take(&mut self, columns: Vec<usize>) -> Result<(), OnnxError> {
        let branch = Branch { columns, steps: Vec::new(), weight: 1.0 };
        self.push(Step::ColumnTransformer(ColumnTransformer::new(self.width, vec![branch])?));
        Ok(())
    }

    /// Goes a way from its start to its end.
    fn follow(&mut self, way: Way<'_, '_>, budget: &mut Budget<'_>) -> Result<(), OnnxError> {
        way.operators.into_iter().rev().try_for_each(|(node, term)| self.apply(node, term, budget))
    }

    fn apply<'a>(
        &mut self,
        node: &NodeProto<'a>,
        term: Term<'_, 'a>,
        budget: &mut Budget<'_>,
    ) -> Result<(), OnnxError> {
        match (node.domain, node.operator) {
            ("ai.onnx.ml", "Scaler") => {
                let offset = self.spread(node, node.floats("offset", budget)?, budget)?;
                let scale = self.spread(node, node.floats("scale", budget)?, budget)?;
                self.subtract(offset)?;
                self.divide(scale.into_iter().map(f64::recip).collect())?;
            }
            ("", "Sub") => {
                let subtracted = self.second(node, term, budget)?;
                self.subtract(subtracted)?;
            }
            ("", "Div") => {
                let divisor = self.second(node, term, budget)?;
                self.divide(divisor)?;
            }
            ("", "Mul") => {
                let (scale, min) = (self.either(node, term, budget)?, vec![0.0; self.width]);
                self.push(Step::MinMaxScaler(MinMaxScaler::new(MinMaxScalerParams {
                    scale,
                    min,
                    clip: None,
                    seen: None,
                })?));
            }
            ("", "Add") => {
                let added = self.either(node, term, budget)?;
                self.add(added)?;
            }
            ("", "Clip") => self.clip(node, term, budget)?,
            ("", "MatMul") => self.project(node, term, budget)?,
            ("ai.onnx.ml", "Imputer") => self.impute(node, budget)?,
            ("ai.onnx.ml", "ArrayFeatureExtractor") | ("", "Gather") => {
                let (_, columns) = selected(term, budget)?;
                let columns =
                    columns.ok_or_else(|| node.refused("it takes something else than columns of the rows"))?;
                self.take(columns)?;
            }
            _ => return Err(node.refused(SUPPORTED)),
        }
        Ok(())
    }

    /// One number a feature; a single one counts for all.
    fn spread(&self, node: &NodeProto<'_>, numbers: Vec<f64>, budget: &mut Budget<'_>) -> Result<Vec<f64>, OnnxError> {
        // A step holds them, and what it makes of them.
        budget.memory(2 * size_of::<f64>() * self.width)?;
        match numbers[..] {
            [number] => Ok(vec![number; self.width]),
            _ if numbers.len() == self.width => Ok(numbers),
            _ => Err(node.refused(format!("it has {} numbers for rows of {} features", numbers.len(), self.width))),
        }
    }

    fn numbers(
        &self,
        node: &NodeProto<'_>,
        term: Term<'_, '_>,
        budget: &mut Budget<'_>,
    ) -> Result<Vec<f64>, OnnxError> {
        let Some((constant, root)) = constant(term) else {
            return Err(
                node.refused("it takes two values that depend on the rows; expected one of them to be constant")
            );
        };
        let numbers = constant.tensor().map_or(Ok(Vec::new()), |tensor| tensor.floats(budget))?;
        let numbers = self.spread(node, numbers, budget)?;
        Ok(if root { numbers.into_iter().map(f64::sqrt).collect() } else { numbers })
    }

    /// The constant that a node takes second.
    fn second(&self, node: &NodeProto<'_>, term: Term<'_, '_>, budget: &mut Budget<'_>) -> Result<Vec<f64>, OnnxError> {
        let second = term.inputs(node).nth(1).ok_or_else(|| node.refused("it takes two values"))?;
        self.numbers(node, second, budget)
    }

    /// The constant that a node takes first or second.
    fn either(&self, node: &NodeProto<'_>, term: Term<'_, '_>, budget: &mut Budget<'_>) -> Result<Vec<f64>, OnnxError> {
        let constant = term.inputs(node).find(|input| constant(*input).is_some());
        self.numbers(node, constant.ok_or_else(|| node.refused("it takes no constant"))?, budget)
    }

    fn subtract(&mut self, mean: Vec<f64>) -> Result<(), OnnxError> {
        if mean.iter().any(|number| *number != 0.0) {
            self.push(Step::StandardScaler(StandardScaler::new(self.width, Some(mean), None)?));
        }
        Ok(())
    }

    /// Joins the division with a subtraction just before it.
    fn divide(&mut self, scale: Vec<f64>) -> Result<(), OnnxError> {
        let mean = self.take_mean();
        self.push(Step::StandardScaler(StandardScaler::new(self.width, mean, Some(scale))?));
        Ok(())
    }

    /// What the step before subtracts, if it does nothing else; then the step is gone.
    fn take_mean(&mut self) -> Option<Vec<f64>> {
        match self.steps.last() {
            Some(Step::StandardScaler(last)) if last.scale().is_none() => {
                let mean = last.mean().map(<[f64]>::to_vec);
                self.steps.pop();
                mean
            }
            _ => None,
        }
    }

    /// Joins the sum with a multiplication just before it.
    fn add(&mut self, added: Vec<f64>) -> Result<(), OnnxError> {
        let params = match self.steps.last() {
            Some(Step::MinMaxScaler(last)) => last.params(),
            _ => return self.subtract(added.into_iter().map(|number| -number).collect()),
        };
        if params.clip.is_none() {
            self.steps.pop();
            let min = params.min.iter().zip(&added).map(|(min, added)| min + added).collect();
            self.push(Step::MinMaxScaler(MinMaxScaler::new(MinMaxScalerParams { min, ..params })?));
            return Ok(());
        }
        self.subtract(added.into_iter().map(|number| -number).collect())
    }

    /// Joins the bounds with a `MinMaxScaler` just before them.
    fn clip(&mut self, node: &NodeProto<'_>, term: Term<'_, '_>, budget: &mut Budget<'_>) -> Result<(), OnnxError> {
        let mut bound = |place: usize, name: &str| match term.input(node, place) {
            Some(bound) => number_of(bound, budget),
            None => node.float(name),
        };
        let (Some(low), Some(high)) = (bound(1, "min")?, bound(2, "max")?) else {
            return Err(node.refused("its bounds are not two constant numbers"));
        };
        let params = match self.steps.last() {
            Some(Step::MinMaxScaler(last)) => last.params(),
            _ => return Err(node.refused("it does not stand behind a MinMaxScaler")),
        };
        self.steps.pop();
        self.push(Step::MinMaxScaler(MinMaxScaler::new(MinMaxScalerParams { clip: Some((low, high)), ..params })?));
        Ok(())
    }

    /// A matrix, and a subtraction just before it: principal components.
    fn project(&mut self, node: &NodeProto<'_>, term: Term<'_, '_>, budget: &mut Budget<'_>) -> Result<(), OnnxError> {
        let matrix = term.input_of(node, 1)?.tensor().ok_or_else(|| node.refused("its matrix is not constant"))?;
        let [features, components] = matrix.dims[..] else {
            return Err(node.refused("its constant has not two dimensions"));
        };
        if features != self.width {
            return Err(node.refused(format!("its matrix is of {features} features, and its rows of {}", self.width)));
        }
        let by_feature = matrix.floats(budget)?;
        budget.memory(size_of_val(&*by_feature))?;
        let components = (0..components)
            .flat_map(|component| by_feature.iter().skip(component).step_by(components))
            .copied()
            .collect();
        let mean = self.take_mean().unwrap_or_else(|| vec![0.0; features]);
        self.push(Step::Pca(Pca::new(&PcaParams { mean, components, whiten: None })?));
        Ok(())
    }

    fn impute(&mut self, node: &NodeProto<'_>, budget: &mut Budget<'_>) -> Result<(), OnnxError> {
        let missing = match node.float("replaced_value_float")?.unwrap_or(0.0) {
            number if number.is_nan() => MissingMarker::NaN,
            number => MissingMarker::Number(number),
        };
        let replacements = self.spread(node, node.floats("imputed_value_floats", budget)?, budget)?;
        self.push(Step::SimpleImputer(SimpleImputer::new(SimpleImputerParams {
            missing,
            strategy: Replacement::Middle,
            replacements: replacements.into_iter().map(Some).collect(),
            indicators: Vec::new(),
        })?));
        Ok(())
    }
}
