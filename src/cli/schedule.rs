//! `anomalyd schedule`: when runs are due, and which windows no run has scored.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use crate::answers::Schedule;
use crate::cli::runs::write_missed;
use crate::cli::status::{second, window};
use crate::cli::store_access::running_daemon;
use crate::cli::table::{Colours, Output};
use crate::config::Config;
use crate::time::Span;

/// Tells when the next runs are due, of which windows, and which windows no run has scored.
///
/// The running daemon is asked over its local socket.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// The answer of the API, as JSON
    #[arg(long)]
    json: bool,
    /// The configuration file
    #[arg(long, value_name = "FILE", default_value = "/etc/anomalyd/config.toml")]
    config: PathBuf,
}

/// Tells the schedule.
///
/// # Errors
/// When no daemon answers, or standard output cannot be written.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let daemon = running_daemon(&Config::read(&args.config)?)?;
    let schedule: Schedule = daemon.get("/api/v1/schedule")?.json()?;
    if args.json {
        return Ok(writeln!(Output::json(), "{}", serde_json::to_string(&schedule)?)?);
    }
    let mut out = Output::text(Colours::None);
    let span = |seconds: f64| Duration::try_from_secs_f64(seconds).map_or(Span::ZERO, Span::from);
    let Schedule { cron, zone, catch_up, .. } = &schedule;
    writeln!(
        out,
        "\"{cron}\" ({zone}): windows of {}, each {} after a firing; of missed windows, the last {catch_up} are scored too",
        span(schedule.window_seconds),
        span(schedule.lateness_seconds),
    )?;
    if let Some(until) = schedule.scored_until {
        writeln!(out, "all before {} is scored or given up", second(until))?;
    }
    if schedule.next.is_empty() {
        writeln!(out, "the readings decide when the next run is due (clock = \"event\")")?;
    }
    for next in &schedule.next {
        writeln!(out, "  {}  {}", second(next.at), window(next.window.start, next.window.end))?;
    }
    write_missed(&schedule.missed, &mut out)
}
