//! The parameters.

use ndarray::Array2;

use crate::model::boundary::Boundary;
use crate::model::invalid::{Invalid, parameter};

const NAME: &str = "PCA of pyod";

/// The parameters as files hold them.
#[derive(Clone, PartialEq, Debug)]
pub(in crate::model) struct Params {
    /// The components that were selected: a row each, a column a feature.
    pub(in crate::model) components: Array2<f64>,
    /// The divisors of the distances: each component's share of the variance, or 1.
    pub(in crate::model) weights: Vec<f64>,
    /// Minus the greatest error that is normal.
    pub(in crate::model) offset: Option<f64>,
}

/// The distance to principal components, fitted.
#[derive(Clone, PartialEq, Debug)]
pub struct ComponentDistance {
    /// Row by row in memory.
    pub(super) components: Box<[f64]>,
    pub(super) weights: Box<[f64]>,
    pub(super) boundary: Boundary,
}

impl ComponentDistance {
    /// Checks the parameters.
    ///
    /// # Errors
    /// When there is no component, a number is not finite, a weight is not above 0, there is not one weight a
    /// component, or every row would be an anomaly.
    pub(in crate::model) fn new(params: Params) -> Result<Self, Invalid> {
        let Params { components, weights, offset } = params;
        let of_components = parameter(NAME, "selected_components_");
        if components.is_empty() {
            return Err(of_components.invalid("empty", "at least one component of at least one feature"));
        }
        components.iter().try_for_each(|number| of_components.finite(*number))?;
        let of_weights = parameter(NAME, "selected_w_components_");
        of_weights.length(weights.len(), components.nrows(), "components")?;
        of_weights.all_positive(&weights)?;
        let components = components.iter().copied().collect();
        Ok(Self { components, weights: weights.into(), boundary: Boundary::new(NAME, offset, 0.0)? })
    }

    /// The parameters from which this was made.
    pub(in crate::model) fn params(&self) -> Params {
        let shape = (self.weights.len(), self.width());
        Params {
            components: Array2::from_shape_vec(shape, self.components.to_vec()).unwrap_or_default(),
            weights: self.weights.to_vec(),
            offset: self.boundary.offset(),
        }
    }

    /// The same with another boundary; `None` removes it.
    ///
    /// # Errors
    /// When every row would be an anomaly.
    pub(in crate::model) fn with_offset(&self, offset: Option<f64>) -> Result<Self, Invalid> {
        Ok(Self { boundary: Boundary::new(NAME, offset, 0.0)?, ..self.clone() })
    }

    /// How many components there are.
    pub(in crate::model) fn components(&self) -> usize {
        self.weights.len()
    }

    /// How many features a row has.
    pub fn width(&self) -> usize {
        self.components.len() / self.weights.len()
    }

    /// Minus the greatest error that is normal; `None` when it is not known.
    pub fn offset(&self) -> Option<f64> {
        self.boundary.offset()
    }

    pub(in crate::model) fn parameters(&self) -> Vec<(&'static str, String)> {
        [("components", self.weights.len().to_string())].into_iter().chain(self.boundary.shown()).collect()
    }

    pub(in crate::model) fn heap_bytes(&self) -> usize {
        size_of_val(&*self.components) + size_of_val(&*self.weights)
    }

    pub(in crate::model) fn unit(&self) -> f64 {
        self.boundary.unit()
    }
}
