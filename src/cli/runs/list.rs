//! `anomalyd runs list`: the newest runs, and the windows that no run has scored.

use std::io::Write;

use super::Common;
use crate::answers::{MissedWindows, Run, RunState, Schedule};
use crate::cli::pages::each_entry;
use crate::cli::status::{second, window};
use crate::cli::table::{Colours, Column, Output, TableCell, TextTable, Tint};
use crate::printable::Printable;
use crate::time::Span;

/// Lists the newest runs, and the windows that no run has scored, with the reason.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct ListArgs {
    /// How many of the newest runs
    #[arg(long, value_name = "COUNT", default_value_t = 24)]
    last: usize,
    #[command(flatten)]
    common: Common,
}

pub(super) fn run(args: &ListArgs) -> anyhow::Result<()> {
    let daemon = args.common.daemon()?;
    if args.common.json {
        let mut out = Output::json();
        return each_entry(&daemon, "/api/v1/runs", args.last, |run: Run| {
            Ok(writeln!(out, "{}", serde_json::to_string(&run)?)?)
        });
    }
    let mut table = TextTable::new([
        Column::right("run"),
        Column::left("window"),
        Column::left("state"),
        Column::left("began by"),
        Column::left("began"),
        Column::right("took"),
        Column::left("window closed"),
        Column::right("scored"),
        Column::right("failed"),
        Column::right("anomalies"),
    ]);
    each_entry(&daemon, "/api/v1/runs", args.last, |run: Run| {
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

/// A length of time for people: `312ms`, `4.25s`.
pub(super) fn length(seconds: f64) -> String {
    std::time::Duration::try_from_secs_f64(seconds)
        .map_or_else(|_| String::new(), |length| Span::from(length).rounded().to_string())
}

fn row(run: &Run) -> [TableCell; 10] {
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
        run.begun.map(second).unwrap_or_default().into(),
        run.times.map(|times| length(times.total_seconds())).unwrap_or_default().into(),
        (&*run.closing).into(),
        tally.scored.to_string().into(),
        tinted(failed.into(), Tint::Bad),
        tinted(tally.anomalies, Tint::Warning),
    ]
}
