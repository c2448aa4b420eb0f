//! The timeline and what is most unusual are what the stored verdicts say: they are compared with what `anomalyd dump
//! verdicts` tells of every interval.

use std::collections::{BTreeMap, BTreeSet};

use anomalyd::answers::{Cell, SensorState, Timeline, TimelineRow, Unusual};
use anomalyd::http::client::DaemonClient;
use anomalyd::time::{Span, Timestamp};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::support::plant;
use crate::support::site::Site;

/// The whole morning: the windows of the plant begin from 06:00 to 11:50.
const MORNING: &str = "since=2026-03-02T00:00:00Z&until=2026-03-02T12:00:00Z";

/// What the verdicts of a window of a sensor say.
#[derive(Debug)]
struct Said {
    score: f64,
    rows: u64,
    anomalies: Vec<Timestamp>,
    explanation: Option<String>,
}

/// By window and sensor, those that were scored.
type Verdicts = BTreeMap<Timestamp, BTreeMap<String, Said>>;

fn get<T: DeserializeOwned>(site: &Site, path: &str) -> T {
    let client = DaemonClient::at(&site.path("store/anomalyd.sock")).unwrap();
    client.get(&format!("/api/v1/{path}")).unwrap().json().unwrap()
}

fn refusal(site: &Site, path: &str) -> String {
    let client = DaemonClient::at(&site.path("store/anomalyd.sock")).unwrap();
    client.get(&format!("/api/v1/{path}")).unwrap_err().to_string()
}

fn verdicts(site: &Site) -> Verdicts {
    let mut verdicts = Verdicts::new();
    let time = |value: &Value| Timestamp::parse(value.as_str().unwrap()).unwrap();
    for line in site.dump("verdicts").lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let window = verdicts.entry(time(&line["window_start"])).or_default();
        // Before the first readings there is nothing to score.
        let Some(rows) = line["rows"].as_array() else { continue };
        let own = line["sensor"].as_str().unwrap();
        let said = Said {
            score: rows.iter().map(|row| row["score"].as_f64().unwrap()).fold(0.0, f64::max),
            rows: rows.len() as u64,
            anomalies: rows.iter().filter(|row| row["anomaly"] == true).map(|row| time(&row["interval"])).collect(),
            explanation: line["explanation"].as_str().map(|words| format!("{own} {words}")),
        };
        let sensor = format!("{}/{own}", line["device"].as_str().unwrap());
        window.insert(sensor, said);
    }
    verdicts
}

/// What a cell must say of the sensors of a window that fit.
fn check_cell(cell: &Cell, said: &BTreeMap<String, Said>, fits: impl Fn(&str) -> bool) {
    let said: Vec<_> = said.iter().filter(|(sensor, _)| fits(sensor)).map(|(_, said)| said).collect();
    let anomalous = said.iter().filter(|said| !said.anomalies.is_empty()).count();
    assert_eq!((cell.scored as usize, cell.anomalous as usize, cell.failed), (said.len(), anomalous, 0));
    match said.iter().map(|said| said.score).reduce(f64::max) {
        Some(highest) => {
            assert!((f64::from(cell.score.unwrap()) - highest).abs() < 0.004, "{cell:?} is not {highest}");
        }
        None => assert_eq!(cell.score, None),
    }
}

fn names(rows: &[TimelineRow]) -> Vec<&str> {
    rows.iter().map(|row| row.name.as_str()).collect()
}

