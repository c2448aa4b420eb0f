//! `anomalyd runs log`: what was logged of a run while it went on.

use std::io::Write;

use super::Common;
use crate::answers::{LogLine, RunLog, Urgency};
use crate::cli::table::{Colours, Output, Tint};
use crate::http::client::quoted;
use crate::printable::Printable;

/// Tells what was logged of a run while it went on, at whatever level the daemon's own log is.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct LogArgs {
    /// The run
    id: u64,
    /// Only lines about sensors that fit a pattern, such as press-1/*
    #[arg(long, value_name = "PATTERN")]
    sensor: Option<String>,
    #[command(flatten)]
    common: Common,
}

pub(super) fn run(args: &LogArgs) -> anyhow::Result<()> {
    let daemon = args.common.daemon()?;
    let pattern = args.sensor.as_deref().map_or_else(String::new, |sensor| format!("?pattern={}", quoted(sensor)));
    let log: RunLog = daemon.get(&format!("/api/v1/runs/{}/log{pattern}", args.id))?.json()?;
    if args.common.json {
        let mut out = Output::json();
        return log.lines.iter().try_for_each(|line| Ok(writeln!(out, "{}", serde_json::to_string(line)?)?));
    }
    let colours = Colours::of_stdout();
    let mut out = Output::text(colours);
    for LogLine { at, urgency, sensor, text } in &log.lines {
        let (word, tint) = match urgency {
            Urgency::Error => ("ERROR", Tint::Bad),
            Urgency::Warning => ("WARN", Tint::Warning),
            Urgency::Info => ("INFO", Tint::None),
        };
        let sensor = sensor.as_ref().map_or_else(String::new, |sensor| format!("{sensor}: "));
        writeln!(out, "{at} {} {}{}", colours.paint(tint, word), Printable(sensor), Printable(text))?;
    }
    if log.left_out > 0 {
        writeln!(out, "{} more lines did not fit (store.run_log); the daemon's own log has them", log.left_out)?;
    }
    Ok(())
}
