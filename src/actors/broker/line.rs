//! The line to the broker: a connection, or the pause before the next attempt.

use std::time::Instant;

use tokio::time::sleep_until;

use super::connection::Connection;
use super::failure::Failure;
use super::packets::Incoming;
use super::settings::BrokerSettings;
use crate::ingest::session::SessionPresent;

/// The line to the broker.
#[expect(clippy::large_enum_variant, reason = "there is one a source")]
pub(super) enum Line {
    /// There is no connection, and none is tried before this time.
    Down { again: tokio::time::Instant },
    /// The broker accepts us.
    Up { connection: Connection, since: Instant },
}

/// An event on the line.
pub(super) enum LineEvent {
    Opened(Connection, SessionPresent),
    Incoming(Incoming),
}

impl Line {
    /// Waits out the pause and connects, or waits for the next packet. No message is lost when the future is dropped
    /// before it is ready.
    pub(super) async fn next(&mut self, settings: &BrokerSettings) -> Result<LineEvent, Failure> {
        match self {
            Self::Down { again } => {
                sleep_until(*again).await;
                let (connection, session) = Connection::open(settings).await?;
                Ok(LineEvent::Opened(connection, session))
            }
            Self::Up { connection, .. } => connection.next().await.map(LineEvent::Incoming),
        }
    }
}
