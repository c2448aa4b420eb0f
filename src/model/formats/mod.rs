//! The formats that models come in. The content decides which it is, never the file's name.

pub mod libsvm;
pub mod onnx;
pub mod own;
pub mod pickle;
pub mod sklearn;

use std::fmt;

use serde::{Deserialize, Serialize};

use super::detector::Detector;
use super::preprocessing::Step;
use super::{Limits, ModelError, Tolerance};

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
    /// The file that it was converted from.
    pub source: Option<Source>,
    /// What is worth knowing about how it was read, for a person.
    pub notes: Vec<String>,
}

/// The file that a model was converted from.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Its format.
    pub format: String,
    /// The SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
}

/// A format.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// ONNX.
    Onnx {
        /// The version of its operators.
        opset: i64,
    },
    /// Our own.
    Own {
        /// Its version.
        version: u32,
    },
    /// A Python pickle.
    Pickle {
        /// Its protocol.
        protocol: u8,
    },
    /// The text that LIBSVM's tools write.
    Libsvm,
}

impl Format {
    /// How far apart the answers of a model in this format and those of the library that wrote it may be.
    pub fn tolerance(self) -> Tolerance {
        match self {
            Self::Onnx { .. } => Tolerance::FLOAT32,
            Self::Libsvm | Self::Own { .. } | Self::Pickle { .. } => Tolerance::FLOAT64,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Onnx { opset } => write!(f, "ONNX, opset {opset}"),
            Self::Own { version } => write!(f, "anomalyd, version {version}"),
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
    if own::recognise(bytes) {
        return Ok(own::read(bytes, limits)?);
    }
    if libsvm::recognise(bytes) {
        return Ok(libsvm::read(bytes, limits)?);
    }
    if !pickle::recognise(bytes) {
        let beginning = bytes.iter().take(8).map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ");
        return Err(ModelError::Format { beginning });
    }
    let graph = pickle::read(bytes, limits)?;
    Ok(sklearn::read(&graph, limits)?)
}
