//! What wears flash: bytes written and syncs a day, for small and middling plants, with each way to pace commits. Run with
//! `cargo bench -- flash`.
//!
//! *Measured* over a stretch of real time with the real daemon: what its commits write, as the kernel counts it for the
//! process, in whole pages, and how often it syncs. A day is that stretch, made longer, and 24 closings of an hour's
//! windows. What a closing takes is measured too, by replaying hours with an event clock: those readings come in few
//! commits, which are counted as the closing's. With the budget, savings are used up before the stretch begins.

use std::fmt::Write as _;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::Size;
use crate::support::daemon::{Daemon, directory, free_port};
use crate::support::load::{self, Device};
use crate::support::process::Usage;
use anomalyd::time::Timestamp;

/// 2026-11-21T00:00:00Z, in seconds.
const HOUR: i64 = 1_795_219_200;
const DAY_SECONDS: f64 = 86_400.0;

const ROUTE: &str = r#"
[limits]
max_ahead = "2h"
[[mqtt.route]]
topic = "plant/{device}/{sensor}"
format = "json"
value = "/v"
time = "/ts"
[[mqtt.route]]
topic = "columns/{device}/{sensor}"
format = "json"
each = "columns"
value = "/v"
time = "/ts"
"#;

/// A plant whose sensors each send a message of one reading at this pace, spread evenly over time or all at once.
struct Plant {
    name: &'static str,
    sensors: usize,
    every_seconds: f64,
    at_once: bool,
    /// How long a stretch is measured.
    stretch: f64,
}

/// A way to pace commits.
struct Pacing {
    name: &'static str,
    store: &'static str,
    /// Whether the savings of the budget are used up first.
    used_up: bool,
}

const PACINGS: [Pacing; 3] = [
    Pacing { name: "no delay", store: "daily_write_budget = \"1024 GiB\"\n", used_up: false },
    Pacing { name: "1 s", store: "commit_delay = \"1s\"\ndaily_write_budget = \"1024 GiB\"\n", used_up: false },
    Pacing { name: "budget of 1 GiB", store: "", used_up: true },
];

pub(crate) fn run(size: Size) {
    let plants = [
        Plant {
            name: "15 sensors, a reading a minute",
            sensors: 15,
            every_seconds: 60.0,
            at_once: false,
            stretch: size.of(120.0, 0.5),
        },
        Plant {
            name: "15 sensors, a minute, all at once",
            sensors: 15,
            every_seconds: 60.0,
            at_once: true,
            stretch: size.of(120.0, 0.5),
        },
        Plant {
            name: "15 sensors, a reading a second",
            sensors: 15,
            every_seconds: 1.0,
            at_once: false,
            stretch: size.of(30.0, 0.5),
        },
        Plant {
            name: "1,000 sensors, a reading a second",
            sensors: 1_000,
            every_seconds: 1.0,
            at_once: false,
            stretch: size.of(30.0, 0.2),
        },
    ];
    println!(
        "{:<36} {:<16} {:>9} {:>11} {:>12} {:>14} {:>15}",
        "", "", "MB a day", "syncs a day", "B a reading", "closings, MB", "commits a day"
    );
    for plant in &plants {
        let closing = closing(plant, size.of(8, 1));
        for pacing in size.of(&PACINGS[..], &PACINGS[..2]) {
            row(plant, pacing, &closing);
        }
    }
}

/// What was written and synced.
struct Wear {
    bytes: f64,
    syncs: f64,
    commits: f64,
}

impl Wear {
    fn of(daemon: &Daemon, usage: Usage) -> Self {
        Self {
            bytes: usage.written as f64,
            syncs: daemon.metric("anomalyd_journal_syncs_total") + daemon.metric("anomalyd_database_syncs_total"),
            commits: daemon.metric("anomalyd_commits_total"),
        }
    }

    fn since(&self, before: &Self) -> Self {
        Self {
            bytes: self.bytes - before.bytes,
            syncs: self.syncs - before.syncs,
            commits: self.commits - before.commits,
        }
    }
}

