//! The commands' side of the socket: finds the daemon that has a store, and asks it.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{Method, Request, Response, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use super::problem::ProblemBody;
pub use super::routes::about::About;
pub use super::routes::import::{ImportOutcome, ImportedReading};
pub use super::routes::store::CheckLine;
use super::server::NOTE;
use super::socket;
use crate::store;

/// The daemon that has a store. Each question goes over a connection of its own.
#[derive(Debug)]
pub struct DaemonClient {
    path: PathBuf,
    runtime: Runtime,
    about: About,
}

/// Why the daemon does not answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The socket admits others only.
    #[error("the socket {} does not admit this user; be root, the user that anomalyd runs as, or in the group of the socket (socket.group)", path.display())]
    Forbidden {
        /// The socket.
        path: PathBuf,
    },
    /// The connection.
    #[error("the daemon does not answer on {}: {problem}", path.display())]
    Connection {
        /// The socket.
        path: PathBuf,
        /// What went wrong.
        problem: io::Error,
    },
    /// The daemon refuses.
    #[error("the daemon says: {0}")]
    Refused(String),
    /// The answer is not what was expected.
    #[error("the daemon on {} answers something else than expected; is it of another version than this command?", path.display())]
    Strange {
        /// The socket.
        path: PathBuf,
    },
}

/// An answer while it comes.
#[derive(Debug)]
pub struct Answer<'a> {
    client: &'a DaemonClient,
    body: Incoming,
    piece: Bytes,
    connection: JoinHandle<()>,
}

/// How long a daemon may take to begin its answer. One under load is slow, not dead.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);
/// The same for readings that it takes in: with an event clock they wait for the runs that they make due.
const TAKEN_IN_WITHIN: Duration = Duration::from_secs(3600);
/// The largest answer that is read whole.
const MAX_ANSWER_BYTES: u64 = 1 << 20;

impl DaemonClient {
    /// The daemon that has the store in a folder. Its socket is where the daemon noted it, or else in one of `places`.
    /// `None` when no daemon listens there.
    ///
    /// # Errors
    /// When a daemon may be there and cannot be asked.
    pub fn find(store: &Path, places: &[PathBuf]) -> Result<Option<Self>, ClientError> {
        let noted = store::read_note(store, NOTE).ok().and_then(|note| String::from_utf8(note).ok());
        let mut refused = None;
        for path in noted.map(PathBuf::from).iter().chain(places) {
            match Self::at(path) {
                Ok(client) if is_same(Path::new(&client.about.store), store) => return Ok(Some(client)),
                // The daemon of another store.
                Ok(_) => {}
                Err(ClientError::Connection { problem, .. }) if is_absence(&problem) => {}
                Err(error) => refused = refused.or(Some(error)),
            }
        }
        refused.map_or(Ok(None), Err)
    }

    /// The daemon that listens on a socket.
    ///
    /// # Errors
    /// When none does, or it cannot be asked.
    pub fn at(path: &Path) -> Result<Self, ClientError> {
        let in_connection = |problem| ClientError::Connection { path: path.to_owned(), problem };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(in_connection)?;
        let about = About { version: String::new(), process: 0, store: String::new() };
        let mut client = Self { path: path.to_owned(), runtime, about };
        let about = client.get("/api/v1/about")?.json()?;
        client.about = about;
        Ok(client)
    }

    /// Which daemon it is.
    pub fn about(&self) -> &About {
        &self.about
    }

