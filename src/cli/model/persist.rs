//! Writes a file as a whole or not at all.

use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Whether an existing file may be replaced.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Existing {
    Keep,
    Replace,
}

impl Existing {
    pub(super) fn from_flag(force: bool) -> Self {
        if force { Self::Replace } else { Self::Keep }
    }
}

/// Why a file was not written.
#[derive(Debug, thiserror::Error)]
pub enum PersistError {
    /// It is there already.
    #[error("{} is there already; add --force to replace it", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// It cannot be written.
    #[error("{} cannot be written: {problem}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's error.
        problem: io::Error,
    },
}

/// Errors: when the file exists and must not be replaced. Called before any work is done.
pub(super) fn check_free(path: &Path, existing: Existing) -> Result<(), PersistError> {
    match existing {
        Existing::Keep if path.exists() => Err(PersistError::Exists { path: path.to_owned() }),
        _ => Ok(()),
    }
}

/// Writes a temporary file beside it, syncs that, and renames it, so that no half file ever has the name.
pub(super) fn persist(bytes: &[u8], path: &Path, existing: Existing) -> Result<(), PersistError> {
    let write = || {
        let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
        // The file gets the usual permissions, because the daemon may run as another user.
        let mut file = tempfile::Builder::new().permissions(Permissions::from_mode(0o666)).tempfile_in(folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        match existing {
            Existing::Keep => file.persist_noclobber(path).map_err(|error| error.error)?,
            Existing::Replace => file.persist(path).map_err(|error| error.error)?,
        };
        File::open(folder)?.sync_all()
    };
    write().map_err(|problem| match problem.kind() {
        io::ErrorKind::AlreadyExists => PersistError::Exists { path: path.to_owned() },
        _ => PersistError::Write { path: path.to_owned(), problem },
    })
}
