//! The parameters, and their layout in memory.

use ndarray::{Array1, Array2};

use crate::model::boundary::Boundary;
use crate::model::invalid::{Invalid, parameter};

const NAME: &str = "PCA";

/// The parameters as files hold them.
#[derive(Clone, PartialEq, Debug)]
pub(in crate::model) struct Params {
    /// The mean of each feature over the training rows.
    pub(in crate::model) mean: Array1<f64>,
    /// The components: a row each, a column a feature.
    pub(in crate::model) components: Array2<f64>,
    /// Minus the greatest error that is normal.
    pub(in crate::model) offset: Option<f64>,
}

/// The reconstruction error of a principal component analysis, fitted.
#[derive(Clone, PartialEq, Debug)]
pub struct PcaReconstruction {
    pub(super) mean: Box<[f64]>,
    /// One after another, a number a feature.
    pub(super) components: Box<[f64]>,
    pub(super) boundary: Boundary,
}

impl PcaReconstruction {
    /// A detector with these parameters.
    ///
    /// # Errors
    /// When a number is not finite, shapes do not agree, or there is no component.
    pub(in crate::model) fn new(params: Params) -> Result<Self, Invalid> {
        let Params { mean, components, offset } = params;
        if components.is_empty() {
            return Err(
                parameter(NAME, "components_").invalid("empty", "at least one component of at least one feature")
            );
        }
        parameter(NAME, "mean_").length(mean.len(), components.ncols(), "features of the components")?;
        mean.iter().try_for_each(|number| parameter(NAME, "mean_").finite(*number))?;
        components.iter().try_for_each(|number| parameter(NAME, "components_").finite(*number))?;
        Ok(Self {
            mean: mean.iter().copied().collect(),
            components: components.iter().copied().collect(),
            boundary: Boundary::new(NAME, offset, 0.0)?,
        })
    }

    /// How many features a row has.
    pub fn width(&self) -> usize {
        self.mean.len()
    }

    /// Minus the greatest error that is normal; `None` when it is not known.
    pub fn offset(&self) -> Option<f64> {
        self.boundary.offset()
    }

    /// How many components there are.
    pub(in crate::model) fn components(&self) -> usize {
        self.components.len() / self.width()
    }

    pub(in crate::model) fn params(&self) -> Params {
        let width = self.width();
        Params {
            mean: self.mean.iter().copied().collect(),
            components: Array2::from_shape_fn((self.components(), width), |(component, feature)| {
                self.components[component * width + feature]
            }),
            offset: self.boundary.offset(),
        }
    }

    pub(in crate::model) fn parameters(&self) -> Vec<(&'static str, String)> {
        [("components", self.components().to_string())].into_iter().chain(self.boundary.shown()).collect()
    }

    pub(in crate::model) fn heap_bytes(&self) -> usize {
        size_of::<f64>() * (self.mean.len() + self.components.len())
    }

    pub(in crate::model) fn unit(&self) -> f64 {
        self.boundary.unit()
    }

    pub(in crate::model) fn centre(&self) -> Vec<f64> {
        self.mean.to_vec()
    }
}
