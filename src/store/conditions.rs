//! The conditions of sensors: one entry a sensor, written when it changes. And how far windows were looked at for them.

use crate::codec::{Corrupt, Decoder, Encoder};
use crate::condition::{ConditionKind, ConditionState, Pauses, Reason, SensorConditions, StandingCondition, Usual};
use crate::interval::{Interval, Window};
use crate::sensor::SensorId;
use crate::store::fields::{FieldWriter, unsealed};
use crate::store::keys::{CONDITIONS_KEY, ring_slot};
use crate::store::reader::{number_of, readable};
use crate::store::{Reader, StoreError, checksum};
use crate::time::Timestamp;
use crate::window::WindowBlock;

const FORMAT: u64 = 1;

const CHANGED_BY: u64 = 1;
const USUAL: u64 = 2;
const RISING: u64 = 3;
const STANDING: u64 = 4;

pub(super) fn encode(conditions: &SensorConditions) -> Vec<u8> {
    let SensorConditions { changed_by, usual, states } = conditions;
    let mut fields = FieldWriter::new(FORMAT);
    fields.field(CHANGED_BY, &changed_by.nanos().to_le_bytes());
    fields.field(USUAL, &encode_usual(usual));
    for (kind, state) in states {
        let mut value = Encoder::default();
        value.unsigned(kind.number());
        match state {
            ConditionState::Rising { since, over } => {
                value.signed(since.nanos());
                value.signed(over.nanos());
                fields.field(RISING, &value.into_bytes());
            }
            ConditionState::Standing(StandingCondition { since, reason, contrary }) => {
                value.signed(since.nanos());
                value.signed(contrary.nanos());
                encode_reason(&mut value, reason);
                fields.field(STANDING, &value.into_bytes());
            }
        }
    }
    fields.sealed()
}

pub(super) fn decode(bytes: &[u8]) -> Result<SensorConditions, Corrupt> {
    let mut conditions = SensorConditions::default();
    for field in unsealed(bytes, FORMAT)? {
        let (tag, value) = field?;
        let mut decoder = Decoder::new(value);
        match tag {
            CHANGED_BY => conditions.changed_by = Timestamp::from_nanos(i64::from_le_bytes(decoder.array()?)),
            USUAL => conditions.usual = decode_usual(&mut decoder)?,
            RISING | STANDING => {
                let number = decoder.unsigned()?;
                // A kind of a later version.
                let Some(kind) = ConditionKind::ALL.into_iter().find(|kind| kind.number() == number) else { continue };
                if conditions.states.last().is_some_and(|(last, _)| *last >= kind) {
                    return Err(Corrupt);
                }
                let since = Timestamp::from_nanos(decoder.signed()?);
                let time = decoder.span()?;
                let state = match tag {
                    RISING => ConditionState::Rising { since, over: time },
                    _ => {
                        let reason = decode_reason(kind, &mut decoder)?;
                        ConditionState::Standing(StandingCondition { since, reason, contrary: time })
                    }
                };
                conditions.states.push((kind, state));
            }
            _ => {}
        }
    }
    Ok(conditions)
}

fn encode_usual(usual: &Usual) -> Vec<u8> {
    let Usual { since, window, interval, windows, varied, intervals, last_away, level, squares, within, .. } = usual;
    let Usual { rises, falls, varying, pauses, is_known, varied_before, .. } = usual;
    let Pauses { longest, second, lasting, count } = pauses;
    let mut value = Encoder::default();
    for time in [since.nanos(), window.nanos(), interval.nanos()] {
        value.signed(time);
    }
    value.unsigned(u64::from(*windows));
    value.unsigned(u64::from(*varied));
    for number in [f64::from(*intervals), *level, *squares, *within] {
        value.float(number);
    }
    value.signed(window.times((*longest).into()).nanos());
    value.unsigned(u64::from(*is_known));
    for number in [rises, falls, varying, longest, second, lasting] {
        value.unsigned(u64::from(*number));
    }
    value.unsigned(u64::from(*count));
    value.unsigned(u64::from(*varied_before));
    value.float(f64::from(*last_away));
    value.into_bytes()
}

