//! The settings that a store was made with: its format, how it cuts time, and the sizes of its rings. A store opens
//! with these settings only.
//!
//! The record of them is in the database. A copy is in a file beside the database, for a process that must not open the
//! database: one that only checks the settings, or one that runs beside a daemon.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use crate::codec::{Decoder, Encoder};
use crate::interval::Cut;
use crate::store::db::{Db, Table};
use crate::store::{StoreError, StoreSettings};

pub(super) const FORMAT: u64 = 1;
pub(super) const KEY: &[u8] = b"format";
const FILE: &str = "format";

/// What a check without opening the store tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StoreFit {
    /// There is no store: a start will make one.
    NoStore,
    /// The store was made with these settings.
    Fits,
    /// The store has no file that tells its settings: an earlier version opened it last.
    Unknown,
}

/// Tells whether a store opens with these settings. Opens nothing, and writes nothing.
///
/// # Errors
/// When the store was made with other settings, or the file that tells them cannot be read.
pub fn fit(settings: &StoreSettings) -> Result<StoreFit, StoreError> {
    let directory = &settings.directory;
    let unusable = |problem| StoreError::Directory { directory: directory.clone(), problem };
    if !Db::exists(directory) {
        return Ok(StoreFit::NoStore);
    }
    match fs::read(directory.join(FILE)) {
        Ok(record) => compare(&record, settings).map(|()| StoreFit::Fits),
        Err(problem) if problem.kind() == io::ErrorKind::NotFound => Ok(StoreFit::Unknown),
        Err(problem) => Err(unusable(problem)),
    }
}

/// Compares the settings that an open database was made with, or notes them in a new one.
pub(super) fn check(progress: &Table, settings: &StoreSettings) -> Result<(), StoreError> {
    if let Some(record) = progress.get(KEY)? {
        compare(&record, settings)
    } else {
        progress.put(KEY, &record(settings))
    }
}

/// Writes the copy beside the database, if it is not there.
pub(super) fn keep_copy(settings: &StoreSettings) -> Result<(), StoreError> {
    let directory = &settings.directory;
    let (path, record) = (directory.join(FILE), record(settings));
    if fs::read(&path).is_ok_and(|kept| kept == record) {
        return Ok(());
    }
    write_whole(directory, &path, &record)
        .map_err(|problem| StoreError::Directory { directory: directory.clone(), problem })
}

/// Writes the file under another name first, because a copy that is cut short would be taken for damage.
fn write_whole(directory: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

fn record(settings: &StoreSettings) -> Vec<u8> {
    let mut encoder = Encoder::default();
    encoder.unsigned(FORMAT);
    encoder.signed(settings.cut.interval().nanos());
    encoder.signed(settings.cut.window().nanos());
    encoder.unsigned(u64::from(settings.windows));
    encoder.unsigned(u64::from(settings.runs));
    encoder.into_bytes()
}

fn compare(record: &[u8], settings: &StoreSettings) -> Result<(), StoreError> {
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
    for (key, configured) in [("store.windows", settings.windows), ("store.runs", settings.runs)] {
        let stored = decoder.narrow()?;
        if stored != configured {
            return Err(StoreError::OtherRing { directory, key, stored, configured });
        }
    }
    Ok(())
}
