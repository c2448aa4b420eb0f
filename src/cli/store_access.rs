//! How a command comes to what a store holds: from the daemon that has the store, or, when none has, from a copy.

use std::path::PathBuf;

use crate::config::Config;
use crate::daemon::settings::{Settings, socket_places};
use crate::http::client::{ClientError, DaemonClient};
use crate::store::{self, Reader, StoreError};

/// Where a command reads a store.
pub(crate) enum StoreAccess {
    /// Its daemon is asked.
    Daemon(DaemonClient),
    /// No daemon has it: a private copy is read.
    Copy(Box<Reader>),
}

/// Why a store cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum StoreAccessError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The daemon.
    #[error(transparent)]
    Daemon(#[from] ClientError),
    /// A daemon has the store, and does not listen.
    #[error(
        "a daemon has the store {}, and listens on no socket that is known here; it may be starting, or its log says why it has none",
        directory.display()
    )]
    NotListening {
        /// The store.
        directory: PathBuf,
    },
    /// No daemon has the store, and only a daemon knows the answer.
    #[error(
        "no daemon runs on the store {}; start one, as by `systemctl start anomalyd` or `anomalyd run`, and ask again",
        directory.display()
    )]
    NotRunning {
        /// The store.
        directory: PathBuf,
    },
}

impl StoreAccessError {
    /// Whether the error lasts until a setting, or what it names, is changed.
    pub(crate) fn is_lasting(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_lasting())
    }
}

impl StoreAccess {
    /// Comes to the store of a configuration.
    pub(crate) fn of(config: &Config) -> Result<Self, StoreAccessError> {
        let settings = Settings::of(config).store;
        let directory = settings.directory.clone();
        let found = DaemonClient::find(&directory, &socket_places(config));
        if let Ok(Some(daemon)) = found {
            return Ok(Self::Daemon(daemon));
        }
        match store::read(settings) {
            Ok(reader) => Ok(Self::Copy(Box::new(reader))),
            Err(error @ (StoreError::InUse { .. } | StoreError::Unreadable { .. } | StoreError::None { .. })) => {
                // Whoever may not look into the folder of the store may still be admitted by the daemon, or not.
                found?;
                match error {
                    StoreError::InUse { .. } => Err(StoreAccessError::NotListening { directory }),
                    error => Err(error.into()),
                }
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// The daemon that has the store of a configuration, for a command that only it can answer.
pub(crate) fn running_daemon(config: &Config) -> Result<DaemonClient, StoreAccessError> {
    let directory = Settings::of(config).store.directory;
    match daemon(config)? {
        Some(daemon) => Ok(daemon),
        None if store::is_in_use(&directory) => Err(StoreAccessError::NotListening { directory }),
        None => Err(StoreAccessError::NotRunning { directory }),
    }
}

/// The daemon that has the store of a configuration; `None` when none listens.
pub(crate) fn daemon(config: &Config) -> Result<Option<DaemonClient>, ClientError> {
    DaemonClient::find(&config.store.directory, &socket_places(config))
}
