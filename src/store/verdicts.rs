//! Verdicts as they are stored: in chunks of neighbouring sensors, so that a run costs few, large values.
//!
//! The bytes of a chunk depend on the run alone, not on the order in which its verdicts came in: a run that was cut off
//! and resumed stores the same bytes as one that was not.
//!
//! A chunk is made of fields (`fields.rs`), and names its run, because the slots of the ring are used again. What verdicts
//! share is there once: the models that gave them. A scored window keeps the intervals that have a row, those of them that
//! are anomalies, the worst rows with their decision values, and the explanation: 40 to 80 bytes. The decision values of the
//! other rows can be computed again; [`VerdictRows::All`] keeps them too.

use std::fmt;

use crate::codec::{Corrupt, Decoder, Encoder};
use crate::number_set::NumberSet;
use crate::run::RunId;
use crate::sensor::SensorId;
use crate::store::fields::{FieldWriter, Fields, number, put_field, unsealed};
use crate::verdict::{
    AnomalyScore, Explanation, Label, ModelHash, Outcome, OutcomeSummary, Row, Scored, ScoredRows, TimeLimit, Verdict,
    VerdictRows, WorstRows, score,
};

/// A chunk of a run: the verdicts of the sensors whose numbers share all but the last bits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ChunkId(u32);

impl ChunkId {
    const SENSOR_BITS: u32 = 4;
    const SENSORS: u32 = 1 << Self::SENSOR_BITS;

    /// The chunk that a sensor's verdicts are stored in.
    pub fn of(sensor: SensorId) -> Self {
        Self(sensor.0 >> Self::SENSOR_BITS)
    }

    /// The chunks that hold the verdicts of these sensors, in order.
    pub fn of_scope(sensors: &NumberSet) -> Vec<Self> {
        let mut chunks: Vec<Self> = Vec::new();
        for chunk in sensors.iter().map(|sensor| Self::of(SensorId(sensor))) {
            if chunks.last() != Some(&chunk) {
                chunks.push(chunk);
            }
        }
        chunks
    }

    pub(super) fn key(self, slot: u32) -> [u8; 8] {
        (u64::from(slot) << 32 | u64::from(self.0)).to_be_bytes()
    }

    /// The first sensor whose verdicts are stored in the chunk.
    pub fn first(self) -> SensorId {
        SensorId(self.0 << Self::SENSOR_BITS)
    }

    /// The sensor at a place in the chunk.
    fn sensor(self, place: u32) -> Result<SensorId, Corrupt> {
        if place < Self::SENSORS { Ok(SensorId(self.first().0 | place)) } else { Err(Corrupt) }
    }

    /// The chunk whose [`key`](Self::key) begins `key`; `None` when `key` is too short for one.
    pub(super) fn of_key(key: &[u8]) -> Option<Self> {
        let (_, chunk) = key.first_chunk::<8>()?.split_last_chunk::<4>()?;
        Some(Self(u32::from_be_bytes(*chunk)))
    }
}

const FORMAT: u64 = 3;

/// How many of the worst rows of a window are stored with their decision values.
const WORST_ROWS: usize = 3;

// The fields of a chunk.
const RUN: u64 = 1;
/// A model that gave some of the chunk's verdicts, which name it by its place among these fields.
const MODEL: u64 = 2;
const VERDICT: u64 = 3;
const CHUNK: u64 = 4;

// The fields of a verdict. One of the first five and the last two says what the outcome is.
const NO_DATA: u64 = 1;
const TOO_LITTLE_DATA: u64 = 2;
const FAILED: u64 = 3;
const QUARANTINED: u64 = 4;
const SCORED_BY: u64 = 5;
const INTERVALS: u64 = 6;
/// Left out when no row is an anomaly.
const ANOMALIES: u64 = 7;
const WORST: u64 = 8;
/// The decision values of all rows, in the place of the worst ones.
const DECISIONS: u64 = 9;
const EXPLANATION: u64 = 10;
/// For how long the scoring had gone on.
const TIMED_OUT: u64 = 11;
const UNPROVEN: u64 = 12;

/// What a scored window says of its model.
#[derive(Clone, Copy, PartialEq, Debug)]
struct ModelFacts {
    hash: ModelHash,
    proven: bool,
    unit: Option<f64>,
    boundary: Option<AnomalyScore>,
}

impl ModelFacts {
    fn of(verdict: &Verdict) -> Option<Self> {
        let Outcome::Scored(Scored { model, proven, unit, boundary, .. }) = &verdict.outcome else { return None };
        Some(Self { hash: *model, proven: *proven, unit: *unit, boundary: *boundary })
    }

