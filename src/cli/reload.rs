//! `anomalyd reload`: has a running daemon look at its model files at once.

use std::io::{self, Write};
use std::path::PathBuf;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};

use crate::config::Config;
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
    /// There is none.
    #[error("no daemon runs on the store in {}; start one, and it reads all models", directory.display())]
    NotRunning {
        /// The store.
        directory: PathBuf,
    },
    /// The system refused it.
    #[error("process {process} cannot be sent SIGHUP: {problem}; be root, or the user that it runs as")]
    Signal {
        /// The daemon.
        process: u32,
        /// What the system says.
        problem: Errno,
    },
    /// The output.
    #[error("cannot write: {0}")]
    Output(#[from] io::Error),
}

/// Tells the daemon, and says so on `out`.
///
/// # Errors
/// When none runs, it may not be told, or `out` cannot be written.
pub fn run(config: &Config, out: &mut dyn Write) -> Result<(), ReloadError> {
    let directory = Settings::of(config).store.directory;
    let holder = store::holder(&directory).and_then(|process| Some((process, i32::try_from(process).ok()?)));
    let Some((process, pid)) = holder.and_then(|(process, pid)| Some((process, Pid::from_raw(pid)?))) else {
        return Err(ReloadError::NotRunning { directory });
    };
    kill_process(pid, Signal::HUP).map_err(|problem| ReloadError::Signal { process, problem })?;
    writeln!(out, "process {process} looks at its models; what comes of it is in its log")?;
    Ok(())
}
