//! The products: a few rows times a few blocks of outputs, with all their sums in registers.
//!
//! The outputs are along the lanes, and a row's numbers are the same for all of them. So a sum is taken in the order of
//! the inputs, beginning with the bias, whatever the instructions, the neighbouring rows and their number.

use super::params::{Block, LaidOut};
use crate::model::vectors::Powers;

/// The most rows of a tile. With four blocks of eight lanes, or one of twice four, their sums take most of a machine's
/// registers, and there are more sums than additions under way at once.
const ROWS: usize = 6;

/// The inputs and outputs of a layer.
pub(super) struct Flow<'a, V> {
    /// The rows.
    pub(super) inputs: &'a [f64],
    /// From row to row.
    pub(super) stride: usize,
    /// How many rows there are.
    pub(super) rows: usize,
    /// Where the outputs go, whole blocks a row.
    pub(super) outputs: &'a mut [V],
}

impl LaidOut {
    /// Puts rows through the layer. A block is `V` vectors.
    #[inline(always)]
    pub(super) fn pass<S: Powers, const V: usize>(&self, simd: S, flow: Flow<'_, S::f64s>) {
        let Flow { inputs, stride, rows, outputs } = flow;
        let blocks = self.blocks();
        let outputs = &mut outputs[..rows * blocks * V];
        let mut at = 0;
        while at < blocks {
            let flow = Flow { inputs, stride, rows, outputs: &mut *outputs };
            // The registers hold eight vectors at most beside a block that is one vector.
            at += match blocks - at {
                4.. if V == 1 => self.columns::<S, 4, V>(simd, flow, at),
                2 | 3 if V == 1 => self.columns::<S, 2, V>(simd, flow, at),
                _ => self.columns::<S, 1, V>(simd, flow, at),
            };
        }
        self.activation.apply(simd, outputs);
    }

    /// Puts rows through `B` blocks of outputs. Returns how many blocks that are.
    #[inline(always)]
    fn columns<S: Powers, const B: usize, const V: usize>(&self, simd: S, flow: Flow<'_, S::f64s>, at: usize) -> usize {
        let Flow { inputs, stride, rows, outputs } = flow;
        let mut row = 0;
        while row < rows {
            let (inputs, outputs) = (&inputs[row * stride..], &mut outputs[row * self.blocks() * V..]);
            row += match rows - row {
                ROWS.. => self.tile::<S, ROWS, B, V>(simd, inputs, stride, outputs, at),
                2.. => self.tile::<S, 2, B, V>(simd, inputs, stride, outputs, at),
                _ => self.tile::<S, 1, B, V>(simd, inputs, stride, outputs, at),
            };
        }
        B
    }

    /// Puts `R` rows through `B` blocks of outputs. Returns how many rows that are.
    #[inline(always)]
    fn tile<S: Powers, const R: usize, const B: usize, const V: usize>(
        &self,
        simd: S,
        inputs: &[f64],
        stride: usize,
        outputs: &mut [S::f64s],
        at: usize,
    ) -> usize {
        let count = self.inputs;
        // Slices of one known length, so that the loop checks no bounds.
        let mut rows = [&inputs[..0]; R];
        for (place, row) in rows.iter_mut().enumerate() {
            *row = &inputs[place * stride..][..count];
        }
        let mut weights = [&self.numbers[..0]; B];
        let mut sums = [[[simd.splat_f64s(0.0); V]; B]; R];
        for (place, weights) in weights.iter_mut().enumerate() {
            let (biases, behind) = (self.block(at + place), &self.numbers[(at + place) * (count + 1) + 1..]);
            *weights = &behind[..count];
            for sums in &mut sums {
                sums[place] = biases.vectors::<S, V>(simd);
            }
        }
        for input in 0..count {
            let mut block = [[simd.splat_f64s(0.0); V]; B];
            for (block, weights) in block.iter_mut().zip(&weights) {
                *block = weights[input].vectors::<S, V>(simd);
            }
            for (sums, row) in sums.iter_mut().zip(&rows) {
                let x = simd.splat_f64s(row[input]);
                for (sums, weights) in sums.iter_mut().zip(&block) {
                    for (sum, weights) in sums.iter_mut().zip(weights) {
                        *sum = simd.mul_add_e_f64s(x, *weights, *sum);
                    }
                }
            }
        }
        let (floor, width) = (self.activation.floor(), self.blocks() * V);
        for (place, sums) in sums.iter().enumerate() {
            let outputs = &mut outputs[place * width + at * V..][..B * V];
            for (outputs, sums) in outputs.chunks_exact_mut(V).zip(sums) {
                for (output, sum) in outputs.iter_mut().zip(sums) {
                    *output = simd.at_least(*sum, floor);
                }
            }
        }
        R
    }

    /// The biases of a block.
    fn block(&self, at: usize) -> Block {
        self.numbers[at * (self.inputs + 1)]
    }
}
