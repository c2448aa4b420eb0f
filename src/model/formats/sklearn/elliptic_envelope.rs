//! `sklearn.covariance.EllipticEnvelope`.

use super::SklearnError;
use super::estimator::Estimator;
use crate::model::elliptic_envelope::{EllipticEnvelope, Params, Scale};
use crate::model::formats::pickle::Node;

const CLASS: &str = "EllipticEnvelope";

/// Reads a fitted detector.
///
/// Up to 0.19 it keeps the squared distance of the boundary as `threshold_`, from 0.20 on its negative as `offset_`.
pub(super) fn read(estimator: Estimator<'_, '_>) -> Result<EllipticEnvelope, SklearnError> {
    // Without it scikit-learn inverts the covariance each time, whatever else there is.
    let stored = estimator.attribute("store_precision").and_then(Node::bool) != Some(false);
    if !stored || estimator.attribute("precision_").is_some_and(Node::is_none) {
        return Err(SklearnError::Setting {
            class: CLASS,
            version: estimator.origin(),
            setting: "store_precision",
            value: "False".to_owned(),
            supported: "True",
        });
    }
    let (offset, scale) = match (estimator.attribute("offset_"), estimator.attribute("threshold_")) {
        (None, Some(_)) if estimator.is_before(0, 20) => (-estimator.number(CLASS, "threshold_")?, Scale::CubeRoot),
        _ => (estimator.number(CLASS, "offset_")?, Scale::Squared),
    };
    let location = estimator.row(CLASS, "location_")?;
    let precision = estimator.matrix(CLASS, "precision_")?.numbers;
    Ok(EllipticEnvelope::new(Params { location, precision, offset, scale })?)
}

/// How many rows it was fitted to.
pub(super) fn training_rows(estimator: Estimator<'_, '_>) -> Option<u64> {
    u64::try_from(estimator.attribute("dist_")?.length()?).ok()
}
