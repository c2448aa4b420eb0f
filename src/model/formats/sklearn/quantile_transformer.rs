//! `sklearn.preprocessing.QuantileTransformer`.

use super::SklearnError;
use super::estimator::Estimator;
use crate::model::preprocessing::{Distribution, QuantileTransformer, QuantileTransformerParams};

const CLASS: &str = "QuantileTransformer";

/// Reads a fitted transformer.
///
/// Before 0.21 both distributions are held away from their ends. `n_quantiles_` came with 0.21, and tells where the file
/// does not say its version.
pub(super) fn read(estimator: Estimator<'_, '_>) -> Result<QuantileTransformer, SklearnError> {
    let output = match estimator.text(CLASS, "output_distribution")? {
        "uniform" if estimator.attribute("n_quantiles_").is_none() && estimator.is_before(0, 21) => {
            Distribution::UniformWithin
        }
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
