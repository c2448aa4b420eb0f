//! `anomalyd status`: how the daemon and the plant are, on one screen.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use crate::answers::{Problem, Run, Severity, Sink, SinkState, Status, Supervision, Tally, Version};
use crate::cli::size::size;
use crate::cli::store_access::{StoreAccessError, running_daemon};
use crate::cli::supervision_tree;
use crate::cli::table::{Colours, Output, Tint};
use crate::config::Config;
use crate::http::client::{ClientError, DaemonClient};
use crate::printable::Printable;
use crate::time::{Span, Timestamp};

/// Tells how the daemon and the plant are: what is wrong, what it does now and next, and how full the disk is.
///
/// The exit code is 0 when nothing is wrong, 1 when something deserves a look, 2 when the daemon does not do its work or
/// will soon not, 3 when no daemon answers, and 78 when the configuration cannot be read.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// The answer of the API, as JSON
    #[arg(long)]
    json: bool,
    /// Tells it again every two seconds, until Ctrl-C
    #[arg(long)]
    watch: bool,
    /// Tells what is supervised: the parts of the daemon and the models, by how they stand, with their last failures
    #[arg(long)]
    tree: bool,
    /// The configuration file
    #[arg(long, value_name = "FILE", default_value = "/etc/anomalyd/config.toml")]
    config: PathBuf,
}

/// How often it is told with `--watch`.
const EVERY: Duration = Duration::from_secs(2);

/// The exit code when no daemon answers.
const NO_DAEMON: u8 = 3;

/// Tells the status.
///
/// # Errors
/// When the configuration cannot be read, or standard output cannot be written.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let config = Config::read(&args.config)?;
    loop {
        let severity = match running_daemon(&config).map(|daemon| tell(args, &daemon)) {
            Ok(told) => match told {
                Ok(severity) => severity,
                Err(error) if error.is::<ClientError>() => return no_daemon(&error),
                Err(error) => return Err(error),
            },
            Err(error @ (StoreAccessError::NotRunning { .. } | StoreAccessError::NotListening { .. })) => {
                return no_daemon(&error.into());
            }
            Err(StoreAccessError::Daemon(error)) => return no_daemon(&error.into()),
            Err(error) => return Err(error.into()),
        };
        if !args.watch {
            return Ok(ExitCode::from(severity as u8));
        }
        std::thread::sleep(EVERY);
    }
}

fn no_daemon(error: &anyhow::Error) -> anyhow::Result<ExitCode> {
    writeln!(io::stderr(), "anomalyd: {}", Printable(error))?;
    Ok(ExitCode::from(NO_DAEMON))
}

fn tell(args: &Args, daemon: &DaemonClient) -> anyhow::Result<Severity> {
    let status: Status = daemon.get("/api/v1/status")?.json()?;
    if args.tree {
        tell_tree(args, daemon)?;
        return Ok(status.health.severity);
    }
    if args.json {
        writeln!(Output::json(), "{}", serde_json::to_string(&status)?)?;
        return Ok(status.health.severity);
    }
    let version: Version = daemon.get("/api/v1/version")?.json()?;
    let colours = Colours::of_stdout();
    let mut screen = Vec::new();
    if args.watch && io::stdout().is_terminal() {
        // To the corner, and nothing below what is written.
        screen.extend(b"\x1b[H\x1b[J");
    }
    write(&status, &version, colours, &mut screen)?;
    if args.watch && !io::stdout().is_terminal() {
        screen.push(b'\n');
    }
    let mut out = if args.watch { Output::Coloured(io::stdout()) } else { Output::text(colours) };
    out.write_all(&screen)?;
    out.flush()?;
    Ok(status.health.severity)
}

fn tell_tree(args: &Args, daemon: &DaemonClient) -> anyhow::Result<()> {
    let tree: Supervision = daemon.get("/api/v1/supervision")?.json()?;
    if args.json {
        return Ok(writeln!(Output::json(), "{}", serde_json::to_string(&tree)?)?);
    }
    let colours = Colours::of_stdout();
    Ok(supervision_tree::write(&tree, colours, &mut Output::text(colours))?)
}

