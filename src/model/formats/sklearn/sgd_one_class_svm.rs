//! `sklearn.linear_model.SGDOneClassSVM`, which came with 1.0.

use super::SklearnError;
use super::estimator::Estimator;
use crate::model::formats::pickle::Node;
use crate::model::sgd_one_class_svm::{Params, SgdOneClassSvm};

const CLASS: &str = "SGDOneClassSVM";

/// Reads a fitted detector. With `average`, what `coef_` and `offset_` hold is the average, as `decision_function`
/// takes it.
pub(super) fn read(estimator: Estimator<'_, '_>) -> Result<SgdOneClassSvm, SklearnError> {
    let coefficients = estimator.row(CLASS, "coef_")?;
    let offset = estimator.row(CLASS, "offset_")?;
    let [offset] = offset[..] else {
        return Err(SklearnError::Attribute {
            class: CLASS,
            attribute: "offset_".to_owned(),
            found: format!("{} numbers", offset.len()),
            expected: "one number".to_owned(),
        });
    };
    let nu = estimator.attribute("nu").and_then(Node::number).filter(|nu| nu.is_finite());
    Ok(SgdOneClassSvm::new(Params { coefficients, offset, nu })?)
}