#[test]
fn the_timeline_and_the_most_unusual_are_what_the_verdicts_say() {
    let site = Site::new(&plant::settings());
    let mut daemon = site.start();
    plant::publish_all(site.port(), &plant::readings(7));
    daemon.wait_until_published("files", plant::LAST_WINDOW);
    let verdicts = verdicts(&site);
    assert!(verdicts.values().filter(|window| window.len() == 15).count() == 36, "six hours of ten minutes");
    let sensors: BTreeSet<&String> = verdicts.values().flat_map(BTreeMap::keys).collect();

    let by_sensor: Timeline = get(&site, &format!("timeline?by=sensor&{MORNING}"));
    assert!(by_sensor.windows.iter().eq(verdicts.keys()));
    assert_eq!((by_sensor.window_seconds, by_sensor.offset), (600.0, 0));
    assert_eq!(by_sensor.total, sensors.len() as u64);
    assert_eq!(names(&by_sensor.rows), sensors.iter().map(|name| name.as_str()).collect::<Vec<_>>());
    let devices: Timeline = get(&site, &format!("timeline?{MORNING}"));
    let plant: Timeline = get(&site, &format!("timeline?by=plant&{MORNING}"));
    assert_eq!(names(&plant.rows), ["plant"]);
    for (rows, kind) in [(&by_sensor.rows, "sensor"), (&devices.rows, "device"), (&plant.rows, "plant")] {
        for row in rows {
            let fits = |sensor: &str| match kind {
                "sensor" => sensor == row.name,
                "device" => sensor.rsplit_once('/').unwrap().0 == row.name,
                _ => true,
            };
            assert_eq!(row.sensors, sensors.iter().filter(|sensor| fits(sensor)).count() as u64);
            row.cells.iter().zip(verdicts.values()).for_each(|(cell, said)| check_cell(cell, said, fits));
        }
    }
    parts_of_the_timeline_are_parts_of_it(&site, &by_sensor, &devices);
    the_most_unusual_is_ranked(&site, &verdicts);
    what_cannot_be_answered_is_refused(&site);

    // A new process reads the same of the store.
    let unusual: Unusual = get(&site, &format!("unusual?{MORNING}"));
    daemon.stop();
    let daemon = site.start();
    let again: Timeline = get(&site, &format!("timeline?by=sensor&{MORNING}"));
    let cells = |timeline: Timeline| timeline.rows.into_iter().map(|row| row.cells).collect::<Vec<_>>();
    assert_eq!((again.windows.clone(), cells(again)), (by_sensor.windows.clone(), cells(by_sensor)));
    assert_eq!(get::<Unusual>(&site, &format!("unusual?{MORNING}")), unusual);
    daemon.stop();
}

fn parts_of_the_timeline_are_parts_of_it(site: &Site, by_sensor: &Timeline, devices: &Timeline) {
    let page: Timeline = get(site, &format!("timeline?by=sensor&{MORNING}&offset=3&limit=4"));
    assert_eq!((page.offset, page.total, &page.rows[..]), (3, by_sensor.total, &by_sensor.rows[3..7]));
    let behind: Timeline = get(site, &format!("timeline?by=sensor&{MORNING}&offset=4000"));
    assert_eq!((behind.rows.len(), behind.total), (0, by_sensor.total));

    let two_hours: Timeline =
        get(site, "timeline?by=sensor&since=2026-03-02T07:05:00Z&until=2026-03-02T09:00:00Z&pattern=*");
    let seven = Timestamp::parse("2026-03-02T07:00:00Z").unwrap();
    let first = by_sensor.windows.iter().position(|window| *window == seven).unwrap();
    assert_eq!(two_hours.windows, by_sensor.windows[first..first + 12], "widened to whole windows");
    assert_eq!(two_hours.rows[0].cells, by_sensor.rows[0].cells[first..first + 12]);

    let device = &devices.rows[0].name;
    let of_device: Timeline = get(site, &format!("timeline?by=sensor&{MORNING}&pattern={device}/*"));
    assert_eq!(of_device.total, devices.rows[0].sensors);
    assert!(of_device.rows.iter().all(|row| row.name.starts_with(&format!("{device}/"))));

    let mut worst_first: Vec<(SensorState, &str)> =
        by_sensor.rows.iter().map(|row| (row.state, row.name.as_str())).collect();
    worst_first.sort();
    let worst: Timeline = get(site, &format!("timeline?by=sensor&order=worst&{MORNING}"));
    assert_eq!(names(&worst.rows), worst_first.iter().map(|(_, name)| *name).collect::<Vec<_>>());

    // The event clock has passed the last window by ten minutes, so the last day is all of it.
    let last_day: Timeline = get(site, "timeline?by=sensor");
    assert!(last_day.windows.starts_with(&by_sensor.windows), "{:?}", last_day.windows);
}

