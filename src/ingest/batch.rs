//! What a source hands over to be made durable.

use crate::ingest::assumed_zones::AssumedZones;
use crate::ingest::passed_over::PassedOver;
use crate::reading::{Reading, Rejects};

/// Decoded messages of one source: the unit that is made durable, and then acknowledged.
#[derive(Debug, Default, PartialEq)]
pub struct Batch {
    /// The readings, in the order in which they came.
    pub readings: Vec<Reading>,
    /// The zones of those whose times name none.
    pub zones: AssumedZones,
    /// What was not accepted.
    pub rejects: Rejects,
    /// Members that are no numbers, besides the readings.
    pub passed_over: PassedOver,
}

impl Batch {
    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.readings.is_empty() && self.rejects.is_empty()
    }

    /// About how much memory it holds, in bytes.
    pub fn size_bytes(&self) -> usize {
        let told = self.rejects.kept().len() * 512 + self.passed_over.size_bytes();
        self.readings.len() * size_of::<Reading>() + self.zones.size_bytes() + told
    }
}
