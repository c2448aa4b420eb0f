//! The parameters, and how they lie in memory.

use ndarray::{Array1, Array2};

use crate::model::boundary::Boundary;
use crate::model::invalid::{Invalid, parameter};

const NAME: &str = "MLPRegressor";

/// The parameters as files hold them.
#[derive(Clone, PartialEq, Debug)]
pub(in crate::model) struct Params {
    /// The layers, the first first.
    pub(in crate::model) layers: Vec<Layer>,
    /// What the hidden layers do to their sums.
    pub(in crate::model) activation: Activation,
    /// Minus the greatest error that is normal.
    pub(in crate::model) offset: Option<f64>,
}

/// One layer.
#[derive(Clone, PartialEq, Debug)]
pub(in crate::model) struct Layer {
    /// A row an input, a column an output.
    pub(in crate::model) weights: Array2<f64>,
    /// What is added to each output.
    pub(in crate::model) biases: Array1<f64>,
}

/// What a hidden layer does to each of its sums.
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

    /// The activation of that name.
    pub(in crate::model) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|activation| activation.name() == name)
    }
}

/// A dense autoencoder, fitted.
#[derive(Clone, PartialEq, Debug)]
pub struct Autoencoder {
    pub(super) layers: Box<[Layer]>,
    pub(super) activation: Activation,
    pub(super) boundary: Boundary,
    width: usize,
}

impl Autoencoder {
    /// A detector with these parameters.
    ///
    /// # Errors
    /// When a number is not finite, a layer does not take what the one before it gives, or the last does not give as
    /// many features as the first takes.
    pub(in crate::model) fn new(params: Params) -> Result<Self, Invalid> {
        let Params { layers, activation, offset } = params;
        let (weights, biases) = (parameter(NAME, "coefs_"), parameter(NAME, "intercepts_"));
        let width = layers.first().map_or(0, |layer| layer.weights.nrows());
        if width == 0 {
            return Err(weights.invalid("empty", "at least one layer of at least one feature"));
        }
        let mut given = width;
        for Layer { weights: matrix, biases: vector } in &layers {
            if matrix.nrows() != given || matrix.ncols() == 0 {
                let found = format!("a layer of {} by {}", matrix.nrows(), matrix.ncols());
                return Err(weights.invalid(found, format!("{given} rows, as many as the layer before it gives")));
            }
            biases.length(vector.len(), matrix.ncols(), "outputs of the layer")?;
            matrix.iter().try_for_each(|number| weights.finite(*number))?;
            vector.iter().try_for_each(|number| biases.finite(*number))?;
            given = matrix.ncols();
        }
        if given != width {
            let found = format!("a network that makes {given} features of {width}");
            return Err(weights.invalid(found, "one that was fitted to give back its own input"));
        }
        Ok(Self { layers: layers.into(), activation, boundary: Boundary::new(NAME, offset, 0.0)?, width })
    }

    /// How many features a row has.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Minus the greatest error that is normal, if it is known.
    pub fn offset(&self) -> Option<f64> {
        self.boundary.offset()
    }

    pub(in crate::model) fn params(&self) -> Params {
        Params { layers: self.layers.to_vec(), activation: self.activation, offset: self.boundary.offset() }
    }

    pub(in crate::model) fn parameters(&self) -> Vec<(&'static str, String)> {
        let widths = self.layers.iter().map(|layer| layer.weights.ncols());
        let layers = [self.width].into_iter().chain(widths).map(|width| width.to_string()).collect::<Vec<_>>();
        [("layers", layers.join("-")), ("activation", self.activation.name().to_owned())]
            .into_iter()
            .chain(self.boundary.shown())
            .collect()
    }

    pub(in crate::model) fn heap_bytes(&self) -> usize {
        let numbers = self.layers.iter().map(|layer| layer.weights.len() + layer.biases.len()).sum::<usize>();
        size_of_val(&*self.layers) + size_of::<f64>() * numbers
    }

    pub(in crate::model) fn unit(&self) -> f64 {
        self.boundary.unit()
    }
}
