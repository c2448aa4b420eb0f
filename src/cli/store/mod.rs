//! `anomalyd store`: commands that look after the store. One file a command.

pub mod backup;
pub mod check;
pub mod repair;
pub mod restore;
pub mod stat;
pub mod upgrade;

use std::io::Write;
use std::process::ExitCode;

/// Looks after the store: checks it, mends it, copies it.
#[derive(clap::Subcommand, Clone, Debug)]
#[expect(missing_docs, reason = "the commands' own arguments carry their help")]
pub enum Command {
    Stat(stat::Args),
    Check(check::Args),
    Repair(repair::Args),
    Backup(backup::Args),
    Restore(restore::Args),
    Upgrade(upgrade::Args),
}

/// Runs a command, and writes its result to `out`.
///
/// # Errors
/// When the command cannot run.
pub fn run(command: &Command, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    match command {
        Command::Stat(args) => stat::run(args, out)?,
        Command::Check(args) => return check::run(args, out),
        Command::Repair(args) => repair::run(args, out)?,
        Command::Backup(args) => backup::run(args, out)?,
        Command::Restore(args) => restore::run(args, out)?,
        Command::Upgrade(args) => upgrade::run(args, out)?,
    }
    Ok(ExitCode::SUCCESS)
}
