//! The order in which rows go through the layers.

use std::mem::swap;

use ndarray::ArrayView2;
use pulp::bytemuck::cast_slice;

use super::params::{BLOCK, Block, Dense};
use super::tile::Flow;
use crate::model::vectors::{Instructions, Powers, Work};

/// How many rows go through a layer before the next: few enough to stay in the nearest cache between two layers, and
/// enough that weights which do not stay there are read seldom. A whole number of tiles.
const BATCH: usize = 12;

/// The answer wanted for each row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Answer {
    /// The mean over the features of (x − x̂)².
    Error,
    /// The first output.
    Output,
}

impl Dense {
    /// The mean over the features of (x − x̂)², for each row of [`inputs`](Self::inputs) numbers, of a network that has as
    /// many [`outputs`](Self::outputs).
    pub(in crate::model) fn errors(&self, rows: ArrayView2<'_, f64>) -> Vec<f64> {
        self.answers(Instructions::best(), rows, Answer::Error)
    }

    /// The first output of each row of [`inputs`](Self::inputs) numbers.
    pub(in crate::model) fn first_outputs(&self, rows: ArrayView2<'_, f64>) -> Vec<f64> {
        self.answers(Instructions::best(), rows, Answer::Output)
    }

    fn answers(&self, instructions: Instructions, rows: ArrayView2<'_, f64>, answer: Answer) -> Vec<f64> {
        let rows = rows.as_standard_layout();
        instructions.run(Pass { network: self, rows: rows.as_slice().unwrap_or_default(), answer })
    }
}

/// All rows through all layers.
struct Pass<'a> {
    network: &'a Dense,
    rows: &'a [f64],
    answer: Answer,
}

impl Work for Pass<'_> {
    type Output = Vec<f64>;

    #[inline(always)]
    fn run<S: Powers>(self, simd: S) -> Vec<f64> {
        match S::F64_LANES {
            8 => self.pass::<S, 1>(simd),
            4 => self.pass::<S, 2>(simd),
            _ => self.pass::<S, 4>(simd),
        }
    }
}

impl Pass<'_> {
    /// A block is `V` vectors.
    #[inline(always)]
    fn pass<S: Powers, const V: usize>(self, simd: S) -> Vec<f64> {
        let width = self.network.inputs();
        let mut answers = vec![0.0; self.rows.len() / width];
        let widest = self.network.layers.iter().map(|layer| layer.blocks() * V).max().unwrap_or_default();
        let room = widest * BATCH.min(answers.len());
        let (mut before, mut behind) = (vec![simd.splat_f64s(0.0); room], vec![simd.splat_f64s(0.0); room]);
        for (rows, answers) in self.rows.chunks(BATCH * width).zip(answers.chunks_mut(BATCH)) {
            let (mut inputs, mut stride) = (rows, width);
            for layer in &self.network.layers {
                layer.pass::<S, V>(simd, Flow { inputs, stride, rows: answers.len(), outputs: &mut behind });
                swap(&mut before, &mut behind);
                (inputs, stride) = (cast_slice(&before), layer.blocks() * BLOCK);
            }
            match self.answer {
                Answer::Error => {
                    let outputs = before.chunks_exact(stride / S::F64_LANES);
                    for ((answer, row), outputs) in answers.iter_mut().zip(rows.chunks_exact(width)).zip(outputs) {
                        *answer = mean_square_error::<S, V>(simd, row, outputs);
                    }
                }
                Answer::Output => {
                    for (answer, outputs) in answers.iter_mut().zip(inputs.chunks_exact(stride)) {
                        *answer = outputs[0];
                    }
                }
            }
        }
        answers
    }
}

/// The mean of (x − x̂)². Its eight partial sums are the same on every machine.
#[inline(always)]
fn mean_square_error<S: Powers, const V: usize>(simd: S, row: &[f64], outputs: &[S::f64s]) -> f64 {
    let (blocks, rest) = row.as_chunks::<BLOCK>();
    let (outputs, _) = outputs.as_chunks::<V>();
    let mut sums = [simd.splat_f64s(0.0); V];
    for (block, outputs) in blocks.iter().zip(outputs) {
        add_squares(simd, Block(*block).vectors(simd), outputs, &mut sums);
    }
    if let Some(outputs) = outputs.get(blocks.len()) {
        // The numbers that fill the block up equal themselves, so their difference is 0.
        let mut block = Block::of::<S, V>(outputs);
        block.0[..rest.len()].copy_from_slice(rest);
        add_squares(simd, block.vectors(simd), outputs, &mut sums);
    }
    let [a, b, c, d, e, f, g, h] = Block::of::<S, V>(&sums).0;
    (((a + e) + (c + g)) + ((b + f) + (d + h))) / row.len() as f64
}

#[inline(always)]
fn add_squares<S: Powers, const V: usize>(simd: S, row: [S::f64s; V], outputs: &[S::f64s; V], sums: &mut [S::f64s; V]) {
    for ((sum, x), output) in sums.iter_mut().zip(row).zip(outputs) {
        let difference = simd.sub_f64s(x, *output);
        *sum = simd.mul_add_e_f64s(difference, difference, *sum);
    }
}

#[cfg(test)]
mod tests;
