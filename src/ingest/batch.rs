//! The batch: what a source hands over to be made durable.

use std::ops::Range;

use crate::ingest::assumed_zones::AssumedZones;
use crate::ingest::batch_account::BatchAccount;
use crate::ingest::passed_over::PassedOver;
use crate::reading::{Reading, RejectId, RejectReason, Rejects};
use crate::zone::Zone;

/// Decoded messages of one source: the unit that is made durable, and then acknowledged.
#[derive(Debug, Default, PartialEq)]
pub struct Batch {
    /// The readings, in the order in which they came.
    pub readings: Vec<Reading>,
    /// Which readings have no time of their own, and bear the time of their arrival.
    pub arrivals: ArrivalRuns,
    /// The zones that were assumed for readings whose times name none.
    pub zones: AssumedZones,
    /// The inputs that were not accepted.
    pub rejects: Rejects,
    /// What is too far ahead of the system's clock, in the order in which it came: whether it is refused is up to whether
    /// that clock is right.
    pub ahead: Vec<AheadReading>,
    /// Members of payloads that are not numbers, beside the readings.
    pub members_passed_over: PassedOver,
    /// Messages that a broker kept from earlier, and that their routes skip.
    pub messages_passed_over: u64,
    /// The reject whose replay ends with this batch.
    pub replayed: Option<RejectId>,
    /// Where the source is told what became of its readings, if it asks.
    pub account: Option<BatchAccount>,
}

/// A reading that is accepted except that it is too far ahead of the system's clock.
#[derive(Debug, PartialEq)]
pub struct AheadReading {
    /// How many of the batch's readings came before it.
    pub behind: usize,
    /// The reading.
    pub reading: Reading,
    /// The reason for which it is refused if the clock is right.
    pub reason: RejectReason,
    /// What may be wrong instead of its time.
    pub suspect: AheadSuspect,
}

/// What may be wrong where a reading is ahead of the system's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AheadSuspect {
    /// The system's clock, which may be behind.
    Clock,
    /// Also the zone that was assumed: the time names none, and is ahead by as much as another zone is.
    ZoneOrClock,
}

impl Batch {
    /// About how many bytes of memory a reject takes that is kept with its text.
    pub const REJECT_BYTES: usize = 512;

    /// Adds a reading that bears its own time.
    pub fn push(&mut self, reading: Reading) {
        self.readings.push(reading);
    }

    /// Adds a reading that bears its own time. The time names no zone, and `zone` was assumed for it.
    pub fn push_in_zone(&mut self, reading: Reading, zone: Zone) {
        self.zones.push(self.readings.len(), zone);
        self.readings.push(reading);
    }

    /// Adds a reading that bears the time of its arrival.
    pub fn push_arrived(&mut self, reading: Reading) {
        self.arrivals.push(self.readings.len());
        self.readings.push(reading);
    }

    /// Adds a reading that is too far ahead of the system's clock, for a reason that holds if that clock is right.
    pub fn push_ahead(&mut self, reading: Reading, reason: RejectReason, suspect: AheadSuspect) {
        self.ahead.push(AheadReading { behind: self.readings.len(), reading, reason, suspect });
    }

    /// Takes back all readings but the first `length`.
    pub fn truncate(&mut self, length: usize) {
        self.readings.truncate(length);
        self.arrivals.truncate(length);
        self.zones.truncate(length);
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.readings.is_empty() && self.rejects.is_empty() && self.ahead.is_empty() && self.replayed.is_none()
    }

    /// About how many bytes of memory it takes.
    pub fn size_bytes(&self) -> usize {
        let of_rejects = self.rejects.kept().len() * Self::REJECT_BYTES + self.rejects.message_bytes();
        let told = of_rejects + self.members_passed_over.size_bytes();
        self.readings.len() * size_of::<Reading>()
            + self.ahead.len() * size_of::<AheadReading>()
            + self.arrivals.0.len() * size_of::<Range<usize>>()
            + self.zones.size_bytes()
            + told
    }
}

/// The places of a batch's readings that bear the time of their arrival. They are kept as runs of neighbours, because
/// most batches hold only such readings, or none.
#[derive(Debug, Default, PartialEq)]
pub struct ArrivalRuns(Vec<Range<usize>>);

impl ArrivalRuns {
    /// Adds a place, which must be behind all others.
    fn push(&mut self, place: usize) {
        match self.0.last_mut() {
            Some(run) if run.end == place => run.end += 1,
            _ => self.0.push(place..place + 1),
        }
    }

    /// Forgets the places from `length` on.
    fn truncate(&mut self, length: usize) {
        while let Some(run) = self.0.last_mut()
            && run.end > length
        {
            run.end = length;
            if run.start >= run.end {
                self.0.pop();
            }
        }
    }

    /// Returns a function that tells whether a place is among these. It must be asked for places in ascending order.
    pub fn in_order(&self) -> impl FnMut(usize) -> bool {
        let mut runs = self.0.iter();
        let mut run = runs.next();
        move |place| {
            while run.is_some_and(|run| run.end <= place) {
                run = runs.next();
            }
            run.is_some_and(|run| run.contains(&place))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sensor::SensorId;
    use crate::time::Timestamp;

    proptest! {
        #[test]
        fn a_batch_knows_of_each_reading_whether_its_time_is_that_of_its_arrival(
            parts in prop::collection::vec((prop::collection::vec(any::<bool>(), 0..20), 0..8_usize), 1..10),
            from in 0..30_usize,
        ) {
            let mut batch = Batch::default();
            let mut expected = Vec::new();
            let reading = Reading { sensor: SensorId(0), time: Timestamp::default(), value: 1.0 };
            for (arrived, taken_back) in parts {
                for arrived in arrived {
                    if arrived { batch.push_arrived(reading) } else { batch.push(reading) }
                    expected.push(arrived);
                }
                let length = expected.len().saturating_sub(taken_back);
                batch.truncate(length);
                expected.truncate(length);
            }
            prop_assert_eq!(batch.readings.len(), expected.len());
            let mut is_arrival = batch.arrivals.in_order();
            for (place, expected) in expected.into_iter().enumerate().skip(from) {
                prop_assert_eq!(is_arrival(place), expected);
            }
        }
    }
}