/// Writes one screen. All that comes from outside is made printable.
fn write(status: &Status, version: &Version, colours: Colours, out: &mut dyn Write) -> io::Result<()> {
    let (word, tint) = severity_word(status.health.severity);
    let sentence = Printable(&status.health.sentence).to_string();
    writeln!(out, "{}  {sentence}", colours.paint(tint, word))?;
    for problem in &status.health.problems {
        let (word, tint) = severity_word(problem.severity);
        writeln!(out, "  {}  {}", colours.paint(tint, word), Printable(problem_words(problem)))?;
    }
    writeln!(out)?;
    for (label, text) in facts(status, version) {
        writeln!(out, "{}{}", colours.paint(Tint::Faint, &format!("{label:<11}")), Printable(text))?;
    }
    Ok(())
}

fn problem_words(problem: &Problem) -> String {
    // The words of some problems tell it themselves.
    let since = problem.since.filter(|_| !problem.words.contains(" since "));
    let since = since.map_or_else(String::new, |since| format!(" (since {})", second(since)));
    format!("{}{since}", problem.words)
}

fn severity_word(severity: Severity) -> (&'static str, Tint) {
    match severity {
        Severity::Ok => ("ok", Tint::Good),
        Severity::Warning => ("warning", Tint::Warning),
        Severity::Error => ("error", Tint::Bad),
    }
}

/// What a screen says beside the problems, by its labels.
fn facts(status: &Status, version: &Version) -> Vec<(&'static str, String)> {
    let Status { now, .. } = *status;
    let process = format!(
        "anomalyd {}, process {} of {}, since {} ({})",
        status.version,
        version.process,
        version.user,
        second(status.started),
        ago(status.started, Timestamp::now())
    );
    let held = match status.clock.held_readings {
        0 => String::new(),
        held => format!("; {held} readings wait until it is believed"),
    };
    let next = status.next_run.as_ref().map_or_else(
        || "when the readings say so".to_owned(),
        |next| {
            format!("{} (in {}), of {}", second(next.at), ago(now, next.at), window(next.window.start, next.window.end))
        },
    );
    let mut facts = vec![
        ("daemon", process),
        ("clock", format!("{}{held}", status.clock.words)),
        ("sensors", sensors(status)),
        ("conditions", conditions(status)),
        ("readings", readings(status)),
        ("last run", status.last_run.as_ref().map_or_else(|| "none yet".to_owned(), run_words)),
    ];
    facts.extend(status.running.as_ref().map(|run| ("running", run_words(run))));
    facts.push(("next run", next));
    if status.windows_skipped > 0 {
        let words =
            format!("{} windows since the start; anomalyd schedule tells which, and why", status.windows_skipped);
        facts.push(("skipped", words));
    }
    facts.extend(status.sinks.iter().map(|sink| ("sink", sink_words(sink))));
    facts.push(("disk", disk(status)));
    facts.extend(version.listens.iter().map(|listens| ("listens", listens.clone())));
    facts.extend(version.connects.iter().map(|connects| ("connects", format!("to {connects}"))));
    facts
}

fn sensors(status: &Status) -> String {
    let counts = &status.sensors;
    let by_state = [
        (counts.anomalous, "anomalous"),
        (counts.failed, "failed"),
        (counts.silent, "silent"),
        (counts.sparse, "sparse"),
        (counts.healthy, "healthy"),
        (counts.waiting, "waiting"),
        (counts.no_model, "without a model"),
    ];
    let states: Vec<_> =
        by_state.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
    match states.as_slice() {
        [] => "none yet".to_owned(),
        states => format!("{} known: {}", counts.known, states.join(", ")),
    }
}

fn conditions(status: &Status) -> String {
    let counts = &status.conditions;
    let by_kind = [
        (counts.silent, "silent"),
        (counts.stuck, "stuck"),
        (counts.sparse, "sparse"),
        (counts.out_of_range, "out of their model's range"),
        (counts.drifting, "drifting"),
        (counts.clock_wrong, "with a wrong clock"),
    ];
    let kinds: Vec<_> =
        by_kind.iter().filter(|(count, _)| *count > 0).map(|(count, words)| format!("{count} {words}")).collect();
    if kinds.is_empty() { "none".to_owned() } else { kinds.join(", ") }
}

fn readings(status: &Status) -> String {
    let last = match status.last_reading {
        // By the system's clock: that is when it came.
        Some(last) => format!("the last one {} ago", ago(last, Timestamp::now())),
        None => "none yet".to_owned(),
    };
    format!(
        "{:.1} a second, {last}; {} since the start, and {} inputs rejected",
        status.readings_per_second, status.readings, status.rejects
    )
}

