//! `sklearn.decomposition.PCA`, as a step.

use super::SklearnError;
use super::estimator::Estimator;
use crate::model::preprocessing::{Pca, PcaParams};

const CLASS: &str = "PCA";

/// Reads a fitted projection. How its components were found makes no difference.
pub(super) fn read(estimator: Estimator<'_, '_>) -> Result<Pca, SklearnError> {
    let components = estimator.matrix(CLASS, "components_")?;
    let mean = estimator.row(CLASS, "mean_")?;
    if components.columns != mean.len() {
        let expected = format!("{} features, as many as mean_ has", mean.len());
        return Err(estimator.wrong(CLASS, "components_", format!("of {} features", components.columns), expected));
    }
    Ok(Pca::new(&PcaParams {
        mean,
        components: components.numbers,
        whiten: estimator.row_if(CLASS, "whiten", "explained_variance_")?,
    })?)
}
