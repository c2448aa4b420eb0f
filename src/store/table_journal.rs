//! The journal: everything that changes the open windows, in the order in which it happened.
//!
//! A record holds either accepted readings of any sensors, or the closing of windows for all sensors. The content of
//! the open windows is a pure function of the journal and of the windows stored, so recovery needs nothing else.
//! Records are forgotten from the front, once every reading in them belongs to a window that is stored.
//!
//! A record that cannot be read costs its readings, or its closing: it is counted, and forgotten when it comes to the
//! front. Gaps in the records' numbers show records that are missing altogether.

use std::collections::VecDeque;

use crate::codec::{Corrupt, Decoder, Encoder};
use crate::reading::Reading;
use crate::sensor::SensorId;
use crate::store::StoreError;
use crate::store::db::Table;
use crate::store::keeper::Handover;
use crate::store::reader::readable;
use crate::store::unreadable::UnreadableEntries;
use crate::time::Timestamp;

/// One entry of the journal.
#[derive(Clone, PartialEq, Debug)]
pub enum Record {
    /// Readings that were accepted, in their order.
    Readings(Vec<Reading>),
    /// Every window that ends at this time or before was closed for all sensors.
    Closed(Timestamp),
}

/// The most readings of a record. Even if none of them compresses, the record is small enough to be stored whole.
const MAX_READINGS: usize = 1_000;

/// The units in which times are counted, in nanoseconds. A record uses the largest unit that loses nothing.
const TIME_UNITS: [i64; 4] = [1_000_000_000, 1_000_000, 1_000, 1];

#[derive(Debug)]
pub(super) struct Journal {
    table: Table,
    unreadable: UnreadableEntries,
    /// The records in the table: their keys, each with the latest time in the record.
    records: VecDeque<(u64, Timestamp)>,
    next: u64,
    written_bytes: u64,
}

impl Journal {
    /// A journal whose records have yet to be replayed.
    pub(super) fn new(table: Table, unreadable: UnreadableEntries) -> Self {
        Self { table, unreadable, records: VecDeque::new(), next: 0, written_bytes: 0 }
    }

    /// Hands every record to `each`, in order. To be called once, before anything is appended. Readings of sensors
    /// whose numbers are not below `numbers` are damage, and dropped.
    pub(super) fn replay(&mut self, numbers: u32, mut each: impl FnMut(Record)) -> Result<(), StoreError> {
        for entry in self.table.iter() {
            let Some((key, value)) = readable(entry)? else {
                // If none can be read behind it, nobody knows how many there are: new ones are numbered far beyond.
                self.unreadable.add("journal", &[], "readings in a part of the journal");
                self.next = self.next.saturating_add(1 << 32);
                continue;
            };
            let Ok(number) = <[u8; 8]>::try_from(&key[..]).map(u64::from_be_bytes) else {
                self.unreadable.add("journal", &key, "a record of the journal");
                continue;
            };
            if number > self.next && !self.records.is_empty() {
                let cost = format!("records {} to {} of the journal, with their readings", self.next, number - 1);
                self.unreadable.add("journal", &self.next.to_be_bytes(), cost);
            }
            self.next = number.saturating_add(1);
            let mut record = decode(&value).ok();
            // A record that cannot be read has no time, so it keeps no record from being forgotten.
            self.records.push_back((number, record.as_ref().map_or(Timestamp::MIN, latest)));
            let lost = match &mut record {
                None => Some("what it holds"),
                Some(Record::Closed(_)) => None,
                Some(Record::Readings(readings)) => {
                    let before = readings.len();
                    readings.retain(|reading| reading.sensor.0 < numbers);
                    (readings.len() < before).then_some("its readings of sensors that have no name")
                }
            };
            if let Some(lost) = lost {
                self.unreadable.add("journal", &key, format!("record {number} of the journal, with {lost}"));
            }
            record.into_iter().for_each(&mut each);
        }
        Ok(())
    }

    /// Appends readings, as one record or several.
    pub(super) fn append_readings(&mut self, readings: &[Reading], behind: &mut Handover) {
        for readings in readings.chunks(MAX_READINGS) {
            let latest = readings.iter().map(|reading| reading.time).max().unwrap_or(Timestamp::MIN);
            self.append(encode_readings(readings), latest, behind);
        }
    }

    /// Appends that windows were closed.
    pub(super) fn append_closed(&mut self, until: Timestamp, behind: &mut Handover) {
        let mut encoder = Encoder::default();
        encoder.unsigned(CLOSED);
        encoder.signed(until.nanos());
        self.append(encoder.into_bytes(), Timestamp::from_nanos(until.nanos().saturating_sub(1)), behind);
    }

    /// Forgets the records at the front that hold only times before `closed`.
    pub(super) fn forget_before(&mut self, closed: Timestamp, behind: &mut Handover) {
        while let Some(&(key, latest)) = self.records.front()
            && latest < closed
        {
            behind.remove(|tables| &tables.journal, &key.to_be_bytes());
            self.records.pop_front();
        }
    }

    /// How many records there are.
    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    /// How many bytes were appended since the start.
    pub(super) fn written_bytes(&self) -> u64 {
        self.written_bytes
    }

