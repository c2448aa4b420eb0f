//! The line to the broker: a connection, or the pause before the next attempt.

use std::pin::Pin;
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
    /// A connection is being made. Given up half way, it could leave a session at the broker that the next connection
    /// takes for one of before.
    Opening(Opening),
    /// The broker accepts us.
    Up { connection: Connection, since: Instant },
}

type Opening = Pin<Box<dyn Future<Output = Result<(Connection, SessionPresent), Failure>> + Send>>;

/// What happens on the line.
pub(super) enum LineEvent {
    Opened(Connection, SessionPresent),
    Incoming(Incoming),
}

impl Line {
    /// Sits out the pause and connects, or waits for what comes. No message and no attempt to connect is lost when the
    /// future is dropped before it is ready. After a connection was opened, or failed, the line is to be set anew.
    pub(super) async fn next(&mut self, settings: &BrokerSettings) -> Result<LineEvent, Failure> {
        loop {
            match self {
                Self::Down { again } => {
                    sleep_until(*again).await;
                    let settings = settings.clone();
                    *self = Self::Opening(Box::pin(async move { Connection::open(&settings).await }));
                }
                Self::Opening(opening) => {
                    let (connection, session) = opening.await?;
                    return Ok(LineEvent::Opened(connection, session));
                }
                Self::Up { connection, .. } => return connection.next().await.map(LineEvent::Incoming),
            }
        }
    }
}
