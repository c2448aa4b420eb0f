//! The lock of a store's folder: either one process writes to the store, or any number of processes copy it to read.
//!
//! The lock is the system's, on a file in the folder that belongs to the user of the daemon. A process that only reads
//! neither creates this file nor writes to it.

use std::fs::{File, TryLockError};
use std::io::{self, Write};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, fcntl_lock};
use rustix::process::{Flock, FlockType, Pid, fcntl_getlk};

use crate::store::{StoreError, from_disk, side_file};

const FILE: &str = "lock";
/// How long a start waits for commands that copy the store.
pub(super) const READERS_PATIENCE: Duration = Duration::from_secs(60);
/// How often it looks whether they have ended.
pub(super) const PAUSE: Duration = Duration::from_millis(20);

/// Locks a folder for the one process that writes to it; makes the folder if there is none. Waits for processes that
/// copy the store.
pub(super) fn for_writing(directory: &Path) -> Result<File, StoreError> {
    let in_directory = |problem| StoreError::Directory { directory: directory.to_owned(), problem };
    from_disk::make_folder(directory).map_err(in_directory)?;
    let path = directory.join(FILE);
    let options = &mut File::options();
    let mut file = side_file::open(&path, options.create(true).truncate(false).write(true)).map_err(in_directory)?;
    let deadline = Instant::now() + READERS_PATIENCE;
    for round in 0_u64.. {
        match file.try_lock() {
            Ok(()) => break,
            // Another writer excludes readers, and readers do not exclude each other.
            Err(TryLockError::WouldBlock) if file.try_lock_shared().is_ok() => {
                file.unlock().map_err(in_directory)?;
                if Instant::now() >= deadline {
                    return Err(StoreError::BeingCopied { directory: directory.to_owned() });
                }
                if round == 0 {
                    tracing::info!("a command is copying the store to read it; the start waits for it");
                }
                thread::sleep(PAUSE);
            }
            Err(TryLockError::WouldBlock) => return Err(StoreError::InUse { directory: directory.to_owned() }),
            Err(TryLockError::Error(problem)) => return Err(in_directory(problem)),
        }
    }
    file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id())).map_err(in_directory)?;
    Ok(file)
}

/// Locks a folder for a process that copies it: no process writes to it until the lock is dropped. `None` when no
/// process ever locked it, as in a folder that was copied without its lock.
pub(super) fn for_reading(directory: &Path) -> Result<Option<File>, StoreError> {
    let unreadable = |problem| StoreError::Unreadable { directory: directory.to_owned(), problem };
    let file = match side_file::open(&directory.join(FILE), File::options().read(true)) {
        Err(problem) if problem.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file.map_err(unreadable)?,
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse { directory: directory.to_owned() }),
        Err(TryLockError::Error(problem)) => Err(unreadable(problem)),
    }
}

/// Whether a process writes to the store in a folder.
pub(super) fn is_in_use(directory: &Path) -> bool {
    matches!(for_reading(directory), Err(StoreError::InUse { .. }))
}

/// Whether processes copy the store in a folder, so that one that writes to it would have to wait.
pub(super) fn is_being_copied(directory: &Path) -> bool {
    let Ok(file) = side_file::open(&directory.join(FILE), File::options().read(true)) else { return false };
    matches!(file.try_lock(), Err(TryLockError::WouldBlock)) && file.try_lock_shared().is_ok()
}

/// Marks the process that holds this lock as one that takes signals for the store.
///
/// A process number that was written into a file does not tell whether that process still lives, or whether another
/// process has its number by now. So the number comes from the system, which tells the holder of such a lock.
pub(super) fn take_signals(lock: &File) {
    // A failure is ignored: where a file cannot be locked in this way, commands cannot send signals, and nothing else
    // suffers.
    let _ = fcntl_lock(lock, FlockOperation::NonBlockingLockExclusive);
}

/// The process that takes signals for the store in a folder.
pub(super) fn signalled(directory: &Path) -> io::Result<Option<Pid>> {
    let lock = match side_file::open(&directory.join(FILE), File::options().read(true)) {
        Err(problem) if problem.kind() == io::ErrorKind::NotFound => return Ok(None),
        lock => lock?,
    };
    let held = fcntl_getlk(&lock, &Flock::from(FlockType::WriteLock))?;
    // A process outside of our process namespace has no number here, or one that is not above zero.
    Ok(held.and_then(|held| held.pid).filter(|process| process.as_raw_nonzero().get() > 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_share_the_lock_and_a_writer_waits_for_them() {
        let directory = tempfile::tempdir().unwrap();
        let folder = directory.path();
        assert!(for_reading(folder).unwrap().is_none(), "reading creates no file");
        assert_eq!(folder.read_dir().unwrap().count(), 0);
        let writer = for_writing(folder).unwrap();
        assert!(matches!(for_reading(folder), Err(StoreError::InUse { .. })));
        assert!(matches!(for_writing(folder), Err(StoreError::InUse { .. })));
        drop(writer);
        assert!(!is_being_copied(folder));
        let readers = [for_reading(folder).unwrap().unwrap(), for_reading(folder).unwrap().unwrap()];
        assert!(is_being_copied(folder));
        assert!(!is_in_use(folder), "who copies does not use it");
        thread::scope(|scope| {
            let writer = scope.spawn(|| for_writing(folder));
            drop(readers);
            writer.join().unwrap().unwrap();
        });
    }
}
