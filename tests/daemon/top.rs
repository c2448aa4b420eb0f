//! `anomalyd top` on a pseudo-terminal, as a person sees it.

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::support::device::{CONNECT, Device};
use crate::support::site::Site;
use crate::support::{eventually, plant};

/// What a terminal is told to show another screen, and to go back to the one before (xterm, private mode 1049).
const OTHER_SCREEN: &str = "\x1b[?1049h";
const SCREEN_BEFORE: &str = "\x1b[?1049l";

/// A command on a terminal of 120 columns and 30 rows, which Debian's `script` makes.
struct OnTerminal {
    process: Child,
    shown: Arc<Mutex<Vec<u8>>>,
}

impl OnTerminal {
    fn start(arguments: &str) -> Self {
        let command = format!("stty cols 120 rows 30; exec {} {arguments}", env!("CARGO_BIN_EXE_anomalyd"));
        let mut process = Command::new("script")
            .args(["-qec", &command, "/dev/null"])
            .env("TERM", "xterm-256color")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let shown = Arc::new(Mutex::new(Vec::new()));
        let (mut output, into) = (process.stdout.take().unwrap(), Arc::clone(&shown));
        thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(count @ 1..) = output.read(&mut piece) {
                into.lock().unwrap().extend_from_slice(&piece[..count]);
            }
        });
        Self { process, shown }
    }

    /// Waits until it has shown this text since `from`, and gives the place behind all that was shown so far.
    fn wait_for(&self, text: &str, from: usize) -> usize {
        eventually(text, || {
            let shown = self.shown.lock().unwrap();
            String::from_utf8_lossy(&shown[from..]).contains(text).then_some(shown.len())
        })
    }

    fn press(&mut self, keys: &str) {
        self.process.stdin.as_mut().unwrap().write_all(keys.as_bytes()).unwrap();
    }
}

#[test]
fn top_shows_the_plant_answers_keys_and_gives_the_terminal_back() {
    let site = Site::new(&plant::settings());
    let daemon = site.start();
    let mut device = Device::connect(site.port(), CONNECT);
    device.publish("plant/press-9/flow", br#"{"ts":"2026-03-02T06:00:00Z","value":1}"#);
    let mut top = OnTerminal::start(&format!("top --config {}", site.config().display()));
    top.wait_for(OTHER_SCREEN, 0);
    let seen = top.wait_for("press-9/flow", 0);
    top.press("?");
    let seen = top.wait_for("quit", seen);
    top.press("q");
    top.wait_for(SCREEN_BEFORE, seen);
    let status = eventually("top ends", || top.process.try_wait().unwrap());
    assert!(status.success(), "{status}");
    daemon.stop();
}

#[test]
fn top_without_a_daemon_leaves_the_terminal_alone_and_says_why() {
    let site = Site::new(&plant::settings());
    let mut top = OnTerminal::start(&format!("top --config {}", site.config().display()));
    let status = eventually("top ends", || top.process.try_wait().unwrap());
    assert!(!status.success());
    top.wait_for("daemon", 0);
    assert!(!String::from_utf8_lossy(&top.shown.lock().unwrap()).contains(OTHER_SCREEN));
}
