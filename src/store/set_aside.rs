//! What was set aside in a store's folder: damaged databases, and stores that were replaced by one that was made anew. The
//! daemon goes on without them, and each start and `check` name them until an operator has moved or removed them. Each may
//! be as large as the store, so there are few of them.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::store::disk_space::bytes_on_disk;
use crate::store::{StoreError, side_file};
use crate::time::Timestamp;

/// The file which notes that a database has to be set aside at the next start; it holds the reason.
const CONDEMNED: &str = "damaged";
/// The most of each kind in a store's folder.
const MAX: usize = 3;

/// Why something was set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AsideCause {
    /// The database is damaged, and the daemon began a new one.
    Damaged,
    /// A store that was upgraded, cut otherwise, repaired or restored took the place of this one.
    Replaced,
}

impl AsideCause {
    const ALL: [Self; 2] = [Self::Damaged, Self::Replaced];

    /// How the names of the folders begin; the time follows.
    fn prefix(self) -> &'static str {
        match self {
            Self::Damaged => "damaged-",
            Self::Replaced => "replaced-",
        }
    }

    /// The name of a folder for what is set aside now.
    pub(super) fn name_of_now(self) -> String {
        format!("{}{}", self.prefix(), Timestamp::now().format("%Y%m%dT%H%M%S%3f"))
    }

    /// The time in the name of a folder.
    pub(super) fn time_in(self, name: &str) -> Option<&str> {
        name.strip_prefix(self.prefix())
    }
}

/// Something that was set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAside {
    /// Why.
    pub cause: AsideCause,
    /// Where it is now.
    pub directory: PathBuf,
    /// How much of the disk it takes, in bytes.
    pub bytes: u64,
}

impl fmt::Display for SetAside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let directory = self.directory.display();
        f.write_str(match self.cause {
            AsideCause::Damaged => "a store was damaged and set aside",
            AsideCause::Replaced => "a store was replaced by one made anew",
        })?;
        if let Some(time) = self.time() {
            write!(f, " at {time}")?;
        }
        let size = self.bytes.div_ceil(1 << 20);
        let held = match self.cause {
            AsideCause::Damaged => "what it held is in no answer",
            AsideCause::Replaced => "it can be read with the settings that it was made with",
        };
        write!(f, ": {directory} ({size} MiB); {held}. Move it elsewhere to keep it, or remove it")
    }
}

impl SetAside {
    /// When it was set aside; the folder's name tells it.
    fn time(&self) -> Option<Timestamp> {
        let name = self.directory.file_name()?.to_str().and_then(|name| self.cause.time_in(name))?;
        let (date, time) = name.split_once('T')?;
        let part = |text: &str, from| text.get(from..from + 2).map(str::to_owned);
        let (year, month, day) = (date.get(..4)?, part(date, 4)?, part(date, 6)?);
        let (hour, minute, second) = (part(time, 0)?, part(time, 2)?, part(time, 4)?);
        Timestamp::parse(&format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z"))
    }
}

/// What was set aside in a store's folder, by its cause, the oldest first.
pub(super) fn list(directory: &Path) -> io::Result<Vec<SetAside>> {
    let entries = match fs::read_dir(directory) {
        Err(problem) if problem.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let is_of = |cause: &AsideCause| name.to_str().and_then(|name| cause.time_in(name)).is_some();
        let cause =
            AsideCause::ALL.into_iter().find(is_of).filter(|_| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        if let Some(cause) = cause {
            found.push(SetAside { cause, bytes: bytes_on_disk(&entry.path()), directory: entry.path() });
        }
    }
    found.sort_by(|a, b| a.directory.cmp(&b.directory));
    Ok(found)
}

/// Makes sure that there is one fewer than allowed of those that were replaced.
pub(super) fn check_replaced(directory: &Path) -> Result<(), StoreError> {
    match of_cause(directory, AsideCause::Replaced)? {
        MAX.. => Err(StoreError::ReplacedAgain { directory: directory.to_owned(), times: MAX }),
        _ => Ok(()),
    }
}

fn of_cause(directory: &Path, cause: AsideCause) -> Result<usize, StoreError> {
    let aside =
        list(directory).map_err(|problem| StoreError::Directory { directory: directory.to_owned(), problem })?;
    Ok(aside.iter().filter(|aside| aside.cause == cause).count())
}

/// Moves a damaged database out of the way. Errors: when as many as allowed were set aside already.
pub(super) fn set_aside(data: &Path, directory: &Path, reason: &str) -> Result<(), StoreError> {
    let in_directory = |problem| StoreError::Directory { directory: directory.to_owned(), problem };
    if of_cause(directory, AsideCause::Damaged)? >= MAX {
        return Err(StoreError::DamagedAgain {
            directory: directory.to_owned(),
            times: MAX,
            reason: reason.to_owned(),
        });
    }
    let aside = directory.join(AsideCause::Damaged.name_of_now());
    fs::rename(data, &aside).and_then(|()| side_file::sync_names(&aside)).map_err(in_directory)?;
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
    // A note that came back after a power cut would set the new database aside.
    fs::remove_file(&note).and_then(|()| side_file::sync_names(&note)).map_err(in_directory)
}
