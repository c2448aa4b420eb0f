//! An acknowledgement leaves after the commit, and never before.
//!
//! The daemon runs in the test's own process, so that its disk can be held. Fail points are global: one test at a time.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crate::support::in_process::InProcess;
use crate::support::mosquitto::Mosquitto;
use crate::support::settings::Settings;
use crate::support::site::Site;
use crate::support::{PATIENCE, alone, eventually, plant};
use fail::FailScenario;

/// How long an acknowledgement that must not come is waited for.
const SILENCE: Duration = Duration::from_millis(300);

fn settings() -> Settings {
    plant::settings().with("stop.deadline", "\"2s\"")
}

fn connect(port: u16) -> TcpStream {
    let mut device = TcpStream::connect(("127.0.0.1", port)).unwrap();
    device.write_all(b"\x10\x10\x00\x04MQTT\x04\x02\x00\x00\x00\x04pump").unwrap();
    let mut connack = [0; 4];
    device.set_read_timeout(Some(PATIENCE)).unwrap();
    device.read_exact(&mut connack).unwrap();
    assert_eq!(connack, *b"\x20\x02\x00\x00");
    device
}

/// A PUBLISH with QoS 1 and the packet id 7.
fn publish() -> Vec<u8> {
    let (topic, payload) = ("plant/pump-2/flow", r#"{"ts":"2026-03-02T06:00:00Z","value":145.5}"#);
    let length = u8::try_from(2 + topic.len() + 2 + payload.len()).unwrap();
    let topic_length = u8::try_from(topic.len()).unwrap();
    [&[0x32, length, 0, topic_length], topic.as_bytes(), &[0, 7], payload.as_bytes()].concat()
}

#[test]
fn a_device_gets_its_puback_when_the_disk_has_its_reading_and_not_before() {
    let _alone = alone();
    let scenario = FailScenario::setup();
    let site = Site::new(&settings());
    let daemon = InProcess::start(&site);
    let mut device = connect(site.port());

    fail::cfg("store::journal_sync", "pause").unwrap();
    device.write_all(&publish()).unwrap();
    device.set_read_timeout(Some(SILENCE)).unwrap();
    let mut byte = [0];
    let silence = device.read(&mut byte).unwrap_err();
    assert_eq!(silence.kind(), std::io::ErrorKind::WouldBlock, "{silence}");

    fail::remove("store::journal_sync");
    device.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut puback = [0; 4];
    device.read_exact(&mut puback).unwrap();
    assert_eq!(puback, *b"\x40\x02\x00\x07");
    drop(daemon);
    scenario.teardown();
}

#[test]
fn a_journal_without_room_holds_the_puback_back_and_goes_on_by_itself() {
    let _alone = alone();
    let scenario = FailScenario::setup();
    let site = Site::new(&settings());
    let no_room = format!("store::journal_room {}", site.path("store/journal").display());
    fail::cfg(&no_room, "return").unwrap();
    let daemon = InProcess::start(&site);
    let mut device = TcpStream::connect(("127.0.0.1", site.port())).unwrap();
    device.write_all(b"\x10\x10\x00\x04MQTT\x04\x02\x00\x00\x00\x04pump").unwrap();
    device.write_all(&publish()).unwrap();
    device.set_read_timeout(Some(SILENCE)).unwrap();
    let mut heard = Vec::new();
    let silence = device.read_to_end(&mut heard).unwrap_err();
    assert_eq!(silence.kind(), std::io::ErrorKind::WouldBlock, "{silence}");
    assert!(!heard.contains(&0x40), "{heard:?}");

    fail::remove(no_room);
    device.set_read_timeout(Some(PATIENCE)).unwrap();
    let puback = *b"\x40\x02\x00\x07";
    while !heard.ends_with(&puback) {
        let mut byte = [0];
        device.read_exact(&mut byte).unwrap();
        heard.push(byte[0]);
    }
    drop(daemon);
    scenario.teardown();
}

/// Stands between a client and its broker, and records what the client says and how much it hears.
struct Line {
    port: u16,
    said: Arc<Mutex<Vec<u8>>>,
    heard: Arc<Mutex<Vec<u8>>>,
}

impl Line {
    fn to(broker: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let said = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (record_said, record_heard) = (Arc::clone(&said), Arc::clone(&heard));
        thread::spawn(move || {
            let (client, _) = listener.accept().unwrap();
            let broker = TcpStream::connect(("127.0.0.1", broker)).unwrap();
            let (from_broker, to_client) = (broker.try_clone().unwrap(), client.try_clone().unwrap());
            thread::spawn(move || pass_on(from_broker, to_client, &record_heard));
            pass_on(client, broker, &record_said);
        });
        Self { port, said, heard }
    }

    /// How many bytes the client heard.
    fn heard(&self) -> usize {
        self.heard.lock().unwrap().len()
    }

    /// What the client said since the first `from` bytes.
    fn said(&self, from: usize) -> Vec<u8> {
        self.said.lock().unwrap()[from..].to_vec()
    }
}

fn pass_on(mut from: TcpStream, mut to: TcpStream, record: &Mutex<Vec<u8>>) {
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        record.lock().unwrap().extend_from_slice(&buffer[..count]);
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
}

#[test]
fn a_broker_gets_its_puback_when_the_disk_has_the_reading_and_not_before() {
    let _alone = alone();
    let Some(broker) = Mosquitto::start("") else { return };
    let scenario = FailScenario::setup();
    let line = Line::to(broker.port());
    let connect = format!("{{ port = {} }}", line.port);
    let site = Site::new(&settings().without_listener().with("mqtt.connect", &connect));
    let daemon = InProcess::start(&site);
    // The first reading is acknowledged: the subscription stands, and nothing is left to say.
    let readings = plant::readings(7);
    let is_puback = |packet: &[u8]| matches!(packet, [0x40, 2, _, _]);
    eventually("a first reading is acknowledged", || {
        plant::publish_all(broker.port(), &readings[..1]);
        line.said(0).last_chunk::<4>().is_some_and(|packet| is_puback(packet)).then_some(())
    });
    thread::sleep(SILENCE);

    let heard = line.heard();
    let before = line.said(0).len();
    fail::cfg("store::journal_sync", "pause").unwrap();
    plant::publish_all(broker.port(), &readings[1..2]);
    eventually("the reading has come", || (line.heard() > heard).then_some(()));
    thread::sleep(SILENCE);
    assert_eq!(line.said(before), b"");

    fail::remove("store::journal_sync");
    let said = eventually("the acknowledgement", || Some(line.said(before)).filter(|said| said.len() >= 4));
    assert!(is_puback(&said), "{said:?}");
    drop(daemon);
    scenario.teardown();
}
