//! `sklearn.feature_selection.VarianceThreshold`.

use super::SklearnError;
use super::estimator::Estimator;
use crate::model::preprocessing::VarianceThreshold;

const CLASS: &str = "VarianceThreshold";

/// Reads which features it keeps: those whose variance is above the threshold. One that was NaN throughout is not.
pub(super) fn read(estimator: Estimator<'_, '_>) -> Result<VarianceThreshold, SklearnError> {
    let variances = estimator.row_with_nan(CLASS, "variances_")?;
    let threshold = estimator.number(CLASS, "threshold")?;
    let kept = variances.iter().enumerate().filter(|(_, variance)| **variance > threshold);
    Ok(VarianceThreshold::new(variances.len(), kept.map(|(feature, _)| feature).collect())?)
}
