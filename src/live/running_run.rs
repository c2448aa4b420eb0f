//! The run that goes on.

use std::sync::{Mutex, PoisonError};

use crate::run::RunId;

/// Shows which run of the ledger goes on: only the part that gathers its outcomes knows, because one that was cut off
/// stands in the ledger as begun, too.
#[derive(Debug, Default)]
pub struct RunningRun {
    id: Mutex<Option<RunId>>,
}

impl RunningRun {
    /// Says which run goes on from now on; `None` when none does.
    pub fn set(&self, running: Option<RunId>) {
        *self.id.lock().unwrap_or_else(PoisonError::into_inner) = running;
    }

    /// The run that goes on.
    pub fn get(&self) -> Option<RunId> {
        *self.id.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
