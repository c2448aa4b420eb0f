//! Networks of dense layers, evaluated in float64.
//!
//! Each layer gives a(x·W + b), where a is its activation. [`evaluate`] has the order in which rows go through the
//! layers, [`tile`] the products, [`params`] the layers' layout in memory.

mod activation;
mod evaluate;
mod params;
mod tile;

pub(super) use activation::Activation;
pub(super) use params::{Dense, Layer};
