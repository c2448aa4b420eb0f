//! `pyod.models.pca.PCA`: the weighted distances to the selected components, behind a scaler of its own.

use ndarray::Array2;

use super::super::SklearnError;
use super::super::estimator::Estimator;
use crate::model::component_distance::{ComponentDistance, Params};
use crate::model::formats::pickle::Node;

const CLASS: &str = "PCA";

/// Reads a fitted detector, but for its [`scaler`].
pub(in crate::model::formats::sklearn) fn read(
    estimator: Estimator<'_, '_>,
) -> Result<ComponentDistance, SklearnError> {
    let components = estimator.matrix(CLASS, "selected_components_")?;
    let shape = (components.rows, components.columns);
    Ok(ComponentDistance::new(Params {
        components: Array2::from_shape_vec(shape, components.numbers).unwrap_or_default(),
        weights: estimator.row(CLASS, "selected_w_components_")?,
        offset: Some(-super::threshold(estimator, CLASS)?),
    })?)
}

/// The scaler that rows go through first, unless `standardization` is off.
pub(in crate::model::formats::sklearn) fn scaler<'g, 'a>(
    estimator: Estimator<'g, 'a>,
) -> Result<Option<Node<'g, 'a>>, SklearnError> {
    estimator.bool(CLASS, "standardization")?.then(|| estimator.required(CLASS, "scaler_")).transpose()
}
