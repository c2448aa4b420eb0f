//! One-class support vector machine with the rbf kernel.
//!
//! The decision value of a row z is f(z) = Σᵢ αᵢ · exp(−γ · ‖z − vᵢ‖²) + b over the support vectors vᵢ (Schölkopf et
//! al., *Estimating the support of a high-dimensional distribution*, Neural Computation 13, 2001, equation 3.10; b is
//! −ρ). As in LIBSVM's `svm_predict_values`, a row is normal when f > 0, so a tie is an anomaly.

mod evaluate;
mod exp;
mod params;

pub use params::OneClassSvm;
pub(super) use params::Params;
