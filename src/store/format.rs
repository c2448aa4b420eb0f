//! The settings that a store was made with: its format, how it cuts time, and the sizes of its rings. A store opens
//! with these settings only.
//!
//! The record is in the database. A copy of it stands in a file beside the database, so that somebody who may not open the
//! database, because he only looks or because a daemon has it open, can tell whether settings fit. Each stands in for the
//! other that is damaged.

use std::io;

use crate::codec::{Decoder, Encoder};
use crate::interval::Cut;
use crate::store::db::{Db, Table};
use crate::store::reader::readable;
use crate::store::{StoreError, StoreSettings, side_file, upgrade};

pub(super) const FORMAT: u64 = 2;
pub(super) const KEY: &[u8] = b"format";
pub(super) const FILE: &str = "format";

/// What to do about a store of another format.
pub(super) fn advice(found: u64) -> &'static str {
    if found < FORMAT {
        "start the daemon, or run anomalyd store upgrade, and it is brought up"
    } else {
        "run the version that made it or a later one, or choose a new store.directory"
    }
}

/// What can be told of a store without opening it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StoreFit {
    /// There is no store: a start will make one.
    NoStore,
    /// The store was made with these settings.
    Fits,
    /// An earlier version made the store, and the next start brings it up to this version's format.
    Earlier {
        /// How many bytes a new store beside it may take.
        needed: u64,
    },
    /// The file that says so is not there or cannot be read, which keeps no start from telling.
    Unknown {
        /// Why it is not known.
        reason: String,
    },
}

/// Tells whether a store opens with these settings. Opens nothing, and writes nothing.
///
/// # Errors
/// When it was made with others.
pub fn fit(settings: &StoreSettings) -> Result<StoreFit, StoreError> {
    let directory = &settings.directory;
    if !Db::exists(directory) {
        return Ok(StoreFit::NoStore);
    }
    let path = directory.join(FILE);
    let unknown = |reason| Ok(StoreFit::Unknown { reason });
    match side_file::read(&path).map(|record| compare(&record, settings)) {
        Ok(Ok(())) => Ok(StoreFit::Fits),
        Ok(Err(StoreError::OtherFormat { found: upgrade::EARLIER, .. })) => {
            Ok(StoreFit::Earlier { needed: upgrade::needed_bytes(directory) })
        }
        Ok(Err(StoreError::Damaged)) => unknown(format!("{} is damaged", path.display())),
        Ok(Err(other)) => Err(other),
        Err(problem) if problem.kind() == io::ErrorKind::NotFound => unknown("an earlier version wrote it".to_owned()),
        Err(problem) => unknown(format!("{} cannot be read: {problem}", path.display())),
    }
}

/// Compares the settings that an open database was made with, or notes them in a new one.
pub(super) fn check(progress: &Table, settings: &StoreSettings) -> Result<(), StoreError> {
    let stored = readable(progress.get(KEY))?;
    match &stored {
        Some(Some(record)) => match compare(record, settings) {
            Err(StoreError::Damaged) => {}
            compared => return compared,
        },
        Some(None) if progress.last_key()?.is_none() => return progress.put(KEY, &record(settings)),
        Some(None) | None => {}
    }
    // The entry is lost or damaged. It is no reason to give up what stands beside it.
    let copy = side_file::read(&settings.directory.join(FILE)).map(|copy| compare(&copy, settings));
    match copy {
        Ok(Ok(())) => {}
        Ok(Err(other)) if !matches!(other, StoreError::Damaged) => return Err(other),
        // Without its copy, one that is not there is taken for one of these settings.
        _ if stored == Some(None) => {}
        _ => return Err(StoreError::Damaged),
    }
    tracing::warn!("the entry of the store that says what it was made with was lost, and is written anew");
    progress.put(KEY, &record(settings))
}

/// Writes the copy beside the database, if it is not there. Without it the store works as well.
pub(super) fn keep_copy(settings: &StoreSettings) {
    let (path, record) = (settings.directory.join(FILE), record(settings));
    if side_file::read(&path).is_ok_and(|kept| kept == record) {
        return;
    }
    if let Err(problem) = side_file::write(&path, &record) {
        let path = path.display();
        tracing::warn!("what the store was made with cannot be noted in {path}, which anomalyd check reads: {problem}");
    }
}

pub(super) fn record(settings: &StoreSettings) -> Vec<u8> {
    let StoredSettings { cut, windows, runs, verdict_runs } = StoredSettings::of(settings);
    let mut encoder = Encoder::default();
    encoder.unsigned(FORMAT);
    encoder.signed(cut.interval().nanos());
    encoder.signed(cut.window().nanos());
    for ring in [windows, runs, verdict_runs] {
        encoder.unsigned(u64::from(ring));
    }
    encoder.into_bytes()
}

/// The settings that decide under which keys things lie.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct StoredSettings {
    pub(super) cut: Cut,
    pub(super) windows: u32,
    pub(super) runs: u32,
    pub(super) verdict_runs: u32,
}

impl StoredSettings {
    /// Those of a configuration.
    pub(super) fn of(settings: &StoreSettings) -> Self {
        let StoreSettings { cut, windows, runs, verdict_runs, .. } = *settings;
        Self { cut, windows, runs, verdict_runs }
    }

    /// Those in a record.
    pub(super) fn read(record: &[u8], settings: &StoreSettings) -> Result<Self, StoreError> {
        let mut decoder = Decoder::new(record);
        match decoder.unsigned()? {
            FORMAT => {}
            found => return Err(StoreError::OtherFormat { directory: settings.directory.clone(), found }),
        }
        let [interval, window] = [decoder.span()?, decoder.span()?];
        let cut = Cut::new(interval, window).map_err(|_| StoreError::Damaged)?;
        let [windows, runs] = [decoder.narrow()?, decoder.narrow()?];
        // The first records of this format lack it.
        let verdict_runs = if decoder.is_at_end() { runs } else { decoder.narrow()? };
        Ok(Self { cut, windows, runs, verdict_runs })
    }

    /// A configuration that has these settings.
    pub(super) fn apply(self, settings: &StoreSettings) -> StoreSettings {
        let Self { cut, windows, runs, verdict_runs } = self;
        StoreSettings { cut, windows, runs, verdict_runs, ..settings.clone() }
    }
}

pub(super) fn compare(record: &[u8], settings: &StoreSettings) -> Result<(), StoreError> {
    let directory = settings.directory.clone();
    let (stored, configured) = (StoredSettings::read(record, settings)?, StoredSettings::of(settings));
    if stored.cut != configured.cut {
        return Err(StoreError::OtherCut { directory, stored: stored.cut, configured: configured.cut });
    }
    // The place of a window, and of a run, depends on the size of its ring.
    let rings = [
        ("store.keep_intervals", stored.windows, configured.windows),
        ("store.keep_runs", stored.runs, configured.runs),
        ("store.keep_verdicts", stored.verdict_runs, configured.verdict_runs),
    ];
    match rings.into_iter().find(|(_, stored, configured)| stored != configured) {
        Some((key, stored, configured)) => Err(StoreError::OtherRing { directory, key, stored, configured }),
        None => Ok(()),
    }
}
