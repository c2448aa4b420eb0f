//! Gaussian mixture (McLachlan, Peel, *Finite mixture models*, 2000): how likely a row is among the training rows.
//!
//! The score of a row x is ln Σₖ wₖ · N(x; μₖ, Σₖ), scikit-learn's `score_samples`: high where training rows were. With
//! the precision Σₖ⁻¹ = Lₖ·Lₖᵀ the kth density is ln N = −½·(n·ln 2π + ‖(x − μₖ)·Lₖ‖²) + ln det Lₖ. The decision value
//! is the score less the offset, which has to be set after training.

mod evaluate;
mod params;

pub(super) use params::Params;
pub use params::{Covariance, GaussianMixture};
