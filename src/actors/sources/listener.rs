//! The embedded source: an MQTT 3.1.1 endpoint to which devices connect directly.
//!
//! It takes messages and sends none: a SUBSCRIBE is refused, a will is accepted and ignored, and the log says so once.
//! **Delivery.** An acknowledgement means *on the disk*: PUBACK (QoS 1) and PUBREC (QoS 2) leave after the commit, in
//! the order of the messages. QoS 0 messages are stored like the others, and lost if the daemon dies before. The
//! "session present" flag of CONNACK comes from the disk too, because clients drop unacknowledged messages when it is
//! not set.
//!
//! Each connection is a task; tasks are spread over the arbiters that the listener is given. At `max_connections`,
//! further connections are closed as soon as they open. So are those of an address that has too many connections, or
//! too many that failed (`addresses.rs`). A client that breaks a rule or a bound is disconnected, logged with the
//! reason, and counted.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use actix_rt::ArbiterHandle;
use rustix::net::sockopt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::{debug, error, info, warn};

use crate::actors::sources::addresses::{Addresses, Conduct, TurnedAway};
use crate::actors::sources::connection::{Closing, Connection, Ended};
use crate::actors::sources::connection_memory::ConnectionMemory;
use crate::actors::sources::intake::Intake;
use crate::actors::sources::listener_context::{ListenerContext, Notices};
use crate::actors::sources::source::{CloseKind, DecoderFactory, SourceCounters};
use crate::actors::stop::Stop;
use crate::actors::supervised_task::{Persistence, supervised};
use crate::live::{ConnectionBook, PartBook};
use crate::telemetry::log_limit::LogLimit;
use crate::time::Timestamp;

pub use crate::actors::sources::addresses::AddressSettings;
pub use crate::actors::sources::listener_context::ListenerSettings;

#[cfg(test)]
mod tests;

/// Why the listener could not listen.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The port is taken.
    #[error(
        "cannot listen for devices on {0}: another program, perhaps a broker, does so already; \
         stop it, or set mqtt.listen.address to another port"
    )]
    AddressInUse(SocketAddr),
    /// The address is not this machine's.
    #[error(
        "cannot listen for devices on {0}: this machine has no such address; \
         set mqtt.listen.address to one it has, or to 0.0.0.0 for all"
    )]
    NoSuchAddress(SocketAddr),
    /// It may not.
    #[error(
        "cannot listen for devices on {0}: permission denied; set mqtt.listen.address to a port above 1023, such as 8883, \
         and have devices or a redirect use that, or let the service listen below (docs/operations.md, \"Ports below 1024\")"
    )]
    Forbidden(SocketAddr),
    /// Something else.
    #[error("cannot listen for devices on {address}: {source}; see mqtt.listen.address")]
    Other {
        /// Where.
        address: SocketAddr,
        /// The system's error.
        source: io::Error,
    },
}

impl ListenError {
    /// Whether the error lasts until a setting is changed. A port may become free, and an address may come with the
    /// network.
    pub fn is_lasting(&self) -> bool {
        matches!(self, Self::Forbidden(_))
    }
}

/// A listener whose port is open. It accepts connections when it runs.
#[derive(Debug)]
pub struct Listener {
    socket: StdListener,
    address: SocketAddr,
    settings: ListenerSettings,
    counters: Arc<SourceCounters>,
}

impl Listener {
    /// Opens the port.
    ///
    /// # Errors
    /// When that fails; the error says what to do.
    pub fn bind(settings: ListenerSettings) -> Result<Self, ListenError> {
        let at = settings.address;
        let explain = |source: io::Error| match source.kind() {
            io::ErrorKind::AddrInUse => ListenError::AddressInUse(at),
            io::ErrorKind::AddrNotAvailable => ListenError::NoSuchAddress(at),
            io::ErrorKind::PermissionDenied => ListenError::Forbidden(at),
            _ => ListenError::Other { address: at, source },
        };
        let socket = StdListener::bind(at).map_err(explain)?;
        socket.set_nonblocking(true).map_err(explain)?;
        let address = socket.local_addr().map_err(explain)?;
        Ok(Self { socket, address, settings, counters: Arc::default() })
    }

    /// The address that it listens on, with the port that was taken.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The listener's counters.
    pub fn counters(&self) -> Arc<SourceCounters> {
        Arc::clone(&self.counters)
    }

