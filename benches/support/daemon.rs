//! The real daemon as a child process, in a folder on the disk that the project is built on.

use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::support::process::Process;

pub(crate) struct Daemon {
    process: Running,
    directory: TempDir,
}

/// A folder that is removed when it is dropped; not in memory, as `/tmp` may be.
pub(crate) fn directory() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder")
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port").port()
}

/// Waits until somebody listens.
pub(crate) fn await_port(port: u16) {
    let end = Instant::now() + Duration::from_secs(20);
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < end, "nobody listens on port {port}");
        sleep(Duration::from_millis(5));
    }
}

impl Daemon {
    /// Starts a daemon with this configuration, to which its folders are added, over what the directory holds.
    pub(crate) fn start(directory: TempDir, settings: &str) -> Self {
        Self::start_with_store(directory, settings, "")
    }

    /// As [`start`](Self::start), with further keys of the store.
    pub(crate) fn start_with_store(directory: TempDir, settings: &str, store: &str) -> Self {
        Self::start_with(directory, settings, store, "")
    }

    /// As [`start`](Self::start), with further keys of the store and of the models.
    pub(crate) fn start_with(directory: TempDir, settings: &str, store: &str, models: &str) -> Self {
        let path = directory.path();
        fs::create_dir_all(path.join("models")).expect("a folder for models");
        // The default port may be taken.
        let off = if settings.contains("[http]") { "" } else { "[http]\nlisten = \"off\"\n" };
        let folders = format!(
            "{off}[store]\n{store}directory = \"{0}/store\"\n[models]\n{models}directory = \"{0}/models\"\n",
            path.display()
        );
        fs::write(path.join("config.toml"), format!("{settings}\n{folders}")).expect("a configuration");
        // An earlier daemon's words are not this one's.
        let _ = fs::remove_file(path.join("log"));
        let process = Command::new(env!("CARGO_BIN_EXE_anomalyd"))
            .args(["run", "--config"])
            .arg(path.join("config.toml"))
            .stdout(log(path))
            .stderr(log(path))
            .spawn()
            .expect("the daemon starts");
        Self { process: Running(process), directory }
    }

    pub(crate) fn process(&self) -> Process {
        Process(self.process.0.id())
    }

    /// Waits until everything is started.
    pub(crate) fn await_ready(&self) {
        self.await_log("INFO ready");
    }

    /// Waits until the log says this, and returns the line.
    pub(crate) fn await_log(&self, words: &str) -> String {
        let end = Instant::now() + Duration::from_secs(120);
        loop {
            let log = self.log();
            if let Some(line) = log.lines().find(|line| line.contains(words)) {
                return line.to_owned();
            }
            assert!(Instant::now() < end, "the daemon does not say {words:?}:\n{log}");
            sleep(Duration::from_millis(1));
        }
    }

    /// What a metric says, of a daemon that writes metrics into `metrics.prom` in its folder.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let text = fs::read_to_string(self.directory.path().join("metrics.prom")).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0.0, |number| number.parse().expect("a number"))
    }

    /// The folder that holds its own.
    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).expect("a log")
    }

    /// Kills it, and makes sure that it refused nothing: a reject costs less than a reading.
    pub(crate) fn end(mut self) -> TempDir {
        let log = self.log();
        assert!(!log.contains("rejected") && !log.contains("ERROR"), "the daemon was not content:\n{log}");
        self.process.0.kill().and_then(|()| self.process.0.wait()).expect("the daemon can be killed");
        self.directory
    }
}

/// Killed when it is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have been ended before.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn log(directory: &Path) -> File {
    File::options().create(true).append(true).open(directory.join("log")).expect("a log")
}
