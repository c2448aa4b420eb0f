//! `anomalyd version`: which release the daemon is, what it listens on, and what it may touch.

use std::io::Write;
use std::path::PathBuf;

use crate::answers::Version;
use crate::cli::store_access::running_daemon;
use crate::cli::table::{Colours, Output};
use crate::config::Config;
use crate::printable::Printable;

/// Tells which release the running daemon is, what it listens on and connects to, and which files it reads and writes.
///
/// The running daemon is asked over its local socket. `anomalyd --version` tells the release of the command.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// The answer of the API, as JSON
    #[arg(long)]
    json: bool,
    /// The configuration file
    #[arg(long, value_name = "FILE", default_value = "/etc/anomalyd/config.toml")]
    config: PathBuf,
}

/// Tells of the release.
///
/// # Errors
/// When no daemon answers, or standard output cannot be written.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let daemon = running_daemon(&Config::read(&args.config)?)?;
    let version: Version = daemon.get("/api/v1/version")?.json()?;
    if args.json {
        return Ok(writeln!(Output::json(), "{}", serde_json::to_string(&version)?)?);
    }
    let mut out = Output::text(Colours::None);
    writeln!(out, "anomalyd {}, process {} of {}", version.version, version.process, Printable(&version.user))?;
    let lists = [
        ("listens", &version.listens),
        ("connects", &version.connects),
        ("reads", &version.reads),
        ("writes", &version.writes),
    ];
    for (label, lines) in lists {
        lines.iter().try_for_each(|line| writeln!(out, "{label:<10}{}", Printable(line)))?;
    }
    Ok(())
}
