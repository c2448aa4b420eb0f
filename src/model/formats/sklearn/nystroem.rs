//! `sklearn.kernel_approximation.Nystroem`.

use ndarray::Array2;

use super::SklearnError;
use super::estimator::Estimator;
use crate::model::formats::pickle::{Matrix, Node};
use crate::model::formats::printable::printable;
use crate::model::preprocessing::{Likeness, Nystroem, NystroemParams};

const CLASS: &str = "Nystroem";

/// Reads the rows that others are held against, and what is made of their kernels.
pub(super) fn read(estimator: Estimator<'_, '_>) -> Result<Nystroem, SklearnError> {
    let matrix =
        |Matrix { rows, columns, numbers }| Array2::from_shape_vec((rows, columns), numbers).unwrap_or_default();
    let components = matrix(estimator.matrix(CLASS, "components_")?);
    let likeness = likeness(estimator, components.ncols())?;
    let normalization = matrix(estimator.matrix(CLASS, "normalization_")?);
    Ok(Nystroem::new(NystroemParams { components, normalization, likeness })?)
}

/// The kernel for rows of `width` features, with scikit-learn's own defaults for what was left out.
fn likeness(estimator: Estimator<'_, '_>, width: usize) -> Result<Likeness, SklearnError> {
    let or = |name, default: f64| match estimator.attribute(name).filter(|number| !number.is_none()) {
        Some(_) => estimator.number(CLASS, name),
        None => Ok(default),
    };
    if estimator.attribute("kernel_params").is_some_and(|params| !params.is_none()) {
        return Err(estimator.setting(CLASS, "kernel_params", "a dictionary", "gamma, coef0 and degree"));
    }
    let gamma = || or("gamma", 1.0 / width as f64);
    let kernel = estimator.required(CLASS, "kernel")?;
    Ok(match kernel.text() {
        Some("rbf") => Likeness::Rbf { gamma: gamma()? },
        Some("laplacian") => Likeness::Laplacian { gamma: gamma()? },
        Some("linear") => Likeness::Linear,
        Some("poly" | "polynomial") => {
            Likeness::Poly { degree: or("degree", 3.0)?, gamma: gamma()?, coef0: or("coef0", 1.0)? }
        }
        Some("sigmoid") => Likeness::Sigmoid { gamma: gamma()?, coef0: or("coef0", 1.0)? },
        Some("cosine") => Likeness::Cosine,
        name => {
            let function = || kernel.function().map(|function| function.to_string());
            let found = name.map(printable).or_else(function).unwrap_or_else(|| Node::kind(kernel).to_owned());
            return Err(estimator.setting(CLASS, "kernel", &found, "rbf, laplacian, linear, poly, sigmoid or cosine"));
        }
    })
}
