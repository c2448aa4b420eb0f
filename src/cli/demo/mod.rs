//! `anomalyd demo`: the whole job in one command.

pub mod models;
pub mod simulation;

use std::io::Write;
use std::process::ExitCode;

/// Placeholder until the orchestrating half lands in the next commit.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {}

/// Runs the demo.
pub async fn run(_args: &Args, _out: &mut dyn Write) -> std::io::Result<ExitCode> {
    Ok(ExitCode::SUCCESS)
}
