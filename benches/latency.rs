//! How long a device waits for its acknowledgement, at loads that stay the same: the real daemon, durable before each
//! PUBACK, beside mosquitto, which is not, and beside a bare `fdatasync` of a small write to a file on the same disk, at
//! the same pace. Run with `cargo bench -- latency`.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crate::Size;
use crate::support::broker::Mosquitto;
use crate::support::daemon::{Daemon, directory, free_port};
use crate::support::load::{self, Device, percentile};

const CONNECTIONS: usize = 4;
/// So much that no acknowledgement waits for company.
const BUDGET: &str = "daily_write_budget = \"1024 GiB\"\n";
/// More syncs a second than this come back to back.
const MOST_SYNCS: f64 = 1_000.0;

const SETTINGS: &str = r#"
clock = "wall"
[schedule]
cron = "0 0 0 1 1 *"
[limits]
max_ahead = "2h"
readings_per_interval = 100000
[[mqtt.route]]
topic = "plant/{device}/{sensor}"
format = "json"
value = "/v"
time = "/ts"
"#;

pub(crate) fn run(size: Size) {
    println!("from publish to PUBACK, QoS 1, one reading a message, {CONNECTIONS} connections; milliseconds");
    println!(
        "{:>10} {:>19} {:>19} {:>19} {:>22}",
        "messages/s", "daemon 50 %, 99 %", "mosquitto 50, 99 %", "fdatasync 50, 99 %", "99 % beside fdatasync"
    );
    for rate in size.of(vec![100.0, 1_000.0, 10_000.0, 100_000.0], vec![200.0]) {
        let seconds = size.of(if rate > 5_000.0 { 5.0 } else { 10.0 }, 0.5);
        let devices = devices(rate, seconds);
        let daemon = through_daemon(&devices, rate);
        let folder = directory();
        let broker =
            Mosquitto::start(folder.path()).map(|broker| load::paced(&devices, broker.port, rate / CONNECTIONS as f64));
        let bare = bare(folder.path(), rate, seconds);
        let ratio = percentile(&daemon, 0.99).as_secs_f64() / percentile(&bare, 0.99).as_secs_f64();
        let broker = broker.map_or_else(|| "not installed".to_owned(), |waits| both(&waits));
        println!("{rate:>10.0} {:>19} {broker:>19} {:>19} {ratio:>13.2} x (budget 2 x)", both(&daemon), both(&bare));
    }
}

fn both(waits: &[Duration]) -> String {
    let millis = |share| percentile(waits, share).as_secs_f64() * 1e3;
    format!("{:.2}, {:.2}", millis(0.5), millis(0.99))
}

fn through_daemon(devices: &[Device], rate: f64) -> Vec<Duration> {
    let port = free_port();
    let settings = format!("{SETTINGS}[mqtt.listen]\naddress = \"127.0.0.1:{port}\"\n");
    let daemon = Daemon::start_with_store(directory(), &settings, BUDGET);
    daemon.await_ready();
    let waits = load::paced(devices, port, rate / CONNECTIONS as f64);
    drop(daemon.end());
    waits
}

/// The waits of small writes, each synced, to a file that is there and zeroed: the least that a durable commit takes.
fn bare(folder: &Path, rate: f64, seconds: f64) -> Vec<Duration> {
    const WRITTEN: usize = 128;
    const BYTES: usize = 4 << 20;
    let file = File::create(folder.join("bare")).expect("a file");
    file.write_all_at(&vec![0; BYTES], 0).and_then(|()| file.sync_all()).expect("room on the disk");
    let pace = rate.min(MOST_SYNCS);
    let began = Instant::now();
    let mut waits: Vec<_> = (0..(pace * seconds) as usize)
        .map(|place| {
            let due = began + Duration::from_secs_f64(place as f64 / pace);
            thread::sleep(due.saturating_duration_since(Instant::now()));
            let before = Instant::now();
            let offset = (place * WRITTEN % (BYTES - WRITTEN)) as u64;
            file.write_all_at(&[7; WRITTEN], offset).and_then(|()| file.sync_data()).expect("a disk at work");
            before.elapsed()
        })
        .collect();
    waits.sort_unstable();
    waits
}

fn devices(rate: f64, seconds: f64) -> Vec<Device> {
    let start = anomalyd::time::Timestamp::now().nanos() / 1_000_000;
    let messages = (rate * seconds) as usize / CONNECTIONS;
    (0..CONNECTIONS)
        .map(|number| {
            let mut device = Device::new(format!("device{number}"));
            for message in 0..messages {
                let ts = start + i64::try_from(message).expect("few");
                let payload = format!(r#"{{"ts":{ts},"v":{}}}"#, (message * 7919 % 4000) as f64 / 100.0);
                device.publish(&format!("plant/d{number}/s{}", message % 100), &payload);
            }
            device
        })
        .collect()
}
