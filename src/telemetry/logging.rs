//! The log: to standard error, as text for people or as JSON for machines. Lines for the journal carry its priorities,
//! and no time, because the journal notes that.

use std::io::IsTerminal;

use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use super::fields::PrintableFields;
use super::journal::{self, JournalLines};
use super::run_log::{self, RunLogLayer};
use crate::printable::{PrintableWriter, Style};

/// The form of log lines.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// The directives cannot be read.
#[derive(Debug, thiserror::Error)]
#[error(
    "the log level {level:?} cannot be read: {problem}; accepted are error, warn, info, debug, trace, and lists such as \"info,anomalyd::store=debug\""
)]
pub struct LogError {
    level: String,
    problem: String,
}

/// Starts logging. `level` is a list of directives.
///
/// # Errors
/// When the directives cannot be read.
pub fn start(format: LogFormat, level: &str) -> Result<(), LogError> {
    // The cron scheduler logs each step of its own start; a user who wants these lines can name its target.
    let filter = format!("tokio_cron_scheduler=warn,{level}")
        .parse::<Targets>()
        .map_err(|error| LogError { level: level.to_owned(), problem: error.to_string() })?;
    // Without the hint every line that a dependency could trace would be made and then dropped.
    let is_of_runs = filter_fn(run_log::is_of_runs).with_max_level_hint(LevelFilter::INFO);
    let of_runs = RunLogLayer.with_filter(is_of_runs);
    let log = tracing_subscriber::registry().with(of_runs);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let started = match format {
        LogFormat::Text if journal::is_standard_error() => {
            let lines = lines.with_writer(JournalLines(Style::Text)).with_ansi(false).without_time().with_level(false);
            log.with(lines.with_target(false).fmt_fields(PrintableFields).with_filter(filter)).try_init()
        }
        LogFormat::Text => {
            let lines = lines.with_ansi(std::io::stderr().is_terminal()).with_target(false);
            log.with(lines.fmt_fields(PrintableFields).with_filter(filter)).try_init()
        }
        LogFormat::Json => {
            let lines = lines.json().flatten_event(true).with_current_span(false).with_span_list(false);
            if journal::is_standard_error() {
                log.with(lines.with_writer(JournalLines(Style::Json)).with_filter(filter)).try_init()
            } else {
                let writer = || PrintableWriter::new(std::io::stderr(), Style::Json);
                log.with(lines.with_writer(writer).with_filter(filter)).try_init()
            }
        }
    };
    // A second start within one process happens in tests only; the log of the first start serves both.
    drop(started);
    Ok(())
}
