//! `anomalyd model`: commands on one model. One file a command; exit code 2 means that the command could not run.

pub mod check;
pub mod convert;
pub mod fit;
pub mod inspect;

mod before;
mod new_file;
mod persist;
mod rows_file;

use std::io::Write;
use std::process::ExitCode;

pub use before::{Before, TwoScalers};

/// Looks at one model: what it is, and whether its answers are those that are expected.
#[derive(clap::Subcommand, Clone, Debug)]
#[expect(missing_docs, reason = "the commands' own arguments carry their help")]
pub enum Command {
    Inspect(inspect::Args),
    Check(check::Args),
    Convert(convert::Args),
    Fit(fit::Args),
}

/// How a command answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, clap::ValueEnum)]
pub enum Output {
    /// For people
    #[default]
    Text,
    /// For scripts: one JSON object
    Json,
}

/// Runs a command, and writes its result to `out`.
///
/// # Errors
/// When the command cannot run.
pub fn run(command: &Command, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    match command {
        Command::Inspect(args) => Ok(inspect::run(args, out)?),
        Command::Check(args) => Ok(check::run(args, out)?),
        Command::Convert(args) => Ok(convert::run(args, out)?),
        Command::Fit(args) => Ok(fit::run(args, out)?),
    }
}
