//! `sklearn.preprocessing.MinMaxScaler`.

use super::SklearnError;
use super::estimator::Estimator;
use crate::model::formats::pickle::Node;
use crate::model::preprocessing::{MinMaxScaler, MinMaxScalerParams};

const CLASS: &str = "MinMaxScaler";

/// Reads a fitted scaler. `clip` came with 0.24.
pub(super) fn read(estimator: Estimator<'_, '_>) -> Result<MinMaxScaler, SklearnError> {
    let clip = match estimator.attribute("clip") {
        Some(_) if estimator.bool(CLASS, "clip")? => Some(range(estimator)?),
        _ => None,
    };
    let scale = estimator.row(CLASS, "scale_")?;
    let seen = seen(estimator).filter(|seen| seen.len() == scale.len());
    Ok(MinMaxScaler::new(MinMaxScalerParams { scale, min: estimator.row(CLASS, "min_")?, clip, seen })?)
}

/// The lowest and the highest number of each feature in training, if they are there: no row is changed by them.
fn seen(estimator: Estimator<'_, '_>) -> Option<Vec<(f64, f64)>> {
    let (low, high) = (estimator.row(CLASS, "data_min_").ok()?, estimator.row(CLASS, "data_max_").ok()?);
    let seen: Vec<_> = low.iter().copied().zip(high.iter().copied()).collect();
    (low.len() == high.len() && seen.iter().all(|(low, high)| low <= high)).then_some(seen)
}

/// `feature_range`, a pair of numbers.
fn range(estimator: Estimator<'_, '_>) -> Result<(f64, f64), SklearnError> {
    let node = estimator.required(CLASS, "feature_range")?;
    let pair = || {
        let mut items = node.items()?.map(Node::number);
        Some((items.next()??, items.next()??))
    };
    pair().ok_or_else(|| estimator.wrong(CLASS, "feature_range", node.kind(), "a pair of numbers"))
}
