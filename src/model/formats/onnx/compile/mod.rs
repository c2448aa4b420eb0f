//! Graphs of networks as [programs](Program): each operator becomes steps over the numbers of one row.
//!
//! Only operators that treat each row by itself are taken, and the shape of every value is known here. So neither a row's
//! answer nor what its evaluation costs depends on anything else that a file says. What is made of constants alone is
//! made while the file is read. The operators are those of ONNX's standard set, by what they meant from version 7 on.

mod arrange;
mod elementwise;
mod product;
mod reduce;
mod shapes;
mod value;

use std::sync::Arc;

pub(super) use value::Value;

use super::budget::Budget;
use super::error::OnnxError;
use super::graph::{Graph, Term};
use super::proto::NodeProto;
use super::tensor::Tensor;
use crate::model::network::{Combination, Operand, Operation, Program};
use value::Kind;

const SUPPORTED: &str = "supported are networks of dense layers: Gemm, MatMul, arithmetic, comparisons, activations, \
                         BatchNormalization, LayerNormalization, Softmax, Concat, Split, Slice, Gather, Reshape, \
                         Transpose and others that move numbers within a row, and sums, means and norms over features";

/// The memory of a step beside its numbers, with room for more, in bytes.
const STEP: usize = 256;

/// The most nodes of a network.
const MAX_NODES: usize = 1_000;

/// The values of some of a graph's outputs, and the program that makes them.
pub(super) fn compile<'g, 'a>(
    graph: &'g Graph<'a>,
    outputs: &[Term<'g, 'a>],
    opset: i64,
    budget: &mut Budget<'_>,
) -> Result<(Program, Vec<Value>), OnnxError> {
    if graph.nodes.len() > MAX_NODES {
        return Err(OnnxError::graph(format!("has {} nodes; a network may have {MAX_NODES}", graph.nodes.len())));
    }
    let mut compiler =
        Compiler { graph, opset, program: Program::new(graph.width), values: vec![None; graph.values()] };
    for node in needed(graph, outputs) {
        budget.part()?;
        Operator { compiler: &mut compiler, node, budget }.compile()?;
    }
    let values = outputs.iter().map(|output| compiler.value(*output, budget));
    let values = values.map(|value| value?.ok_or_else(|| OnnxError::graph("gives a value that nothing makes")));
    let values = values.collect::<Result<Vec<_>, _>>()?;
    Ok((compiler.program, values))
}

/// The nodes that some outputs need, in their order.
fn needed<'g, 'a>(graph: &'g Graph<'a>, outputs: &[Term<'g, 'a>]) -> Vec<&'g NodeProto<'a>> {
    let mut needed = vec![false; graph.values()];
    let mark = |id: usize, needed: &mut Vec<bool>| {
        if let Some(place) = needed.get_mut(id) {
            *place = true;
        }
    };
    outputs.iter().for_each(|output| mark(output.id, &mut needed));
    let mut nodes = Vec::new();
    for node in graph.nodes.iter().rev() {
        if node.outputs.iter().any(|output| needed.get(output.id) == Some(&true)) {
            node.inputs.iter().for_each(|input| mark(input.id, &mut needed));
            nodes.push(node);
        }
    }
    nodes.reverse();
    nodes
}

/// What was compiled so far.
struct Compiler<'g, 'a> {
    graph: &'g Graph<'a>,
    /// The version of the operators.
    opset: i64,
    program: Program,
    /// By their numbers in the graph.
    values: Vec<Option<Value>>,
}

impl<'a> Compiler<'_, 'a> {
    /// A value that the graph holds or that was made; `None` for one that no step made.
    fn value(&mut self, term: Term<'_, 'a>, budget: &mut Budget<'_>) -> Result<Option<Value>, OnnxError> {
        if let Some(known) = self.values.get(term.id).and_then(Option::as_ref) {
            return Ok(Some(known.clone()));
        }
        let value = if term.is_input() {
            Value { kind: Kind::Float, of_rows: true, dims: vec![self.graph.width], place: Operand::Value(0) }
        } else if let Some(columns) = term.columns() {
            let dims = vec![columns.len()];
            let places: Arc<[u32]> = columns.filter_map(|column| u32::try_from(column).ok()).collect();
            budget.memory(size_of_val(&*places))?;
            let place = self.program.push(Operation::Pick(Operand::Value(0), places), dims[0]);
            Value { kind: Kind::Float, of_rows: true, dims, place }
        } else if let Some(tensor) = term.tensor() {
            constant(tensor, budget)?
        } else {
            return Ok(None);
        };
        if let Some(place) = self.values.get_mut(term.id) {
            *place = Some(value.clone());
        }
        Ok(Some(value))
    }
}

