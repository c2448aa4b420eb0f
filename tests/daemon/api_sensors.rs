//! What the API says of sensors is what comes out of the readings that were sent, and of the verdicts that are stored.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Output;

use anomalyd::answers::{List, Outcome, Scores, Sensor, SensorDetail, SensorState, Series, Verdict};
use anomalyd::cli::demo::simulation::SimulatedReading;
use anomalyd::http::client::{DaemonClient, quoted};
use anomalyd::sensor::SensorName;
use anomalyd::time::{Span, Timestamp};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::support::daemon::Daemon;
use crate::support::plant;
use crate::support::site::{Site, anomalyd};

const MINUTE: i64 = 60_000_000_000;
/// When the readings end: pump-2/flow is at the end of its range since a while.
const END: &str = "2026-03-02T11:25:00Z";
/// The start of the last window that is scored by then.
const LAST_WINDOW: &str = "2026-03-02T11:10:00Z";
/// All of the readings.
const SHIFT: &str = "since=2026-03-02T06:00:00Z&until=2026-03-02T11:40:00Z";

/// A daemon that has had the plant's readings, those of a sensor that fell silent, and those of one without a model.
struct Plant {
    site: Site,
    daemon: Daemon,
    readings: Vec<SimulatedReading>,
}

impl Plant {
    fn start() -> Self {
        let site = Site::new(&plant::settings().with("publish.files.decisions", "true"));
        let mut daemon = site.start();
        let mut readings = plant::readings(7);
        readings.retain(|reading| reading.time < Timestamp::parse(END).unwrap());
        let (first, last) = (readings[0].time, readings[readings.len() - 1].time);
        let reading = |sensor: &str, time| SimulatedReading {
            sensor: SensorName::new("press-1", sensor).unwrap(),
            time,
            value: 7.5,
        };
        readings.insert(0, reading("spare", first));
        readings.push(reading("untrained", last));
        plant::publish_all(site.port(), &readings);
        daemon.wait_until_published("files", LAST_WINDOW);
        daemon.wait_for("press-1/spare is silent", |line| {
            line["condition"] == "silent"
                && line["message"].as_str().is_some_and(|words| words.contains("press-1/spare"))
        });
        Self { site, daemon, readings }
    }

    fn client(&self) -> DaemonClient {
        DaemonClient::at(&self.site.path("store/anomalyd.sock")).unwrap()
    }

    fn get<T: DeserializeOwned>(&self, path: &str) -> T {
        self.client().get(&format!("/api/v1/{path}")).unwrap().json().unwrap()
    }

    fn refusal(&self, path: &str) -> String {
        self.client().get(&format!("/api/v1/{path}")).unwrap_err().to_string()
    }

    /// All pages of a list of so many entries each.
    fn pages<T: DeserializeOwned>(&self, path: &str, limit: usize) -> Vec<T> {
        let mut items = Vec::new();
        let mut after = String::new();
        loop {
            let sign = if path.contains('?') { '&' } else { '?' };
            let page: List<T> = self.get(&format!("{path}{sign}limit={limit}{after}"));
            assert!(page.items.len() <= limit);
            items.extend(page.items);
            match page.next {
                Some(next) => after = format!("&after={}", quoted(&next)),
                None => return items,
            }
        }
    }

    /// The values of a sensor's readings by their minute.
    fn minutes(&self, sensor: &str) -> BTreeMap<i64, Vec<f64>> {
        let mut minutes: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
        for reading in self.readings.iter().filter(|reading| reading.sensor.to_string() == sensor) {
            minutes.entry(reading.time.nanos() / MINUTE * MINUTE).or_default().push(reading.value);
        }
        minutes
    }

    /// The verdicts of all windows with readings.
    fn dumped_verdicts(&self) -> Vec<Value> {
        let lines = self.site.dump("verdicts");
        let verdicts = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        verdicts.filter(|verdict| verdict["window_start"].as_str() >= Some("2026-03-02T06:00:00Z")).collect()
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let config = self.site.config();
        anomalyd(&[arguments, &["--config", config.to_str().unwrap()]].concat())
    }

