//! `anomalyd store restore`: makes a store of a backup.

use std::io::Write;
use std::path::PathBuf;

use crate::cli::progress;
use crate::config::Config;
use crate::daemon::settings::Settings;
use crate::store::{self, Existing, Restored};

/// Makes a store of a backup, while no daemon runs.
///
/// The backup is verified first, and the new store is made beside the old one: whatever goes wrong before the last moment
/// changes nothing. The store must have the settings that the configuration has.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// The configuration file
    #[arg(long, value_name = "FILE", default_value = "/etc/anomalyd/config.toml")]
    pub config: PathBuf,
    /// Set the store that is there aside, and put the backup in its place
    #[arg(long)]
    pub replace: bool,
    /// The folder of the backup
    pub folder: PathBuf,
}

/// Restores, and tells of it on `out`.
///
/// # Errors
/// When the backup is damaged or does not fit, or there is a store already and it is not to be replaced.
pub fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<()> {
    let settings = Settings::of(&Config::read(&args.config)?).store;
    let existing = if args.replace { Existing::SetAside } else { Existing::Keep };
    let line = progress::waiting_line("verifying the backup, and restoring it");
    let restored = store::restore(&args.folder, &settings, existing);
    line.finish_and_clear();
    let Restored { backup, replaced } = restored?;
    let directory = settings.directory.display();
    writeln!(out, "{directory}: restored as it was at {}, {} entries", backup.made, backup.entries)?;
    if let Some(replaced) = replaced {
        let replaced = replaced.display();
        writeln!(out, "the store that was there is in {replaced}; remove it when it is not wanted any more")?;
    }
    Ok(())
}
