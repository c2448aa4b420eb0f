//! The network as its file holds it, and how it is evaluated.

use std::sync::Arc;

use super::chain;
use super::interval::Interval;
use super::program::{MAX_NUMBERS, MAX_WORK, Program};
use crate::model::dense::{Activation, Dense, Layer};
use crate::model::invalid::{Invalid, parameter};

pub(super) const NAME: &str = "Network";

/// The meaning of the network's output.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Output {
    /// The row again: the score is minus the mean over the features of (x − x̂)².
    Reconstruction,
    /// One number, and which such numbers are anomalous. When high numbers are, the score is minus the number.
    Score(Anomalous),
}

/// On which side of the boundary rows are anomalous.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Anomalous {
    /// Low numbers, like those of scikit-learn's `decision_function`.
    Low,
    /// High numbers: an error, or the probability of a failure.
    High,
}

impl Anomalous {
    /// The side with a name.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "low" => Some(Self::Low),
            "high" => Some(Self::High),
            _ => None,
        }
    }

    /// The name of the side, as files and options have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::High => "high",
        }
    }
}

impl Output {
    /// Which output numbers are anomalous; errors are anomalous when they are high.
    pub(super) fn anomalous(self) -> Anomalous {
        match self {
            Self::Reconstruction => Anomalous::High,
            Self::Score(anomalous) => anomalous,
        }
    }

    /// Turns a boundary as files and users give it into an offset of the score, or the other way round. When high
    /// numbers are anomalous, the two differ in their sign.
    fn turned(self, boundary: f64) -> f64 {
        match self {
            Self::Reconstruction | Self::Score(Anomalous::Low) => boundary,
            Self::Score(Anomalous::High) => -boundary,
        }
    }
}

/// A network that was checked, and its boundary.
#[derive(Debug)]
pub(in crate::model) struct Params {
    /// The ONNX file.
    pub(in crate::model) file: Arc<[u8]>,
    /// The graph, compiled.
    pub(in crate::model) program: Program,
    /// The meaning of the output.
    pub(in crate::model) output: Output,
    /// The boundary, as [`Network::boundary`] gives it; `None` when it is yet to be set.
    pub(in crate::model) offset: Option<f64>,
    /// How many weights there are.
    pub(in crate::model) weights: usize,
}

/// Why a network cannot be evaluated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// It takes too long.
    #[error(
        "the network makes {work} multiplications and additions of each row; {MAX_WORK} are the most that are accepted: \
         make its layers narrower"
    )]
    Work {
        /// How many.
        work: usize,
    },
    /// It takes too much memory.
    #[error("the network holds {numbers} numbers of a row at once; {MAX_NUMBERS} are the most that are accepted")]
    Memory {
        /// How many.
        numbers: usize,
    },
    /// Parameters that no network can have.
    #[error(transparent)]
    Invalid(#[from] Invalid),
}

fn check_boundary(boundary: f64, output: Output) -> Result<(), Invalid> {
    let offset = parameter(NAME, "offset");
    offset.finite(boundary)?;
    if output == Output::Reconstruction && boundary > 0.0 {
        return Err(offset.invalid(boundary, "0 or below: the largest error of a normal row, with a minus sign"));
    }
    Ok(())
}

/// How it is evaluated.
#[derive(Clone, Debug)]
pub(super) enum Runtime {
    /// As a chain of dense layers.
    Dense(Dense),
    /// Step by step.
    Program(Arc<Program>),
}

/// The cost of a row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::model) enum NetworkWork {
    /// Multiplications with addition, several at once.
    AtOnce(usize),
    /// Additions, one by one.
    OneByOne(usize),
}

/// A neural network, ready to be evaluated.
#[derive(Clone, Debug)]
pub struct Network {
    file: Arc<[u8]>,
    pub(super) runtime: Runtime,
    pub(super) width: usize,
    pub(super) output: Output,
    /// The bounds of the output over all possible rows.
    range: Interval,
    /// Subtracted from the score.
    pub(super) offset: f64,
    weights: usize,
}

/// Two networks are equal when their files and their boundaries are.
impl PartialEq for Network {
    fn eq(&self, other: &Self) -> bool {
        self.file == other.file && self.output == other.output && self.offset.total_cmp(&other.offset).is_eq()
    }
}

