//! How long the API takes for what a page shows of 100,000 sensors and 48 runs: rows of the timeline, a page of the list
//! of sensors, and the most unusual of a day, over the daemon's port. Beside that: reading the verdicts of which they are
//! made plainly, chunk by chunk. The store is filled first, by hand. Run with `cargo bench -- overview`;
//! `ANOMALYD_BENCH_SENSORS` sets another number.

use std::fs;
use std::time::Instant;

use anomalyd::config::Config;
use anomalyd::group::GroupName;
use anomalyd::run::{Closing, Run, RunCourse, RunId, RunState, Tally, Trigger};
use anomalyd::sensor::{SensorId, SensorName};
use anomalyd::store::{ChunkId, Reader, ShedSettings, Store, StoreSettings, StoredChunks};
use anomalyd::time::{Span, Timestamp};
use anomalyd::verdict::{Explanation, Label, ModelHash, Outcome, Row, Scored, Verdict};
use tempfile::TempDir;

use crate::Size;
use crate::support::daemon::{Daemon, directory, free_port};
use crate::support::page;

/// 2026-11-21T00:00:00Z.
const START: i64 = 1_795_219_200_000_000_000;
const HOUR: Span = Span::from_secs(3600);
const SENSORS_A_DEVICE: u32 = 100;
/// Rows of a page.
const ROWS: u32 = 50;
/// One window of so many has an anomaly.
const ANOMALOUS_ONE_IN: u32 = 200;

const SETTINGS: &str = r#"
clock = "event"
[schedule]
event_idle = "never"
[[mqtt.route]]
topic = "plant/{device}/{sensor}"
format = "plain"
"#;
const STORE: &str = "max_size = \"8 GiB\"\n";

pub(crate) fn run(size: Size) {
    let sensors =
        std::env::var("ANOMALYD_BENCH_SENSORS").map_or(size.of(100_000, 200), |count| count.parse().expect("a number"));
    let runs = size.of(48, 3);
    let folder = directory();
    // A daemon makes the store, as its configuration says.
    let port = free_port();
    let settings = format!(
        "{SETTINGS}[mqtt.listen]\naddress = \"127.0.0.1:{}\"\n[http]\nlisten = \"127.0.0.1:{port}\"\n",
        free_port()
    );
    let daemon = Daemon::start_with_store(folder, &settings, STORE);
    daemon.await_ready();
    let folder = daemon.end();

    let began = Instant::now();
    let reader = fill(&folder, sensors, runs);
    println!("{sensors} sensors, {runs} runs; filling the store took {:.1} s", began.elapsed().as_secs_f64());
    let day = runs.min(24);
    let plain = |name: &str, runs: std::ops::Range<u32>, sensors: u32| {
        let began = Instant::now();
        let verdicts = read_plainly(&reader, runs, sensors);
        show(&format!("plain: {name}, {verdicts} verdicts"), &[began.elapsed().as_secs_f64()]);
    };
    plain("the chunks of all sensors and runs", 0..runs, sensors);
    plain("the chunks of a page's sensors", 0..runs, ROWS);
    plain("the chunks of all sensors of a day", runs - day..runs, sensors);
    drop(reader);

    let daemon = Daemon::start_with_store(folder, &settings, STORE);
    daemon.await_ready();
    let resident = || daemon.process().resident().expect("the daemon lives") as f64 / 1e6;
    let before = resident();
    let range = |runs: u32, back: u32| {
        let time = |run: u32| Timestamp::from_nanos(START) + HOUR.times(i64::from(run));
        format!("since={}&until={}", time(runs - back), time(runs))
    };
    let all = range(runs, runs);
    let asked = [
        ("timeline, 50 sensors", format!("timeline?by=sensor&limit={ROWS}&offset={}&{all}", sensors / 2)),
        ("timeline, 50 devices", format!("timeline?by=device&limit={ROWS}&{all}")),
        ("timeline, worst devices first", format!("timeline?by=device&order=worst&limit={ROWS}&{all}")),
        ("timeline, the plant", format!("timeline?by=plant&{all}")),
        ("timeline, sensors of a pattern", format!("timeline?by=sensor&limit={ROWS}&pattern=*7&{all}")),
        ("sensors, a page of 50", format!("sensors?limit={ROWS}")),
        ("unusual over a day", format!("unusual?limit=50&{}", range(runs, day))),
    ];
    println!("  {:<58} {:>10} {:>10}", "over HTTP, milliseconds", "first", "median");
    for (name, path) in asked {
        let path = format!("/api/v1/{path}");
        let times: Vec<f64> = (0..size.of(21, 2))
            .map(|_| {
                let began = Instant::now();
                page::get(port, &path);
                began.elapsed().as_secs_f64()
            })
            .collect();
        show(name, &times);
    }
    println!("  what is remembered takes {:.1} MB", resident() - before);
    drop(daemon.end());
}

