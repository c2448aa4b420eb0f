//! What is odd about a model, though it can be evaluated.

use super::{Detector, Model};

/// A sign that a model was not trained as its owner meant.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum Warning {
    /// The whole model hangs on one training row.
    #[error("the model has one support vector: it likely calls every row an anomaly; train it with a larger nu")]
    OneSupportVector,
    /// nu is so small that the training could not set a single row apart.
    #[error("nu is {nu} over {rows} training rows, less than one row: train with nu above {:.6}", 1.0 / f64::from(*.rows))]
    NuBelowOneRow {
        /// The share of outliers that the training allowed.
        nu: f64,
        /// The rows that it was trained on.
        rows: u32,
    },
}

impl Warning {
    /// The warnings that a model deserves.
    pub(super) fn of(model: &Model) -> Vec<Self> {
        let Detector::OneClassSvm(svm) = &model.detector else { return Vec::new() };
        let one_vector = (svm.support_vectors() == 1).then_some(Self::OneSupportVector);
        let rows = model.metadata.training_rows.and_then(|rows| u32::try_from(rows).ok()).filter(|rows| *rows > 0);
        let small_nu = svm
            .nu()
            .zip(rows)
            .filter(|(nu, rows)| nu * f64::from(*rows) < 1.0)
            .map(|(nu, rows)| Self::NuBelowOneRow { nu, rows });
        one_vector.into_iter().chain(small_nu).collect()
    }
}
