//! A daemon under a service manager: what it tells systemd, its watchdog and the journal.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::net::TcpStream;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;
use std::{env, thread};

use anomalyd::config::Config;
use fail::FailScenario;
use tempfile::TempDir;

use crate::support::site::Site;
use crate::support::{PATIENCE, eventually, plant};

/// Of the child process that a test makes: where its configuration is.
const CONFIG: &str = "ANOMALYD_TEST_CONFIG";
/// What the watchdog of the tests waits for.
const WATCHDOG: Duration = Duration::from_secs(2);

/// The service manager's side: its socket.
struct Manager {
    socket: UnixDatagram,
    folder: TempDir,
}

impl Manager {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = UnixDatagram::bind(folder.path().join("notify")).unwrap();
        Self { socket, folder }
    }

    /// Starts a daemon's process as a service.
    fn start(&self, command: &mut Command, watchdog: Option<Duration>) -> Service {
        command.env("NOTIFY_SOCKET", self.folder.path().join("notify")).stdout(Stdio::null()).stderr(Stdio::null());
        if let Some(watchdog) = watchdog {
            command.env("WATCHDOG_USEC", watchdog.as_micros().to_string());
        }
        Service(command.spawn().unwrap())
    }

    /// What comes next, if anything comes in time.
    fn next(&self, within: Duration) -> Option<String> {
        let mut bytes = [0; 4096];
        self.socket.set_read_timeout(Some(within)).unwrap();
        match self.socket.recv(&mut bytes) {
            Ok(length) => Some(String::from_utf8(bytes[..length].to_vec()).unwrap()),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => None,
            Err(error) => panic!("{error}"),
        }
    }

    /// Waits for a message with these words.
    fn wait_for(&self, words: &str) -> String {
        loop {
            let message = self.next(PATIENCE).unwrap_or_else(|| panic!("waited in vain for {words}"));
            if message.contains(words) {
                return message;
            }
        }
    }

    /// What has come and was not looked at.
    fn rest(&self) -> Vec<String> {
        std::iter::from_fn(|| self.next(Duration::from_millis(1))).collect()
    }
}

/// A daemon's process. Killed when it is dropped.
struct Service(Child);

