//! Distance to principal components, as pyod's `PCA` has it: each component is taken for a point, and a row's error is the
//! sum of its euclidean distances to these points, each divided by the component's weight. The decision value is
//! −error − offset.
//!
//! It is not the distance along the components of Shyu, Chen, Sarinnapakorn, Chang, *A novel anomaly detection scheme
//! based on principal component classifier*, ICDM 2003, which pyod names as its source. What counts here is its code.

mod evaluate;
mod params;

pub use params::ComponentDistance;
pub(super) use params::Params;
