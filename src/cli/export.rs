//! `anomalyd export`: writes a table of what the store holds, for other programs.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use indicatif::ProgressBar;
use tempfile::NamedTempFile;

use crate::cli::progress;
use crate::cli::store_access::{StoreAccess, StoreAccessError};
use crate::cli::time_bound::{TimeBound, parse_bound};
use crate::config::{Config, ConfigError};
use crate::export::{self, ExportError, Format, Selection, Table};
use crate::http::client::{ClientError, quoted};
use crate::printable::{PrintableWriter, Style, shown};
use crate::sensor_pattern::{PatternError, SensorPattern};
use crate::time::Timestamp;

/// Writes a table of what the store holds, as CSV, JSON lines or Parquet.
///
/// A daemon that runs is asked over its local socket, and goes on meanwhile. When none does, what is read is a copy, in
/// $TMPDIR or else in /var/tmp. Nothing in the store is changed. docs/operations.md lists the columns. What is exported
/// as readings in CSV can be taken in again by `anomalyd import`.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// What to write
    #[arg(value_enum)]
    table: Table,
    /// The configuration file
    #[arg(long, value_name = "FILE", default_value = "/etc/anomalyd/config.toml")]
    config: PathBuf,
    /// The sensors, as device/sensor with * for any characters; all, if left out
    #[arg(long, value_name = "PATTERN", value_parser = parse_pattern)]
    sensor: Option<SensorPattern>,
    /// The earliest time: such as 2018-08-28T23:00:00Z, 2018-08-28 (UTC), or -24h for that long ago
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, value_parser = parse_bound)]
    since: Option<TimeBound>,
    /// The time before which rows lie, written as for --since
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, value_parser = parse_bound)]
    until: Option<TimeBound>,
    /// How the table is written; by the ending of --output, if left out, and else as CSV
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// The file to write, which is there whole or not at all; standard output, if left out
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Why a table was not exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportCommandError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The store, or its daemon.
    #[error(transparent)]
    Access(#[from] StoreAccessError),
    /// The daemon.
    #[error(transparent)]
    Daemon(#[from] ClientError),
    /// What a copy of the store holds.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// A pattern for a table without sensors.
    #[error("--sensor chooses among sensors, and {0} are not of single sensors; leave it out")]
    NoSensors(&'static str),
    /// No time lies between the bounds.
    #[error(
        "--since is {since} and --until is {until}, so that no time lies between them; give an earlier --since or a later --until"
    )]
    NoTime {
        /// The earliest time.
        since: Timestamp,
        /// The time before which rows lie.
        until: Timestamp,
    },
    /// Parquet for people.
    #[error("Parquet is nothing to read on a terminal; name a file with --output, or write into a pipe")]
    Terminal,
    /// The output, or the daemon's answer.
    #[error("{output} was not written: {problem}")]
    Output {
        /// The file, or standard output.
        output: String,
        /// What went wrong.
        #[source]
        problem: io::Error,
    },
}

impl ExportCommandError {
    /// Whether the error lasts until a setting, or what it names, is changed.
    pub fn is_lasting(&self) -> bool {
        match self {
            Self::Config(_) => true,
            Self::Access(error) => error.is_lasting(),
            _ => false,
        }
    }
}

fn parse_pattern(text: &str) -> Result<SensorPattern, PatternError> {
    SensorPattern::parse(text)
}

/// Exports.
///
/// # Errors
/// When the store cannot be read, or the output cannot be written. A file that was to be written is then not there.
pub fn run(args: &Args) -> Result<(), ExportCommandError> {
    if args.sensor.is_some() && !args.table.is_by_sensor() {
        return Err(ExportCommandError::NoSensors(args.table.name()));
    }
    let config = Config::read(&args.config)?;
    if args.table == Table::Readings && config.store.keep_raw.is_none() {
        // A failure is ignored: the note is no part of the export.
        let _ = writeln!(
            io::stderr(),
            "note: raw readings are not kept (store.keep_raw is off), so only those are there that no stored window holds"
        );
    }
    let now = Timestamp::now();
    let since = args.since.map_or(Timestamp::MIN, |bound| bound.time(now));
    let until = args.until.map_or(Timestamp::MAX, |bound| bound.time(now));
    if since >= until {
        return Err(ExportCommandError::NoTime { since, until });
    }
    let selection = Selection { table: args.table, sensors: args.sensor.clone(), since, until };
    let format = args.format();
    let source = Source { access: StoreAccess::of(&config)?, config: &config, selection: &selection, format };
    match &args.output {
        Some(path) => source.write_to_file(path),
        None => source.write_to_stdout(),
    }
}