    /// What a command writes.
    fn said(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}

fn name_of(dumped: &Value) -> String {
    format!("{}/{}", dumped["device"].as_str().unwrap(), dumped["sensor"].as_str().unwrap())
}

#[test]
fn the_api_says_of_sensors_what_their_readings_and_verdicts_say() {
    let plant = Plant::start();
    sensors_are_listed_by_name_with_their_states(&plant);
    a_sensor_is_told_with_its_model_and_neighbours(&plant);
    series_are_the_readings(&plant);
    verdicts_are_those_of_the_store(&plant);
    scores_are_those_of_the_runs(&plant);
    what_cannot_be_answered_is_refused_in_words(&plant);
    commands_show_what_the_api_says(&plant);
    let anomalous = ["verdicts", "--anomalous", "--json", "--since", "2026-03-02"];
    let beside = plant.said(&anomalous);
    let Plant { site, daemon, .. } = plant;
    daemon.stop();
    let config = site.config();
    let alone = |arguments: &[&str]| anomalyd(&[arguments, &["--config", config.to_str().unwrap()]].concat());
    let without = alone(&anomalous);
    assert_eq!(String::from_utf8(without.stdout).unwrap(), beside, "the store of a stopped daemon says the same");
    assert!(String::from_utf8(without.stderr).unwrap().contains("no daemon runs; this is what its store holds"));
    for arguments in [vec!["sensors"], vec!["show", "press-1/flow"]] {
        let refused = alone(&arguments);
        let words = String::from_utf8(refused.stderr).unwrap();
        assert!(words.contains("no daemon runs on the store") && words.contains("start one, as by"), "{words}");
        assert_eq!(refused.status.code(), Some(1));
    }
}

fn sensors_are_listed_by_name_with_their_states(plant: &Plant) {
    let list: List<Sensor> = plant.get("sensors");
    let names: Vec<_> = list.items.iter().map(|sensor| sensor.name.clone()).collect();
    let known: BTreeSet<_> = plant.readings.iter().map(|reading| reading.sensor.to_string()).collect();
    assert_eq!(names, known.into_iter().collect::<Vec<_>>());
    assert_eq!((list.total, list.next), (Some(17), None));
    assert_eq!(plant.pages::<Sensor>("sensors", 4), list.items);

    let last_window = |dumped: &&Value| dumped["window_start"] == LAST_WINDOW;
    let dumped = plant.dumped_verdicts();
    let anomalous: BTreeSet<_> = dumped
        .iter()
        .filter(last_window)
        .filter(|verdict| verdict["rows"].as_array().unwrap().iter().any(|row| row["anomaly"] == true))
        .map(name_of)
        .collect();
    for sensor in &list.items {
        let newest = plant.readings.iter().filter(|reading| reading.sensor.to_string() == sensor.name);
        let newest = newest.max_by_key(|reading| reading.time).unwrap();
        assert_eq!((sensor.last_seen, sensor.last_value), (Some(newest.time), Some(newest.value)), "{sensor:?}");
        let state = match &*sensor.name {
            "press-1/spare" => SensorState::Silent,
            "press-1/untrained" => SensorState::NoModel,
            name if anomalous.contains(name) => SensorState::Anomalous,
            _ => SensorState::Healthy,
        };
        assert_eq!(sensor.state, state, "{sensor:?}");
        assert_eq!(sensor.has_model, sensor.verdict.is_some());
        if let Some(verdict) = &sensor.verdict {
            assert_eq!(verdict.window.start.to_string(), LAST_WINDOW);
            assert_eq!(verdict.anomalies > 0, state == SensorState::Anomalous);
        }
    }
    let flow = list.items.iter().find(|sensor| sensor.name == "pump-2/flow").unwrap();
    assert_eq!(flow.state, SensorState::Anomalous);
    let before = dumped
        .iter()
        .find(|verdict| name_of(verdict) == flow.name && verdict["window_start"] == "2026-03-02T11:00:00Z");
    let first = before.unwrap()["rows"].as_array().unwrap().iter().find(|row| row["anomaly"] == true).unwrap();
    assert_eq!(
        flow.since.unwrap().to_string(),
        first["interval"].as_str().unwrap(),
        "since the first of its anomalies"
    );
    let silent: List<Sensor> = plant.get("sensors?state=silent");
    assert_eq!(silent.items.iter().map(|sensor| &*sensor.name).collect::<Vec<_>>(), ["press-1/spare"]);
    assert_eq!((silent.total, silent.items[0].since), (Some(1), silent.items[0].last_seen));
    let of_device: List<Sensor> = plant.get("sensors?pattern=oven-3/*&limit=2");
    assert_eq!((of_device.total, of_device.items.len(), of_device.next.is_some()), (Some(5), 2, true));
}

fn a_sensor_is_told_with_its_model_and_neighbours(plant: &Plant) {
    let detail: SensorDetail = plant.get("sensors/press-1/flow");
    let neighbours = ["current", "pressure", "spare", "temperature", "untrained", "vibration"];
    assert_eq!(detail.neighbours, neighbours.map(|sensor| format!("press-1/{sensor}")));
    assert_eq!((detail.interval_seconds, detail.window_seconds), (60.0, 600.0));
    assert!(detail.watermark.unwrap() >= Timestamp::parse("2026-03-02T11:20:00Z").unwrap(), "{detail:?}");
    assert!(detail.oldest.unwrap() < detail.watermark.unwrap());
    let model = detail.model.unwrap();
    assert_eq!(model.hash, detail.sensor.verdict.unwrap().model);
    let untrained: SensorDetail = plant.get("sensors/press-1/untrained");
    assert_eq!(untrained.model, None);
}

fn series_are_the_readings(plant: &Plant) {
    let minutes = plant.minutes("press-1/flow");
    let series: Series = plant.get(&format!("sensors/press-1/flow/series?{SHIFT}&width=4000"));
    assert_eq!((series.step_seconds, series.forgotten.len()), (60.0, 0));
    let times: Vec<_> = minutes.keys().map(|minute| *minute as f64 / 1e9).collect();
    assert_eq!(series.time, times);
    for (place, values) in minutes.values().enumerate() {
        assert_eq!(series.count[place], values.len() as u64);
        assert_eq!(series.min[place], values.iter().copied().fold(f64::INFINITY, f64::min));
        assert_eq!(series.max[place], values.iter().copied().fold(f64::NEG_INFINITY, f64::max));
        assert!((series.mean[place] - values.iter().sum::<f64>() / values.len() as f64).abs() < 1e-9);
    }
    let coarse: Series = plant.get(&format!("sensors/press-1/flow/series?{SHIFT}&width=10"));
    assert!(coarse.time.len() <= 10 && coarse.step_seconds >= 60.0 * 34.0, "{}", coarse.step_seconds);
    assert_eq!(coarse.count.iter().sum::<u64>(), minutes.values().map(|values| values.len() as u64).sum::<u64>());
    let all = || minutes.values().flatten().copied();
    assert_eq!(coarse.max.iter().copied().fold(f64::NEG_INFINITY, f64::max), all().fold(f64::NEG_INFINITY, f64::max));
    let spare: Series = plant.get(&format!("sensors/press-1/spare/series?{SHIFT}"));
    assert_eq!((spare.count, spare.mean), (vec![1], vec![7.5]));
    let long_ago = "since=2026-02-27T06:00:00Z&until=2026-02-27T07:00:00Z";
    let forgotten: Series = plant.get(&format!("sensors/press-1/flow/series?{long_ago}"));
    assert_eq!(forgotten.time.len(), 0);
}

fn verdicts_are_those_of_the_store(plant: &Plant) {
    let dumped = plant.dumped_verdicts();
    let verdicts: Vec<Verdict> = plant.pages(&format!("verdicts?{SHIFT}"), 100);
    assert_eq!(verdicts.len(), dumped.len());
    assert!(verdicts.is_sorted_by(|a, b| a.run >= b.run), "the newest first");
    let stored: BTreeMap<_, _> =
        dumped.iter().map(|verdict| ((verdict["run"].as_u64().unwrap(), name_of(verdict)), verdict)).collect();
    for verdict in &verdicts {
        let stored = stored[&(verdict.run, verdict.sensor.clone())];
        let rows = stored["rows"].as_array().unwrap();
        let anomalous: Vec<_> = rows.iter().filter(|row| row["anomaly"] == true).collect();
        assert_eq!((verdict.intervals as usize, verdict.anomalies as usize), (rows.len(), anomalous.len()));
        assert_eq!(verdict.window.start.to_string(), stored["window_start"].as_str().unwrap());
        let minutes = verdict.anomalous.iter().flat_map(|span| {
            let minutes = span.end.since(span.start).divide(Span::from_secs(60)).0;
            (0..minutes).map(|minute| (span.start + Span::from_secs(60).times(minute)).to_string())
        });
        assert_eq!(
            minutes.collect::<Vec<_>>(),
            anomalous.iter().map(|row| row["interval"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        );
        let words = verdict.explanation.as_ref().map(|explanation| explanation.words.clone());
        let own = verdict.sensor.rsplit_once('/').unwrap().1;
        assert_eq!(words, stored["explanation"].as_str().map(|words| format!("{own} {words}")));
    }
    let anomalous: Vec<Verdict> = plant.pages(&format!("verdicts?{SHIFT}&anomalous=true"), 7);
    assert!(!anomalous.is_empty());
    assert_eq!(anomalous, verdicts.iter().filter(|verdict| verdict.anomalies > 0).cloned().collect::<Vec<_>>());
    let of_pump: Vec<Verdict> = plant.pages(&format!("verdicts?{SHIFT}&pattern=pump-2/*&outcome=scored"), 50);
    let is_of_pump = |verdict: &&Verdict| verdict.sensor.starts_with("pump-2/") && verdict.outcome == Outcome::Scored;
    assert_eq!(of_pump, verdicts.iter().filter(is_of_pump).cloned().collect::<Vec<_>>());
    let of_flow: Vec<Verdict> = plant.pages(&format!("sensors/press-1/flow/verdicts?{SHIFT}"), 10);
    assert_eq!(of_flow.len(), 32);
    let half = "since=2026-03-02T06:05:00Z&until=2026-03-02T06:15:00Z";
    let some: Vec<Verdict> = plant.pages(&format!("sensors/press-1/flow/verdicts?{half}"), 10);
    assert_eq!(some.len(), 2, "the windows that have a part in the range");
}

fn scores_are_those_of_the_runs(plant: &Plant) {
    let scores: Scores = plant.get(&format!("sensors/press-1/flow/scores?{SHIFT}"));
    assert_eq!(scores.missing, Vec::<String>::new());
    let dumped = plant.dumped_verdicts();
    let rows: Vec<_> = dumped
        .iter()
        .filter(|verdict| name_of(verdict) == "press-1/flow")
        .flat_map(|verdict| verdict["rows"].as_array().unwrap())
        .collect();
    assert_eq!(scores.time.len(), rows.len());
    for (place, row) in rows.into_iter().enumerate() {
        let time = Timestamp::parse(row["interval"].as_str().unwrap()).unwrap();
        assert_eq!(scores.time[place], time.nanos() as f64 / 1e9);
        assert_eq!(scores.anomaly[place], row["anomaly"].as_bool().unwrap());
        assert_eq!(scores.decision[place], row["decision"].as_f64());
        assert_eq!(scores.score[place], row["score"].as_f64());
    }
}

fn what_cannot_be_answered_is_refused_in_words(plant: &Plant) {
    let cases = [
        ("sensors/press-1/flwo", "no sensor press-1/flwo is known; did you mean press-1/flow?"),
        ("sensors/a%2Fb/c", "no sensor a/b/c is known"),
        ("sensors?limit=0", "limit=0 is not from 1 to 1000"),
        ("sensors?state=odd", "odd"),
        ("sensors?size=5", "size"),
        ("sensors?after=nowhere", "after=nowhere is not the next of a page of sensors"),
        ("sensors?pattern=flow", "write device/sensor, with * for any characters"),
        ("verdicts?after=7", "after=7 is not the next of a page of verdicts"),
        ("verdicts?since=yesterday", "since=yesterday is not a time such as"),
        ("sensors/press-1/flow/series?width=4001", "width=4001 is not from 1 to 4000"),
        (
            "sensors/press-1/flow/series?since=1900-01-01T00:00:00Z",
            "one answer covers at most 10000; ask for a shorter",
        ),
        ("sensors/press-1/flow/scores?since=2025-01-01T00:00:00Z", "intervals, and one answer covers at most 50000"),
        (
            "sensors/press-1/flow/series?since=2026-03-02T07:00:00Z&until=2026-03-02T06:00:00Z",
            "so that no time lies between them",
        ),
    ];
    for (path, words) in cases {
        let refusal = plant.refusal(path);
        assert!(refusal.contains(words), "{path}: {refusal}");
    }
}

fn commands_show_what_the_api_says(plant: &Plant) {
    let table = plant.said(&["sensors"]);
    assert_eq!(table.lines().count(), 18, "{table}");
    assert!(table.starts_with("sensor") && !table.contains('\x1b'), "{table}");
    let silent = plant.said(&["sensors", "press-1/*", "--state", "silent"]);
    assert!(silent.lines().nth(1).unwrap().starts_with("press-1/spare  silent  2026-03-02 06:00"), "{silent}");
    assert_eq!(plant.said(&["sensors", "nobody/*"]), "no sensor fits\n");
    let lines = plant.said(&["sensors", "--json"]);
    let sensors: Vec<Sensor> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(sensors, plant.get::<List<Sensor>>("sensors").items);

    let shown = plant.said(&["show", "pump-2/flow"]);
    let flow: SensorDetail = plant.get("sensors/pump-2/flow");
    let verdict = flow.sensor.verdict.unwrap();
    assert!(shown.starts_with("pump-2/flow  anomalous since 2026-03-02 11:0"), "{shown}");
    for words in
        [&*verdict.explanation.unwrap().words, "10 of 10 intervals are anomalies", "▁", "█", "highest 300 around"]
    {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    assert!(shown.contains("pressure healthy"), "the other sensors of the device: {shown}");
    assert!(shown.contains(&flow.model.unwrap().hash.unwrap()[..12]), "{shown}");
    let unknown = plant.run(&["show", "pump-2/flwo"]);
    let words = String::from_utf8(unknown.stderr).unwrap();
    assert!(words.contains("did you mean pump-2/flow?"), "{words}");

    let lines = plant.said(&["verdicts", "--json", "--anomalous", "--limit", "150"]);
    let verdicts: Vec<Verdict> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(verdicts, plant.pages::<Verdict>(&format!("verdicts?{SHIFT}&anomalous=true"), 100));
    let table = plant.said(&["verdicts", "pump-2/*", "--limit", "3"]);
    assert_eq!(table.lines().count(), 4, "{table}");
    assert!(table.contains("2026-03-02 11:10  pump-2/"), "{table}");
    let none = plant.said(&["verdicts", "--outcome", "failed"]);
    assert!(none.starts_with("no verdict fits"), "{none}");
}
