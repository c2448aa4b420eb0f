//! `anomalyd import`: has the running daemon take in a history, through the same judgement as live readings.

use std::fmt;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::history::{Histories, HistoriesError, HistoryOptions, Tally};
use crate::cli::store_access;
use crate::config::{Config, ConfigError};
use crate::http::client::{ClientError, DaemonClient, ImportOutcome, ImportedReading};
use crate::ingest::history::NamedReading;

/// Has the running daemon take in history files.
///
/// The readings are judged as live ones are: filters, lateness, limits and the clock decide, and what is not accepted is
/// a reject. So a daemon with clock = "wall" takes a sensor's history only before its windows of that time are closed,
/// and by that before its first run; one with clock = "event" and a store of its own scores the history, too. Nothing
/// counts twice, so an import that broke off is repeated whole: what is there already is passed over, or late.
///
/// The readings go over the local socket, not over MQTT: no route and no topic is needed, each answer says that they are
/// on the disk, and the summary says what became of them. To test routes and devices, use `anomalyd replay`. The exit
/// code is 0 when every reading counts or was there already, else 1.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// The history: tables of text with a header, a reading a row or a column a sensor, also packed by gzip, such as
    /// `anomalyd export readings` writes as CSV; - is standard input; several files are read one after the other
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// The configuration file of the daemon
    #[arg(long, value_name = "FILE", default_value = "/etc/anomalyd/config.toml")]
    config: PathBuf,
    #[command(flatten)]
    history: HistoryOptions,
}

/// Why nothing was imported, or not all.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The files.
    #[error(transparent)]
    History(#[from] HistoriesError),
    /// The daemon.
    #[error(transparent)]
    Daemon(#[from] ClientError),
    /// No daemon takes anything in.
    #[error("no daemon runs on the store {}; start one, as it is the daemon that judges what it takes in", directory.display())]
    NoDaemon {
        /// The store.
        directory: PathBuf,
    },
    /// The import broke off.
    #[error(
        "{done}\nthe import broke off: {problem}; run it again, as nothing counts twice: what is there already is passed over, or late"
    )]
    BrokenOff {
        /// What was done.
        done: Box<Report>,
        /// What went wrong.
        problem: Box<Self>,
    },
    /// The output.
    #[error("cannot write the summary: {0}")]
    Output(#[from] io::Error),
}

impl ImportError {
    /// Whether the error lasts until a setting, or what it names, is changed.
    pub fn is_lasting(&self) -> bool {
        matches!(self, Self::Config(_))
    }
}

/// How many readings go in at once: one commit of the daemon, and far below the largest body.
const AT_ONCE: usize = 5_000;

/// What became of an import.
#[derive(Clone, Debug, Default)]
pub struct Report {
    history: Tally,
    outcome: ImportOutcome,
}

impl Report {
    /// Whether every reading counts, or was there already.
    pub fn is_complete(&self) -> bool {
        self.history.refused == 0 && self.outcome.rejected.is_empty() && self.outcome.held == 0
    }

    fn add(&mut self, more: ImportOutcome) {
        self.outcome.accepted += more.accepted;
        self.outcome.passed_over += more.passed_over;
        self.outcome.held += more.held;
        for (kind, count) in more.rejected {
            *self.outcome.rejected.entry(kind).or_default() += count;
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { history, outcome } = self;
        let ImportOutcome { accepted, passed_over, held, rejected } = outcome;
        write!(f, "read          {} readings, {} rows or cells refused", history.readings, history.refused)?;
        for note in history.notes() {
            write!(f, "\n              {note}")?;
        }
        write!(f, "\ntaken in      {accepted} count and are on the daemon's disk")?;
        if *passed_over > 0 {
            write!(f, "\npassed over   {passed_over} were there already, or differ by less than a deadband")?;
        }
        if *held > 0 {
            write!(f, "\nheld          {held} are ahead of a clock that may be wrong, and are judged later")?;
        }
        if !rejected.is_empty() {
            let kinds: Vec<_> = rejected.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
            write!(f, "\nrejected      {}; anomalyd export rejects tells them", kinds.join(", "))?;
        }
        if rejected.contains_key("late") {
            write!(
                f,
                "\n              late: the daemon has closed the windows of that time; a store takes a history before its \
                 first run, or with clock = \"event\""
            )?;
        }
        Ok(())
    }
}

/// Imports, and writes the summary to `out`.
///
/// # Errors
/// When a file cannot be read, or the daemon takes nothing more in.
pub fn run(args: &Args, out: &mut dyn Write) -> Result<ExitCode, ImportError> {
    let config = Config::read(&args.config)?;
    let mut histories = Histories::open(&args.files, &args.history)?;
    let daemon = store_access::daemon(&config)?;
    let daemon = daemon.ok_or_else(|| ImportError::NoDaemon { directory: config.store.directory.clone() })?;
    let line = progress_line(histories.bytes_total());
    let mut report = Report::default();
    let imported = import_all(&mut histories, &daemon, &mut report, &line);
    line.finish_and_clear();
    report.history = histories.into_tally();
    if let Err(problem) = imported {
        return Err(ImportError::BrokenOff { done: Box::new(report), problem: Box::new(problem) });
    }
    writeln!(out, "{report}")?;
    Ok(if report.is_complete() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn import_all(
    histories: &mut Histories,
    daemon: &DaemonClient,
    report: &mut Report,
    line: &ProgressBar,
) -> Result<(), ImportError> {
    loop {
        let mut body = Vec::new();
        let mut count = 0;
        while count < AT_ONCE
            && let Some(NamedReading { sensor, time, value, .. }) = histories.read()?
        {
            let (device, sensor) = (sensor.device().to_owned(), sensor.sensor().to_owned());
            let reading = ImportedReading { time: time.to_string(), device, sensor, value };
            serde_json::to_writer(&mut body, &reading).map_err(io::Error::from)?;
            body.push(b'\n');
            count += 1;
        }
        if count == 0 {
            return Ok(());
        }
        report.add(daemon.post("/v1/import", body)?.json()?);
        line.set_position(histories.bytes_read());
        line.set_message(format!("{} taken in", report.outcome.accepted));
    }
}

fn progress_line(bytes: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{elapsed_precise} [{wide_bar}] {percent}%  {msg}");
    ProgressBar::new(bytes).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_report_says_what_became_of_each_reading() {
        let mut report = Report::default();
        report.add(ImportOutcome { accepted: 2, passed_over: 1, ..ImportOutcome::default() });
        assert!(report.is_complete());
        report.add(ImportOutcome { rejected: BTreeMap::from([("late".to_owned(), 3)]), ..ImportOutcome::default() });
        assert!(!report.is_complete());
        let text = report.to_string();
        assert!(text.contains("taken in      2 count"), "{text}");
        assert!(text.contains("passed over   1 were there already"), "{text}");
        assert!(text.contains("rejected      late 3") && text.contains("before its first run"), "{text}");
    }
}
