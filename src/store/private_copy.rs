//! A private copy of the database's files, for commands that only read.
//!
//! sled writes into the folder that it opens: its settings, snapshots, the repair of a torn end. It also writes in
//! place, so links to the files would not protect them. So a command that only reads opens a copy. Where the file
//! system can share blocks between files, the copy takes no room and no time; elsewhere it takes as much room as the
//! database.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{fstatvfs, ioctl_ficlone};
use tempfile::TempDir;

use crate::store::StoreError;

/// Room that must be left for what sled writes into its copy.
const MARGIN_BYTES: u64 = 16 << 20;

/// A folder with the copies. It is removed when this value is dropped.
pub(super) struct PrivateCopy {
    folder: TempDir,
}

impl PrivateCopy {
    /// Copies the database in `data`; no process may write to it meanwhile. `directory` is the store's folder, for
    /// errors.
    pub(super) fn of(data: &Path, directory: &Path) -> Result<Self, StoreError> {
        let beneath = temporary_folder();
        let folder = tempfile::Builder::new().prefix("anomalyd-").tempdir_in(&beneath);
        let not_copied = |problem| StoreError::NotCopied { folder: beneath.clone(), problem };
        let folder = folder.map_err(not_copied)?;
        let unreadable = |problem| StoreError::Unreadable { directory: directory.to_owned(), problem };
        let files = files(data).map_err(unreadable)?;
        let mut needed = MARGIN_BYTES;
        for (_, length) in &files {
            needed = needed.saturating_add(*length);
        }
        let no_room = |needed, free| StoreError::NoRoom { folder: beneath.clone(), needed, free };
        for (path, length) in files {
            let source = File::open(data.join(&path)).map_err(unreadable)?;
            let target = folder.path().join(&path);
            if let Some(parent) = target.parent() {
                fs::create_dir_all(parent).map_err(not_copied)?;
            }
            let target = File::create_new(target).map_err(not_copied)?;
            if ioctl_ficlone(&target, &source).is_err() {
                let free = fstatvfs(&target).map_err(|problem| not_copied(problem.into()))?;
                let free = free.f_bavail.saturating_mul(free.f_frsize);
                if needed > free {
                    return Err(no_room(needed, free));
                }
                match io::copy(&mut &source, &mut &target) {
                    Err(problem)
                        if matches!(problem.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) =>
                    {
                        return Err(no_room(needed, free));
                    }
                    copied => copied.map_err(not_copied)?,
                };
            }
            needed -= length;
        }
        Ok(Self { folder })
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
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

/// The files of a database with their lengths, with paths relative to its folder: sled keeps some files in a folder
/// below.
fn files(data: &Path) -> io::Result<Vec<(PathBuf, u64)>> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(data.join(&folder))? {
            let path = folder.join(entry?.file_name());
            let metadata = fs::metadata(data.join(&path))?;
            if metadata.is_file() {
                found.push((path, metadata.len()));
            } else if metadata.is_dir() && folder == Path::new("") {
                folders.push(path);
            }
        }
    }
    Ok(found)
}
