//! What a device sends, and a device that sends it.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;

use anomalyd::cli::publish::json_payload;
use anomalyd::time::{Span, Timestamp};
use fastrand::Rng;

use super::entry::Entry;
use super::support::{PATIENCE, at_once, plant, settings::Settings};

/// The length of a window.
const WINDOW: Span = Span::from_secs(600);

/// Messages for a daemon with an event clock, and the settings under which they are scored.
pub(crate) struct History {
    pub(crate) settings: Settings,
    pub(crate) messages: Vec<Message>,
    /// How many sensors have a model.
    pub(crate) sensors: usize,
    /// The end of the last window that is scored, as in the names of prediction files.
    pub(crate) last_end: String,
}

/// A message: its topic and its payload. Its number, from 1 on, is its packet id.
pub(crate) struct Message {
    topic: String,
    payload: Vec<u8>,
}

impl History {
    /// So many windows of some of the plant's sensors, a reading a message, and what makes the clock pass the last one.
    /// The rings of windows and of runs hold four.
    pub(crate) fn of_plant(sensors: usize, windows: i64) -> Self {
        let all = plant::readings(7);
        let mut names: Vec<_> = all.iter().map(|reading| reading.sensor.clone()).collect();
        names.sort_by_key(ToString::to_string);
        names.dedup();
        names.truncate(sensors);
        let end = all[0].time.floor(WINDOW) + WINDOW.times(windows);
        let messages = all
            .into_iter()
            .filter(|reading| names.contains(&reading.sensor) && reading.time < end + WINDOW.times(1))
            .map(|reading| Message {
                topic: reading.sensor.fill("plant/{device}/{sensor}"),
                payload: json_payload(reading.time, reading.value),
            })
            .collect();
        let settings = plant::settings()
            .with("store.keep_intervals", "\"40m\"")
            .with("store.keep_runs", "\"40m\"")
            .with("store.keep_raw", "\"1d\"")
            .with("store.rejects", "4")
            .with("schedule.catch_up", "2");
        Self { settings, messages, sensors, last_end: name_of(end) }
    }

    /// Messages of these payloads, all of one topic. What is scored is up to the settings.
    pub(crate) fn of_payloads(settings: Settings, topic: &str, payloads: impl Iterator<Item = String>) -> Self {
        let message = |payload: String| Message { topic: topic.to_owned(), payload: payload.into_bytes() };
        Self { settings, messages: payloads.map(message).collect(), sensors: 0, last_end: String::new() }
    }

    /// With so many further sensors, which have no models, all in one message at each step of time.
    pub(crate) fn beside_a_crowd_of(mut self, sensors: usize) -> Self {
        let mut rng = Rng::with_seed(1);
        let mut last = String::new();
        let mut messages = Vec::new();
        for message in self.messages {
            let time = json_time(&message.payload);
            if time != last {
                let readings = (0..sensors).map(|sensor| {
                    let value = 1e6 * rng.f64();
                    format!(r#"{{"sensor":"{sensor}","ts":"{time}","value":{value}}}"#)
                });
                let payload = format!("[{}]", readings.collect::<Vec<_>>().join(",")).into_bytes();
                messages.push(Message { topic: "crowd/hall".to_owned(), payload });
                last = time;
            }
            messages.push(message);
        }
        self.messages = messages;
        let routes = r#"[
            { topic = "plant/{device}/{sensor}" },
            { topic = "crowd/{device}", each = "array", sensor = "/sensor" },
        ]"#;
        // Windows of many intervals are large.
        self.settings = self.settings.with("mqtt.route", routes).with("window.interval", "\"10s\"");
        self
    }

    /// And the same again on the next day.
    pub(crate) fn and_on_the_next_day(mut self) -> Self {
        let next_day = |message: &Message| {
            let payload = String::from_utf8(message.payload.clone()).unwrap();
            let [date, next] = [0, 1].map(|days| {
                let time =
                    Timestamp::parse(&json_time_of_first(&payload)).unwrap() + Span::from_secs(86_400).times(days);
                time.format("%Y-%m-%d")
            });
            Message { topic: message.topic.clone(), payload: payload.replace(&date, &next).into_bytes() }
        };
        let again: Vec<_> = self.messages.iter().map(next_day).collect();
        self.messages.extend(again);
        self
    }

