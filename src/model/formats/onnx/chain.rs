//! Networks that are nothing but a chain of dense layers, found in the graph: they need no runtime, and are evaluated in
//! float64.
//!
//! What is done to each number of a row by itself (scalers in front, biases, batch normalization) goes into the weights
//! of the layer before it, or behind it.

use ndarray::{Array1, Array2};

use super::budget::Budget;
use super::error::OnnxError;
use super::graph::{Graph, Term};
use super::proto::NodeProto;
use super::tensor::Element;
use crate::model::dense::{Activation, Dense, Layer};

/// What ONNX adds to a variance where a file does not say.
const EPSILON: f64 = 1e-5;

/// The layers that make a value, if it is made by a chain of them. Its shapes have been checked.
pub(super) fn layers(
    graph: &Graph<'_>,
    output: Term<'_, '_>,
    budget: &mut Budget<'_>,
) -> Result<Option<Vec<(Layer, Activation)>>, OnnxError> {
    let mut way = Vec::new();
    let mut term = output;
    while !term.is_input() {
        budget.part()?;
        let Some((node, 0)) = term.node() else { return Ok(None) };
        let mut of_rows = term.inputs(node).filter(|input| !input.name.is_empty() && constant(*input).is_none());
        let (Some(before), None) = (of_rows.next(), of_rows.next()) else { return Ok(None) };
        way.push((node, term));
        term = before;
    }
    let mut chain = Chain { layers: Vec::new(), pending: None, width: graph.width };
    for (node, term) in way.into_iter().rev() {
        if chain.follow(node, term, budget)?.is_none() {
            return Ok(None);
        }
    }
    Ok((!chain.layers.is_empty() && chain.pending.is_none()).then_some(chain.layers))
}

/// The layers so far.
struct Chain {
    layers: Vec<(Layer, Activation)>,
    /// What is done to each number before the next layer.
    pending: Option<Affine>,
    /// How many numbers a row has by now.
    width: usize,
}

/// x · scale + shift, for each number of a row.
struct Affine {
    scale: Vec<f64>,
    shift: Vec<f64>,
}

/// A step that the chain takes; `None` for one that no dense layer does.
type Followed = Option<()>;

impl Chain {
    fn follow(
        &mut self,
        node: &NodeProto<'_>,
        term: Term<'_, '_>,
        budget: &mut Budget<'_>,
    ) -> Result<Followed, OnnxError> {
        match node.operator {
            "Identity" | "Dropout" | "Flatten" | "Reshape" | "Cast" => Ok(Some(())),
            "MatMul" => {
                let Some(weights) = matrix(node, term, budget)? else { return Ok(None) };
                self.multiply(weights, budget).map(Some)
            }
            "Gemm" => self.gemm(node, term, budget),
            "Add" | "Sub" | "Mul" | "Div" => match self.affine(node, term, budget)? {
                Some(affine) => self.transform(affine, budget).map(Some),
                None => Ok(None),
            },
            "BatchNormalization" => self.normalize(node, term, budget),
            "Relu" => Ok(self.activate(Activation::Relu)),
            "LeakyRelu" => {
                let slope = node.float("alpha")?.unwrap_or(0.01);
                Ok(self.activate(Activation::LeakyRelu { slope }))
            }
            "Elu" => {
                let alpha = node.float("alpha")?.unwrap_or(1.0);
                Ok(self.activate(Activation::Elu { alpha }))
            }
            "Tanh" => Ok(self.activate(Activation::Tanh)),
            "Sigmoid" => Ok(self.activate(Activation::Logistic)),
            _ => Ok(None),
        }
    }

    fn gemm(
        &mut self,
        node: &NodeProto<'_>,
        term: Term<'_, '_>,
        budget: &mut Budget<'_>,
    ) -> Result<Followed, OnnxError> {
        let Some(mut weights) = matrix(node, term, budget)? else { return Ok(None) };
        if node.int("transB")?.unwrap_or(0) != 0 {
            weights.swap_axes(0, 1);
        }
        weights *= node.float("alpha")?.unwrap_or(1.0);
        self.multiply(weights, budget)?;
        let Some(biases) = term.input(node, 2) else { return Ok(Some(())) };
        let Some(mut shift) = self.numbers(biases, budget)? else { return Ok(None) };
        let beta = node.float("beta")?.unwrap_or(1.0);
        for number in &mut shift {
            *number *= beta;
        }
        self.transform(Affine { scale: vec![1.0; self.width], shift }, budget).map(Some)
    }

    /// What a constant does to each number.
    fn affine(
        &self,
        node: &NodeProto<'_>,
        term: Term<'_, '_>,
        budget: &mut Budget<'_>,
    ) -> Result<Option<Affine>, OnnxError> {
        let (first, second) = (term.input_of(node, 0)?, term.input_of(node, 1)?);
        let constant_first = constant(first).is_some();
        let Some(numbers) = self.numbers(if constant_first { first } else { second }, budget)? else {
            return Ok(None);
        };
        let (ones, zeros) = (vec![1.0; self.width], vec![0.0; self.width]);
        let each = |of: fn(f64) -> f64| numbers.iter().map(|number| of(*number)).collect();
        Ok(Some(match (node.operator, constant_first) {
            ("Add", _) => Affine { scale: ones, shift: numbers },
            ("Sub", false) => Affine { scale: ones, shift: each(|number| -number) },
            ("Sub", true) => Affine { scale: vec![-1.0; self.width], shift: numbers },
            ("Mul", _) => Affine { scale: numbers, shift: zeros },
            ("Div", false) => Affine { scale: each(f64::recip), shift: zeros },
            _ => return Ok(None),
        }))
    }

