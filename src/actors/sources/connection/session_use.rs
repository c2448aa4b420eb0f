//! That a session is used without end.

use std::future::pending;
use std::time::Duration;

use tokio::time::{Instant, Interval, interval_at};

use super::handshake::Established;
use crate::actors::sources::clients::ConnectedClient;
use crate::actors::sources::intake::SessionLifetime;

/// Notes from time to time that a persistent session is in use: a session on a connection that lasts for long must not
/// expire for lack of a new connection.
pub(super) struct SessionUse<'a> {
    client: &'a str,
    /// `None` for a session that ends with its connection.
    timer: Option<Interval>,
}

impl<'a> SessionUse<'a> {
    pub(super) fn new(established: &'a Established, every: Duration) -> Self {
        let client = established.client.as_ref().map_or("", ConnectedClient::id);
        let persistent = established.client.is_some() && established.lifetime == SessionLifetime::Persistent;
        Self { client, timer: persistent.then(|| interval_at(Instant::now() + every, every)) }
    }

    /// Waits until the next note is due.
    pub(super) async fn goes_on(&mut self) -> &'a str {
        match &mut self.timer {
            Some(timer) => timer.tick().await,
            None => pending().await,
        };
        self.client
    }
}
