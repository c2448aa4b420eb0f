//! The logs of runs: an entry a run, in the ring of the runs that are kept with their verdicts.

use crate::codec::{Corrupt, Decoder, Encoder};
use crate::run::{LogLine, RunId, RunLog, Urgency};
use crate::store::fields::{FieldWriter, number, unsealed};
use crate::time::Timestamp;

const FORMAT: u64 = 1;

const RUN: u64 = 1;
const LINE: u64 = 2;
const LEFT_OUT: u64 = 3;

const ERROR: u64 = 0;
const WARNING: u64 = 1;
const INFO: u64 = 2;

/// The bytes of a run's log. The run is in it, because the slots of the ring are used again.
pub(super) fn encode(run: RunId, log: &RunLog) -> Vec<u8> {
    let mut fields = FieldWriter::new(FORMAT);
    fields.number(RUN, run.0);
    for LogLine { at, urgency, sensor, text } in &log.lines {
        let mut line = Encoder::default();
        line.signed(at.nanos());
        line.unsigned(match urgency {
            Urgency::Error => ERROR,
            Urgency::Warning => WARNING,
            Urgency::Info => INFO,
        });
        // No sensor has an empty name.
        line.blob(sensor.as_deref().unwrap_or_default().as_bytes());
        line.blob(text.as_bytes());
        fields.field(LINE, &line.into_bytes());
    }
    fields.number(LEFT_OUT, log.left_out);
    fields.sealed()
}

/// A run's log, and the run.
pub(super) fn decode(bytes: &[u8]) -> Result<(RunId, RunLog), Corrupt> {
    let (mut run, mut log) = (None, RunLog::default());
    for field in unsealed(bytes, FORMAT)? {
        let (tag, value) = field?;
        match tag {
            RUN => run = Some(RunId(number(value)?)),
            LINE => log.lines.push(decode_line(value)?),
            LEFT_OUT => log.left_out = number(value)?,
            _ => {}
        }
    }
    Ok((run.ok_or(Corrupt)?, log))
}

fn decode_line(value: &[u8]) -> Result<LogLine, Corrupt> {
    let mut line = Decoder::new(value);
    let at = Timestamp::from_nanos(line.signed()?);
    let urgency = match line.unsigned()? {
        ERROR => Urgency::Error,
        WARNING => Urgency::Warning,
        INFO => Urgency::Info,
        _ => return Err(Corrupt),
    };
    let sensor = Some(line.text()?.to_owned()).filter(|sensor| !sensor.is_empty());
    Ok(LogLine { at, urgency, sensor, text: line.text()?.to_owned() })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_line() -> impl Strategy<Value = LogLine> {
        let urgency = prop_oneof![Just(Urgency::Error), Just(Urgency::Warning), Just(Urgency::Info)];
        (any::<i64>(), urgency, proptest::option::of("[a-z]{1,9}/[a-zü]{1,9}"), ".{0,80}").prop_map(
            |(nanos, urgency, sensor, text)| LogLine { at: Timestamp::from_nanos(nanos), urgency, sensor, text },
        )
    }

    proptest! {
        #[test]
        fn a_log_comes_back_and_a_damaged_one_is_noticed(
            lines in prop::collection::vec(any_line(), 0..20), left_out in any::<u64>(),
            place in any::<prop::sample::Index>(), bit in 0..8_u32,
        ) {
            let log = RunLog { lines, left_out };
            let mut bytes = encode(RunId(7), &log);
            prop_assert_eq!(decode(&bytes), Ok((RunId(7), log)));
            let place = place.index(bytes.len());
            bytes[place] ^= 1 << bit;
            prop_assert_eq!(decode(&bytes), Err(Corrupt));
        }
    }
}
