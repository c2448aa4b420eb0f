//! The daemon as a process of its own: it is started, followed by its log, stopped, and never left behind.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use crate::time::Timestamp;

/// An event in the daemon's log that the demo waits for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// Devices can connect.
    Listening(SocketAddr),
    /// Browsers can.
    PageServed(SocketAddr),
    /// A window was scored.
    Scored(RunFigures),
    /// A window's verdicts stand in files.
    Published(Timestamp),
    /// It has stopped in order.
    Stopped {
        /// How many readings are durable and count.
        accepted: u64,
        /// How many inputs were refused.
        rejected: u64,
    },
}

/// The daemon's figures of a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RunFigures {
    /// The start of its window.
    pub window: Timestamp,
    /// Sensors scored.
    pub scored: u64,
    /// Minutes judged.
    pub rows: u64,
    /// From the broadcast to the last sensor's outcome.
    pub scoring: Duration,
    /// From the broadcast until all verdicts were durable.
    pub total: Duration,
}

/// How many of the daemon's last lines are kept, and how many bytes of a line.
const TAIL_LINES: usize = 12;
const MAX_LINE_BYTES: u64 = 64 << 10;

/// The most events that may wait. When it is full, the thread that reads the log waits, and the daemon with it: a demo
/// that takes no events for so long has ended.
const EVENTS: usize = 256;

/// How the line begins that tells the address of the page.
const PAGE_SERVED: &str = "the page and the API are served on ";

const EXIT_POLL: Duration = Duration::from_millis(10);

/// A running daemon. It is killed when this value is dropped.
#[derive(Debug)]
pub struct DaemonProcess {
    child: Child,
    events: mpsc::Receiver<Event>,
    tail: Arc<Mutex<VecDeque<String>>>,
}

