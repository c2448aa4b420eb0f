//! `sklearn.cluster.KMeans` and `MiniBatchKMeans` as the last step: the distance to the nearest centre.

use ndarray::Array2;

use super::SklearnError;
use super::estimator::Estimator;
use super::offset::offset;
use crate::model::kmeans_distance::{KmeansDistance, Params};

const CLASS: &str = "KMeans";

/// Reads fitted centres.
pub(super) fn read(estimator: Estimator<'_, '_>) -> Result<KmeansDistance, SklearnError> {
    let centres = estimator.matrix(CLASS, "cluster_centers_")?;
    let centres = Array2::from_shape_vec((centres.rows, centres.columns), centres.numbers).unwrap_or_default();
    Ok(KmeansDistance::new(Params { centres, offset: offset(estimator, CLASS)? })?)
}
