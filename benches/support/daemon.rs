//! The real daemon as a child process, in a folder on the disk that the project is built on.

use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::process::Process;

pub(crate) struct Daemon {
    process: Child,
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
    /// Starts a daemon with these sections in its configuration; runs never come due by themselves.
    pub(crate) fn start(directory: TempDir, sections: &str) -> Self {
        let path = directory.path();
        fs::create_dir_all(path.join("models")).expect("a folder for models");
        let configuration = format!(
            "clock = \"wall\"\n[store]\ndirectory = \"{0}/store\"\n[models]\ndirectory = \"{0}/models\"\n\
             [schedule]\ncron = \"0 0 0 1 1 *\"\n[limits]\nmax_ahead = \"2d\"\nreadings_per_interval = 100000\n{sections}",
            path.display()
        );
        fs::write(path.join("config.toml"), configuration).expect("a configuration");
        let process = Command::new(env!("CARGO_BIN_EXE_anomalyd"))
            .args(["run", "--config"])
            .arg(path.join("config.toml"))
            .stdout(log(path))
            .stderr(log(path))
            .spawn()
            .expect("the daemon starts");
        Self { process, directory }
    }

    pub(crate) fn process(&self) -> Process {
        Process(self.process.id())
    }

    /// Waits until everything is started.
    pub(crate) fn await_ready(&self) {
        let end = Instant::now() + Duration::from_secs(60);
        while !self.log().contains("ready") {
            assert!(Instant::now() < end, "the daemon does not get ready:\n{}", self.log());
            sleep(Duration::from_millis(1));
        }
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).expect("a log")
    }

    /// Kills it, and makes sure that it refused nothing: a reject costs less than a reading.
    pub(crate) fn end(mut self) {
        let log = self.log();
        assert!(!log.contains("rejected") && !log.contains("ERROR"), "the daemon was not content:\n{log}");
        self.process.kill().and_then(|()| self.process.wait()).expect("the daemon can be killed");
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have been ended before.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn log(directory: &Path) -> File {
    File::options().create(true).append(true).open(directory.join("log")).expect("a log")
}
