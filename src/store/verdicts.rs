//! Verdicts as they are stored: in chunks of neighbouring sensors, so that a run costs few, large values.
//!
//! The bytes of a chunk depend on the run alone, not on the order in which its verdicts came in: a run that was cut off
//! and resumed stores the same bytes as one that was not.

use std::collections::BTreeSet;
use std::fmt;

use crate::codec::{Corrupt, Decoder, Encoder};
use crate::interval::Window;
use crate::sensor::SensorId;
use crate::time::Timestamp;
use crate::verdict::{Explanation, Label, ModelHash, Outcome, Row, Scored, Verdict};

/// A chunk of a run: the verdicts of the sensors whose numbers share all but the last bits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ChunkId(u32);

impl ChunkId {
    const SENSOR_BITS: u32 = 4;

    /// The chunk that a sensor's verdicts are stored in.
    pub fn of(sensor: SensorId) -> Self {
        Self(sensor.0 >> Self::SENSOR_BITS)
    }

    pub(super) fn key(self, slot: u32) -> [u8; 8] {
        (u64::from(slot) << 32 | u64::from(self.0)).to_be_bytes()
    }

    /// The first sensor whose verdicts are stored in the chunk.
    pub(super) fn first(self) -> SensorId {
        SensorId(self.0 << Self::SENSOR_BITS)
    }

    /// The chunk whose [`key`](Self::key) begins `key`; `None` when `key` is too short for one.
    pub(super) fn of_key(key: &[u8]) -> Option<Self> {
        let (_, chunk) = key.first_chunk::<8>()?.split_last_chunk::<4>()?;
        Some(Self(u32::from_be_bytes(*chunk)))
    }
}

/// What happens to the chunks that are stored in a run's slot of the ring when the run begins.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StoredChunks {
    /// None of them is of this run's window. They stay until they are overwritten: each names its window.
    OfEarlierWindows,
    /// The ledger knows a run of this window already: these chunks of it count, and all others are removed.
    Keep(BTreeSet<ChunkId>),
}

const FORMAT: u64 = 2;
/// This format lacks a scored window's proof, score and explanation.
const FORMAT_WITHOUT_PROOF: u64 = 1;

const NO_DATA: u64 = 0;
const TOO_LITTLE_DATA: u64 = 1;
const FAILED: u64 = 2;
const QUARANTINED: u64 = 3;
const SCORED: u64 = 4;

pub(super) fn encode(window: Window, verdicts: &[Verdict]) -> Vec<u8> {
    let mut encoder = Encoder::default();
    encoder.unsigned(FORMAT);
    encoder.signed(window.start().nanos());
    for verdict in verdicts {
        encoder.unsigned(u64::from(verdict.sensor.0));
        match &verdict.outcome {
            Outcome::NoData => encoder.unsigned(NO_DATA),
            Outcome::TooLittleData { intervals, needed } => {
                encoder.unsigned(TOO_LITTLE_DATA);
                encoder.unsigned(u64::from(*intervals));
                encoder.unsigned(u64::from(*needed));
            }
            Outcome::Failed { reason } => {
                encoder.unsigned(FAILED);
                encoder.blob(reason.as_bytes());
            }
            Outcome::Quarantined => encoder.unsigned(QUARANTINED),
            Outcome::Scored(Scored { model, proven, unit, rows, explanation }) => {
                encoder.unsigned(SCORED);
                encoder.raw(&model.0);
                encoder.unsigned(u64::from(*proven));
                encoder.unsigned(u64::from(unit.is_some()));
                unit.iter().for_each(|unit| encoder.raw(&unit.to_le_bytes()));
                encoder.unsigned(rows.len() as u64);
                for row in rows {
                    let anomaly = u64::from(row.label == Label::Anomaly);
                    encoder.unsigned(u64::from(row.interval) << 1 | anomaly);
                    encoder.raw(&row.decision.to_le_bytes());
                }
                encode_explanation(&mut encoder, explanation.as_ref());
            }
        }
    }
    encoder.into_bytes()
}

impl fmt::Display for ChunkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = u64::from(self.0) << Self::SENSOR_BITS;
        write!(f, "of the sensors number {first} to {}", first + (1 << Self::SENSOR_BITS) - 1)
    }
}

/// The verdicts of a chunk; none when the bytes are of an earlier window.
pub(super) fn decode(window: Window, chunk: ChunkId, bytes: &[u8]) -> Result<Vec<Verdict>, Corrupt> {
    let (start, verdicts) = decode_any(chunk, bytes)?;
    Ok(if start == window.start() { verdicts } else { Vec::new() })
}

