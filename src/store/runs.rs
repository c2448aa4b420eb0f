//! The run ledger: one entry a run, in a ring.

use crate::codec::{Corrupt, Decoder, Encoder};
use crate::interval::Cut;
use crate::run::{Closing, Run, RunState, Tally};
use crate::time::{Span, Timestamp};

const FORMAT: u64 = 1;
const STARTED: u64 = 0;
const FINISHED: u64 = 1;
const ON_TIME: u64 = 0;
const HELD: u64 = 1;
const AT_BOUND: u64 = 2;

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
    // At the end, where earlier versions do not look.
    let (kind, held) = match run.closing {
        Closing::OnTime => (ON_TIME, Span::ZERO),
        Closing::Held(held) => (HELD, held),
        Closing::AtBound(held) => (AT_BOUND, held),
    };
    encoder.unsigned(kind);
    encoder.signed(held.nanos());
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
    let closing = if decoder.is_at_end() { Closing::OnTime } else { decode_closing(&mut decoder)? };
    Ok(Run { window, scope, settings, closing, state })
}

fn decode_closing(decoder: &mut Decoder<'_>) -> Result<Closing, Corrupt> {
    let (kind, held) = (decoder.unsigned()?, decoder.span()?);
    match kind {
        ON_TIME => Ok(Closing::OnTime),
        HELD => Ok(Closing::Held(held)),
        AT_BOUND => Ok(Closing::AtBound(held)),
        _ => Err(Corrupt),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut() -> Cut {
        Cut::new(Span::from_secs(60), Span::from_secs(3600)).unwrap()
    }

    #[test]
    fn a_run_comes_back_started_and_finished() {
        let cut = cut();
        let window = cut.window_of(Timestamp::from_nanos(7_200_000_000_000));
        let tally = Tally { scored: 1, no_data: 2, failed: 300, rows: 60, anomalies: 7, ..Tally::default() };
        for state in [RunState::Started, RunState::Finished(tally)] {
            for closing in [Closing::OnTime, Closing::Held(Span::from_secs(7)), Closing::AtBound(Span::from_secs(3600))]
            {
                let run = Run { window, scope: 303, settings: u64::MAX, closing, state };
                assert_eq!(decode(cut, &encode(&run)), Ok(run));
            }
        }
    }

    #[test]
    fn a_run_of_an_earlier_version_was_closed_on_time() {
        let window = cut().window_of(Timestamp::default());
        let run = Run { window, scope: 1, settings: 2, closing: Closing::OnTime, state: RunState::Started };
        let bytes = encode(&run);
        // That version's entry ended before the kind of closing and the time held, which take a byte each here.
        assert_eq!(decode(cut(), &bytes[..bytes.len() - 2]), Ok(run));
    }
}
