//! `sklearn.preprocessing.QuantileTransformer`.

use super::SklearnError;
use super::estimator::Estimator;
use crate::model::preprocessing::{Distribution, QuantileTransformer, QuantileTransformerParams};

const CLASS: &str = "QuantileTransformer";

/// Reads a fitted transformer.
pub(super) fn read(estimator: Estimator<'_, '_>) -> Result<QuantileTransformer, SklearnError> {
    let output = match estimator.text(CLASS, "output_distribution")? {
        "uniform" => Distribution::Uniform,
        "normal" => Distribution::Normal,
        other => return Err(estimator.setting(CLASS, "output_distribution", other, "uniform, normal")),
    };
    let quantiles = estimator.matrix(CLASS, "quantiles_")?;
    Ok(QuantileTransformer::new(&QuantileTransformerParams {
        width: quantiles.columns,
        references: estimator.row(CLASS, "references_")?,
        quantiles: quantiles.numbers,
        output,
    })?)
}
