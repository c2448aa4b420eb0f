//! What a store was made with: its format, how it cuts time, and the sizes of its rings. It can be opened with no other.
//!
//! The record is in the database. A copy of it stands in a file beside the database, so that somebody who may not open the
//! database, because he only looks or because a daemon has it open, can tell whether settings fit.

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

/// What can be told of a store without opening it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StoreFit {
    /// There is none: one will be made.
    NoStore,
    /// It was made with these settings.
    Fits,
    /// It has no file that says so: an earlier version opened it last.
    Unknown,
}

/// Tells whether a store opens with these settings. Opens nothing, and writes nothing.
///
/// # Errors
/// When it was made with others, or what says so cannot be read.
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

/// Holds an open database against the settings, or notes them in a new one.
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

/// Under another name first: a copy that is cut short would be taken for damage.
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
