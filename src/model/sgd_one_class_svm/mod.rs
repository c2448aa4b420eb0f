//! Linear one-class support vector machine, trained by stochastic gradient descent.
//!
//! The decision value of a row z is f(z) = w·z − ρ, as scikit-learn's `SGDOneClassSVM.decision_function`: the linear
//! case of Schölkopf et al., *Estimating the support of a high-dimensional distribution*, Neural Computation 13, 2001.
//! A row is normal when f >= 0, so unlike LIBSVM's a tie is normal.

mod evaluate;
mod params;

pub(super) use params::Params;
pub use params::SgdOneClassSvm;
