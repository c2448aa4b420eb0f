//! The layers, and their layout in memory.

use ndarray::{Array1, Array2};
use pulp::bytemuck::cast_slice;

use super::activation::Activation;
use crate::model::invalid::{Invalid, Parameter};
use crate::model::vectors::Powers;

/// How many outputs are side by side: a whole number of vectors on every machine.
pub(super) const BLOCK: usize = 8;

/// One layer, as files hold it.
#[derive(Clone, PartialEq, Debug)]
pub(in crate::model) struct Layer {
    /// A row an input, a column an output.
    pub(in crate::model) weights: Array2<f64>,
    /// Added to each output.
    pub(in crate::model) biases: Array1<f64>,
}

/// The numbers of a block of outputs, aligned so that a vector of any machine can be read at once.
#[derive(Clone, Copy, PartialEq, Debug)]
#[repr(align(64))]
pub(super) struct Block(pub(super) [f64; BLOCK]);

impl Block {
    /// The numbers of `V` vectors.
    #[inline(always)]
    pub(super) fn of<S: Powers, const V: usize>(vectors: &[S::f64s; V]) -> Self {
        let mut numbers = [0.0; BLOCK];
        numbers.copy_from_slice(cast_slice(vectors));
        Self(numbers)
    }

    /// Its numbers as `V` vectors.
    #[inline(always)]
    pub(super) fn vectors<S: Powers, const V: usize>(&self, simd: S) -> [S::f64s; V] {
        let mut vectors = [simd.splat_f64s(0.0); V];
        for (vector, numbers) in vectors.iter_mut().zip(cast_slice(&self.0)) {
            *vector = *numbers;
        }
        vectors
    }
}

/// One layer in its layout: for each block of outputs the biases, then the weights, input by input. Outputs that fill
/// up the last block have weights of 0.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct LaidOut {
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    pub(super) activation: Activation,
    pub(super) numbers: Box<[Block]>,
}

impl LaidOut {
    fn new(layer: &Layer, activation: Activation) -> Self {
        let (inputs, outputs) = layer.weights.dim();
        let mut numbers = Vec::with_capacity(Self::size(inputs, outputs));
        for first in (0..outputs).step_by(BLOCK) {
            let of = |output: &dyn Fn(usize) -> f64| {
                let mut block = Block([0.0; BLOCK]);
                for (place, number) in block.0[..BLOCK.min(outputs - first)].iter_mut().enumerate() {
                    *number = output(first + place);
                }
                block
            };
            numbers.push(of(&|output| layer.biases[output]));
            numbers.extend((0..inputs).map(|input| of(&|output| layer.weights[[input, output]])));
        }
        Self { inputs, outputs, activation, numbers: numbers.into() }
    }

    /// How many blocks of numbers a layer takes.
    fn size(inputs: usize, outputs: usize) -> usize {
        outputs.div_ceil(BLOCK).saturating_mul(inputs.saturating_add(1))
    }

    /// How many blocks of outputs there are.
    pub(super) fn blocks(&self) -> usize {
        self.outputs.div_ceil(BLOCK)
    }

    fn number(&self, line: usize, output: usize) -> f64 {
        self.numbers[output / BLOCK * (self.inputs + 1) + line].0[output % BLOCK]
    }

    fn layer(&self) -> Layer {
        Layer {
            weights: Array2::from_shape_fn((self.inputs, self.outputs), |(input, output)| {
                self.number(input + 1, output)
            }),
            biases: Array1::from_shape_fn(self.outputs, |output| self.number(0, output)),
        }
    }
}

/// A chain of dense layers.
#[derive(Clone, PartialEq, Debug)]
pub(in crate::model) struct Dense {
    /// At least one layer; each fits the one before it.
    pub(super) layers: Box<[LaidOut]>,
}

impl Dense {
    /// A network of these layers, in this order.
    ///
    /// # Errors
    /// When there is no layer, a number is not finite, or a layer does not fit the one before it. The error names
    /// `weights` or `biases`.
    pub(in crate::model) fn new(
        layers: &[(Layer, Activation)],
        weights: Parameter,
        biases: Parameter,
    ) -> Result<Self, Invalid> {
        let mut given = layers.first().map_or(0, |(layer, _)| layer.weights.nrows());
        if given == 0 {
            return Err(weights.invalid("empty", "at least one layer of at least one feature"));
        }
        for (Layer { weights: matrix, biases: vector }, activation) in layers {
            if matrix.nrows() != given || matrix.ncols() == 0 {
                let found = format!("a layer of {} by {}", matrix.nrows(), matrix.ncols());
                return Err(weights.invalid(found, format!("{given} rows, as many as the layer before it gives")));
            }
            biases.length(vector.len(), matrix.ncols(), "outputs of the layer")?;
            matrix.iter().try_for_each(|number| weights.finite(*number))?;
            vector.iter().try_for_each(|number| biases.finite(*number))?;
            if let Activation::LeakyRelu { slope: number } | Activation::Elu { alpha: number } = activation {
                weights.finite(*number)?;
            }
            given = matrix.ncols();
        }
        Ok(Self { layers: layers.iter().map(|(layer, activation)| LaidOut::new(layer, *activation)).collect() })
    }

    /// How many features a row has.
    pub(in crate::model) fn inputs(&self) -> usize {
        self.layers.first().map_or(0, |layer| layer.inputs)
    }

    /// How many numbers come out for a row.
    pub(in crate::model) fn outputs(&self) -> usize {
        self.layers.last().map_or(0, |layer| layer.outputs)
    }

    /// The layers as they were given.
    pub(in crate::model) fn layers(&self) -> Vec<Layer> {
        self.layers.iter().map(LaidOut::layer).collect()
    }

    /// The features of a row, and how many numbers each layer gives: `64-32-64`.
    pub(in crate::model) fn shape(&self) -> String {
        let outputs = self.layers.iter().map(|layer| layer.outputs);
        [self.inputs()].into_iter().chain(outputs).map(|width| width.to_string()).collect::<Vec<_>>().join("-")
    }

    /// How many weights there are, including those that fill up blocks.
    pub(in crate::model) fn weights(&self) -> usize {
        BLOCK * self.layers.iter().map(|layer| layer.numbers.len()).sum::<usize>()
    }

    pub(in crate::model) fn heap_bytes(&self) -> usize {
        let blocks = self.layers.iter().map(|layer| layer.numbers.len()).sum::<usize>();
        size_of_val(&*self.layers) + size_of::<Block>() * blocks
    }
}