impl DaemonProcess {
    /// Starts this program as a daemon.
    ///
    /// # Errors
    /// When the system cannot start it.
    pub fn start(config: &Path) -> io::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["--log-format", "json", "run", "--config"])
            .arg(config)
            // Ctrl-C is for the demo, which stops its daemon in order.
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let stderr = child.stderr.take().ok_or_else(|| io::Error::other("the daemon's log is not to be had"))?;
        let (sender, events) = mpsc::channel(EVENTS);
        let daemon = Self { child, events, tail: Arc::default() };
        let tail = Arc::clone(&daemon.tail);
        std::thread::Builder::new().name("daemon-log".to_owned()).spawn(move || follow(stderr, &tail, &sender))?;
        Ok(daemon)
    }

    /// The next event; `None` when the daemon has ended.
    pub async fn event(&mut self) -> Option<Event> {
        self.events.recv().await
    }

    /// Asks the daemon to stop in order.
    pub fn terminate(&mut self) {
        // The number of a process that has ended may belong to another process by now.
        if let Ok(None) = self.child.try_wait() {
            let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        }
    }

    /// Waits for the end of the process; `None` when it takes longer than `within`.
    ///
    /// # Errors
    /// When the system cannot tell whether it has ended.
    pub async fn exit(&mut self, within: Duration) -> io::Result<Option<ExitStatus>> {
        let begin = Instant::now();
        loop {
            match self.child.try_wait()? {
                None if begin.elapsed() < within => sleep(EXIT_POLL).await,
                status => return Ok(status),
            }
        }
    }

    /// The last lines of its log, for people.
    pub fn last_lines(&self) -> Vec<String> {
        self.tail.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

impl Drop for DaemonProcess {
    fn drop(&mut self) {
        // An error means that the process has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads the log to its end.
fn follow(stderr: ChildStderr, tail: &Mutex<VecDeque<String>>, events: &mpsc::Sender<Event>) {
    let mut log = BufReader::new(stderr);
    let mut line = Vec::new();
    while log.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut line).is_ok_and(|bytes| bytes > 0) {
        let text = String::from_utf8_lossy(&line);
        let json = serde_json::from_str::<Value>(&text).ok();
        {
            let mut tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
            if tail.len() == TAIL_LINES {
                tail.pop_front();
            }
            tail.push_back(json.as_ref().map_or_else(|| text.trim_end().to_owned(), for_people));
        }
        if let Some(event) = json.as_ref().and_then(read_event) {
            // A failure is ignored: when the demo has ended, the log is still read, so that the daemon never waits.
            let _ = events.blocking_send(event);
        }
        line.clear();
    }
}

fn read_event(line: &Value) -> Option<Event> {
    let text = |key: &str| line.get(key).and_then(Value::as_str);
    let number = |key: &str| line.get(key).and_then(Value::as_u64);
    let micros = |key: &str| number(key).map(Duration::from_micros);
    let window = || text("window").and_then(Timestamp::parse);
    match text("message")? {
        "listening for devices" => Some(Event::Listening(text("address")?.parse().ok()?)),
        message if message.starts_with(PAGE_SERVED) => Some(Event::PageServed(text("address")?.parse().ok()?)),
        "run finished" => Some(Event::Scored(RunFigures {
            window: window()?,
            scored: number("scored")?,
            rows: number("rows")?,
            scoring: micros("scoring_us")?,
            total: micros("total_us")?,
        })),
        "run published" if text("sink") == Some("files") => Some(Event::Published(window()?)),
        "stopped" => Some(Event::Stopped { accepted: number("accepted")?, rejected: number("rejected")? }),
        _ => None,
    }
}

/// A log line as the text format writes it: the level, the message, the fields.
fn for_people(line: &Value) -> String {
    let text = |key: &str| line.get(key).and_then(Value::as_str).unwrap_or_default();
    let mut people = format!("{} {}", text("level"), text("message"));
    for (key, value) in line.as_object().into_iter().flatten() {
        match value {
            _ if matches!(key.as_str(), "timestamp" | "level" | "message" | "target") => {}
            Value::String(value) => people.push_str(&format!(" {key}={value}")),
            value => people.push_str(&format!(" {key}={value}")),
        }
    }
    people
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_lines_that_the_demo_waits_for_are_understood() {
        let listening = json!({"level": "INFO", "message": "listening for devices", "address": "127.0.0.1:34567"});
        assert_eq!(read_event(&listening), Some(Event::Listening("127.0.0.1:34567".parse().unwrap())));
        let served =
            json!({"message": "the page and the API are served on http://127.0.0.1:8080", "address": "127.0.0.1:8080"});
        assert_eq!(read_event(&served), Some(Event::PageServed("127.0.0.1:8080".parse().unwrap())));
        let published = json!({"message": "run published", "sink": "files", "window": "2026-03-02T06:00:00Z"});
        let window = Timestamp::parse("2026-03-02T06:00:00Z").unwrap();
        assert_eq!(read_event(&published), Some(Event::Published(window)));
        let stopped = json!({"message": "stopped", "accepted": 7, "repeated": 1, "rejected": 2});
        assert_eq!(read_event(&stopped), Some(Event::Stopped { accepted: 7, rejected: 2 }));
        let scored = json!({"message": "run finished", "window": "2026-03-02T06:00:00Z", "scored": 15, "rows": 900,
            "anomalies": 3, "scoring_us": 1500, "total_us": 4000});
        let (scoring, total) = (Duration::from_micros(1500), Duration::from_micros(4000));
        assert_eq!(
            read_event(&scored),
            Some(Event::Scored(RunFigures { window, scored: 15, rows: 900, scoring, total }))
        );
    }

    #[test]
    fn other_lines_and_other_sinks_are_passed_over() {
        let other = json!({"message": "run published", "sink": "mqtt", "window": "2026-03-02T06:00:00Z"});
        assert_eq!(read_event(&other), None);
        assert_eq!(read_event(&json!({"message": "ready"})), None);
        assert_eq!(read_event(&json!(["message"])), None);
    }

    #[test]
    fn a_line_is_shown_without_the_json() {
        let line = json!({"timestamp": "2026-03-02T06:00:00Z", "level": "WARN", "message": "slow", "target": "x", "disk": "sda", "ms": 7});
        assert_eq!(for_people(&line), "WARN slow disk=sda ms=7");
    }
}
