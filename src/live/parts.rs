//! The parts of the daemon beside the models' actors: whether each is at work, and how often it began anew.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::time::Timestamp;

/// The parts of the daemon. There are as many as the program has.
#[derive(Debug, Default)]
pub struct PartBook(Mutex<BTreeMap<&'static str, PartEntry>>);

/// A part of the daemon.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PartEntry {
    /// Whether it is at work; else it waits to begin anew.
    pub is_running: bool,
    /// Since when that is so.
    pub since: Timestamp,
    /// How often it began anew.
    pub restarts: u64,
    /// Why it had to, the last time.
    pub reason: Option<String>,
}

impl PartBook {
    /// A part begins its work.
    pub fn began(&self, part: &'static str, now: Timestamp) {
        let mut parts = self.parts();
        let entry = parts.entry(part).or_insert(PartEntry { is_running: true, since: now, restarts: 0, reason: None });
        (entry.is_running, entry.since) = (true, now);
    }

    /// A part has ended, and begins anew after a pause.
    pub fn failed(&self, part: &'static str, reason: &str, now: Timestamp) {
        if let Some(entry) = self.parts().get_mut(part) {
            let reason = Some(reason.to_owned());
            *entry = PartEntry { is_running: false, since: now, restarts: entry.restarts + 1, reason };
        }
    }

    /// A part has ended for good, and the daemon ends with it.
    pub fn gave_up(&self, part: &'static str, reason: &str, now: Timestamp) {
        let mut parts = self.parts();
        let restarts = parts.get(part).map_or(0, |entry| entry.restarts);
        let reason = Some(reason.to_owned());
        parts.insert(part, PartEntry { is_running: false, since: now, restarts, reason });
    }

    /// Why a part that is not at work ended the last time.
    pub fn reason(&self, part: &str) -> Option<String> {
        self.parts().get(part).filter(|entry| !entry.is_running)?.reason.clone()
    }

    /// All parts, by name.
    pub fn list(&self) -> Vec<(&'static str, PartEntry)> {
        self.parts().iter().map(|(name, entry)| (*name, entry.clone())).collect()
    }

    fn parts(&self) -> MutexGuard<'_, BTreeMap<&'static str, PartEntry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
