//! Local outlier factor (Breunig, Kriegel, Ng, Sander, *LOF: identifying density-based local outliers*, SIGMOD 2000),
//! for rows that were not trained on: scikit-learn's `novelty=True`.
//!
//! A row's reachability distance from one of its k nearest training rows o is max(d(row, o), k-distance(o))
//! (definition 5), its density lrd the inverse of their mean (definition 6), and its factor the mean of lrd(o) / lrd(row)
//! (definition 7). The decision value is −factor − offset.
//!
//! Where several training rows are equally far, which of them count as the nearest decides the answer: rows with two
//! decimals tie all the time. So the [search](super::neighbours) goes the way of scikit-learn's.

mod evaluate;
mod params;

pub use params::LocalOutlierFactor;
pub(super) use params::Params;

#[cfg(test)]
mod tests;
