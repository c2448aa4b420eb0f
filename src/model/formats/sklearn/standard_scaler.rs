//! `sklearn.preprocessing.StandardScaler`.

use super::SklearnError;
use super::estimator::Estimator;
use crate::model::preprocessing::StandardScaler;

const CLASS: &str = "StandardScaler";

/// Reads a fitted scaler.
///
/// `mean_` is there even when `with_mean` is off, so the switches decide. A scaler with both off does
/// nothing, and only `n_features_in_`, which came with 0.24, tells its width.
pub(super) fn read(estimator: Estimator<'_, '_>) -> Result<StandardScaler, SklearnError> {
    let mean = estimator.row_if(CLASS, "with_mean", "mean_")?;
    let scale = estimator.row_if(CLASS, "with_std", "scale_")?;
    let width = match [&mean, &scale].into_iter().flatten().next() {
        Some(numbers) => numbers.len(),
        None => estimator.count(CLASS, "n_features_in_")?,
    };
    Ok(StandardScaler::new(width, mean, scale)?)
}
