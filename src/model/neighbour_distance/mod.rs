//! Distance to the nearest training rows (Ramaswamy, Rastogi, Shim, *Efficient algorithms for mining outliers from large
//! data sets*, SIGMOD 2000; Angiulli, Pizzuti, *Fast outlier detection in high dimensional spaces*, PKDD 2002).
//!
//! The error of a row is the distance of its kth nearest training row, or the mean or the median of the k distances, as
//! pyod's `KNN` computes it. The decision value is −error − offset.

mod evaluate;
mod params;

pub(super) use params::Params;
pub use params::{NeighbourDistance, Of};