fn decode_usual(decoder: &mut Decoder<'_>) -> Result<Usual, Corrupt> {
    let mut usual = Usual {
        since: Timestamp::from_nanos(decoder.signed()?),
        window: decoder.span()?,
        interval: decoder.span()?,
        windows: decoder.narrow()?,
        varied: decoder.narrow()?,
        intervals: half(decoder.float()?),
        level: decoder.float()?,
        squares: decoder.float()?,
        within: decoder.float()?,
        ..Usual::default()
    };
    let longest_pause = decoder.span()?;
    usual.is_known = decoder.unsigned()? != 0;
    // An earlier version kept the longest pause only, which may have been an outage: no pause is usual then.
    if decoder.is_at_end() {
        let longest = longest_pause.nanos() / usual.window.nanos().max(1);
        usual.pauses.longest = u16::try_from(longest).unwrap_or(u16::MAX);
        return Ok(usual);
    }
    for count in [&mut usual.rises, &mut usual.falls, &mut usual.varying] {
        *count = decoder.narrow()?;
    }
    let (longest, second, lasting) = (decoder.narrow()?, decoder.narrow()?, decoder.narrow()?);
    usual.pauses = Pauses { longest, second, lasting, count: decoder.narrow()? };
    usual.varied_before = decoder.unsigned()? != 0;
    usual.last_away = half(decoder.float()?);
    Ok(usual)
}

/// A number that was stored with more digits than are kept of it.
#[expect(clippy::cast_possible_truncation, reason = "the number was made of one with as few digits")]
fn half(number: f64) -> f32 {
    number as f32
}

fn encode_reason(value: &mut Encoder, reason: &Reason) {
    match reason {
        Reason::Silent => {}
        Reason::Stuck { value: stuck_at } => value.float(*stuck_at),
        Reason::Sparse { intervals, usual } => {
            value.unsigned(u64::from(*intervals));
            value.float(*usual);
        }
        Reason::OutOfRange { words } => value.blob(words.as_bytes()),
        Reason::Drifting { mean, usual, deviation } => {
            [mean, usual, deviation].into_iter().for_each(|number| value.float(*number));
        }
        Reason::ClockWrong { off_nanos } => value.signed(*off_nanos),
    }
}

fn decode_reason(kind: ConditionKind, decoder: &mut Decoder<'_>) -> Result<Reason, Corrupt> {
    Ok(match kind {
        ConditionKind::Silent => Reason::Silent,
        ConditionKind::Stuck => Reason::Stuck { value: decoder.float()? },
        ConditionKind::Sparse => Reason::Sparse { intervals: decoder.narrow()?, usual: decoder.float()? },
        ConditionKind::OutOfRange => Reason::OutOfRange { words: decoder.text()?.into() },
        ConditionKind::Drifting => {
            Reason::Drifting { mean: decoder.float()?, usual: decoder.float()?, deviation: decoder.float()? }
        }
        ConditionKind::ClockWrong => Reason::ClockWrong { off_nanos: decoder.signed()? },
    })
}

/// What of a window of all sensors could be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WindowScan {
    /// All of it.
    Whole,
    /// Not all: a sensor that was not handed over may have a window.
    InPart,
}

impl Reader {
    /// The conditions of all sensors that have an entry. What cannot be read is named in the log, and left out.
    pub fn conditions(&self) -> Result<Vec<(SensorId, SensorConditions)>, StoreError> {
        let mut all = Vec::new();
        for (number, value) in self.entries("conditions", &self.tables.conditions, self.numbers()?)? {
            match decode(&value) {
                Ok(conditions) => all.push((SensorId(number), conditions)),
                Err(Corrupt) => {
                    let cost = format!("the conditions of sensor number {number}, and what is usual for it");
                    self.unreadable.add("conditions", &number.to_be_bytes(), cost);
                }
            }
        }
        Ok(all)
    }

    /// The time before which windows were looked at for conditions; `None` before the first.
    pub fn conditions_until(&self) -> Result<Option<Timestamp>, StoreError> {
        let nanos = match readable(self.tables.progress.get(CONDITIONS_KEY))? {
            Some(None) => return Ok(None),
            nanos => nanos.flatten().and_then(|nanos| nanos.try_into().ok()),
        };
        if nanos.is_none() {
            self.unreadable.add("progress", CONDITIONS_KEY, "the windows that were not looked at for conditions");
        }
        Ok(nanos.map(|nanos| Timestamp::from_nanos(i64::from_be_bytes(nanos))))
    }

