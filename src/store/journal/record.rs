//! What the journal records: everything on the way of a reading, in the order in which it happened.
//!
//! A record begins with a byte that tells its kind. A later version may append fields to a kind, which this version
//! passes over, and may add kinds. Kinds from [`SKIPPABLE`] on are passed over by a version that does not know them;
//! any other unknown kind is refused, because the open windows would not be what they were.

use crate::codec::{Corrupt, Decoder, Encoder};
use crate::reading::Reading;
use crate::sensor::{SensorId, SensorName};
use crate::store::journal::RecordNumber;
use crate::store::journal::readings::ReadingsCodec;
use crate::time::Timestamp;

/// A record of the journal.
#[derive(Clone, PartialEq, Debug)]
pub(in crate::store) enum Record {
    /// Readings that were accepted, in their order.
    Readings(Vec<Reading>),
    /// Every window that ends at this time or before was closed for all sensors.
    Closed(Timestamp),
    /// Names of sensors, with the numbers that they were given.
    Sensors(Vec<(SensorId, SensorName)>),
    /// Numbers of sensors that are free again.
    SensorsFreed(Vec<SensorId>),
    /// An MQTT session exists, and when it was used.
    SessionPut { client: String, used: Timestamp },
    /// An MQTT session is forgotten.
    SessionRemoved { client: String },
    /// Readings that wait for the clock, in the place of those under the same number.
    HeldPut { number: u64, readings: Vec<Reading> },
    /// The readings under this number wait no longer.
    HeldRemoved { number: u64 },
    /// The rejects of a commit, encoded as a block of their ring.
    Rejects { number: u64, block: Vec<u8> },
    /// A row of the table of progress, encoded: how far something is, the bounds under which readings were accepted,
    /// the subscriptions at a broker.
    Progress { key: Vec<u8>, value: Vec<u8> },
    /// The database holds, synced, all that follows from the records up to this one, and the windows before `closed`.
    Settled { through: RecordNumber, closed: Timestamp },
    /// The segments with the records before this one are no longer needed, and may be gone.
    Freed { before: RecordNumber },
}

