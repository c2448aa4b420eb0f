//! `anomalyd store backup`: copies the store into a folder of its own.

use std::io::Write;
use std::path::PathBuf;

use crate::cli::{progress, store_access};
use crate::config::Config;
use crate::daemon::settings::Settings;
use crate::store::{self, Backup};

/// Copies the store into a folder, from which `anomalyd store restore` makes a store again.
///
/// The backup is complete when the command ends well: its manifest is written last. Verdict files, models and the
/// configuration are not part of the store, and not in the backup.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// The configuration file
    #[arg(long, value_name = "FILE", default_value = "/etc/anomalyd/config.toml")]
    pub config: PathBuf,
    /// The folder for the backup: empty, or not there yet
    pub folder: PathBuf,
}

/// Makes the backup, and tells of it on `out`.
///
/// # Errors
/// When the store cannot be read, or the folder cannot be written to.
pub fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<()> {
    let config = Config::read(&args.config)?;
    let (backup, line) = match store_access::daemon(&config)? {
        Some(daemon) => {
            let answer = daemon.get("/api/v1/store/backup")?;
            let line = progress::bytes_line("copied");
            (store::receive(line.wrap_read(answer), &args.folder), line)
        }
        None => {
            let line = progress::waiting_line("copying the store");
            (store::back_up(Settings::of(&config).store, &args.folder), line)
        }
    };
    line.finish_and_clear();
    let backup = backup?;
    let Backup { entries, file_bytes, archive_bytes, .. } = backup;
    let folder = args.folder.display();
    writeln!(
        out,
        "{folder}: the backup is complete: {entries} entries and {file_bytes} bytes of files, {archive_bytes} bytes in all"
    )?;
    Ok(())
}
