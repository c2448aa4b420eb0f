//! Networks of dense layers: what each operator makes of rows, checked before tract sees the file.
//!
//! Every operator on the list treats each row by itself, and gives rows of a width that is known here. So neither a
//! row's value nor the memory that evaluation takes depends on what else a file says.

use std::collections::HashMap;

use super::budget::Budget;
use super::error::OnnxError;
use super::graph::{Graph, Term};
use super::proto::NodeProto;
use super::tensor::{Element, Tensor};
use crate::model::network::BATCH;

const SUPPORTED: &str = "supported are dense networks: Gemm, MatMul, Add, Sub, Mul, Div, Pow, BatchNormalization, \
                         LayerNormalization, Relu and other activations, Concat, Flatten, Reshape, ReduceMean, ReduceSum";

/// The most nodes of a network: tract takes time to plan each.
const MAX_NODES: usize = 1_000;

/// What a value is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Shape {
    /// Rows of this many numbers.
    Rows(usize),
    /// A number a row.
    Numbers,
    /// The same for all rows, of these dimensions.
    Constant(Vec<usize>),
}

impl Shape {
    /// The memory that it takes while a batch is evaluated.
    fn bytes(&self) -> usize {
        let numbers = match self {
            Self::Rows(width) => width.saturating_mul(BATCH),
            Self::Numbers => BATCH,
            Self::Constant(dims) => dims.iter().product(),
        };
        numbers.saturating_mul(size_of::<f32>())
    }
}

/// The shape of a value of the graph.
pub(super) fn shape_of(graph: &Graph<'_>, name: &str, budget: &mut Budget<'_>) -> Result<Option<Shape>, OnnxError> {
    if graph.nodes.len() > MAX_NODES {
        return Err(OnnxError::graph(format!("has {} nodes; a network may have {MAX_NODES}", graph.nodes.len())));
    }
    let mut shapes = HashMap::new();
    for node in &graph.nodes {
        budget.part()?;
        let [output, rest @ ..] = &node.outputs[..] else { return Err(node.refused("it gives nothing")) };
        if rest.iter().any(|name| !name.is_empty()) && node.operator != "Dropout" {
            return Err(node.refused("it gives several values; expected one"));
        }
        if graph.term(output).tensor().is_some() {
            continue;
        }
        let shape = Layer { graph, node, shapes: &shapes }.shape(budget)?;
        budget.memory(shape.bytes())?;
        shapes.insert(*output, shape);
    }
    Ok(shapes.remove(name))
}

/// One node, and the shapes of what stands before it.
struct Layer<'s, 'g, 'a> {
    graph: &'g Graph<'a>,
    node: &'g NodeProto<'a>,
    shapes: &'s HashMap<&'a str, Shape>,
}

