//! `[store]`: how much is kept on the disk.

use std::path::PathBuf;

use super::bytes::ByteSize;
use super::reader::Section;
use crate::time::Span;

/// How much the store keeps, and where.
#[derive(Clone, Debug, PartialEq)]
pub struct StoreSettings {
    /// The folder that holds it.
    pub directory: PathBuf,
    /// How many windows are kept a sensor.
    pub windows: u32,
    /// How many runs are kept, with their verdicts.
    pub runs: u32,
    /// How many blocks of rejects are kept.
    pub rejects: u32,
    /// How much memory the store's page cache aims at.
    pub cache: ByteSize,
    /// How long acknowledgements may wait for company, so that fewer commits are needed.
    pub commit_delay: Span,
    /// How much commits may write a day before they wait for company by themselves.
    pub daily_write_budget: ByteSize,
}

pub(super) fn read(section: &mut Section<'_, '_>) -> StoreSettings {
    StoreSettings {
        directory: section.path("directory", "/var/lib/anomalyd/store"),
        windows: section.integer("windows", 32, 4..=10_000),
        runs: section.integer("runs", 168, 1..=100_000),
        rejects: section.integer("rejects", 1024, 1..=1_000_000),
        cache: section.bytes("cache", ByteSize::from_mib(16), ByteSize::from_mib(1)..=ByteSize::from_mib(4096)),
        commit_delay: section.span("commit_delay", Span::ZERO, Span::ZERO..=Span::from_secs(10)),
        daily_write_budget: section.bytes(
            "daily_write_budget",
            ByteSize::from_mib(1024),
            ByteSize::from_mib(1)..=ByteSize::from_mib(1 << 20),
        ),
    }
}
