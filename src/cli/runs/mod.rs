//! `anomalyd runs`: the runs, which of them were missed, cut off or late, and all that is known of one.

mod list;
mod log;
mod show;

use std::path::PathBuf;

use crate::cli::store_access::running_daemon;
use crate::config::Config;

pub(crate) use list::write_missed;

/// Lists the newest runs, and the windows that no run has scored; or tells of one run.
///
/// The running daemon is asked over its local socket.
#[derive(clap::Args, Clone, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    list: list::ListArgs,
}

// The commands' own arguments carry their help.
#[derive(clap::Subcommand, Clone, Debug)]
enum Command {
    List(list::ListArgs),
    Show(show::ShowArgs),
    Log(log::LogArgs),
}

/// How a command about runs answers, and whom it asks.
#[derive(clap::Args, Clone, Debug)]
struct Common {
    /// JSON, a line an entry
    #[arg(long)]
    json: bool,
    /// The configuration file
    #[arg(long, value_name = "FILE", default_value = "/etc/anomalyd/config.toml")]
    config: PathBuf,
}

impl Common {
    fn daemon(&self) -> anyhow::Result<crate::http::client::DaemonClient> {
        Ok(running_daemon(&Config::read(&self.config)?)?)
    }
}

/// Tells of the runs.
///
/// # Errors
/// When no daemon answers, or standard output cannot be written.
pub fn run(args: &Args) -> anyhow::Result<()> {
    match &args.command {
        None => list::run(&args.list),
        Some(Command::List(args)) => list::run(args),
        Some(Command::Show(args)) => show::run(args),
        Some(Command::Log(args)) => log::run(args),
    }
}
