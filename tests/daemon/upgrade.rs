//! A store that an earlier version made is opened by this one, and gives the same answers.

use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::support::format_1::{assert_same_answers, command, counted, settings, unpacked};
use crate::support::site::anomalyd;

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
