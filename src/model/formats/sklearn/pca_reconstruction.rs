//! `sklearn.decomposition.PCA` as the last step: its reconstruction error.

use ndarray::Array2;

use super::SklearnError;
use super::estimator::Estimator;
use super::offset::offset;
use crate::model::pca_reconstruction::{Params, PcaReconstruction};

const CLASS: &str = "PCA";

/// Reads a fitted analysis. Whitening does not matter: what it divides by on the way in it multiplies by on the way out.
pub(super) fn read(estimator: Estimator<'_, '_>) -> Result<PcaReconstruction, SklearnError> {
    let components = estimator.matrix(CLASS, "components_")?;
    let components =
        Array2::from_shape_vec((components.rows, components.columns), components.numbers).unwrap_or_default();
    let mean = estimator.row(CLASS, "mean_")?.into();
    Ok(PcaReconstruction::new(Params { mean, components, offset: offset(estimator, CLASS)? })?)
}

/// How many rows it was fitted to.
pub(super) fn training_rows(estimator: Estimator<'_, '_>) -> Option<u64> {
    // `n_samples_` came with 0.22.
    u64::try_from(estimator.attribute("n_samples_")?.int()?).ok()
}
