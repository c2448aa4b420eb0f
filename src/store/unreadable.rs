//! Stored entries that cannot be read. Each costs itself: whoever reads goes on without it, and it is counted and named
//! once.

use std::collections::HashSet;
use std::fmt::Display;
use std::sync::{Arc, Mutex, PoisonError};

use crate::telemetry::metrics;
use crate::warn_limited;

/// How many are told apart; further ones are passed over in silence.
const MAX: usize = 10_000;

/// The entries that were found so far. Clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct UnreadableEntries(Arc<Mutex<HashSet<EntryPlace>>>);

/// The table of an entry, and its key.
type EntryPlace = (&'static str, Vec<u8>);

impl UnreadableEntries {
    /// Counts an entry of a table, and says what it costs, unless it was found before.
    pub(super) fn add(&self, table: &'static str, key: &[u8], cost: impl Display) {
        let mut found = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if found.len() < MAX && found.insert((table, key.to_vec())) {
            metrics::ENTRIES_UNREADABLE.add(1);
            warn_limited!(table, "an entry of the store cannot be read: {cost}");
        }
    }

    /// How many were found.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}
