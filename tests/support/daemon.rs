//! The real daemon as a child process. Killed when it is dropped; its log is shown when the test fails.

use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use serde_json::Value;

use super::eventually;

/// A running daemon.
pub(crate) struct Daemon {
    process: Child,
    log: Arc<Mutex<Vec<String>>>,
    reader: Option<JoinHandle<()>>,
}

impl Daemon {
    /// Starts a daemon, and does not wait until it is ready.
    pub(crate) fn spawn(config: &Path) -> Self {
        Self::spawn_with(config, &[])
    }

    /// Starts a daemon with these variables in its environment, and does not wait until it is ready.
    pub(crate) fn spawn_with(config: &Path, environment: &[(&str, PathBuf)]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_anomalyd"))
            .args(["--log-format", "json", "run", "--config"])
            .arg(config)
            .envs(environment.iter().cloned())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let into = Arc::clone(&log);
        let reader = thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                into.lock().unwrap().push(line);
            }
        });
        Self { process, log, reader: Some(reader) }
    }

    /// Starts a daemon and waits until it is ready.
    pub(crate) fn start(config: &Path) -> Self {
        let mut daemon = Self::spawn(config);
        daemon.wait_until_ready();
        daemon
    }

    pub(crate) fn wait_until_ready(&mut self) {
        self.wait_for("ready", |line| line["message"] == "ready");
    }

    /// Waits for a line of the log.
    pub(crate) fn wait_for(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        eventually(what, || {
            let found = self.lines().into_iter().find(&wanted);
            if found.is_none()
                && let Ok(Some(status)) = self.process.try_wait()
            {
                self.join_reader();
                let found = self.lines().into_iter().find(&wanted);
                assert!(found.is_some(), "the daemon ended ({status}) before it said: {what}");
                return found;
            }
            found
        })
    }

    /// Waits until a sink has published the window that begins at `start`.
    pub(crate) fn wait_until_published(&mut self, sink: &str, start: &str) {
        self.wait_for(&format!("{sink} has published {start}"), |line| {
            line["message"] == "run published" && line["sink"] == sink && line["window"] == start
        });
    }

    /// How often it has logged this message.
    pub(crate) fn said(&self, message: &str) -> usize {
        self.lines().iter().filter(|line| line["message"] == message).count()
    }

    /// The lines of the log that are JSON.
    pub(crate) fn lines(&self) -> Vec<Value> {
        self.log.lock().unwrap().iter().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// The log as it was written.
    pub(crate) fn text(&self) -> String {
        self.log.lock().unwrap().join("\n")
    }

    /// The number of its process.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Sends a signal, such as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let process = self.process.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &process]).status().unwrap().success());
    }

    /// Sends SIGTERM.
    pub(crate) fn terminate(&self) {
        self.signal("TERM");
    }

    /// Whether it has ended. Its log is complete then.
    pub(crate) fn has_ended(&mut self) -> bool {
        let has_ended = self.process.try_wait().unwrap().is_some();
        if has_ended {
            self.join_reader();
        }
        has_ended
    }

    /// Waits until it has ended by itself; its log is complete then.
    pub(crate) fn wait_until_ended(&mut self) -> ExitStatus {
        let status = eventually("the daemon ends", || self.process.try_wait().unwrap());
        self.join_reader();
        status
    }

    /// Stops it in order.
    pub(crate) fn stop(mut self) {
        self.terminate();
        let status = self.wait_until_ended();
        assert!(status.success(), "{status}");
    }

    /// Kills it with SIGKILL. It must not have ended by itself before; its log is complete then.
    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        let status = self.process.wait().unwrap();
        self.join_reader();
        assert_eq!(status.signal(), Some(9), "it ended by itself: {status}");
    }

    fn join_reader(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if thread::panicking() {
            let log = self.log.lock().unwrap();
            let shown = log.len().saturating_sub(80);
            println!("the daemon's log, {shown} lines left out:\n{}", log[shown..].join("\n"));
        }
    }
}
