//! `sklearn.decomposition.PCA`, as a step.

use super::SklearnError;
use super::estimator::Estimator;
use crate::model::formats::pickle::Node;
use crate::model::preprocessing::{Pca, PcaParams};

const CLASS: &str = "PCA";

/// A mean in single precision up to which scikit-learn's rounding of it is below 1e-9.
const NEGLIGIBLE: f64 = 0.01;

/// Reads a fitted projection. How its components were found makes no difference.
pub(super) fn read(estimator: Estimator<'_, '_>) -> Result<Pca, SklearnError> {
    let components = estimator.matrix(CLASS, "components_")?;
    let mean = estimator.row(CLASS, "mean_")?;
    if components.columns != mean.len() {
        let expected = format!("{} features, as many as mean_ has", mean.len());
        return Err(estimator.wrong(CLASS, "components_", format!("of {} features", components.columns), expected));
    }
    Ok(Pca::new(&PcaParams {
        mean,
        components: components.numbers,
        whiten: estimator.row_if(CLASS, "whiten", "explained_variance_")?,
    })?)
}

/// What a person should know of a projection whose arrays are in single precision.
pub(super) fn note(estimator: Estimator<'_, '_>, projection: &Pca) -> Option<String> {
    let single = ["mean_", "components_"].iter().all(|name| estimator.attribute(name).is_some_and(Node::is_single));
    let rounds = single && projection.mean().iter().any(|mean| mean.abs() > NEGLIGIBLE);
    rounds.then(|| {
        "PCA was fitted to float32: newer versions of scikit-learn project its mean in float32, to about 1e-7 of it; \
         here all is done in float64. For the same answers put a StandardScaler before it, or fit it to float64"
            .to_owned()
    })
}
