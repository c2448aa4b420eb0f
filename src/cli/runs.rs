//! `anomalyd runs`: the runs, which of them were missed, cut off or late, and what one said of each sensor.

use std::io::Write;
use std::path::PathBuf;

use crate::answers::{MissedWindows, Outcome, Run, RunOutcome, RunState, Schedule};
use crate::cli::pages::each_entry;
use crate::cli::status::{run_words, window};
use crate::cli::store_access::running_daemon;
use crate::cli::table::{Colours, Column, Output, TableCell, TextTable, Tint};
use crate::config::Config;
use crate::http::client::DaemonClient;
use crate::printable::Printable;

/// Lists the newest runs, and the windows that no run has scored, with the reason; or what one run said of each sensor.
///
/// The running daemon is asked over its local socket.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// A run: what it said of each sensor
    id: Option<u64>,
    /// How many of the newest runs
    #[arg(long, value_name = "COUNT", default_value_t = 24)]
    last: usize,
    /// JSON, a line a run, or an outcome
    #[arg(long)]
    json: bool,
    /// The configuration file
    #[arg(long, value_name = "FILE", default_value = "/etc/anomalyd/config.toml")]
    config: PathBuf,
}

/// Tells of the runs.
///
/// # Errors
/// When no daemon answers, or standard output cannot be written.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let daemon = running_daemon(&Config::read(&args.config)?)?;
    match args.id {
        Some(id) => tell_run(id, args.json, &daemon),
        None => list(args, &daemon),
    }
}

fn list(args: &Args, daemon: &DaemonClient) -> anyhow::Result<()> {
    if args.json {
        let mut out = Output::json();
        return each_entry(daemon, "/api/v1/runs", args.last, |run: Run| {
            Ok(writeln!(out, "{}", serde_json::to_string(&run)?)?)
        });
    }
    let mut table = TextTable::new([
        Column::right("run"),
        Column::left("window"),
        Column::left("state"),
        Column::left("began by"),
        Column::left("window closed"),
        Column::right("scored"),
        Column::right("failed"),
        Column::right("anomalies"),
    ]);
    each_entry(daemon, "/api/v1/runs", args.last, |run: Run| {
        table.row(row(&run));
        anyhow::Ok(())
    })?;
    let Schedule { missed, .. } = daemon.get("/api/v1/schedule")?.json()?;
    let colours = Colours::of_stdout();
    let mut out = Output::text(colours);
    table.write(colours, &mut out)?;
    write_missed(&missed, &mut out)
}

/// Writes which windows no run has scored.
pub(crate) fn write_missed(missed: &[MissedWindows], out: &mut dyn Write) -> anyhow::Result<()> {
    if !missed.is_empty() {
        writeln!(out, "\nwindows that no run has scored")?;
    }
    for MissedWindows { span, windows, words, group } in missed {
        let of_group = if group == "default" { String::new() } else { format!(" of group {}", Printable(group)) };
        writeln!(out, "  {windows}{of_group} from {}: {}", window(span.start, span.end), Printable(words))?;
    }
    Ok(())
}

fn row(run: &Run) -> [TableCell; 8] {
    let (state, tint) = match run.state {
        RunState::Started => ("goes on", Tint::None),
        RunState::Finished => ("finished", Tint::Good),
        RunState::CutOff => ("cut off", Tint::Bad),
    };
    let tally = run.tally.unwrap_or_default();
    let failed = tally.not_scored();
    let tinted = |count: u64, tint| TableCell::tinted(count.to_string(), if count > 0 { tint } else { Tint::None });
    [
        run.id.to_string().into(),
        window(run.window.start, run.window.end).into(),
        TableCell::tinted(state, tint),
        (&*run.trigger).into(),
        (&*run.closing).into(),
        tally.scored.to_string().into(),
        tinted(failed.into(), Tint::Bad),
        tinted(tally.anomalies, Tint::Warning),
    ]
}

fn tell_run(id: u64, json: bool, daemon: &DaemonClient) -> anyhow::Result<()> {
    let outcomes = format!("/api/v1/runs/{id}/outcomes");
    if json {
        let mut out = Output::json();
        return each_entry(daemon, &outcomes, usize::MAX, |outcome: RunOutcome| {
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
    each_entry(daemon, &outcomes, usize::MAX, |outcome: RunOutcome| {
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
    writeln!(out, "{}\n", Printable(run_words(&run)))?;
    Ok(table.write(colours, &mut out)?)
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
