//! Our own format: one model, lossless, fastest to read.
//!
//! The container is [safetensors](https://github.com/huggingface/safetensors): a length, a header in JSON, then plain
//! arrays. The header's metadata holds one text in JSON under the key `anomalyd`, the description: steps and detector
//! with their scalar parameters. Arrays are tensors, named by their place: `detector.centres`, `steps.0.mean`. Numbers are
//! little-endian float64, aligned to 8 bytes. The same model always comes to the same bytes. `docs/model-format.md` has
//! every key.
//!
//! What we write carries the SHA-256 of its own bytes, and a file that carries one is checked against it. The header is
//! read here and not by the safetensors crate, which would take tens of times its length in memory.

mod content;
mod description;
mod detectors;
mod error;
mod forest;
mod header;
mod neighbours;
mod nystroem;
mod steps;
mod tensors;

use std::collections::HashMap;

use safetensors::tensor::TensorView;

use description::Description;
pub(in crate::model) use description::VERSION;
pub use error::{OwnError, WriteError};
use header::Header;
use steps::Allowance;
use tensors::{Arrays, TensorScope};

use super::printable::printable_within;
use super::{Contents, Format, Metadata, Source};
use crate::model::{Limits, Model};

/// The key of the description in the header's metadata.
const KEY: &str = "anomalyd";

/// Whether the bytes are a safetensors file: the header's length, whose highest bytes are zeros, then the header.
pub(super) fn recognise(bytes: &[u8]) -> bool {
    matches!(bytes, [_, _, _, _, 0, 0, 0, 0, b'{', ..])
}

/// Reads a model.
pub(super) fn read(bytes: &[u8], limits: &Limits) -> Result<Contents, OwnError> {
    let header = Header::read(bytes, limits)?;
    let description = Description::parse(header.description)?;
    if let Some(content) = &description.content {
        content::verify(bytes, header.length, content)?;
    }
    let Description { steps, detector, features, library, library_version, training_rows, source, notes, .. } =
        description;
    let tensors = header.tensors;
    let mut allowance = Allowance::new(limits);
    let preprocessing = steps
        .into_iter()
        .enumerate()
        .map(|(index, step)| steps::read(step, &TensorScope::new(&tensors, format!("steps.{index}")), &mut allowance))
        .collect::<Result<_, _>>()?;
    let detector = detectors::read(detector, &TensorScope::new(&tensors, "detector".to_owned()), limits)?;
    tensors.all_used()?;
    let metadata = Metadata {
        format: Format::Own { version: VERSION },
        library: library.map_or_else(|| "a library that it does not name".to_owned(), |library| plain(&library)),
        library_version: library_version.as_deref().map(plain),
        training_rows,
        columns: features.map(|features| features.iter().map(|feature| plain(feature)).collect()),
        threshold: None,
        source: source.map(|Source { format, sha256 }| Source { format: plain(&format), sha256: plain(&sha256) }),
        notes: notes.iter().map(|note| plain(note)).collect(),
    };
    Ok(Contents { preprocessing, detector, metadata })
}

/// Writes a model. The same model gives the same bytes, always.
///
/// # Errors
/// When the model is too large for the container's header.
pub fn write(model: &Model) -> Result<Vec<u8>, WriteError> {
    let metadata = model.metadata();
    let mut arrays = Arrays::default();
    let steps = model
        .preprocessing()
        .iter()
        .enumerate()
        .map(|(index, step)| steps::write(step, &mut arrays.at(format!("steps.{index}"))))
        .collect();
    let detector = detectors::write(model.detector(), &mut arrays.at("detector".to_owned()));
    let description = Description {
        format: VERSION,
        content: Some(content::BLANK.to_owned()),
        steps,
        detector,
        features: metadata.columns.clone(),
        library: Some(metadata.library.clone()),
        library_version: metadata.library_version.clone(),
        training_rows: metadata.training_rows,
        source: Source::of(model),
        notes: metadata.notes.clone(),
    };
    let header = HashMap::from([(KEY.to_owned(), serde_json::to_string(&description)?)]);
    let views = arrays
        .iter()
        .map(|(name, array)| Ok((name, TensorView::new(array.dtype, array.shape.clone(), &array.bytes)?)))
        .collect::<Result<Vec<_>, WriteError>>()?;
    Ok(content::seal(safetensors::serialize(views, Some(header))?))
}

/// The text without what could steer a terminal.
fn plain(text: &str) -> String {
    printable_within(usize::MAX, text)
}

impl Source {
    /// What a model was written from: what it says itself when it is in our format, else itself.
    fn of(model: &Model) -> Option<Self> {
        match model.metadata().format {
            Format::Own { .. } => model.metadata().source.clone(),
            format => Some(Self { format: format.to_string(), sha256: model.hash().to_string() }),
        }
    }
}