    fn encode(self) -> Vec<u8> {
        let mut encoder = Encoder::default();
        encoder.raw(&self.hash.0);
        encoder.unsigned(u64::from(self.proven));
        // A verdict with a boundary has a unit.
        let numbers = self.unit.into_iter().chain(self.boundary.map(AnomalyScore::get));
        numbers.for_each(|number| encoder.raw(&number.to_le_bytes()));
        encoder.into_bytes()
    }

    fn decode(value: &[u8]) -> Result<Self, Corrupt> {
        let mut decoder = Decoder::new(value);
        let (hash, proven) = (ModelHash(decoder.array()?), decode_bool(&mut decoder)?);
        let mut number = || if decoder.is_at_end() { Ok(None) } else { Ok(Some(f64::from_le_bytes(decoder.array()?))) };
        let (unit, boundary) = (number()?, number()?);
        let boundary = boundary.map(|score| AnomalyScore::new(score).ok_or(Corrupt)).transpose()?;
        Ok(Self { hash, proven, unit, boundary })
    }
}

/// The bytes of a chunk. The verdicts are in the order of their sensors.
pub(super) fn encode(run: RunId, chunk: ChunkId, verdicts: &[Verdict], keep: VerdictRows) -> Vec<u8> {
    let mut fields = FieldWriter::new(FORMAT);
    fields.number(RUN, run.0);
    fields.number(CHUNK, chunk.0.into());
    let mut models: Vec<ModelFacts> = Vec::new();
    for facts in verdicts.iter().filter_map(ModelFacts::of) {
        if !models.contains(&facts) {
            fields.field(MODEL, &facts.encode());
            models.push(facts);
        }
    }
    for verdict in verdicts {
        let facts = ModelFacts::of(verdict);
        let model = models.iter().position(|model| Some(*model) == facts).unwrap_or_default();
        fields.field(VERDICT, &encode_verdict(verdict, model as u64, keep));
    }
    fields.sealed()
}

fn encode_verdict(Verdict { sensor, outcome }: &Verdict, model: u64, keep: VerdictRows) -> Vec<u8> {
    let value = |write: &dyn Fn(&mut Encoder)| {
        let mut encoder = Encoder::default();
        write(&mut encoder);
        encoder.into_bytes()
    };
    let mut encoder = Encoder::default();
    encoder.unsigned(u64::from(sensor.0 % ChunkId::SENSORS));
    let mut put = |tag, value: &[u8]| put_field(&mut encoder, tag, value);
    match outcome {
        Outcome::NoData => put(NO_DATA, &[]),
        Outcome::TooLittleData { intervals, needed } => {
            let counts = value(&|encoder| {
                encoder.unsigned(u64::from(*intervals));
                encoder.unsigned(u64::from(*needed));
            });
            put(TOO_LITTLE_DATA, &counts);
        }
        Outcome::Failed { reason } => put(FAILED, reason.as_bytes()),
        Outcome::TimedOut { after, limit } => {
            let time = value(&|encoder| {
                encoder.signed(after.nanos());
                encoder.unsigned(u64::from(*limit == TimeLimit::Run));
            });
            put(TIMED_OUT, &time);
        }
        Outcome::Quarantined => put(QUARANTINED, &[]),
        Outcome::Unproven => put(UNPROVEN, &[]),
        Outcome::Scored(Scored { rows, explanation, .. }) => {
            put(SCORED_BY, &value(&|encoder| encoder.unsigned(model)));
            let worst = rows.worst_only(WORST_ROWS);
            put(INTERVALS, &worst.intervals().encode());
            if !worst.anomalies().is_empty() {
                put(ANOMALIES, &worst.anomalies().encode());
            }
            match (keep, rows) {
                (VerdictRows::All, ScoredRows::All(rows)) => {
                    let decisions: Vec<u8> = rows.iter().flat_map(|row| row.decision.to_le_bytes()).collect();
                    put(DECISIONS, &decisions);
                }
                _ => put(WORST, &value(&|encoder| encode_rows(encoder, worst.worst()))),
            }
            if let Some(explanation) = explanation {
                put(EXPLANATION, &value(&|encoder| encode_explanation(encoder, explanation)));
            }
        }
    }
    encoder.into_bytes()
}

