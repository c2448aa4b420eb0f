//! How long acknowledgements wait for company.

use std::thread;
use std::time::Duration;

use crate::support::device::{Device, publish};
use crate::support::in_process::InProcess;
use crate::support::site::Site;
use crate::support::{alone, plant};
use anomalyd::telemetry::metrics;

const CONNECT: &[u8] = b"\x10\x10\x00\x04MQTT\x04\x02\x00\x00\x00\x04pump";
const TOPIC: &str = "plant/pump-2/flow";

fn payload(second: u16) -> Vec<u8> {
    format!(r#"{{"ts":"2026-03-02T06:00:{second:02}Z","value":145.5}}"#).into_bytes()
}

#[test]
fn messages_that_come_one_by_one_share_commits_when_they_may_wait_for_company() {
    let _alone = alone();
    let site = Site::new(&plant::settings().with("store.commit_delay", "\"10s\""));
    let daemon = InProcess::start(&site);
    let mut device = Device::connect(site.port(), CONNECT);
    let before = metrics::COMMITS.get();
    for message in 0..30 {
        device.say(&publish(0x32, TOPIC, message + 1, &payload(message)));
        thread::sleep(Duration::from_millis(5));
    }
    for message in 0..30_u16 {
        let [high, low] = (message + 1).to_be_bytes();
        device.expect(&[0x40, 2, high, low]);
    }
    let commits = metrics::COMMITS.get() - before;
    assert!(commits < 15, "{commits} commits for 30 messages");
    drop(daemon);
}

#[test]
fn beyond_the_budget_acknowledgements_wait_by_themselves_and_the_log_says_so_once() {
    // An hour's share of this budget is ten commits.
    let site = Site::new(&plant::settings().with("store.daily_write_budget", "\"1 MiB\""));
    let mut daemon = site.start();
    let mut device = Device::connect(site.port(), CONNECT);
    for message in 0..14 {
        device.publish(TOPIC, &payload(message));
    }
    let stretches = |line: &serde_json::Value| {
        line["message"].as_str().is_some_and(|message| message.contains("store.daily_write_budget"))
    };
    let line = daemon.wait_for("acknowledgements wait", stretches);
    assert_eq!((&line["level"], &line["at_most"]), (&"WARN".into(), &"1s".into()));
    assert_eq!(daemon.said(line["message"].as_str().unwrap()), 1);
}