impl Args {
    fn format(&self) -> Format {
        let ending = self.output.as_ref().and_then(|path| path.extension()?.to_str());
        self.format.or_else(|| Format::parse(ending?)).unwrap_or(Format::Csv)
    }
}

/// What is written, and from where.
struct Source<'a> {
    access: StoreAccess,
    config: &'a Config,
    selection: &'a Selection,
    format: Format,
}

impl Source<'_> {
    /// Writes a file beside the one that is wanted, and gives it its name when it is whole.
    fn write_to_file(&self, path: &Path) -> Result<(), ExportCommandError> {
        let of_file = |problem| ExportCommandError::Output { output: shown(path).to_string(), problem };
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // The mode is that of any new file of the user.
        let mut options = tempfile::Builder::new();
        let named = options.prefix(".anomalyd-export-").make_in(folder, |beside| File::create_new(beside));
        let mut file: NamedTempFile<File> = named.map_err(of_file)?;
        self.write(file.as_file_mut(), &of_file)?;
        file.as_file().sync_all().map_err(of_file)?;
        file.persist(path).map_err(|error| of_file(error.error))?;
        Ok(())
    }

    fn write_to_stdout(&self) -> Result<(), ExportCommandError> {
        let of_stdout = |problem| ExportCommandError::Output { output: "standard output".to_owned(), problem };
        let mut stdout = io::stdout();
        match (stdout.is_terminal(), self.format) {
            (true, Format::Parquet) => Err(ExportCommandError::Terminal),
            // Names come from outside, and a program reads the bytes as they are.
            (true, Format::Csv) => self.write(&mut PrintableWriter::new(stdout, Style::Text), &of_stdout),
            (true, Format::Jsonl) => self.write(&mut PrintableWriter::new(stdout, Style::Json), &of_stdout),
            (false, _) => self.write(&mut stdout, &of_stdout),
        }
    }

    fn write(
        &self,
        out: &mut (dyn Write + Send),
        of_output: &dyn Fn(io::Error) -> ExportCommandError,
    ) -> Result<(), ExportCommandError> {
        let mut out = Shown { out, line: progress::bytes_line("written") };
        match &self.access {
            StoreAccess::Daemon(daemon) => {
                let mut answer = daemon.get(&self.request())?;
                io::copy(&mut answer, &mut out).map_err(of_output)?;
            }
            StoreAccess::Copy(reader) => {
                let groups = self.config.sensor_groups();
                export::write(reader, &groups, self.selection, self.format, &mut out).map_err(|error| match error {
                    ExportError::Output(problem) => of_output(problem),
                    error => error.into(),
                })?;
            }
        }
        out.flush().map_err(of_output)
    }

    /// The question to the daemon.
    fn request(&self) -> String {
        let Selection { table, sensors, since, until } = self.selection;
        let mut request = format!("/api/v1/export/{}?format={}", table.name(), self.format.name());
        let bounds = [("since", *since, Timestamp::MIN), ("until", *until, Timestamp::MAX)];
        for (name, time, _) in bounds.into_iter().filter(|(_, time, open)| time != open) {
            request.push_str(&format!("&{name}={}", quoted(&time.to_string())));
        }
        if let Some(pattern) = sensors {
            request.push_str(&format!("&sensor={}", quoted(&pattern.to_string())));
        }
        request
    }
}

/// Writes, and shows how much was written. The line vanishes at the end.
struct Shown<'a> {
    out: &'a mut (dyn Write + Send),
    line: ProgressBar,
}

impl Write for Shown<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.line.inc(written as u64);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        self.line.finish_and_clear();
    }
}
