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
use crate::store::{StoreError, StoreSettings, side_file};

pub(super) const FORMAT: u64 = 2;
pub(super) const KEY: &[u8] = b"format";
const FILE: &str = "format";

/// What can be told of a store without opening it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StoreFit {
    /// There is no store: a start will make one.
    NoStore,
    /// The store was made with these settings.
    Fits,
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
    let mut encoder = Encoder::default();
    encoder.unsigned(FORMAT);
    encoder.signed(settings.cut.interval().nanos());
    encoder.signed(settings.cut.window().nanos());
    encoder.unsigned(u64::from(settings.windows));
    encoder.unsigned(u64::from(settings.runs));
    encoder.into_bytes()
}

pub(super) fn compare(record: &[u8], settings: &StoreSettings) -> Result<(), StoreError> {
    let mut decoder = Decoder::new(record);
    let directory = settings.directory.clone();
    match decoder.unsigned()? {
        FORMAT => {}
        found => return Err(StoreError::OtherFormat { directory, found }),
    }
    let [interval, window] = [decoder.span()?, decoder.span()?];
    let stored = Cut::new(interval, window).map_err(|_| StoreError::Damaged)?;
    if stored != settings.cut {
        return Err(StoreError::OtherCut { directory, stored, configured: settings.cut });
    }
    // The place of a window depends on the size of its ring.
    for (key, configured) in [("store.keep_intervals", settings.windows), ("store.keep_runs", settings.runs)] {
        let stored = decoder.narrow()?;
        if stored != configured {
            return Err(StoreError::OtherRing { directory, key, stored, configured });
        }
    }
    Ok(())
}
