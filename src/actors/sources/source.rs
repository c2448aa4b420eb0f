//! What the two MQTT sources share: how they get decoders, what they count, and how a source tells whether it is
//! connected.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crate::ingest::decoder::Decoder;
use crate::schedule::closing::SourceSight;

/// Makes a decoder; every connection has its own.
pub type DecoderFactory = Arc<dyn Fn() -> Decoder + Send + Sync>;

/// What a source has counted since it was started; the metrics read it.
#[derive(Debug, Default)]
pub struct SourceCounters {
    /// Connections that were opened: by devices, or to the broker.
    pub connections_opened: Counter,
    /// Connections turned away because there were as many as there may be.
    pub connections_refused: Counter,
    /// Connections turned away because their address has too many, or too many that failed.
    pub addresses_turned_away: Counter,
    /// Messages taken in, redelivered ones included.
    pub messages: Counter,
    /// QoS 2 messages that came again before they were released, and were not decoded again.
    pub repeated: Counter,
    /// Bytes taken in: packets on the listener, payloads from a broker.
    pub bytes: Counter,
    /// Messages acknowledged: PUBACK and PUBREC.
    pub acks: Counter,
    /// QoS 0 messages dropped because the disk did not keep up.
    pub shed: Counter,
    /// Subscriptions that the broker refused.
    pub subscriptions_refused: Counter,
    closed: [Counter; CloseKind::ALL.len()],
}

/// Whether a source that connects to another machine is connected. The source writes it, and the scheduler reads it: no
/// window is closed while the source is away.
#[derive(Debug)]
pub struct SourceLink(Mutex<SourceSight>);

impl Default for SourceLink {
    fn default() -> Self {
        Self(Mutex::new(SourceSight::Away))
    }
}

impl SourceLink {
    /// What is known of the source now.
    pub fn sight(&self) -> SourceSight {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The other side has accepted the connection.
    pub(crate) fn connected(&self, now: Instant) {
        self.set(SourceSight::Connected { since: now, heard: now });
    }

    /// Something came from the other side.
    pub(crate) fn heard(&self, now: Instant) {
        if let SourceSight::Connected { heard, .. } = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            *heard = now;
        }
    }

    /// There is no connection any more.
    pub(crate) fn lost(&self) {
        self.set(SourceSight::Away);
    }

    fn set(&self, sight: SourceSight) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = sight;
    }
}

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// The number.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    pub(crate) fn add_len(&self, more: usize) {
        self.add(u64::try_from(more).unwrap_or(u64::MAX));
    }
}

impl SourceCounters {
    /// How many connections are open now.
    pub fn connections_open(&self) -> u64 {
        let closed: u64 = self.closed.iter().map(Counter::get).sum();
        self.connections_opened.get().saturating_sub(closed)
    }

    /// How many connections ended in this way.
    pub fn closed(&self, kind: CloseKind) -> u64 {
        self.of_kind(kind).map_or(0, Counter::get)
    }

    pub(crate) fn count_closed(&self, kind: CloseKind) {
        if let Some(counter) = self.of_kind(kind) {
            counter.add(1);
        }
    }

    fn of_kind(&self, kind: CloseKind) -> Option<&Counter> {
        self.closed.get(kind.place()?)
    }
}

/// The ways in which a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseKind {
    /// The other side said goodbye, or closed the connection.
    ByPeer,
    /// The network failed.
    Network,
    /// No CONNECT came in time.
    NoConnect,
    /// CONNECT was refused.
    Refused,
    /// A packet broke the rules of MQTT.
    Protocol,
    /// A packet was larger than accepted.
    TooLarge,
    /// Nothing came for longer than the client promised.
    KeepAlive,
    /// The other side did not read what it was answered.
    SlowReader,
    /// The same client id connected again.
    TakenOver,
    /// It held memory that the packets of others needed.
    Memory,
    /// The messages that came could not be stored.
    NotCommitted,
    /// The daemon stops.
    Stopping,
    /// The connection's task died of a defect.
    Defect,
}

impl CloseKind {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::ByPeer,
        Self::Network,
        Self::NoConnect,
        Self::Refused,
        Self::Protocol,
        Self::TooLarge,
        Self::KeepAlive,
        Self::SlowReader,
        Self::TakenOver,
        Self::Memory,
        Self::NotCommitted,
        Self::Stopping,
        Self::Defect,
    ];

    /// Its place among [`ALL`](Self::ALL).
    pub(crate) fn place(self) -> Option<usize> {
        Self::ALL.iter().position(|kind| *kind == self)
    }

    /// A short word, for metrics and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::ByPeer => "by_peer",
            Self::Network => "network",
            Self::NoConnect => "no_connect",
            Self::Refused => "refused",
            Self::Protocol => "protocol",
            Self::TooLarge => "too_large",
            Self::KeepAlive => "keep_alive",
            Self::SlowReader => "slow_reader",
            Self::TakenOver => "taken_over",
            Self::Memory => "memory",
            Self::NotCommitted => "not_committed",
            Self::Stopping => "stopping",
            Self::Defect => "defect",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closes_are_counted_by_their_kind_and_what_was_not_closed_is_open() {
        let counters = SourceCounters::default();
        counters.connections_opened.add(7);
        counters.connections_opened.add_len(CloseKind::ALL.len());
        for kind in CloseKind::ALL {
            counters.count_closed(kind);
            assert_eq!(counters.closed(kind), 1, "{}", kind.name());
        }
        assert_eq!(counters.connections_open(), 7);
    }
}
