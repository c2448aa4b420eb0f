//! Why a file of our own format is refused, or cannot be written.

use crate::model::Invalid;
use crate::model::formats::onnx::OnnxError;
use crate::model::limits::Exceeded;

/// What is wrong with a file of our own format.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum OwnError {
    /// The container is damaged.
    #[error("as a safetensors file it is damaged: {problem}")]
    Container {
        /// How.
        problem: String,
    },
    /// A bound was reached.
    #[error(transparent)]
    Limit(#[from] Exceeded),
    /// Some other safetensors file.
    #[error("a safetensors file without the metadata `anomalyd`, which describes a model; see docs/model-format.md")]
    NoDescription,
    /// A description of a later version.
    #[error("the model is written in version {found} of the format, and this anomalyd reads version {known}")]
    Version {
        /// Its version.
        found: u32,
        /// The version that is known.
        known: u32,
    },
    /// A description that says something else than it may.
    #[error("the metadata `anomalyd` is no description of a model: {problem}")]
    Description {
        /// What is wrong, and where.
        problem: String,
    },
    /// A hash of itself that is none.
    #[error(
        "`content` is not the SHA-256 of the file in 64 hexadecimal digits; leave it out, or let model convert set it"
    )]
    NoHash,
    /// The bytes are not those that were written.
    #[error("damaged: its bytes come to the SHA-256 {found}, and it was written with {carried}; copy it again")]
    Damaged {
        /// What they come to.
        found: String,
        /// What the file carries.
        carried: String,
    },
    /// A tensor is not there.
    #[error("the tensor {tensor} is missing")]
    Missing {
        /// Its name.
        tensor: String,
    },
    /// A tensor is of another type or shape.
    #[error("the tensor {tensor} is {found}, expected {expected}")]
    Tensor {
        /// Its name.
        tensor: String,
        /// What it is.
        found: String,
        /// What it must be.
        expected: String,
    },
    /// A tensor that nothing asks for: most often its name is misspelt.
    #[error("the tensor {tensor} is no part of the model that is described; check its name")]
    Unused {
        /// Its name.
        tensor: String,
    },
    /// There are too many steps.
    #[error("it has more than {max} steps, nested ones counted")]
    Steps {
        /// The bound.
        max: usize,
    },
    /// The network in it.
    #[error("the network in it: {0}")]
    Network(#[from] OnnxError),
    /// Parameters that no model can be made of.
    #[error(transparent)]
    Invalid(#[from] Invalid),
}

/// Why a model cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// It does not fit the container.
    #[error("the model does not fit a safetensors file: {0}")]
    Container(#[from] safetensors::SafeTensorError),
    /// Its description cannot be put into words.
    #[error("the model's description cannot be written: {0}")]
    Description(#[from] serde_json::Error),
}
