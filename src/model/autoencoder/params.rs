//! The parameters, and how they lie in memory.

use ndarray::ArrayView2;

use crate::model::boundary::Boundary;
use crate::model::dense::{self, Dense, Layer};
use crate::model::invalid::{Invalid, parameter};

const NAME: &str = "MLPRegressor";

/// The parameters as files hold them.
#[derive(Clone, PartialEq, Debug)]
pub(in crate::model) struct Params {
    /// The layers, the first first.
    pub(in crate::model) layers: Vec<Layer>,
    /// The function that hidden layers apply to their sums.
    pub(in crate::model) activation: Activation,
    /// Minus the greatest error that is normal.
    pub(in crate::model) offset: Option<f64>,
}

/// A function that hidden layers apply to each of their sums.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::model) enum Activation {
    /// Nothing.
    Identity,
    /// max(0, x).
    Relu,
    /// tanh x.
    Tanh,
    /// 1 / (1 + e⁻ˣ).
    Logistic,
}

impl Activation {
    const ALL: [Self; 4] = [Self::Identity, Self::Relu, Self::Tanh, Self::Logistic];

    /// Its name in scikit-learn.
    pub(in crate::model) fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Relu => "relu",
            Self::Tanh => "tanh",
            Self::Logistic => "logistic",
        }
    }

    /// The activation of this name; `None` when the name is not known.
    pub(in crate::model) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|activation| activation.name() == name)
    }
}

impl From<Activation> for dense::Activation {
    fn from(activation: Activation) -> Self {
        match activation {
            Activation::Identity => Self::Identity,
            Activation::Relu => Self::Relu,
            Activation::Tanh => Self::Tanh,
            Activation::Logistic => Self::Logistic,
        }
    }
}

/// A dense autoencoder, fitted.
#[derive(Clone, PartialEq, Debug)]
pub struct Autoencoder {
    network: Dense,
    activation: Activation,
    boundary: Boundary,
}

impl Autoencoder {
    /// A detector with these parameters.
    ///
    /// # Errors
    /// When a number is not finite, a layer does not fit the one before it, or the last layer does not give as many
    /// features as the first takes.
    pub(in crate::model) fn new(params: Params) -> Result<Self, Invalid> {
        let Params { layers, activation, offset } = params;
        let weights = parameter(NAME, "coefs_");
        let hidden = layers.len().saturating_sub(1);
        let activations = (0..hidden).map(|_| activation.into()).chain([dense::Activation::Identity]);
        let layers: Vec<_> = layers.into_iter().zip(activations).collect();
        let network = Dense::new(&layers, weights, parameter(NAME, "intercepts_"))?;
        let (width, given) = (network.inputs(), network.outputs());
        if given != width {
            let found = format!("a network that makes {given} features of {width}");
            return Err(weights.invalid(found, "one that was fitted to give back its own input"));
        }
        Ok(Self { network, activation, boundary: Boundary::new(NAME, offset, 0.0)? })
    }

    /// How many features a row has.
    pub fn width(&self) -> usize {
        self.network.inputs()
    }

    /// Minus the greatest error that is normal; `None` when it is not known.
    pub fn offset(&self) -> Option<f64> {
        self.boundary.offset()
    }

    /// The decision values of rows of [`width`](Self::width) features.
    pub(in crate::model) fn decide(&self, rows: ArrayView2<'_, f64>) -> Vec<f64> {
        let mut values = self.network.errors(rows);
        for value in &mut values {
            *value = self.boundary.decision(*value);
        }
        values
    }

    pub(in crate::model) fn params(&self) -> Params {
        Params { layers: self.network.layers(), activation: self.activation, offset: self.boundary.offset() }
    }

    pub(in crate::model) fn parameters(&self) -> Vec<(&'static str, String)> {
        [("layers", self.network.shape()), ("activation", self.activation.name().to_owned())]
            .into_iter()
            .chain(self.boundary.shown())
            .collect()
    }

    pub(in crate::model) fn weights(&self) -> usize {
        self.network.weights()
    }

    pub(in crate::model) fn heap_bytes(&self) -> usize {
        self.network.heap_bytes()
    }

    pub(in crate::model) fn unit(&self) -> f64 {
        self.boundary.unit()
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};

    use super::*;

    fn network(activation: Activation) -> Params {
        let through = |weight: f64, bias: f64| Layer { weights: array![[weight]], biases: array![bias] };
        Params { layers: vec![through(1.0, 0.0), through(2.0, 1.0)], activation, offset: Some(-1.0) }
    }

    #[test]
    fn hidden_layers_are_activated_and_the_last_is_not() {
        for (activation, hidden) in [
            (Activation::Identity, -2.0),
            (Activation::Relu, 0.0),
            (Activation::Tanh, (-2.0_f64).tanh()),
            (Activation::Logistic, 1.0 / (1.0 + 2.0_f64.exp())),
        ] {
            let found = Autoencoder::new(network(activation)).unwrap().decide(array![[-2.0]].view());
            let residual: f64 = 2.0 * hidden + 1.0 + 2.0;
            assert!((found[0] - (1.0 - residual * residual)).abs() < 1e-14, "{activation:?}");
            assert_eq!(Activation::named(activation.name()), Some(activation));
        }
    }

    #[test]
    fn a_network_that_does_not_give_back_its_input_is_refused() {
        let layer = |inputs, outputs, biases| Layer {
            weights: Array2::zeros((inputs, outputs)),
            biases: ndarray::Array1::zeros(biases),
        };
        let refused = |layers| -> Result<(), Invalid> {
            Autoencoder::new(Params { layers, activation: Activation::Relu, offset: None }).map(|_| ())
        };
        assert_eq!(refused(vec![layer(2, 1, 1), layer(1, 2, 2)]), Ok(()));
        for layers in [
            vec![],
            vec![layer(0, 0, 0)],
            vec![layer(2, 1, 1)],
            vec![layer(2, 0, 0), layer(0, 2, 2)],
            vec![layer(2, 1, 1), layer(2, 2, 2)],
            vec![layer(2, 2, 1)],
        ] {
            assert!(refused(layers.clone()).is_err(), "{layers:?}");
        }
        let mut bad = network(Activation::Relu);
        bad.layers[0].biases[0] = f64::NAN;
        assert!(Autoencoder::new(bad).is_err());
    }
}
