//! `sklearn.mixture.GaussianMixture` as the last step: how likely a row is.

use ndarray::Array2;

use super::SklearnError;
use super::estimator::Estimator;
use super::offset::offset;
use crate::model::formats::pickle::Matrix;
use crate::model::formats::printable::printable;
use crate::model::gaussian_mixture::{Covariance, GaussianMixture, Params};

const CLASS: &str = "GaussianMixture";

/// Reads a fitted mixture.
pub(super) fn read(estimator: Estimator<'_, '_>) -> Result<GaussianMixture, SklearnError> {
    let name = estimator.text(CLASS, "covariance_type")?;
    let covariance = Covariance::named(name).ok_or_else(|| {
        let found = printable(name);
        estimator.setting(CLASS, "covariance_type", &found, "full, tied, diag or spherical")
    })?;
    let matrix =
        |Matrix { rows, columns, numbers }| Array2::from_shape_vec((rows, columns), numbers).unwrap_or_default();
    let cholesky = match covariance {
        Covariance::Full => {
            let stack = estimator.required(CLASS, "precisions_cholesky_")?;
            let wrong = || estimator.wrong(CLASS, "precisions_cholesky_", stack.kind(), "a matrix for each component");
            matrix(stack.stacked_matrices().ok_or_else(wrong)?)
        }
        Covariance::Tied | Covariance::Diag => matrix(estimator.matrix(CLASS, "precisions_cholesky_")?),
        Covariance::Spherical => {
            let widths = estimator.row(CLASS, "precisions_cholesky_")?;
            Array2::from_shape_vec((widths.len(), 1), widths).unwrap_or_default()
        }
    };
    Ok(GaussianMixture::new(Params {
        weights: estimator.row(CLASS, "weights_")?,
        means: matrix(estimator.matrix(CLASS, "means_")?),
        covariance,
        cholesky,
        offset: offset(estimator, CLASS)?,
    })?)
}
