//! The run ledger: one entry a run, in a ring, in the slot of its id.

use std::time::Duration;

use crate::codec::{Corrupt, Decoder, Encoder};
use crate::group::GroupName;
use crate::interval::{Cut, Window};
use crate::number_set::NumberSet;
use crate::run::{Closing, Run, RunCourse, RunId, RunState, Tally, Trigger};
use crate::store::fields::{FieldWriter, number, unsealed};
use crate::store::run_course;
use crate::time::{Span, Timestamp};

const FORMAT: u64 = 2;

/// More numbers than any store gives to sensors: a few damaged bytes may stand for a scope of billions.
const MAX_SENSORS: u32 = 1 << 26;

const ID: u64 = 1;
const WINDOW: u64 = 2;
const GROUP: u64 = 3;
const TRIGGER: u64 = 4;
const REVISION: u64 = 5;
const SCOPE: u64 = 6;
const SETTINGS: u64 = 7;
const MODELS: u64 = 8;
const CLOSING: u64 = 9;
/// Only a run that has ended has this field.
const TALLY: u64 = 10;
/// The length of the window. The entry of an earlier version has neither this nor the interval: its window and intervals
/// were those of the store.
const LENGTH: u64 = 11;
const INTERVAL: u64 = 12;
/// Only a run that was cut off for good has this field, which is empty. An earlier version passes it over, and takes the
/// run for one that has begun, as it took all that were cut off.
const CUT_OFF: u64 = 18;

const SCHEDULE: u64 = 0;
const CATCH_UP: u64 = 1;
const COMMAND: u64 = 2;

const ON_TIME: u64 = 0;
const HELD: u64 = 1;
const AT_BOUND: u64 = 2;

pub(super) fn encode(run: &Run) -> Vec<u8> {
    let mut fields = FieldWriter::new(FORMAT);
    fields.number(ID, run.id.0);
    fields.field(WINDOW, &run.window.start().nanos().to_le_bytes());
    fields.field(LENGTH, &run.window.length().nanos().to_le_bytes());
    fields.field(INTERVAL, &run.interval.nanos().to_le_bytes());
    fields.field(GROUP, run.group.as_str().as_bytes());
    let trigger = match run.trigger {
        Trigger::Schedule => SCHEDULE,
        Trigger::CatchUp => CATCH_UP,
        Trigger::Command => COMMAND,
    };
    fields.number(TRIGGER, trigger);
    fields.number(REVISION, u64::from(run.revision));
    fields.field(SCOPE, &run.scope.encode());
    fields.field(SETTINGS, &run.settings.to_le_bytes());
    fields.field(MODELS, &run.models.to_le_bytes());
    fields.field(CLOSING, &encode_closing(run.closing));
    match run.state {
        RunState::Started => {}
        RunState::CutOff => fields.field(CUT_OFF, &[]),
        RunState::Finished(tally) => fields.field(TALLY, &encode_tally(tally)),
    }
    run_course::put(&mut fields, &run.course);
    fields.sealed()
}

/// Reads a run of a store that cuts time so.
pub(super) fn decode(cut: Cut, bytes: &[u8]) -> Result<Run, Corrupt> {
    let (mut id, mut start, mut group, mut trigger, mut scope) = (None, None, None, None, None);
    let (mut revision, mut settings, mut models, mut closing) = (0, None, None, Closing::OnTime);
    let (mut length, mut interval) = (cut.window(), cut.interval());
    let mut state = RunState::Started;
    let mut course = RunCourse::default();
    for field in unsealed(bytes, FORMAT)? {
        let (tag, value) = field?;
        match tag {
            ID => id = Some(RunId(number(value)?)),
            WINDOW => start = Some(Timestamp::from_nanos(i64::from_le_bytes(array(value)?))),
            LENGTH => length = span(value)?,
            INTERVAL => interval = span(value)?,
            GROUP => group = GroupName::new(std::str::from_utf8(value).map_err(|_| Corrupt)?),
            TRIGGER => {
                trigger = match number(value)? {
                    SCHEDULE => Some(Trigger::Schedule),
                    CATCH_UP => Some(Trigger::CatchUp),
                    COMMAND => Some(Trigger::Command),
                    _ => None,
                };
            }
            REVISION => revision = number(value)?,
            SCOPE => {
                let sensors = NumberSet::decode(value)?;
                scope = Some(sensors).filter(|sensors| sensors.last().is_none_or(|last| last < MAX_SENSORS));
            }
            SETTINGS => settings = Some(u64::from_le_bytes(array(value)?)),
            MODELS => models = Some(u64::from_le_bytes(array(value)?)),
            CLOSING => closing = read_closing(&mut Decoder::new(value))?,
            CUT_OFF => state = RunState::CutOff,
            TALLY => state = RunState::Finished(read_whole_tally(value)?),
            tag => run_course::take(&mut course, tag, value)?,
        }
    }
    Cut::new(interval, length).map_err(|_| Corrupt)?;
    Ok(Run {
        id: id.ok_or(Corrupt)?,
        window: Window::new(start.ok_or(Corrupt)?, length),
        interval,
        group: group.ok_or(Corrupt)?,
        trigger: trigger.ok_or(Corrupt)?,
        revision,
        scope: scope.ok_or(Corrupt)?,
        settings: settings.ok_or(Corrupt)?,
        models: models.ok_or(Corrupt)?,
        closing,
        state,
        course,
    })
}

