//! Room on the disk: it is looked at before the database is given anything, since the database does not survive a disk
//! that is full in the middle of a write.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::statvfs;

use crate::store::StoreError;
use crate::telemetry::metrics;
use crate::time::{Span, Timestamp};

/// The room that must be free before anything is written. A portion that the database is given grows to several times its
/// size on the disk, and the database also writes snapshots.
pub(super) const RESERVE_BYTES: u64 = 32 << 20;

/// The room on a store's disk.
#[derive(Debug)]
pub(super) struct Room {
    directory: PathBuf,
    /// Since when there is none.
    full_since: Option<Instant>,
}

impl Room {
    pub(super) fn on_disk_of(directory: &Path) -> Self {
        Self { directory: directory.to_owned(), full_since: None }
    }

    /// Whether something may be written.
    pub(super) fn is_there(&mut self) -> Result<bool, StoreError> {
        let is_there = free_bytes(&self.directory)? >= RESERVE_BYTES;
        if is_there {
            self.note_room()
        } else {
            self.note_full()
        }
        Ok(is_there)
    }

    /// Says that there is no room, if that was not said yet.
    pub(super) fn note_full(&mut self) {
        if self.full_since.is_none() {
            let (free, needed) = (free_bytes(&self.directory).unwrap_or(0), RESERVE_BYTES);
            tracing::error!(
                directory = %self.directory.display(), free, needed, since = %Timestamp::now(),
                "the disk is full: the store waits, and nothing is lost or acknowledged meanwhile; it goes on by itself when \
                 there is room"
            );
            self.full_since = Some(Instant::now());
            metrics::DISK_FULL.add(1);
        }
    }

    /// Says that there is room again, if there was none.
    pub(super) fn note_room(&mut self) {
        if let Some(since) = self.full_since.take() {
            let waited = Span::from(Duration::from_secs(since.elapsed().as_secs()));
            tracing::info!("there is room on the disk again: the store goes on after {waited}");
            metrics::DISK_FULL.subtract(1);
        }
    }
}

/// How many bytes are free for us on the disk of a folder.
pub(super) fn free_bytes(directory: &Path) -> Result<u64, StoreError> {
    let disk = statvfs(directory).map_err(|problem| StoreError::Sync(problem.into()))?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}
