//! Serves one connection, of the local socket or of the port.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};

use super::peer::Peer;
use super::stall::StallLimit;

/// How long a client may take for the header of a request, and between two requests.
const HEADER_WITHIN: Duration = Duration::from_secs(10);
/// How long a client may take nothing of an answer.
const STALLED_AFTER: Duration = Duration::from_secs(60);
/// The most bytes of requests that are read ahead.
const READ_AHEAD_BYTES: usize = 64 << 10;

/// How many requests a connection may bring.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Requests {
    One,
    Many,
}

/// The answers: few while the daemon starts, and all of them from then on.
#[derive(Clone, Debug)]
pub(super) struct Answers {
    at_first: Router,
    then: Arc<OnceLock<Router>>,
}

impl Answers {
    /// These answers, until [`open`](Self::open) gives others.
    pub(super) fn at_first(router: Router) -> Self {
        Self { at_first: router, then: Arc::default() }
    }

    /// From now on these are the answers.
    pub(super) fn open(&self, router: Router) {
        // A port is opened once.
        let _ = self.then.set(router);
    }

    fn router(&self) -> Router {
        self.then.get().unwrap_or(&self.at_first).clone()
    }
}

/// Answers the requests of a connection until it ends.
pub(super) async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: Peer,
    answers: Answers,
    requests: Requests,
) {
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        TowerToHyperService::new(answers.router()).call(request.map(Body::new))
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_WITHIN)
        .keep_alive(requests == Requests::Many)
        .max_buf_size(READ_AHEAD_BYTES)
        .serve_connection(TokioIo::new(StallLimit::new(stream, STALLED_AFTER)), service)
        .await;
    if let Err(problem) = served {
        tracing::debug!("an HTTP connection ended early: {problem}");
    }
}