    /// Serves devices until a stop is asked for; then waits until the connections have ended or their time is up. Who is
    /// connected, and who failed to, is noted in the book.
    ///
    /// Connections are spread over `arbiters`; without any they run on the current thread, which must then be able to
    /// run local tasks.
    ///
    /// # Errors
    /// When the runtime cannot watch the port.
    pub async fn run(
        self,
        intake: Intake,
        decoders: DecoderFactory,
        arbiters: Vec<ArbiterHandle>,
        book: Arc<ConnectionBook>,
        parts: Arc<PartBook>,
        stop: Stop,
    ) -> Result<(), ListenError> {
        let address = self.address;
        let listener = TcpListener::from_std(self.socket).map_err(|source| ListenError::Other { address, source })?;
        let (max_connections, drain_timeout) = (self.settings.max_connections, self.settings.drain_timeout);
        let counters = Arc::clone(&self.counters);
        book.listener_is_up(address, move || counters.messages.get(), Timestamp::now());
        let shared = Arc::new(ListenerContext {
            memory: Arc::new(ConnectionMemory::new(self.settings.memory_bytes, PACKET_PATIENCE)),
            addresses: Mutex::new(Addresses::new(self.settings.addresses)),
            settings: self.settings,
            intake,
            decoders,
            counters: self.counters,
            book,
            clients: Arc::default(),
            stop,
            notices: Notices::default(),
            closings: Default::default(),
        });
        let places = Arc::new(Semaphore::new(max_connections as usize));
        info!(%address, "listening for devices");
        // Accepting begins anew after a defect. The port stays open meanwhile, and so do the connections.
        let accepting =
            supervised("listener", Persistence::GivesUp, parts, || accept(&listener, &arbiters, &places, &shared));
        tokio::select! {
            biased;
            () = shared.stop.requested() => {}
            () = accepting => {}
        }
        drop(listener);
        // Connections write for at most the write timeout after the last commit.
        let limit = drain_timeout + shared.settings.write_timeout;
        if tokio::time::timeout(limit, places.acquire_many(max_connections)).await.is_err() {
            warn!(open = shared.counters.connections_open(), "connections did not end in time and are abandoned");
        }
        Ok(())
    }
}

/// For how long a packet that has begun may hold up another that finds no memory.
const PACKET_PATIENCE: Duration = Duration::from_secs(1);

/// Accepts connections for ever.
async fn accept(
    listener: &TcpListener,
    arbiters: &[ArbiterHandle],
    places: &Arc<Semaphore>,
    shared: &Arc<ListenerContext>,
) {
    let failures = LogLimit::default();
    let refusals = LogLimit::default();
    let addresses_turned_away = [LogLimit::default(), LogLimit::default()];
    let mut arbiters = arbiters.iter().cycle();
    loop {
        fail::fail_point!("listener::accept");
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                if let Some(suppressed) = failures.admit(Instant::now()) {
                    error!(%error, suppressed, "cannot accept a connection; out of file descriptors?");
                }
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Ok(permit) = Arc::clone(places).try_acquire_owned() else {
            shared.counters.connections_refused.add(1);
            let what = "too many connections; raise mqtt.listen.max_connections if they are wanted";
            shared.book.failed(peer.ip(), "max_connections", "", what.to_owned(), Timestamp::now());
            if let Some(suppressed) = refusals.admit(Instant::now()) {
                warn!(%peer, suppressed, "{what}");
            }
            continue;
        };
        if let Err(reason) = shared.addresses().admit(peer.ip(), Instant::now()) {
            shared.counters.addresses_turned_away.add(1);
            let [too_many, failing] = &addresses_turned_away;
            let (limit, kind, what) = match reason {
                TurnedAway::TooMany => (
                    too_many,
                    "max_connections_per_address",
                    "too many connections from one address; raise mqtt.listen.max_connections_per_address if so many \
                     devices share it",
                ),
                TurnedAway::Failing => (
                    failing,
                    "max_failures_per_minute",
                    "too many connections of one address failed (no CONNECT came, or it was refused, or a packet broke a \
                     rule): it is turned away for a while; see what runs there, or raise \
                     mqtt.listen.max_failures_per_minute",
                ),
            };
            shared.book.failed(peer.ip(), kind, "", what.to_owned(), Timestamp::now());
            if let Some(suppressed) = limit.admit(Instant::now()) {
                warn!(%peer, suppressed, "{what}");
            }
            continue;
        }
        let slot = ConnectionSlot::new(permit, Arc::clone(shared), peer);
        match arbiters.next() {
            Some(arbiter) => spread(stream, arbiter, slot),
            None => drop(tokio::task::spawn_local(serve(stream, slot))),
        }
    }
}

