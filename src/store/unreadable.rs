//! Stored entries that cannot be read. Each costs only itself: the reader goes on without it, and it is counted and
//! named in the log once.

use std::collections::HashSet;
use std::fmt::Display;
use std::sync::{Arc, Mutex, PoisonError};

use crate::telemetry::metrics;
use crate::warn_limited;

/// The most entries that are remembered; further ones are neither counted nor named.
const MAX: usize = 10_000;

/// The entries that were found so far. Clones share the same entries.
#[derive(Clone, Debug, Default)]
pub(super) struct UnreadableEntries(Arc<Mutex<HashSet<EntryPlace>>>);

/// The table of an entry, and its key.
type EntryPlace = (&'static str, Vec<u8>);

impl UnreadableEntries {
    /// Counts an entry of a table that cannot be read, and logs what is lost with it, unless the entry was found
    /// before.
    pub(super) fn add(&self, table: &'static str, key: &[u8], cost: impl Display) {
        let mut found = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if found.len() < MAX && found.insert((table, key.to_vec())) {
            metrics::ENTRIES_UNREADABLE.add(1);
            warn_limited!(table, "an entry of the store cannot be read: {cost}");
        }
    }

    /// How many were found.
    pub(super) fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}
