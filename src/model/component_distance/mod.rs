//! Distance to principal components, as pyod's `PCA` computes it: each component is taken as a point, and a row's error
//! is the sum of its euclidean distances to these points, each divided by the component's weight. The decision value is
//! −error − offset.
//!
//! This is not the distance along the components of Shyu, Chen, Sarinnapakorn, Chang, *A novel anomaly detection scheme
//! based on principal component classifier*, ICDM 2003, which pyod names as its source. This module follows pyod's
//! code.

mod evaluate;
mod params;

pub use params::ComponentDistance;
pub(super) use params::Params;