impl<'g, 'a> Layer<'_, 'g, 'a> {
    fn shape(&self, budget: &mut Budget<'_>) -> Result<Shape, OnnxError> {
        if !self.node.domain.is_empty() {
            return Err(self.node.refused(SUPPORTED));
        }
        match self.node.operator {
            "Relu" | "LeakyRelu" | "Elu" | "Selu" | "Celu" | "Tanh" | "Sigmoid" | "HardSigmoid" | "Softplus"
            | "Softsign" | "Erf" | "Exp" | "Neg" | "Abs" | "Sqrt" | "Identity" | "Dropout" => self.operand(0),
            "Cast" => match self.node.int("to")?.and_then(Element::of) {
                Some(Element::Float32) => self.operand(0),
                _ => Err(self.node.refused("it casts to another type than float32")),
            },
            "Softmax" => {
                self.expect_axis(-1, "axis")?;
                self.rows(0).map(Shape::Rows)
            }
            "Add" | "Sub" | "Mul" | "Div" | "Pow" | "PRelu" => self.broadcast(0, 1),
            "Clip" => self.clip(),
            "MatMul" => {
                let weights = self.matrix(1)?;
                self.multiplied(weights)
            }
            "Gemm" => self.gemm(),
            "BatchNormalization" => self.normalization(5, "training_mode"),
            "LayerNormalization" => {
                self.expect_axis(-1, "axis")?;
                self.normalization(3, "")
            }
            "Flatten" => {
                self.expect_axis(1, "axis")?;
                self.rows(0).map(Shape::Rows)
            }
            "Reshape" => self.reshape(budget),
            "Transpose" => self.transpose(budget),
            "Concat" => self.concat(budget),
            "ReduceMean" | "ReduceSum" => self.reduce(budget),
            _ => Err(self.node.refused(SUPPORTED)),
        }
    }

    fn term(&self, place: usize) -> Option<Term<'g, 'a>> {
        self.node.inputs.get(place).filter(|name| !name.is_empty()).map(|name| self.graph.term(name))
    }

    fn operand(&self, place: usize) -> Result<Shape, OnnxError> {
        let term = self.term(place).ok_or_else(|| self.node.refused("it takes too few values"))?;
        if term.is_input() {
            return Ok(Shape::Rows(self.graph.width));
        }
        match (term.tensor(), self.shapes.get(term.name)) {
            (Some(Tensor { element: Element::Float32, dims, .. }), _) => Ok(Shape::Constant(dims.clone())),
            (None, Some(shape)) => Ok(shape.clone()),
            _ => Err(self.node.refused("it takes a value that is no row of float32")),
        }
    }

    fn rows(&self, place: usize) -> Result<usize, OnnxError> {
        match self.operand(place)? {
            Shape::Rows(width) => Ok(width),
            _ => Err(self.node.refused("it takes something else than rows of features there")),
        }
    }

    /// The rows and columns of constant weights.
    fn matrix(&self, place: usize) -> Result<[usize; 2], OnnxError> {
        match self.operand(place)? {
            Shape::Constant(dims) => dims.try_into().ok(),
            _ => None,
        }
        .ok_or_else(|| self.node.refused("its weights are not one constant matrix"))
    }

    fn multiplied(&self, [from, to]: [usize; 2]) -> Result<Shape, OnnxError> {
        let width = self.rows(0)?;
        match from == width && to > 0 {
            true => Ok(Shape::Rows(to)),
            false => {
                Err(self.node.refused(format!("its weights are {from} by {to}, and its rows have {width} numbers")))
            }
        }
    }

    fn gemm(&self) -> Result<Shape, OnnxError> {
        if self.node.int("transA")?.unwrap_or(0) != 0 {
            return Err(self.node.refused("it transposes the rows"));
        }
        let mut weights = self.matrix(1)?;
        if self.node.int("transB")?.unwrap_or(0) != 0 {
            weights.reverse();
        }
        let product = self.multiplied(weights)?;
        match self.term(2) {
            Some(_) => self.joined(product, self.operand(2)?),
            None => Ok(product),
        }
    }

    fn broadcast(&self, first: usize, second: usize) -> Result<Shape, OnnxError> {
        self.joined(self.operand(first)?, self.operand(second)?)
    }

    /// The shape of two values taken number by number.
    fn joined(&self, first: Shape, second: Shape) -> Result<Shape, OnnxError> {
        match (first, second) {
            (shape, Shape::Constant(dims)) | (Shape::Constant(dims), shape) => {
                let (last, others) = dims.split_last().map_or((1, &[][..]), |(last, others)| (*last, others));
                let fits = match &shape {
                    Shape::Rows(width) => (last == 1 || last == *width) && others.len() < 2,
                    Shape::Numbers => last == 1 && others.is_empty(),
                    Shape::Constant(_) => false,
                };
                if fits && others.iter().all(|dim| *dim == 1) {
                    return Ok(shape);
                }
            }
            (first, second) if first == second => return Ok(first),
            _ => {}
        }
        Err(self.node.refused("it takes two values of shapes that do not go together"))
    }

    fn clip(&self) -> Result<Shape, OnnxError> {
        for place in [1, 2].into_iter().filter(|place| self.term(*place).is_some()) {
            match self.operand(place)? {
                Shape::Constant(dims) if dims.is_empty() => {}
                _ => return Err(self.node.refused("its bounds are not constant numbers")),
            }
        }
        self.operand(0)
    }

    fn normalization(&self, inputs: usize, training: &str) -> Result<Shape, OnnxError> {
        if self.node.int(training)?.unwrap_or(0) != 0 {
            return Err(self.node.refused("it is in training mode; export the network in evaluation mode"));
        }
        let width = self.rows(0)?;
        for place in (1..inputs).filter(|place| *place < 2 || self.term(*place).is_some()) {
            if self.operand(place)? != Shape::Constant(vec![width]) {
                return Err(self.node.refused(format!("it does not have one number for each of the {width} of a row")));
            }
        }
        Ok(Shape::Rows(width))
    }

    fn ints(&self, place: usize, budget: &mut Budget<'_>) -> Result<Vec<i64>, OnnxError> {
        let tensor = self.term(place).and_then(Term::tensor);
        tensor.ok_or_else(|| self.node.refused("it takes a shape that is not constant"))?.ints(budget)
    }

    fn reshape(&self, budget: &mut Budget<'_>) -> Result<Shape, OnnxError> {
        let width = self.rows(0)?;
        let same = i64::try_from(width).unwrap_or(i64::MAX);
        match self.ints(1, budget)?[..] {
            [-1, to] | [0, to] if to == same => Ok(Shape::Rows(width)),
            [0, -1] => Ok(Shape::Rows(width)),
            _ => Err(self.node.refused(format!(
                "it does not keep rows of {width} numbers; expected the shape [-1, {width}]: export with a batch of any size"
            ))),
        }
    }

    fn transpose(&self, budget: &mut Budget<'_>) -> Result<Shape, OnnxError> {
        let mut dims = self.matrix(0)?;
        if !matches!(self.node.ints("perm", budget)?[..], [] | [1, 0]) {
            return Err(self.node.refused("it does not swap the two dimensions"));
        }
        dims.reverse();
        Ok(Shape::Constant(dims.into()))
    }

    fn concat(&self, budget: &mut Budget<'_>) -> Result<Shape, OnnxError> {
        self.expect_axis(0, "axis")?;
        let mut width = 0_usize;
        for place in 0..self.node.inputs.len() {
            width = width.saturating_add(self.rows(place)?);
            budget.elements(&[width])?;
        }
        Ok(Shape::Rows(width))
    }

    fn reduce(&self, budget: &mut Budget<'_>) -> Result<Shape, OnnxError> {
        self.rows(0)?;
        let axes = match self.node.attribute("axes") {
            Some(axes) => axes.ints(budget)?,
            None => self.ints(1, budget)?,
        };
        match (&axes[..], self.node.int("keepdims")?.unwrap_or(1)) {
            ([1 | -1], 0) => Ok(Shape::Numbers),
            ([1 | -1], _) => Ok(Shape::Rows(1)),
            _ => Err(self.node.refused("it mixes rows; expected axes = [1]")),
        }
    }

    /// The operator must work along the features, whichever way it counts them.
    fn expect_axis(&self, default: i64, name: &str) -> Result<(), OnnxError> {
        match self.node.int(name)?.unwrap_or(default) {
            1 | -1 => Ok(()),
            axis => Err(self.node.refused(format!("its axis is {axis}; expected 1, the features of a row"))),
        }
    }
}
