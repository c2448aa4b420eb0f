//! The network as its file holds it, and the plan by which it is evaluated.

use std::any::Any;
use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use ndarray::Array2;
use tract_onnx::prelude::{DatumExt, Framework, InferenceModelExt, TractResult, TypedModel, TypedRunnableModel};

use super::evaluate::BATCH;
use crate::model::invalid::{Invalid, parameter};

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

/// How tract evaluates it.
pub(super) type Plan = TypedRunnableModel<TypedModel>;

/// A neural network, ready to be evaluated.
#[derive(Clone, Debug)]
pub struct Network {
    file: Arc<[u8]>,
    pub(super) plan: Arc<Plan>,
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
        let Params { file, width, output, offset, weights } = params;
        if width == 0 {
            return Err(parameter(NAME, "width").invalid(0, "at least one feature").into());
        }
        parameter(NAME, "offset").finite(offset)?;
        if output == Output::Reconstruction && offset > 0.0 {
            let expected = "0 or below: the largest error of a normal row, with a minus sign";
            return Err(parameter(NAME, "offset").invalid(offset, expected).into());
        }
        let plan = guarded(|| plan(&file, width))?;
        let network = Self { file, plan: Arc::new(plan), width, output, offset, weights };
        network.try_out()?;
        Ok(network)
    }

    /// Evaluates two rows side by side and each alone.
    fn try_out(&self) -> Result<(), NetworkError> {
        let rows = Array2::from_shape_fn((2, self.width), |(row, feature)| {
            (f64::from(u32::try_from(row * self.width + feature).unwrap_or_default()) * 0.37).sin()
        });
        let together = guarded(|| self.scores(rows.view()))?;
        for (row, together) in together.iter().enumerate() {
            let alone = guarded(|| self.scores(rows.slice(ndarray::s![row..=row, ..])))?;
            if alone.first().is_none_or(|alone| alone.to_bits() != together.to_bits()) {
                return Err(NetworkError::Rows { row });
            }
        }
        Ok(())
    }

    /// How many features a row has.
    pub fn width(&self) -> usize {
        self.width
    }

    /// What the network gives.
    pub fn output(&self) -> Output {
        self.output
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
        vec![
            ("output", output.to_owned()),
            ("offset", self.offset.to_string()),
            ("weights", self.weights.to_string()),
            ("precision", "float32".to_owned()),
        ]
    }

    /// The weights count twice: in the file, and as tract has laid them out.
    pub(in crate::model) fn heap_bytes(&self) -> usize {
        self.file.len() + size_of::<f32>() * self.weights
    }

    /// On the boundary the score is the offset.
    pub(in crate::model) fn unit(&self) -> f64 {
        let unit = self.offset.abs();
        if unit > 0.0 { unit } else { 1.0 }
    }
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
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(NetworkError::Runtime(short(&format!("{error:#}")))),
        Err(panic) => Err(NetworkError::Runtime(format!("it panicked: {}", short(message(&*panic))))),
    }
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a word")
}

/// An error of tract's prints whole nodes.
fn short(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect()
}