    /// The numbers of all messages.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = u16> + use<> {
        1..=u16::try_from(self.messages.len()).unwrap()
    }

    /// The numbers of the messages that a device does not know to be stored.
    pub(crate) fn without(&self, acknowledged: &BTreeSet<u16>) -> Vec<u16> {
        self.numbers().filter(|number| !acknowledged.contains(number)).collect()
    }

    /// Sends messages with these numbers, as many at once as the dice say, and waits until they are acknowledged. False
    /// when the connection ends before.
    pub(crate) fn send(&self, port: u16, numbers: &[u16], at_most_at_once: usize, rng: &mut Rng) -> bool {
        self.send_and_count(port, numbers, at_most_at_once, rng) == numbers.len()
    }

    /// As [`send`](Self::send): how many of the messages were acknowledged when the connection ended.
    pub(crate) fn send_and_count(&self, port: u16, numbers: &[u16], at_most_at_once: usize, rng: &mut Rng) -> usize {
        let stream = at_once("the daemon listens", || TcpStream::connect(("127.0.0.1", port)).ok());
        self.send_over(stream, numbers, at_most_at_once, rng)
    }

    /// As [`send_and_count`](Self::send_and_count), over a connection that is there.
    pub(crate) fn send_over(
        &self,
        mut stream: TcpStream,
        numbers: &[u16],
        at_most_at_once: usize,
        rng: &mut Rng,
    ) -> usize {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        let mut answer = [0; 4];
        let connect = b"\x10\x10\x00\x04MQTT\x04\x02\x00\x00\x00\x04oven";
        let mut is_whole = stream.write_all(connect).and_then(|()| stream.read_exact(&mut answer)).is_ok();
        let mut acknowledged = 0;
        while is_whole && acknowledged < numbers.len() {
            let rest = &numbers[acknowledged..];
            let burst = &rest[..rng.usize(1..=at_most_at_once.min(rest.len()))];
            let packets: Vec<u8> = burst.iter().flat_map(|number| self.packet(*number)).collect();
            is_whole = stream.write_all(&packets).is_ok();
            for number in burst {
                is_whole = is_whole && stream.read_exact(&mut answer).is_ok();
                if is_whole {
                    assert_eq!(answer, [[0x40, 2], number.to_be_bytes()].concat()[..]);
                    acknowledged += 1;
                }
            }
        }
        acknowledged
    }

    fn packet(&self, number: u16) -> Vec<u8> {
        let Message { topic, payload } = &self.messages[usize::from(number) - 1];
        let topic_length = u16::try_from(topic.len()).unwrap().to_be_bytes();
        let rest = [&topic_length, topic.as_bytes(), &number.to_be_bytes(), payload].concat();
        let mut packet = vec![0x32];
        let mut length = rest.len();
        while length >= 128 {
            packet.push(u8::try_from(length % 128).unwrap() | 0x80);
            length /= 128;
        }
        packet.push(u8::try_from(length).unwrap());
        packet.extend(rest);
        packet
    }
}

/// The time of the first reading of a payload.
fn json_time_of_first(payload: &str) -> String {
    let payload: serde_json::Value = serde_json::from_str(payload).unwrap();
    payload.get(0).unwrap_or(&payload)["ts"].as_str().unwrap().to_owned()
}

/// The time in a payload.
fn json_time(payload: &[u8]) -> String {
    let payload: serde_json::Value = serde_json::from_slice(payload).unwrap();
    payload["ts"].as_str().unwrap().to_owned()
}

/// A time as in the names of prediction files.
fn name_of(time: Timestamp) -> String {
    time.to_string().chars().filter(char::is_ascii_digit).skip(2).collect()
}

/// The messages that a daemon has acknowledged. All packets that it sends to a device have four bytes.
pub(crate) fn acknowledged(entries: &[Entry<'_>]) -> BTreeSet<u16> {
    let mut found = BTreeSet::new();
    let mut unfinished: std::collections::HashMap<i64, Vec<u8>> = std::collections::HashMap::new();
    for entry in entries {
        if let Entry::Sent { descriptor, bytes } = entry {
            let stream = unfinished.entry(*descriptor).or_default();
            stream.extend_from_slice(bytes);
            let whole = stream.len() / 4 * 4;
            for packet in stream.drain(..whole).collect::<Vec<_>>().chunks(4) {
                if packet[0] == 0x40 {
                    found.insert(u16::from_be_bytes([packet[2], packet[3]]));
                }
            }
        }
    }
    found
}
