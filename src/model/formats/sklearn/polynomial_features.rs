//! `sklearn.preprocessing.PolynomialFeatures`.

use super::SklearnError;
use super::estimator::Estimator;
use crate::model::formats::pickle::Node;
use crate::model::preprocessing::{PolynomialFeatures, PolynomialFeaturesParams};

const CLASS: &str = "PolynomialFeatures";

/// Reads fitted products. Since 1.0 the degree may be a pair, and what came of it in training is what counts; the width
/// was `n_input_features_` before.
pub(super) fn read(estimator: Estimator<'_, '_>) -> Result<PolynomialFeatures, SklearnError> {
    let (min_degree, max_degree) = match estimator.attribute("_max_degree") {
        Some(_) => (estimator.count(CLASS, "_min_degree")?, estimator.count(CLASS, "_max_degree")?),
        None => degree(estimator)?,
    };
    let width = estimator.either("n_features_in_", "n_input_features_");
    let features = PolynomialFeatures::new(PolynomialFeaturesParams {
        width: estimator.count(CLASS, width)?,
        min_degree,
        max_degree,
        interaction_only: estimator.bool(CLASS, "interaction_only")?,
        include_bias: estimator.bool(CLASS, "include_bias")?,
    })?;
    estimator.counted(CLASS, "n_output_features_", features.output_width(), "products")?;
    estimator.counted(CLASS, "_n_out_full", features.products(), "products of all degrees")?;
    Ok(features)
}

/// The degree that was set: the largest, or the smallest and the largest.
fn degree(estimator: Estimator<'_, '_>) -> Result<(usize, usize), SklearnError> {
    let degree = estimator.required(CLASS, "degree")?;
    let count = |node: Node<'_, '_>| node.int().and_then(|count| usize::try_from(count).ok());
    let pair = || {
        let mut items = degree.items()?.map(count);
        Some((items.next()??, items.next()??))
    };
    count(degree)
        .map(|max| (0, max))
        .or_else(pair)
        .ok_or_else(|| estimator.wrong(CLASS, "degree", degree.kind(), "a whole number from 0 on, or a pair of them"))
}
