//! Evaluating rows: by tract in batches of one size, for which everything was laid out beforehand.

use anyhow::ensure;
use ndarray::{ArrayView2, Axis};
use tract_onnx::prelude::{Tensor, TractResult, tvec};

use super::params::{Network, Output, Plan, Runtime, guarded};

/// How many rows go through the network at once: an hour of minutes, in whole vectors of any machine.
pub(in crate::model) const BATCH: usize = 64;

impl Network {
    /// The decision values of rows of [`width`](Self::width) features. Those of a batch that tract fails on are NaN.
    pub(in crate::model) fn decide(&self, rows: ArrayView2<'_, f64>) -> Vec<f64> {
        let mut scores = match (&self.runtime, self.output) {
            (Runtime::Dense(network), Output::Score) => network.first_outputs(rows),
            (Runtime::Dense(network), Output::Reconstruction) => {
                let mut errors = network.errors(rows);
                for error in &mut errors {
                    *error = -*error;
                }
                errors
            }
            (Runtime::Tract(plan), _) => {
                guarded(|| self.scores_by_tract(plan, rows)).unwrap_or_else(|_| vec![f64::NAN; rows.nrows()])
            }
        };
        for score in &mut scores {
            *score -= self.offset;
        }
        scores
    }

    /// The scores of rows, as [`Output`] has them.
    pub(super) fn scores_by_tract(&self, plan: &Plan, rows: ArrayView2<'_, f64>) -> TractResult<Vec<f64>> {
        let mut scores = Vec::with_capacity(rows.nrows());
        for batch in rows.axis_chunks_iter(Axis(0), BATCH) {
            let mut input = Tensor::zero::<f32>(&[BATCH, self.width])?;
            for (place, x) in input.as_slice_mut::<f32>()?.iter_mut().zip(batch) {
                *place = single(*x);
            }
            let outputs = plan.run(tvec![input.clone().into()])?;
            ensure!(outputs.len() == 1, "there are {} outputs", outputs.len());
            let (input, output) = (input.as_slice::<f32>()?, outputs[0].as_slice::<f32>()?);
            let count = batch.nrows();
            match self.output {
                Output::Score => {
                    ensure!(output.len() == BATCH, "the output has {} numbers", output.len());
                    scores.extend(output.iter().take(count).map(|score| f64::from(*score)));
                }
                Output::Reconstruction => {
                    ensure!(output.len() == input.len(), "the output has {} numbers", output.len());
                    let rows = input.chunks_exact(self.width).zip(output.chunks_exact(self.width));
                    scores.extend(rows.take(count).map(|(x, back)| -mean_square_error(x, back)));
                }
            }
        }
        Ok(scores)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the network was trained on numbers of this precision")]
fn single(x: f64) -> f32 {
    x as f32
}

fn mean_square_error(x: &[f32], back: &[f32]) -> f64 {
    let sum: f64 = x.iter().zip(back).map(|(x, back)| (f64::from(*x) - f64::from(*back)).powi(2)).sum();
    sum / x.len() as f64
}
