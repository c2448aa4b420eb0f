//! Publishing as a device does, with counted acknowledgements.
//!
//! **Delivery.** Every message that [`Publisher::publish`] took is sent with QoS 1 until the server acknowledges it,
//! over as many connections as needed, for as long as the publisher's patience lasts: each message arrives at least
//! once, or the [`Summary`] counts it as unacknowledged. On each connection, messages go out in the order in which they
//! were handed over; messages that are sent again go first. Nothing survives this process.

mod driver;
mod unacknowledged;
pub mod url;

#[cfg(test)]
pub(super) mod tests;

use std::num::NonZeroU16;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rumqttc::{Publish, QoS};
use serde::Serialize;
use tokio::sync::mpsc::{self, Sender};
use tokio::task::JoinHandle;

use self::driver::{Driver, GaveUp};
use self::url::ServerUrl;
use crate::time::Timestamp;

/// The largest packet, in bytes; a larger message is refused. A server would close the connection on a packet that is
/// too large for it, and the packet would be sent again for ever.
const MAX_PACKET_BYTES: usize = 1 << 20;

/// The most bytes of a packet beside topic and payload.
const MAX_OVERHEAD_BYTES: usize = 16;

/// How a publisher publishes.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where to.
    pub server: ServerUrl,
    /// The name of the session. Two publishers with one name disconnect each other.
    pub client_id: String,
    /// How many messages may be unacknowledged at a time. With twice as many handed over, [`Publisher::publish`] waits.
    pub window: NonZeroU16,
    /// How long the publisher goes on while no message gets through, before it gives up.
    pub patience: Duration,
}

impl Settings {
    /// A window of 1,000 messages, and a minute's patience.
    pub fn new(server: ServerUrl, client_id: impl Into<String>) -> Self {
        const WINDOW: NonZeroU16 = NonZeroU16::MIN.saturating_add(999);
        Self { server, client_id: client_id.into(), window: WINDOW, patience: Duration::from_secs(60) }
    }
}

/// Why something was not published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The server was not to be reached.
    #[error("cannot connect to {server}: {reason}; see that an MQTT server runs there")]
    Connect {
        /// Where.
        server: ServerUrl,
        /// Why.
        reason: String,
    },
    /// A persistent session must have a name.
    #[error("the client id is empty; give one, such as 'anomalyd-replay'")]
    NoClientId,
    /// A topic to which no message may be published.
    #[error("'{0}' cannot be published to: a topic has 1 to 65535 bytes and holds no '+', '#' or NUL")]
    Topic(String),
    /// A message that is too large.
    #[error("a message to '{topic}' has {bytes} bytes, at most {max} are accepted", max = MAX_PACKET_BYTES)]
    TooLarge {
        /// Its topic.
        topic: String,
        /// The size of topic and payload.
        bytes: usize,
    },
    /// The publisher gave up; [`Publisher::drain`] says why.
    #[error("the publisher has given up: the server was away for too long")]
    GaveUp,
}

/// The counts of a publisher so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Progress {
    /// Messages handed over.
    pub sent: u64,
    /// Messages that the server acknowledged, each counted once.
    pub acknowledged: u64,
    /// How often a message went out again, after a connection had broken.
    pub resent: u64,
    /// Connections after the first.
    pub reconnects: u64,
}

/// The final counts of a publisher.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Summary {
    /// The counts.
    pub progress: Progress,
    /// Why messages are unacknowledged, for people; `None` when all are acknowledged.
    pub failure: Option<String>,
}

impl Summary {
    /// How many messages may not have arrived.
    pub fn unacknowledged(&self) -> u64 {
        self.progress.sent - self.progress.acknowledged
    }
}

/// The counts, shared with the task that does the work.
#[derive(Debug, Default)]
struct Counters {
    sent: AtomicU64,
    acknowledged: AtomicU64,
    resent: AtomicU64,
    reconnects: AtomicU64,
}

