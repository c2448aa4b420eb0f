//! Elliptic envelope: the distance of a row from a robust centre, in the directions and units of a robust covariance
//! (Rousseeuw, Van Driessen, *A fast algorithm for the minimum covariance determinant estimator*, Technometrics 41,
//! 1999).
//!
//! The squared Mahalanobis distance of a row z is d = (z − location)ᵀ · precision · (z − location); the decision value
//! is −d − offset.

mod evaluate;
mod params;

pub(super) use params::Params;
pub use params::{EllipticEnvelope, Scale};

#[cfg(test)]
mod tests;
