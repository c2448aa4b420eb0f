//! The formats that models come in. The content decides which it is, never the file's name.

pub mod libsvm;
pub mod onnx;
pub mod pickle;
pub mod sklearn;

use std::fmt;

use super::detector::Detector;
use super::preprocessing::Step;
use super::{Limits, ModelError};

/// What a file holds, in whatever format: all of a [`Model`](super::Model) but its hash.
#[derive(Debug)]
pub(super) struct Contents {
    pub(super) preprocessing: Vec<Step>,
    pub(super) detector: Detector,
    pub(super) metadata: Metadata,
}

/// What a model file says of itself.
#[derive(Clone, PartialEq, Debug)]
pub struct Metadata {
    /// How it is written.
    pub format: Format,
    /// The library that trained it.
    pub library: String,
    /// That library's version, if the file names it.
    pub library_version: Option<String>,
    /// How many rows it was trained on, if the file says so.
    pub training_rows: Option<u64>,
    /// What its columns were called where it was trained, if the file says so.
    pub columns: Option<Vec<String>>,
    /// What is worth knowing about how it was read, for a person.
    pub notes: Vec<String>,
}

/// A format.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// ONNX.
    Onnx {
        /// The version of its operators.
        opset: i64,
    },
    /// A Python pickle.
    Pickle {
        /// Its protocol.
        protocol: u8,
    },
    /// The text that LIBSVM's tools write.
    Libsvm,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Onnx { opset } => write!(f, "ONNX, opset {opset}"),
            Self::Pickle { protocol } => write!(f, "pickle, protocol {protocol}"),
            Self::Libsvm => f.write_str("LIBSVM's text"),
        }
    }
}

/// Reads whatever format the bytes are in.
pub(super) fn read(bytes: &[u8], limits: &Limits) -> Result<Contents, ModelError> {
    if onnx::recognise(bytes) {
        return Ok(onnx::read(bytes, limits)?);
    }
    if libsvm::recognise(bytes) {
        return libsvm::read(bytes, limits);
    }
    if !pickle::recognise(bytes) {
        let beginning = bytes.iter().take(8).map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ");
        return Err(ModelError::Format { beginning });
    }
    let graph = pickle::read(bytes, limits)?;
    Ok(sklearn::read(&graph, limits)?)
}
