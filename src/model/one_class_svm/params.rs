//! The parameters, and how they lie in memory.

/// How many sums run side by side.
pub(super) const LANES: usize = 8;

/// The parameters as files hold them. The reader of the file has checked that the lengths agree and all is finite.
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
    pub(in crate::model) fn new(params: &Params) -> Self {
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
        Self {
            vectors: by_feature.into(),
            coefficients: weights.into(),
            width,
            intercept,
            gamma,
            support_vectors: coefficients.len(),
            nu,
        }
    }

    /// How many features a row has.
    pub fn width(&self) -> usize {
        self.width
    }

    /// How many support vectors there are.
    pub fn support_vectors(&self) -> usize {
        self.support_vectors
    }

    /// The kernel's inverse squared width.
    pub fn gamma(&self) -> f64 {
        self.gamma
    }

    /// The share of outliers that the training allowed, if the file says so.
    pub fn nu(&self) -> Option<f64> {
        self.nu
    }
}
