//! Finds out whether a program is just a chain of dense layers: such programs are evaluated by
//! [`dense`](crate::model::dense), which is faster.
//!
//! Steps on each number by itself (scalers in front, biases, batch normalization) are merged into the weights of the
//! layer before or behind them.

use ndarray::{Array1, Array2};

use super::function::Function;
use super::operation::{Combination, Operand, Operation};
use super::program::{Program, Step};
use crate::model::dense::{Activation, Layer};

/// The layers of a program; `None` when it is not a chain of layers.
pub(super) fn layers(program: &Program) -> Option<Vec<(Layer, Activation)>> {
    let mut chain = Chain { layers: Vec::new(), last: None, pending: None, width: program.width };
    for (place, step) in program.steps.iter().enumerate() {
        chain.follow(place, step)?;
    }
    chain.close();
    (!chain.layers.is_empty() && chain.pending.is_none()).then_some(chain.layers)
}

/// The layers so far.
struct Chain<'p> {
    layers: Vec<(Layer, Activation)>,
    /// The layer that is not complete yet.
    last: Option<Open<'p>>,
    /// The scaling and shift to apply to each number before the next layer.
    pending: Option<Affine>,
    /// How many numbers a row has by now.
    width: usize,
}

/// A layer that later steps may still change.
struct Open<'p> {
    before: Option<Affine>,
    weights: &'p Array2<f64>,
    after: Option<Affine>,
    activation: Activation,
}

/// x · scale + shift, for each number of a row.
struct Affine {
    scale: Vec<f64>,
    shift: Vec<f64>,
}

impl<'p> Chain<'p> {
    /// Takes in the step that makes the value behind `place`; `None` when no dense layer can do the step.
    fn follow(&mut self, place: usize, step: &'p Step) -> Option<()> {
        let before = |operand: &Operand| matches!(operand, Operand::Value(value) if *value == place);
        match &step.operation {
            Operation::Multiply(of, weights) if before(of) && weights.dim() == (self.width, step.size) => {
                self.close();
                let before = self.pending.take();
                self.last = Some(Open { before, weights, after: None, activation: Activation::Identity });
                self.width = step.size;
            }
            _ if step.size != self.width => return None,
            Operation::Combine(combination, first, Operand::Constant(numbers)) if before(first) => {
                self.transform(affine(*combination, Side::Second, self.spread(numbers)?)?);
            }
            Operation::Combine(combination, Operand::Constant(numbers), second) if before(second) => {
                self.transform(affine(*combination, Side::First, self.spread(numbers)?)?);
            }
            Operation::Map(function, of) if before(of) => {
                let activation = match *function {
                    Function::Relu => Activation::Relu,
                    Function::LeakyRelu { slope } => Activation::LeakyRelu { slope },
                    Function::Elu { alpha } => Activation::Elu { alpha },
                    Function::Tanh => Activation::Tanh,
                    Function::Logistic => Activation::Logistic,
                    _ => return None,
                };
                match &mut self.last {
                    Some(Open { activation: none @ Activation::Identity, .. }) if self.pending.is_none() => {
                        *none = activation;
                    }
                    _ => return None,
                }
            }
            _ => return None,
        }
        Some(())
    }

    /// One number for each of a row's; a single number is repeated.
    fn spread(&self, numbers: &[f64]) -> Option<Vec<f64>> {
        match numbers {
            [number] => Some(vec![*number; self.width]),
            _ => (numbers.len() == self.width).then(|| numbers.to_vec()),
        }
    }

    /// Applies `affine` to each number: within the last layer, or before the next one if the last has its activation
    /// already.
    fn transform(&mut self, affine: Affine) {
        let place = match &mut self.last {
            Some(Open { after, activation: Activation::Identity, .. }) if self.pending.is_none() => after,
            _ => &mut self.pending,
        };
        match place {
            Some(before) => before.then(&affine),
            None => *place = Some(affine),
        }
    }

    /// Completes the open layer.
    fn close(&mut self) {
        let Some(Open { before, weights, after, activation }) = self.last.take() else { return };
        let mut weights = weights.to_owned();
        let mut biases = Array1::zeros(weights.ncols());
        if let Some(Affine { scale, shift }) = before {
            biases = Array1::from(shift).dot(&weights);
            for (mut row, scale) in weights.outer_iter_mut().zip(scale) {
                row *= scale;
            }
        }
        if let Some(Affine { scale, shift }) = after {
            let scale = Array1::from(scale);
            weights *= &scale;
            biases *= &scale;
            biases += &Array1::from(shift);
        }
        self.layers.push((Layer { weights, biases }, activation));
    }
}

impl Affine {
    /// Composes with `next`, which comes after.
    fn then(&mut self, next: &Self) {
        let parts = self.scale.iter_mut().zip(&mut self.shift).zip(next.scale.iter().zip(&next.shift));
        for ((scale, shift), (next_scale, next_shift)) in parts {
            *scale *= next_scale;
            *shift = *shift * next_scale + next_shift;
        }
    }
}

/// Which of two numbers is the constant one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    First,
    Second,
}

/// The scaling and shift that a combination with a constant amounts to.
fn affine(combination: Combination, side: Side, numbers: Vec<f64>) -> Option<Affine> {
    let count = numbers.len();
    let (ones, zeros) = (vec![1.0; count], vec![0.0; count]);
    let each = |of: fn(f64) -> f64| numbers.iter().map(|number| of(*number)).collect();
    Some(match (combination, side) {
        (Combination::Add, _) => Affine { scale: ones, shift: numbers },
        (Combination::Subtract, Side::Second) => Affine { scale: ones, shift: each(|number| -number) },
        (Combination::Subtract, Side::First) => Affine { scale: vec![-1.0; count], shift: numbers },
        (Combination::Multiply, _) => Affine { scale: numbers, shift: zeros },
        (Combination::Divide, Side::Second) => Affine { scale: each(f64::recip), shift: zeros },
        _ => return None,
    })
}
