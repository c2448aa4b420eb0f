//! Folders of earlier demos: each demo leaves its verdict files for the user to look at, and the next demo removes
//! them.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::workplace::{LOCK, PREDICTIONS, PREFIX};

/// How long an unlocked folder must be unchanged to count as that of a demo that was killed: a folder that is being
/// made is not locked yet.
const ABANDONED_AFTER: Duration = Duration::from_secs(60);

/// Removes the folders of this user's demos that have ended, beside `own`. A folder that cannot be removed stays: it
/// does no harm.
pub(super) fn remove_beside(own: &Path) {
    let Some(Ok(entries)) = own.parent().map(fs::read_dir) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        let is_named_so = entry.file_name().as_encoded_bytes().starts_with(PREFIX.as_bytes());
        if is_named_so && path != own && is_over(&path).unwrap_or(false) {
            let _ = fs::remove_dir_all(&path);
        }
    }
}

/// Whether a folder is this user's and its demo has ended.
fn is_over(folder: &Path) -> io::Result<bool> {
    let metadata = folder.symlink_metadata()?;
    if !metadata.is_dir() || metadata.uid() != rustix::process::geteuid().as_raw() {
        return Ok(false);
    }
    match File::open(folder.join(LOCK)) {
        Ok(lock) => match lock.try_lock() {
            Ok(()) => {
                let age = SystemTime::now().duration_since(metadata.modified()?);
                Ok(age.is_ok_and(|age| age > ABANDONED_AFTER))
            }
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(error),
        },
        // A demo that has ended leaves exactly this content.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let mut names = fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.file_name()));
            Ok(matches!((names.next().transpose()?, names.next()), (Some(name), None) if name == PREDICTIONS))
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn the_folders_of_demos_that_have_ended_go_and_nothing_else() {
        let temporary = tempfile::tempdir().unwrap();
        let make = |name: &str, files: &[&str]| {
            let folder = temporary.path().join(name);
            fs::create_dir_all(folder.join(PREDICTIONS)).unwrap();
            files.iter().for_each(|file| fs::write(folder.join(file), "").unwrap());
            folder
        };
        let age = |folder: &Path| File::open(folder).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
        let own = make("anomalyd-demo-own", &[]);
        let ended = make("anomalyd-demo-ended", &[]);
        let killed = make("anomalyd-demo-killed", &[LOCK, "config.toml"]);
        age(&killed);
        let at_work = make("anomalyd-demo-at-work", &[LOCK]);
        age(&at_work);
        let lock = File::open(at_work.join(LOCK)).unwrap();
        lock.lock().unwrap();
        let made_now = make("anomalyd-demo-made-now", &[LOCK]);
        let somebody_elses = make("anomalyd-demo-with-notes", &["notes.txt"]);
        let kept = make("anomalyd-kept-demo-1", &[]);
        let link = temporary.path().join("anomalyd-demo-link");
        symlink(&kept, &link).unwrap();
        remove_beside(&own);
        for gone in [&ended, &killed] {
            assert!(!gone.exists(), "{}", gone.display());
        }
        for there in [&own, &at_work, &made_now, &somebody_elses, &kept, &link] {
            assert!(there.exists(), "{}", there.display());
        }
    }
}
