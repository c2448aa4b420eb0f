//! How long a device waits for its acknowledgement, at loads that stay the same: the real daemon, durable before each
//! PUBACK, beside mosquitto, which is not, and beside a bare loop that appends what is due to a file on the same disk and
//! calls `fdatasync`. Run with `cargo bench -- latency`.
//!
//! All three wait from when a message was due: a disk that stands still for a while holds up every message of that while,
//! in each of them (which a loop that times only its calls would not show). They take turns, and the medians of their
//! rounds count, because a disk that others use too stands still now and then.

use std::time::Duration;

use crate::Size;
use crate::support::bare_disk;
use crate::support::broker::Mosquitto;
use crate::support::daemon::{Daemon, directory, free_port};
use crate::support::load::{self, Device, percentile};

const CONNECTIONS: usize = 4;
/// So much that no acknowledgement waits for company.
const BUDGET: &str = "daily_write_budget = \"1048576 GiB\"\n";

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

/// The waits of one round, the shortest first: of the daemon, of mosquitto if it is installed, and of the bare loop.
struct Round {
    daemon: Vec<Duration>,
    broker: Option<Vec<Duration>>,
    bare: Vec<Duration>,
}

pub(crate) fn run(size: Size) {
    println!("from publish to PUBACK, QoS 1, one reading a message, {CONNECTIONS} connections; milliseconds");
    println!(
        "{:>10} {:>19} {:>19} {:>19} {:>22}",
        "messages/s", "daemon 50 %, 99 %", "mosquitto 50, 99 %", "fdatasync 50, 99 %", "99 % beside fdatasync"
    );
    for rate in size.of(vec![100.0, 1_000.0, 10_000.0, 100_000.0], vec![200.0]) {
        let seconds = size.of(if rate > 5_000.0 { 4.0 } else { 8.0 }, 0.5);
        let rounds: Vec<_> = (0..size.of(5, 1)).map(|_| round(rate, seconds)).collect();
        let daemon = |share| median(rounds.iter().map(|round| percentile(&round.daemon, share).as_secs_f64()));
        let bare = |share| median(rounds.iter().map(|round| percentile(&round.bare, share).as_secs_f64()));
        let broker = |share| {
            let waits = rounds.iter().map(|round| round.broker.as_ref().map(|waits| percentile(waits, share)));
            Some(median(waits.collect::<Option<Vec<_>>>()?.into_iter().map(|wait| wait.as_secs_f64())))
        };
        let broker = broker(0.5).zip(broker(0.99));
        let broker = broker.map_or_else(|| "not installed".to_owned(), |(half, most)| both(half, most));
        let ratio = median(rounds.iter().map(|Round { daemon, bare, .. }| {
            percentile(daemon, 0.99).as_secs_f64() / percentile(bare, 0.99).as_secs_f64()
        }));
        let (daemon, bare) = (both(daemon(0.5), daemon(0.99)), both(bare(0.5), bare(0.99)));
        println!("{rate:>10.0} {daemon:>19} {broker:>19} {bare:>19} {ratio:>13.2} x (budget 2 x)");
    }
}

fn both(half: f64, most: f64) -> String {
    format!("{:.2}, {:.2}", half * 1e3, most * 1e3)
}

/// The middle one; of an even number the higher of the two.
fn median(numbers: impl Iterator<Item = f64>) -> f64 {
    let mut numbers: Vec<_> = numbers.collect();
    numbers.sort_unstable_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

fn round(rate: f64, seconds: f64) -> Round {
    let devices = devices(rate, seconds);
    let daemon = through_daemon(&devices, rate);
    let folder = directory();
    let broker =
        Mosquitto::start(folder.path()).map(|broker| load::paced(&devices, broker.port, rate / CONNECTIONS as f64));
    let records = (rate * seconds) as usize;
    let bare = bare_disk::pace(folder.path(), rate, |written| written < records);
    Round { daemon, broker, bare }
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
