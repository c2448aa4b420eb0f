//! Schedules: in zones, over a pause, through a year, and what is told of them.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use anomalyd::cli::demo::simulation::SimulatedReading;
use anomalyd::sensor::SensorName;
use anomalyd::time::{Span, Timestamp};
use serde_json::Value;

use crate::support::settings::Settings;
use crate::support::site::{Site, anomalyd};
use crate::support::{eventually, plant};

/// Windows of two seconds by the system's clock, scored in the zone of a place whose clocks change.
fn settings() -> Settings {
    Settings::shipped()
        .with("window.interval", "\"500ms\"")
        .with("window.length", "\"2s\"")
        .with("window.lateness", "\"100ms\"")
        .with("schedule.cron", "\"*/2 * * * * *\"")
        .with("schedule.zone", "\"Europe/Berlin\"")
        .with("schedule.offset", "\"100ms\"")
        .with("schedule.settle", "\"0s\"")
        .with("store.keep_intervals", "\"800s\"")
        .with_text("models.directory", plant::models())
}

fn now() -> Timestamp {
    Timestamp::default() + Span::from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap())
}

fn said(site: &Site, arguments: &[&str]) -> String {
    let config = site.config();
    let output = anomalyd(&[arguments, &["--config", config.to_str().unwrap()]].concat());
    String::from_utf8(output.stdout).unwrap()
}

/// The runs of the ledger that have ended, the oldest first: the ends of their windows, and why they began.
fn runs(site: &Site) -> Vec<(Timestamp, String)> {
    let runs = said(site, &["runs", "--json", "--last", "1000"]);
    let runs = runs.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let ended = runs.filter(|run| run["state"] == "finished");
    let mut ended: Vec<_> = ended.map(|run| (run["id"].as_u64().unwrap(), run)).collect();
    ended.sort_by_key(|(id, _)| *id);
    let end = |run: &Value| Timestamp::parse(run["window"]["end"].as_str().unwrap()).unwrap();
    ended.iter().map(|(_, run)| (end(run), run["trigger"].as_str().unwrap().to_owned())).collect()
}

#[test]
fn what_a_pause_left_is_scored_behind_what_is_due_and_each_window_once() {
    let site = Site::new(&settings());
    let daemon = site.start();
    eventually("a window is scored", || (!runs(&site).is_empty()).then_some(()));
    daemon.stop();
    let stopped = now();
    eventually("windows pass", || (now().since(stopped) > Span::from_secs(8)).then_some(()));
    let daemon = site.start();
    let all = eventually("what was missed is scored", || {
        let all = runs(&site);
        let last = all.iter().map(|(end, _)| *end).max()?;
        let first = all.iter().map(|(end, _)| *end).min()?;
        let is_whole = last.since(first) == Span::from_secs(2).times(all.len() as i64 - 1);
        (is_whole && all.iter().filter(|(_, trigger)| trigger == "catch-up").count() >= 3).then_some(all)
    });
    let of =
        |wanted: &str| -> Vec<_> { all.iter().filter(|(_, trigger)| trigger == wanted).map(|(end, _)| *end).collect() };
    assert!(of("schedule").is_sorted(), "{all:?}");
    // The last window goes first, whether or not its firing was before the start; then those that were missed, oldest first.
    let first = all.iter().position(|(end, _)| *end > stopped).unwrap();
    let missed = all[first + 1..].iter().filter(|(_, trigger)| trigger == "catch-up").map(|(end, _)| *end);
    let missed: Vec<_> = missed.collect();
    assert!(missed.len() >= 2 && missed.is_sorted(), "{all:?}");
    assert!(missed.iter().all(|end| *end < all[first].0), "live before missed: {all:?}");

    let told = said(&site, &["schedule"]);
    for words in [
        "group default: \"*/2 * * * * *\" (Europe/Berlin): windows of 2s, scored 200ms after a firing",
        "  last  20",
        "  next  20",
        "  scored",
        "+0",
    ] {
        assert!(told.contains(words), "{words:?}: {told}");
    }
    let answer: Value = serde_json::from_str(&said(&site, &["schedule", "--json"])).unwrap();
    let group = &answer["groups"][0];
    assert_eq!(
        (&group["zone"], &group["overlap"], &group["hop_seconds"]),
        (&"Europe/Berlin".into(), &"catch_up".into(), &2.0.into())
    );
    assert!(answer["silent_seconds"].as_f64().unwrap() < 60.0, "{answer}");
    daemon.stop();
}

/// A day's windows of two groups: one is scored by night in Berlin, the other at midnight in New York.
fn two_zones() -> Settings {
    let west =
        "[{ name = \"west\", sensors = \"press-1/*\", schedule = { cron = \"@daily\", zone = \"America/New_York\" } }]";
    Settings::shipped()
        .with("clock", "\"event\"")
        .with("window.interval", "\"1h\"")
        .with("window.length", "\"1d\"")
        .with("schedule.cron", "\"30 2 * * *\"")
        .with("schedule.zone", "\"Europe/Berlin\"")
        .with("schedule.event_idle", "\"never\"")
        .with("store.keep_runs", "\"400d\"")
        .with("group", west)
        .with_text("models.directory", plant::models())
}