/// The verdicts of a chunk, and the start of their window.
pub(super) fn decode_any(chunk: ChunkId, bytes: &[u8]) -> Result<(Timestamp, Vec<Verdict>), Corrupt> {
    let mut decoder = Decoder::new(bytes);
    let with_proof = match decoder.unsigned()? {
        FORMAT => true,
        FORMAT_WITHOUT_PROOF => false,
        _ => return Err(Corrupt),
    };
    let start = Timestamp::from_nanos(decoder.signed()?);
    let mut verdicts = Vec::new();
    while !decoder.is_at_end() {
        let sensor = SensorId(decoder.narrow()?);
        // The chunk's own sensors, or the verdict would count for another.
        if ChunkId::of(sensor) != chunk {
            return Err(Corrupt);
        }
        let outcome = match decoder.unsigned()? {
            NO_DATA => Outcome::NoData,
            TOO_LITTLE_DATA => Outcome::TooLittleData { intervals: decoder.narrow()?, needed: decoder.narrow()? },
            FAILED => Outcome::Failed { reason: decoder.text()?.to_owned() },
            QUARANTINED => Outcome::Quarantined,
            SCORED => {
                let model = ModelHash(decoder.array()?);
                let proven = with_proof && decode_bool(&mut decoder)?;
                let has_unit = with_proof && decode_bool(&mut decoder)?;
                let unit = has_unit.then(|| decoder.array().map(f64::from_le_bytes)).transpose()?;
                let mut rows = Vec::new();
                for _ in 0..decoder.unsigned()? {
                    let place_and_label = decoder.unsigned()?;
                    let label = if place_and_label & 1 == 1 { Label::Anomaly } else { Label::Normal };
                    let interval = u16::try_from(place_and_label >> 1).map_err(|_| Corrupt)?;
                    rows.push(Row { interval, label, decision: f64::from_le_bytes(decoder.array()?) });
                }
                let explanation = if with_proof { decode_explanation(&mut decoder)? } else { None };
                Outcome::Scored(Scored { model, proven, unit, rows, explanation })
            }
            _ => return Err(Corrupt),
        };
        verdicts.push(Verdict { sensor, outcome });
    }
    Ok((start, verdicts))
}

fn encode_explanation(encoder: &mut Encoder, explanation: Option<&Explanation>) {
    encoder.unsigned(u64::from(explanation.is_some()));
    let Some(Explanation { interval, feature, value, usual }) = explanation else { return };
    encoder.unsigned(u64::from(*interval));
    encoder.blob(feature.as_bytes());
    encoder.raw(&value.to_le_bytes());
    encoder.unsigned(u64::from(usual.is_some()));
    for bound in usual.iter().flat_map(|(low, high)| [low, high]) {
        encoder.raw(&bound.to_le_bytes());
    }
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
    use crate::interval::Cut;
    use crate::time::Span;

    const CHUNK: ChunkId = ChunkId(0);

    fn window(index: i64) -> Window {
        let cut = Cut::new(Span::from_secs(60), Span::from_secs(3600)).unwrap();
        cut.window_of(Timestamp::from_nanos(index * 3_600_000_000_000))
    }

    fn verdicts() -> Vec<Verdict> {
        let row = |interval, label, decision| Row { interval, label, decision };
        let scored = Scored {
            model: ModelHash([7; 32]),
            proven: true,
            unit: Some(0.125),
            rows: vec![row(0, Label::Normal, 0.5), row(59, Label::Anomaly, -1e-300)],
            explanation: Some(Explanation {
                interval: 59,
                feature: "vibration.std".to_owned(),
                value: 4.1,
                usual: Some((0.2, 0.9)),
            }),
        };
        let outcomes = [
            Outcome::NoData,
            Outcome::TooLittleData { intervals: 3, needed: 10 },
            Outcome::Failed { reason: "row 3 is infinite".into() },
            Outcome::Quarantined,
            Outcome::Scored(scored),
        ];
        (0..).map(SensorId).zip(outcomes).map(|(sensor, outcome)| Verdict { sensor, outcome }).collect()
    }

    #[test]
    fn every_kind_of_verdict_comes_back() {
        let bytes = encode(window(5), &verdicts());
        assert_eq!(decode(window(5), CHUNK, &bytes), Ok(verdicts()));
    }

    #[test]
    fn a_chunk_that_was_stored_before_there_were_proofs_is_read() {
        let mut bytes = Encoder::default();
        bytes.unsigned(FORMAT_WITHOUT_PROOF);
        bytes.signed(window(5).start().nanos());
        for sensor in [3_u64, 9] {
            bytes.unsigned(sensor);
            bytes.unsigned(SCORED);
            bytes.raw(&[7; 32]);
            bytes.unsigned(1);
            bytes.unsigned(59 << 1 | 1);
            bytes.raw(&(-0.5_f64).to_le_bytes());
        }
        let rows = vec![Row { interval: 59, label: Label::Anomaly, decision: -0.5 }];
        let scored = Scored { model: ModelHash([7; 32]), proven: false, unit: None, rows, explanation: None };
        let expected =
            [3, 9].map(|sensor| Verdict { sensor: SensorId(sensor), outcome: Outcome::Scored(scored.clone()) });
        assert_eq!(decode(window(5), CHUNK, &bytes.into_bytes()), Ok(expected.to_vec()));
        assert_eq!(decode(window(5), CHUNK, &encode(window(5), &expected)), Ok(expected.to_vec()));
    }

    #[test]
    fn a_chunk_of_an_earlier_window_is_not_taken_for_a_later_one() {
        assert_eq!(decode(window(6), CHUNK, &encode(window(5), &verdicts())), Ok(vec![]));
    }

    proptest! {
        #[test]
        fn damaged_bytes_decode_or_fail_without_panic(place in 0..70_usize, byte in any::<u8>()) {
            let mut bytes = encode(window(5), &verdicts());
            let place = place % bytes.len();
            bytes[place] = byte;
            let _ = decode(window(5), CHUNK, &bytes);
        }
    }
}
