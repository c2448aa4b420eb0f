//! Damaged databases that were set aside: the daemon goes on without them, and each start and `check` name them until
//! an operator has moved or removed them.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::store::{StoreError, side_file};
use crate::time::Timestamp;

const PREFIX: &str = "damaged-";
/// The file which notes that a database has to be set aside at the next start; it holds the reason.
const CONDEMNED: &str = "damaged";
/// The most damaged databases in a store's folder: each may be as large as the store.
const MAX: usize = 3;

/// A damaged database that was set aside, so that the daemon could begin a new one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAside {
    /// Where it is now.
    pub directory: PathBuf,
    /// How much of the disk it takes, in bytes.
    pub bytes: u64,
}

impl fmt::Display for SetAside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let directory = self.directory.display();
        f.write_str("a store was damaged and set aside")?;
        if let Some(time) = self.time() {
            write!(f, " at {time}")?;
        }
        let size = self.bytes.div_ceil(1 << 20);
        write!(
            f,
            ": {directory} ({size} MiB); what it held is in no answer. Move it elsewhere to keep it, or remove it"
        )
    }
}

impl SetAside {
    /// When it was set aside; the folder's name tells it.
    fn time(&self) -> Option<Timestamp> {
        let name = self.directory.file_name()?.to_str()?.strip_prefix(PREFIX)?;
        let (date, time) = name.split_once('T')?;
        let part = |text: &str, from| text.get(from..from + 2).map(str::to_owned);
        let (year, month, day) = (date.get(..4)?, part(date, 4)?, part(date, 6)?);
        let (hour, minute, second) = (part(time, 0)?, part(time, 2)?, part(time, 4)?);
        Timestamp::parse(&format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z"))
    }
}

/// The databases that were set aside in a store's folder, the oldest first.
pub(super) fn list(directory: &Path) -> io::Result<Vec<SetAside>> {
    let entries = match fs::read_dir(directory) {
        Err(problem) if problem.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry?;
        let is_ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        if is_ours && entry.file_type()?.is_dir() {
            found.push(SetAside { bytes: size_bytes(&entry.path()), directory: entry.path() });
        }
    }
    found.sort_by(|a, b| a.directory.cmp(&b.directory));
    Ok(found)
}

/// Moves a damaged database out of the way. Errors: when as many as allowed were set aside already.
pub(super) fn set_aside(data: &Path, directory: &Path, reason: &str) -> Result<(), StoreError> {
    let in_directory = |problem| StoreError::Directory { directory: directory.to_owned(), problem };
    if list(directory).map_err(in_directory)?.len() >= MAX {
        return Err(StoreError::DamagedAgain {
            directory: directory.to_owned(),
            times: MAX,
            reason: reason.to_owned(),
        });
    }
    let aside = directory.join(format!("{PREFIX}{}", Timestamp::now().format("%Y%m%dT%H%M%S%3f")));
    fs::rename(data, &aside).map_err(in_directory)?;
    tracing::error!(directory = %aside.display(), "the store was damaged and is set aside; a new one begins: {reason}");
    Ok(())
}

/// Notes that a database is damaged, so that the next start sets it aside. A database that is open cannot be set aside.
pub(super) fn condemn(directory: &Path, reason: &str) {
    if let Err(problem) = side_file::write(&directory.join(CONDEMNED), reason.as_bytes()) {
        tracing::error!("it cannot be noted for the next start that the store is damaged: {problem}");
    }
}

/// Sets a database aside if it is noted as damaged.
pub(super) fn set_condemned_aside(data: &Path, directory: &Path) -> Result<(), StoreError> {
    let note = directory.join(CONDEMNED);
    let in_directory = |problem| StoreError::Directory { directory: directory.to_owned(), problem };
    match side_file::read(&note) {
        Err(problem) if problem.kind() == io::ErrorKind::NotFound => return Ok(()),
        // It is no note of ours.
        Err(problem) if matches!(problem.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData) => {
            tracing::warn!("{problem}");
            return Ok(());
        }
        reason => {
            let reason = reason.map_err(in_directory)?;
            if data.try_exists().map_err(in_directory)? {
                set_aside(data, directory, &String::from_utf8_lossy(&reason))?;
            }
        }
    }
    fs::remove_file(&note).map_err(in_directory)
}

/// The size of all files in a folder. A file that cannot be looked at counts as empty.
fn size_bytes(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.metadata().ok()).filter(fs::Metadata::is_file).map(|file| file.len()).sum()
}
