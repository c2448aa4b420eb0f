//! A client of the daemon's HTTP port or local socket: a connection a request, and nothing that it does by itself.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use serde_json::Value;

use super::daemon::Daemon;
use super::site::anomalyd;
use super::{PATIENCE, eventually};

/// Where a daemon answers.
#[derive(Clone, Debug)]
pub(crate) enum Http {
    /// Its port, on this machine.
    Port(u16),
    /// Its local socket.
    Socket(PathBuf),
}

/// What a daemon answers.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// By their names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Http {
    /// The port of a daemon that was told to take a free one.
    pub(crate) fn of(daemon: &mut Daemon) -> Self {
        let said = daemon.wait_for("the page and the API are served", |line| {
            line["message"].as_str().is_some_and(|message| message.starts_with("the page and the API are served"))
        });
        Self::Port(said["address"].as_str().unwrap().rsplit_once(':').unwrap().1.parse().unwrap())
    }

    pub(crate) fn port(&self) -> u16 {
        match self {
            Self::Port(port) => *port,
            Self::Socket(path) => panic!("{} has no port", path.display()),
        }
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], b"")
    }

    pub(crate) fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.ask("GET", path, headers, b"")
    }

    pub(crate) fn post_json(&self, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        let headers: Vec<_> =
            [("content-type", "application/json")].into_iter().chain(headers.iter().copied()).collect();
        self.ask("POST", path, &headers, body.to_string().as_bytes())
    }

    /// Begins an answer that has no end, such as that of events: its status and headers.
    pub(crate) fn begin(&self, path: &str) -> Answer {
        let request = format!("GET {path} HTTP/1.1\r\nconnection: close\r\nhost: localhost\r\n\r\n");
        match self {
            Self::Port(port) => begin(TcpStream::connect(("127.0.0.1", *port)).unwrap(), request.as_bytes()),
            Self::Socket(path) => begin(UnixStream::connect(path).unwrap(), request.as_bytes()),
        }
    }

    /// Asks, and reads the whole answer. A `host` among the headers takes the place of the right one.
    pub(crate) fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut request = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\n");
        if !headers.iter().any(|(name, _)| *name == "host") {
            request.push_str("host: localhost\r\n");
        }
        if !body.is_empty() {
            request.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        headers.iter().for_each(|(name, value)| request.push_str(&format!("{name}: {value}\r\n")));
        let request = [request.as_bytes(), b"\r\n", body].concat();
        match self {
            Self::Port(port) => {
                let stream = TcpStream::connect(("127.0.0.1", *port)).unwrap();
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                exchange(stream, &request)
            }
            Self::Socket(path) => {
                let stream = eventually("the local socket", || UnixStream::connect(path).ok());
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                exchange(stream, &request)
            }
        }
    }
}

/// A token of that role, and its line, as the command makes them.
pub(crate) fn make_token(name: &str, role: &str) -> (String, String) {
    let made = anomalyd(&["token", name, "--role", role]);
    assert!(made.status.success(), "{made:?}");
    let said = String::from_utf8(made.stdout).unwrap();
    let word = |start: &str| said.lines().map(str::trim).find(|line| line.starts_with(start)).unwrap().to_owned();
    (word("anomalyd_"), word(name))
}

/// Sends a request over a connection, and reads the answer until its header has come; the whole of one that fails.
fn begin(mut stream: impl Read + Write, request: &[u8]) -> Answer {
    stream.write_all(request).unwrap();
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let count = stream.read(&mut piece).unwrap();
        bytes.extend_from_slice(&piece[..count]);
        let is_good = bytes.starts_with(b"HTTP/1.1 200");
        if count == 0 || is_good && bytes.windows(4).any(|four| four == b"\r\n\r\n") {
            return Answer::parse(&bytes);
        }
    }
}

/// Sends a request over a connection that ends with its answer.
pub(crate) fn exchange(mut stream: impl Read + Write, request: &[u8]) -> Answer {
    // A server that refuses a request need not read all of it.
    let _ = stream.write_all(request);
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    Answer::parse(&bytes)
}

impl Answer {
    fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("no answer: {:?}", String::from_utf8_lossy(bytes)));
        let head = std::str::from_utf8(&bytes[..end]).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers: BTreeMap<_, _> = lines
            .map(|line| line.split_once(": ").unwrap())
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect();
        let body = &bytes[end + 4..];
        let is_chunked = headers.get("transfer-encoding").is_some_and(|coding| coding == "chunked");
        let is_endless = headers.get("content-type").is_some_and(|media_type| media_type == "text/event-stream");
        Self { status, headers, body: if is_chunked && !is_endless { joined(body) } else { body.to_vec() } }
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// What a problem says.
    pub(crate) fn detail(&self) -> String {
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        self.json()["detail"].as_str().unwrap().to_owned()
    }
}

/// The content of chunks (RFC 9112, section 7.1).
fn joined(mut chunks: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    while let Some(end) = chunks.windows(2).position(|two| two == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&chunks[..end]).unwrap(), 16).unwrap();
        content.extend_from_slice(&chunks[end + 2..end + 2 + size]);
        chunks = &chunks[end + 2 + size + 2..];
    }
    content
}
