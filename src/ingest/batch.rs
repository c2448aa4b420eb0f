//! What a source hands over to be made durable.

use crate::ingest::passed_over::PassedOver;
use crate::reading::{Reading, RejectReason, Rejects};

/// Decoded messages of one source: the unit that is made durable, and then acknowledged.
#[derive(Debug, Default, PartialEq)]
pub struct Batch {
    /// The readings, in the order in which they came.
    pub readings: Vec<Reading>,
    /// What was not accepted.
    pub rejects: Rejects,
    /// What is too far ahead of the system's clock: whether it is refused is up to whether that clock is right.
    pub ahead: Vec<AheadReading>,
    /// Members that are no numbers, besides the readings.
    pub passed_over: PassedOver,
}

/// A reading that is right in all but that it is too far ahead of the system's clock.
#[derive(Debug, PartialEq)]
pub struct AheadReading {
    /// The reading.
    pub reading: Reading,
    /// Why it is refused if the clock is right.
    pub reason: RejectReason,
}

impl Batch {
    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.readings.is_empty() && self.rejects.is_empty() && self.ahead.is_empty()
    }

    /// About how much memory it holds, in bytes.
    pub fn size_bytes(&self) -> usize {
        self.readings.len() * size_of::<Reading>()
            + self.ahead.len() * size_of::<AheadReading>()
            + self.rejects.kept().len() * 512
    }
}
