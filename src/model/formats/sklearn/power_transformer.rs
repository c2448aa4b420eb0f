//! `sklearn.preprocessing.PowerTransformer`, there since 0.20.

use super::SklearnError;
use super::estimator::Estimator;
use super::standard_scaler;
use crate::model::preprocessing::{Method, PowerTransformer};

const CLASS: &str = "PowerTransformer";

/// Reads a fitted transformer. What scales its result is a `StandardScaler` within it.
pub(super) fn read(estimator: Estimator<'_, '_>) -> Result<PowerTransformer, SklearnError> {
    let method = match estimator.text(CLASS, "method")? {
        "yeo-johnson" if estimator.is_before(1, 9) => Method::YeoJohnsonByPower,
        "yeo-johnson" => Method::YeoJohnson,
        "box-cox" => Method::BoxCox,
        other => return Err(estimator.setting(CLASS, "method", other, "yeo-johnson, box-cox")),
    };
    let lambdas = estimator.row(CLASS, "lambdas_")?;
    let scaler = if estimator.bool(CLASS, "standardize")? {
        let node = estimator.required(CLASS, "_scaler")?;
        let scaler = Estimator::of(node).filter(|scaler| scaler.path() == ("sklearn.preprocessing", "StandardScaler"));
        let wrong = || estimator.wrong(CLASS, "_scaler", node.kind(), "a StandardScaler");
        Some(standard_scaler::read(scaler.ok_or_else(wrong)?)?)
    } else {
        None
    };
    Ok(PowerTransformer::new(method, lambdas, scaler)?)
}