/// A record to append.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) enum RecordRef<'a> {
    /// At most [`MAX_READINGS`](super::readings::MAX_READINGS) of them; [`Journal::append`](super::Journal::append)
    /// takes any number, as several records.
    Readings(&'a [Reading]),
    Closed(Timestamp),
    /// Any number of names, as several records.
    Sensors(&'a [(SensorId, SensorName)]),
    SensorsFreed(&'a [SensorId]),
    SessionPut {
        client: &'a str,
        used: Timestamp,
    },
    SessionRemoved {
        client: &'a str,
    },
    HeldPut {
        number: u64,
        readings: &'a [Reading],
    },
    HeldRemoved {
        number: u64,
    },
    Rejects {
        number: u64,
        block: &'a [u8],
    },
    Progress {
        key: &'a [u8],
        value: &'a [u8],
    },
    Settled {
        through: RecordNumber,
        closed: Timestamp,
    },
    Freed {
        before: RecordNumber,
    },
}

/// The first of the kinds that a version may pass over if it does not know them.
pub(super) const SKIPPABLE: u8 = 128;

const READINGS: u8 = 1;
const CLOSED: u8 = 2;
const SENSORS: u8 = 3;
const SENSORS_FREED: u8 = 4;
const SESSION_PUT: u8 = 5;
const SESSION_REMOVED: u8 = 6;
const HELD_PUT: u8 = 7;
const HELD_REMOVED: u8 = 8;
const REJECTS: u8 = 9;
const PROGRESS: u8 = 10;
const SETTLED: u8 = 11;
const FREED: u8 = 12;

/// What a version does with a record, as far as its kind tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum RecordKind {
    /// Readings or a closing: what the windows are made of.
    Windows,
    /// Any other kind that this version knows.
    Small,
    /// A kind of a later version, which may be passed over.
    Skipped,
    /// A kind of a later version, without which the journal cannot be read.
    Newer,
}

impl RecordKind {
    pub(super) fn of(record: &[u8]) -> Self {
        match record.first().copied().unwrap_or(0) {
            READINGS | CLOSED => Self::Windows,
            SENSORS..=FREED => Self::Small,
            SKIPPABLE.. => Self::Skipped,
            _ => Self::Newer,
        }
    }
}

/// The times within a record: until all windows before this time are stored, the record is needed.
pub(super) fn latest(record: &RecordRef<'_>) -> Timestamp {
    match record {
        RecordRef::Readings(readings) => readings.iter().map(|reading| reading.time).max().unwrap_or(Timestamp::MIN),
        RecordRef::Closed(until) => Timestamp::from_nanos(until.nanos().saturating_sub(1)),
        _ => Timestamp::MIN,
    }
}

pub(super) fn encode(record: &RecordRef<'_>, readings_codec: &mut ReadingsCodec, encoder: &mut Encoder) {
    match record {
        RecordRef::Readings(readings) => {
            encoder.raw(&[READINGS]);
            readings_codec.write(encoder, readings);
        }
        RecordRef::Closed(until) => {
            encoder.raw(&[CLOSED]);
            encoder.signed(until.nanos());
        }
        RecordRef::Sensors(sensors) => {
            encoder.raw(&[SENSORS]);
            encoder.unsigned(sensors.len() as u64);
            for (id, name) in *sensors {
                encoder.unsigned(u64::from(id.0));
                encoder.blob(name.device().as_bytes());
                encoder.blob(name.sensor().as_bytes());
            }
        }
        RecordRef::SensorsFreed(sensors) => {
            encoder.raw(&[SENSORS_FREED]);
            encoder.unsigned(sensors.len() as u64);
            sensors.iter().for_each(|id| encoder.unsigned(u64::from(id.0)));
        }
        RecordRef::SessionPut { client, used } => {
            encoder.raw(&[SESSION_PUT]);
            encoder.blob(client.as_bytes());
            encoder.signed(used.nanos());
        }
        RecordRef::SessionRemoved { client } => {
            encoder.raw(&[SESSION_REMOVED]);
            encoder.blob(client.as_bytes());
        }
        RecordRef::HeldPut { number, readings } => {
            encoder.raw(&[HELD_PUT]);
            encoder.unsigned(*number);
            readings_codec.write(encoder, readings);
        }
        RecordRef::HeldRemoved { number } => {
            encoder.raw(&[HELD_REMOVED]);
            encoder.unsigned(*number);
        }
        RecordRef::Rejects { number, block } => {
            encoder.raw(&[REJECTS]);
            encoder.unsigned(*number);
            encoder.blob(block);
        }
        RecordRef::Progress { key, value } => {
            encoder.raw(&[PROGRESS]);
            encoder.blob(key);
            encoder.blob(value);
        }
        RecordRef::Settled { through, closed } => {
            encoder.raw(&[SETTLED]);
            encoder.unsigned(through.0);
            encoder.signed(closed.nanos());
        }
        RecordRef::Freed { before } => {
            encoder.raw(&[FREED]);
            encoder.unsigned(before.0);
        }
    }
}

/// Reads a record; `None` for one of a later version that may be passed over.
///
/// # Errors
/// When the bytes are damaged, or of an unknown kind that may not be passed over.
pub(super) fn decode(bytes: &[u8], readings_codec: &mut ReadingsCodec) -> Result<Option<Record>, Corrupt> {
    let mut decoder = Decoder::new(bytes);
    let [kind] = decoder.array()?;
    let id = |decoder: &mut Decoder<'_>| decoder.narrow().map(SensorId);
    let mut read_readings = |decoder: &mut Decoder<'_>| {
        let mut readings = Vec::new();
        readings_codec.read(decoder, &mut readings).map(|()| readings)
    };
    let record = match kind {
        READINGS => Record::Readings(read_readings(&mut decoder)?),
        CLOSED => Record::Closed(Timestamp::from_nanos(decoder.signed()?)),
        SENSORS => {
            let mut sensors = Vec::new();
            for _ in 0..decoder.unsigned()? {
                let id = id(&mut decoder)?;
                let name = SensorName::new(decoder.text()?, decoder.text()?).map_err(|_| Corrupt)?;
                sensors.push((id, name));
            }
            Record::Sensors(sensors)
        }
        SENSORS_FREED => {
            let mut sensors = Vec::new();
            for _ in 0..decoder.unsigned()? {
                sensors.push(id(&mut decoder)?);
            }
            Record::SensorsFreed(sensors)
        }
        SESSION_PUT => {
            let client = decoder.text()?.to_owned();
            Record::SessionPut { client, used: Timestamp::from_nanos(decoder.signed()?) }
        }
        SESSION_REMOVED => Record::SessionRemoved { client: decoder.text()?.to_owned() },
        HELD_PUT => {
            let number = decoder.unsigned()?;
            Record::HeldPut { number, readings: read_readings(&mut decoder)? }
        }
        HELD_REMOVED => Record::HeldRemoved { number: decoder.unsigned()? },
        REJECTS => Record::Rejects { number: decoder.unsigned()?, block: decoder.blob()?.to_owned() },
        PROGRESS => Record::Progress { key: decoder.blob()?.to_owned(), value: decoder.blob()?.to_owned() },
        SETTLED => {
            let through = RecordNumber(decoder.unsigned()?);
            Record::Settled { through, closed: Timestamp::from_nanos(decoder.signed()?) }
        }
        FREED => Record::Freed { before: RecordNumber(decoder.unsigned()?) },
        SKIPPABLE.. => return Ok(None),
        _ => return Err(Corrupt),
    };
    Ok(Some(record))
}

