//! How long acknowledgements wait while the windows of many sensors are closed, on a ring of windows that is full: the
//! real daemon, a steady load beside the closing, and the same load beside none. Run with `cargo bench -- closing`;
//! `ANOMALYD_BENCH_SENSORS` sets another number.
//!
//! A disk that others use too stands still now and then, for longer than a closing may hold anything back. So a bare loop
//! of appends and `fdatasync` goes on beside the daemon, on the same disk: a wait that it has too is the disk's.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, sleep};
use std::time::Duration;

use crate::Size;
use crate::support::bare_disk;
use crate::support::daemon::{Daemon, directory, free_port};
use crate::support::load::{self, Device, percentile};
use anomalyd::time::Timestamp;
use tempfile::TempDir;

const CONNECTIONS: usize = 16;
/// A window, in seconds, and how many of them the ring has.
const WINDOW: i64 = 10;
const WINDOWS: i64 = 12;
/// Messages a second beside the closing.
const RATE: f64 = 200.0;

const SETTINGS: &str = r#"
[window]
length = "10s"
interval = "1s"
lateness = "1s"
[limits]
max_ahead = "20s"
[[mqtt.route]]
topic = "array/{device}"
format = "json"
each = "array"
sensor = "/s"
value = "/v"
time = "/ts"
"#;

/// Folders and sections are added behind; this comes first.
fn clock(clock: &str, cron: &str, folder: &TempDir) -> String {
    let metrics = folder.path().join("metrics.prom");
    let event = if clock == "event" { "event_idle = \"never\"\n" } else { "settle = \"0s\"\nhold = \"0s\"\n" };
    format!(
        "clock = \"{clock}\"\n{SETTINGS}[schedule]\ncron = \"{cron}\"\ncatch_up = 2\n{event}[metrics]\nfile = \"{}\"\nevery = \"1s\"\n",
        metrics.display()
    )
}

pub(crate) fn run(size: Size) {
    let sensors =
        std::env::var("ANOMALYD_BENCH_SENSORS").map_or(size.of(100_000, 200), |count| count.parse().expect("a number"));
    let port = free_port();
    let listen = format!("[mqtt.listen]\naddress = \"127.0.0.1:{port}\"\n");
    let windows = size.of(WINDOWS + 2, 2);
    let folder = directory();
    let settings = clock("event", "0 0 0 1 1 *", &folder) + &listen;
    let daemon = Daemon::start_with_store(folder, &settings, "keep_intervals = \"2m\"\n");
    daemon.await_ready();
    // An hour ago, so that the wall clock is past all of it.
    let ago = (now() / WINDOW - 360) * WINDOW;
    for window in 0..windows {
        load::run(&readings(sensors, ago + window * WINDOW + 1), port, 64);
    }
    let folder = daemon.end();
    println!("{sensors} sensors, a ring of {windows} windows that is full, {RATE} messages/s beside; milliseconds");

    let settings = clock("wall", "*/10 * * * * *", &folder) + &listen;
    let daemon = Daemon::start_with_store(folder, &settings, "keep_intervals = \"2m\"\n");
    daemon.await_ready();
    // What the fill left open is closed first.
    await_second(1);
    // Nor does the disk write back what the fill left to it.
    Command::new("sync").status().expect("the command sync");
    let elsewhere = directory();
    let still = beside(port, size.of(12.0, 1.0), elsewhere.path());
    print("no closing", &still);
    await_second(1);
    let before = daemon.metric("anomalyd_windows_stored_total");
    load::run(&readings(sensors, now()), port, 64);
    let closing = beside(port, size.of(20.0, 12.0), elsewhere.path());
    print("closing", &closing);
    sleep(Duration::from_secs(2));
    let stored = daemon.metric("anomalyd_windows_stored_total") - before;
    println!("{stored:.0} windows were closed and stored; longest wait (budget 50 ms)");
    assert!(stored >= sensors as f64, "the closing did not come in this time");
    drop(daemon.end());
}

/// How long each write waited, the shortest first, over the same time.
struct Waits {
    daemon: Vec<Duration>,
    bare: Vec<Duration>,
}

fn print(what: &str, waits: &Waits) {
    for (who, waits) in [("daemon", &waits.daemon), ("bare fdatasync", &waits.bare)] {
        let millis = |share| percentile(waits, share).as_secs_f64() * 1e3;
        let (half, most, longest) = (millis(0.5), millis(0.99), millis(1.0));
        println!("{what:<11} {who:<15} median {half:>7.2}   99 % {most:>7.2}   longest {longest:>7.2}");
    }
}

fn now() -> i64 {
    Timestamp::now().nanos() / 1_000_000_000
}

/// Waits until so many seconds of a window have passed.
fn await_second(second: i64) {
    while now() % WINDOW != second {
        sleep(Duration::from_millis(10));
    }
}

/// A steady load of a sensor of its own, and the bare loop in `folder`.
fn beside(port: u16, seconds: f64, folder: &Path) -> Waits {
    let ends = AtomicBool::new(false);
    thread::scope(|scope| {
        let bare = scope.spawn(|| bare_disk::pace(folder, RATE, |_| !ends.load(Ordering::Relaxed)));
        let daemon = load(port, seconds);
        ends.store(true, Ordering::Relaxed);
        Waits { daemon, bare: bare.join().expect("the loop ended") }
    })
}

fn load(port: u16, seconds: f64) -> Vec<Duration> {
    let start = Timestamp::now().nanos() / 1_000_000;
    let mut device = Device::new("beside".to_owned());
    for message in 0..(RATE * seconds) as i64 {
        let time = start + message * (1_000.0 / RATE) as i64;
        device.publish("array/beside", &format!(r#"[{{"s":"s0","ts":{time},"v":{}}}]"#, message % 97));
    }
    load::paced(&[device], port, RATE)
}

/// A reading of each sensor, a hundred a message.
fn readings(sensors: usize, second: i64) -> Vec<Device> {
    const EACH: usize = 100;
    let mut devices: Vec<_> = (0..CONNECTIONS).map(|at| Device::new(format!("device{at}"))).collect();
    let mut payload = String::new();
    for first in (0..sensors).step_by(EACH) {
        payload.clear();
        for sensor in first..(first + EACH).min(sensors) {
            let begin = if sensor == first { '[' } else { ',' };
            let value = (sensor * 31 % 1_000) as f64 / 100.0;
            write!(payload, r#"{begin}{{"s":"s{sensor}","ts":{second}000,"v":{value}}}"#).expect("memory");
        }
        payload.push(']');
        let device = first / EACH % CONNECTIONS;
        devices[device].publish(&format!("array/d{device}"), &payload);
    }
    devices
}