impl Service {
    fn terminate(&mut self) -> ExitStatus {
        assert!(Command::new("kill").args(["-s", "TERM", &self.0.id().to_string()]).status().unwrap().success());
        eventually("the daemon ends", || self.0.try_wait().unwrap())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn daemon(config: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_anomalyd"));
    command.args(["run", "--config"]).arg(config);
    command
}

#[test]
fn an_idle_daemon_says_that_it_is_ready_how_it_is_that_it_is_alive_and_that_it_stops() {
    let site = Site::new(&plant::settings());
    let manager = Manager::new();
    let mut service = manager.start(&mut daemon(&site.config()), Some(WATCHDOG));
    manager.wait_for("READY=1");
    let status = manager.wait_for("readings/s");
    assert!(status.starts_with("STATUS=0.0 readings/s; no run yet"), "{status}");
    // For longer than the watchdog would wait: eight looks come in that time.
    (0..12).for_each(|_| drop(manager.wait_for("WATCHDOG=1")));
    assert!(service.terminate().success());
    manager.wait_for("STOPPING=1");
}

#[test]
fn the_status_names_the_last_run() {
    let site = Site::new(&plant::settings());
    let manager = Manager::new();
    let _service = manager.start(&mut daemon(&site.config()), None);
    manager.wait_for("READY=1");
    plant::publish_all(site.port(), &plant::readings(7)[..1800]);
    let status = manager.wait_for("; last run 2026-03-02T06:");
    assert!(status.contains(" 15 scored, 0 failed, "), "{status}");
}

#[test]
fn a_watchdog_that_nobody_asked_for_is_not_told() {
    let site = Site::new(&plant::settings());
    let manager = Manager::new();
    let mut service = manager.start(&mut daemon(&site.config()), None);
    manager.wait_for("readings/s");
    assert!(service.terminate().success());
    let told = manager.rest();
    assert!(!told.iter().any(|message| message.contains("WATCHDOG")), "{told:?}");
}

/// Runs a daemon whose standard error is a file, and the journal if it is told so; gives what it wrote.
fn log_of(site: &Site, arguments: &[&str], is_journal: bool) -> String {
    let path = site.path("log");
    let log = File::create(&path).unwrap();
    let metadata = log.metadata().unwrap();
    // Handed on, as by a service that starts a program whose output goes to a file.
    let inode = if is_journal { metadata.ino() } else { metadata.ino() + 1 };
    let mut command = Command::new(env!("CARGO_BIN_EXE_anomalyd"));
    command.args(arguments).args(["run", "--config"]).arg(site.config()).stderr(log);
    command.env("JOURNAL_STREAM", format!("{}:{inode}", metadata.dev()));
    let mut service = Service(command.spawn().unwrap());
    let has = |words: &str| fs::read_to_string(&path).unwrap().contains(words);
    eventually("it is ready or refused", || (has("ready") || has("anomalyd: ")).then_some(()));
    let _ = service.terminate();
    fs::read_to_string(&path).unwrap()
}

#[test]
fn a_line_for_the_journal_has_a_priority_and_no_time() {
    let site = Site::new(&plant::settings().with("limits.max_ahead", "\"5m\""));
    let log = log_of(&site, &[], true);
    let lines: Vec<_> = log.lines().collect();
    assert!(lines.contains(&"<6>ready"), "{log}");
    assert!(lines.iter().any(|line| line.starts_with("<4>limits.max_ahead: ")), "{log}");
    let stopped = lines.iter().find(|line| line.contains("stopped")).unwrap();
    assert_eq!(*stopped, "<6>stopped accepted=0 repeated=0 suppressed=0 rejected=0");
    assert!(!log.contains('\x1b'), "{log}");
}

#[test]
fn an_error_for_the_journal_has_its_priority_on_every_line() {
    let site = Site::new(&plant::settings().with("store.rejects", "0").with("store.cache", "0"));
    let log = log_of(&site, &[], true);
    assert!(log.starts_with("<3>anomalyd: 2 mistakes in the configuration"), "{log}");
    assert!(log.lines().count() > 4 && log.lines().all(|line| line.starts_with("<3>")), "{log}");
}

#[test]
fn what_the_check_finds_before_a_start_has_a_priority_in_the_journal() {
    let settings = plant::settings().with("limits.max_ahead", "\"5m\"");
    let site = Site::new(&settings.with_text("models.directory", "/nowhere/models"));
    let path = site.path("log");
    let log = File::create(&path).unwrap();
    let metadata = log.metadata().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_anomalyd"));
    command.args(["check", "--config"]).arg(site.config()).stdout(log);
    command.env("JOURNAL_STREAM", format!("{}:{}", metadata.dev(), metadata.ino())).status().unwrap();
    let said = fs::read_to_string(&path).unwrap();
    let begins = |line: &str, mark: &str, words: &str| line.starts_with(mark) && line.contains(words);
    assert!(said.lines().any(|line| begins(line, "<4>", "warning: limits.max_ahead")), "{said}");
    assert!(said.lines().any(|line| begins(line, "<3>", "mistake: models.directory")), "{said}");
}

#[test]
fn json_for_the_journal_has_a_priority_before_it() {
    let log = log_of(&Site::new(&plant::settings()), &["--log-format", "json"], true);
    let ready = log.lines().find(|line| line.contains("\"ready\"")).unwrap();
    let event: serde_json::Value = serde_json::from_str(ready.strip_prefix("<6>").unwrap()).unwrap();
    assert_eq!(event["message"], "ready");
}

#[test]
fn a_log_that_does_not_go_to_the_journal_has_times_and_levels() {
    let log = log_of(&Site::new(&plant::settings()), &[], false);
    let ready = log.lines().find(|line| line.ends_with(" INFO ready")).unwrap_or_else(|| panic!("{log}"));
    assert!(ready.starts_with("20") && !ready.contains('<'), "{log}");
}

#[test]
fn the_unit_is_understood_whole_by_the_systemd_of_this_machine() {
    let folder = tempfile::tempdir().unwrap();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd/anomalyd.service");
    let text = fs::read_to_string(shipped).unwrap().replace("/usr/bin/anomalyd", env!("CARGO_BIN_EXE_anomalyd"));
    let unit = folder.path().join("anomalyd.service");
    fs::write(&unit, text).unwrap();
    let Ok(verified) = Command::new("systemd-analyze").arg("verify").arg(&unit).output() else { return };
    let said = String::from_utf8_lossy(&verified.stderr);
    assert!(verified.status.success() && !said.contains("anomalyd.service"), "{said}");
}

#[test]
fn the_metrics_can_be_read_by_others_whatever_the_mask() {
    let site = Site::new(&plant::settings());
    let file = site.path("metrics.prom");
    site.configure(&plant::settings().with_text("metrics.file", &file));
    let mut command = Command::new("sh");
    command
        .args(["-c", "umask 077; exec \"$0\" run --config \"$1\"", env!("CARGO_BIN_EXE_anomalyd")])
        .arg(site.config());
    let _service = Service(command.stderr(Stdio::null()).spawn().unwrap());
    let metadata = eventually("the metrics are written", || fs::metadata(&file).ok());
    assert_eq!(metadata.mode() & 0o777, 0o644);
    assert_eq!(fs::metadata(site.path("store/data/db")).unwrap().mode() & 0o077, 0, "nothing else is");
}

/// Not a test of its own: the process of the next one, whose commits are held once a file is there.
#[test]
#[ignore = "run by the test below"]
fn process_whose_commits_can_be_held() {
    let config = PathBuf::from(env::var_os(CONFIG).unwrap());
    let hold = config.with_file_name("hold");
    let _scenario = FailScenario::setup();
    thread::spawn(move || {
        eventually("commits are to be held", || hold.exists().then_some(()));
        fail::cfg("store::journal_sync", "pause").unwrap();
    });
    let config = Config::read(&config).unwrap();
    actix_rt::System::new().block_on(anomalyd::daemon::run(&config)).unwrap();
}

#[test]
fn a_commit_that_does_not_end_stops_what_the_watchdog_is_told() {
    let site = Site::new(&plant::settings());
    let manager = Manager::new();
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", "service::process_whose_commits_can_be_held", "--ignored"]).env(CONFIG, site.config());
    let _service = manager.start(&mut command, Some(WATCHDOG));
    manager.wait_for("READY=1");
    manager.wait_for("WATCHDOG=1");
    fs::write(site.path("hold"), "").unwrap();
    // A client that publishes until one of its readings comes to a commit that is held.
    let mut device = TcpStream::connect(("127.0.0.1", site.port())).unwrap();
    device.write_all(b"\x10\x0d\0\x04MQTT\x04\x02\0\x3c\0\x01d").unwrap();
    let status = loop {
        device.write_all(b"\x30\x0a\0\x07plant/a1").unwrap();
        match manager.next(PATIENCE).unwrap() {
            message if message.contains("has not answered") => break message,
            _ => {}
        }
    };
    assert!(status.starts_with("STATUS=the committer has not answered for "), "{status}");
    while let Some(message) = manager.next(WATCHDOG) {
        assert!(!message.contains("WATCHDOG"), "{message}");
    }
}