    fn append(&mut self, bytes: Vec<u8>, latest: Timestamp, behind: &mut Handover) {
        self.written_bytes += bytes.len() as u64;
        behind.put(|tables| &tables.journal, &self.next.to_be_bytes(), bytes);
        self.records.push_back((self.next, latest));
        self.next += 1;
    }
}

const READINGS: u64 = 0;
const CLOSED: u64 = 1;

fn latest(record: &Record) -> Timestamp {
    match record {
        Record::Readings(readings) => readings.iter().map(|reading| reading.time).max().unwrap_or(Timestamp::MIN),
        Record::Closed(until) => Timestamp::from_nanos(until.nanos().saturating_sub(1)),
    }
}

/// Writes column after column, each as the differences from one reading to the next.
pub(super) fn encode_readings(readings: &[Reading]) -> Vec<u8> {
    let mut encoder = Encoder::default();
    encoder.unsigned(READINGS);
    encoder.unsigned(readings.len() as u64);
    let loses_nothing = |unit: &i64| readings.iter().all(|reading| reading.time.nanos() % unit == 0);
    let (unit_place, unit) = (0_u64..).zip(TIME_UNITS).find(|(_, unit)| loses_nothing(unit)).unwrap_or((3, 1));
    encoder.unsigned(unit_place);
    let mut before = 0;
    for reading in readings {
        let id = i64::from(reading.sensor.0);
        encoder.signed(id - before);
        before = id;
    }
    let mut before = 0;
    for reading in readings {
        let time = reading.time.nanos() / unit;
        encoder.signed(time.wrapping_sub(before));
        before = time;
    }
    for reading in readings {
        encoder.float(reading.value);
    }
    encoder.into_bytes()
}

/// Reads what [`encode_readings`] wrote.
pub(super) fn decode_readings(bytes: &[u8]) -> Result<Vec<Reading>, Corrupt> {
    match decode(bytes)? {
        Record::Readings(readings) => Ok(readings),
        Record::Closed(_) => Err(Corrupt),
    }
}

pub(super) fn decode(bytes: &[u8]) -> Result<Record, Corrupt> {
    let mut decoder = Decoder::new(bytes);
    match decoder.unsigned()? {
        READINGS => {
            // Every reading takes at least a byte of each column, so a count beyond the bytes is damage and allocates
            // nothing.
            let count: usize = decoder.narrow()?;
            if count > bytes.len() {
                return Err(Corrupt);
            }
            let unit = *TIME_UNITS.get(decoder.narrow::<usize>()?).ok_or(Corrupt)?;
            let mut readings = Vec::with_capacity(count);
            let mut id = 0_i64;
            for _ in 0..count {
                id = id.checked_add(decoder.signed()?).ok_or(Corrupt)?;
                let sensor = SensorId(u32::try_from(id).map_err(|_| Corrupt)?);
                readings.push(Reading { sensor, time: Timestamp::default(), value: 0.0 });
            }
            let mut time = 0_i64;
            for reading in &mut readings {
                time = time.wrapping_add(decoder.signed()?);
                reading.time = Timestamp::from_units(time, unit).ok_or(Corrupt)?;
            }
            for reading in &mut readings {
                reading.value = decoder.float()?;
            }
            Ok(Record::Readings(readings))
        }
        CLOSED => Ok(Record::Closed(Timestamp::from_nanos(decoder.signed()?))),
        _ => Err(Corrupt),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_reading() -> impl Strategy<Value = Reading> {
        (any::<u32>(), any::<i64>(), 0..4_usize, any::<f64>()).prop_map(|(sensor, time, unit, value)| {
            let time = Timestamp::from_nanos(time / TIME_UNITS[unit] * TIME_UNITS[unit]);
            Reading { sensor: SensorId(sensor), time, value }
        })
    }

    proptest! {
        #[test]
        fn readings_come_back_as_they_were(readings in proptest::collection::vec(any_reading(), 0..50)) {
            prop_assert_eq!(decode(&encode_readings(&readings)), Ok(Record::Readings(readings)));
        }

        #[test]
        fn any_bytes_decode_or_fail_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = decode(&bytes);
        }
    }

    #[test]
    fn a_reading_of_a_plant_takes_less_than_eight_bytes() {
        let readings: Vec<_> = (0..1_000_u32)
            .map(|index| Reading {
                sensor: SensorId(index % 300),
                time: Timestamp::from_nanos(1_535_497_205_000_000_000 + i64::from(index) * 3_000_000),
                value: f64::from(index * 7919 % 20_000) / 100.0,
            })
            .collect();
        assert!(encode_readings(&readings).len() < 8 * readings.len());
    }

    #[test]
    fn the_largest_record_is_stored_whole() {
        let worst = Reading { sensor: SensorId(0), time: Timestamp::from_nanos(0), value: 1e-300 };
        let other = Reading { sensor: SensorId(u32::MAX), time: Timestamp::MIN, value: 1e-300 };
        let readings: Vec<_> = [worst, other].into_iter().cycle().take(MAX_READINGS).collect();
        assert!(encode_readings(&readings).len() <= 24 << 10);
    }
}
