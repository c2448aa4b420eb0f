//! The formats that models come in. The content decides which it is, never the file's name.

pub mod pickle;
pub mod sklearn;

use std::fmt;

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
    /// What is worth knowing about how it was read, for a person.
    pub notes: Vec<String>,
}

/// A format.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// A Python pickle.
    Pickle {
        /// Its protocol.
        protocol: u8,
    },
}

impl Format {
    /// How far apart the answers of a model in this format and those of the library that wrote it may be.
    pub fn tolerance(self) -> Tolerance {
        match self {
            Self::Pickle { .. } => Tolerance::FLOAT64,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pickle { protocol } => write!(f, "pickle, protocol {protocol}"),
        }
    }
}

/// Reads whatever format the bytes are in.
pub(super) fn read(bytes: &[u8], limits: &Limits) -> Result<Contents, ModelError> {
    if !pickle::recognise(bytes) {
        let beginning = bytes.iter().take(8).map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ");
        return Err(ModelError::Format { beginning });
    }
    let graph = pickle::read(bytes, limits)?;
    Ok(sklearn::read(&graph, limits)?)
}
