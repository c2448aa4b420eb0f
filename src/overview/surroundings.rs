//! What the answers need to know of the daemon around them: values of its configuration, and questions to its parts.

use std::fmt;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Instant;

use super::disk::DiskSample;
use super::lately::Lately;
use super::run_orders::OrderReach;
use super::status::RememberedStatus;
use crate::answers::{Configuration, Version};

/// What the answers need to know of the daemon around them.
pub struct Surroundings {
    /// The folder of the store.
    pub store: PathBuf,
    /// What the store may take (`store.max_size`).
    pub store_max_bytes: u64,
    /// The names of the sinks.
    pub sinks: Vec<&'static str>,
    /// How far back windows can be scored again.
    pub order_reach: OrderReach,
    /// When the process began to count what it writes.
    pub started: Instant,
    /// How full the disk was then.
    pub disk_at_start: Option<DiskSample>,
    /// Compares the configuration's file with what is in force. Reads the file.
    pub configuration: Box<dyn Fn() -> Configuration + Send + Sync>,
    /// Which release this is, what it listens on and what it may touch.
    pub version: Version,
    /// What came in the last minutes.
    pub lately: Mutex<Lately>,
    /// The last status: many may ask for it at once.
    pub remembered: Mutex<RememberedStatus>,
}

impl fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surroundings").field("store", &self.store).finish_non_exhaustive()
    }
}
