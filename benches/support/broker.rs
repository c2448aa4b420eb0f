//! A mosquitto of one's own, with its bounds off, and a line to it on which acknowledgements are counted.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use std::{env, fs, io, thread};

use crate::support::daemon::{await_port, free_port};

pub(crate) struct Mosquitto {
    process: Child,
    pub(crate) port: u16,
}

impl Mosquitto {
    /// Starts a broker; `None` when mosquitto is not installed.
    pub(crate) fn start(directory: &Path) -> Option<Self> {
        let port = free_port();
        let configuration = format!(
            "listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\nlog_dest none\n\
             max_inflight_messages 0\nmax_queued_messages 0\nset_tcp_nodelay true\n"
        );
        let path = directory.join("mosquitto.conf");
        fs::write(&path, configuration).expect("a configuration");
        // Debian keeps it where only root looks.
        let search = env::var("PATH").unwrap_or_default() + ":/usr/sbin";
        let mut command = Command::new("mosquitto");
        command.arg("-c").arg(path).env("PATH", search).stdout(Stdio::null()).stderr(Stdio::null());
        let process = match command.spawn() {
            Ok(process) => process,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => unreachable!("mosquitto does not start: {error}"),
        };
        await_port(port);
        Some(Self { process, port })
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A line between a subscriber and the broker. It counts what the subscriber sends, which tells how many messages it
/// has acknowledged: a PUBACK has four bytes.
pub(crate) struct Line {
    pub(crate) port: u16,
    upstream: Arc<AtomicU64>,
}

impl Line {
    pub(crate) fn to(broker: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an open socket").port();
        let upstream = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&upstream);
        thread::spawn(move || {
            for subscriber in listener.incoming() {
                let subscriber = subscriber.expect("a connection");
                let server = TcpStream::connect(("127.0.0.1", broker)).expect("the broker");
                for stream in [&subscriber, &server] {
                    stream.set_nodelay(true).expect("an open socket");
                }
                let clone = |stream: &TcpStream| stream.try_clone().expect("a descriptor");
                let (from, to) = (clone(&server), clone(&subscriber));
                thread::spawn(move || pass(from, to, &AtomicU64::new(0)));
                let count = Arc::clone(&count);
                thread::spawn(move || pass(subscriber, server, &count));
            }
        });
        Self { port, upstream }
    }

    /// How many bytes the subscriber has sent.
    pub(crate) fn sent(&self) -> u64 {
        self.upstream.load(Ordering::Acquire)
    }

    /// Waits until the subscriber has sent this many bytes.
    pub(crate) fn await_sent(&self, bytes: u64) {
        let end = Instant::now() + std::time::Duration::from_secs(60);
        while self.sent() < bytes {
            assert!(Instant::now() < end, "the subscriber sent {} bytes of {bytes}", self.sent());
            thread::sleep(std::time::Duration::from_micros(500));
        }
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, count: &AtomicU64) {
    let mut buffer = vec![0; 256 << 10];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        if to.write_all(&buffer[..read]).is_err() {
            break;
        }
        count.fetch_add(read as u64, Ordering::Release);
    }
    // The other direction ends with this one.
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
