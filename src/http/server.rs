//! Accepts the connections of the socket, on a thread of its own: making an answer takes processor time, which the
//! threads of the daemon need for readings and runs.
//!
//! A socket that cannot be made does not keep the daemon from its work: the log says so, and it is tried again from
//! time to time. Readings are taken in and scored without it.

use std::io;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use axum::Router;
use tokio::sync::{Semaphore, oneshot};

use super::api::{Api, LongAnswers};
use super::connection::{self, Answers, Requests};
use super::peer::Peer;
use super::routes::about::About;
use super::routes::{self, Shared};
use super::socket::{self, SocketFile, SocketSettings};
use crate::actors::aside::yield_to_others;
use crate::store;
use crate::telemetry::metrics;

/// How the socket is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerSettings {
    /// The socket.
    pub socket: SocketSettings,
    /// How many connections may be open at once. Further ones wait in the system's queue.
    pub max_connections: usize,
    /// How many long answers may go on at once.
    pub max_answers: usize,
}

/// The note beside the store that says where the socket of the daemon is that has it.
pub(super) const NOTE: &str = "socket";

/// How long until a socket that could not be made is tried again.
const AGAIN_AFTER: Duration = Duration::from_secs(30);
/// The wait after the system refused to accept a connection, as for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Threads beside those of reads and long answers, for what blocks for a moment.
const SPARE_THREADS: usize = 2;

/// Serves the socket for as long as the returned future is polled. The socket is open when this returns, if it can be
/// made.
pub fn serve(settings: ServerSettings, api: Arc<Api>) -> impl Future<Output = ()> {
    let start = move || {
        let shared = Shared {
            api: Arc::clone(&api),
            answers: LongAnswers::new(settings.max_answers, "socket.max_answers", &metrics::LONG_ANSWERS),
            reads: Arc::new(Semaphore::new(settings.max_answers)),
            // Further connections wait without a word: half of them are kept for commands that end.
            listeners: Arc::new(Semaphore::new(settings.max_connections / 2)),
        };
        Serving::start(&settings, &api.store, routes::router(shared, None))
    };
    let mut attempt = start();
    if let Err(problem) = &attempt {
        tracing::error!("commands cannot reach this daemon; it goes on without, and tries again: {problem}");
    }
    async move {
        loop {
            match attempt {
                Ok(serving) => return serving.ended().await,
                Err(_) => tokio::time::sleep(AGAIN_AFTER).await,
            }
            attempt = start();
            if attempt.is_ok() {
                tracing::info!("commands can reach this daemon now");
            }
        }
    }
}

/// Answers on the socket that the daemon waits before it starts, and why, for as long as the returned future is polled.
pub async fn answer_while_waiting(settings: ServerSettings, store: &Path, words: String) {
    match Serving::start(&settings, store, routes::while_waiting(About::this(store), words)) {
        Ok(serving) => serving.ended().await,
        Err(problem) => tracing::warn!("commands cannot reach this daemon while it waits: {problem}"),
    }
    std::future::pending::<()>().await;
}

/// A socket that is served. Its file is removed, and its thread ends, when this is dropped.
struct Serving {
    _file: SocketFile,
    /// Dropped to end the thread.
    _stop: oneshot::Sender<()>,
    ended: oneshot::Receiver<()>,
}

#[derive(Debug, thiserror::Error)]
enum ServeError {
    #[error(transparent)]
    Socket(#[from] socket::SocketError),
    #[error("the system refused a thread: {0}")]
    System(#[from] io::Error),
}

impl Serving {
    fn start(settings: &ServerSettings, store: &Path, router: Router) -> Result<Self, ServeError> {
        let (listener, file) = socket::open(&settings.socket)?;
        let path = &settings.socket.path;
        let noted = path.to_str().map(|path| store::write_note(store, NOTE, path));
        if let Some(Err(problem)) = noted {
            tracing::warn!("where the socket is cannot be noted beside the store: {problem}");
        }
        let (stop, stopped) = oneshot::channel();
        let (end, ended) = oneshot::channel();
        let answers = Answers::at_first(router);
        let max_connections = settings.max_connections;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(settings.max_answers * 2 + SPARE_THREADS)
            .on_thread_start(|| yield_to_others(None))
            .thread_name("long answer")
            .build()?;
        thread::Builder::new().name("local socket".to_owned()).spawn(move || {
            yield_to_others(None);
            runtime.block_on(async {
                tokio::select! {
                    () = accept(listener, answers, max_connections) => {}
                    _ = stopped => {}
                }
            });
            // Whoever makes an answer finds its reader gone, and ends by itself.
            runtime.shutdown_background();
            let _ = end.send(());
        })?;
        Ok(Self { _file: file, _stop: stop, ended })
    }

    async fn ended(self) {
        let Self { _file, _stop, ended } = self;
        // A sender that is dropped is an end too.
        let _ = ended.await;
    }
}

/// Accepts connections, and serves each in a task of its own, so that a panic costs one answer.
async fn accept(listener: UnixListener, answers: Answers, max_connections: usize) {
    let listener = match tokio::net::UnixListener::from_std(listener) {
        Ok(listener) => listener,
        Err(problem) => return tracing::error!("the local socket cannot be served: {problem}"),
    };
    let slots = Arc::new(Semaphore::new(max_connections));
    loop {
        // Nobody closes the semaphore.
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((connection, _)) => {
                metrics::SOCKET_REQUESTS.add(1);
                let answers = answers.clone();
                let peer = Peer::Process(connection.peer_cred().ok().and_then(|peer| peer.pid()));
                tokio::spawn(async move {
                    connection::serve(connection, peer, answers, Requests::One).await;
                    drop(slot);
                });
            }
            Err(problem) => {
                tracing::debug!("a connection to the local socket was not accepted: {problem}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}