pub(crate) fn run_words(run: &Run) -> String {
    let span = window(run.window.start, run.window.end);
    let of_group = if run.group == "default" { String::new() } else { format!(" of the group {}", run.group) };
    let mut words = format!("run {}{of_group} of {span}, {}, closed {}", run.id, run.trigger, run.closing);
    if let Some(tally) = run.tally {
        let Tally { scored, no_data, too_little_data, failed, timed_out, quarantined, unproven, anomalies, .. } = tally;
        words.push_str(&format!(": {scored} scored"));
        let rest = [
            (no_data, "without readings"),
            (too_little_data, "with too few"),
            (failed, "failed"),
            (timed_out, "timed out"),
            (quarantined, "quarantined"),
            (unproven, "not proven"),
        ];
        for (count, word) in rest.into_iter().filter(|(count, _)| *count > 0) {
            words.push_str(&format!(", {count} {word}"));
        }
        words.push_str(&format!("; {anomalies} intervals anomalous"));
    }
    words
}

fn sink_words(sink: &Sink) -> String {
    let until = sink.taken_until.map_or_else(|| "nothing yet".to_owned(), |until| format!("up to {}", second(until)));
    match sink.state {
        SinkState::UpToDate => format!("{}: up to date ({until})", sink.name),
        SinkState::Behind => format!("{}: {} runs behind, has taken {until}", sink.name, sink.runs_behind),
    }
}

fn disk(status: &Status) -> String {
    let disk = &status.disk;
    let bytes = |bytes: u64| size(bytes as f64);
    let mut words = format!("the store takes {} of {}", bytes(disk.store_bytes), bytes(disk.store_max_bytes));
    if let (Some(free), Some(total)) = (disk.free_bytes, disk.total_bytes) {
        words.push_str(&format!("; {} of {} free", bytes(free), bytes(total)));
    }
    if let Some(written) = disk.written_bytes_per_day {
        words.push_str(&format!("; {} written a day", size(written)));
    }
    if let Some(full) = disk.full_at {
        words.push_str(&format!("; full on {} at this pace", full.format("%Y-%m-%d")));
    }
    words
}

/// A time in UTC, to the second.
pub(crate) fn second(time: Timestamp) -> String {
    time.floor(Span::from_secs(1)).to_string()
}

/// A window, in UTC; its end without the day when it is the same. Seconds, and parts of them, are shown when either end has
/// some.
pub(crate) fn window(start: Timestamp, end: Timestamp) -> String {
    let are_whole = |span: Span| [start, end].iter().all(|time| time.floor(span) == *time);
    let time = match (are_whole(Span::from_secs(60)), are_whole(Span::from_secs(1))) {
        (true, _) => "%H:%M",
        (false, true) => "%H:%M:%S",
        (false, false) => "%H:%M:%S%.3f",
    };
    let same_day = start.format("%F") == end.format("%F");
    let end = end.format(&if same_day { time.to_owned() } else { format!("%F {time}") });
    format!("{} to {end} UTC", start.format(&format!("%F {time}")))
}

