//! Tells of a full disk: once when the store begins to wait for room, and once when it goes on.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::store::disk_space::free_bytes;
use crate::store::{StoreError, StoreSettings};
use crate::telemetry::metrics;
use crate::time::{Span, Timestamp};

/// Whether a store has room on its disk, as far as the log was told.
#[derive(Debug)]
pub(super) struct Room {
    directory: PathBuf,
    /// How many bytes stay free (`store.reserve`).
    reserve_bytes: u64,
    /// Since when there is none.
    full_since: Option<Instant>,
}

impl Room {
    pub(super) fn of(settings: &StoreSettings) -> Self {
        Self { directory: settings.directory.clone(), reserve_bytes: settings.shed.reserve_bytes, full_since: None }
    }

    /// Whether a portion that was begun can be written out: a part of what is to stay free is enough for that.
    pub(super) fn is_enough_to_sync(&self) -> Result<bool, StoreError> {
        Ok(free_bytes(&self.directory).map_err(StoreError::Sync)? >= self.reserve_bytes / 4)
    }

    /// Says that there is no room, if that was not said yet.
    pub(super) fn note_full(&mut self) {
        if self.full_since.is_none() {
            let (free, needed) = (free_bytes(&self.directory).unwrap_or(0), self.reserve_bytes);
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
