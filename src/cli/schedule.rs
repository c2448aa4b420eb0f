//! `anomalyd schedule`: when each group fired last and fires next, and which windows no run has scored.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use crate::answers::{GivenUpWindows, GroupSchedule, LastFiring, NextFiring, Schedule};
use crate::cli::runs::write_missed;
use crate::cli::status::{second, window};
use crate::cli::store_access::running_daemon;
use crate::cli::table::{Colours, Output};
use crate::config::Config;
use crate::printable::Printable;
use crate::time::Span;

/// Tells of each group when it fired last and what came of it, and when it fires next, by the clocks of its zone and by
/// UTC; and which windows no run has scored, and why.
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
    for (place, group) in schedule.groups.iter().enumerate() {
        if place > 0 {
            writeln!(out)?;
        }
        write_group(group, &mut out)?;
    }
    if let Some(silent) = schedule.silent_seconds.filter(|silent| *silent > LONG_SILENCE) {
        writeln!(
            out,
            "\nthe scheduler has not looked for {}; it should every half minute: restart the daemon, and see its log",
            span(silent.floor())
        )?;
    }
    write_missed(&schedule.missed, &mut out)
}

/// Longer than the scheduler waits at most until it looks again.
const LONG_SILENCE: f64 = 90.0;

fn span(seconds: f64) -> Span {
    Duration::try_from_secs_f64(seconds).map_or(Span::ZERO, Span::from)
}

/// A local time without the letter in its middle.
fn local(time: &str) -> String {
    time.replacen('T', " ", 1)
}

fn write_group(schedule: &GroupSchedule, out: &mut dyn Write) -> anyhow::Result<()> {
    let GroupSchedule { group, cron, zone, window_seconds, hop_seconds, delay_seconds, catch_up, .. } = schedule;
    let hop = if (hop_seconds - window_seconds).abs() < f64::EPSILON {
        String::new()
    } else {
        format!(", one each {}", span(*hop_seconds))
    };
    let overlap = match schedule.overlap.as_str() {
        "queue" => "; a firing during the run before waits, one at a time",
        "skip" => "; a firing during the run before is skipped",
        _ => "",
    };
    let horizon = schedule
        .horizon_seconds
        .map_or_else(String::new, |horizon| format!(", if they ended within {}", span(horizon)));
    writeln!(
        out,
        "group {}: \"{cron}\" ({zone}): windows of {}{hop}, scored {} after a firing; of missed windows, the last {catch_up} \
         are scored too{horizon}{overlap}",
        Printable(group),
        span(*window_seconds),
        span(*delay_seconds),
    )?;
    if let Some(until) = schedule.scored_until {
        writeln!(out, "  all before {} is scored or given up", second(until))?;
    }
    for LastFiring { at, local: shown, words, .. } in schedule.last.iter().rev() {
        writeln!(out, "  last  {}  {}  {}", local(shown), second(*at), Printable(words))?;
    }
    if schedule.next.is_empty() {
        writeln!(out, "  the readings decide when the next run is due (clock = \"event\")")?;
    }
    for NextFiring { at, local: shown, span, windows, scored, .. } in &schedule.next {
        let covered = match windows {
            0 => "no window ends before it".to_owned(),
            1 => window(span.start, span.end),
            windows if scored < windows => {
                format!("{scored} of {windows} windows, {} (schedule.catch_up)", window(span.start, span.end))
            }
            windows => format!("{windows} windows, {}", window(span.start, span.end)),
        };
        writeln!(out, "  next  {}  {}  {covered}", local(shown), second(*at))?;
    }
    for GivenUpWindows { at, first_end, last_end, windows, words } in &schedule.given_up {
        let ends = if first_end == last_end {
            second(*last_end)
        } else {
            format!("{} to {}", second(*first_end), second(*last_end))
        };
        writeln!(out, "  given up at {}: {windows} that ended at {ends}: {}", second(*at), Printable(words))?;
    }
    Ok(())
}
