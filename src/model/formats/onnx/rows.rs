//! What is done to rows before the detector sees them, as steps of preprocessing.

use super::budget::Budget;
use super::error::OnnxError;
use super::graph::Term;
use super::proto::NodeProto;
use crate::model::preprocessing::{StandardScaler, Step};

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
pub(super) fn rows<'a>(term: Term<'_, 'a>, input_width: usize, budget: &mut Budget<'_>) -> Result<Rows, OnnxError> {
    let mut way = Vec::new();
    let mut term = term.bare()?;
    while !term.is_input() {
        budget.part()?;
        let Some((node, 0)) = term.node() else {
            return Err(OnnxError::value(term.name, "is no row of features"));
        };
        let rows = term
            .inputs(node)
            .find(|input| constant(*input).is_none())
            .ok_or_else(|| node.refused("takes nothing that depends on the rows; expected a step of preprocessing"))?;
        way.push((node, term));
        term = rows.bare()?;
    }
    let mut rows = Rows { steps: Vec::new(), width: input_width };
    for (node, term) in way.into_iter().rev() {
        rows.apply(node, term, budget)?;
    }
    Ok(rows)
}

/// The rows that columns are taken of, and which; `None` where all stay.
pub(super) fn selected<'g, 'a>(
    term: Term<'g, 'a>,
    budget: &mut Budget<'_>,
) -> Result<(Term<'g, 'a>, Option<Vec<usize>>), OnnxError> {
    let term = term.bare()?;
    let Some((node, 0)) = term.node() else { return Ok((term, None)) };
    let columns = match (node.domain, node.operator) {
        ("ai.onnx.ml", "ArrayFeatureExtractor") => true,
        ("", "Gather") => matches!(node.int("axis")?, Some(1 | -1)),
        _ => false,
    };
    let Some(tensor) = term.input(node, 1).and_then(Term::tensor).filter(|_| columns) else { return Ok((term, None)) };
    let columns = tensor.ints(budget)?.into_iter().map(|column| {
        usize::try_from(column).map_err(|_| node.refused(format!("it takes column {column}; expected one from 0 on")))
    });
    Ok((term.input_of(node, 0)?.bare()?, Some(columns.collect::<Result<_, _>>()?)))
}

/// The tensor behind a constant, and whether its root is meant.
fn constant<'g, 'a>(term: Term<'g, 'a>) -> Option<(Term<'g, 'a>, bool)> {
    if term.tensor().is_some() {
        return Some((term, false));
    }
    term.operand("Sqrt").filter(|root| root.tensor().is_some()).map(|root| (root, true))
}

impl Rows {
    fn apply<'a>(
        &mut self,
        node: &NodeProto<'a>,
        term: Term<'_, 'a>,
        budget: &mut Budget<'_>,
    ) -> Result<(), OnnxError> {
        match (node.domain, node.operator) {
            ("ai.onnx.ml", "Scaler") => {
                let offset = self.spread(node, node.floats("offset", budget)?)?;
                let scale = self.spread(node, node.floats("scale", budget)?)?;
                self.subtract(offset)?;
                self.divide(scale.into_iter().map(f64::recip).collect())
            }
            ("", "Sub") => {
                let subtracted = self.second(node, term, budget)?;
                self.subtract(subtracted)
            }
            ("", "Add") => {
                let added = self.either(node, term, budget)?;
                self.subtract(added.into_iter().map(|number| -number).collect())
            }
            ("", "Div") => {
                let divisor = self.second(node, term, budget)?;
                self.divide(divisor)
            }
            ("", "Mul") => {
                let factor = self.either(node, term, budget)?;
                self.divide(factor.into_iter().map(f64::recip).collect())
            }
            _ => Err(node.refused("no step of preprocessing does this; supported: those of StandardScaler, MinMaxScaler, MaxAbsScaler and RobustScaler")),
        }
    }

    /// One number a feature; a single one counts for all.
    fn spread(&self, node: &NodeProto<'_>, numbers: Vec<f64>) -> Result<Vec<f64>, OnnxError> {
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
        let numbers = self.spread(node, numbers)?;
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
            self.steps.push(Step::StandardScaler(StandardScaler::new(self.width, Some(mean), None)?));
        }
        Ok(())
    }

    /// Joins the division with a subtraction just before it.
    fn divide(&mut self, scale: Vec<f64>) -> Result<(), OnnxError> {
        let mean = match self.steps.last() {
            Some(Step::StandardScaler(last)) if last.scale().is_none() => last.mean().map(<[f64]>::to_vec),
            _ => None,
        };
        if mean.is_some() {
            self.steps.pop();
        }
        self.steps.push(Step::StandardScaler(StandardScaler::new(self.width, mean, Some(scale))?));
        Ok(())
    }
}
