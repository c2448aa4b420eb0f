//! Isolation forest (Liu, Ting, Zhou, *Isolation forest*, ICDM 2008).
//!
//! Every tree splits a sample of the training rows at random until each row is alone, or a depth is reached. A strange
//! row is alone early. A row that ends in a leaf of n training rows has the path length h = depth + c(n), where c(n) is
//! the average number of further splits (their equation 1). Its score is s = 2^(−mean h / c(ψ)) for trees of ψ rows
//! each (equation 2), and its decision value −s − offset.
//!
//! scikit-learn compares in mixed precision: the row in float32 with a threshold in float64. x ≤ t holds for a float32 x
//! exactly when it holds for the largest float32 that is not above t, so single precision is all that is kept.
//!
//! From version 1.6 on scikit-learn answers rows with NaN: each split sends them to one side, where the most training
//! rows went, or those that also lacked the number.

mod credit;
mod evaluate;
mod params;
mod path_length;

pub use params::{ForestBoundary, IsolationForest, MissingNumbers};
pub(super) use params::{MAX_NODES, Node, Params, round_down};
pub use path_length::PathLength;

#[cfg(test)]
mod tests;
