//! `anomalyd dump`: writes what the store holds, for people and scripts.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use crate::cli::store_access::{StoreAccess, StoreAccessError};
use crate::config::Config;
use crate::daemon::settings::Settings;
pub use crate::export::dump::What;
use crate::export::dump::{self, DumpError};
use crate::http::client::ClientError;
use crate::rescoring::Rescorer;
use crate::sensor::SensorDirectory;
use crate::store::Reader;

/// Writes what the store holds, as JSON, one object a line.
///
/// For a look at a gateway's verdicts after the fact, and for scripts. A daemon that runs is asked over its local
/// socket. When none does, what is read is a copy, in $TMPDIR or else in /var/tmp. Nothing in the store is changed.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// The configuration file
    #[arg(long, value_name = "FILE", default_value = "/etc/anomalyd/config.toml")]
    pub config: PathBuf,
    /// What to write
    #[arg(value_enum)]
    pub what: What,
}

/// Why the store could not be written out.
#[derive(Debug, thiserror::Error)]
pub enum DumpCommandError {
    /// The store, or its daemon.
    #[error(transparent)]
    Access(#[from] StoreAccessError),
    /// The daemon.
    #[error(transparent)]
    Daemon(#[from] ClientError),
    /// What a copy of the store holds.
    #[error(transparent)]
    Dump(#[from] DumpError),
    /// The output, or the daemon's answer.
    #[error("cannot write: {0}")]
    Output(#[from] io::Error),
}

impl DumpCommandError {
    /// Whether the error lasts until a setting, or what it names, is changed.
    pub fn is_lasting(&self) -> bool {
        matches!(self, Self::Access(error) if error.is_lasting())
    }
}

/// Writes what `what` asks for to `out`.
///
/// # Errors
/// When the store cannot be read, or `out` cannot be written.
pub fn run(what: What, config: &Config, out: &mut dyn Write) -> Result<(), DumpCommandError> {
    match StoreAccess::of(config)? {
        StoreAccess::Daemon(daemon) => {
            io::copy(&mut daemon.get(&format!("/api/v1/dump/{}", what.name()))?, out)?;
        }
        StoreAccess::Copy(reader) => {
            let settings = Settings::of(config);
            let sensors = reader.sensors().map_err(DumpError::from)?;
            let sensors = Arc::new(SensorDirectory::new(settings.max_sensors, sensors));
            let rescorer = Rescorer::new(settings.rescoring(), Reader::clone(&reader), sensors);
            dump::write(what, &reader, &rescorer, out)?;
        }
    }
    Ok(())
}