/// How long no connection is accepted after that failed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Moves a connection to an arbiter: to its thread and the event queue of that thread's runtime.
fn spread(stream: TcpStream, arbiter: &ArbiterHandle, mut slot: ConnectionSlot) {
    let stream = match stream.into_std() {
        Ok(stream) => stream,
        Err(error) => return slot.ended(&Closing::Network(error).into()),
    };
    let alive = arbiter.spawn_fn(move || {
        tokio::task::spawn_local(async move {
            match TcpStream::from_std(stream) {
                Ok(stream) => serve(stream, slot).await,
                Err(error) => slot.ended(&Closing::Network(error).into()),
            }
        });
    });
    if !alive {
        error!("the arbiter that should serve a connection is gone");
    }
}

async fn serve(stream: TcpStream, mut slot: ConnectionSlot) {
    // Nagle's delay is off: acknowledgements are small and complete, and waiting for more to send would only delay
    // them.
    if let Err(error) = stream.set_nodelay(true) {
        return slot.ended(&Closing::Network(error).into());
    }
    if let Err(error) = keep_alive(&stream, slot.shared.settings.tcp_keep_alive) {
        return slot.ended(&Closing::Network(error).into());
    }
    let ended = Connection::new(stream, slot.peer, Arc::clone(&slot.shared)).serve().await;
    slot.ended(&ended);
}

/// Has the system probe the other side of a connection that carries nothing. Without that, a device that lost its power
/// would use up one of the connections until the daemon ends.
fn keep_alive(stream: &TcpStream, after: Duration) -> io::Result<()> {
    // It counts in seconds.
    let after = after.max(Duration::from_secs(1));
    sockopt::set_tcp_keepidle(stream, after)?;
    sockopt::set_tcp_keepintvl(stream, (after / KEEP_ALIVE_PROBES).max(Duration::from_secs(1)))?;
    sockopt::set_tcp_keepcnt(stream, KEEP_ALIVE_PROBES)?;
    sockopt::set_socket_keepalive(stream, true)?;
    Ok(())
}

/// After so many probes without an answer the connection is over.
const KEEP_ALIVE_PROBES: u32 = 4;

/// One of the connections that may be open. Counts how the connection ended when it is dropped.
struct ConnectionSlot {
    shared: Arc<ListenerContext>,
    peer: SocketAddr,
    kind: CloseKind,
    conduct: Conduct,
    _permit: OwnedSemaphorePermit,
}

impl ConnectionSlot {
    fn new(permit: OwnedSemaphorePermit, shared: Arc<ListenerContext>, peer: SocketAddr) -> Self {
        shared.counters.connections_opened.add(1);
        // A slot that is dropped before its end was noted belongs to a task that panicked.
        Self { shared, peer, kind: CloseKind::Defect, conduct: Conduct::Failed, _permit: permit }
    }

    fn ended(&mut self, ended: &Ended) {
        let Ended { client, introduced, closing } = ended;
        self.kind = closing.kind();
        if closing.is_of_device() && *introduced {
            self.conduct = Conduct::Good;
        }
        let peer = self.peer;
        if matches!(self.kind, CloseKind::ByPeer | CloseKind::Stopping) {
            return debug!(%peer, client, "connection closed: {closing}");
        }
        self.shared.book.failed(peer.ip(), self.kind.name(), client, closing.with_advice(), Timestamp::now());
        if let Some(suppressed) = self
            .kind
            .place()
            .and_then(|place| self.shared.closings.get(place))
            .and_then(|limit| limit.admit(Instant::now()))
        {
            warn!(%peer, client, suppressed, kind = self.kind.name(), "connection closed: {closing}");
        }
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        self.shared.counters.count_closed(self.kind);
        if self.kind == CloseKind::Defect {
            let reason = "its task died of a defect; the daemon's log has it".to_owned();
            self.shared.book.failed(self.peer.ip(), self.kind.name(), "", reason, Timestamp::now());
        }
        self.shared.addresses().ended(self.peer.ip(), self.conduct, Instant::now());
    }
}
