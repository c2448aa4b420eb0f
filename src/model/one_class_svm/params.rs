//! The parameters, and how they lie in memory.

/// How many support vectors are taken at once.
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
    /// The support vectors, in groups of [`LANES`]; within a group by feature, so that one instruction takes the same
    /// feature of several. The last group is filled up with zeros.
    pub(super) vectors: Box<[[f64; LANES]]>,
    /// The weights, in the same groups. Those of the filling are zero, so it adds nothing.
    pub(super) coefficients: Box<[[f64; LANES]]>,
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
        let groups = coefficients.len().div_ceil(LANES);
        let mut grouped_vectors = vec![[0.0; LANES]; groups * width].into_boxed_slice();
        let mut grouped_coefficients = vec![[0.0; LANES]; groups].into_boxed_slice();
        for (index, (vector, coefficient)) in vectors.chunks_exact(width).zip(coefficients).enumerate() {
            let (group, lane) = (index / LANES, index % LANES);
            grouped_coefficients[group][lane] = *coefficient;
            for (features, value) in grouped_vectors[group * width..].iter_mut().zip(vector) {
                features[lane] = *value;
            }
        }
        Self {
            vectors: grouped_vectors,
            coefficients: grouped_coefficients,
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