/// Shows the first time and the median of the others.
fn show(name: &str, times: &[f64]) {
    let mut later = times[1..].to_vec();
    later.sort_by(f64::total_cmp);
    let median = later.get(later.len() / 2).map_or(String::new(), |median| format!("{:10.1}", median * 1e3));
    println!("  {name:<58} {:>10.1} {median}", times[0] * 1e3);
}

/// Fills the store in a folder with runs of all sensors, one an hour.
fn fill(folder: &TempDir, sensors: u32, runs: u32) -> Reader {
    let mut store = Store::open(store_settings(folder)).expect("a store");
    store.writer.replay_journal(|_| {}).expect("a journal");
    let name = |sensor: u32| {
        let device = format!("press-{:04}", sensor / SENSORS_A_DEVICE);
        (SensorId(sensor), SensorName::new(&device, &format!("s{:02}", sensor % SENSORS_A_DEVICE)).expect("a name"))
    };
    let names: Vec<_> = (0..sensors).map(name).collect();
    for names in names.chunks(1_000) {
        store.writer.add_sensors(names);
        store.writer.commit().expect("room on the disk");
    }
    let mut random = fastrand::Rng::with_seed(1);
    let cut = store_settings(folder).cut;
    for id in 0..runs {
        let run = Run {
            id: RunId(id.into()),
            window: cut.window_of(Timestamp::from_nanos(START) + HOUR.times(i64::from(id))),
            interval: cut.interval(),
            group: GroupName::default(),
            trigger: Trigger::Schedule,
            revision: 0,
            scope: (0..sensors).collect(),
            settings: 0,
            models: 0,
            closing: Closing::OnTime,
            state: RunState::Started,
            course: RunCourse::default(),
        };
        store.writer.begin_run(&run, &StoredChunks::OfEarlierRuns);
        let verdicts: Vec<Verdict> = (0..sensors).map(|sensor| verdict(sensor, &mut random)).collect();
        for (number, chunk) in verdicts.chunk_by(|a, b| ChunkId::of(a.sensor) == ChunkId::of(b.sensor)).enumerate() {
            store.writer.put_verdicts(run.id, ChunkId::of(chunk[0].sensor), chunk);
            if number % 1_000 == 0 {
                store.writer.commit().and_then(|_| store.writer.settle()).expect("room on the disk");
            }
        }
        store.writer.put_run(&Run { state: RunState::Finished(Tally { scored: sensors, ..Tally::default() }), ..run });
        store.writer.commit().and_then(|_| store.writer.settle()).expect("room on the disk");
    }
    store.reader
}

/// The settings of the store that a daemon made in a folder.
fn store_settings(folder: &TempDir) -> StoreSettings {
    let config = Config::read(&folder.path().join("config.toml")).expect("what the daemon read");
    let rings = config.rings();
    StoreSettings {
        directory: fs::canonicalize(&config.store.directory).expect("a folder"),
        windows: rings.windows,
        runs: rings.runs,
        verdict_runs: rings.verdict_runs,
        keep_raw: config.store.keep_raw,
        shed: ShedSettings { max_bytes: config.store.max_size.bytes(), reserve_bytes: config.store.reserve.bytes() },
        verdict_rows: config.store.verdict_rows,
        reject_blocks: config.store.rejects,
        cache_bytes: config.store.cache.bytes(),
        cut: config.base_cut(),
    }
}

/// A window of sixty rows; some have a few anomalies.
fn verdict(sensor: u32, random: &mut fastrand::Rng) -> Verdict {
    let anomalies = if random.u32(0..ANOMALOUS_ONE_IN) == 0 { random.u16(1..20) } else { 0 };
    let first = random.u16(0..40);
    let rows: Vec<Row> = (0..60)
        .map(|interval| {
            let is_anomaly = (first..first + anomalies).contains(&interval);
            let decision = if is_anomaly { -random.f64() } else { random.f64() };
            Row { interval, label: if is_anomaly { Label::Anomaly } else { Label::Normal }, decision }
        })
        .collect();
    let explanation = (anomalies > 0).then(|| Explanation {
        interval: first,
        feature: "vibration.std".to_owned(),
        value: 4.1,
        usual: Some((0.2, 0.9)),
    });
    let scored = Scored {
        model: ModelHash([7; 32]),
        proven: true,
        unit: Some(0.5),
        boundary: None,
        rows: rows.into(),
        explanation,
    };
    Verdict { sensor: SensorId(sensor), outcome: Outcome::Scored(scored) }
}

/// Reads the verdicts of the first sensors in some runs, chunk by chunk, and says how many there were.
fn read_plainly(reader: &Reader, runs: std::ops::Range<u32>, sensors: u32) -> usize {
    let chunks = ChunkId::of_scope(&(0..sensors).collect());
    let read = |run: u32| {
        let verdicts = chunks.iter().map(|chunk| reader.verdicts(RunId(run.into()), *chunk).expect("a store").len());
        verdicts.sum::<usize>()
    };
    runs.map(read).sum()
}
