//! `anomalyd tail`: what happens, as it happens.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::thread;

use clap::builder::PossibleValuesParser;

use crate::answers::{Event, ModelState, Outcome, Run, RunState, Verdict};
use crate::cli::conditions::condition_word;
use crate::cli::sensors::{parse_pattern, said};
use crate::cli::store_access::running_daemon;
use crate::cli::table::{Colours, Output, Tint};
use crate::config::Config;
use crate::http::client::quoted;
use crate::live::EventKind;
use crate::printable::Printable;
use crate::sensor_pattern::SensorPattern;
use crate::verdict::significant;

/// Shows what happens, as it happens: readings, verdicts, runs, rejects, changes of models and conditions of sensors, a line
/// each.
///
/// The running daemon is asked over its local socket. Ctrl-C ends this, and so does the end of the daemon. What comes
/// faster than a thousand events a second is passed over, and a line says how many that were.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// The sensors, as device/sensor with * for any characters; all, if left out
    #[arg(value_parser = parse_pattern)]
    pattern: Option<SensorPattern>,
    /// Which events, with commas; all, if left out
    #[arg(long, value_name = "KINDS", value_delimiter = ',', value_parser = kind_names())]
    kinds: Vec<String>,
    /// JSON, a line an event, as the API has it
    #[arg(long)]
    json: bool,
    /// The configuration file
    #[arg(long, value_name = "FILE", default_value = "/etc/anomalyd/config.toml")]
    config: PathBuf,
}

/// The end of what happens.
#[derive(Debug, thiserror::Error)]
#[error("the daemon has stopped, and nothing more happens; its log says why")]
pub struct DaemonStopped;

/// The longest event that is read.
const MAX_LINE_BYTES: u64 = 8 << 20;

fn kind_names() -> PossibleValuesParser {
    PossibleValuesParser::new(EventKind::ALL.map(|(name, _)| name))
}

/// Shows what happens until the daemon stops, or an interrupt ends the process.
///
/// # Errors
/// When no daemon answers, it stops, or standard output cannot be written.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let daemon = running_daemon(&Config::read(&args.config)?)?;
    let mut question = "/api/v1/events".to_owned();
    let kinds = (!args.kinds.is_empty()).then(|| ("kinds", args.kinds.join(",")));
    let pattern = args.pattern.as_ref().map(|pattern| ("pattern", pattern.to_string()));
    for (place, (name, value)) in kinds.into_iter().chain(pattern).enumerate() {
        question.push_str(&format!("{}{name}={}", if place == 0 { '?' } else { '&' }, quoted(&value)));
    }
    end_with_interrupt()?;
    let mut events = BufReader::new(daemon.get(&question)?);
    let colours = Colours::of_stdout();
    let mut out = if args.json { Output::json() } else { Output::text(colours) };
    while let Some(line) = next_line(&mut events) {
        let Some(data) = line.strip_prefix("data: ") else { continue };
        if args.json {
            writeln!(out, "{data}")?;
        } else if let Ok(event) = serde_json::from_str(data) {
            writeln!(out, "{}", worded(&event, colours))?;
        }
        out.flush()?;
    }
    Err(DaemonStopped.into())
}

/// The next line; `None` when the daemon has ended, in order or not.
pub(crate) fn next_line(events: &mut impl BufRead) -> Option<String> {
    let mut line = String::new();
    match events.take(MAX_LINE_BYTES).read_line(&mut line) {
        Ok(1..) if line.ends_with('\n') => {
            line.truncate(line.trim_end().len());
            Some(line)
        }
        _ => None,
    }
}

/// Has an interrupt end the process as a success: it is how this command ends.
fn end_with_interrupt() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut interrupt = {
        let _in_runtime = runtime.enter();
        tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt())?
    };
    thread::Builder::new().name("interrupt".to_owned()).spawn(move || {
        if runtime.block_on(interrupt.recv()).is_some() {
            std::process::exit(0);
        }
    })?;
    Ok(())
}

