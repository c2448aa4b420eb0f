//! Local outlier factor (Breunig, Kriegel, Ng, Sander, *LOF: identifying density-based local outliers*, SIGMOD 2000),
//! for rows that were not trained on: scikit-learn's `novelty=True`.
//!
//! A row's reachability distance from one of its k nearest training rows o is max(d(row, o), k-distance(o))
//! (definition 5), its density lrd the inverse of their mean (definition 6), and its factor the mean of lrd(o) / lrd(row)
//! (definition 7). The decision value is −factor − offset.
//!
//! When several training rows are equally far, the choice of those that count as nearest decides the answer; rows with
//! two decimals tie all the time. So the [search](super::neighbours) chooses as scikit-learn's does.

mod evaluate;
mod params;

pub use params::LocalOutlierFactor;
pub(super) use params::Params;

#[cfg(test)]
mod tests;
