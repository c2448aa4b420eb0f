//! `[store]`: how much is kept on the disk.

use std::path::PathBuf;

use super::bytes::ByteSize;
use super::reader::Section;
use crate::time::Span;
use crate::verdict::VerdictRows;

/// How much the store keeps, and where.
#[derive(Clone, Debug, PartialEq)]
pub struct StoreSettings {
    /// The folder that holds it.
    pub directory: PathBuf,
    /// How long raw readings are kept; `None` when they are not.
    pub keep_raw: Option<Span>,
    /// How long the intervals of closed windows are kept; `None` when the default follows from other settings.
    pub keep_intervals: Option<Span>,
    /// How long verdicts are kept; `None` for as long as their runs.
    pub keep_verdicts: Option<Span>,
    /// How long runs are kept; `None` when the default follows from other settings.
    pub keep_runs: Option<Span>,
    /// How large the store may become before it gives up what it could keep.
    pub max_size: ByteSize,
    /// How much of the disk stays free for others.
    pub reserve: ByteSize,
    /// Which decision values are kept of each scored window.
    pub verdict_rows: VerdictRows,
    /// How much of models that gave verdicts is kept.
    pub kept_models: ByteSize,
    /// How many blocks of rejects are kept.
    pub rejects: u32,
    /// How long a rejected message may be, topic and payload together, to be kept whole.
    pub rejected_message: ByteSize,
    /// How much of what is logged of a run is kept with it.
    pub run_log: ByteSize,
    /// Whether a store that was made with another interval, window or ring is written anew.
    pub recut: bool,
    /// How much memory the store's page cache aims at.
    pub cache: ByteSize,
    /// How long acknowledgements may wait for company, so that fewer commits are needed.
    pub commit_delay: Span,
    /// How much commits may write a day before they wait for company by themselves.
    pub daily_write_budget: ByteSize,
}

pub(super) fn read(section: &mut Section<'_, '_>) -> StoreSettings {
    const HOUR: Span = Span::from_secs(3_600);
    const LONGEST: Span = Span::from_secs(36_600 * 86_400);
    const SHORTEST: Span = Span::from_secs(1);
    StoreSettings {
        directory: section.path("directory", "/var/lib/anomalyd/store"),
        keep_raw: section.optional_span("keep_raw", HOUR..=LONGEST),
        keep_intervals: section.optional_span("keep_intervals", SHORTEST..=LONGEST),
        keep_verdicts: section.optional_span("keep_verdicts", SHORTEST..=LONGEST),
        keep_runs: section.optional_span("keep_runs", SHORTEST..=LONGEST),
        max_size: section.bytes(
            "max_size",
            ByteSize::from_mib(4 << 10),
            ByteSize::from_mib(64)..=ByteSize::from_mib(16 << 20),
        ),
        reserve: section.bytes("reserve", ByteSize::from_mib(32), ByteSize::from_mib(4)..=ByteSize::from_mib(64 << 10)),
        verdict_rows: section.choice("verdict_rows", [("worst", VerdictRows::Worst), ("all", VerdictRows::All)]),
        kept_models: section.bytes(
            "kept_models",
            ByteSize::from_mib(256),
            ByteSize::from_mib(0)..=ByteSize::from_mib(1 << 20),
        ),
        rejects: section.integer("rejects", 1024, 1..=1_000_000),
        rejected_message: section.bytes(
            "rejected_message",
            ByteSize::from_kib(4),
            ByteSize::from_kib(0)..=ByteSize::from_kib(16),
        ),
        run_log: section.bytes("run_log", ByteSize::from_kib(16), ByteSize::from_kib(0)..=ByteSize::from_kib(1024)),
        recut: section.take("recut", "true or false", |value| value.as_bool()) == Some(true),
        cache: section.bytes("cache", ByteSize::from_mib(16), ByteSize::from_mib(1)..=ByteSize::from_mib(4096)),
        commit_delay: section.span("commit_delay", Span::ZERO, Span::ZERO..=Span::from_secs(10)),
        daily_write_budget: section.bytes(
            "daily_write_budget",
            ByteSize::from_mib(1024),
            ByteSize::from_mib(1)..=ByteSize::from_mib(1 << 30),
        ),
    }
}

/// What to write in the place of a key that earlier versions had.
pub(super) fn replacement(key: &str) -> Option<&'static str> {
    match key {
        "windows" => Some(
            "say with \"keep_intervals\" how long windows are kept: for windows = 32 of an hour each, keep_intervals = \"32h\"",
        ),
        "runs" => {
            Some("say with \"keep_runs\" how long runs are kept: for runs = 168 of an hour each, keep_runs = \"7d\"")
        }
        _ => None,
    }
}
