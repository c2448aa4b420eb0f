//! `anomalyd store check`: looks at every entry of the store, and says what is wrong.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use crate::cli::store_access::StoreAccess;
use crate::cli::{exit_code, progress};
use crate::config::Config;
use crate::http::client::CheckLine;
use crate::store::{self, Checked, Finding, StoreError};

/// Looks at every entry of the store, and at whether they agree with each other. Changes nothing.
///
/// Each finding is a line: where it is, what is wrong, what it costs, and what to do. What a crash leaves and the next
/// start deals with is a remark. The last line tells what was looked at. The exit code is 0 when the store is sound, also
/// with remarks, and 1 when something is wrong with it.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// The configuration file
    #[arg(long, value_name = "FILE", default_value = "/etc/anomalyd/config.toml")]
    pub config: PathBuf,
}

/// Why the store could not be looked at.
#[derive(Debug, thiserror::Error)]
enum CheckError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Output(#[from] io::Error),
}

/// Looks at the store, and writes what is wrong to `out`.
///
/// # Errors
/// When the store cannot be looked at, or `out` cannot be written.
pub fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let config = Config::read(&args.config)?;
    let access = StoreAccess::of(&config)?;
    let line = progress::waiting_line("looking at every entry");
    let each = &mut |finding| line.suspend(|| writeln!(out, "{finding}"));
    let checked = match &access {
        StoreAccess::Daemon(daemon) => pass_on(daemon.get("/api/v1/store/check")?, each).map_err(anyhow::Error::from),
        StoreAccess::Copy(reader) => {
            store::verify::<CheckError>(reader, &mut |finding| Ok(each(finding)?)).map_err(anyhow::Error::from)
        }
    };
    line.finish_and_clear();
    let Checked { parts, findings, remarks } = checked?;
    let directory = config.store.directory.display();
    match (findings, remarks) {
        (0, 0) => write!(out, "{directory}: the store is sound")?,
        (0, _) => write!(out, "{directory}: the store is sound, with {}", counted(remarks, "remark"))?,
        (_, 0) => write!(out, "{directory}: {}", counted(findings, "finding"))?,
        _ => write!(out, "{directory}: {} and {}", counted(findings, "finding"), counted(remarks, "remark"))?,
    }
    let parts: Vec<_> =
        parts.iter().filter(|part| part.entries > 0).map(|part| format!("{} {}", part.entries, part.name)).collect();
    let parts = if parts.is_empty() { "nothing, for it is empty".to_owned() } else { parts.join(", ") };
    writeln!(out, "\nlooked at: {parts}")?;
    Ok(if findings == 0 { ExitCode::SUCCESS } else { ExitCode::from(exit_code::FAILURE) })
}

/// A count of things.
fn counted(count: u64, name: &str) -> String {
    if count == 1 { format!("1 {name}") } else { format!("{count} {name}s") }
}

/// Passes the findings of a daemon on as they come.
fn pass_on(answer: impl Read, each: &mut dyn FnMut(Finding) -> io::Result<()>) -> io::Result<Checked> {
    for line in BufReader::new(answer).lines() {
        match serde_json::from_str(&line?)? {
            CheckLine::Finding(finding) => each(finding)?,
            CheckLine::Checked(checked) => return Ok(checked),
        }
    }
    Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the daemon's answer has no end"))
}
