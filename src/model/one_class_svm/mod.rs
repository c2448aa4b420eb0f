//! One-class support vector machine with the rbf, linear, polynomial and sigmoid kernels.
//!
//! The decision value of a row z is f(z) = Σᵢ αᵢ · K(z, vᵢ) + b over the support vectors vᵢ (Schölkopf et al.,
//! *Estimating the support of a high-dimensional distribution*, Neural Computation 13, 2001, equation 3.10; b is −ρ).
//! As in LIBSVM's `svm_predict_values`, a row is normal when f > 0, so a tie is an anomaly.
//!
//! The files in the order of the arithmetic: [`evaluate`] has the blocks of rows and the sums, [`kernel`] the functions
//! of a distance or a product, and [`vectors`](super::vectors) the power of two in these functions and the choice of a
//! machine's instructions.

mod evaluate;
mod kernel;
mod params;

pub use kernel::Kernel;
pub use params::OneClassSvm;
pub(super) use params::Params;
