//! `anomalyd configuration`: which configuration is in force, and what its file says otherwise.

use std::io::Write;
use std::path::PathBuf;

use crate::answers::{Configuration, ConfigurationState};
use crate::cli::status::second;
use crate::cli::store_access::running_daemon;
use crate::cli::table::{Colours, Output, Tint};
use crate::config::Config;
use crate::printable::Printable;

/// Tells whether the configuration's file is in force, and what differs; with --text, also the text that is in force.
///
/// The running daemon is asked over its local socket. Secrets are not shown. `anomalyd check` tells whether a file is
/// right.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// The text that is in force, too
    #[arg(long)]
    text: bool,
    /// The answer of the API, as JSON
    #[arg(long)]
    json: bool,
    /// The configuration file, which names the store
    #[arg(long, value_name = "FILE", default_value = "/etc/anomalyd/config.toml")]
    config: PathBuf,
}

/// Tells of the configuration.
///
/// # Errors
/// When no daemon answers, or standard output cannot be written.
pub fn run(args: &Args) -> anyhow::Result<()> {
    // A file with mistakes still names its store: the daemon that has it is asked.
    let (config, _, _) = Config::read_in_part(&args.config)?;
    let daemon = running_daemon(&config)?;
    let configuration: Configuration = daemon.get("/api/v1/configuration")?.json()?;
    if args.json {
        return Ok(writeln!(Output::json(), "{}", serde_json::to_string(&configuration)?)?);
    }
    let colours = Colours::of_stdout();
    let mut out = Output::text(colours);
    let (words, tint) = match configuration.state {
        ConfigurationState::InForce => ("in force", Tint::Good),
        ConfigurationState::Changed => ("changed since; restart the daemon to put it in force", Tint::Warning),
        ConfigurationState::Invalid => ("changed since, and has mistakes", Tint::Bad),
        ConfigurationState::Unreadable => ("cannot be read any more", Tint::Bad),
    };
    let (file, read) = (Printable(&configuration.file), second(configuration.read));
    writeln!(out, "{file}, read at {read}: {}", colours.paint(tint, words))?;
    for difference in &configuration.differences {
        writeln!(out, "  {}", Printable(difference))?;
    }
    if args.text {
        writeln!(out)?;
        for line in configuration.text.lines() {
            writeln!(out, "{}", Printable(line))?;
        }
    }
    Ok(())
}