fn the_most_unusual_is_ranked(site: &Site, verdicts: &Verdicts) {
    let unusual: Unusual = get(site, &format!("unusual?{MORNING}"));
    let (first, last) = (verdicts.keys().next().unwrap(), verdicts.keys().next_back().unwrap());
    assert_eq!((unusual.range.start, unusual.range.end), (*first, *last + Span::from_secs(600)));
    for told in &unusual.sensors {
        let said: Vec<&Said> = verdicts.values().filter_map(|window| window.get(&told.sensor)).collect();
        let anomalies: Vec<Timestamp> = said.iter().flat_map(|said| said.anomalies.iter().copied()).collect();
        assert_eq!(told.anomalies, anomalies.len() as u64, "{told:?}");
        assert_eq!(told.intervals, said.iter().map(|said| said.rows).sum::<u64>());
        assert_eq!((told.first, told.last), (anomalies.first().copied(), anomalies.last().copied()));
        let highest = said.iter().map(|said| said.score).fold(0.0, f64::max);
        assert!((told.score.unwrap() - highest).abs() < 1e-9, "{told:?} is not {highest}");
        let explanation = told.explanation.as_ref().map(|explanation| explanation.words.clone());
        let of_highest = said.iter().filter(|said| (said.score - highest).abs() < 1e-12);
        assert!(of_highest.map(|said| said.explanation.clone()).any(|words| words == explanation), "{told:?}");
    }
    let rank = |at: usize| (unusual.sensors[at].score.unwrap(), unusual.sensors[at].anomalies);
    assert!((1..unusual.sensors.len()).all(|at| rank(at - 1) >= rank(at)));
    assert!(unusual.sensors[0].anomalies > 0, "the plant has faults");

    for together in &unusual.together {
        assert!(together.sensors.len() > 1);
        for sensor in &together.sensors {
            let near = together.time..=together.time + Span::from_secs(3 * 60);
            let mut anomalies =
                verdicts.values().filter_map(|window| window.get(sensor)).flat_map(|said| &said.anomalies);
            assert!(anomalies.any(|time| near.contains(time)), "{sensor} did not begin at {}", together.time);
        }
    }
    for device in &unusual.devices {
        assert!(device.windows.iter().eq(verdicts.keys()));
        for (share, said) in device.share.iter().zip(verdicts.values()) {
            let own = said.iter().filter(|(sensor, _)| sensor.starts_with(&format!("{}/", device.device)));
            let own: Vec<_> = own.map(|(_, said)| said).collect();
            let anomalous = own.iter().filter(|said| !said.anomalies.is_empty()).count();
            assert_eq!(share.is_some(), !own.is_empty());
            assert!(share.is_none_or(|share| (f64::from(share) - anomalous as f64 / own.len() as f64).abs() < 1e-3));
        }
    }
    let few: Unusual = get(site, &format!("unusual?{MORNING}&limit=1"));
    assert_eq!((few.sensors.len(), few.devices.len()), (1, 1));
    assert!(few.sensors[0].score.unwrap() > unusual.sensors[0].score.unwrap() - 0.005);
    let before: Unusual = get(site, "unusual?since=2026-03-01T00:00:00Z&until=2026-03-01T06:00:00Z");
    assert!(before.sensors.is_empty() && before.devices.is_empty());
}

fn what_cannot_be_answered_is_refused(site: &Site) {
    for (path, words) in [
        ("timeline?by=hour", "hour"),
        ("timeline?order=best", "best"),
        ("timeline?limit=0", "limit=0 is not from 1 to 1000"),
        ("timeline?since=yesterday", "since=yesterday is not a time"),
        ("timeline?since=2026-03-02T09:00:00Z&until=2026-03-02T08:00:00Z", "no time lies between"),
        ("timeline?pattern=press", "fits no sensor"),
        ("timeline?widht=3", "widht"),
        ("unusual?limit=1001", "limit=1001"),
        ("unusual?pattern=a/b", "pattern"),
    ] {
        let refused = refusal(site, path);
        assert!(refused.contains(words), "{path}: {refused}");
    }
}
