//! The boundary of an estimator that is no outlier detector by itself.

use super::SklearnError;
use super::estimator::Estimator;
use crate::model::formats::pickle::Node;

/// The attribute `offset_`, which whoever trained the estimator has set on it: minus the greatest error that is normal.
pub(super) fn offset(estimator: Estimator<'_, '_>, class: &'static str) -> Result<Option<f64>, SklearnError> {
    let number = |node: Node<'_, '_>| {
        node.number().ok_or_else(|| SklearnError::Attribute {
            class,
            attribute: "offset_".to_owned(),
            found: node.kind().to_owned(),
            expected: "one number".to_owned(),
        })
    };
    estimator.attribute("offset_").map(number).transpose()
}
