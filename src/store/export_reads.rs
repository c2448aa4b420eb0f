//! What only exports read: raw readings, in the history and in the journal, and which windows there are.

use std::ops::ControlFlow;

use crate::interval::Window;
use crate::reading::Reading;
use crate::store::journal::{self, Record};
use crate::store::keys::ring_slot;
use crate::store::{HistoryReader, Progress, Reader, StoreError};
use crate::time::{Span, Timestamp};

impl Reader {
    /// Reads the raw readings that the journal holds no more, as far as they are kept.
    pub fn history(&self) -> HistoryReader {
        HistoryReader::new(&self.settings.directory)
    }

    /// Hands over the accepted readings that are still in the journal, in its order, until `each` breaks. Beside a
    /// daemon at work, what comes meanwhile may be handed over or not.
    pub fn journal_readings(&self, each: &mut dyn FnMut(&[Reading]) -> ControlFlow<()>) -> Result<(), StoreError> {
        let mut flow = ControlFlow::Continue(());
        // What cannot be read was told by the start that replayed it.
        journal::inspect(&self.journal, |_, record| {
            if let (ControlFlow::Continue(()), Record::Readings(readings)) = (flow, record) {
                flow = each(&readings);
            }
        })?;
        Ok(())
    }

    /// The windows that the store can have of any sensor, the oldest first.
    pub fn stored_windows(&self) -> Result<Vec<Window>, StoreError> {
        let closed = self.progress(&Progress::Closed)?;
        let closed = self.heads()?.iter().map(|head| head.closed).chain(closed).max().unwrap_or(Timestamp::MIN);
        if closed == Timestamp::MIN {
            return Ok(Vec::new());
        }
        let newest = self.settings.cut.window_of(closed - Span::from_nanos(1));
        let windows = (0..self.settings.windows).rev().map(|back| newest.earlier(back));
        // In a store that is not full yet most slots of the ring are empty, and to ask for each sensor there takes long.
        let is_there = |window: &Window| {
            let slot = ring_slot(*window, self.settings.windows);
            self.tables.windows.keys(&slot.to_be_bytes()).next().is_some()
        };
        Ok(windows.filter(is_there).collect())
    }
}
