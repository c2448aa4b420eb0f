//! Who is connected, and who failed to; how the broker is.

mod failures;

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::answers::{self, Connections};
use crate::time::Timestamp;
use failures::{FailureKey, FailureLog};

/// Who is connected, and who failed to. As many are connected as the listener allows; of the failures the newest are kept.
#[derive(Debug, Default)]
pub struct ConnectionBook {
    listener: Mutex<Option<ServerEntry>>,
    broker: Mutex<Option<ServerEntry>>,
    /// By client id; the number tells apart clients without one.
    connected: Mutex<Connected>,
    connections: AtomicU64,
    failed: Mutex<FailureLog>,
}

type Connected = BTreeMap<(Arc<str>, u64), Arc<ConnectionCounts>>;

/// An MQTT endpoint, ours or a broker's.
struct ServerEntry {
    address: String,
    is_up: bool,
    since: Timestamp,
    problem: Option<String>,
    messages: Box<dyn Fn() -> u64 + Send>,
}

/// What a connection shows of itself.
#[derive(Debug)]
struct ConnectionCounts {
    address: SocketAddr,
    since: Timestamp,
    messages: AtomicU64,
    /// When the last message came, in nanoseconds; zero when none did.
    last_message: AtomicI64,
}

/// A connection in the book. It leaves the book when this is dropped.
#[derive(Debug)]
pub struct ShownConnection {
    book: Arc<ConnectionBook>,
    key: (Arc<str>, u64),
    counts: Arc<ConnectionCounts>,
}

impl ConnectionBook {
    /// Devices can connect to this address. `messages` tells how many messages came over it.
    pub fn listener_is_up(&self, address: SocketAddr, messages: impl Fn() -> u64 + Send + 'static, now: Timestamp) {
        let (address, messages) = (address.to_string(), Box::new(messages));
        *locked(&self.listener) = Some(ServerEntry { address, is_up: true, since: now, problem: None, messages });
    }

    /// There is a broker to connect to. `messages` tells how many messages came over it.
    pub fn broker_is_sought(&self, address: String, messages: impl Fn() -> u64 + Send + 'static, now: Timestamp) {
        let messages = Box::new(messages);
        *locked(&self.broker) = Some(ServerEntry { address, is_up: false, since: now, problem: None, messages });
    }

    /// The broker has accepted us.
    pub fn broker_is_up(&self, now: Timestamp) {
        if let Some(broker) = &mut *locked(&self.broker) {
            (broker.is_up, broker.since, broker.problem) = (true, now, None);
        }
    }

    /// The broker cannot be reached, for this reason.
    pub fn broker_is_down(&self, problem: String, now: Timestamp) {
        if let Some(broker) = &mut *locked(&self.broker) {
            if broker.is_up {
                broker.since = now;
            }
            (broker.is_up, broker.problem) = (false, Some(problem));
        }
    }

    /// A device's CONNECT was accepted.
    pub fn enter(self: &Arc<Self>, client: &str, address: SocketAddr, now: Timestamp) -> ShownConnection {
        let key = (Arc::from(client), self.connections.fetch_add(1, Ordering::Relaxed));
        let (messages, last_message) = (AtomicU64::new(0), AtomicI64::new(0));
        let counts = Arc::new(ConnectionCounts { address, since: now, messages, last_message });
        locked(&self.connected).insert(key.clone(), Arc::clone(&counts));
        ShownConnection { book: Arc::clone(self), key, counts }
    }

    /// A connection failed, or ended by a fault. Those of one address, kind and client are counted together.
    pub fn failed(&self, address: IpAddr, kind: &'static str, client: &str, reason: String, now: Timestamp) {
        locked(&self.failed).add(
            FailureKey { address: address.to_canonical(), kind, client: client.into() },
            reason,
            now,
        );
    }

    /// All of it, of connections and failures at most `most` each.
    pub fn list(&self, most: usize) -> Connections {
        let (connected, total) = {
            let connected = locked(&self.connected);
            let first: Vec<_> = connected
                .iter()
                .take(most)
                .map(|((client, _), counts)| (Arc::clone(client), Arc::clone(counts)))
                .collect();
            (first, connected.len() as u64)
        };
        let connected = connected.into_iter().map(|(client, counts)| counts.answer(&client)).collect();
        let failed = locked(&self.failed).newest_first(most);
        let [listener, broker] =
            [&self.listener, &self.broker].map(|server| locked(server).as_ref().map(ServerEntry::answer));
        Connections { listener, broker, connected, total, failed }
    }
}

impl ShownConnection {
    /// Messages came.
    pub fn note(&self, messages: usize, now: Timestamp) {
        if messages > 0 {
            self.counts.messages.fetch_add(messages as u64, Ordering::Relaxed);
            self.counts.last_message.store(now.nanos(), Ordering::Relaxed);
        }
    }
}

impl Drop for ShownConnection {
    fn drop(&mut self) {
        locked(&self.book.connected).remove(&self.key);
    }
}

impl ConnectionCounts {
    fn answer(&self, client: &str) -> answers::Connection {
        let last_message = self.last_message.load(Ordering::Relaxed);
        answers::Connection {
            client: client.to_owned(),
            address: self.address.to_string(),
            since: self.since,
            messages: self.messages.load(Ordering::Relaxed),
            last_message: (last_message != 0).then(|| Timestamp::from_nanos(last_message)),
        }
    }
}

impl ServerEntry {
    fn answer(&self) -> answers::Server {
        answers::Server {
            address: self.address.clone(),
            is_up: self.is_up,
            since: Some(self.since),
            problem: self.problem.clone(),
            messages: (self.messages)(),
        }
    }
}

impl fmt::Debug for ServerEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, is_up, .. } = self;
        f.debug_struct("ServerEntry").field("address", address).field("is_up", is_up).finish_non_exhaustive()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_nanos(secs * 1_000_000_000)
    }

    #[test]
    fn connections_are_listed_by_their_ids_until_they_end() {
        let book = Arc::new(ConnectionBook::default());
        let address: SocketAddr = "192.0.2.1:4711".parse().unwrap();
        let pump = book.enter("pump", address, at(1));
        let (first, second) = (book.enter("", address, at(2)), book.enter("", address, at(3)));
        pump.note(0, at(4));
        pump.note(3, at(5));
        let list = book.list(2);
        assert_eq!((list.total, list.connected.len()), (3, 2));
        drop((first, second));
        let [shown] = &book.list(9).connected[..] else { panic!("one is left") };
        let expected = answers::Connection {
            client: "pump".to_owned(),
            address: "192.0.2.1:4711".to_owned(),
            since: at(1),
            messages: 3,
            last_message: Some(at(5)),
        };
        assert_eq!(*shown, expected);
    }

    #[test]
    fn a_broker_is_away_since_it_went_whatever_else_goes_wrong_meanwhile() {
        let book = ConnectionBook::default();
        assert_eq!(book.list(1).broker, None);
        book.broker_is_sought("broker:1883".to_owned(), || 7, at(1));
        book.broker_is_down("refused".to_owned(), at(2));
        let broker = || book.list(1).broker.unwrap();
        assert_eq!((broker().is_up, broker().since, broker().messages), (false, Some(at(1)), 7));
        book.broker_is_up(at(3));
        assert_eq!((broker().is_up, broker().since, broker().problem), (true, Some(at(3)), None));
        book.broker_is_down("closed".to_owned(), at(4));
        book.broker_is_down("refused".to_owned(), at(5));
        assert_eq!((broker().since, broker().problem.as_deref()), (Some(at(4)), Some("refused")));
    }
}
