//! Pins of the journal: while somebody copies a store beside its daemon, no part of the journal is freed. What the copy of
//! the database lacks, because it was written later, is then in the copy of the journal.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::telemetry::metrics;

/// A file of the journal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JournalExtent {
    /// The file.
    pub path: PathBuf,
    /// How many bytes from its beginning hold committed records.
    pub committed_bytes: u64,
}

/// How many pins there are. Clones count the same pins.
#[derive(Clone, Debug, Default)]
pub(super) struct JournalPins(Arc<AtomicUsize>);

/// Keeps the journal whole until this is dropped.
#[derive(Debug)]
pub struct JournalPin(JournalPins);

impl JournalPins {
    pub(super) fn pin(&self) -> JournalPin {
        let pins = self.0.fetch_add(1, Ordering::SeqCst) + 1;
        metrics::JOURNAL_PINS.set(pins as u64);
        JournalPin(self.clone())
    }

    /// Whether nothing may be freed. A segment that is freed just before a pin is no loss: its windows are in the database,
    /// which is copied after the pin.
    pub(super) fn is_pinned(&self) -> bool {
        self.0.load(Ordering::SeqCst) > 0
    }
}

impl Drop for JournalPin {
    fn drop(&mut self) {
        let pins = self.0.0.fetch_sub(1, Ordering::SeqCst).saturating_sub(1);
        metrics::JOURNAL_PINS.set(pins as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_journal_is_pinned_as_long_as_anybody_needs_it() {
        let pins = JournalPins::default();
        let (one, other) = (pins.pin(), pins.clone().pin());
        drop(one);
        assert!(pins.is_pinned());
        drop(other);
        assert!(!pins.is_pinned());
    }
}
