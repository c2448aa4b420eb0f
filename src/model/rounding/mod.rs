//! The rounding error of a decision value: how far apart two evaluations may be that differ only in the order of their
//! sums, or in which of two equal formulas they use.
//!
//! A sum of n terms t in double precision is known to about n ε Σ|t|, however small the sum is: when large terms
//! cancel, the error may exceed any tolerance that is a share of the result. So the magnitude of the terms that each
//! detector sums is computed (`detectors`), and the effect of errors in the steps before it is found by disturbing the
//! steps' results (`steps`).
//!
//! This does not weaken the comparison: for a model whose terms do not cancel, the error is far below any tolerance.

mod detectors;
mod steps;

use ndarray::{ArrayView2, Axis};

use super::Model;

/// How often the steps' results are disturbed, each time with other signs.
const TRIALS: usize = 4;

/// The factor by which the result is widened: the trials find the size of the worst case, but not the worst case
/// itself.
const MARGIN: f64 = 4.0;

/// About the most multiplications and additions that may be spent: a second of a small machine. For rows beyond that
/// the error is not known.
const MOST_WORK: usize = 1 << 30;

/// About how many numbers are in memory at a time: 8 MiB of them.
const BLOCK_NUMBERS: usize = 1 << 20;

impl Model {
    /// How far the decision value of each of these rows may be from that of another exact implementation.
    pub(super) fn rounding(&self, rows: ArrayView2<'_, f64>) -> Vec<f64> {
        let numbers = self.memory_bytes() / size_of::<f64>() + self.width();
        let affordable = MOST_WORK / (numbers * (TRIALS + 2));
        let widest = self.preprocessing().iter().map(|step| step.widest()).fold(self.width(), usize::max);
        let block = (BLOCK_NUMBERS / widest.max(1)).max(1);
        let known = rows.slice(ndarray::s![..affordable.min(rows.nrows()), ..]);
        let mut rounding: Vec<f64> =
            known.axis_chunks_iter(Axis(0), block).flat_map(|rows| self.of_block(rows)).collect();
        rounding.resize(rows.nrows(), 0.0);
        rounding
    }

    fn of_block(&self, rows: ArrayView2<'_, f64>) -> Vec<f64> {
        let steps = self.preprocessing();
        let prepared = steps.iter().fold(rows.to_owned(), |rows, step| step.apply(rows));
        let mut rounding = detectors::rounding(self.detector(), prepared.view());
        if steps.iter().any(steps::rounds) {
            let decisions = self.detector().decide(prepared.view());
            let mut moved = vec![0.0_f64; decisions.len()];
            for trial in (1..).take(TRIALS) {
                let mut signs = steps::Signs::new(trial);
                let disturbed =
                    steps.iter().fold(rows.to_owned(), |rows, step| steps::disturbed(step, rows, &mut signs));
                let found = self.detector().decide(disturbed.view());
                for ((moved, decision), found) in moved.iter_mut().zip(&decisions).zip(found) {
                    *moved = moved.max((found - decision).abs());
                }
            }
            rounding.iter_mut().zip(moved).for_each(|(rounding, moved)| *rounding += MARGIN * moved);
        }
        // Rows without an answer are refused before this result is used.
        rounding.into_iter().map(|rounding| if rounding.is_finite() { rounding } else { 0.0 }).collect()
    }
}
