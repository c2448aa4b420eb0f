//! `anomalyd runs show`: who ran when and why, how long each part took, and what came out for each sensor.

use std::io::Write;

use super::Common;
use super::list::length;
use crate::answers::{Outcome, Run, RunOutcome, RunTimes, SlowSensor};
use crate::cli::pages::each_entry;
use crate::cli::status::{run_words, second};
use crate::cli::table::{Colours, Column, Output, TableCell, TextTable, Tint};
use crate::printable::Printable;

/// Tells of one run: why and when it took place, how long each part took, and what it said of each sensor.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct ShowArgs {
    /// The run
    id: u64,
    #[command(flatten)]
    common: Common,
}

pub(super) fn run(args: &ShowArgs) -> anyhow::Result<()> {
    let (daemon, id) = (args.common.daemon()?, args.id);
    let outcomes = format!("/api/v1/runs/{id}/outcomes");
    if args.common.json {
        let mut out = Output::json();
        return each_entry(&daemon, &outcomes, usize::MAX, |outcome: RunOutcome| {
            Ok(writeln!(out, "{}", serde_json::to_string(&outcome)?)?)
        });
    }
    let run: Run = daemon.get(&format!("/api/v1/runs/{id}"))?.json()?;
    let mut table = TextTable::new([
        Column::left("sensor"),
        Column::left("outcome"),
        Column::right("anomalies"),
        Column::right("score"),
        Column::left("why"),
    ]);
    each_entry(&daemon, &outcomes, usize::MAX, |outcome: RunOutcome| {
        let (word, tint) = outcome_word(outcome.outcome, outcome.anomalies);
        table.row([
            outcome.sensor.into(),
            TableCell::tinted(word, tint),
            outcome.anomalies.to_string().into(),
            outcome.score.map_or_else(String::new, |score| format!("{score:.2}")).into(),
            outcome.reason.unwrap_or_default().into(),
        ]);
        anyhow::Ok(())
    })?;
    let colours = Colours::of_stdout();
    let mut out = Output::text(colours);
    writeln!(out, "{}", Printable(run_words(&run)))?;
    write_course(&run, &mut out)?;
    writeln!(out)?;
    Ok(table.write(colours, &mut out)?)
}

/// Writes when the run took place, for whom, and what took its time.
fn write_course(run: &Run, out: &mut dyn Write) -> anyhow::Result<()> {
    if let Some(request) = &run.request {
        writeln!(out, "asked for: {}", Printable(request))?;
    }
    match (run.begun, run.ended) {
        (Some(begun), Some(ended)) => writeln!(out, "began {}, ended {}", second(begun), second(ended))?,
        (Some(begun), None) => writeln!(out, "began {}", second(begun))?,
        (None, _) => writeln!(out, "when it began is not known: an earlier version wrote it")?,
    }
    if let Some(RunTimes { read_seconds, score_seconds, until_last_outcome_seconds, store_seconds }) = run.times {
        let store = store_seconds.map_or_else(String::new, |store| format!(", storing took another {}", length(store)));
        writeln!(
            out,
            "the last outcome came after {}{store}; over all sensors, reading took {} and scoring {}",
            length(until_last_outcome_seconds),
            length(read_seconds),
            length(score_seconds),
        )?;
    }
    if !run.slowest.is_empty() {
        let slow = |SlowSensor { sensor, read_seconds, score_seconds }: &SlowSensor| {
            format!("{sensor} {}", length(read_seconds + score_seconds))
        };
        let slowest = run.slowest.iter().map(slow).collect::<Vec<_>>().join(", ");
        writeln!(out, "the slowest: {}", Printable(slowest))?;
    }
    writeln!(out, "settings {}, models {}", run.settings, run.models)?;
    Ok(())
}

fn outcome_word(outcome: Outcome, anomalies: u32) -> (&'static str, Tint) {
    match outcome {
        Outcome::Scored if anomalies > 0 => ("anomalous", Tint::Bad),
        Outcome::Scored => ("scored", Tint::Good),
        Outcome::NoData => ("no readings", Tint::Warning),
        Outcome::TooLittleData => ("too few", Tint::Warning),
        Outcome::Failed => ("failed", Tint::Bad),
        Outcome::TimedOut => ("timed out", Tint::Bad),
        Outcome::Quarantined => ("quarantined", Tint::Bad),
        Outcome::Unproven => ("not proven", Tint::Bad),
    }
}
