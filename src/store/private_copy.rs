//! A private copy of the files of the database and of the journal, for commands that only read.
//!
//! sled writes into the folder that it opens: its settings, snapshots, the repair of a torn end. It also writes in
//! place, so links to the files would not protect them. So a command that only reads opens a copy. Where the file
//! system can share blocks between files, the copy takes no room and no time; elsewhere it takes as much room as the
//! database.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::ioctl_ficlone;
use rustix::process::geteuid;
use tempfile::TempDir;

use crate::store::disk_space::{free_bytes, is_full};
use crate::store::{StoreError, side_file};

/// Room that must be left for what sled writes into its copy.
const MARGIN_BYTES: u64 = 16 << 20;

/// What the names of folders with copies begin with.
const PREFIX: &str = "anomalyd-copy-";
/// The file in such a folder that is locked as long as somebody copies.
const LOCK: &str = "copy.lock";
const DATABASE: &str = "data";
const JOURNAL: &str = "journal";

/// A folder with copies, which is removed when this is dropped.
#[derive(Debug)]
pub(super) struct PrivateCopy {
    folder: TempDir,
    /// Lets others tell that this copy is no leftover.
    _lock: File,
}

impl PrivateCopy {
    /// Copies the database and the journal of a store; no process may write to them meanwhile.
    pub(super) fn of(directory: &Path) -> Result<Self, StoreError> {
        let beneath = temporary_folder();
        remove_leftovers(&beneath);
        let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(&beneath);
        let not_copied = |problem| StoreError::NotCopied { folder: beneath.clone(), problem };
        let folder = folder.map_err(not_copied)?;
        let lock = File::create_new(folder.path().join(LOCK)).map_err(not_copied)?;
        lock.lock().map_err(not_copied)?;
        let unreadable = |problem| StoreError::Unreadable { directory: directory.to_owned(), problem };
        let files = files(directory).map_err(unreadable)?;
        let mut needed = MARGIN_BYTES;
        for (_, length) in &files {
            needed = needed.saturating_add(*length);
        }
        let no_room = |needed, free| StoreError::NoRoom { folder: beneath.clone(), needed, free };
        for (path, length) in files {
            let source = File::open(directory.join(&path)).map_err(unreadable)?;
            let target = folder.path().join(&path);
            if let Some(parent) = target.parent() {
                fs::create_dir_all(parent).map_err(not_copied)?;
            }
            let target = File::create_new(target).map_err(not_copied)?;
            if ioctl_ficlone(&target, &source).is_err() {
                let free = free_bytes(folder.path()).map_err(not_copied)?;
                if needed > free {
                    return Err(no_room(needed, free));
                }
                match io::copy(&mut &source, &mut &target) {
                    Err(problem) if is_full(&problem) => return Err(no_room(needed, free)),
                    copied => copied.map_err(not_copied)?,
                };
            }
            needed -= length;
        }
        Ok(Self { folder, _lock: lock })
    }

    /// The folder that stands for the store's.
    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Removes the copy of the database, whose one file must be open by then: even a process that is killed leaves no
    /// more behind than the journal's copy.
    pub(super) fn remove_database(&self) {
        // What cannot be removed now is removed at the end.
        let _ = fs::remove_dir_all(self.path().join(DATABASE));
    }
}

/// Removes the copies of commands that were killed while they copied. Each may be as large as the store.
fn remove_leftovers(beneath: &Path) {
    for entry in fs::read_dir(beneath).into_iter().flatten().flatten() {
        let is_copy = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        // Anybody may put a folder of this name where temporary files are.
        let is_ours = |entry: &fs::DirEntry| {
            entry.metadata().is_ok_and(|folder| folder.is_dir() && folder.uid() == geteuid().as_raw())
        };
        if is_copy
            && is_ours(&entry)
            && let Ok(lock) = side_file::open(&entry.path().join(LOCK), File::options().read(true))
            && lock.try_lock().is_ok()
        {
            // What cannot be removed now is tried again by the next.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Where large temporary files belong: `/tmp` is memory on many systems.
fn temporary_folder() -> PathBuf {
    let on_disk = Path::new("/var/tmp");
    match std::env::var_os("TMPDIR") {
        None if on_disk.is_dir() => on_disk.to_owned(),
        _ => std::env::temp_dir(),
    }
}

/// The files of database and journal with their lengths, with paths relative to the store's folder: sled keeps some files
/// in a folder below its own.
fn files(directory: &Path) -> io::Result<Vec<(PathBuf, u64)>> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from(DATABASE)];
    folders.extend(directory.join(JOURNAL).is_dir().then(|| PathBuf::from(JOURNAL)));
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(directory.join(&folder))? {
            let path = folder.join(entry?.file_name());
            let metadata = fs::metadata(directory.join(&path))?;
            if metadata.is_file() {
                found.push((path, metadata.len()));
            } else if metadata.is_dir() && folder == Path::new(DATABASE) {
                folders.push(path);
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_that_a_kill_left_is_removed_and_one_in_the_making_is_not() {
        let beneath = tempfile::tempdir().unwrap();
        let [left, in_the_making, other] =
            ["anomalyd-copy-a", "anomalyd-copy-b", "somebody-else-s"].map(|name| beneath.path().join(name));
        for folder in [&left, &in_the_making, &other] {
            fs::create_dir(folder).unwrap();
            fs::write(folder.join("db"), "a store").unwrap();
        }
        let locks = [&left, &in_the_making, &other].map(|folder| File::create_new(folder.join(LOCK)).unwrap());
        locks[1].lock().unwrap();
        remove_leftovers(beneath.path());
        assert_eq!([left.exists(), in_the_making.exists(), other.exists()], [false, true, true]);
    }
}
