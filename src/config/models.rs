//! `[models]`: where models are, and how large they may be.

use std::ops::RangeInclusive;
use std::path::PathBuf;

use super::bytes::ByteSize;
use super::reader::Section;
use crate::model::{NameTemplate, NameTemplates};
use crate::time::Span;

/// Where models are, and how large they may be.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelSettings {
    /// The folder that holds them.
    pub directory: PathBuf,
    /// The templates of the names of model files and scaler files, without endings.
    pub names: NameTemplates,
    /// How much memory the models at work may take.
    pub memory: ByteSize,
    /// The largest file that is read.
    pub max_file: ByteSize,
    /// The most memory that reading one model may take.
    pub max_memory: ByteSize,
    /// The most instructions, or parts, that a file may hold.
    pub max_instructions: u32,
    /// The most elements that one array may have.
    pub max_elements: u32,
    /// The most operations that reading one model may take.
    pub max_operations: u32,
    /// The most operations that scoring a row may take.
    pub max_row_operations: u32,
    /// How deep parts of a file may lie within each other.
    pub max_depth: u32,
    /// The most files that the folder may hold.
    pub max_files: u32,
    /// How long reading and proving one file may take.
    pub deadline: Span,
    /// The time between two looks for files that have changed.
    pub look_every: Span,
    /// How long a changed file must stay as it is before it is read.
    pub settle: Span,
}

/// The range of `max_file` and `max_memory`.
pub(crate) const SIZES: RangeInclusive<ByteSize> = ByteSize::from_kib(1)..=ByteSize::from_mib(4096);
/// The range of `max_instructions`.
pub(crate) const INSTRUCTIONS: RangeInclusive<u32> = 1_000..=1_000_000_000;
/// The range of `max_elements`.
pub(crate) const ELEMENTS: RangeInclusive<u32> = 1..=1 << 30;
/// The range of `max_operations`.
pub(crate) const OPERATIONS: RangeInclusive<u32> = 1_000..=4_000_000_000;
/// The range of `max_row_operations`.
pub(crate) const ROW_OPERATIONS: RangeInclusive<u32> = 1_000..=1_000_000_000;
/// The range of `max_depth`.
pub(crate) const DEPTH: RangeInclusive<u32> = 1..=1_000;

pub(super) fn read(section: &mut Section<'_, '_>) -> ModelSettings {
    let accepted = "a path below the folder with {device} and {sensor}, such as \"model_{device}_{sensor}\"";
    let name = section.parsed("name", accepted, NameTemplate::parse).unwrap_or_default();
    let accepted = "a path below the folder with {device} and {sensor}, such as \"scaler_{device}_{sensor}\"";
    let names = match section.parsed("scaler", accepted, NameTemplate::parse) {
        None => name.into(),
        Some(scaler) => NameTemplates::new(name.clone(), scaler).unwrap_or_else(|same| {
            section.rule(&["scaler", "name"], same);
            name.into()
        }),
    };
    ModelSettings {
        directory: section.path("directory", "/var/lib/anomalyd/models"),
        names,
        memory: section.bytes("memory", ByteSize::from_mib(256), ByteSize::from_kib(0)..=ByteSize::from_mib(1 << 20)),
        max_file: section.bytes("max_file", ByteSize::from_mib(64), SIZES),
        max_memory: section.bytes("max_memory", ByteSize::from_mib(48), SIZES),
        max_instructions: section.integer("max_instructions", 500_000, INSTRUCTIONS),
        max_elements: section.integer("max_elements", 1 << 22, ELEMENTS),
        max_operations: section.integer("max_operations", 40_000_000, OPERATIONS),
        max_row_operations: section.integer("max_row_operations", 3_000_000, ROW_OPERATIONS),
        max_depth: section.integer("max_depth", 32, DEPTH),
        max_files: section.integer("max_files", 500_000, 1..=10_000_000),
        deadline: section.span("deadline", Span::from_secs(10), Span::from_millis(10)..=Span::from_secs(3600)),
        look_every: section.span("look_every", Span::from_secs(60), Span::from_millis(10)..=Span::from_secs(86_400)),
        settle: section.span("settle", Span::from_secs(2), Span::ZERO..=Span::from_secs(3600)),
    }
}