fn encode_rows(encoder: &mut Encoder, rows: &[Row]) {
    for row in rows {
        encoder.unsigned(u64::from(row.interval));
        encoder.raw(&row.decision.to_le_bytes());
    }
}

impl fmt::Display for ChunkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = u64::from(self.0) << Self::SENSOR_BITS;
        write!(f, "of the sensors number {first} to {}", first + (1 << Self::SENSOR_BITS) - 1)
    }
}

/// The verdicts of a chunk; none when the bytes are of another run.
pub(super) fn decode(run: RunId, chunk: ChunkId, bytes: &[u8]) -> Result<Vec<Verdict>, Corrupt> {
    let (stored, verdicts) = decode_any(chunk, bytes)?;
    Ok(if stored == run { verdicts } else { Vec::new() })
}

/// The verdicts of a chunk, and their run.
pub(super) fn decode_any(chunk: ChunkId, bytes: &[u8]) -> Result<(RunId, Vec<Verdict>), Corrupt> {
    let (mut run, mut models, mut verdicts) = (None, Vec::new(), Vec::<Verdict>::new());
    for field in unsealed(bytes, FORMAT)? {
        let (tag, value) = field?;
        match tag {
            RUN => run = Some(RunId(number(value)?)),
            // The chunk's own sensors, or the verdicts would count for others.
            CHUNK if ChunkId(number(value)?) == chunk => {}
            CHUNK => return Err(Corrupt),
            MODEL => models.push(ModelFacts::decode(value)?),
            VERDICT => {
                let Some(verdict) = decode_verdict(chunk, value, &models)? else { continue };
                if verdicts.last().is_some_and(|last| last.sensor >= verdict.sensor) {
                    return Err(Corrupt);
                }
                verdicts.push(verdict);
            }
            _ => {}
        }
    }
    Ok((run.ok_or(Corrupt)?, verdicts))
}

/// A verdict; `None` when it has an outcome of a later version.
fn decode_verdict(chunk: ChunkId, value: &[u8], models: &[ModelFacts]) -> Result<Option<Verdict>, Corrupt> {
    let mut decoder = Decoder::new(value);
    let sensor = chunk.sensor(decoder.narrow()?)?;
    let (mut outcome, mut model, mut explanation) = (None, None, None);
    let mut rows = StoredRows::default();
    for field in Fields::within(decoder.rest()) {
        let (tag, value) = field?;
        match tag {
            NO_DATA => outcome = Some(Outcome::NoData),
            TOO_LITTLE_DATA => {
                let mut counts = Decoder::new(value);
                outcome = Some(Outcome::TooLittleData { intervals: counts.narrow()?, needed: counts.narrow()? });
            }
            FAILED => {
                let reason = std::str::from_utf8(value).map_err(|_| Corrupt)?.to_owned();
                outcome = Some(Outcome::Failed { reason });
            }
            TIMED_OUT => {
                let mut time = Decoder::new(value);
                let after = time.span()?;
                let is_of_run = !time.is_at_end() && time.unsigned()? > 0;
                let limit = if is_of_run { TimeLimit::Run } else { TimeLimit::Sensor };
                outcome = Some(Outcome::TimedOut { after, limit });
            }
            QUARANTINED => outcome = Some(Outcome::Quarantined),
            UNPROVEN => outcome = Some(Outcome::Unproven),
            SCORED_BY => model = Some(models.get(number::<usize>(value)?).ok_or(Corrupt)?),
            INTERVALS => rows.intervals = NumberSet::decode(value)?,
            ANOMALIES => rows.anomalies = NumberSet::decode(value)?,
            WORST => rows.worst = value,
            DECISIONS => rows.decisions = Some(value),
            EXPLANATION => explanation = Some(decode_explanation(value)?),
            _ => {}
        }
    }
    if let Some(ModelFacts { hash, proven, unit, boundary }) = model.copied() {
        let rows = rows.decode()?;
        outcome = Some(Outcome::Scored(Scored { model: hash, proven, unit, boundary, rows, explanation }));
    }
    Ok(outcome.map(|outcome| Verdict { sensor, outcome }))
}