/// An event in a line for a person.
fn worded(event: &Event, colours: Colours) -> String {
    let (kind, tint, words) = match event {
        Event::Reading { sensor, time, value } => ("reading", Tint::None, format!("{time} {sensor} {value}")),
        Event::Verdict { verdict } => {
            let (tint, words) = of_verdict(verdict);
            ("verdict", tint, format!("{} {} {words}", verdict.window.start, verdict.sensor))
        }
        Event::Run { run } => ("run", Tint::None, format!("{} {}", run.window.start, of_run(run))),
        Event::Reject { reject } => {
            ("reject", Tint::Warning, format!("{} {}: {}", reject.received, reject.origin, reject.reason))
        }
        Event::Model { model } => {
            let (tint, words) = match model.state {
                ModelState::AtWork => (Tint::Good, "is at work"),
                ModelState::AtWorkNewerRefused => (Tint::Warning, "stays at work: its newer file cannot be used"),
                ModelState::Paused => (Tint::Warning, "failed, and is tried again after a pause"),
                ModelState::Probation => (Tint::Warning, "is released, and on probation"),
                ModelState::Quarantined => (Tint::Bad, "is quarantined: it failed too often"),
                ModelState::Unusable => (Tint::Bad, "cannot be used"),
            };
            let problem = model.problem.as_ref().map_or_else(String::new, |problem| format!(": {problem}"));
            ("model", tint, format!("{} {words}{problem}", model.sensor))
        }
        Event::Condition { condition, stands, cleared_because } => {
            let why = cleared_because.as_ref().map_or_else(String::new, |why| format!(": {why}"));
            let (tint, words) = match stands {
                true => (Tint::Warning, format!(": {}", condition.words)),
                false => (Tint::Good, format!(" stands no more{why}")),
            };
            let word = condition_word(condition.condition);
            ("condition", tint, format!("{} {} {word}{words}", condition.since, condition.sensor))
        }
        Event::Missed { events } => {
            ("missed", Tint::Warning, format!("{events} events came faster than they are shown, and are passed over"))
        }
    };
    // A name from outside must not bring escapes of its own.
    colours.paint(tint, &format!("{kind:<7} {}", Printable(words)))
}

fn of_verdict(verdict: &Verdict) -> (Tint, String) {
    let score = verdict.score.map_or_else(String::new, |score| format!(", score {}", significant(score)));
    let said = said(verdict);
    let why = if said.is_empty() { said } else { format!(": {said}") };
    match verdict.outcome {
        Outcome::Scored if verdict.anomalies > 0 => (Tint::Bad, format!("anomalous{score}{why}")),
        Outcome::Scored => (Tint::Good, format!("healthy{score}{why}")),
        Outcome::NoData => (Tint::Warning, format!("no data{why}")),
        Outcome::TooLittleData => (Tint::Warning, format!("too little data{why}")),
        Outcome::Failed => (Tint::Bad, format!("failed{why}")),
        Outcome::TimedOut => (Tint::Bad, format!("timed out{why}")),
        Outcome::Quarantined => (Tint::Bad, format!("quarantined{why}")),
        Outcome::Unproven => (Tint::Bad, format!("not proven{why}")),
    }
}

fn of_run(run: &Run) -> String {
    let Run { id, trigger, sensors, closing, .. } = run;
    match (&run.state, &run.tally) {
        (RunState::Finished, Some(tally)) => format!(
            "run {id} has ended: {} of {sensors} sensors scored, {} anomalies, {} failed, {} without enough data",
            tally.scored,
            tally.anomalies,
            tally.not_scored(),
            tally.no_data + tally.too_little_data,
        ),
        _ => format!("run {id} begins: {sensors} sensors, by {trigger}, window closed {closing}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    #[test]
    fn a_line_has_the_kind_the_time_and_what_happened_and_no_escapes_from_outside() {
        let reading =
            Event::Reading { sensor: "press-1/\u{1b}[2Jflow".to_owned(), time: Timestamp::default(), value: 1.5 };
        let line = worded(&reading, Colours::None);
        assert!(line.starts_with("reading 1970-01-01T00:00:00Z press-1/") && line.ends_with("flow 1.5"), "{line}");
        assert!(!line.contains('\u{1b}'), "{line}");
        let missed = worded(&Event::Missed { events: 412 }, Colours::None);
        assert!(missed.starts_with("missed  412 events"), "{missed}");
    }

    #[test]
    fn a_stream_that_breaks_off_ends_with_its_last_whole_line() {
        let mut stream = io::Cursor::new("data: 1\n\ndata: hal");
        assert_eq!(next_line(&mut stream).as_deref(), Some("data: 1"));
        assert_eq!(next_line(&mut stream).as_deref(), Some(""));
        assert_eq!(next_line(&mut stream), None);
    }
}
