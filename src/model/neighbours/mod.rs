//! The nearest training rows of a row.
//!
//! The search works like scikit-learn's: the same boxes or balls around the rows, in the same order, into the same
//! heap. When several rows are equally far, this decides which of them count.

mod metric;
mod nearest;
mod regions;
mod search;

pub use metric::Metric;
pub(super) use search::{Layout, Neighbours};
