//! Reconstruction error of a dense autoencoder: a network that was trained to give back its input.
//!
//! Each layer gives a(x·W + b); a is the activation of the hidden layers, and the last layer has none, as in
//! scikit-learn's `MLPRegressor`. A row's error is the mean over the features of (x − x̂)² (Hawkins et al., *Outlier
//! detection using replicator neural networks*, 2002, equation 2). All in float64, by [`dense`](super::dense).

mod params;

pub use params::Autoencoder;
pub(super) use params::{Activation, Params};
