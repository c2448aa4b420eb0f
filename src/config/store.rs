//! `[store]`: how much is kept on the disk.

use std::path::PathBuf;

use super::bytes::ByteSize;
use super::reader::Section;
use crate::verdict::VerdictRows;

/// How much the store keeps, and where.
#[derive(Clone, Debug, PartialEq)]
pub struct StoreSettings {
    /// The folder that holds it.
    pub directory: PathBuf,
    /// How many windows are kept a sensor.
    pub windows: u32,
    /// How many runs are kept, with their verdicts.
    pub runs: u32,
    /// Which decision values are kept of each scored window.
    pub verdict_rows: VerdictRows,
    /// How much of models that gave verdicts is kept.
    pub kept_models: ByteSize,
    /// How many blocks of rejects are kept.
    pub rejects: u32,
    /// How much memory the store's page cache aims at.
    pub cache: ByteSize,
}

pub(super) fn read(section: &mut Section<'_, '_>) -> StoreSettings {
    StoreSettings {
        directory: section.path("directory", "/var/lib/anomalyd/store"),
        windows: section.integer("windows", 32, 4..=10_000),
        runs: section.integer("runs", 168, 1..=100_000),
        verdict_rows: section.choice("verdict_rows", [("worst", VerdictRows::Worst), ("all", VerdictRows::All)]),
        kept_models: section.bytes(
            "kept_models",
            ByteSize::from_mib(256),
            ByteSize::from_mib(0)..=ByteSize::from_mib(1 << 20),
        ),
        rejects: section.integer("rejects", 1024, 1..=1_000_000),
        cache: section.bytes("cache", ByteSize::from_mib(16), ByteSize::from_mib(1)..=ByteSize::from_mib(4096)),
    }
}
