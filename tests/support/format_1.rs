//! A store that a daemon of the first format left, and what its version answered.
//!
//! `tests/samples/stores/format-1/` is that store, as it was when the daemon was killed: closed windows, finished runs, an
//! open journal, rejects, a session and readings that wait for the clock; beside it what that version answered
//! (`anomalyd dump`). `make.py` there makes such a folder of a binary.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::plant;
use super::settings::Settings;
use super::site::{Site, anomalyd};

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples/stores/format-1").join(name)
}

/// Where that store lies, with today's words for its settings; but its clock was that of the wall. A wall's clock would
/// pass over more windows than are kept, as the sample grows old.
pub(crate) fn settings() -> Settings {
    plant::settings()
        .with("window.interval", "\"1s\"")
        .with("window.length", "\"5s\"")
        .with("window.lateness", "\"1s\"")
        .with("schedule.cron", "\"*/5 * * * * *\"")
        .with("schedule.catch_up", "2")
        .with("schedule.event_idle", "\"1s\"")
        .with("limits.max_ahead", "\"5s\"")
}

pub(crate) fn unpacked() -> Site {
    let site = Site::new(&settings());
    let into = site.path("");
    let unpacked = Command::new("tar").arg("-xzf").arg(sample("store.tar.gz")).arg("-C").arg(into).status().unwrap();
    assert!(unpacked.success());
    site
}

pub(crate) fn command(site: &Site, arguments: &[&str]) -> String {
    let config = site.config();
    let output = anomalyd(&[arguments, &["--config", config.to_str().unwrap()]].concat());
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{arguments:?}: {text}");
    text
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What the version that made the store answered is part of what this one answers; a later version may say more.
pub(crate) fn assert_same_answers(site: &Site) {
    for what in ["sensors", "rejects", "runs", "verdicts", "models"] {
        let (then, now) =
            (lines(&fs::read_to_string(sample(&format!("{what}.jsonl"))).unwrap()), lines(&site.dump(what)));
        assert!(now.len() >= then.len(), "{what}: {now:#?}");
        for (then, now) in then.iter().zip(&now) {
            for (member, value) in then.as_object().unwrap() {
                // A scope was a number of sensors.
                if (what, member.as_str()) != ("runs", "scope") {
                    assert_eq!(&now[member], value, "{what}: {member} of {now:#}");
                }
            }
        }
    }
}

/// Whether the readings count that waited for the clock: they were ahead of it by a day, so the event clock has moved on,
/// and the ring has passed over the windows before.
pub(crate) fn has_moved_on(site: &Site) -> bool {
    let starts: Vec<_> = lines(&site.dump("runs")).iter().map(|run| run["window_start"].to_string()).collect();
    let day = |start: &String| start.get(..11).map(str::to_owned);
    starts.first().and_then(day) != starts.last().and_then(day)
}

/// How many readings the stored windows of each sensor hold.
pub(crate) fn counted(site: &Site) -> BTreeMap<String, u64> {
    let mut counted = BTreeMap::new();
    for interval in lines(&command(site, &["export", "intervals", "--format", "jsonl"])) {
        let name = format!("{}/{}", interval["device"].as_str().unwrap(), interval["sensor"].as_str().unwrap());
        *counted.entry(name).or_default() += interval["count"].as_u64().unwrap();
    }
    counted
}
