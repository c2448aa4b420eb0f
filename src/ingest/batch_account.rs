//! What became of the readings of one batch, for a source that must tell.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// An account that goes with a batch. Whoever judges the batch fills it in, before the promise is kept.
#[derive(Clone, Debug, Default)]
pub struct BatchAccount(Arc<Mutex<BatchOutcome>>);

/// What became of the readings of a batch.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct BatchOutcome {
    /// Readings that count.
    pub accepted: u64,
    /// Readings that were held, because they are ahead of a clock that may be wrong.
    pub held: u64,
    /// Readings that were not accepted, by the kind of reason.
    pub rejected: BTreeMap<&'static str, u64>,
}

impl BatchAccount {
    /// Adds to the account.
    pub fn add(&self, more: &BatchOutcome) {
        let mut outcome = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        outcome.accepted += more.accepted;
        outcome.held += more.held;
        for (kind, count) in &more.rejected {
            *outcome.rejected.entry(kind).or_default() += count;
        }
    }

    /// What is in the account.
    pub fn outcome(&self) -> BatchOutcome {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl BatchOutcome {
    /// What came after `before`, of numbers that only grow.
    #[must_use]
    pub fn since(mut self, before: &Self) -> Self {
        self.accepted = self.accepted.saturating_sub(before.accepted);
        self.held = self.held.saturating_sub(before.held);
        for (kind, count) in &mut self.rejected {
            *count = count.saturating_sub(before.rejected.get(kind).copied().unwrap_or(0));
        }
        self.rejected.retain(|_, count| *count > 0);
        self
    }
}

/// Two handles are equal when they are of one account.
impl PartialEq for BatchAccount {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}