/// What the verdicts of a chunk come to, in the order of their sensors; none when the bytes are of another run. The rows
/// are not decoded, which makes it several times as fast as [`decode`].
pub(super) fn summaries(
    run: RunId,
    chunk: ChunkId,
    bytes: &[u8],
    each: &mut dyn FnMut(SensorId, OutcomeSummary),
) -> Result<(), Corrupt> {
    let (mut stored, mut units) = (None, Vec::new());
    for field in unsealed(bytes, FORMAT)? {
        let (tag, value) = field?;
        match tag {
            RUN => stored = Some(RunId(number(value)?)),
            CHUNK if ChunkId(number(value)?) == chunk => {}
            CHUNK => return Err(Corrupt),
            MODEL => units.push(ModelFacts::decode(value)?.unit),
            VERDICT if stored == Some(run) => {
                if let Some((sensor, summary)) = summary(chunk, value, &units)? {
                    each(sensor, summary);
                }
            }
            _ => {}
        }
    }
    stored.map(|_| ()).ok_or(Corrupt)
}

/// What a verdict comes to; `None` when it has an outcome of a later version.
fn summary(chunk: ChunkId, value: &[u8], units: &[Option<f64>]) -> Result<Option<(SensorId, OutcomeSummary)>, Corrupt> {
    let mut decoder = Decoder::new(value);
    let sensor = chunk.sensor(decoder.narrow()?)?;
    let (mut summary, mut unit, mut is_anomalous) = (None, None, false);
    let (mut rows, mut worst) = (&[][..], None);
    for field in Fields::within(decoder.rest()) {
        let (tag, value) = field?;
        match tag {
            NO_DATA => summary = Some(OutcomeSummary::NoData),
            TOO_LITTLE_DATA => summary = Some(OutcomeSummary::TooLittleData),
            FAILED => summary = Some(OutcomeSummary::Failed),
            TIMED_OUT => summary = Some(OutcomeSummary::TimedOut),
            QUARANTINED => summary = Some(OutcomeSummary::Quarantined),
            UNPROVEN => summary = Some(OutcomeSummary::Unproven),
            SCORED_BY => unit = Some(*units.get(number::<usize>(value)?).ok_or(Corrupt)?),
            ANOMALIES => is_anomalous = true,
            WORST => rows = value,
            DECISIONS => {
                let decisions = value.as_chunks::<8>().0.iter().map(|decision| f64::from_le_bytes(*decision));
                worst = decisions.min_by(f64::total_cmp);
            }
            _ => {}
        }
    }
    if let Some(unit) = unit {
        if worst.is_none() && !rows.is_empty() {
            let mut first = Decoder::new(rows);
            first.unsigned()?;
            worst = Some(f64::from_le_bytes(first.array()?));
        }
        let score = worst.zip(unit).map(|(decision, unit)| score(decision, unit));
        summary = Some(OutcomeSummary::Scored { is_anomalous, score });
    }
    Ok(summary.map(|summary| (sensor, summary)))
}

/// The fields of a scored window's rows.
#[derive(Default)]
struct StoredRows<'a> {
    intervals: NumberSet,
    anomalies: NumberSet,
    worst: &'a [u8],
    decisions: Option<&'a [u8]>,
}

impl StoredRows<'_> {
    fn decode(self) -> Result<ScoredRows, Corrupt> {
        let Self { intervals, anomalies, worst, decisions } = self;
        let row = |interval: u16, decision| {
            let is_anomaly = anomalies.contains(u32::from(interval));
            Row { interval, label: if is_anomaly { Label::Anomaly } else { Label::Normal }, decision }
        };
        let mut rows = Vec::new();
        if let Some(decisions) = decisions {
            let (decisions, rest) = decisions.as_chunks::<8>();
            if decisions.len() != intervals.len() || !rest.is_empty() || !anomalies.is_subset_of(&intervals) {
                return Err(Corrupt);
            }
            for (place, decision) in intervals.iter().zip(decisions) {
                rows.push(row(u16::try_from(place).map_err(|_| Corrupt)?, f64::from_le_bytes(*decision)));
            }
            return Ok(rows.into());
        }
        let mut worst = Decoder::new(worst);
        while !worst.is_at_end() {
            rows.push(row(worst.narrow()?, f64::from_le_bytes(worst.array()?)));
        }
        let kept = WorstRows::new(intervals, anomalies, rows).ok_or(Corrupt)?;
        if kept.worst().len() < kept.intervals().len() {
            return Ok(ScoredRows::Worst(kept));
        }
        let mut rows = kept.worst().to_vec();
        rows.sort_unstable_by_key(|row| row.interval);
        Ok(rows.into())
    }
}

fn encode_explanation(encoder: &mut Encoder, explanation: &Explanation) {
    let Explanation { interval, feature, value, usual } = explanation;
    encoder.unsigned(u64::from(*interval));
    encoder.blob(feature.as_bytes());
    encoder.float(*value);
    for bound in usual.iter().flat_map(|(low, high)| [low, high]) {
        encoder.float(*bound);
    }
}