fn array<const N: usize>(value: &[u8]) -> Result<[u8; N], Corrupt> {
    value.try_into().map_err(|_| Corrupt)
}

fn span(value: &[u8]) -> Result<Span, Corrupt> {
    let nanos = u64::from_le_bytes(array(value)?);
    Some(Span::from(Duration::from_nanos(nanos))).filter(|span| *span > Span::ZERO).ok_or(Corrupt)
}

fn encode_closing(closing: Closing) -> Vec<u8> {
    let (kind, held) = match closing {
        Closing::OnTime => (ON_TIME, Span::ZERO),
        Closing::Held(held) => (HELD, held),
        Closing::AtBound(held) => (AT_BOUND, held),
    };
    let mut encoder = Encoder::default();
    encoder.unsigned(kind);
    encoder.signed(held.nanos());
    encoder.into_bytes()
}

/// Reads how a window was closed; stores of every format have it so.
pub(super) fn read_closing(decoder: &mut Decoder<'_>) -> Result<Closing, Corrupt> {
    let (kind, held) = (decoder.unsigned()?, decoder.span()?);
    match kind {
        ON_TIME => Ok(Closing::OnTime),
        HELD => Ok(Closing::Held(held)),
        AT_BOUND => Ok(Closing::AtBound(held)),
        _ => Err(Corrupt),
    }
}

fn encode_tally(tally: Tally) -> Vec<u8> {
    let Tally { scored, no_data, too_little_data, failed, quarantined, rows, anomalies, timed_out, unproven } = tally;
    let mut encoder = Encoder::default();
    for count in [scored, no_data, too_little_data, failed, quarantined] {
        encoder.unsigned(u64::from(count));
    }
    encoder.unsigned(rows);
    encoder.unsigned(anomalies);
    encoder.unsigned(u64::from(timed_out));
    encoder.unsigned(u64::from(unproven));
    encoder.into_bytes()
}

/// Reads the counts of a run. Those of runs from before there were the last two end sooner.
fn read_whole_tally(value: &[u8]) -> Result<Tally, Corrupt> {
    let mut decoder = Decoder::new(value);
    let tally = read_tally(&mut decoder)?;
    if decoder.is_at_end() {
        return Ok(tally);
    }
    Ok(Tally { timed_out: decoder.narrow()?, unproven: decoder.narrow()?, ..tally })
}

