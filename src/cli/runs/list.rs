//! `anomalyd runs list`: the newest runs, and the windows that no run has scored.

use std::io::Write;

use super::Common;
use crate::answers::{MissedWindows, Run, RunState, Schedule};
use crate::cli::arguments::parse_group;
use crate::cli::pages::each_entry;
use crate::cli::status::{second, window};
use crate::cli::table::{Colours, Column, Output, TableCell, TextTable, Tint};
use crate::group::GroupName;
use crate::http::client::quoted;
use crate::printable::Printable;
use crate::time::Span;

/// Lists the newest runs, and the windows that no run has scored, with the reason.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct ListArgs {
    /// How many of the newest runs
    #[arg(long, value_name = "COUNT", default_value_t = 24)]
    last: usize,
    /// Only runs and windows of this group
    #[arg(long, value_name = "NAME", value_parser = parse_group)]
    group: Option<GroupName>,
    #[command(flatten)]
    common: Common,
}

pub(super) fn run(args: &ListArgs) -> anyhow::Result<()> {
    let daemon = args.common.daemon()?;
    let of_group = args.group.as_ref().map_or_else(String::new, |group| format!("?group={}", quoted(group.as_str())));
    let runs = format!("/api/v1/runs{of_group}");
    if args.common.json {
        let mut out = Output::json();
        return each_entry(&daemon, &runs, args.last, |run: Run| {
            Ok(writeln!(out, "{}", serde_json::to_string(&run)?)?)
        });
    }
    let Schedule { mut missed, groups, .. } = daemon.get("/api/v1/schedule")?.json()?;
    missed.retain(|missed| args.group.as_ref().is_none_or(|group| group.as_str() == missed.group));
    // Where all sensors are in one group, nobody need be told which.
    let of_groups = if groups.len() > 1 { vec![Column::left("group")] } else { Vec::new() };
    let columns = [Column::right("run")].into_iter().chain(of_groups).chain([
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
    let mut table = TextTable::new(columns.collect::<Vec<_>>());
    each_entry(&daemon, &runs, args.last, |run: Run| {
        let group = (groups.len() > 1).then(|| TableCell::from(&*run.group));
        let cells = [run.id.to_string().into()].into_iter().chain(group).chain(row(&run));
        table.row(cells.collect::<Vec<_>>());
        anyhow::Ok(())
    })?;
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

/// A run's row, but for its number and group.
fn row(run: &Run) -> [TableCell; 9] {
    let (state, tint) = match run.state {
        RunState::Started => ("goes on", Tint::None),
        RunState::Finished => ("finished", Tint::Good),
        RunState::CutOff => ("cut off", Tint::Bad),
    };
    let tally = run.tally.unwrap_or_default();
    let failed = tally.not_scored();
    let tinted = |count: u64, tint| TableCell::tinted(count.to_string(), if count > 0 { tint } else { Tint::None });
    [
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
