//! `sklearn.neural_network.MLPRegressor` as the last step: a dense autoencoder.

use ndarray::Array2;

use super::SklearnError;
use super::estimator::Estimator;
use super::offset::offset;
use crate::model::autoencoder::{Activation, Autoencoder, Params};
use crate::model::dense::Layer;
use crate::model::formats::pickle::{Matrix, Node};
use crate::model::formats::printable::printable;

const CLASS: &str = "MLPRegressor";

/// Reads a fitted network.
pub(super) fn read(estimator: Estimator<'_, '_>) -> Result<Autoencoder, SklearnError> {
    let activation = estimator.required(CLASS, "activation")?;
    let activation = activation.text().and_then(Activation::named).ok_or_else(|| SklearnError::Setting {
        class: CLASS,
        version: estimator.origin(),
        setting: "activation",
        value: printable(activation.text().unwrap_or(activation.kind())),
        supported: "identity, relu, tanh, logistic",
    })?;
    // Since 1.7 it follows the loss: "exp" behind a Poisson loss.
    let output = estimator.attribute("out_activation_").and_then(Node::text).unwrap_or("identity");
    if output != "identity" {
        return Err(estimator.setting(CLASS, "out_activation_", output, "identity (loss = squared_error)"));
    }
    let weights = matrices(estimator, "coefs_")?;
    let biases = matrices(estimator, "intercepts_")?;
    if weights.len() != biases.len() {
        return Err(wrong("intercepts_", format!("{} arrays", biases.len()), format!("{} arrays", weights.len())));
    }
    let layers = weights.into_iter().zip(biases).map(|(weights, biases)| Layer {
        weights: Array2::from_shape_vec((weights.rows, weights.columns), weights.numbers).unwrap_or_default(),
        biases: biases.numbers.into(),
    });
    let layers: Vec<_> = layers.collect();
    estimator.counted(CLASS, "n_layers_", layers.len() + 1, "layers, the input among them,")?;
    Ok(Autoencoder::new(Params { layers, activation, offset: offset(estimator, CLASS)? })?)
}

fn matrices(estimator: Estimator<'_, '_>, attribute: &str) -> Result<Vec<Matrix>, SklearnError> {
    let list = estimator.required(CLASS, attribute)?;
    let error =
        |found: Node<'_, '_>| wrong(attribute, found.kind().to_owned(), "a list of arrays of numbers".to_owned());
    let items = list.items().ok_or_else(|| error(list))?;
    items.map(|item| item.matrix().ok_or_else(|| error(item))).collect()
}

fn wrong(attribute: &str, found: String, expected: String) -> SklearnError {
    SklearnError::Attribute { class: CLASS, attribute: attribute.to_owned(), found, expected }
}