/// Reads the counts that runs in stores of every format have.
pub(super) fn read_tally(decoder: &mut Decoder<'_>) -> Result<Tally, Corrupt> {
    Ok(Tally {
        scored: decoder.narrow()?,
        no_data: decoder.narrow()?,
        too_little_data: decoder.narrow()?,
        failed: decoder.narrow()?,
        quarantined: decoder.narrow()?,
        rows: decoder.unsigned()?,
        anomalies: decoder.unsigned()?,
        ..Tally::default()
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cut() -> Cut {
        Cut::new(Span::from_secs(60), Span::from_secs(3600)).unwrap()
    }

    fn run(closing: Closing, state: RunState) -> Run {
        Run {
            id: RunId(u64::MAX - 1),
            window: Window::new(Timestamp::from_nanos(7_800_000_000_000), Span::from_secs(1200)),
            interval: Span::from_secs(120),
            group: GroupName::new("line 3").unwrap(),
            trigger: Trigger::CatchUp,
            revision: 2,
            scope: [0, 1, 2, 900].into_iter().collect(),
            settings: u64::MAX,
            models: 7,
            closing,
            state,
            course: RunCourse::default(),
        }
    }

    #[test]
    fn a_run_comes_back_started_and_finished() {
        let tally = Tally {
            scored: 1,
            no_data: 2,
            too_little_data: 3,
            failed: 300,
            quarantined: 4,
            rows: 60,
            anomalies: 7,
            timed_out: 5,
            unproven: 600,
        };
        for state in [RunState::Started, RunState::CutOff, RunState::Finished(tally)] {
            for closing in [Closing::OnTime, Closing::Held(Span::from_secs(7)), Closing::AtBound(Span::from_secs(3600))]
            {
                let run = run(closing, state);
                assert_eq!(decode(cut(), &encode(&run)), Ok(run));
            }
        }
    }

    #[test]
    fn the_counts_of_a_run_from_before_scorings_could_time_out_are_read_without_these() {
        let tally = Tally { scored: 7, rows: 420, anomalies: 3, ..Tally::default() };
        let mut earlier = encode_tally(tally);
        earlier.truncate(earlier.len() - 2);
        assert_eq!(read_whole_tally(&earlier), Ok(tally));
        earlier.push(1);
        assert_eq!(read_whole_tally(&earlier), Err(Corrupt), "one of the two is missing");
    }

    #[test]
    fn a_field_of_a_later_version_is_passed_over() {
        let run = run(Closing::OnTime, RunState::Started);
        let mut extended = FieldWriter::new(FORMAT);
        extended.field(99, b"of a later version");
        for field in unsealed(&encode(&run), FORMAT).unwrap() {
            let (tag, value) = field.unwrap();
            extended.field(tag, value);
        }
        assert_eq!(decode(cut(), &extended.sealed()), Ok(run));
    }

    #[test]
    fn a_run_of_an_earlier_version_has_the_window_and_the_intervals_of_the_store() {
        let window = cut().window_of(Timestamp::from_nanos(7_200_000_000_000));
        let run = Run { window, interval: cut().interval(), ..run(Closing::OnTime, RunState::Started) };
        let mut earlier = FieldWriter::new(FORMAT);
        for field in unsealed(&encode(&run), FORMAT).unwrap() {
            let (tag, value) = field.unwrap();
            if ![LENGTH, INTERVAL].contains(&tag) {
                earlier.field(tag, value);
            }
        }
        assert_eq!(decode(cut(), &earlier.sealed()), Ok(run));
    }

    #[test]
    fn a_window_that_is_no_whole_number_of_intervals_is_no_run() {
        let whole = run(Closing::OnTime, RunState::Started);
        let uneven = Run { interval: Span::from_secs(7), ..whole.clone() };
        let endless = Run { window: Window::new(whole.window.start(), Span::MAX), ..whole };
        assert_eq!([decode(cut(), &encode(&uneven)), decode(cut(), &encode(&endless))], [Err(Corrupt), Err(Corrupt)]);
    }

    #[test]
    fn a_scope_of_billions_in_a_few_bytes_is_no_run() {
        for last in [0, MAX_SENSORS - 1, MAX_SENSORS, u32::MAX] {
            let mut run = run(Closing::OnTime, RunState::Started);
            run.scope = [last].into_iter().collect();
            assert_eq!(decode(cut(), &encode(&run)).is_ok(), last < MAX_SENSORS, "{last}");
        }
    }

    #[test]
    fn an_entry_without_its_window_is_no_run() {
        let mut without = FieldWriter::new(FORMAT);
        for field in unsealed(&encode(&run(Closing::OnTime, RunState::Started)), FORMAT).unwrap() {
            let (tag, value) = field.unwrap();
            if tag != WINDOW {
                without.field(tag, value);
            }
        }
        assert_eq!(decode(cut(), &without.sealed()), Err(Corrupt));
    }

    proptest! {
        #[test]
        fn a_damaged_run_is_never_taken_for_one(place in any::<prop::sample::Index>(), bit in 0..8_u32) {
            let mut bytes = encode(&run(Closing::OnTime, RunState::Finished(Tally::default())));
            let place = place.index(bytes.len());
            bytes[place] ^= 1 << bit;
            prop_assert_eq!(decode(cut(), &bytes), Err(Corrupt));
        }

        #[test]
        fn any_bytes_under_a_right_checksum_are_a_run_or_an_error(
            fields in proptest::collection::vec((0..20_u64, proptest::collection::vec(any::<u8>(), 0..20)), 0..14),
        ) {
            let mut writer = FieldWriter::new(FORMAT);
            fields.iter().for_each(|(tag, value)| writer.field(*tag, value));
            let _ = decode(cut(), &writer.sealed());
        }
    }
}
