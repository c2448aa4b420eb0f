//! Distance to the nearest of the centres that k-means found.
//!
//! Lloyd, *Least squares quantization in PCM*, IEEE Transactions on Information Theory 28, 1982, gives the centres. A
//! row's error is its euclidean distance to the nearest, scikit-learn's `transform(rows).min(axis=1)`; it is summed from
//! differences, so that it does not cancel near a centre as the library's expansion of the square does.

mod evaluate;
mod params;
mod train;

pub use params::KmeansDistance;
pub(super) use params::Params;
pub(super) use train::train;
