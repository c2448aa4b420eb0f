//! The run ledger: one entry a run, in a ring.

use crate::codec::{Corrupt, Decoder, Encoder};
use crate::interval::Cut;
use crate::run::{Run, RunState, Tally};
use crate::time::Timestamp;

const FORMAT: u64 = 1;
const STARTED: u64 = 0;
const FINISHED: u64 = 1;

pub(super) fn encode(run: &Run) -> Vec<u8> {
    let mut encoder = Encoder::default();
    encoder.unsigned(FORMAT);
    encoder.signed(run.window.start().nanos());
    encoder.unsigned(u64::from(run.scope));
    encoder.unsigned(run.settings);
    match run.state {
        RunState::Started => encoder.unsigned(STARTED),
        RunState::Finished(tally) => {
            encoder.unsigned(FINISHED);
            let Tally { scored, no_data, too_little_data, failed, quarantined, rows, anomalies } = tally;
            for count in [scored, no_data, too_little_data, failed, quarantined] {
                encoder.unsigned(u64::from(count));
            }
            encoder.unsigned(rows);
            encoder.unsigned(anomalies);
        }
    }
    encoder.into_bytes()
}

pub(super) fn decode(cut: Cut, bytes: &[u8]) -> Result<Run, Corrupt> {
    let mut decoder = Decoder::new(bytes);
    if decoder.unsigned()? != FORMAT {
        return Err(Corrupt);
    }
    let window = cut.window_of(Timestamp::from_nanos(decoder.signed()?));
    let scope = decoder.narrow()?;
    let settings = decoder.unsigned()?;
    let state = match decoder.unsigned()? {
        STARTED => RunState::Started,
        FINISHED => RunState::Finished(Tally {
            scored: decoder.narrow()?,
            no_data: decoder.narrow()?,
            too_little_data: decoder.narrow()?,
            failed: decoder.narrow()?,
            quarantined: decoder.narrow()?,
            rows: decoder.unsigned()?,
            anomalies: decoder.unsigned()?,
        }),
        _ => return Err(Corrupt),
    };
    Ok(Run { window, scope, settings, state })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Span;

    #[test]
    fn a_run_comes_back_started_and_finished() {
        let cut = Cut::new(Span::from_secs(60), Span::from_secs(3600)).unwrap();
        let window = cut.window_of(Timestamp::from_nanos(7_200_000_000_000));
        let tally = Tally { scored: 1, no_data: 2, failed: 300, rows: 60, anomalies: 7, ..Tally::default() };
        for state in [RunState::Started, RunState::Finished(tally)] {
            let run = Run { window, scope: 303, settings: u64::MAX, state };
            assert_eq!(decode(cut, &encode(&run)), Ok(run));
        }
    }
}