fn row(plant: &Plant, pacing: &Pacing, closing: &Wear) {
    let (daemon, port) = start("wall", pacing.store);
    // The first commit makes the journal's first file, which is used again and again afterwards.
    load::run(&[lone(plant, 1)], port, 1);
    if pacing.used_up {
        use_up(&daemon, port);
    }
    settle();
    let before = wear(&daemon);
    let began = Instant::now();
    let rate = plant.sensors as f64 / plant.every_seconds;
    let messages = (rate * plant.stretch).ceil().max(1.0) as usize;
    if plant.at_once {
        for round in 0..messages.div_ceil(plant.sensors) {
            let due = began + Duration::from_secs_f64(round as f64 * plant.every_seconds);
            sleep(due.saturating_duration_since(Instant::now()));
            load::run(&[lone(plant, plant.sensors)], port, plant.sensors);
        }
        sleep((began + Duration::from_secs_f64(plant.stretch)).saturating_duration_since(Instant::now()));
    } else {
        load::paced(&[lone(plant, messages)], port, rate);
    }
    let seconds = began.elapsed().as_secs_f64().max(plant.stretch);
    settle();
    let stretch = wear(&daemon).since(&before);
    drop(daemon.end());

    let a_day = DAY_SECONDS / seconds;
    let bytes = stretch.bytes * a_day + 24.0 * closing.bytes;
    println!(
        "{:<36} {:<16} {:>9.1} {:>11.0} {:>12.0} {:>14.1} {:>15.0}",
        plant.name,
        pacing.name,
        bytes / 1e6,
        stretch.syncs * a_day + 24.0 * closing.syncs,
        bytes / (rate * DAY_SECONDS),
        24.0 * closing.bytes / 1e6,
        stretch.commits * a_day
    );
}

/// What the closing of an hour's windows takes, on the average of some hours.
fn closing(plant: &Plant, hours: i64) -> Wear {
    let (daemon, port) = start("event", "");
    load::run(&[hour(plant, 0)], port, 16);
    settle();
    let before = wear(&daemon);
    for at in 1..=hours {
        load::run(&[hour(plant, at)], port, 16);
    }
    settle();
    let all = wear(&daemon).since(&before);
    drop(daemon.end());
    let hours = hours as f64;
    Wear { bytes: all.bytes / hours, syncs: all.syncs / hours, commits: all.commits / hours }
}

fn start(clock: &str, store: &str) -> (Daemon, u16) {
    let folder = directory();
    let port = free_port();
    let idle = if clock == "event" { "event_idle = \"never\"\n" } else { "" };
    let settings = format!(
        "clock = \"{clock}\"\n[mqtt.listen]\naddress = \"127.0.0.1:{port}\"\n[schedule]\ncron = \"0 0 0 1 1 *\"\n{idle}\
         [metrics]\nfile = \"{}\"\nevery = \"1s\"\n{ROUTE}",
        folder.path().join("metrics.prom").display()
    );
    let daemon = Daemon::start_with_store(folder, &settings, store);
    daemon.await_ready();
    (daemon, port)
}

fn wear(daemon: &Daemon) -> Wear {
    Wear::of(daemon, daemon.process().usage())
}

/// Metrics are written every second, and the database's share follows the commits.
fn settle() {
    sleep(Duration::from_millis(2_500));
}

/// Sends lone messages until the budget's savings are used up and commits wait.
fn use_up(daemon: &Daemon, port: u16) {
    let mut number = 0;
    while daemon.metric("anomalyd_commit_delay_microseconds") == 0.0 {
        let mut device = Device::new("before".to_owned());
        for _ in 0..500 {
            number += 1;
            device.publish("plant/before/s0", &reading(number, now_millis() + number));
        }
        load::run(&[device], port, 2);
    }
}

fn now_millis() -> i64 {
    Timestamp::now().nanos() / 1_000_000
}

fn reading(number: i64, millis: i64) -> String {
    format!(r#"{{"ts":{millis},"v":{}}}"#, (number * 7919 % 4_000) as f64 / 100.0)
}

/// Messages of one reading, of one sensor after the other.
fn lone(plant: &Plant, messages: usize) -> Device {
    let mut device = Device::new("plant".to_owned());
    let start = now_millis();
    for message in 0..messages {
        let number = i64::try_from(message).expect("few");
        let millis = start + (message as f64 * 1e3 * plant.every_seconds / plant.sensors as f64) as i64;
        device.publish(&format!("plant/p/s{}", message % plant.sensors), &reading(number, millis));
    }
    device
}

/// An hour of readings of all sensors, one a minute: how many there are of an interval makes its aggregates no larger.
fn hour(plant: &Plant, hour: i64) -> Device {
    let mut device = Device::new("history".to_owned());
    let each = if plant.every_seconds < 60.0 { 2 } else { 1 };
    for sensor in 0..plant.sensors {
        let mut times = String::new();
        let mut values = String::new();
        for place in 0..60 * each {
            let comma = if place == 0 { "" } else { "," };
            write!(times, "{comma}{}", HOUR + 3_600 * hour + place * 60 / each).expect("memory");
            write!(values, "{comma}{}", (place * 31 + hour) % 97).expect("memory");
        }
        device.publish(&format!("columns/p/s{sensor}"), &format!(r#"{{"ts":[{times}],"v":[{values}]}}"#));
    }
    device
}