impl Network {
    /// Makes the layout that evaluation needs, once for all rows.
    ///
    /// # Errors
    /// When the offset is not finite or has the wrong sign, when a row costs too much, or when the output is not of the
    /// kind that the network is said to give.
    pub(in crate::model) fn new(params: Params) -> Result<Self, NetworkError> {
        let Params { file, program, output, offset, weights } = params;
        let width = program.width;
        if width == 0 {
            return Err(parameter(NAME, "width").invalid(0, "at least one feature").into());
        }
        let expected = match output {
            Output::Reconstruction => width,
            Output::Score(_) => 1,
        };
        if program.outputs() != expected {
            return Err(parameter(NAME, "outputs").invalid(program.outputs(), expected).into());
        }
        let range = program.output_range();
        if let Some(boundary) = offset {
            check_boundary(boundary, output)?;
        }
        if program.work() > MAX_WORK {
            return Err(NetworkError::Work { work: program.work() });
        }
        if program.peak() > MAX_NUMBERS {
            return Err(NetworkError::Memory { numbers: program.peak() });
        }
        let runtime = match chain::layers(&program) {
            Some(layers) => Runtime::Dense(dense(&layers)?),
            None => Runtime::Program(Arc::new(program)),
        };
        let offset = output.turned(offset.unwrap_or(0.0));
        Ok(Self { file, runtime, width, output, range, offset, weights })
    }

    /// The same network with another offset. With `None` its decision values are the scores.
    ///
    /// # Errors
    /// When the offset is not finite or of the wrong sign.
    pub(in crate::model) fn with_offset(&self, offset: Option<f64>) -> Result<Self, Invalid> {
        if let Some(offset) = offset {
            check_boundary(self.output.turned(offset), self.output)?;
        }
        Ok(Self { offset: offset.unwrap_or(0.0), ..self.clone() })
    }

    /// The offset for a boundary as files and users give it.
    pub(in crate::model) fn offset_of(&self, boundary: f64) -> f64 {
        self.output.turned(boundary)
    }

    /// How many features a row has.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The kind of the network's output.
    pub fn output(&self) -> Output {
        self.output
    }

    /// The boundary: for a score, the number from which on it is anomalous; for an autoencoder, minus the largest error
    /// of a normal row.
    pub fn boundary(&self) -> f64 {
        self.output.turned(self.offset)
    }

    /// The bounds of the output over all possible rows.
    pub fn range(&self) -> Interval {
        self.range
    }

    /// The bytes of the ONNX file from which it was read.
    pub fn file(&self) -> &[u8] {
        &self.file
    }

    /// The cost of a row: the numbers of dense layers, of which several are multiplied and added at once; or single
    /// additions.
    pub(in crate::model) fn work(&self) -> NetworkWork {
        match &self.runtime {
            Runtime::Dense(layers) => NetworkWork::AtOnce(layers.weights()),
            Runtime::Program(program) => NetworkWork::OneByOne(program.work()),
        }
    }

    pub(in crate::model) fn parameters(&self) -> Vec<(&'static str, String)> {
        let output = match self.output {
            Output::Reconstruction => "the row again; score: minus the mean of (x - x')^2",
            Output::Score(Anomalous::Low) => "the score; low is anomalous",
            Output::Score(Anomalous::High) => "the score; high is anomalous",
        };
        let mut parameters = vec![
            ("output", output.to_owned()),
            ("range", self.range.to_string()),
            ("offset", self.boundary().to_string()),
            ("weights", self.weights.to_string()),
        ];
        if let Runtime::Dense(network) = &self.runtime {
            parameters.push(("layers", network.shape()));
        }
        parameters.push(("precision", "float64".to_owned()));
        parameters
    }

    /// The weights count twice: in the file, and in the layout.
    pub(in crate::model) fn heap_bytes(&self) -> usize {
        let laid_out = match &self.runtime {
            Runtime::Dense(network) => network.heap_bytes(),
            Runtime::Program(program) => program.heap_bytes(),
        };
        self.file.len() + laid_out
    }

    /// On the boundary the score is the offset.
    pub(in crate::model) fn unit(&self) -> f64 {
        self.offset.abs()
    }
}

fn dense(layers: &[(Layer, Activation)]) -> Result<Dense, Invalid> {
    Dense::new(layers, parameter(NAME, "weights"), parameter(NAME, "biases"))
}
