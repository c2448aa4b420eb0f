//! How fast messages are taken in by the real daemon, durable before each PUBACK, beside mosquitto alone and beside a
//! subscriber that only acknowledges, in the same run. The load shares the machine with what is measured. The median of
//! a few rounds, each with a fresh daemon on the real disk. Run with `cargo bench -- ingest`.

use std::fmt::Write as _;
use std::thread;
use std::time::{Duration, Instant};

use rumqttc::{Client, MqttOptions, QoS};

use crate::Size;
use crate::support::broker::{Line, Mosquitto};
use crate::support::daemon::{Daemon, directory, free_port};
use crate::support::load::{self, Device};
use crate::support::process::Usage;

pub(crate) const DEVICES: usize = 64;
const SENSORS: usize = 100;
/// Messages of one reading that a connection keeps unacknowledged.
const WINDOW: usize = 2_000;
/// Messages of a hundred readings.
const LARGE_WINDOW: usize = 200;

/// No run comes due, and the readings are believed although they run ahead.
pub(crate) const SETTINGS: &str = r#"
clock = "wall"
[schedule]
cron = "0 0 0 1 1 *"
[limits]
max_ahead = "2h"
readings_per_interval = 100000
"#;

pub(crate) const ROUTES: &str = r#"
[[mqtt.route]]
topic = "plant/{device}/{sensor}"
format = "json"
value = "/v"
time = "/ts"
[[mqtt.route]]
topic = "array/{device}"
format = "json"
each = "array"
sensor = "/s"
value = "/v"
time = "/ts"
[[mqtt.route]]
topic = "columns/{device}/{sensor}"
format = "json"
each = "columns"
value = "/v"
time = "/ts"
"#;

/// A kind of load.
#[derive(Clone, Copy)]
pub(crate) enum Load {
    /// One reading a message, its time in milliseconds.
    Millis,
    /// One reading a message, its time in RFC 3339.
    Rfc3339,
    /// A reading of each sensor of the device.
    Array,
    /// A hundred readings of a sensor.
    Columns,
}

pub(crate) fn run(size: Size) {
    let rounds = size.of(3, 1);
    println!("{DEVICES} connections, QoS 1, {} cores shared with the load; medians of {rounds}", cores());
    println!("{:<44} {:>12} {:>12} {:>9} {:>9} {:>7}", "", "messages/s", "readings/s", "B/reading", "peak MB", "cores");
    let listener = measure("listener, 1 reading, ms", Load::Millis, size.of(1_500_000, 6_400), rounds);
    measure("listener, 1 reading, RFC 3339", Load::Rfc3339, size.of(1_500_000, 6_400), rounds);
    measure("listener, array of 100", Load::Array, size.of(60_000, 640), rounds);
    measure("listener, columns of 100", Load::Columns, size.of(120_000, 640), rounds);

    let folder = directory();
    let Some(broker) = Mosquitto::start(folder.path()) else {
        println!("skipped: mosquitto is not installed");
        return;
    };
    let messages = size.of(300_000, 6_400);
    let alone = middle((0..rounds).map(|_| {
        let devices = devices(Load::Millis, messages);
        messages as f64 / load::run(&devices, broker.port, WINDOW).as_secs_f64()
    }));
    println!(
        "{:<44} {alone:>12.0} {:>12} {:>9} {:>9} {:>7}",
        "mosquitto alone, 1 reading, not durable", "", "", "", ""
    );
    println!("listener beside mosquitto: {:.1} x (budget 10 x)", listener / alone);
    drop(broker);

    let mut subscriber = Vec::new();
    let mut through = Vec::new();
    let messages = size.of(200_000, 6_400);
    // In turn, and more often than the others: single rounds differ by more than the two do.
    let turns = size.of(5, 1);
    for _ in 0..turns {
        subscriber.push(backlog(messages, &mut |port| Drain::Library(subscribe(port))));
        through.push(backlog(messages, &mut |port| Drain::Daemon(connect(port))));
    }
    let spread = |rates: &[f64]| rates.iter().map(|rate| format!("{rate:.0}")).collect::<Vec<_>>().join(", ");
    println!("{turns} turns: the library {}; the daemon {}", spread(&subscriber), spread(&through));
    let (subscriber, through) = (middle(subscriber), middle(through));
    println!("{:<44} {subscriber:>12.0}", "backlog in mosquitto, the library only acks");
    println!("{:<44} {through:>12.0}", "backlog in mosquitto, the daemon, durable");
    println!("through mosquitto beside the library's acks: {:.2} x (budget 1 x)", through / subscriber);
}

/// Measures the listener and returns messages per second.
fn measure(name: &str, load: Load, messages: usize, rounds: usize) -> f64 {
    let devices = devices(load, messages);
    let readings_per_message = match load {
        Load::Millis | Load::Rfc3339 => 1,
        Load::Array | Load::Columns => 100,
    };
    let window = if readings_per_message == 1 { WINDOW } else { LARGE_WINDOW };
    let mut rounds: Vec<Round> = (0..rounds).map(|_| Round::of(&devices, window)).collect();
    rounds.sort_by_key(|round| round.took);
    let Round { took, usage, peak } = rounds[rounds.len() / 2];
    let seconds = took.as_secs_f64();
    let readings = (messages * readings_per_message) as f64;
    println!(
        "{name:<44} {:>12.0} {:>12.0} {:>9.1} {:>9.1} {:>7.2}",
        messages as f64 / seconds,
        readings / seconds,
        usage.written as f64 / readings,
        peak as f64 / 1e6,
        usage.cpu.as_secs_f64() / seconds
    );
    messages as f64 / seconds
}