impl Record {
    /// The same record, to append it.
    pub(super) fn as_record_ref(&self) -> RecordRef<'_> {
        match self {
            Self::Readings(readings) => RecordRef::Readings(readings),
            Self::Closed(until) => RecordRef::Closed(*until),
            Self::Sensors(sensors) => RecordRef::Sensors(sensors),
            Self::SensorsFreed(sensors) => RecordRef::SensorsFreed(sensors),
            Self::SessionPut { client, used } => RecordRef::SessionPut { client, used: *used },
            Self::SessionRemoved { client } => RecordRef::SessionRemoved { client },
            Self::HeldPut { number, readings } => RecordRef::HeldPut { number: *number, readings },
            Self::HeldRemoved { number } => RecordRef::HeldRemoved { number: *number },
            Self::Rejects { number, block } => RecordRef::Rejects { number: *number, block },
            Self::Progress { key, value } => RecordRef::Progress { key, value },
            Self::Settled { through, closed } => RecordRef::Settled { through: *through, closed: *closed },
            Self::Freed { before } => RecordRef::Freed { before: *before },
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::store::journal::tests::one_of_each_kind;

    fn encoded(record: &Record) -> Vec<u8> {
        let mut encoder = Encoder::default();
        encode(&record.as_record_ref(), &mut ReadingsCodec::default(), &mut encoder);
        encoder.into_bytes()
    }

    fn decoded(bytes: &[u8]) -> Result<Option<Record>, Corrupt> {
        decode(bytes, &mut ReadingsCodec::default())
    }

    #[test]
    fn every_kind_comes_back_also_with_fields_of_a_later_version() {
        for record in one_of_each_kind() {
            let bytes = encoded(&record);
            assert_eq!(decoded(&bytes), Ok(Some(record.clone())));
            let later = [&bytes[..], b"more"].concat();
            assert_eq!(decoded(&later), Ok(Some(record.clone())));
            assert!(matches!(RecordKind::of(&bytes), RecordKind::Windows | RecordKind::Small));
            for cut in 0..bytes.len() {
                assert_eq!(decoded(&bytes[..cut]), Err(Corrupt), "{record:?} cut to {cut}");
            }
        }
    }

    #[test]
    fn unknown_kinds_are_passed_over_or_refused() {
        assert_eq!((RecordKind::of(&[200, 1]), decoded(&[200, 1])), (RecordKind::Skipped, Ok(None)));
        assert_eq!((RecordKind::of(&[100, 1]), decoded(&[100, 1])), (RecordKind::Newer, Err(Corrupt)));
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_record_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = decoded(&bytes);
        }
    }
}
