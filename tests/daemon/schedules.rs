//! Schedules by the system's clock: in a zone, over a pause, and what is told of them.

use std::time::{SystemTime, UNIX_EPOCH};

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
    for trigger in ["schedule", "catch-up"] {
        assert!(of(trigger).is_sorted(), "{trigger}: {all:?}");
    }
    let first_missed = all.iter().position(|(_, trigger)| trigger == "catch-up").unwrap();
    assert!(all[..first_missed].iter().any(|(end, _)| *end > all[first_missed].0), "live before missed: {all:?}");

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
