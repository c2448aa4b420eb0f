//! `anomalyd import`: takes in a history, through the same judgement as live readings.

use std::fmt;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use indicatif::{ProgressBar, ProgressStyle};
use tokio::runtime::Runtime;

use crate::actors::sources::importer::{Importer, ImporterError};
use crate::cli::history::{Histories, HistoriesError, HistoryOptions, Tally};
use crate::cli::store_access;
use crate::config::{ClockSource, Config, ConfigError};
use crate::daemon::DaemonError;
use crate::daemon::import_before_start::ImportBeforeStart;
use crate::http::client::{ClientError, DaemonClient, ImportOutcome, ImportedReading};
use crate::ingest::history::NamedReading;
use crate::sensor::SensorName;
use crate::time::Timestamp;

/// Takes history files into the store.
///
/// A daemon that runs takes them in over its local socket, and judges them as it judges live readings: filters, lateness,
/// limits and the clock decide, and what is not accepted is a reject. One with clock = "wall" has closed the windows of
/// the past with its first start, so a history is late for it. Before the first start, with no daemon running, the
/// history goes into the new store: its windows are there then, and are not scored. To have a history scored, let a
/// daemon with clock = "event" and a store of its own take it in.
///
/// No route and no topic is needed, an answer says that the readings are on the disk, and the summary says what became
/// of them. To test routes and devices, use `anomalyd replay`. Nothing counts twice, so an import that broke off is
/// repeated whole: what is there already is passed over, or late. The exit code is 0 when every reading counts or was
/// there already, else 1.
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
    /// The store cannot take anything in.
    #[error(transparent)]
    Store(#[from] DaemonError),
    /// The readings could not be stored.
    #[error(transparent)]
    Importer(#[from] ImporterError),
    /// With an event clock, readings wait for runs, and no daemon makes any.
    #[error("no daemon runs on the store {}; start one, as with clock = \"event\" readings wait for the runs that they make due", directory.display())]
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
        match self {
            Self::Config(_) => true,
            Self::Store(error) => error.is_lasting(),
            _ => false,
        }
    }
}

/// About how many bytes of readings go in at once: half of the largest body.
const BYTES_AT_ONCE: usize = 2 << 20;
/// The most readings that go in at once.
const AT_ONCE: usize = 20_000;

/// Who takes the readings in.
enum Taker {
    Daemon(DaemonClient),
    /// No daemon runs.
    Store {
        runtime: Runtime,
        importer: Importer,
    },
}

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
        write!(f, "\ntaken in      {accepted} count and are on the disk")?;
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
                "\n              late: the windows of that time are closed; a store takes a history before its daemon's first \
                 start, or with clock = \"event\""
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
    let mut parts = None;
    let taker = match store_access::daemon(&config)? {
        Some(daemon) => Taker::Daemon(daemon),
        None if config.clock == ClockSource::Event => {
            return Err(ImportError::NoDaemon { directory: config.store.directory });
        }
        None => {
            let (begun, importer) = ImportBeforeStart::begin(&config)?;
            parts = Some(begun);
            Taker::Store { runtime: tokio::runtime::Builder::new_current_thread().build()?, importer }
        }
    };
    let line = progress_line(histories.bytes_total());
    let mut report = Report::default();
    let mut imported = import_all(&mut histories, &taker, &mut report, &line);
    line.finish_and_clear();
    report.history = histories.into_tally();
    if let (Some(parts), Taker::Store { runtime, .. }) = (parts, &taker) {
        // An error of the store is the cause of all others.
        imported = runtime.block_on(parts.end()).map_err(ImportError::from).and(imported);
    }
    if let Err(problem) = imported {
        return Err(ImportError::BrokenOff { done: Box::new(report), problem: Box::new(problem) });
    }
    writeln!(out, "{report}")?;
    Ok(if report.is_complete() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn import_all(
    histories: &mut Histories,
    taker: &Taker,
    report: &mut Report,
    line: &ProgressBar,
) -> Result<(), ImportError> {
    loop {
        let mut readings = Vec::new();
        let mut bytes = 0;
        while readings.len() < AT_ONCE
            && bytes < BYTES_AT_ONCE
            && let Some(NamedReading { sensor, time, value, .. }) = histories.read()?
        {
            // What stands around the names in a line of JSON is no longer than this.
            bytes += sensor.device().len() + sensor.sensor().len() + 128;
            readings.push((sensor, time, value));
        }
        if readings.is_empty() {
            return Ok(());
        }
        report.add(taker.take_in(readings)?);
        line.set_position(histories.bytes_read());
        line.set_message(format!("{} taken in", report.outcome.accepted));
    }
}

impl Taker {
    fn take_in(&self, readings: Vec<(SensorName, Timestamp, f64)>) -> Result<ImportOutcome, ImportError> {
        match self {
            Self::Daemon(daemon) => {
                let mut body = Vec::new();
                for (sensor, time, value) in readings {
                    let (device, sensor) = (sensor.device().to_owned(), sensor.sensor().to_owned());
                    let reading = ImportedReading { time: time.to_string(), device, sensor, value };
                    serde_json::to_writer(&mut body, &reading).map_err(io::Error::from)?;
                    body.push(b'\n');
                }
                Ok(daemon.post("/api/v1/import", body)?.json()?)
            }
            Self::Store { runtime, importer } => Ok(runtime.block_on(importer.take_in(readings))?.into()),
        }
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
        assert!(text.contains("rejected      late 3") && text.contains("before its daemon's first start"), "{text}");
    }
}
