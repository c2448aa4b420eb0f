//! The demo, as a stranger runs it: the real binary, its real daemon, real MQTT.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};

/// Runs the demo in a pipe, with a folder of its own for temporary files.
fn demo(arguments: &[&str], temporary: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_anomalyd")).arg("demo").args(arguments).env("TMPDIR", temporary).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn the_demo_ends_by_itself_with_a_summary_and_leaves_the_verdict_files() {
    let temporary = tempfile::tempdir().unwrap();
    let output = demo(&["--seed", "7"], temporary.path());
    let shown = text(&output.stdout);
    assert!(output.status.success(), "{shown}\n{}", text(&output.stderr));
    assert_eq!(text(&output.stderr), "");
    assert!(!shown.contains('\x1b'), "a pipe gets plain lines:\n{shown}");
    for expected in [
        "hour from 11:00 scored: 15 sensors in ",
        "Faults: 4 injected, ",
        "False alarms: ",
        "Readings: 33,300 published, 33,300 acknowledged, 33,300 accepted, 0 rejected\n",
        "Verdicts: 90 (15 sensors x 6 hours), on 5,400 minutes\n",
        " times as long.\n",
        "The demo did its job in ",
    ] {
        assert!(shown.contains(expected), "{expected:?} is missing in\n{shown}");
    }
    for kind in ["drift", "spike", "stuck value", "noise burst"] {
        assert_eq!(shown.matches(&format!("  {kind} is injected into ")).count(), 1, "{shown}");
        assert_eq!(shown.matches(&format!("  {kind} ends on ")).count(), 1, "{shown}");
    }

    let predictions = Path::new(shown.lines().find_map(|line| line.strip_prefix("Verdict files: ")).unwrap());
    let days = entries(predictions);
    assert_eq!(days, [predictions.join("2026-03-02")]);
    assert_eq!(entries(&days[0]).len(), 90);
    let file = std::fs::read_to_string(days[0].join("preds_press-1_flow_260302070000.csv")).unwrap();
    assert!(file.starts_with("TS,Device,Tag,Val,Prediction,Decision\n2026-03-02 06:00:00.000,press-1,flow,"), "{file}");
    assert_eq!(file.lines().count(), 61);
    assert_eq!(entries(predictions.parent().unwrap()), [predictions], "only the predictions are kept");
}

/// A demo that is killed with the test; its daemon ends with it.
struct KeptDemo(Child);

impl Drop for KeptDemo {
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.0), Signal::TERM);
        let _ = self.0.wait();
    }
}

fn page(address: &str, path: &str) -> String {
    let mut connection = TcpStream::connect(address).unwrap();
    write!(connection, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn a_demo_that_is_kept_leaves_its_page_up_until_ctrl_c_and_its_folder_for_good() {
    let temporary = tempfile::tempdir().unwrap();
    let child = Command::new(env!("CARGO_BIN_EXE_anomalyd"))
        .args(["demo", "--keep", "--seed", "3"])
        .env("TMPDIR", temporary.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut demo = KeptDemo(child);
    let mut lines = BufReader::new(demo.0.stdout.take().unwrap()).lines().map(Result::unwrap);
    let summary: Vec<_> = lines.by_ref().take_while(|line| !line.starts_with("The page stays at ")).collect();
    let first = summary.iter().find_map(|line| line.strip_prefix("The page is at http://")).unwrap();
    let address = first.split('/').next().unwrap();
    let counts = "Readings: 33,300 published, 33,300 acknowledged, 33,300 accepted, 0 rejected";
    assert!(summary.iter().any(|line| line == counts), "{}", summary.join("\n"));

    assert!(page(address, "/").contains("<title>anomalyd</title>"));
    let status = page(address, "/api/v1/sensors?state=anomalous");
    assert!(status.starts_with("HTTP/1.1 200 "), "{status}");

    kill_process(Pid::from_child(&demo.0), Signal::INT).unwrap();
    assert!(demo.0.wait().unwrap().success());
    assert!(TcpStream::connect(address).is_err(), "the daemon has stopped");
    let [folder]: [PathBuf; 1] = entries(temporary.path()).try_into().unwrap();
    assert!(folder.join("store").is_dir() && folder.join("config.toml").is_file());
}

#[test]
fn a_daemon_that_cannot_start_is_explained_in_its_own_words_and_leaves_nothing_behind() {
    let temporary = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let output = demo(&["--port", &port], temporary.path());
    assert_eq!(output.status.code(), Some(1));
    let error = text(&output.stderr);
    assert!(error.contains("the daemon has ended with exit status: 1; its last lines:"), "{error}");
    assert!(error.contains(&format!("127.0.0.1:{port}")), "{error}");
    assert!(entries(temporary.path()).is_empty());
}
