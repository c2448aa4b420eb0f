//! The parameters.

use crate::model::invalid::{Invalid, parameter};

const NAME: &str = "SGDOneClassSVM";

/// The parameters as files hold them.
#[derive(Clone, PartialEq, Debug)]
pub(in crate::model) struct Params {
    /// w, a weight for each feature.
    pub(in crate::model) coefficients: Vec<f64>,
    /// ρ, which is subtracted.
    pub(in crate::model) offset: f64,
    /// The share of outliers that the training allowed.
    pub(in crate::model) nu: Option<f64>,
}

/// A linear one-class support vector machine, fitted.
#[derive(Clone, PartialEq, Debug)]
pub struct SgdOneClassSvm {
    pub(super) coefficients: Box<[f64]>,
    pub(super) offset: f64,
    nu: Option<f64>,
}

impl SgdOneClassSvm {
    /// Checks the parameters.
    ///
    /// # Errors
    /// When there are no weights, or a number is not finite.
    pub(in crate::model) fn new(params: Params) -> Result<Self, Invalid> {
        let coefficients = parameter(NAME, "coef_");
        if params.coefficients.is_empty() {
            return Err(coefficients.invalid("empty", "a weight for each of at least one feature"));
        }
        coefficients.all_finite(&params.coefficients)?;
        parameter(NAME, "offset_").finite(params.offset)?;
        Ok(Self { coefficients: params.coefficients.into(), offset: params.offset, nu: params.nu })
    }

    /// The same with another ρ.
    ///
    /// # Errors
    /// When ρ is not finite.
    pub(in crate::model) fn with_offset(&self, offset: f64) -> Result<Self, Invalid> {
        parameter(NAME, "offset_").finite(offset)?;
        Ok(Self { offset, ..self.clone() })
    }

    /// How many features a row has.
    pub fn width(&self) -> usize {
        self.coefficients.len()
    }

    /// The weight of each feature.
    pub fn coefficients(&self) -> &[f64] {
        &self.coefficients
    }

    /// Subtracted from the weighted sum.
    pub fn offset(&self) -> f64 {
        self.offset
    }

    /// The share of outliers that the training allowed; `None` when the file does not say.
    pub fn nu(&self) -> Option<f64> {
        self.nu
    }

    pub(in crate::model) fn parameters(&self) -> Vec<(&'static str, String)> {
        let nu = self.nu.map(|nu| ("nu", nu.to_string()));
        nu.into_iter().chain([("offset", self.offset.to_string())]).collect()
    }

    pub(in crate::model) fn heap_bytes(&self) -> usize {
        size_of_val(&*self.coefficients)
    }

    /// In the origin the decision value is −ρ.
    pub(in crate::model) fn unit(&self) -> f64 {
        self.offset.abs()
    }
}
