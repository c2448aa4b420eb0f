//! Nystroem: the kernel with some of the training rows.
//!
//! Tensors: `components`, a row each, and `normalization`, a row a feature that comes out.

use serde::{Deserialize, Serialize};

use super::error::OwnError;
use super::steps::StepDescription;
use super::tensors::{Target, TensorScope};
use crate::model::preprocessing::{Likeness, Nystroem, NystroemParams};

#[derive(Serialize, Deserialize, Clone, Copy, Debug)]
#[serde(rename_all = "snake_case")]
pub(super) enum LikenessDescription {
    Rbf { gamma: f64 },
    Laplacian { gamma: f64 },
    Linear,
    Poly { degree: f64, gamma: f64, coef0: f64 },
    Sigmoid { gamma: f64, coef0: f64 },
    Cosine,
}

pub(super) fn write(nystroem: &Nystroem, to: &mut Target<'_>) -> StepDescription {
    let NystroemParams { components, normalization, likeness } = nystroem.params();
    to.matrix("components", components.view());
    to.matrix("normalization", normalization.view());
    let kernel = match likeness {
        Likeness::Rbf { gamma } => LikenessDescription::Rbf { gamma },
        Likeness::Laplacian { gamma } => LikenessDescription::Laplacian { gamma },
        Likeness::Linear => LikenessDescription::Linear,
        Likeness::Poly { degree, gamma, coef0 } => LikenessDescription::Poly { degree, gamma, coef0 },
        Likeness::Sigmoid { gamma, coef0 } => LikenessDescription::Sigmoid { gamma, coef0 },
        Likeness::Cosine => LikenessDescription::Cosine,
    };
    StepDescription::Nystroem { kernel }
}

pub(super) fn read(kernel: LikenessDescription, from: &TensorScope<'_, '_>) -> Result<Nystroem, OwnError> {
    let likeness = match kernel {
        LikenessDescription::Rbf { gamma } => Likeness::Rbf { gamma },
        LikenessDescription::Laplacian { gamma } => Likeness::Laplacian { gamma },
        LikenessDescription::Linear => Likeness::Linear,
        LikenessDescription::Poly { degree, gamma, coef0 } => Likeness::Poly { degree, gamma, coef0 },
        LikenessDescription::Sigmoid { gamma, coef0 } => Likeness::Sigmoid { gamma, coef0 },
        LikenessDescription::Cosine => Likeness::Cosine,
    };
    let (components, normalization) = (from.matrix("components")?, from.matrix("normalization")?);
    Ok(Nystroem::new(NystroemParams { components, normalization, likeness })?)
}
