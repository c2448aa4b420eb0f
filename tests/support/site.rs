//! A place for a daemon: a temporary folder with its configuration, its store and its prediction files, and a port.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU16, Ordering};

use tempfile::TempDir;

use super::daemon::Daemon;
use super::eventually;
use super::settings::Settings;

/// A place for a daemon. Removed when it is dropped.
pub(crate) struct Site {
    directory: TempDir,
    port: u16,
}

impl Site {
    /// Makes a place with these settings; folders and the listener's port are its own, and stay the same over restarts.
    pub(crate) fn new(settings: &Settings) -> Self {
        let site = Self { directory: tempfile::tempdir().unwrap(), port: free_port() };
        site.configure(settings);
        site
    }

    /// Changes the settings.
    pub(crate) fn configure(&self, settings: &Settings) {
        let mut settings = settings
            .clone()
            .with_text("store.directory", self.path("store"))
            .with_text("publish.files.directory", self.predictions_directory());
        if settings.text().contains("[mqtt.listen]") {
            settings = settings.with("mqtt.listen.address", &format!("\"127.0.0.1:{}\"", self.port));
        }
        fs::write(self.config(), settings.text()).unwrap();
    }

    /// Something below the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The configuration file.
    pub(crate) fn config(&self) -> PathBuf {
        self.path("config.toml")
    }

    /// Where devices connect.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Starts a daemon here, and waits until it is ready.
    pub(crate) fn start(&self) -> Daemon {
        Daemon::start(&self.config())
    }

    /// Starts a daemon here, and does not wait until it is ready.
    pub(crate) fn spawn(&self) -> Daemon {
        Daemon::spawn(&self.config())
    }

    /// What `anomalyd dump` writes of the store.
    pub(crate) fn dump(&self, what: &str) -> String {
        let output = anomalyd(&["dump", "--config", self.config().to_str().unwrap(), what]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn predictions_directory(&self) -> PathBuf {
        self.path("predictions")
    }

    /// Waits until so many prediction files of a window are there, whichever daemon wrote them. The window's end is
    /// written as in their names.
    pub(crate) fn wait_for_predictions(&self, count: usize, end: &str) {
        let ending = format!("_{end}.csv");
        eventually(&format!("{count} prediction files up to {end}"), || {
            let written = self.prediction_names().into_iter().filter(|name| name.ends_with(&ending));
            (written.count() == count).then_some(())
        });
    }

    /// The windows that prediction files are there of, whichever daemon wrote them.
    pub(crate) fn windows_with_predictions(&self) -> usize {
        let names = self.prediction_names();
        names.iter().filter_map(|name| name.rsplit_once('_')).map(|(_, end)| end).collect::<BTreeSet<_>>().len()
    }

    /// The names of the prediction files so far.
    fn prediction_names(&self) -> Vec<String> {
        let Ok(days) = fs::read_dir(self.predictions_directory()) else { return Vec::new() };
        let files = days.filter_map(|day| fs::read_dir(day.ok()?.path()).ok()).flatten();
        files
            .filter_map(|file| file.ok()?.file_name().into_string().ok())
            .filter(|name| name.ends_with(".csv"))
            .collect()
    }

    /// As [`predictions`](Self::predictions), or none while there is no such directory.
    pub(crate) fn predictions_so_far(&self) -> BTreeMap<String, String> {
        if self.predictions_directory().exists() { self.predictions() } else { BTreeMap::new() }
    }

    /// All files below the directory of predictions with their content.
    pub(crate) fn predictions(&self) -> BTreeMap<String, String> {
        files(&self.predictions_directory())
    }
}

/// All files of a directory of days, by their names.
fn files(directory: &Path) -> BTreeMap<String, String> {
    let days = fs::read_dir(directory).unwrap().map(|day| day.unwrap().path());
    days.flat_map(|day| fs::read_dir(day).unwrap())
        .map(|file| file.unwrap().path())
        // Files come and go while a daemon publishes.
        .filter_map(|file| Some((file.file_name()?.to_str()?.to_owned(), fs::read(&file).ok()?)))
        .map(|(name, bytes)| (name, String::from_utf8_lossy(&bytes).into_owned()))
        .collect()
}

/// Runs a command of the real binary to its end.
pub(crate) fn anomalyd(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_anomalyd")).args(arguments).output().unwrap()
}

/// A loopback port that nobody uses, below those that the system hands out to connections: a client that tries the port
/// while its daemon is away must not find itself there.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let base = u16::try_from(std::process::id() % 600).unwrap() * 32;
    (0..10_000)
        .map(|_| 10_000 + (base + NEXT.fetch_add(1, Ordering::Relaxed)) % 20_000)
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .unwrap()
}
