//! A store that an earlier version made is opened by this one, and gives the same answers.
//!
//! `tests/samples/stores/format-1/` is a store as the first format's version left it when it was killed: closed windows,
//! finished runs, an open journal, rejects, a session and readings that wait for the clock; beside it what that version
//! answered (`anomalyd dump`). `make.py` beside it makes such a folder of a binary.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::support::plant;
use crate::support::settings::Settings;
use crate::support::site::{Site, anomalyd};

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples/stores/format-1").join(name)
}

/// Where that store lies, with today's words for its settings.
fn settings() -> Settings {
    plant::settings()
        .with("clock", "\"wall\"")
        .with("window.interval", "\"1s\"")
        .with("window.length", "\"5s\"")
        .with("window.lateness", "\"1s\"")
        .with("schedule.cron", "\"*/5 * * * * *\"")
        .with("schedule.catch_up", "2")
        .with("schedule.settle", "\"1s\"")
        .with("limits.max_ahead", "\"5s\"")
}

fn unpacked() -> Site {
    let site = Site::new(&settings());
    let into = site.path("");
    let unpacked = Command::new("tar").arg("-xzf").arg(sample("store.tar.gz")).arg("-C").arg(into).status().unwrap();
    assert!(unpacked.success());
    site
}

fn command(site: &Site, arguments: &[&str]) -> String {
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
fn assert_same_answers(site: &Site) {
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

/// How many readings the stored windows of each sensor hold.
fn counted(site: &Site) -> BTreeMap<String, u64> {
    let mut counted = BTreeMap::new();
    for interval in lines(&command(site, &["export", "intervals", "--format", "jsonl"])) {
        let name = format!("{}/{}", interval["device"].as_str().unwrap(), interval["sensor"].as_str().unwrap());
        *counted.entry(name).or_default() += interval["count"].as_u64().unwrap();
    }
    counted
}

#[test]
fn a_store_of_the_first_format_is_brought_up_by_the_command() {
    let site = unpacked();
    let check = command(&site, &["check"]);
    assert!(check.contains("an earlier version made the store") && check.contains("anomalyd store upgrade"), "{check}");
    let said = command(&site, &["store", "upgrade"]);
    assert!(said.contains("3 sensors") && said.contains("5 runs"), "{said}");
    assert!(!said.contains("could not be read"), "{said}");
    assert_same_answers(&site);
    let said = command(&site, &["store", "upgrade"]);
    assert!(said.contains("already"), "{said}");
    assert!(!command(&site, &["check"]).contains("an earlier version"));
    // The old one is kept.
    let folders = fs::read_dir(site.path("store")).unwrap().map(|entry| entry.unwrap().path());
    let old: Vec<_> = folders.filter(|path| path.join("data/db").exists()).collect();
    assert!(old.len() == 1 && old[0].file_name().unwrap().to_str().unwrap().starts_with("replaced-"), "{old:?}");
}

#[test]
fn a_start_brings_a_store_of_the_first_format_up_and_goes_on_with_its_journal() {
    let site = unpacked();
    let mut daemon = site.start();
    assert!(daemon.text().contains("brought up"), "{}", daemon.text());
    daemon.wait_for("the open windows to be closed", |line| {
        line["message"].as_str().is_some_and(|message| message.starts_with("run finished"))
    });
    daemon.terminate();
    daemon.wait_until_ended();
    let counted = counted(&site);
    assert_eq!(counted["boiler/temperature"], 110, "{counted:?}");
    assert_eq!(counted["boiler/pressure"], 110, "{counted:?}");
    assert_eq!(counted["mill/speed"], 55, "{counted:?}");
    assert_same_answers(&site);
    command(&site, &["store", "check"]);
}

#[test]
fn a_store_that_does_not_fit_is_refused_and_left_as_it_is() {
    let site = unpacked();
    site.configure(&settings().with("window.interval", "\"2s\"").with("window.length", "\"10s\""));
    let output = anomalyd(&["store", "upgrade", "--config", site.config().to_str().unwrap()]);
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("interval of 1s and a window of 5s"), "{said}");
    site.configure(&settings());
    command(&site, &["store", "upgrade"]);
    assert_same_answers(&site);
}

#[test]
fn an_upgrade_that_is_killed_anywhere_leaves_the_old_store_or_the_new_one() {
    let site = unpacked();
    let config = site.config();
    // Later each time, until one comes to its end.
    for attempt in 1_u32.. {
        let mut upgrade = Command::new(env!("CARGO_BIN_EXE_anomalyd"));
        upgrade.args(["store", "upgrade", "--config"]).arg(&config).stdout(Stdio::null()).stderr(Stdio::null());
        let mut upgrade = upgrade.spawn().unwrap();
        thread::sleep(Duration::from_millis(10) * attempt);
        if upgrade.try_wait().unwrap().is_some() {
            break;
        }
        upgrade.kill().unwrap();
        upgrade.wait().unwrap();
        let dump = anomalyd(&["dump", "sensors", "--config", config.to_str().unwrap()]);
        let said = String::from_utf8_lossy(&dump.stderr).into_owned();
        match dump.status.success() {
            true => assert_same_answers(&site),
            false => assert!(said.contains("has format 1") || said.contains("was cut off"), "{attempt}: {said}"),
        }
    }
    assert_same_answers(&site);
    assert!(command(&site, &["store", "upgrade"]).contains("already"));
    command(&site, &["store", "check"]);
    let folders: Vec<_> = fs::read_dir(site.path("store")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    let of = |prefix: &str| folders.iter().filter(|name| name.to_str().unwrap().starts_with(prefix)).count();
    assert_eq!((of("replaced-"), of("rebuil")), (1, 0), "{folders:?}");
}