fn decode_explanation(value: &[u8]) -> Result<Explanation, Corrupt> {
    let mut decoder = Decoder::new(value);
    let (interval, feature, value) = (decoder.narrow()?, decoder.text()?.to_owned(), decoder.float()?);
    let usual = if decoder.is_at_end() { None } else { Some((decoder.float()?, decoder.float()?)) };
    Ok(Explanation { interval, feature, value, usual })
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
    use crate::time::Span;

    const CHUNK_2: ChunkId = ChunkId(2);
    const RUN_5: RunId = RunId(5);

    fn scored(model: u8, rows: Vec<Row>) -> Scored {
        let worst = ScoredRows::from(rows.clone()).worst().copied();
        let explanation = worst.filter(|worst| worst.label == Label::Anomaly).map(|worst| Explanation {
            interval: worst.interval,
            feature: "vibration.std".to_owned(),
            value: 4.1,
            usual: Some((0.2, 0.9)),
        });
        let unit = Some(0.123_456_789);
        Scored { model: ModelHash([model; 32]), proven: true, unit, boundary: None, rows: rows.into(), explanation }
    }

    /// Sixty rows, of which so many are anomalies.
    fn rows(anomalies: u16) -> Vec<Row> {
        let row = |interval| {
            let decision = f64::from(interval * 37 % 60).mul_add(0.1, 0.05) - f64::from(anomalies) * 0.1;
            Row { interval, label: Label::anomaly_below_zero(decision), decision }
        };
        (0..60).map(row).collect()
    }

    fn verdicts() -> Vec<Verdict> {
        let outcomes = [
            Outcome::NoData,
            Outcome::TooLittleData { intervals: 3, needed: 10 },
            Outcome::Failed { reason: "row 3 is infinite".into() },
            Outcome::TimedOut { after: Span::from_millis(15_003), limit: TimeLimit::Sensor },
            Outcome::TimedOut { after: Span::from_millis(15_003), limit: TimeLimit::Run },
            Outcome::Quarantined,
            Outcome::Unproven,
            Outcome::Scored(scored(7, rows(0))),
            Outcome::Scored(scored(7, rows(9))),
            Outcome::Scored(Scored { boundary: AnomalyScore::new(0.7), ..scored(7, rows(9)) }),
            Outcome::Scored(scored(8, rows(60)[..2].to_vec())),
            Outcome::Scored(Scored { unit: None, boundary: None, explanation: None, ..scored(7, Vec::new()) }),
        ];
        (32..).map(SensorId).zip(outcomes).map(|(sensor, outcome)| Verdict { sensor, outcome }).collect()
    }

    /// Verdicts as they are stored: with the worst rows alone.
    fn with_worst_rows(mut verdicts: Vec<Verdict>) -> Vec<Verdict> {
        for verdict in &mut verdicts {
            if let Outcome::Scored(Scored { rows, .. }) = &mut verdict.outcome
                && rows.len() > WORST_ROWS
            {
                *rows = ScoredRows::Worst(rows.worst_only(WORST_ROWS));
            }
        }
        verdicts
    }

    #[test]
    fn every_kind_of_verdict_comes_back() {
        let bytes = encode(RUN_5, CHUNK_2, &verdicts(), VerdictRows::All);
        assert_eq!(decode(RUN_5, CHUNK_2, &bytes), Ok(verdicts()));
        let bytes = encode(RUN_5, CHUNK_2, &verdicts(), VerdictRows::Worst);
        assert_eq!(decode(RUN_5, CHUNK_2, &bytes), Ok(with_worst_rows(verdicts())));
        assert_eq!(encode(RUN_5, CHUNK_2, &with_worst_rows(verdicts()), VerdictRows::Worst), bytes);
    }

    #[test]
    fn what_verdicts_come_to_is_read_without_their_rows() {
        for keep in [VerdictRows::Worst, VerdictRows::All] {
            let bytes = encode(RUN_5, CHUNK_2, &verdicts(), keep);
            let read = |run| {
                let mut read = Vec::new();
                summaries(run, CHUNK_2, &bytes, &mut |sensor, summary| read.push((sensor, summary))).unwrap();
                read
            };
            let expected: Vec<_> =
                verdicts().iter().map(|verdict| (verdict.sensor, verdict.outcome.summary())).collect();
            assert_eq!(read(RUN_5), expected);
            assert_eq!(read(RunId(6)), []);
        }
    }

    #[test]
    fn what_is_kept_of_a_window_is_borne_out_by_its_own_rows_alone() {
        let kept = ScoredRows::Worst(ScoredRows::from(rows(9)).worst_only(WORST_ROWS));
        assert!(ScoredRows::from(rows(9)).bear_out(&kept));
        let mut other = rows(9);
        let worst = other.iter_mut().min_by(|a, b| a.decision.total_cmp(&b.decision)).unwrap();
        worst.decision = worst.decision.next_up();
        assert!(!ScoredRows::from(other).bear_out(&kept));
        assert!(!ScoredRows::from(rows(8)).bear_out(&kept));
        assert!(!ScoredRows::from(rows(9)[1..].to_vec()).bear_out(&kept));
    }

    #[test]
    fn a_verdict_over_sixty_rows_takes_43_to_116_bytes() {
        let bytes = |models: [u8; 16], anomalies| {
            let verdict = |(place, model)| Verdict {
                sensor: SensorId(32 + place),
                outcome: Outcome::Scored(scored(model, rows(anomalies))),
            };
            let verdicts: Vec<_> = (0_u32..).zip(models).map(verdict).collect();
            [VerdictRows::Worst, VerdictRows::All].map(|keep| encode(RUN_5, CHUNK_2, &verdicts, keep).len() / 16)
        };
        let (shared, own) = ([7; 16], std::array::from_fn(|place| u8::try_from(place).unwrap()));
        let sizes = [bytes(shared, 0), bytes(shared, 9), bytes(own, 0), bytes(own, 9)];
        // With a model that all sensors of the chunk share, and with one each: without anomalies, and with nine.
        assert_eq!(sizes, [[43, 498], [76, 531], [83, 538], [116, 571]]);
    }

    #[test]
    fn a_chunk_of_an_earlier_run_is_not_taken_for_a_later_one() {
        let bytes = encode(RUN_5, CHUNK_2, &verdicts(), VerdictRows::Worst);
        assert_eq!(decode(RunId(6), CHUNK_2, &bytes), Ok(vec![]));
    }

    #[test]
    fn fields_of_a_later_version_are_passed_over() {
        let mut extended = FieldWriter::new(FORMAT);
        for field in unsealed(&encode(RUN_5, CHUNK_2, &verdicts(), VerdictRows::Worst), FORMAT).unwrap() {
            let (tag, value) = field.unwrap();
            let mut value = value.to_vec();
            if tag == VERDICT {
                let mut encoder = Encoder::after(value);
                put_field(&mut encoder, 77, b"of a later version");
                value = encoder.into_bytes();
            }
            extended.field(tag, &value);
            extended.field(99, b"as well");
        }
        assert_eq!(decode(RUN_5, CHUNK_2, &extended.sealed()), Ok(with_worst_rows(verdicts())));
    }

    proptest! {
        #[test]
        fn a_flipped_bit_is_found(place in any::<prop::sample::Index>(), bit in 0..8_u32) {
            let mut bytes = encode(RUN_5, CHUNK_2, &verdicts(), VerdictRows::Worst);
            let place = place.index(bytes.len());
            bytes[place] ^= 1 << bit;
            prop_assert_eq!(decode(RUN_5, CHUNK_2, &bytes), Err(Corrupt));
        }

        /// Under a right checksum, as somebody who means harm would write it.
        #[test]
        fn any_fields_are_verdicts_or_an_error(
            place in any::<prop::sample::Index>(), byte in any::<u8>(), keep in any::<bool>(),
        ) {
            let keep = if keep { VerdictRows::All } else { VerdictRows::Worst };
            let mut bytes = encode(RUN_5, CHUNK_2, &verdicts(), keep);
            bytes.truncate(bytes.len() - 4);
            let place = place.index(bytes.len());
            bytes[place] = byte;
            bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
            let mut summed_up = Vec::new();
            let _ = summaries(RUN_5, CHUNK_2, &bytes, &mut |sensor, summary| summed_up.push((sensor, summary)));
            if let Ok((run, verdicts)) = decode_any(CHUNK_2, &bytes) {
                prop_assert!(verdicts.len() <= ChunkId::SENSORS as usize);
                if run == RUN_5 {
                    let sensors: Vec<_> = verdicts.iter().map(|verdict| verdict.sensor).collect();
                    prop_assert!(summed_up.iter().map(|(sensor, _)| *sensor).eq(sensors));
                }
            }
        }
    }
}
