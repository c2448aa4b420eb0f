//! What a listener and its connections share: the settings, the bounds, and who is connected.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tracing::warn;

use crate::actors::sources::addresses::{AddressSettings, Addresses};
use crate::actors::sources::clients::Clients;
use crate::actors::sources::connection_memory::ConnectionMemory;
use crate::actors::sources::intake::Intake;
use crate::actors::sources::source::{CloseKind, DecoderFactory, SourceCounters};
use crate::actors::stop::Stop;
use crate::live::ConnectionBook;
use crate::telemetry::log_limit::LogLimit;

/// How the listener listens, and its bounds.
#[derive(Clone, Debug)]
pub struct ListenerSettings {
    /// The address on which devices connect. Port 0 takes a free port.
    pub address: SocketAddr,
    /// The most connections at a time.
    pub max_connections: u32,
    /// The bounds on one address.
    pub addresses: AddressSettings,
    /// The bytes that all connections together may hold for incomplete packets, beyond a small buffer each.
    pub memory_bytes: usize,
    /// The largest CONNECT accepted. It is small because the client is not known yet.
    pub max_connect_bytes: usize,
    /// The largest packet accepted, header included.
    pub max_packet_bytes: usize,
    /// The most batches of a connection that are being made durable at a time; at least 1.
    pub max_outstanding_batches: usize,
    /// How long a client may take to send its CONNECT.
    pub connect_timeout: Duration,
    /// How long a client may take to read an answer.
    pub write_timeout: Duration,
    /// How long a connection may carry nothing before the other side is probed, and after that before it is given up.
    pub tcp_keep_alive: Duration,
    /// How often a session that is in use is noted.
    pub session_touch: Duration,
    /// How long connections may wait for commits when the daemon stops.
    pub drain_timeout: Duration,
}

impl ListenerSettings {
    /// The defaults, at an address.
    pub fn at(address: SocketAddr) -> Self {
        Self {
            address,
            max_connections: 1024,
            addresses: AddressSettings { max_connections: 1024, max_failures_per_minute: 600 },
            memory_bytes: 48 << 20,
            max_connect_bytes: 16 << 10,
            max_packet_bytes: 1 << 20,
            max_outstanding_batches: 16,
            connect_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(10),
            tcp_keep_alive: Duration::from_secs(60),
            session_touch: Duration::from_secs(600),
            drain_timeout: Duration::from_secs(5),
        }
    }
}

/// What all connections of a listener share.
pub(crate) struct ListenerContext {
    pub(crate) settings: ListenerSettings,
    pub(crate) intake: Intake,
    pub(crate) decoders: DecoderFactory,
    pub(crate) counters: Arc<SourceCounters>,
    pub(crate) book: Arc<ConnectionBook>,
    pub(crate) clients: Arc<Clients>,
    pub(crate) memory: Arc<ConnectionMemory>,
    pub(super) addresses: Mutex<Addresses>,
    pub(crate) stop: Stop,
    pub(crate) notices: Notices,
    pub(super) closings: [LogLimit; CloseKind::ALL.len()],
}

impl ListenerContext {
    pub(super) fn addresses(&self) -> MutexGuard<'_, Addresses> {
        self.addresses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Notices that a listener logs once in its life.
#[derive(Debug, Default)]
pub(crate) struct Notices {
    subscribe: AtomicBool,
    will: AtomicBool,
}

impl Notices {
    pub(crate) fn subscribe(&self) {
        if !self.subscribe.swap(true, Ordering::Relaxed) {
            warn!("a client subscribed and was refused: this endpoint takes messages and gives none (said once)");
        }
    }

    pub(crate) fn will(&self, client: &str) {
        if !self.will.swap(true, Ordering::Relaxed) {
            warn!(client, "a client left a will, which is ignored: there are no subscribers to receive it (said once)");
        }
    }
}
