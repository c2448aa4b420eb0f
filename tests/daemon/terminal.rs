//! What devices and files say of themselves reaches no log and no terminal as it is.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use anomalyd::printable::steers;
use serde_json::Value;

use crate::support::site::Site;
use crate::support::{PATIENCE, eventually, plant};

/// A string of MQTT, after its length.
fn string(text: &[u8]) -> Vec<u8> {
    [&u16::try_from(text.len()).unwrap().to_be_bytes(), text].concat()
}

fn packet(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind, u8::try_from(body.len()).unwrap()], body].concat()
}

/// Connects with this id, publishes, and then breaks the protocol, so that its connection is spoken of.
fn misbehave(port: u16, client: &str, topic: &str, payload: &[u8]) {
    let mut device = TcpStream::connect(("127.0.0.1", port)).unwrap();
    device.set_read_timeout(Some(PATIENCE)).unwrap();
    let connect = packet(0x10, &[&string(b"MQTT")[..], &[4, 2, 0, 0], &string(client.as_bytes())].concat());
    let publish = packet(0x32, &[&string(topic.as_bytes())[..], &[0, 9], payload].concat());
    device.write_all(&[connect, publish].concat()).unwrap();
    // It may be closed at once, or answer.
    let mut answer = [0; 8];
    if device.read_exact(&mut answer).is_ok() {
        device.write_all(&[0xf0, 0]).unwrap();
    }
    _ = device.read_to_end(&mut Vec::new());
}

const HOSTILE: &str = "\x1b[2J\u{9b}31m\u{202e}\u{200b}\r\nforged";
/// What MQTT and a sensor's name allow, and a terminal should not be given.
const ALLOWED: &str = "\u{202e}\u{200b}";

/// Runs a daemon whose devices and files are hostile, with this form of log, and gives the log.
fn log(site: &Site, form: &str) -> String {
    let models = site.path("hostile");
    fs::create_dir_all(&models).unwrap();
    fs::write(models.join(format!("model_a{ALLOWED}_b.pkl")), "no model").unwrap();
    fs::write(models.join(format!("model_{HOSTILE}_b.pkl")), "no model").unwrap();
    let path = site.path(&format!("log-{form}"));
    let mut daemon = Command::new(env!("CARGO_BIN_EXE_anomalyd"))
        .args(["--log-format", form, "run", "--config"])
        .arg(site.config())
        .stdout(Stdio::null())
        .stderr(File::create(&path).unwrap())
        .spawn()
        .unwrap();
    let log = || fs::read_to_string(&path).unwrap();
    eventually("ready", || log().contains("ready").then_some(()));
    let json = format!("{{\"ts\":\"{HOSTILE}\",\"value\":1}}");
    for client in [HOSTILE, ALLOWED, "device"] {
        misbehave(site.port(), client, &format!("plant/{HOSTILE}/flow"), json.as_bytes());
        misbehave(site.port(), client, &format!("plant/{ALLOWED}/flow"), json.as_bytes());
        misbehave(site.port(), client, &format!("other/{ALLOWED}/flow"), HOSTILE.as_bytes());
    }
    eventually("connections are closed", || log().contains("connection closed").then_some(()));
    assert!(Command::new("kill").arg(daemon.id().to_string()).status().unwrap().success());
    assert!(daemon.wait().unwrap().success());
    log()
}

fn settings(site: &Site) {
    site.configure(&plant::settings().with_text("models.directory", site.path("hostile")));
}

fn hold(text: &str) {
    assert!(!text.contains(|c| steers(c) && c != '\n'), "{text:?}");
    assert!(!text.lines().any(|line| line.starts_with("forged")), "{text}");
}

#[test]
fn the_log_for_people_shows_nothing_that_steers() {
    let site = Site::new(&plant::settings());
    settings(&site);
    let log = log(&site, "text");
    hold(&log);
    assert!(log.contains("sensor=a··/b") && log.contains("is text;"), "{log}");
    assert!(log.lines().all(|line| line.starts_with("20")), "each event is a line: {log}");
}

#[test]
fn the_log_for_machines_and_what_is_dumped_give_it_back_escaped() {
    let site = Site::new(&plant::settings());
    settings(&site);
    let log = log(&site, "json");
    hold(&log);
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.iter().any(|line| line["sensor"] == format!("a{ALLOWED}/b")), "{log}");
    let rejects = site.dump("rejects");
    hold(&rejects);
    let rejects: Vec<Value> = rejects.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(rejects.iter().any(|reject| reject.to_string().contains('\u{202e}')), "{rejects:#?}");
    hold(&site.dump("sensors"));
}
