//! What the real daemon takes with 15 sensors, and with 100,000: memory, idle time, the start with a full journal tail,
//! what an hour costs, a run from the broadcast to the durable verdicts, and the same run without a model in memory.
//! Readings come over MQTT, the clock follows them. The ring of windows is filled first, by hours without models, as every
//! window then takes the place of an old one. Run with `cargo bench -- scale`; `ANOMALYD_BENCH_SENSORS` sets another
//! number.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::Size;
use crate::support::daemon::{Daemon, await_port, directory, free_port};
use crate::support::load::{self, Device};
use anomalyd::time::Timestamp;
use tempfile::TempDir;

const CONNECTIONS: usize = 64;
/// 2026-11-21T00:00:00Z, in seconds.
const HOUR: i64 = 1_795_219_200;

const SETTINGS: &str = r#"
clock = "event"
[schedule]
event_idle = "never"
[[mqtt.route]]
topic = "columns/{device}/{sensor}"
format = "json"
each = "columns"
value = "/v"
time = "/ts"
"#;

pub(crate) fn run(size: Size) {
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/models/svm_50_vectors_x_1.pkl");
    let base = small(&model, size);
    let sensors =
        std::env::var("ANOMALYD_BENCH_SENSORS").map_or(size.of(100_000, 100), |count| count.parse().expect("a number"));
    large(&model, sensors, base, size);
}

/// Fifteen sensors, a reading a minute for an hour. Returns the resident bytes without models.
fn small(model: &Path, size: Size) -> f64 {
    let (daemon, _, _) = start(directory());
    let base = resident(&daemon);
    drop(daemon.end());

    let (daemon, port, _) = start(with_models(model, 15));
    load::run(&hour(15), port, 64);
    let (before, began) = (daemon.process().usage(), Instant::now());
    let seconds = size.of(10, 1);
    sleep(Duration::from_secs(seconds));
    let cpu = (daemon.process().usage().cpu - before.cpu).as_secs_f64() / began.elapsed().as_secs_f64();
    println!("15 sensors, an hour of readings");
    println!(
        "  resident                    {:>9.1} MB   (budget 25 MB; without models {:.1} MB)",
        resident(&daemon) / 1e6,
        base / 1e6
    );
    println!("  idle, of a core over {seconds:>2} s   {:>9.2} %    (budget 0.5 %)", 100.0 * cpu);
    drop(daemon.end());
    base
}

/// The windows of the ring, as the default of store.keep_intervals makes it, and two more.
const RING: i64 = 40;

