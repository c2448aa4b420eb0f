//! What `skops.io.dump` writes: a zip archive with a description of all objects, `schema.json`, and a file for each
//! array. Read into the same graph of values as a pickle.
//!
//! See `skops/io` for what the parts of the schema (`__loader__`) are. Here they are data: a class is a name.

mod archive;
mod error;
mod json;
mod npy;
mod objects;

pub use error::SkopsError;

use archive::Archive;
use json::Json;
use objects::Objects;

use super::Format;
use super::foreign;
use super::pickle::{Budget, Graph};
use crate::model::Limits;

/// The newest protocol that is understood.
const PROTOCOL: u8 = 2;

/// The description of all objects.
const SCHEMA: &str = "schema.json";

/// Whether a file begins as a zip archive with something in it.
pub(super) fn recognise(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04")
}

/// Reads a file, and does `then` with the graph of its values, which lives no longer than this call.
///
/// # Errors
/// When the file is damaged, names what it may not, or takes more than `limits` allow; and those of `then`.
pub(super) fn read<T, E: From<SkopsError>>(
    bytes: &[u8],
    limits: &Limits,
    then: impl FnOnce(&Graph<'_>) -> Result<T, E>,
) -> Result<T, E> {
    let budget = Budget::new(limits);
    let archive = Archive::open(bytes, &budget)?;
    if archive.names().all(|name| name != SCHEMA) {
        return Err(SkopsError::Foreign(foreign::archive(archive.names())).into());
    }
    let text = archive.read(SCHEMA, &budget)?;
    let schema = Json::parse(&text, &budget)?;
    let protocol = schema.get("protocol").and_then(Json::int).and_then(|protocol| u8::try_from(protocol).ok());
    let protocol = protocol.filter(|protocol| *protocol <= PROTOCOL).ok_or(SkopsError::Protocol)?;
    let objects = Objects::new(&archive, budget);
    then(&objects.into_graph(&schema, Format::Skops { protocol })?)
}
