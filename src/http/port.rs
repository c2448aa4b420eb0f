//! The port of the page and the API: opened before anything that takes time, so that it can say how far the start is, and
//! served on a thread of its own, behind those that take readings in and score.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener as StdListener};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, oneshot};
use tokio_rustls::TlsAcceptor;

use super::api::{Api, LongAnswers};
use super::connection::{self, Answers, Requests};
use super::gate::{Gate, GateSettings};
use super::peer::Peer;
use super::routes::{self, Shared};
use super::tls::{self, TlsError, TlsSettings};
use super::tokens::{TokenBook, TokenFileError};
use crate::actors::aside::yield_to_others;
use crate::actors::sources::addresses::{AddressSettings, Addresses, Conduct};
use crate::telemetry::metrics;

/// How the port is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortSettings {
    /// Where it listens. Port 0 takes a free port.
    pub address: SocketAddr,
    /// The files of TLS.
    pub tls: Option<TlsSettings>,
    /// The file of the tokens; `None` when everybody who reaches the port is a viewer.
    pub token_file: Option<PathBuf>,
    /// What bounds those who come in.
    pub gate: GateSettings,
    /// How many connections may be open at once.
    pub max_connections: u32,
    /// How many connections may come from one address.
    pub max_connections_per_address: u32,
    /// How many answers are read from the store at once.
    pub max_reads: usize,
    /// How many long answers may go on at once.
    pub max_answers: usize,
}

