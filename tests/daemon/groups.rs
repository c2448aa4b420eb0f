//! Groups with windows, hops and schedules of their own: the verdicts of each are those that `anomalyd score` gives of the
//! same history, and a daemon that is killed leaves what an undisturbed one leaves.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use anomalyd::answers::{Group, List, Run, Sensor, Timeline, Unusual};
use anomalyd::http::client::DaemonClient;
use anomalyd::time::{Span, Timestamp};
use serde_json::Value;

use crate::support::legacy::Legacy;
use crate::support::plant;
use crate::support::settings::Settings;
use crate::support::site::{Site, anomalyd};

/// The press is scored over the last hour every twenty minutes, the oven every half hour in intervals of two minutes, and the
/// pump, in the default group, every ten minutes.
const GROUPS: &str = r#"[
    { name = "press", sensors = "press-*", window = { length = "1h", hop = "20m" }, schedule = { cron = "0 */20 * * * *", zone = "Europe/Berlin" } },
    { name = "ovens", sensors = "oven-*/*", window = { interval = "2m", length = "30m" }, schedule = { cron = "*/30 * * * *" } },
]"#;

fn settings() -> Settings {
    plant::settings()
        .with("group", GROUPS)
        .with("store.keep_intervals", "\"1000m\"")
        .with("store.keep_runs", "\"680h\"")
}

/// A row of a prediction file: value, prediction, decision.
type Row = (f64, String, f64);

/// The rows of some prediction files by sensor and time.
fn rows<'a>(files: impl Iterator<Item = &'a String>) -> BTreeMap<(String, Timestamp), Row> {
    let row = |line: &str| {
        let cells: Vec<_> = line.split(',').collect();
        let [time, device, sensor, value, prediction, decision] = cells[..] else { panic!("{line}") };
        let time = Timestamp::parse(time).unwrap();
        let number = |text: &str| text.parse().unwrap();
        ((format!("{device}/{sensor}"), time), (number(value), prediction.to_owned(), number(decision)))
    };
    files.flat_map(|file| file.lines().skip(1)).map(row).collect()
}

/// What `anomalyd score` says of the history in intervals of this length.
fn scored(site: &Site, interval: &str) -> BTreeMap<(String, Timestamp), Row> {
    let (data, out) = (site.path("history.csv"), site.path(&format!("scored-{interval}")));
    let mut history = "TS,Device,Tag,Value\n".to_owned();
    for reading in plant::readings(7) {
        let (sensor, time) = (&reading.sensor, reading.time);
        writeln!(history, "{time},{},{},{}", sensor.device(), sensor.sensor(), reading.value).unwrap();
    }
    fs::write(&data, history).unwrap();
    let [data, out] = [data, out].map(|path| path.to_str().unwrap().to_owned());
    let models = plant::models();
    let models = models.to_str().unwrap();
    let output = anomalyd(&[
        "score",
        "--decisions",
        "--interval",
        interval,
        "--window",
        "10m",
        "--models",
        models,
        "--data",
        &data,
        "--out",
        &out,
    ]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let files: Vec<_> =
        fs::read_dir(&out).unwrap().map(|file| fs::read_to_string(file.unwrap().path()).unwrap()).collect();
    rows(files.iter())
}

/// How many runs there are of each group, and how long their windows and intervals are, in seconds.
fn runs(dump: &str) -> BTreeMap<String, (usize, Vec<(i64, f64)>)> {
    let mut runs = BTreeMap::<String, (usize, Vec<_>)>::new();
    for line in dump.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let time = |key: &str| Timestamp::parse(line[key].as_str().unwrap()).unwrap();
        let length = time("window_end").since(time("window_start")).nanos() / 1_000_000_000;
        let (count, lengths) = runs.entry(line["group"].as_str().unwrap().to_owned()).or_default();
        *count += 1;
        lengths.push((length, line["interval_seconds"].as_f64().unwrap()));
        lengths.dedup();
    }
    runs
}

/// The rows of every window are those that `score` gives of its time.
fn check_predictions(site: &Site, predictions: &BTreeMap<String, String>) {
    let [minutes, double_minutes] = ["1m", "2m"].map(|interval| scored(site, interval));
    for (name, file) in predictions {
        let (_, end) = name.trim_end_matches(".csv").rsplit_once('_').unwrap();
        let pairs: Vec<_> = end.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap()).collect();
        let [year, month, day, hour, minute, _] = pairs[..] else { panic!("{name}") };
        let end = Timestamp::parse(&format!("20{year}-{month}-{day}T{hour}:{minute}:00Z")).unwrap();
        let found = rows(std::iter::once(file));
        let sensor = found.keys().next().unwrap().0.clone();
        let (length, truth) = match sensor.split('-').next().unwrap() {
            "press" => (60, &minutes),
            "oven" => (30, &double_minutes),
            _ => (10, &minutes),
        };
        let range = (sensor.clone(), end - Span::from_secs(60 * length))..(sensor.clone(), end);
        let expected: BTreeMap<_, _> = truth.range(range).collect();
        assert!(found.keys().eq(expected.keys().copied()), "{name}");
        for ((at, found), expected) in found.iter().zip(expected.values()) {
            if sensor.starts_with("oven") {
                let is_near = |a: f64, b: f64| (a - b).abs() <= 1e-9 * (1.0 + a.abs());
                assert!(
                    is_near(found.0, expected.0) && is_near(found.2, expected.2),
                    "{at:?}: {found:?}, {expected:?}"
                );
                assert_eq!(found.1, expected.1, "{at:?}");
            } else {
                assert_eq!(found, *expected, "{at:?}: intervals that are not folded are the same to the last bit");
            }
        }
    }
}

