//! `anomalyd store upgrade`: brings a store of an earlier version up to this version's format.

use std::io::Write;
use std::path::PathBuf;

use crate::cli::progress;
use crate::config::Config;
use crate::daemon::settings::Settings;
use crate::store::{self, Upgrade};

/// Brings the store of an earlier version up, while no daemon runs. A start of the daemon does the same.
///
/// The new store is made beside the old one, and the old one is kept: whatever goes wrong before the last moment changes
/// nothing.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// The configuration file
    #[arg(long, value_name = "FILE", default_value = "/etc/anomalyd/config.toml")]
    pub config: PathBuf,
}

/// Brings the store up, and tells of it on `out`.
///
/// # Errors
/// When the store is in use, cannot be read, does not fit the configuration, or has no room beside it.
pub fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<()> {
    let settings = Settings::of(&Config::read(&args.config)?).store;
    let directory = settings.directory.display();
    let line = progress::waiting_line("bringing the store up");
    let upgrade = store::upgrade(&settings);
    line.finish_and_clear();
    match upgrade? {
        Upgrade::NoStore => writeln!(out, "{directory}: there is no store")?,
        Upgrade::UpToDate => writeln!(out, "{directory}: the store has this version's format already")?,
        Upgrade::Done(upgraded) => writeln!(out, "{directory}: {upgraded}")?,
    }
    Ok(())
}