fn large(model: &Path, sensors: usize, base: f64, size: Size) {
    let hours = size.of(RING, 2);
    println!("{sensors} sensors, models of 50 vectors, {hours} windows of each stored before");
    let (daemon, port, _) = start(directory());
    let took = Instant::now();
    for at in 0..hours {
        load::run(&hour_of(sensors, HOUR + 3600 * (at - hours)), port, 64);
    }
    println!("  filling the ring            {:>9.2} s", took.elapsed().as_secs_f64());
    let folder = daemon.end();
    put_models(&folder, model, sensors);
    let (daemon, port, took) = start(folder);
    let per_sensor = |daemon: &Daemon| (resident(daemon) - base) / sensors as f64;
    println!("  start, short journal tail   {:>9.2} s", took.as_secs_f64());
    let before = daemon.process().usage();
    println!("  resident over the base      {:>9.0} B a sensor, before any reading", per_sensor(&daemon));
    let readings = hour(sensors);
    let took = load::run(&readings, port, 64).as_secs_f64();
    println!("  an hour, and the run before {took:>9.2} s    ({:.1} M readings/s)", 60e-6 * sensors as f64 / took);
    println!("  resident over the base      {:>9.0} B a sensor, windows open", per_sensor(&daemon));

    // What the database writes behind the run counts as well.
    sleep(Duration::from_secs(size.of(5, 1)));
    let hour_taken = daemon.process().usage().since(before);
    println!(
        "  that hour cost              {:>9.2} s of processor, {:.0} MB written, {:.0} MB read from the disk",
        hour_taken.cpu.as_secs_f64(),
        hour_taken.written as f64 / 1e6,
        hour_taken.read as f64 / 1e6
    );
    let (daemon, port, [first, took]) = start_to_first_ack(daemon.end());
    println!("  start, full journal tail    {:>9.2} s to the first ack (budget 1 s)", first.as_secs_f64());
    println!("                              {:>9.2} s until ready (budget 5 s)", took.as_secs_f64());
    println!("  resident over the base      {:>9.0} B a sensor, windows open (budget 4,000 B)", per_sensor(&daemon));
    // A reading behind the hour and its lateness makes the run due, and waits until it has ended.
    let mut next = Device::new("next".to_owned());
    next.publish("columns/d0/s0", &format!(r#"{{"ts":[{}],"v":[20.5]}}"#, HOUR + 3660));
    let took = load::run(&[next], port, 1).as_secs_f64();
    let line = daemon.await_log("run finished");
    println!("  windows closed, run, ack    {took:>9.2} s");
    println!(
        "  run: all outcomes           {:>9.2} s    ({:.0} scored)",
        number(&line, "scoring_us=") / 1e6,
        number(&line, " scored=")
    );
    println!("  run: durable                {:>9.2} s    (budget 1 s)", number(&line, "total_us=") / 1e6);
    println!("  resident over the base      {:>9.0} B a sensor, after the run", per_sensor(&daemon));
    let peak = daemon.process().peak_resident().expect("the daemon lives") as f64;
    println!("  peak resident               {:>9.0} MB", peak / 1e6);
    from_disk(daemon.end(), sensors, base);
}

/// The same run again, with no room for models in memory.
fn from_disk(folder: TempDir, sensors: usize, base: f64) {
    let settings = format!("{SETTINGS}[mqtt.listen]\naddress = \"127.0.0.1:{}\"\n", free_port());
    let daemon = Daemon::start_with(folder, &settings, "", "memory = \"0 MiB\"\n");
    daemon.await_ready();
    let per_sensor = |daemon: &Daemon| (resident(daemon) - base) / sensors as f64;
    println!("  no model in memory: resident{:>9.0} B a sensor over the base, before the run", per_sensor(&daemon));
    let time = |seconds: i64| Timestamp::from_nanos(seconds * 1_000_000_000).to_string();
    let ordered = Command::new(env!("CARGO_BIN_EXE_anomalyd"))
        .args(["run-now", "--window", &format!("{}..{}", time(HOUR), time(HOUR + 3600)), "--config"])
        .arg(daemon.path().join("config.toml"))
        .output()
        .expect("the command runs");
    let refusal = String::from_utf8_lossy(&ordered.stderr);
    assert!(ordered.status.success(), "{refusal}\n{}", daemon.log());
    let line = daemon.await_log("run finished");
    println!(
        "  run, every model read       {:>9.2} s    (budget 5 s; {:.0} scored)",
        number(&line, "total_us=") / 1e6,
        number(&line, " scored=")
    );
    println!("  resident over the base      {:>9.0} B a sensor, after that run", per_sensor(&daemon));
    drop(daemon.end());
}

/// The number behind a key in a line of the log.
fn number(line: &str, key: &str) -> f64 {
    let value = line.split_once(key).and_then(|(_, rest)| rest.split_whitespace().next());
    value.and_then(|number| number.parse().ok()).expect("a number in the log")
}

/// A folder with this many copies of a model. They are read one by one, and share nothing in memory.
fn with_models(model: &Path, sensors: usize) -> TempDir {
    let folder = directory();
    put_models(&folder, model, sensors);
    folder
}

fn put_models(folder: &TempDir, model: &Path, sensors: usize) {
    let models: PathBuf = folder.path().join("models");
    fs::create_dir_all(&models).expect("a folder");
    let bytes = fs::read(model).expect("a model");
    for sensor in 0..sensors {
        let name = format!("model_d{}_s{}", sensor % CONNECTIONS, sensor / CONNECTIONS);
        fs::write(models.join(name), &bytes).expect("room on the disk");
    }
}

/// Starts a daemon, and says on which port it listens and how long it took.
fn start(folder: TempDir) -> (Daemon, u16, Duration) {
    let port = free_port();
    let began = Instant::now();
    let daemon = Daemon::start(folder, &format!("{SETTINGS}[mqtt.listen]\naddress = \"127.0.0.1:{port}\"\n"));
    daemon.await_ready();
    (daemon, port, began.elapsed())
}

/// Starts a daemon, and says how long it took to the first acknowledgement, and until everything was started.
fn start_to_first_ack(folder: TempDir) -> (Daemon, u16, [Duration; 2]) {
    let port = free_port();
    let mut first = Device::new("first".to_owned());
    first.publish("columns/d0/s0", &format!(r#"{{"ts":[{}],"v":[20.25]}}"#, HOUR + 3_541));
    let began = Instant::now();
    let daemon = Daemon::start(folder, &format!("{SETTINGS}[mqtt.listen]\naddress = \"127.0.0.1:{port}\"\n"));
    await_port(port);
    load::run(&[first], port, 1);
    let acknowledged = began.elapsed();
    daemon.await_ready();
    (daemon, port, [acknowledged, began.elapsed()])
}

fn hour(sensors: usize) -> Vec<Device> {
    hour_of(sensors, HOUR)
}

/// An hour of readings from `start` on, one a minute, a message a sensor.
fn hour_of(sensors: usize, start: i64) -> Vec<Device> {
    let mut devices: Vec<_> = (0..CONNECTIONS.min(sensors)).map(|at| Device::new(format!("device{at}"))).collect();
    let mut payload = String::new();
    for sensor in 0..sensors {
        payload.clear();
        payload.push_str(r#"{"ts":["#);
        let mut write = |text: std::fmt::Arguments<'_>| payload.write_fmt(text).expect("memory");
        for minute in 0..60 {
            write(format_args!("{}{}", if minute == 0 { "" } else { "," }, start + 60 * minute));
        }
        write(format_args!(r#"],"v":["#));
        for minute in 0..60 {
            let value = 15.0 + ((sensor * 31 + minute * 7919) % 1000) as f64 / 100.0;
            write(format_args!("{}{value}", if minute == 0 { "" } else { "," }));
        }
        write(format_args!("]}}"));
        let (device, place) = (sensor % CONNECTIONS, sensor / CONNECTIONS);
        devices[device].publish(&format!("columns/d{device}/s{place}"), &payload);
    }
    devices
}

fn resident(daemon: &Daemon) -> f64 {
    daemon.process().resident().expect("the daemon lives") as f64
}