/// What the API and `check` say of the groups.
fn check_answers(site: &Site) {
    let client = DaemonClient::at(&site.path("store/anomalyd.sock")).unwrap();
    let get = |path: &str| client.get(&format!("/api/v1/{path}"));
    let groups: Vec<Group> = get("groups").unwrap().json().unwrap();
    let shown = groups.iter().map(|group| (&*group.name, group.sensors.known, group.window_seconds, group.hop_seconds));
    let expected = [("press", 5, 3600.0, 1200.0), ("ovens", 5, 1800.0, 1800.0), ("default", 5, 600.0, 600.0)];
    assert!(shown.eq(expected), "{groups:?}");
    let until = Timestamp::parse("2026-03-02T12:00:00Z");
    assert!(groups.iter().all(|group| group.scored_until == until && group.last_run.is_some()), "{groups:?}");

    let morning = "since=2026-03-02T06:00:00Z&until=2026-03-02T12:00:00Z";
    let timeline: Timeline = get(&format!("timeline?group=press&by=sensor&{morning}")).unwrap().json().unwrap();
    assert_eq!((&*timeline.group, timeline.total, timeline.windows.len()), ("press", 5, 18));
    assert!(
        timeline.rows.iter().all(|row| row.name.starts_with("press-") && row.cells.iter().all(|cell| cell.scored == 1))
    );
    let unusual: Unusual = get(&format!("unusual?group=press&{morning}")).unwrap().json().unwrap();
    // Windows overlap, and yet an interval counts once: six hours of minutes, of which few have no reading.
    assert!(unusual.sensors.iter().all(|sensor| (300..=360).contains(&sensor.intervals)), "{:?}", unusual.sensors);
    let ovens: List<Sensor> = get("sensors?group=ovens").unwrap().json().unwrap();
    assert!(ovens.total == Some(5) && ovens.items.iter().all(|sensor| sensor.group == "ovens"));
    let runs: List<Run> = get("runs?group=ovens").unwrap().json().unwrap();
    assert!(
        runs.items.len() == 13 && runs.items.iter().all(|run| run.group == "ovens" && run.interval_seconds == 120.0)
    );
    let refusal = get("verdicts?group=oven").unwrap_err().to_string();
    assert!(refusal.contains("there is no group oven; there are press, ovens, default"), "{refusal}");

    let checked = anomalyd(&["check", "--groups", "--config", site.config().to_str().unwrap()]);
    let said = String::from_utf8(checked.stdout).unwrap();
    for part in
        ["oven-3/flow is in the group ovens", "pump-2/flow is in the group default", "windows of 1h, one every 20m"]
    {
        assert!(said.contains(part), "{said}");
    }
}

#[test]
fn groups_get_the_verdicts_of_their_own_windows_also_when_the_daemon_is_killed() {
    let site = Site::new(&settings());
    let daemon = site.start();
    plant::publish_all(site.port(), &plant::readings(7));
    site.wait_for_predictions(15, plant::LAST_WINDOW_END);
    check_answers(&site);
    let undisturbed = Legacy::of(&site, daemon);
    let of_groups = [
        // The first reading leaves room for late ones in the window before it, which gets a run without data.
        ("default", (37, vec![(600, 60.0)])),
        ("ovens", (13, vec![(1800, 120.0)])),
        ("press", (19, vec![(3600, 60.0)])),
    ];
    assert_eq!(runs(&undisturbed.runs), of_groups.map(|(group, runs)| (group.to_owned(), runs)).into());
    // A window that reaches back to before the first reading is scored as well.
    assert_eq!(undisturbed.predictions.len(), 5 * (36 + 12 + 18));
    check_predictions(&site, &undisturbed.predictions);

    let killed = Site::new(&settings());
    let mut daemon = killed.start();
    let port = killed.port();
    let device = std::thread::spawn(move || plant::publish_all(port, &plant::readings(7)));
    for _ in 0..4 {
        crate::support::eventually("a few runs have ended", || (daemon.said("run finished") >= 5).then_some(()));
        daemon.kill();
        daemon = killed.start();
    }
    device.join().unwrap();
    killed.wait_for_predictions(15, plant::LAST_WINDOW_END);
    Legacy::of(&killed, daemon).assert_equals(&undisturbed);
}
