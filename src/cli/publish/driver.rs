//! The task behind a publisher: it keeps a connection, sends messages, counts acknowledgements, and sends again.

use std::num::NonZeroU16;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rumqttc::{
    ConnectReturnCode, ConnectionError, Disconnect, Event, EventLoop, MqttOptions, Packet, Publish, Request, StateError,
};
use tokio::sync::mpsc::Receiver;
use tokio::time::{Instant, timeout};

use super::unacknowledged::Unacknowledged;
use super::{Counters, MAX_PACKET_BYTES, Settings};

/// How often the server is asked for a sign of life when nothing else moves.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// How long a write may take. A server that reads nothing for so long counts as gone.
const WRITE_DEADLINE: Duration = Duration::from_secs(30);

/// The most messages that go out with one write, before incoming packets are read.
const MAX_BATCH: usize = 256;

const SHORTEST_BACKOFF: Duration = Duration::from_millis(50);
const LONGEST_BACKOFF: Duration = Duration::from_secs(2);

/// There was no connection for as long as the settings allow, for this reason.
#[derive(Debug)]
pub(super) struct GaveUp(pub(super) String);

pub(super) struct Driver {
    settings: Settings,
    intake: Receiver<Publish>,
    unacknowledged: Unacknowledged,
    counters: Arc<Counters>,
    /// The time since which no message gets through; `None` while messages do.
    stalled: Option<Instant>,
    attempts: u32,
}

impl Driver {
    pub(super) fn new(settings: Settings, intake: Receiver<Publish>, counters: Arc<Counters>) -> Self {
        let unacknowledged = Unacknowledged::new(settings.window);
        Self { settings, intake, unacknowledged, counters, stalled: None, attempts: 0 }
    }

    /// Connects for the first time, trying for as long as `within`.
    pub(super) async fn connect_first(&mut self, within: Duration) -> Result<EventLoop, GaveUp> {
        let begin = Instant::now();
        loop {
            match connect(&self.settings).await {
                Ok(connection) => {
                    self.attempts = 0;
                    return Ok(connection);
                }
                Err(error) if begin.elapsed() >= within => return Err(GaveUp(explain(&error))),
                Err(_) => self.back_off().await,
            }
        }
    }