fn constant(tensor: &Tensor<'_>, budget: &mut Budget<'_>) -> Result<Value, OnnxError> {
    let place = Operand::Constant(tensor.numbers(budget)?.into());
    // While it moves to its place, it is there twice.
    budget.memory(size_of::<f64>() * tensor.len())?;
    Ok(Value { kind: Kind::of(tensor.element), of_rows: false, dims: tensor.dims.clone(), place })
}

/// One node on its way to steps.
struct Operator<'c, 'b, 'l, 'g, 'a> {
    compiler: &'c mut Compiler<'g, 'a>,
    node: &'g NodeProto<'a>,
    budget: &'b mut Budget<'l>,
}

impl<'g, 'a> Operator<'_, '_, '_, 'g, 'a> {
    fn compile(&mut self) -> Result<(), OnnxError> {
        let [output, further @ ..] = &self.node.outputs[..] else { return Err(self.refused("it gives nothing")) };
        // What holds a tensor is a constant of the graph.
        if self.compiler.graph.term(*output).tensor().is_some() {
            return Ok(());
        }
        if self.node.domain.is_empty() && self.node.operator == "Split" {
            return self.split();
        }
        // The mask of Dropout is for training.
        if further.iter().any(|name| !name.text.is_empty()) && self.node.operator != "Dropout" {
            return Err(self.refused("it gives several values; expected one"));
        }
        let value = match self.node.domain {
            "" => self.standard()?,
            "ai.onnx.ml" if self.node.operator == "Scaler" => self.scaler()?,
            "ai.onnx.ml" if self.node.operator == "FeatureVectorizer" => self.concat()?,
            _ => return Err(self.refused(SUPPORTED)),
        };
        self.keep(output.id, value)
    }

    fn standard(&mut self) -> Result<Value, OnnxError> {
        if let Some(value) = self.function()? {
            return Ok(value);
        }
        if let Some(value) = self.combination()? {
            return Ok(value);
        }
        if let Some(value) = self.reduction()? {
            return Ok(value);
        }
        match self.node.operator {
            "Identity" => self.taken(0),
            "Dropout" => self.dropout(),
            "Cast" => self.cast(),
            "CastLike" => {
                let kind = self.taken(1)?.kind;
                let value = self.taken(0)?;
                self.cast_to(value, kind)
            }
            "Clip" => self.clip(),
            "Where" => self.select(),
            "MatMul" => self.matmul(),
            "Gemm" => self.gemm(),
            "BatchNormalization" => self.batch_normalization(),
            "LayerNormalization" => self.layer_normalization(),
            "LpNormalization" => self.length_normalization(),
            "Softmax" | "LogSoftmax" => self.softmax(),
            "Flatten" => self.flatten(),
            "Reshape" => self.reshape(),
            "Transpose" => self.transpose(),
            "Squeeze" => self.squeeze(),
            "Unsqueeze" => self.unsqueeze(),
            "Concat" => self.concat(),
            "Slice" => self.slice(),
            "Gather" => self.gather(),
            "Expand" => self.expand(),
            "Tile" => self.tile(),
            "Shape" => self.shape(),
            "Constant" => self.constant(),
            "ConstantOfShape" => self.constant_of_shape(),
            _ => Err(self.refused(SUPPORTED)),
        }
    }

    fn refused(&self, problem: impl Into<String>) -> OnnxError {
        self.node.refused(problem)
    }

    /// Whether the node takes a value there.
    fn takes(&self, place: usize) -> bool {
        self.node.inputs.get(place).is_some_and(|name| !name.text.is_empty())
    }

    /// The value that the node takes there.
    fn taken(&mut self, place: usize) -> Result<Value, OnnxError> {
        match self.taken_if_there(place)? {
            Some(value) => Ok(value),
            None => Err(self.refused("it takes too few values")),
        }
    }

    /// The value that the node takes there, unless it was left out.
    fn taken_if_there(&mut self, place: usize) -> Result<Option<Value>, OnnxError> {
        if !self.takes(place) {
            return Ok(None);
        }
        let term = self.compiler.graph.term(self.node.inputs[place]);
        let value = self.compiler.value(term, self.budget)?;
        value.map(Some).ok_or_else(|| self.refused("it takes a value that is for training, or of no use"))
    }

    /// The numbers of a constant that the node takes there.
    fn constants(&mut self, place: usize) -> Result<Arc<[f64]>, OnnxError> {
        let value = self.taken(place)?;
        match value.place.constant().filter(|_| !value.of_rows) {
            Some(numbers) => {
                self.budget.look(numbers.len())?;
                Ok(Arc::clone(numbers))
            }
            None => Err(self.refused("it takes a value that depends on the rows where a constant is expected")),
        }
    }

    /// The whole numbers of a constant that the node takes there.
    fn ints(&mut self, place: usize) -> Result<Vec<i64>, OnnxError> {
        let numbers = self.constants(place)?;
        if numbers.iter().any(|number| number.is_nan()) {
            return Err(self.refused(value::OF_BATCH));
        }
        #[expect(clippy::cast_possible_truncation, reason = "what is beyond them all is \"to the end\"")]
        Ok(numbers.iter().map(|number| *number as i64).collect())
    }

    /// Whole numbers that older versions have as an attribute, and newer ones take as a constant.
    fn attribute_or_input(&mut self, name: &str, place: usize) -> Result<Option<Vec<i64>>, OnnxError> {
        if let Some(attribute) = self.node.attribute(name) {
            return attribute.ints(self.budget).map(Some);
        }
        if self.takes(place) { self.ints(place).map(Some) } else { Ok(None) }
    }

    /// Adds a step.
    fn push(&mut self, operation: Operation, size: usize) -> Result<Operand, OnnxError> {
        self.budget.part()?;
        self.budget.memory(STEP)?;
        if size == 0 {
            return Err(self.refused("it makes a value without numbers"));
        }
        self.budget.elements(&[size])?;
        // Where its numbers lie is told from the constants that it takes.
        let constants = operation.operands().into_iter().filter_map(Operand::constant).map(|numbers| numbers.len());
        self.budget.look(4 * constants.sum::<usize>())?;
        if operation.operands().into_iter().all(|operand| operand.constant().is_some()) {
            self.budget.look(operation.work(size))?;
            self.budget.memory(2 * size_of::<f64>() * size)?;
        }
        if let Operation::Multiply(_, weights) = &operation {
            self.budget.look(weights.len())?;
        }
        Ok(self.compiler.program.push(operation, size))
    }

    /// Adds a step whose numbers are of this shape.
    fn made(&mut self, operation: Operation, like: Value) -> Result<Value, OnnxError> {
        let place = self.push(operation, like.size())?;
        Ok(Value { place, ..like })
    }

    fn keep(&mut self, id: usize, value: Value) -> Result<(), OnnxError> {
        self.budget.elements(&value.dims)?;
        if value.dims.len() > value::MAX_DIMENSIONS {
            return Err(self.refused("it makes a value of too many dimensions"));
        }
        if let Some(place) = self.compiler.values.get_mut(id) {
            *place = Some(value);
        }
        Ok(())
    }

    /// A value less a constant, then times another: as scikit-learn's scalers are written.
    fn scaler(&mut self) -> Result<Value, OnnxError> {
        let (offset, scale) = (self.node.floats("offset", self.budget)?, self.node.floats("scale", self.budget)?);
        let mut value = self.taken(0)?;
        for (combination, numbers) in [(Combination::Subtract, offset), (Combination::Multiply, scale)] {
            let constant = Value::constant(Kind::Float, vec![numbers.len()], numbers);
            value = self.combined(combination, value, constant, Kind::Float)?;
        }
        Ok(value)
    }
}