    /// Ioffe and Szegedy, "Batch Normalization", 2015, algorithm 2.
    fn normalize(
        &mut self,
        node: &NodeProto<'_>,
        term: Term<'_, '_>,
        budget: &mut Budget<'_>,
    ) -> Result<Followed, OnnxError> {
        let epsilon = node.float("epsilon")?.unwrap_or(EPSILON);
        let mut parts = Vec::new();
        for place in 1..5 {
            let Some(numbers) = self.numbers(term.input_of(node, place)?, budget)? else { return Ok(None) };
            parts.push(numbers);
        }
        let [gamma, beta, mean, variance] = &parts[..] else { return Ok(None) };
        let scale: Vec<_> =
            gamma.iter().zip(variance).map(|(gamma, variance)| gamma / (variance + epsilon).sqrt()).collect();
        let shift = beta.iter().zip(mean).zip(&scale).map(|((beta, mean), scale)| beta - mean * scale).collect();
        self.transform(Affine { scale, shift }, budget).map(Some)
    }

    /// The numbers of a constant, one for each of a row; a single one counts for all.
    fn numbers(&self, term: Term<'_, '_>, budget: &mut Budget<'_>) -> Result<Option<Vec<f64>>, OnnxError> {
        let Some(tensor) = constant(term).and_then(Term::tensor) else { return Ok(None) };
        let numbers = tensor.floats(budget)?;
        budget.memory(2 * size_of::<f64>() * self.width)?;
        Ok(match numbers[..] {
            [number] => Some(vec![number; self.width]),
            _ => (numbers.len() == self.width).then_some(numbers),
        })
    }

    /// A new layer, which does first what is still to be done to each number.
    fn multiply(&mut self, mut weights: Array2<f64>, budget: &mut Budget<'_>) -> Result<(), OnnxError> {
        let (inputs, outputs) = weights.dim();
        budget.memory(Dense::bytes_of(inputs, outputs))?;
        let mut biases = Array1::zeros(outputs);
        if let Some(Affine { scale, shift }) = self.pending.take() {
            biases = Array1::from(shift).dot(&weights);
            for (mut row, scale) in weights.outer_iter_mut().zip(scale) {
                row *= scale;
            }
        }
        self.layers.push((Layer { weights, biases }, Activation::Identity));
        self.width = outputs;
        Ok(())
    }

    /// Does something to each number: in the layer before, unless that has its activation already.
    fn transform(&mut self, Affine { scale, shift }: Affine, budget: &mut Budget<'_>) -> Result<(), OnnxError> {
        match (self.layers.last_mut(), &mut self.pending) {
            (Some((layer, Activation::Identity)), None) => {
                budget.look(layer.weights.len())?;
                let (scale, shift) = (Array1::from(scale), Array1::from(shift));
                layer.weights *= &scale;
                layer.biases *= &scale;
                layer.biases += &shift;
            }
            (_, Some(pending)) => {
                let parts = pending.scale.iter_mut().zip(&mut pending.shift).zip(scale.iter().zip(&shift));
                for ((before, before_shift), (scale, shift)) in parts {
                    *before *= scale;
                    *before_shift = *before_shift * scale + shift;
                }
            }
            (_, pending) => *pending = Some(Affine { scale, shift }),
        }
        Ok(())
    }

    fn activate(&mut self, activation: Activation) -> Followed {
        match self.layers.last_mut() {
            Some((_, before @ Activation::Identity)) if self.pending.is_none() => *before = activation,
            _ => return None,
        }
        Some(())
    }
}

/// A constant behind operators that change no number.
fn constant<'g, 'a>(mut term: Term<'g, 'a>) -> Option<Term<'g, 'a>> {
    while let Some(before) = term.operand("Identity") {
        term = before;
    }
    let transposed = term.operand("Transpose").is_some_and(|before| before.tensor().is_some());
    (transposed || term.tensor().is_some()).then_some(term)
}

/// The matrix that a node takes second.
fn matrix(node: &NodeProto<'_>, term: Term<'_, '_>, budget: &mut Budget<'_>) -> Result<Option<Array2<f64>>, OnnxError> {
    let Some(weights) = constant(term.input_of(node, 1)?) else { return Ok(None) };
    let transposed = weights.operand("Transpose");
    let Some(tensor) = transposed.unwrap_or(weights).tensor().filter(|tensor| tensor.element == Element::Float32)
    else {
        return Ok(None);
    };
    let [rows, columns] = tensor.dims[..] else { return Ok(None) };
    // Twice: as it is, and times what goes before it.
    budget.memory(2 * size_of::<f64>() * tensor.len())?;
    let Ok(mut matrix) = Array2::from_shape_vec((rows, columns), tensor.floats(budget)?) else { return Ok(None) };
    if transposed.is_some() {
        matrix.swap_axes(0, 1);
    }
    Ok(Some(matrix))
}