    /// Asks for what is under a path; `path` may have a query behind it, whose values [`quoted`] has written.
    ///
    /// # Errors
    /// When the daemon cannot be asked, or refuses.
    pub fn get(&self, path: &str) -> Result<Answer<'_>, ClientError> {
        self.ask(Method::GET, path, Bytes::new(), ANSWER_WITHIN)
    }

    /// Sends a body of JSON, or of JSON lines.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn post(&self, path: &str, body: Vec<u8>) -> Result<Answer<'_>, ClientError> {
        self.ask(Method::POST, path, body.into(), TAKEN_IN_WITHIN)
    }

    fn ask(&self, method: Method, path: &str, body: Bytes, within: Duration) -> Result<Answer<'_>, ClientError> {
        let (response, connection) = self.runtime.block_on(async {
            let late = || self.lost(io::Error::new(io::ErrorKind::TimedOut, "no answer came in time"));
            tokio::time::timeout(within, self.send(method, path, body)).await.unwrap_or_else(|_| Err(late()))
        })?;
        let status = response.status();
        let answer = Answer { client: self, body: response.into_body(), piece: Bytes::new(), connection };
        if status.is_success() {
            return Ok(answer);
        }
        let ProblemBody { detail, .. } = answer.json()?;
        Err(ClientError::Refused(detail))
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<(Response<Incoming>, JoinHandle<()>), ClientError> {
        let connected = socket::connect(&self.path).and_then(|connection| {
            connection.set_nonblocking(true)?;
            UnixStream::from_std(connection)
        });
        let connected = connected.map_err(|problem| match problem.kind() {
            // Where the folder may not be looked into, nobody knows whether there is a socket.
            io::ErrorKind::PermissionDenied if self.path.symlink_metadata().is_ok() => {
                ClientError::Forbidden { path: self.path.clone() }
            }
            _ => self.lost(problem),
        })?;
        let lost = |problem: hyper::Error| self.lost(io::Error::other(problem));
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(connected)).await.map_err(lost)?;
        let connection = tokio::spawn(async move {
            // An error of the connection is the error of its body, too.
            let _ = connection.await;
        });
        let mut request = Request::builder().method(method).uri(path).header(header::HOST, "anomalyd");
        if !body.is_empty() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let request = request.body(Full::new(body));
        let request = request.map_err(|problem| self.lost(io::Error::other(problem)))?;
        Ok((sender.send_request(request).await.map_err(lost)?, connection))
    }

    fn lost(&self, problem: io::Error) -> ClientError {
        ClientError::Connection { path: self.path.clone(), problem }
    }
}

impl Answer<'_> {
    /// The whole answer, from JSON.
    ///
    /// # Errors
    /// When it breaks off, or is something else.
    pub fn json<T: DeserializeOwned>(self) -> Result<T, ClientError> {
        let client = self.client;
        let mut bytes = Vec::new();
        self.take(MAX_ANSWER_BYTES).read_to_end(&mut bytes).map_err(|problem| client.lost(problem))?;
        serde_json::from_slice(&bytes).map_err(|_| ClientError::Strange { path: client.path.clone() })
    }
}

impl Read for Answer<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.client.runtime.block_on(self.body.frame()) {
                None => return Ok(0),
                Some(Ok(frame)) => self.piece = frame.into_data().unwrap_or_default(),
                Some(Err(problem)) => {
                    let words = format!("the daemon broke its answer off, and its log says why ({problem})");
                    return Err(io::Error::new(io::ErrorKind::UnexpectedEof, words));
                }
            }
        }
        let taken = self.piece.len().min(buffer.len());
        buffer[..taken].copy_from_slice(&self.piece.split_to(taken));
        Ok(taken)
    }
}

impl Drop for Answer<'_> {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

/// Writes a text so that it can be a value in a query.
pub fn quoted(text: &str) -> String {
    let mut quoted = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => quoted.push(char::from(byte)),
            _ => quoted.push_str(&format!("%{byte:02X}")),
        }
    }
    quoted
}

/// Whether nobody listens, as far as can be seen.
fn is_absence(problem: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, NotADirectory, NotFound, PermissionDenied};
    matches!(problem.kind(), ConnectionRefused | NotADirectory | NotFound | PermissionDenied)
}

/// Whether two paths are of one folder. Whoever may not look into the folder's parent compares the words.
fn is_same(one: &Path, other: &Path) -> bool {
    one == other || one.canonicalize().is_ok_and(|one| other.canonicalize().is_ok_and(|other| one == other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_value_holds_no_character_of_the_query() {
        assert_eq!(quoted("press-1/*&x=ü 1"), "press-1%2F%2A%26x%3D%C3%BC%201");
    }
}
