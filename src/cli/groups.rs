//! `anomalyd groups`: the groups of sensors, and how each of them is.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use crate::answers::Group;
use crate::cli::sensors::minute;
use crate::cli::store_access::running_daemon;
use crate::cli::table::{Colours, Column, Output, TableCell, TextTable, Tint};
use crate::config::Config;
use crate::time::Span;

/// Lists the groups of sensors: how their windows lie, how many of their sensors are in which state, and what is scored.
///
/// The running daemon is asked over its local socket. `anomalyd sensors --group NAME` lists the sensors of one, and
/// `anomalyd check --groups` tells without a daemon which sensor with a model is in which group.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// JSON, a line a group
    #[arg(long)]
    json: bool,
    /// The configuration file
    #[arg(long, value_name = "FILE", default_value = "/etc/anomalyd/config.toml")]
    config: PathBuf,
}

/// Lists the groups.
///
/// # Errors
/// When no daemon answers, or standard output cannot be written.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let daemon = running_daemon(&Config::read(&args.config)?)?;
    let groups: Vec<Group> = daemon.get("/api/v1/groups")?.json()?;
    if args.json {
        let mut out = Output::json();
        return groups.iter().try_for_each(|group| Ok(writeln!(out, "{}", serde_json::to_string(group)?)?));
    }
    let mut table = TextTable::new([
        Column::left("group"),
        Column::left("pattern"),
        Column::left("window"),
        Column::left("every"),
        Column::left("interval"),
        Column::right("sensors"),
        Column::right("with model"),
        Column::right("anomalous"),
        Column::right("failed"),
        Column::left("scored until (UTC)"),
    ]);
    groups.iter().for_each(|group| table.row(row(group)));
    let colours = Colours::of_stdout();
    Ok(table.write(colours, &mut Output::text(colours))?)
}

fn row(group: &Group) -> [TableCell; 10] {
    let span = |seconds: f64| {
        Duration::try_from_secs_f64(seconds).map_or_else(|_| String::new(), |span| Span::from(span).to_string())
    };
    let tinted = |count: u64| TableCell::tinted(count.to_string(), if count > 0 { Tint::Bad } else { Tint::None });
    [
        (&*group.name).into(),
        (&*group.pattern).into(),
        span(group.window_seconds).into(),
        span(group.hop_seconds).into(),
        span(group.interval_seconds).into(),
        group.sensors.known.to_string().into(),
        group.sensors.with_model.to_string().into(),
        tinted(group.sensors.anomalous),
        tinted(group.sensors.failed),
        group.scored_until.map_or_else(String::new, minute).into(),
    ]
}
