//! `sklearn.preprocessing.StandardScaler`.

use super::SklearnError;
use super::estimator::Estimator;
use crate::model::preprocessing::StandardScaler;

const CLASS: &str = "StandardScaler";

/// Reads a fitted scaler that passes `width` features on.
///
/// `mean_` is there even when `with_mean` is off, so the switches decide.
pub(super) fn read(estimator: Estimator<'_, '_>, width: usize) -> Result<StandardScaler, SklearnError> {
    let part = |switch: &str, attribute: &str| -> Result<Option<Vec<f64>>, SklearnError> {
        if !estimator.bool(CLASS, switch)? {
            return Ok(None);
        }
        let numbers = estimator.row(CLASS, attribute)?;
        if numbers.len() != width {
            return Err(SklearnError::Width { class: CLASS, found: numbers.len(), expected: width });
        }
        Ok(Some(numbers))
    };
    let mean = part("with_mean", "mean_")?;
    let scale = part("with_std", "scale_")?;
    if let Some(number) = scale.iter().flatten().find(|number| **number <= 0.0) {
        return Err(SklearnError::Attribute {
            class: CLASS,
            attribute: "scale_".to_owned(),
            found: number.to_string(),
            expected: "a number above 0".to_owned(),
        });
    }
    Ok(StandardScaler::new(mean, scale))
}
