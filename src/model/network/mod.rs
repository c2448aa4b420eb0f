//! Neural networks: autoencoders and scoring networks, evaluated in float64.
//!
//! A network is a [`Program`](program): a short list of steps over the numbers of one row. A program that is just a
//! [chain](chain) of dense layers is evaluated by [`dense`](super::dense), all others [step by step](evaluate).
//!
//! An autoencoder is trained to give back its input through a middle that is too narrow for all of it. Input like its
//! training data comes back nearly unchanged, other input does not. As in scikit-learn, the decision value is a score
//! minus an offset, and negative means anomalous: see [`Output`].
//!
//! Source: Hinton and Salakhutdinov, "Reducing the Dimensionality of Data with Neural Networks", Science 313 (2006).

mod chain;
mod evaluate;
mod function;
mod interval;
mod operation;
mod params;
mod program;

pub(in crate::model) use function::Function;
pub use interval::Interval;
pub(in crate::model) use operation::{Combination, Fold, Norm, Operand, Operation};
pub use params::{Anomalous, Network, NetworkError, Output};
pub(in crate::model) use params::{NetworkWork, Params};
pub(in crate::model) use program::Program;