struct Round {
    took: Duration,
    usage: Usage,
    peak: u64,
}

impl Round {
    fn of(devices: &[Device], window: usize) -> Self {
        let port = free_port();
        let listen = format!("{SETTINGS}[mqtt.listen]\naddress = \"127.0.0.1:{port}\"\n{ROUTES}");
        let daemon = Daemon::start(directory(), &listen);
        daemon.await_ready();
        let process = daemon.process();
        let before = process.usage();
        let took = load::run(devices, port, window);
        let after = process.usage();
        let usage = after.since(before);
        let peak = process.peak_resident().expect("the daemon lives");
        drop(daemon.end());
        Self { took, usage, peak }
    }
}

/// Who takes a backlog from the broker.
enum Drain {
    Library(Client),
    Daemon(Daemon),
}

impl Drain {
    fn end(self) {
        match self {
            Self::Library(client) => drop(client.disconnect()),
            Self::Daemon(daemon) => drop(daemon.end()),
        }
    }
}

/// Messages per second that a subscriber acknowledges of a backlog in its persistent session.
fn backlog(messages: usize, subscriber: &mut impl FnMut(u16) -> Drain) -> f64 {
    let folder = directory();
    let broker = Mosquitto::start(folder.path()).expect("it was there before");
    // A first visit makes the session.
    let line = Line::to(broker.port);
    let first = subscriber(line.port);
    line.await_sent(SUBSCRIBED_BYTES);
    thread::sleep(Duration::from_millis(300));
    first.end();
    load::run(&devices(Load::Millis, messages), broker.port, WINDOW);

    let line = Line::to(broker.port);
    let second = subscriber(line.port);
    line.await_sent(SUBSCRIBED_BYTES);
    let (began, sent) = (Instant::now(), line.sent());
    line.await_sent(4 * messages as u64);
    let acknowledged = (line.sent() - sent) as f64 / 4.0;
    let rate = acknowledged / began.elapsed().as_secs_f64();
    second.end();
    rate
}

/// CONNECT and SUBSCRIBE take at least this much.
const SUBSCRIBED_BYTES: u64 = 30;

/// A subscriber that leaves acknowledging to the library, and does nothing else.
fn subscribe(port: u16) -> Client {
    let mut options = MqttOptions::new("subscriber", "127.0.0.1", port);
    options.set_clean_session(false);
    let (client, mut connection) = Client::new(options, 100);
    client.subscribe("plant/#", QoS::AtLeastOnce).expect("a request");
    thread::spawn(move || while let Some(Ok(_)) = connection.iter().next() {});
    client
}

fn connect(port: u16) -> Daemon {
    let sections = format!("{SETTINGS}[mqtt.connect]\nhost = \"127.0.0.1\"\nport = {port}\n{ROUTES}");
    Daemon::start(directory(), &sections)
}

pub(crate) fn middle(rounds: impl IntoIterator<Item = f64>) -> f64 {
    let mut rounds: Vec<_> = rounds.into_iter().collect();
    rounds.sort_by(f64::total_cmp);
    rounds[rounds.len() / 2]
}

/// Devices that send this many messages together: readings a second apart, from now on.
pub(crate) fn devices(load: Load, messages: usize) -> Vec<Device> {
    let start = anomalyd::time::Timestamp::now().nanos() / 1_000_000_000;
    (0..DEVICES).map(|device| encode(load, device, messages / DEVICES, start)).collect()
}

fn encode(load: Load, number: usize, messages: usize, start: i64) -> Device {
    let mut device = Device::new(format!("device{number}"));
    let mut payload = String::new();
    for message in 0..messages {
        let sensor = message % SENSORS;
        let step = i64::try_from(message / SENSORS).expect("few");
        payload.clear();
        let mut write = |text: std::fmt::Arguments<'_>| payload.write_fmt(text).expect("memory");
        match load {
            Load::Millis => {
                write(format_args!(r#"{{"ts":{}123,"v":{},"unit":"C","ok":true}}"#, start + step, value(message)));
                device.publish(&format!("plant/d{number}/s{sensor}"), &payload);
            }
            Load::Rfc3339 => {
                let time = anomalyd::time::Timestamp::from_nanos((start + step) * 1_000_000_000 + 123_000_000);
                write(format_args!(r#"{{"ts":"{time}","v":{}}}"#, value(message)));
                device.publish(&format!("plant/d{number}/s{sensor}"), &payload);
            }
            Load::Array => {
                let time = start + i64::try_from(message).expect("few");
                for sensor in 0..SENSORS {
                    let begin = if sensor == 0 { '[' } else { ',' };
                    let value = value(message * 31 + sensor);
                    write(format_args!(r#"{begin}{{"s":"s{sensor}","ts":{time}123,"v":{value}}}"#));
                }
                write(format_args!("]"));
                device.publish(&format!("array/d{number}"), &payload);
            }
            Load::Columns => {
                for row in 0..100 {
                    let begin = if row == 0 { r#"{"ts":["# } else { "," };
                    write(format_args!("{begin}{}123", start + step * 100 + row));
                }
                for row in 0..100 {
                    let begin = if row == 0 { r#"],"v":["# } else { "," };
                    write(format_args!("{begin}{}", value(message * 31 + row)));
                }
                write(format_args!("]}}"));
                device.publish(&format!("columns/d{number}/s{sensor}"), &payload);
            }
        }
    }
    device
}

/// What a sensor with two decimals measures.
fn value(seed: usize) -> f64 {
    f64::from(u32::try_from(seed * 7919 % 4000).expect("few")) / 100.0
}

pub(crate) fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}
