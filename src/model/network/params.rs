//! The network as its file holds it, and the plan by which it is evaluated.

use std::io::Cursor;
use std::sync::Arc;

use ndarray::Array2;
use tract_onnx::prelude::{DatumExt, Framework, InferenceModelExt, TractResult, TypedModel, TypedRunnableModel};

use super::evaluate::BATCH;
use crate::model::dense::{Activation, Dense, Layer};
use crate::model::invalid::{Invalid, parameter};
use crate::model::panicked::{self, Panicked, short};

pub(super) const NAME: &str = "Network";

/// What the network's output says of a row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Output {
    /// The row again: the score is minus the mean over the features of (x − x̂)².
    Reconstruction,
    /// One number: the score.
    Score,
}

/// A network that was checked, and where its boundary lies.
#[derive(Debug)]
pub(in crate::model) struct Params {
    /// The ONNX file, its graph checked: operators that treat each row by itself, of shapes that agree.
    pub(in crate::model) file: Arc<[u8]>,
    /// Its layers, when it is nothing but a chain of dense ones.
    pub(in crate::model) layers: Option<Vec<(Layer, Activation)>>,
    /// The features of a row; at least one.
    pub(in crate::model) width: usize,
    /// What comes out.
    pub(in crate::model) output: Output,
    /// What is subtracted from the score, as scikit-learn's `offset_`: for an autoencoder the largest error of a normal
    /// row, with a minus sign.
    pub(in crate::model) offset: f64,
    /// How many weights there are.
    pub(in crate::model) weights: usize,
}

/// Why a network cannot be evaluated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// tract cannot evaluate it.
    #[error("tract cannot evaluate the network: {0}")]
    Runtime(String),
    /// A row's value depends on the rows beside it.
    #[error("the network gives row {row} another value when other rows stand beside it; export it in evaluation mode")]
    Rows {
        /// The row.
        row: usize,
    },
    /// Parameters that no network can have.
    #[error(transparent)]
    Invalid(#[from] Invalid),
}

fn check_offset(offset: f64, output: Output) -> Result<(), Invalid> {
    parameter(NAME, "offset").finite(offset)?;
    if output == Output::Reconstruction && offset > 0.0 {
        let expected = "0 or below: the largest error of a normal row, with a minus sign";
        return Err(parameter(NAME, "offset").invalid(offset, expected));
    }
    Ok(())
}

/// How tract evaluates it.
pub(super) type Plan = TypedRunnableModel<TypedModel>;

/// How it is evaluated.
#[derive(Clone, Debug)]
pub(super) enum Runtime {
    /// As a chain of dense layers.
    Dense(Dense),
    /// By tract.
    Tract(Arc<Plan>),
}

/// How exactly a network is evaluated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Precision {
    /// About 16 digits: a chain of dense layers.
    Float64,
    /// About 7 digits, as it was trained: any other network.
    Float32,
}

/// A neural network, ready to be evaluated.
#[derive(Clone, Debug)]
pub struct Network {
    file: Arc<[u8]>,
    pub(super) runtime: Runtime,
    pub(super) width: usize,
    pub(super) output: Output,
    pub(super) offset: f64,
    weights: usize,
}

/// Two networks are one when their files are, and their boundaries.
impl PartialEq for Network {
    fn eq(&self, other: &Self) -> bool {
        self.file == other.file && self.offset.total_cmp(&other.offset).is_eq()
    }
}

impl Network {
    /// Plans the evaluation, once for all rows.
    ///
    /// # Errors
    /// When the offset is not finite or of the wrong sign, when tract cannot evaluate the network, or when rows
    /// influence each other.
    pub(in crate::model) fn new(params: Params) -> Result<Self, NetworkError> {
        let Params { file, layers, width, output, offset, weights } = params;
        if width == 0 {
            return Err(parameter(NAME, "width").invalid(0, "at least one feature").into());
        }
        check_offset(offset, output)?;
        match layers {
            Some(layers) => {
                let runtime = Runtime::Dense(dense(&layers, width, output)?);
                Ok(Self { file, runtime, width, output, offset, weights })
            }
            None => {
                let runtime = Runtime::Tract(Arc::new(guarded(|| plan(&file, width))?));
                let network = Self { file, runtime, width, output, offset, weights };
                network.try_out()?;
                Ok(network)
            }
        }
    }

