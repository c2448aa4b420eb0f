//! Neural networks: autoencoders and scoring networks. Chains of dense layers are evaluated in float64 by
//! [`dense`](super::dense), others in float32 by tract.
//!
//! An autoencoder is trained to give back what it is given, through a middle that is too narrow for all of it; what is
//! like its training data comes back well, and what is not does not. As in scikit-learn, the decision value is a score
//! minus an offset, and negative means anomalous: see [`Output`].
//!
//! Source: Hinton and Salakhutdinov, "Reducing the Dimensionality of Data with Neural Networks", Science 313 (2006).

mod evaluate;
mod params;

pub(in crate::model) use evaluate::BATCH;
pub(in crate::model) use params::Params;
pub use params::{Network, NetworkError, Output, Precision};
