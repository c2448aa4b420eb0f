//! The parameters, and how they lie in memory.

use crate::model::invalid::{Invalid, parameter};

const NAME: &str = "OneClassSVM";

/// How many sums run side by side.
pub(super) const LANES: usize = 8;

/// The parameters as files hold them.
#[derive(Debug)]
pub(in crate::model) struct Params {
    /// The support vectors, one after another.
    pub(in crate::model) vectors: Vec<f64>,
    /// The features of each; at least one.
    pub(in crate::model) width: usize,
    /// The weight of each support vector.
    pub(in crate::model) coefficients: Vec<f64>,
    /// What is added to the weighted sum.
    pub(in crate::model) intercept: f64,
    /// The kernel's inverse squared width, zero or above.
    pub(in crate::model) gamma: f64,
    /// The share of outliers that the training allowed.
    pub(in crate::model) nu: Option<f64>,
}

impl Params {
    fn check(&self) -> Result<(), Invalid> {
        let vectors = parameter(NAME, "support_vectors_");
        if self.width == 0 || self.vectors.is_empty() {
            return Err(vectors.invalid("empty", "at least one support vector of at least one feature"));
        }
        parameter(NAME, "dual_coef_").length(
            self.coefficients.len(),
            self.vectors.len() / self.width,
            "support vectors",
        )?;
        vectors.length(self.vectors.len(), self.coefficients.len() * self.width, "features of the support vectors")?;
        vectors.all_finite(&self.vectors)?;
        parameter(NAME, "dual_coef_").all_finite(&self.coefficients)?;
        parameter(NAME, "intercept_").finite(self.intercept)?;
        if !(self.gamma.is_finite() && self.gamma >= 0.0) {
            return Err(parameter(NAME, "_gamma").invalid(self.gamma, "a finite number, 0 or above"));
        }
        Ok(())
    }
}

/// A one-class support vector machine with the rbf kernel, fitted.
#[derive(Clone, PartialEq, Debug)]
pub struct OneClassSvm {
    /// The support vectors by feature: the first feature of all of them, then the second, so that one instruction
    /// takes the same feature of several. Each run is filled up with zeros to whole [`LANES`].
    pub(super) vectors: Box<[f64]>,
    /// The weights, filled up alike: the filling weighs nothing.
    pub(super) coefficients: Box<[f64]>,
    pub(super) width: usize,
    pub(super) intercept: f64,
    pub(super) gamma: f64,
    support_vectors: usize,
    nu: Option<f64>,
}

impl OneClassSvm {
    /// Lays the parameters out for evaluation.
    ///
    /// # Errors
    /// When a number is not finite, lengths do not agree, or there is no support vector.
    pub(in crate::model) fn new(params: &Params) -> Result<Self, Invalid> {
        params.check()?;
        let Params { ref vectors, width, ref coefficients, intercept, gamma, nu } = *params;
        let filled = coefficients.len().next_multiple_of(LANES);
        let mut by_feature = vec![0.0; filled * width];
        for (index, vector) in vectors.chunks_exact(width).enumerate() {
            for (run, value) in by_feature.chunks_exact_mut(filled).zip(vector) {
                run[index] = *value;
            }
        }
        let mut weights = coefficients.clone();
        weights.resize(filled, 0.0);
        Ok(Self {
            vectors: by_feature.into(),
            coefficients: weights.into(),
            width,
            intercept,
            gamma,
            support_vectors: coefficients.len(),
            nu,
        })
    }

    /// How many features a row has.
    pub fn width(&self) -> usize {
        self.width
    }

    /// How many support vectors there are.
    pub fn support_vectors(&self) -> usize {
        self.support_vectors
    }

    /// The features of one support vector.
    pub(in crate::model) fn support_vector(&self, index: usize) -> impl Iterator<Item = f64> + '_ {
        self.vectors.chunks_exact(self.coefficients.len()).filter_map(move |values| values.get(index).copied())
    }

    /// The kernel's inverse squared width.
    pub fn gamma(&self) -> f64 {
        self.gamma
    }

    /// The share of outliers that the training allowed, if the file says so.
    pub fn nu(&self) -> Option<f64> {
        self.nu
    }

    pub(in crate::model) fn params(&self) -> Params {
        let vector = |index: usize| self.vectors.iter().skip(index).step_by(self.coefficients.len()).take(self.width);
        Params {
            vectors: (0..self.support_vectors).flat_map(vector).copied().collect(),
            width: self.width,
            coefficients: self.coefficients[..self.support_vectors].to_vec(),
            intercept: self.intercept,
            gamma: self.gamma,
            nu: self.nu,
        }
    }

    pub(in crate::model) fn parameters(&self) -> Vec<(&'static str, String)> {
        let nu = self.nu.map(|nu| ("nu", nu.to_string()));
        [("kernel", "rbf".to_owned()), ("gamma", self.gamma.to_string())]
            .into_iter()
            .chain(nu)
            .chain([("support vectors", self.support_vectors.to_string())])
            .collect()
    }

    pub(in crate::model) fn heap_bytes(&self) -> usize {
        size_of_val(&*self.vectors) + size_of_val(&*self.coefficients)
    }

    /// Infinitely far from the training rows the decision value is the intercept.
    pub(in crate::model) fn unit(&self) -> f64 {
        let unit = self.intercept.abs();
        if unit > 0.0 { unit } else { 1.0 }
    }

    /// The mean of the support vectors, which lie around the training rows.
    pub(in crate::model) fn centre(&self) -> Vec<f64> {
        let count = self.support_vectors as f64;
        let features = self.vectors.chunks_exact(self.coefficients.len());
        features.map(|values| values[..self.support_vectors].iter().sum::<f64>() / count).collect()
    }
}
