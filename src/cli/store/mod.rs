//! `anomalyd store`: commands that look after the store. One file a command.

pub mod check;

use std::io::Write;
use std::process::ExitCode;

/// Looks after the store: checks it, mends it, copies it.
#[derive(clap::Subcommand, Clone, Debug)]
#[expect(missing_docs, reason = "the commands' own arguments carry their help")]
pub enum Command {
    Check(check::Args),
}

/// Runs a command, and writes its result to `out`.
///
/// # Errors
/// When the command cannot run.
pub fn run(command: &Command, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    match command {
        Command::Check(args) => check::run(args, out),
    }
}
