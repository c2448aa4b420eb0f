//! The nearest training rows of a row.
//!
//! The search goes the way of scikit-learn's: the same boxes or balls around the rows, in the same order, into the same
//! heap. Where several rows are equally far, that decides which of them count.

mod metric;
mod nearest;
mod regions;
mod search;

pub use metric::Metric;
pub(super) use search::{Layout, Neighbours};
