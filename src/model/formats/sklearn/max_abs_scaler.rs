//! `sklearn.preprocessing.MaxAbsScaler`.

use super::SklearnError;
use super::estimator::Estimator;
use crate::model::preprocessing::{Beyond, MaxAbsScaler};

const CLASS: &str = "MaxAbsScaler";

/// Reads a fitted scaler. `clip` came with 1.9.
pub(super) fn read(estimator: Estimator<'_, '_>) -> Result<MaxAbsScaler, SklearnError> {
    let beyond = match estimator.attribute("clip") {
        Some(_) if estimator.bool(CLASS, "clip")? => Beyond::Clipped,
        _ => Beyond::Kept,
    };
    Ok(MaxAbsScaler::new(estimator.row(CLASS, "scale_")?, beyond)?)
}
