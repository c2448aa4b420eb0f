//! The time between the summary and Ctrl-C, in which the daemon stays up and a browser can look around in it.

use std::path::PathBuf;

use super::DemoError;
use super::daemon_process::DaemonProcess;
use super::summary::DaemonEnd;
use crate::answers::Status;
use crate::http::client::{ClientError, DaemonClient};

/// What the daemon that has a store has accepted and refused until now, in its own words.
pub(super) async fn counts(store: PathBuf) -> DaemonEnd {
    let asked = tokio::task::spawn_blocking(move || ask(&store)).await;
    match asked {
        Ok(Ok(Some(Status { readings, rejects, .. }))) => DaemonEnd::StillUp { accepted: readings, rejected: rejects },
        Ok(Ok(None)) => DaemonEnd::Badly("the daemon's socket is not there, so it cannot be asked".to_owned()),
        Ok(Err(error)) => DaemonEnd::Badly(error.to_string()),
        Err(error) => DaemonEnd::Badly(format!("the daemon could not be asked: {error}")),
    }
}

fn ask(store: &std::path::Path) -> Result<Option<Status>, ClientError> {
    DaemonClient::find(store, &[])?.map(|client| client.get("/api/v1/status")?.json()).transpose()
}

/// Follows the daemon until it ends by itself, and tells why.
pub(super) async fn watch(daemon: &mut DaemonProcess) -> DemoError {
    while daemon.event().await.is_some() {}
    super::ended(daemon).await
}
