//! The formats that models come in. The content decides which it is, never the file's name.

mod foreign;
mod joblib;
pub mod libsvm;
pub mod onnx;
pub mod own;
mod packed;
pub mod pickle;
pub(super) mod printable;
pub mod sklearn;
mod skops;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use self::foreign::{Foreign, Refused};
pub use self::joblib::{Compression, JoblibError};
pub use self::skops::SkopsError;
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

/// What stands before a detector, in a file of its own.
#[derive(Debug)]
pub(super) struct Transformer {
    pub(super) steps: Vec<Step>,
    /// What the columns are called that go in, if the file says so.
    pub(super) columns: Option<Vec<String>>,
    /// How many rows it was fitted to, if the file says so.
    pub(super) training_rows: Option<u64>,
    pub(super) notes: Vec<String>,
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
    /// A threshold that its file holds beside the detector, which is not the detector's own and is not applied.
    pub threshold: Option<f64>,
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
    /// What `joblib.dump` writes.
    Joblib {
        /// The protocol of the pickle in it.
        protocol: u8,
        /// How it is compressed.
        compression: Option<Compression>,
    },
    /// What `skops.io.dump` writes.
    Skops {
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
            Self::Libsvm | Self::Own { .. } | Self::Pickle { .. } | Self::Joblib { .. } | Self::Skops { .. } => {
                Tolerance::FLOAT64
            }
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
            Self::Joblib { protocol, compression: None } => write!(f, "joblib, pickle protocol {protocol}"),
            Self::Joblib { protocol, compression: Some(compression) } => {
                write!(f, "joblib, {compression}, pickle protocol {protocol}")
            }
            Self::Skops { protocol } => write!(f, "skops, protocol {protocol}"),
        }
    }
}

/// What is accepted, for error messages.
pub(super) const ACCEPTED: &str = "a pickle of protocol 2 to 5, what joblib.dump writes (plain, zlib, gzip, bz2, lzma, \
                                   xz or lz4), what skops.io.dump writes, ONNX, LIBSVM's text, or anomalyd's own format";

/// Reads whatever format the bytes are in.
pub(super) fn read(bytes: &[u8], limits: &Limits) -> Result<Contents, ModelError> {
    // An editor may have put a byte order mark before the formats that are text; none of the others begins so.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let in_place = limits.in_place(bytes.len());
    if onnx::recognise(bytes) {
        // Its messages point into the file, and its numbers are copied out of it.
        return Ok(onnx::read(bytes, &limits.in_place(bytes.len().saturating_mul(2)))?);
    }
    if own::recognise(bytes) {
        return Ok(own::read(bytes, &in_place)?);
    }
    if libsvm::recognise(bytes) {
        return libsvm::read(bytes, limits);
    }
    if foreign::is_old_torch(bytes) {
        return Err(Foreign::PyTorch.into());
    }
    if let Some(contents) = with_graph(bytes, limits, sklearn::read) {
        return contents;
    }
    if joblib::recognise_old(bytes) {
        return Err(JoblibError::Old.into());
    }
    if let Some(foreign) = foreign::recognise(bytes) {
        return Err(foreign.into());
    }
    let beginning = bytes.iter().take(8).map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ");
    Err(ModelError::Format { beginning })
}

/// Reads what stands before a detector that takes rows of `then` features, from a file of its own.
pub(super) fn read_transformer(bytes: &[u8], then: usize, limits: &Limits) -> Result<Transformer, ModelError> {
    with_graph(bytes, limits, |graph, limits| sklearn::read_transformer(graph, then, limits))
        .unwrap_or(Err(ModelError::NoTransformer))
}

/// Reads a graph of values, and takes out of it what `read` does; `None` when the bytes hold none.
fn with_graph<T>(
    bytes: &[u8],
    limits: &Limits,
    read: impl Fn(&pickle::Graph<'_>, &Limits) -> Result<T, sklearn::SklearnError>,
) -> Option<Result<T, ModelError>> {
    let taken = |graph: &pickle::Graph<'_>, limits: &Limits| {
        let contents = read(graph, limits);
        // At a bound, values are withheld, and what their reader makes of that is beside the point.
        match graph.exceeded() {
            Some(exceeded) => Err(exceeded.into()),
            None => Ok(contents?),
        }
    };
    let (in_place, unpacking) = (limits.in_place(bytes.len()), limits.unpacking(bytes.len()));
    let compressed = |compression: Compression| {
        let bytes = compression.decompress(bytes, limits)?;
        let limits = Limits { memory_bytes: unpacking.memory_bytes.saturating_sub(bytes.len()), ..unpacking };
        taken(&pickle::read_compressed(&bytes, compression, &limits)?, &limits)
    };
    if pickle::recognise(bytes) {
        let graph = pickle::read(bytes, &in_place).map_err(ModelError::from);
        return Some(graph.and_then(|graph| taken(&graph, &in_place)));
    }
    if let Some(compression) = Compression::recognise(bytes) {
        return Some(compressed(compression));
    }
    skops::recognise(bytes).then(|| skops::read(bytes, &unpacking, |graph| taken(graph, &unpacking)))
}
