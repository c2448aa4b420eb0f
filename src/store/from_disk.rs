//! Makes sure that what a start reads is what the disk holds, and that a fresh store is on the disk whole.
//!
//! After a write that failed, the system may show from its memory what never reached the disk. A daemon that read that
//! would acknowledge on top of it, and a power cut would take both. So before anything is read, every file is synced,
//! and its pages are given up: they are read from the disk.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use rustix::fs::{Advice, fadvise};

/// Has every file in a folder, and in the folders below it, read from the disk from here on.
pub(super) fn give_up_pages(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            give_up_pages(&entry.path())?;
        } else if kind.is_file() {
            let file = File::open(entry.path())?;
            file.sync_all()?;
            fadvise(&file, 0, None, Advice::DontNeed)?;
        }
    }
    File::open(folder)?.sync_all()
}

/// Makes a folder, and the folders above it that are missing. All of them are on the disk then, with their names: a
/// folder's name is in the folder above it.
pub(super) fn make_folder(folder: &Path) -> io::Result<()> {
    let folder = std::path::absolute(folder)?;
    let missing = folder.ancestors().take_while(|above| !above.exists()).count();
    fs::create_dir_all(&folder)?;
    // Another process may have made the folder just before: its name is synced in any case.
    for above in folder.ancestors().take(missing.max(1) + 1) {
        match File::open(above) {
            Ok(above) => above.sync_all()?,
            // We made nothing in a folder that we may not even read.
            Err(problem) if problem.kind() == io::ErrorKind::PermissionDenied => {}
            Err(problem) => return Err(problem),
        }
    }
    Ok(())
}