/// A reading each twelve hours of one sensor of each group.
fn a_year() -> Vec<SimulatedReading> {
    let start = Timestamp::parse("2026-01-01 03:00").unwrap();
    let times = (0..366 * 2).map(|half_days| start + Span::from_secs(43_200).times(half_days));
    let sensors = ["oven-3", "press-1"].map(|device| SensorName::new(device, "temperature").unwrap());
    times.flat_map(|time| sensors.clone().map(|sensor| SimulatedReading { sensor, time, value: 200.5 })).collect()
}

#[test]
fn two_groups_in_different_zones_live_through_a_year_of_history_and_a_kill() {
    let site = Site::new(&two_zones());
    let mut daemon = site.start();
    let year = a_year();
    let (before, after) = year.split_at(year.len() / 2);
    plant::publish_all(site.port(), before);
    daemon.kill();
    let daemon = site.start();
    plant::publish_all(site.port(), after);
    let days = eventually("the year is scored", || {
        let runs = said(&site, &["runs", "--json", "--last", "2000"]);
        let runs = runs.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let mut days: BTreeMap<String, Vec<Timestamp>> = BTreeMap::new();
        for run in runs.filter(|run| run["state"] == "finished" && run["sensors"] != 0) {
            let start = Timestamp::parse(run["window"]["start"].as_str().unwrap()).unwrap();
            days.entry(run["group"].as_str().unwrap().to_owned()).or_default().push(start);
        }
        (days.len() == 2 && days.values().all(|days| days.len() >= 364)).then_some(days)
    });
    let new_year = Timestamp::parse("2026-01-01 00:00").unwrap();
    for (group, mut days) in days {
        days.sort_unstable();
        let first = days[0];
        assert!(first.since(new_year) <= Span::from_secs(86_400), "{group}: {first}");
        let expected: Vec<_> = (0..days.len()).map(|day| first + Span::from_secs(86_400).times(day as i64)).collect();
        assert_eq!(days, expected, "{group}: each day once");
    }
    let told = said(&site, &["schedule"]);
    for words in [
        "group west: \"@daily\" (America/New_York)",
        "00:00:00-05:00",
        "02:30:00+01:00",
        "  scored",
        "the readings decide",
    ] {
        assert!(told.contains(words), "{words:?}: {told}");
    }
    daemon.stop();
}

/// A default group whose runs begin later, and one whose windows overlap and whose runs begin later still.
fn groups_of_a_history() -> Settings {
    let west = "[{ name = \"west\", sensors = \"press-1/*\", window = { hop = \"20m\" }, schedule = { cron = \"*/20 * * * *\", offset = \
                \"90m\" } }]";
    Settings::shipped()
        .with("clock", "\"event\"")
        .with("schedule.offset", "\"10m\"")
        .with("schedule.event_idle", "\"300ms\"")
        .with("store.keep_intervals", "\"72h\"")
        .with("group", west)
        .with_text("models.directory", plant::models())
}

#[test]
fn the_end_of_a_history_scores_the_last_windows_of_all_groups_however_late_their_runs_begin() {
    let site = Site::new(&groups_of_a_history());
    let daemon = site.start();
    let start = Timestamp::parse("2026-03-01 03:00").unwrap();
    let sensors = ["oven-3", "press-1"].map(|device| SensorName::new(device, "temperature").unwrap());
    let times = (0..26).map(|minute| start + Span::from_secs(60).times(minute));
    let readings: Vec<_> =
        times.flat_map(|time| sensors.clone().map(|sensor| SimulatedReading { sensor, time, value: 200.5 })).collect();
    plant::publish_all(site.port(), &readings);
    let ends = |group: &str| {
        let runs = said(&site, &["runs", "--json", "--last", "1000", "--group", group]);
        let runs = runs.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let mut ended: Vec<_> = runs.filter(|run| run["state"] == "finished").collect();
        ended.sort_by_key(|run| run["id"].as_u64());
        ended.iter().map(|run| run["window"]["end"].as_str().unwrap()[11..16].to_owned()).collect::<Vec<_>>()
    };
    eventually("the last windows are scored", || {
        (ends("west").last()? == "04:00" && ends("default").last()? == "04:00").then_some(())
    });
    assert_eq!(ends("west"), ["03:00", "03:20", "03:40", "04:00"]);
    assert_eq!(ends("default"), ["03:00", "04:00"]);
    let listed = said(&site, &["runs"]);
    assert!(listed.lines().next().unwrap().contains("group") && listed.contains("west"), "{listed}");
    let shown = said(&site, &["runs", "show", "0"]);
    assert!(shown.lines().next().unwrap().contains("of the group west") || shown.contains("run 0 of 2026"), "{shown}");
    daemon.stop();
}
