//! The log: to standard error, as text for people or as JSON for machines. Lines for the journal carry its priorities,
//! and no time, because the journal notes that.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use super::fields::PrintableFields;
use super::journal::{self, JournalLines};
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
    let filter = EnvFilter::try_new(format!("tokio_cron_scheduler=warn,{level}"))
        .map_err(|error| LogError { level: level.to_owned(), problem: error.to_string() })?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match format {
        LogFormat::Text if journal::is_standard_error() => log
            .with_writer(JournalLines(Style::Text))
            .with_ansi(false)
            .without_time()
            .with_level(false)
            .with_target(false)
            .fmt_fields(PrintableFields)
            .try_init(),
        LogFormat::Text => {
            log.with_ansi(std::io::stderr().is_terminal()).with_target(false).fmt_fields(PrintableFields).try_init()
        }
        LogFormat::Json => {
            let log = log.json().flatten_event(true).with_current_span(false).with_span_list(false);
            if journal::is_standard_error() {
                log.with_writer(JournalLines(Style::Json)).try_init()
            } else {
                log.with_writer(|| PrintableWriter::new(std::io::stderr(), Style::Json)).try_init()
            }
        }
    };
    // A second start within one process happens in tests only; the log of the first start serves both.
    drop(started);
    Ok(())
}
