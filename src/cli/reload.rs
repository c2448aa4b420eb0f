//! `anomalyd reload`: has a running daemon look at its model files at once.

use std::io::{self, Write};
use std::path::PathBuf;

use rustix::process::{Signal, kill_process};

use crate::config::Config;
use crate::daemon::running_configuration;
use crate::daemon::settings::Settings;
use crate::store;

/// Has the running daemon look at its model files at once.
///
/// It reads those that are new or changed, proves them, and puts them to work between two runs; what came of it is in its
/// log. It looks by itself as well, every models.look_every.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// The configuration file of the daemon
    #[arg(long, value_name = "FILE", default_value = "/etc/anomalyd/config.toml")]
    pub config: PathBuf,
}

/// Why no daemon was told.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// No daemon runs with this store.
    #[error("no daemon runs on the store in {}; start one, and it reads all models; if store.directory was changed, restart the daemon that runs on the other one", directory.display())]
    NotRunning {
        /// The store.
        directory: PathBuf,
    },
    /// It cannot be found out whether a daemon runs.
    #[error("it cannot be seen which daemon runs on the store in {}: {problem}; be root, or the user that it runs as", directory.display())]
    Store {
        /// The store.
        directory: PathBuf,
        /// The system's error.
        problem: io::Error,
    },
    /// The system refused the signal.
    #[error("process {process} cannot be sent SIGHUP: {problem}; be root, or the user that it runs as")]
    Signal {
        /// The daemon.
        process: i32,
        /// The system's error.
        problem: io::Error,
    },
    /// The output.
    #[error("cannot write: {0}")]
    Output(#[from] io::Error),
}

/// Sends the signal to the daemon, and reports it on `out`.
///
/// # Errors
/// When no daemon runs, the signal is not permitted, or `out` cannot be written.
pub fn run(config: &Config, out: &mut dyn Write) -> Result<(), ReloadError> {
    let directory = Settings::of(config).store.directory;
    let process = match store::signalled(&directory) {
        Ok(Some(process)) => process,
        Ok(None) => return Err(ReloadError::NotRunning { directory }),
        Err(problem) => return Err(ReloadError::Store { directory, problem }),
    };
    let number = process.as_raw_nonzero().get();
    kill_process(process, Signal::HUP)
        .map_err(|problem| ReloadError::Signal { process: number, problem: problem.into() })?;
    writeln!(out, "process {number} looks at its models; its log tells the result")?;
    if running_configuration::is_another(&directory, config) {
        writeln!(
            out,
            "the configuration has changed since the daemon started, and is read at a start only: restart it, as by \
             `systemctl restart anomalyd`"
        )?;
    }
    Ok(())
}