    /// Publishes until the intake is closed and everything is acknowledged.
    pub(super) async fn run(mut self, first: EventLoop) -> Result<(), GaveUp> {
        let mut connected = Ok(first);
        loop {
            let error = match connected {
                Ok(mut connection) => match self.serve(&mut connection).await {
                    Ok(()) => return Ok(()),
                    Err(error) => {
                        // Acknowledgements that came in before the connection ended still count.
                        connection.state.events.drain(..).for_each(|event| self.note(&event));
                        error
                    }
                },
                Err(error) => error,
            };
            if self.is_done() {
                return Ok(());
            }
            let stalled = *self.stalled.get_or_insert_with(Instant::now);
            if stalled.elapsed() >= self.settings.patience {
                return Err(GaveUp(explain(&error)));
            }
            self.back_off().await;
            connected = connect(&self.settings).await;
            if connected.is_ok() {
                self.counters.reconnects.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Uses one connection until it breaks, or all work is done.
    async fn serve(&mut self, connection: &mut EventLoop) -> Result<(), ConnectionError> {
        if self.unacknowledged.is_empty() {
            self.note_progress();
        }
        // The server may have forgotten the session, and rumqttc would then forget the messages with it. This queue
        // keeps them: whatever the server remembers, all unacknowledged messages go out again, in their order.
        let again: Vec<_> = self.unacknowledged.mark_for_resend().cloned().collect();
        self.counters.resent.fetch_add(again.len() as u64, Ordering::Relaxed);
        send(connection, again.iter()).await?;

        let mut batch = Vec::with_capacity(MAX_BATCH);
        while !self.is_done() {
            let room = self.unacknowledged.room().min(MAX_BATCH);
            // Either branch may be dropped before it ends: what the event loop has read stays in its state, and a
            // message leaves the intake only in the branch that takes it.
            tokio::select! {
                event = connection.poll() => self.note(&event?),
                count = self.intake.recv_many(&mut batch, room), if room > 0 && !self.intake_ended() => {
                    batch.drain(..).for_each(|publish| self.unacknowledged.push(publish));
                    send(connection, self.unacknowledged.latest(count)).await?;
                }
            }
        }
        // A failure is ignored: everything is acknowledged, and a server that misses the DISCONNECT only waits for the
        // keep-alive.
        let _ = write(connection, Request::Disconnect(Disconnect)).await;
        let _ = flush(connection).await;
        Ok(())
    }

    fn note(&mut self, event: &Event) {
        if let Event::Incoming(Packet::PubAck(ack)) = event
            && self.unacknowledged.acknowledge(ack.pkid)
        {
            self.counters.acknowledged.fetch_add(1, Ordering::Relaxed);
            self.note_progress();
        }
    }

    /// Whether nothing more will be handed over.
    fn intake_ended(&self) -> bool {
        self.intake.is_closed() && self.intake.is_empty()
    }

    fn is_done(&self) -> bool {
        self.intake_ended() && self.unacknowledged.is_empty()
    }

    fn note_progress(&mut self) {
        self.stalled = None;
        self.attempts = 0;
    }

    async fn back_off(&mut self) {
        let longest = SHORTEST_BACKOFF.saturating_mul(1 << self.attempts.min(10)).min(LONGEST_BACKOFF);
        self.attempts = self.attempts.saturating_add(1);
        // Half of the pause is random, so that many publishers do not return at the same moment.
        tokio::time::sleep(longest.mul_f64(0.5 + 0.5 * fastrand::f64())).await;
    }
}

/// Opens a connection. Each connection has a new event loop, so that no state of an earlier one remains.
async fn connect(settings: &Settings) -> Result<EventLoop, ConnectionError> {
    let mut options = MqttOptions::new(&settings.client_id, settings.server.host(), settings.server.port());
    options
        .set_clean_session(false)
        .set_keep_alive(KEEP_ALIVE)
        .set_inflight(NonZeroU16::get(settings.window))
        .set_max_packet_size(MAX_PACKET_BYTES, MAX_PACKET_BYTES);
    let mut connection = EventLoop::new(options, 1);
    connection.network_options.set_tcp_nodelay(true);
    // The first poll of an event loop connects, and ends when the server has accepted.
    connection.poll().await.map(|_| connection)
}

/// Sends messages that have their ids, with as few writes as possible.
async fn send<'a>(
    connection: &mut EventLoop,
    messages: impl Iterator<Item = &'a Publish>,
) -> Result<(), ConnectionError> {
    let all = async {
        for message in messages {
            write(connection, Request::Publish(message.clone())).await?;
        }
        flush(connection).await
    };
    timeout(WRITE_DEADLINE, all).await.unwrap_or(Err(ConnectionError::FlushTimeout))
}

async fn write(connection: &mut EventLoop, request: Request) -> Result<(), ConnectionError> {
    let packet = connection.state.handle_outgoing_packet(request)?;
    match (&mut connection.network, packet) {
        (Some(network), Some(packet)) => Ok(network.write(packet).await?),
        (None, _) => Err(StateError::ConnectionAborted.into()),
        (Some(_), None) => Err(StateError::InvalidState.into()),
    }
}

async fn flush(connection: &mut EventLoop) -> Result<(), ConnectionError> {
    match &mut connection.network {
        Some(network) => Ok(network.flush().await?),
        None => Err(StateError::ConnectionAborted.into()),
    }
}

/// Says for people why a connection ended or was not made.
fn explain(error: &ConnectionError) -> String {
    match error {
        ConnectionError::Io(error) | ConnectionError::MqttState(StateError::Io(error)) => error.to_string(),
        ConnectionError::MqttState(StateError::ConnectionAborted) => "the server closed the connection".to_owned(),
        ConnectionError::MqttState(StateError::AwaitPingResp) => "the server gives no sign of life".to_owned(),
        ConnectionError::NetworkTimeout => "the server does not answer".to_owned(),
        ConnectionError::FlushTimeout => "the server takes nothing in".to_owned(),
        ConnectionError::ConnectionRefused(code) => {
            let reason = match code {
                ConnectReturnCode::Success => "without a reason",
                ConnectReturnCode::RefusedProtocolVersion => "it does not speak MQTT 3.1.1",
                ConnectReturnCode::BadClientId => "it does not accept the client id",
                ConnectReturnCode::ServiceUnavailable => "it is not available",
                ConnectReturnCode::BadUserNamePassword => "it asks for a user name and a password",
                ConnectReturnCode::NotAuthorized => "the client is not authorised",
            };
            format!("the server refuses the connection: {reason}")
        }
        other => other.to_string(),
    }
}