    /// Evaluates two rows side by side and each alone.
    fn try_out(&self) -> Result<(), NetworkError> {
        let rows = Array2::from_shape_fn((2, self.width), |(row, feature)| {
            (f64::from(u32::try_from(row * self.width + feature).unwrap_or_default()) * 0.37).sin()
        });
        let Runtime::Tract(plan) = &self.runtime else { return Ok(()) };
        let together = guarded(|| self.scores_by_tract(plan, rows.view()))?;
        for (row, together) in together.iter().enumerate() {
            let alone = guarded(|| self.scores_by_tract(plan, rows.slice(ndarray::s![row..=row, ..])))?;
            if alone.first().is_none_or(|alone| alone.to_bits() != together.to_bits()) {
                return Err(NetworkError::Rows { row });
            }
        }
        Ok(())
    }

    /// The same network with another boundary.
    ///
    /// # Errors
    /// When the offset is not finite or of the wrong sign.
    pub(in crate::model) fn with_offset(&self, offset: f64) -> Result<Self, Invalid> {
        check_offset(offset, self.output)?;
        Ok(Self { offset, ..self.clone() })
    }

    /// How many features a row has.
    pub fn width(&self) -> usize {
        self.width
    }

    /// What the network gives.
    pub fn output(&self) -> Output {
        self.output
    }

    /// How exactly it is evaluated.
    pub fn precision(&self) -> Precision {
        match self.runtime {
            Runtime::Dense(_) => Precision::Float64,
            Runtime::Tract(_) => Precision::Float32,
        }
    }

    /// What is subtracted from the score.
    pub fn offset(&self) -> f64 {
        self.offset
    }

    /// The ONNX file that it was read from.
    pub fn file(&self) -> &[u8] {
        &self.file
    }

    pub(in crate::model) fn parameters(&self) -> Vec<(&'static str, String)> {
        let output = match self.output {
            Output::Reconstruction => "the row again; score: minus the mean of (x - x')^2",
            Output::Score => "the score",
        };
        let mut parameters = vec![
            ("output", output.to_owned()),
            ("offset", self.offset.to_string()),
            ("weights", self.weights.to_string()),
        ];
        let precision = match &self.runtime {
            Runtime::Dense(network) => {
                parameters.push(("layers", network.shape()));
                "float64"
            }
            Runtime::Tract(_) => "float32",
        };
        parameters.push(("precision", precision.to_owned()));
        parameters
    }

    /// The weights count twice: in the file, and as they are laid out.
    pub(in crate::model) fn heap_bytes(&self) -> usize {
        let laid_out = match &self.runtime {
            Runtime::Dense(network) => network.heap_bytes(),
            Runtime::Tract(_) => size_of::<f32>() * self.weights,
        };
        self.file.len() + laid_out
    }

    /// On the boundary the score is the offset.
    pub(in crate::model) fn unit(&self) -> f64 {
        self.offset.abs()
    }
}

/// Checks that the chain of layers gives what the network is said to give.
fn dense(layers: &[(Layer, Activation)], width: usize, output: Output) -> Result<Dense, Invalid> {
    let weights = parameter(NAME, "weights");
    let network = Dense::new(layers, weights, parameter(NAME, "biases"))?;
    let expected = match output {
        Output::Reconstruction => width,
        Output::Score => 1,
    };
    if (network.inputs(), network.outputs()) != (width, expected) {
        return Err(weights.invalid(network.shape(), format!("layers that make {expected} numbers of {width}")));
    }
    Ok(network)
}

/// Reads the file's graph and lays it out for whole batches.
fn plan(file: &[u8], width: usize) -> TractResult<Plan> {
    tract_onnx::onnx()
        .with_ignore_output_shapes(true)
        .with_ignore_output_types(true)
        .model_for_read(&mut Cursor::new(file))?
        .with_input_fact(0, f32::fact([BATCH, width]).into())?
        .into_optimized()?
        .into_runnable()
}

/// Does what tract does, and makes errors of its errors and panics.
pub(super) fn guarded<T>(work: impl FnOnce() -> TractResult<T>) -> Result<T, NetworkError> {
    match panicked::guarded(work) {
        Ok(Ok(done)) => Ok(done),
        // An error of tract's prints whole nodes.
        Ok(Err(error)) => Err(NetworkError::Runtime(short(&format!("{error:#}")))),
        Err(Panicked(said)) => Err(NetworkError::Runtime(format!("it panicked: {said}"))),
    }
}