    /// Hands over what each sensor has of a window that was closed, in the order of the sensors' numbers. A window that
    /// cannot be read is handed over as `None`. It is one pass over neighbouring entries.
    pub fn scan_window(
        &self,
        window: Window,
        each: &mut dyn FnMut(SensorId, Option<&[Interval]>),
    ) -> Result<WindowScan, StoreError> {
        let cut = self.settings.cut;
        let slot = ring_slot(window, self.settings.windows).to_be_bytes();
        let scanned = self.tables.windows.scan_parts(&slot, &mut |key, value| {
            let Some(sensor) = key.strip_prefix(&slot).and_then(number_of).map(SensorId) else { return };
            let Ok(block) = checksum::checked(key, value.to_vec()) else { return each(sensor, None) };
            let block = WindowBlock::from_bytes(block);
            match block.window_start() {
                // The slot's window of an earlier round of the ring.
                Ok(start) if start != window.start() => {}
                Ok(_) => match block.intervals(cut) {
                    Ok(intervals) => each(sensor, Some(&intervals)),
                    Err(Corrupt) => each(sensor, None),
                },
                Err(Corrupt) => each(sensor, None),
            }
        });
        Ok(if readable(scanned)?.is_some() { WindowScan::Whole } else { WindowScan::InPart })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::time::Span;

    fn reason(kind: ConditionKind, a: f64, b: f64, nanos: i64) -> Reason {
        match kind {
            ConditionKind::Silent => Reason::Silent,
            ConditionKind::Stuck => Reason::Stuck { value: a },
            ConditionKind::Sparse => Reason::Sparse { intervals: 7, usual: b },
            ConditionKind::OutOfRange => Reason::OutOfRange { words: format!("mean of {a}").into() },
            ConditionKind::Drifting => Reason::Drifting { mean: a, usual: b, deviation: 0.5 },
            ConditionKind::ClockWrong => Reason::ClockWrong { off_nanos: nanos },
        }
    }

    fn some_conditions() -> impl Strategy<Value = SensorConditions> {
        let numbers = (any::<i64>(), any::<u32>(), prop::num::f64::NORMAL, prop::num::f64::NORMAL);
        (numbers, prop::array::uniform6(0..3_u8), any::<bool>()).prop_map(|((nanos, count, a, b), states, is_known)| {
            let since = Timestamp::from_nanos(nanos);
            let over = Span::from_nanos(count);
            let small = u16::try_from(count % 60_000).unwrap();
            let states = ConditionKind::ALL.into_iter().zip(states).filter_map(|(kind, state)| match state {
                0 => None,
                1 => Some((kind, ConditionState::Rising { since, over })),
                _ => {
                    let reason = reason(kind, a, b, nanos);
                    Some((kind, ConditionState::Standing(StandingCondition { since, reason, contrary: over })))
                }
            });
            let usual = Usual {
                since,
                window: over,
                interval: over,
                windows: count,
                varied: count / 2,
                intervals: half(a),
                last_away: half(b),
                level: b,
                squares: a,
                within: b,
                rises: small,
                falls: small / 3,
                varying: small / 2,
                pauses: Pauses { longest: small, second: small / 2, lasting: small / 5, count: 3 },
                is_known,
                varied_before: !is_known,
            };
            SensorConditions { changed_by: since, usual, states: states.collect() }
        })
    }

    proptest! {
        #[test]
        fn conditions_come_back_as_they_were(conditions in some_conditions()) {
            prop_assert_eq!(decode(&encode(&conditions)), Ok(conditions));
        }

        #[test]
        fn a_flipped_bit_is_found(conditions in some_conditions(), place in any::<prop::sample::Index>(), bit in 0..8_u32) {
            let mut bytes = encode(&conditions);
            let place = place.index(bytes.len());
            bytes[place] ^= 1 << bit;
            prop_assert_eq!(decode(&bytes), Err(Corrupt));
        }

        /// Under a right checksum, as somebody who means harm would write it.
        #[test]
        fn any_bytes_are_conditions_or_an_error(
            conditions in some_conditions(), place in any::<prop::sample::Index>(), byte in any::<u8>(),
        ) {
            let mut bytes = encode(&conditions);
            bytes.truncate(bytes.len() - 4);
            let place = place.index(bytes.len());
            bytes[place] = byte;
            bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
            let _ = decode(&bytes);
        }
    }

    #[test]
    fn kinds_and_fields_of_a_later_version_are_passed_over() {
        let silent = StandingCondition { since: Timestamp::default(), reason: Reason::Silent, contrary: Span::ZERO };
        let states = vec![(ConditionKind::Silent, ConditionState::Standing(silent))];
        let conditions = SensorConditions { states, ..SensorConditions::default() };
        let mut extended = FieldWriter::new(FORMAT);
        for field in unsealed(&encode(&conditions), FORMAT).unwrap() {
            let (tag, value) = field.unwrap();
            extended.field(tag, value);
        }
        extended.field(STANDING, &[99, 0, 0, 1, 2, 3]);
        extended.field(77, b"of a later version");
        assert_eq!(decode(&extended.sealed()), Ok(conditions));
    }
}
