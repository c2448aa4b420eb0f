//! `sklearn.preprocessing.RobustScaler`.

use super::SklearnError;
use super::estimator::Estimator;
use crate::model::preprocessing::RobustScaler;

const CLASS: &str = "RobustScaler";

/// Reads a fitted scaler. One with both switches off does nothing, and only `n_features_in_` tells its width.
pub(super) fn read(estimator: Estimator<'_, '_>) -> Result<RobustScaler, SklearnError> {
    let center = estimator.row_if(CLASS, "with_centering", "center_")?;
    let scale = estimator.row_if(CLASS, "with_scaling", "scale_")?;
    let width = match [&center, &scale].into_iter().flatten().next() {
        Some(numbers) => numbers.len(),
        None => estimator.count(CLASS, "n_features_in_")?,
    };
    Ok(RobustScaler::new(width, center, scale)?)
}