/// Why the port is not open.
#[derive(Debug, thiserror::Error)]
pub enum PortError {
    /// Another program has it.
    #[error(
        "cannot serve the page and the API on {0}: another program listens there; stop it, set http.listen to another port, \
         or to \"off\""
    )]
    InUse(SocketAddr),
    /// The address is not this machine's, the port is a low one, or something else.
    #[error("cannot serve the page and the API on {address}: {problem}; see http.listen")]
    System {
        /// Where.
        address: SocketAddr,
        /// The system's error.
        problem: io::Error,
    },
    /// The tokens.
    #[error(transparent)]
    Tokens(#[from] TokenFileError),
    /// The files of TLS.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

impl PortError {
    /// Whether the error lasts until the configuration, or a file that it names, is changed. A port may become free, and an
    /// address may come with the network.
    pub fn is_lasting(&self) -> bool {
        match self {
            Self::InUse(_) => false,
            Self::System { problem, .. } => problem.kind() == io::ErrorKind::PermissionDenied,
            Self::Tokens(_) | Self::Tls(_) => true,
        }
    }
}

/// How long a client may take for the handshake of TLS.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);
/// The wait after the system refused to accept a connection, as for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Threads beside those of reads and long answers, for what blocks for a moment.
const SPARE_THREADS: usize = 2;

/// The open port. Its thread ends when this is dropped.
#[derive(Debug)]
pub struct Port {
    gate: Arc<Gate>,
    answers: Answers,
    reads: Arc<Semaphore>,
    long_answers: Arc<LongAnswers>,
    /// Dropped to end the thread.
    _stop: oneshot::Sender<()>,
    ended: oneshot::Receiver<()>,
}

impl Port {
    /// Opens the port. Until [`serve`](Self::serve) it answers that the daemon starts.
    ///
    /// # Errors
    /// When it is taken or cannot be had, or the files of tokens or TLS cannot be used.
    pub fn open(settings: &PortSettings) -> Result<Self, PortError> {
        let address = settings.address;
        let refused = |problem: io::Error| match problem.kind() {
            io::ErrorKind::AddrInUse => PortError::InUse(address),
            _ => PortError::System { address, problem },
        };
        let tokens = settings.token_file.as_deref().map(TokenBook::read).transpose()?;
        let acceptor = settings.tls.as_ref().map(tls::acceptor).transpose()?;
        let listener = StdListener::bind(address).map_err(refused)?;
        listener.set_nonblocking(true).map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let gate = Arc::new(Gate::new(&settings.gate, tokens, address.port(), acceptor.is_some()));
        let answers = Answers::at_first(routes::at_start(Arc::clone(&gate)));
        let accepting = Accepting {
            slots: Arc::new(Semaphore::new(settings.max_connections as usize)),
            addresses: Arc::new(Mutex::new(Addresses::new(AddressSettings {
                max_connections: settings.max_connections_per_address,
                max_failures_per_minute: u32::MAX,
            }))),
            acceptor: acceptor.clone(),
            answers: answers.clone(),
        };
        let (stop, stopped) = oneshot::channel();
        let (end, ended) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(settings.max_reads + settings.max_answers + SPARE_THREADS)
            .on_thread_start(|| yield_to_others(None))
            .thread_name("http read")
            .build()
            .map_err(refused)?;
        let serve = move || {
            yield_to_others(None);
            runtime.block_on(async {
                tokio::select! {
                    () = accepting.accept(listener) => {}
                    _ = stopped => {}
                }
            });
            // Whoever makes an answer finds its reader gone, and ends by itself.
            runtime.shutdown_background();
            let _ = end.send(());
        };
        thread::Builder::new().name("http port".to_owned()).spawn(serve).map_err(refused)?;
        let scheme = if acceptor.is_some() { "https" } else { "http" };
        tracing::info!(%address, "the page and the API are served on {scheme}://{address}");
        let long_answers = LongAnswers::new(settings.max_answers, "http.max_answers", &metrics::HTTP_LONG_ANSWERS);
        let reads = Arc::new(Semaphore::new(settings.max_reads));
        Ok(Self { gate, answers, reads, long_answers, _stop: stop, ended })
    }

    /// Gives all answers from now on, for as long as the returned future is polled.
    pub fn serve(self, api: Arc<Api>) -> impl Future<Output = ()> {
        let Self { gate, answers, reads, long_answers, _stop, ended } = self;
        // Further connections are closed at once, so that nobody waits for a listener to end.
        let listeners = Arc::new(Semaphore::new(Semaphore::MAX_PERMITS));
        answers.open(routes::router(Shared { api, answers: long_answers, reads, listeners }, Some(gate)));
        async move {
            let _stop = _stop;
            // A sender that is dropped is an end too.
            let _ = ended.await;
        }
    }
}

/// Tries whether the port could be opened, with the files that it needs: how many tokens there are, `None` when none is
/// needed.
///
/// # Errors
/// As [`Port::open`].
pub fn try_port(settings: &PortSettings) -> Result<Option<usize>, PortError> {
    let tokens = settings.token_file.as_deref().map(TokenBook::read).transpose()?.map(|tokens| tokens.count());
    settings.tls.as_ref().map(tls::acceptor).transpose()?;
    let address = settings.address;
    StdListener::bind(address).map_err(|problem| match problem.kind() {
        io::ErrorKind::AddrInUse => PortError::InUse(address),
        _ => PortError::System { address, problem },
    })?;
    Ok(tokens)
}

/// What every connection needs.
#[derive(Clone)]
struct Accepting {
    slots: Arc<Semaphore>,
    addresses: Arc<Mutex<Addresses>>,
    acceptor: Option<TlsAcceptor>,
    answers: Answers,
}

impl Accepting {
    /// Accepts connections, and serves each in a task of its own, so that a panic costs one answer.
    async fn accept(self, listener: StdListener) {
        let listener = match TcpListener::from_std(listener) {
            Ok(listener) => listener,
            Err(problem) => return tracing::error!("the port cannot be served: {problem}"),
        };
        loop {
            match listener.accept().await {
                Ok((stream, address)) => self.begin(stream, address),
                Err(problem) => {
                    tracing::debug!("a connection to the port was not accepted: {problem}");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Serves a connection, or closes it at once when there are too many.
    fn begin(&self, stream: TcpStream, address: SocketAddr) {
        let ip = address.ip().to_canonical();
        let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() else {
            return metrics::HTTP_CONNECTIONS_REFUSED.add(1);
        };
        if lock(&self.addresses).admit(ip, Instant::now()).is_err() {
            return metrics::HTTP_CONNECTIONS_REFUSED.add(1);
        }
        metrics::HTTP_CONNECTIONS.add(1);
        let open = OpenConnection { addresses: Arc::clone(&self.addresses), ip };
        let Self { acceptor, answers, .. } = self.clone();
        tokio::spawn(async move {
            // An answer is sent as it is: waiting for more to send only delays it.
            let _ = stream.set_nodelay(true);
            serve(stream, acceptor, Peer::Address(ip), answers).await;
            drop((open, slot));
        });
    }
}

/// Counts an address's connection for as long as it is there, however it ends.
struct OpenConnection {
    addresses: Arc<Mutex<Addresses>>,
    ip: IpAddr,
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        lock(&self.addresses).ended(self.ip, Conduct::Good, Instant::now());
        metrics::HTTP_CONNECTIONS.subtract(1);
    }
}

fn lock(addresses: &Mutex<Addresses>) -> MutexGuard<'_, Addresses> {
    addresses.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(stream: TcpStream, acceptor: Option<TlsAcceptor>, peer: Peer, answers: Answers) {
    let Some(acceptor) = acceptor else {
        return connection::serve(stream, peer, answers, Requests::Many).await;
    };
    match tokio::time::timeout(HANDSHAKE_WITHIN, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => connection::serve(stream, peer, answers, Requests::Many).await,
        Ok(Err(problem)) => tracing::debug!("a client of the port did not come to terms over TLS: {problem}"),
        Err(_) => tracing::debug!("a client of the port took too long for the handshake of TLS"),
    }
}
