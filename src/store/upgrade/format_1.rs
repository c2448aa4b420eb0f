//! How the store's first format wrote what this one writes otherwise. It only reads.
//!
//! Windows lay under (sensor, slot) without a checksum of their own; the journal was a table of the database; there was
//! one run a window, in the slot of its window; verdicts had a fixed layout, and every row with them; a sink had a time up
//! to which it had published.

use crate::codec::{Corrupt, Decoder};
use crate::interval::{Cut, Window};
use crate::reading::Reading;
use crate::run::{Closing, RunState};
use crate::sensor::SensorId;
use crate::store::ChunkId;
use crate::store::held::decode_readings;
use crate::store::runs::{read_closing, read_tally};
use crate::time::Timestamp;
use crate::verdict::{Explanation, Label, ModelHash, Outcome, Row, Scored, ScoredRows, Verdict};

/// How a store cuts time, by what it was made with.
pub(super) fn cut(record: &[u8]) -> Result<Cut, Corrupt> {
    let mut decoder = Decoder::new(record);
    if decoder.unsigned()? != super::EARLIER {
        return Err(Corrupt);
    }
    let [interval, window] = [decoder.span()?, decoder.span()?];
    Cut::new(interval, window).map_err(|_| Corrupt)
}

/// The sensor of a window's key.
pub(super) fn sensor_of_window(key: &[u8]) -> Option<SensorId> {
    let (sensor, _slot) = <&[u8; 8]>::try_from(key).ok()?.split_first_chunk::<4>()?;
    Some(SensorId(u32::from_be_bytes(*sensor)))
}

/// The sink whose progress a key stands for.
pub(super) fn sink_of(key: &[u8]) -> Option<&str> {
    std::str::from_utf8(key).ok()?.strip_prefix("published/")
}

/// A record of the journal.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum OldRecord {
    Readings(Vec<Reading>),
    Closed(Timestamp),
}

/// Reads a record of the journal.
pub(super) fn decode_record(bytes: &[u8]) -> Result<OldRecord, Corrupt> {
    let mut decoder = Decoder::new(bytes);
    match decoder.unsigned()? {
        1 => Ok(OldRecord::Closed(Timestamp::from_nanos(decoder.signed()?))),
        // Readings were written as those are that wait for the clock.
        _ => decode_readings(bytes).map(OldRecord::Readings),
    }
}

/// A run of the ledger.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct OldRun {
    pub(super) window: Window,
    pub(super) settings: u64,
    pub(super) closing: Closing,
    pub(super) state: RunState,
}

pub(super) fn decode_run(cut: Cut, bytes: &[u8]) -> Result<OldRun, Corrupt> {
    let mut decoder = Decoder::new(bytes);
    if decoder.unsigned()? != 1 {
        return Err(Corrupt);
    }
    let window = cut.window_of(Timestamp::from_nanos(decoder.signed()?));
    let _scope: u32 = decoder.narrow()?;
    let settings = decoder.unsigned()?;
    let state = match decoder.unsigned()? {
        0 => RunState::Started,
        1 => RunState::Finished(read_tally(&mut decoder)?),
        _ => return Err(Corrupt),
    };
    let closing = if decoder.is_at_end() { Closing::OnTime } else { read_closing(&mut decoder)? };
    Ok(OldRun { window, settings, closing, state })
}

/// The verdicts of a chunk, and the start of their window.
pub(super) fn decode_verdicts(chunk: ChunkId, bytes: &[u8]) -> Result<(Timestamp, Vec<Verdict>), Corrupt> {
    let mut decoder = Decoder::new(bytes);
    // The very first verdicts lack a proof, a score and an explanation.
    let with_proof = match decoder.unsigned()? {
        2 => true,
        1 => false,
        _ => return Err(Corrupt),
    };
    let start = Timestamp::from_nanos(decoder.signed()?);
    let mut verdicts = Vec::new();
    while !decoder.is_at_end() {
        let sensor = SensorId(decoder.narrow()?);
        if ChunkId::of(sensor) != chunk {
            return Err(Corrupt);
        }
        let outcome = match decoder.unsigned()? {
            0 => Outcome::NoData,
            1 => Outcome::TooLittleData { intervals: decoder.narrow()?, needed: decoder.narrow()? },
            2 => Outcome::Failed { reason: decoder.text()?.to_owned() },
            3 => Outcome::Quarantined,
            4 => Outcome::Scored(decode_scored(&mut decoder, with_proof)?),
            _ => return Err(Corrupt),
        };
        verdicts.push(Verdict { sensor, outcome });
    }
    Ok((start, verdicts))
}

fn decode_scored(decoder: &mut Decoder<'_>, with_proof: bool) -> Result<Scored, Corrupt> {
    let model = ModelHash(decoder.array()?);
    let proven = with_proof && decode_bool(decoder)?;
    let has_unit = with_proof && decode_bool(decoder)?;
    let unit = has_unit.then(|| decoder.array().map(f64::from_le_bytes)).transpose()?;
    let mut rows = Vec::new();
    for _ in 0..decoder.unsigned()? {
        let place_and_label = decoder.unsigned()?;
        let label = if place_and_label & 1 == 1 { Label::Anomaly } else { Label::Normal };
        let interval = u16::try_from(place_and_label >> 1).map_err(|_| Corrupt)?;
        rows.push(Row { interval, label, decision: f64::from_le_bytes(decoder.array()?) });
    }
    let explanation = if with_proof { decode_explanation(decoder)? } else { None };
    Ok(Scored { model, proven, unit, boundary: None, rows: ScoredRows::All(rows), explanation })
}

fn decode_explanation(decoder: &mut Decoder<'_>) -> Result<Option<Explanation>, Corrupt> {
    if !decode_bool(decoder)? {
        return Ok(None);
    }
    let interval = u16::try_from(decoder.unsigned()?).map_err(|_| Corrupt)?;
    let feature = decoder.text()?.to_owned();
    let value = f64::from_le_bytes(decoder.array()?);
    let usual = match decode_bool(decoder)? {
        true => Some((f64::from_le_bytes(decoder.array()?), f64::from_le_bytes(decoder.array()?))),
        false => None,
    };
    Ok(Some(Explanation { interval, feature, value, usual }))
}

fn decode_bool(decoder: &mut Decoder<'_>) -> Result<bool, Corrupt> {
    match decoder.unsigned()? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(Corrupt),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = cut(&bytes);
            let _ = decode_record(&bytes);
            let _ = decode_verdicts(ChunkId::of(SensorId(0)), &bytes);
            let _ = sensor_of_window(&bytes);
            let _ = sink_of(&bytes);
        }
    }
}
