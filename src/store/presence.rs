//! Whether a store is still where it was opened. Files that were removed can be written and synced as long as they are
//! open, so that a store without a name would go on acknowledging what nobody can ever read.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::store::StoreError;

/// A store's folder and its files, as they were when it was opened.
#[derive(Debug)]
pub(super) struct Presence {
    directory: PathBuf,
    /// The device and the number of the folder.
    folder: (u64, u64),
    files: Vec<Arc<File>>,
}

impl Presence {
    pub(super) fn of(directory: &Path, files: Vec<Arc<File>>) -> io::Result<Self> {
        Ok(Self { directory: directory.to_owned(), folder: identity(directory)?, files })
    }

    /// Checks that the folder has its name, and each file a name. An error of the system says that the disk is gone.
    ///
    /// # Errors
    /// When that is not so.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        let is_there = identity(&self.directory).is_ok_and(|folder| folder == self.folder);
        let have_names = || self.files.iter().all(|file| file.metadata().is_ok_and(|file| file.nlink() > 0));
        match is_there && have_names() {
            true => Ok(()),
            false => Err(StoreError::Gone { directory: self.directory.clone() }),
        }
    }
}

fn identity(directory: &Path) -> io::Result<(u64, u64)> {
    let folder = fs::metadata(directory)?;
    Ok((folder.dev(), folder.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_was_removed_moved_or_replaced_is_gone() {
        let beneath = tempfile::tempdir().unwrap();
        let store = beneath.path().join("store");
        let lose: [&dyn Fn(); 3] = [
            &|| fs::remove_file(store.join("file")).unwrap(),
            &|| fs::rename(&store, beneath.path().join("elsewhere")).unwrap(),
            &|| {
                fs::rename(&store, beneath.path().join("other")).unwrap();
                fs::create_dir(&store).unwrap();
            },
        ];
        for lose in lose {
            fs::create_dir_all(&store).unwrap();
            let file = File::create(store.join("file")).unwrap();
            let presence = Presence::of(&store, vec![file.into()]).unwrap();
            presence.check().unwrap();
            lose();
            assert!(matches!(presence.check(), Err(StoreError::Gone { .. })));
        }
    }
}
