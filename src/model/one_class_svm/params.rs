//! The parameters, and their layout in memory.

use super::kernel::Kernel;
use crate::model::invalid::{Invalid, parameter};
use crate::verdict::Label;

const NAME: &str = "OneClassSVM";

/// The parameters as files hold them.
#[derive(Clone, PartialEq, Debug)]
pub(in crate::model) struct Params {
    /// The support vectors, one after another.
    pub(in crate::model) vectors: Vec<f64>,
    /// The features of each; at least one.
    pub(in crate::model) width: usize,
    /// The weight of each support vector.
    pub(in crate::model) coefficients: Vec<f64>,
    /// Added to the weighted sum.
    pub(in crate::model) intercept: f64,
    /// How a row is held against a support vector.
    pub(in crate::model) kernel: Kernel,
    /// The share of outliers that the training allowed.
    pub(in crate::model) nu: Option<f64>,
    /// The label of a row on the boundary: an anomaly for LIBSVM, normal for pyod.
    pub(in crate::model) tie: Label,
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
        match self.kernel {
            Kernel::Rbf { gamma } if !(gamma.is_finite() && gamma >= 0.0) => {
                Err(parameter(NAME, "_gamma").invalid(gamma, "a finite number, 0 or above"))
            }
            Kernel::Rbf { .. } | Kernel::Linear => Ok(()),
            Kernel::Poly { gamma, coef0, .. } | Kernel::Sigmoid { gamma, coef0 } => {
                parameter(NAME, "_gamma").finite(gamma)?;
                parameter(NAME, "coef0").finite(coef0)
            }
        }
    }

    /// The smallest and the largest value of each feature.
    fn bounds(&self) -> Box<[[f64; 2]]> {
        let mut bounds = vec![[f64::INFINITY, f64::NEG_INFINITY]; self.width];
        for vector in self.vectors.chunks_exact(self.width) {
            for ([low, high], value) in bounds.iter_mut().zip(vector) {
                (*low, *high) = (low.min(*value), high.max(*value));
            }
        }
        bounds.into()
    }

    /// The weighted sum of the support vectors.
    fn direction(&self) -> Box<[f64]> {
        let mut direction = vec![0.0; self.width];
        for (vector, weight) in self.vectors.chunks_exact(self.width).zip(&self.coefficients) {
            for (sum, value) in direction.iter_mut().zip(vector) {
                *sum += weight * value;
            }
        }
        direction.into()
    }
}

/// A one-class support vector machine, fitted.
#[derive(Clone, PartialEq, Debug)]
pub struct OneClassSvm {
    pub(super) vectors: Box<[f64]>,
    pub(super) coefficients: Box<[f64]>,
    pub(super) width: usize,
    pub(super) intercept: f64,
    pub(super) kernel: Kernel,
    /// The box around the support vectors, for the rbf kernel.
    pub(super) bounds: Box<[[f64; 2]]>,
    /// The weighted sum of the support vectors, for the linear kernel.
    pub(super) direction: Box<[f64]>,
    pub(super) tie: Label,
    nu: Option<f64>,
}

impl OneClassSvm {
    /// Checks the parameters, and lays them out for evaluation.
    ///
    /// # Errors
    /// When a number is not finite, lengths do not agree, or there is no support vector.
    pub(in crate::model) fn new(params: Params) -> Result<Self, Invalid> {
        params.check()?;
        let rbf = matches!(params.kernel, Kernel::Rbf { .. });
        let linear = matches!(params.kernel, Kernel::Linear);
        Ok(Self {
            bounds: if rbf { params.bounds() } else { Box::default() },
            direction: if linear { params.direction() } else { Box::default() },
            vectors: params.vectors.into(),
            coefficients: params.coefficients.into(),
            width: params.width,
            intercept: params.intercept,
            kernel: params.kernel,
            nu: params.nu,
            tie: params.tie,
        })
    }

    /// The same with another boundary. scikit-learn's `offset_` is minus the intercept.
    ///
    /// # Errors
    /// When the offset is not finite.
    pub(in crate::model) fn with_offset(&self, offset: f64) -> Result<Self, Invalid> {
        parameter(NAME, "offset_").finite(offset)?;
        Ok(Self { intercept: -offset, ..self.clone() })
    }

    /// How many features a row has.
    pub fn width(&self) -> usize {
        self.width
    }

    /// How a row is held against a support vector.
    pub fn kernel(&self) -> Kernel {
        self.kernel
    }

    /// The features of one support vector.
    pub(in crate::model) fn support_vector(&self, index: usize) -> impl Iterator<Item = f64> + '_ {
        self.vectors.chunks_exact(self.width).skip(index).take(1).flatten().copied()
    }

    /// The support vectors, one after another, [`width`](Self::width) numbers each.
    pub fn vectors(&self) -> &[f64] {
        &self.vectors
    }

    /// The weight of each support vector.
    pub fn coefficients(&self) -> &[f64] {
        &self.coefficients
    }

    /// Added to the weighted sum.
    pub fn intercept(&self) -> f64 {
        self.intercept
    }

    /// How many support vectors there are.
    pub fn support_vectors(&self) -> usize {
        self.coefficients.len()
    }

    /// The share of outliers that the training allowed; `None` when the file does not say.
    pub fn nu(&self) -> Option<f64> {
        self.nu
    }

    pub(in crate::model) fn params(&self) -> Params {
        Params {
            vectors: self.vectors.to_vec(),
            width: self.width,
            coefficients: self.coefficients.to_vec(),
            intercept: self.intercept,
            kernel: self.kernel,
            nu: self.nu,
            tie: self.tie,
        }
    }

    pub(in crate::model) fn parameters(&self) -> Vec<(&'static str, String)> {
        let of_kernel = match self.kernel {
            Kernel::Rbf { gamma } => vec![("gamma", gamma.to_string())],
            Kernel::Linear => Vec::new(),
            Kernel::Poly { degree, gamma, coef0 } => {
                vec![("degree", degree.to_string()), ("gamma", gamma.to_string()), ("coef0", coef0.to_string())]
            }
            Kernel::Sigmoid { gamma, coef0 } => vec![("gamma", gamma.to_string()), ("coef0", coef0.to_string())],
        };
        // Without the sign of a zero.
        let offset = 0.0 - self.intercept;
        [("kernel", self.kernel.name().to_owned())]
            .into_iter()
            .chain(of_kernel)
            .chain(self.nu.map(|nu| ("nu", nu.to_string())))
            .chain([("support vectors", self.support_vectors().to_string()), ("offset", offset.to_string())])
            .collect()
    }

    pub(in crate::model) fn heap_bytes(&self) -> usize {
        let numbers = [&self.vectors, &self.coefficients, &self.direction];
        numbers.into_iter().map(|numbers| size_of_val(&**numbers)).sum::<usize>() + size_of_val(&*self.bounds)
    }

    /// Infinitely far from the training rows, the decision value of the rbf kernel is the intercept; in the origin,
    /// that of the product kernels is not far from it.
    pub(in crate::model) fn unit(&self) -> f64 {
        self.intercept.abs()
    }

    /// The mean of the support vectors, which lie around the training rows.
    pub(in crate::model) fn centre(&self) -> Vec<f64> {
        let count = self.support_vectors() as f64;
        let mut centre = vec![0.0; self.width];
        for vector in self.vectors.chunks_exact(self.width) {
            for (mean, value) in centre.iter_mut().zip(vector) {
                *mean += value / count;
            }
        }
        centre
    }
}