/// How long it is from one time to another, rounded for people.
fn ago(from: Timestamp, to: Timestamp) -> String {
    let span = to.since(from);
    if span < Span::from_secs(1) {
        return "0s".to_owned();
    }
    // Whole seconds; of what takes minutes, whole minutes.
    let unit = if span < Span::from_secs(600) { 1 } else { 60 };
    let (units, _) = span.divide(Span::from_secs(unit));
    Span::from_secs(unit).times(units).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answers::{Clock, Disk, Health, NextRun, ProblemKind, RunState, SensorCounts, Span as Window};

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn status() -> Status {
        let window = Window { start: at("2026-03-01 09:00"), end: at("2026-03-01 10:00") };
        let run = Run {
            interval_seconds: 60.0,
            id: 42,
            window,
            group: "default".to_owned(),
            trigger: "schedule".to_owned(),
            revision: 0,
            sensors: 15,
            closing: "on time".to_owned(),
            state: RunState::Finished,
            tally: Some(Tally { scored: 14, no_data: 1, anomalies: 3, ..Tally::default() }),
            settings: String::new(),
            models: String::new(),
            begun: None,
            ended: None,
            request: None,
            times: None,
            slowest: Vec::new(),
        };
        let problem = Problem {
            kind: ProblemKind::Silent,
            severity: Severity::Warning,
            words: "press-1/\x1b[2Jflow sends nothing".to_owned(),
            since: Some(at("2026-03-01 09:41:07.5")),
            count: 1,
            sensor: None,
        };
        Status {
            health: Health {
                severity: Severity::Warning,
                sentence: "14 of 15 sensors are healthy".to_owned(),
                problems: vec![problem],
            },
            version: "0.1.0".to_owned(),
            started: at("2026-03-01 08:00"),
            now: at("2026-03-01 10:37:30"),
            clock: Clock {
                source: "wall".to_owned(),
                is_trusted: false,
                held_readings: 7,
                words: "doubted".to_owned(),
            },
            sensors: SensorCounts { known: 15, with_model: 15, silent: 1, healthy: 14, ..SensorCounts::default() },
            conditions: Default::default(),
            readings: 1_234,
            readings_per_second: 12.34,
            last_reading: None,
            rejects: 2,
            running: None,
            last_run: Some(run),
            next_run: Some(NextRun {
                at: at("2026-03-01 11:00:30"),
                window: Window { start: at("2026-03-01 10:00"), end: at("2026-03-02 00:00") },
                group: "default".to_owned(),
            }),
            windows_skipped: 0,
            sinks: vec![Sink {
                name: "mqtt".to_owned(),
                state: SinkState::Behind,
                runs_behind: 3,
                taken_until: Some(at("2026-03-01 07:00")),
            }],
            disk: Disk {
                store_bytes: 3 << 20,
                store_max_bytes: 1 << 30,
                free_bytes: Some(5 << 30),
                total_bytes: Some(8 << 30),
                written_bytes_per_day: None,
                full_at: Some(at("2027-01-02 00:00")),
            },
        }
    }

    fn screen(colours: Colours) -> String {
        let version = Version {
            version: "0.1.0".to_owned(),
            process: 7,
            user: "anomalyd".to_owned(),
            store: "/s".to_owned(),
            listens: vec!["MQTT on 127.0.0.1:1883".to_owned()],
            connects: Vec::new(),
            reads: Vec::new(),
            writes: Vec::new(),
        };
        let mut out = Vec::new();
        write(&status(), &version, colours, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_screen_says_what_is_wrong_first_and_then_how_things_are() {
        let screen = screen(Colours::None);
        assert!(screen.starts_with("warning  14 of 15 sensors are healthy\n"), "{screen}");
        for said in [
            "press-1/·[2Jflow sends nothing (since 2026-03-01T09:41:07Z)",
            "process 7 of anomalyd, since 2026-03-01T08:00:00Z",
            "doubted; 7 readings wait until it is believed",
            "15 known: 1 silent, 14 healthy",
            "12.3 a second, none yet; 1234 since the start, and 2 inputs rejected",
            "run 42 of 2026-03-01 09:00 to 10:00 UTC, schedule, closed on time: 14 scored, 1 without readings; 3 intervals",
            "2026-03-01T11:00:30Z (in 23m), of 2026-03-01 10:00 to 2026-03-02 00:00 UTC",
            "mqtt: 3 runs behind, has taken up to 2026-03-01T07:00:00Z",
            "the store takes 3.0 MiB of 1.0 GiB; 5.0 GiB of 8.0 GiB free; full on 2027-01-02 at this pace",
            "listens    MQTT on 127.0.0.1:1883",
        ] {
            assert!(screen.contains(said), "{said} in\n{screen}");
        }
        assert!(screen.lines().count() < 24, "one screen:\n{screen}");
        assert!(!screen.contains('\x1b'), "{screen}");
    }

    #[test]
    fn a_window_shows_seconds_only_when_it_has_some() {
        let of = |start: &str, end: &str| window(Timestamp::parse(start).unwrap(), Timestamp::parse(end).unwrap());
        assert_eq!(of("2026-03-01 09:00", "2026-03-01 10:00"), "2026-03-01 09:00 to 10:00 UTC");
        assert_eq!(of("2026-03-01 14:19:00Z", "2026-03-01 14:19:30Z"), "2026-03-01 14:19:00 to 14:19:30 UTC");
        assert_eq!(
            of("2026-03-01 23:59:59.500Z", "2026-03-02 00:00"),
            "2026-03-01 23:59:59.500 to 2026-03-02 00:00:00.000 UTC"
        );
    }

    #[test]
    fn colours_are_the_only_escapes() {
        let screen = screen(Colours::Ansi);
        assert!(screen.starts_with("\x1b[33mwarning\x1b[0m"), "{screen:?}");
        assert!(!screen.contains("\x1b[2J"), "{screen:?}");
    }
}