/// A connection to an MQTT server that publishes with QoS 1. The [module](self) says what it promises.
///
/// A publisher that is dropped without [`Publisher::drain`] goes on in the background with the messages that it has.
#[derive(Debug)]
pub struct Publisher {
    intake: Sender<Publish>,
    counters: Arc<Counters>,
    task: JoinHandle<Result<(), GaveUp>>,
}

impl Publisher {
    /// Connects, trying for as long as `within`. Runs on the tokio runtime that it is called on.
    ///
    /// # Errors
    /// When the server was not reached, or refuses the connection.
    pub async fn connect(settings: Settings, within: Duration) -> Result<Self, PublishError> {
        if settings.client_id.is_empty() {
            return Err(PublishError::NoClientId);
        }
        let server = settings.server.clone();
        let (intake, receiver) = mpsc::channel(settings.window.get().into());
        let counters = Arc::new(Counters::default());
        let mut driver = Driver::new(settings, receiver, Arc::clone(&counters));
        let first = driver.connect_first(within).await;
        let first = first.map_err(|GaveUp(reason)| PublishError::Connect { server, reason })?;
        Ok(Self { intake, counters, task: tokio::spawn(driver.run(first)) })
    }

    /// Hands a message over, waiting for room.
    ///
    /// # Errors
    /// When no server accepts such a message, or the publisher has given up. The message then does not count as sent.
    pub async fn publish(&self, topic: &str, payload: Vec<u8>) -> Result<(), PublishError> {
        if topic.is_empty() || topic.len() > usize::from(u16::MAX) || topic.contains(['+', '#', '\0']) {
            return Err(PublishError::Topic(topic.chars().take(200).collect()));
        }
        let bytes = topic.len() + payload.len();
        if bytes > MAX_PACKET_BYTES - MAX_OVERHEAD_BYTES {
            return Err(PublishError::TooLarge { topic: topic.to_owned(), bytes });
        }
        let place = self.intake.reserve().await.map_err(|_| PublishError::GaveUp)?;
        // Counted before it can be acknowledged, so that never more are acknowledged than sent.
        self.counters.sent.fetch_add(1, Ordering::Relaxed);
        place.send(Publish::new(topic, QoS::AtLeastOnce, payload));
        Ok(())
    }

    /// The counts so far.
    pub fn progress(&self) -> Progress {
        progress(&self.counters)
    }

    /// Waits until everything is acknowledged, at most until `deadline` from now, and ends the connection.
    pub async fn drain(self, deadline: Duration) -> Summary {
        let Self { intake, counters, mut task } = self;
        drop(intake);
        let failure = match tokio::time::timeout(deadline, &mut task).await {
            Ok(Ok(Ok(()))) => None,
            Ok(Ok(Err(GaveUp(reason)))) => Some(reason),
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => {
                task.abort();
                Some(format!("the acknowledgements did not come within {} s", deadline.as_secs()))
            }
        };
        Summary { progress: progress(&counters), failure }
    }
}

fn progress(counters: &Counters) -> Progress {
    // The acknowledged count is read first: a message is counted as sent before it can be counted as acknowledged.
    let acknowledged = counters.acknowledged.load(Ordering::Acquire);
    Progress {
        acknowledged,
        sent: counters.sent.load(Ordering::Acquire).max(acknowledged),
        resent: counters.resent.load(Ordering::Relaxed),
        reconnects: counters.reconnects.load(Ordering::Relaxed),
    }
}

/// A reading as a JSON payload, `{"ts":"2026-03-02T06:00:00Z","value":10.16}`. The value reads back exactly.
pub fn json_payload(time: Timestamp, value: f64) -> Vec<u8> {
    #[derive(Serialize)]
    struct Payload {
        ts: String,
        value: f64,
    }
    // Serialising a text and a number into memory has no way to fail.
    serde_json::to_vec(&Payload { ts: time.to_string(), value }).unwrap_or_default()
}
