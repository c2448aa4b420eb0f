//! A simulated year of 15 sensors with a reading a minute each, scored every hour: disk and memory stay as they are once
//! the rings and the history are full. The clock follows the readings. Run with `cargo bench -- year`.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::Size;
use crate::support::daemon::{Daemon, directory, free_port};
use crate::support::load::{self, Device};

const SENSORS: usize = 15;
/// 2026-01-01T00:00:00Z, in seconds.
const START: i64 = 1_767_225_600;
const DAY: i64 = 86_400;

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

/// What store and daemon take.
#[derive(Clone, Copy)]
struct Taken {
    store: u64,
    history: u64,
    resident: u64,
}

pub(crate) fn run(size: Size) {
    let (days, keep) = (size.of(365, 7), size.of(7, 2));
    let folder = directory();
    let models = folder.path().join("models");
    fs::create_dir(&models).expect("a folder");
    let model = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/models/svm_50_vectors_x_1.pkl"));
    let model = model.expect("a model");
    for sensor in 0..SENSORS {
        fs::write(models.join(format!("model_plant_s{sensor}")), &model).expect("room on the disk");
    }
    let port = free_port();
    let settings = format!("{SETTINGS}[mqtt.listen]\naddress = \"127.0.0.1:{port}\"\n");
    let keeps = format!("keep_raw = \"{keep}d\"\nkeep_runs = \"{keep}d\"\nkeep_intervals = \"30h\"\n");
    let daemon = Daemon::start_with_store(folder, &settings, &keeps);
    daemon.await_ready();

    println!("{days} days, {SENSORS} sensors, a reading a minute, {keep} days kept");
    let mut runs = FinishedRuns::of(&daemon);
    let began = Instant::now();
    let mut full = None;
    let mut most = Taken { store: 0, history: 0, resident: 0 };
    for day in 0..days {
        load::run(&[readings(day)], port, 8);
        // The last hours of the day are over when the next day begins.
        runs.await_count(usize::try_from(day).expect("few days") * 24 + 22);
        let taken = Taken::by(&daemon);
        if day % size.of(30, 1) == 0 || day + 1 == days {
            println!(
                "  day {day:>3}: store {:>7.1} MB, history {:>6.2} MB, resident {:>6.1} MB",
                taken.store as f64 / 1e6,
                taken.history as f64 / 1e6,
                taken.resident as f64 / 1e6
            );
        }
        // The day that is being filled, and the one that ends, are there besides those that are kept.
        if day >= keep + 2 {
            full.get_or_insert(taken);
            most.store = most.store.max(taken.store);
            most.history = most.history.max(taken.history);
            most.resident = most.resident.max(taken.resident);
        }
    }
    let full = full.expect("more days than are kept");
    println!("  took {:.0} s", began.elapsed().as_secs_f64());
    // The database tidies its file up now and then.
    for (what, full, most) in [("store", full.store, most.store), ("resident", full.resident, most.resident)] {
        println!("  {what}: at the most {:.2} × of what it was when all was full", most as f64 / full as f64);
        assert!(most < full + full / 2 + (16 << 20), "{what}: {full} bytes became {most}");
    }
    drop(daemon.end());
}

impl Taken {
    fn by(daemon: &Daemon) -> Self {
        let store = daemon.path().join("store");
        let resident = daemon.process().resident().expect("the daemon lives");
        Self { store: bytes_below(&store), history: bytes_below(&store.join("history")), resident }
    }
}

/// What a folder takes on the disk. Files come and go meanwhile.
fn bytes_below(path: &Path) -> u64 {
    let Ok(metadata) = fs::symlink_metadata(path) else { return 0 };
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    metadata.blocks() * 512 + entries.map(|entry| bytes_below(&entry.path())).sum::<u64>()
}

/// The runs that the log says are finished. The log is read on from where it was read to.
struct FinishedRuns {
    log: File,
    count: usize,
}

impl FinishedRuns {
    fn of(daemon: &Daemon) -> Self {
        Self { log: File::open(daemon.path().join("log")).expect("a log"), count: 0 }
    }

    fn await_count(&mut self, count: usize) {
        let end = Instant::now() + Duration::from_secs(120);
        while self.count < count {
            assert!(Instant::now() < end, "{} runs have finished, of {count}", self.count);
            sleep(Duration::from_millis(5));
            let mut text = String::new();
            self.log.read_to_string(&mut text).expect("a log");
            // A line that is not whole yet is read again.
            let whole = text.rfind('\n').map_or(0, |end| end + 1);
            let rest = i64::try_from(text.len() - whole).expect("a line");
            self.log.seek(SeekFrom::Current(-rest)).expect("a log");
            self.count += text[..whole].matches("run finished").count();
        }
    }
}

/// A day of readings, an hour of a sensor in a message, in the order of the hours.
fn readings(day: i64) -> Device {
    let mut device = Device::new("plant".to_owned());
    let mut payload = String::new();
    for hour in 0..24 {
        for sensor in 0..SENSORS {
            let minutes = || (0..60).map(|minute| START + day * DAY + hour * 3600 + minute * 60);
            let list = |payload: &mut String, each: &mut dyn Iterator<Item = String>| {
                let mut separator = "";
                each.for_each(|number| {
                    write!(payload, "{separator}{number}").expect("memory");
                    separator = ",";
                });
            };
            payload.clear();
            payload.push_str(r#"{"ts":["#);
            list(&mut payload, &mut minutes().map(|time| time.to_string()));
            payload.push_str(r#"],"v":["#);
            let value = |time: i64| 15.0 + ((time / 60 * 7919 + sensor as i64 * 31) % 1000) as f64 / 100.0;
            list(&mut payload, &mut minutes().map(|time| value(time).to_string()));
            payload.push_str("]}");
            device.publish(&format!("columns/plant/s{sensor}"), &payload);
        }
    }
    device
}
