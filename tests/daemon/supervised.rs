//! What is supervised besides models, and what an operator can do: the tree, a release, a listener that panics, and a
//! process that ends again and again.

use std::fs::File;
use std::net::TcpStream;

use serde_json::Value;

use crate::support::daemon::Daemon;
use crate::support::device::{CONNECT, Device};
use crate::support::in_process::InProcess;
use crate::support::site::{Site, anomalyd};
use crate::support::{alone, eventually, plant};

/// What a command says, and its exit code.
fn ask(site: &Site, arguments: &[&str]) -> (String, Option<i32>) {
    let config = site.config();
    let output = anomalyd(&[arguments, &["--config", config.to_str().unwrap()]].concat());
    let said = [output.stdout, output.stderr].concat();
    (String::from_utf8(said).unwrap(), output.status.code())
}

fn tree(site: &Site) -> Value {
    serde_json::from_str(&ask(site, &["status", "--tree", "--json"]).0).unwrap()
}

#[test]
fn a_quarantined_model_is_in_the_tree_with_its_reason_until_it_is_released_and_scores() {
    let _alone = alone();
    let scenario = fail::FailScenario::setup();
    fail::cfg("sensor::score pump-2/flow", "2*return(out of tea)->off").unwrap();
    let site = Site::new(
        &plant::settings().with("supervision.quarantine_after", "2").with("supervision.backoff_min", "\"10ms\""),
    );
    let daemon = InProcess::start(&site);
    plant::publish_all(site.port(), &plant::readings(7)[..60 * 15 * 3]);
    let troubled = eventually("a model is quarantined", || {
        let tree = tree(&site);
        (tree["models"]["quarantined"] == 1).then_some(tree)
    });
    let model = &troubled["troubled"][0];
    assert_eq!((&model["sensor"], &model["standing"]), (&"pump-2/flow".into(), &"quarantined".into()));
    assert_eq!((&model["failures"], &model["reason"]), (&2.into(), &"out of tea".into()));
    assert_eq!(troubled["models"]["at_work"], 14);
    let (said, _) = ask(&site, &["status", "--tree"]);
    assert!(said.contains("14 at work, 1 quarantined"), "{said}");
    for part in [
        "committer",
        "counts of the last minutes",
        "keeper",
        "listener",
        "local socket",
        "model watcher",
        "recorder",
        "scheduler",
        "sensors' supervisor",
        "watch for conditions",
    ] {
        assert!(said.contains(&format!("─ {part} ")), "{part}: {said}");
    }
    assert!(said.contains("after 2 failures: out of tea"), "{said}");
    assert_eq!(ask(&site, &["models", "release", "press-1/*"]).0, "no model of press-1/* is paused or quarantined\n");
    assert_eq!(ask(&site, &["models", "release", "pump-2/*"]).0, "1 model is tried again\n");
    plant::publish_all(site.port(), &plant::readings(7)[60 * 15 * 3..60 * 15 * 5]);
    eventually("the model scores again", || (tree(&site)["models"]["at_work"] == 15).then_some(()));
    drop(daemon);
    scenario.teardown();
}

#[test]
fn a_listener_that_panics_begins_anew_on_its_port_and_its_connections_stay() {
    let _alone = alone();
    let scenario = fail::FailScenario::setup();
    let site = Site::new(&plant::settings());
    let daemon = InProcess::start(&site);
    let mut before = Device::connect(site.port(), CONNECT);
    fail::cfg("listener::accept", "1*panic(out of tea)->off").unwrap();
    // The loop that waits for a connection panics after it has taken one.
    drop(TcpStream::connect(("127.0.0.1", site.port())).unwrap());
    let listener = eventually("the listener began anew", || {
        let parts = tree(&site)["parts"].clone();
        parts.as_array().unwrap().iter().find(|part| part["name"] == "listener" && part["restarts"] == 1).cloned()
    });
    assert!(listener["reason"].as_str().unwrap().starts_with("it panicked: "), "{listener}");
    let other = [&CONNECT[..CONNECT.len() - 1], b"2"].concat();
    let mut after = Device::connect(site.port(), &other);
    for device in [&mut before, &mut after] {
        device.publish("plant/press-1/flow", br#"{"value": 1.5}"#);
    }
    drop(daemon);
    scenario.teardown();
}

#[test]
fn a_process_that_ends_again_and_again_waits_before_it_starts_and_its_socket_says_why() {
    let site = Site::new(&plant::settings().with("supervision.short_lives", "2"));
    for _ in 0..2 {
        let mut daemon = site.start();
        daemon.kill();
    }
    let mut waiting: Daemon = site.spawn();
    let (said, code) = eventually("the socket answers", || {
        let answer = ask(&site, &["status"]);
        answer.0.contains("in a row").then_some(answer)
    });
    assert!(said.contains("the daemon has ended 2 times in a row within two minutes of its start"), "{said}");
    assert!(said.contains("it was killed or crashed: see the log of the system"), "{said}");
    assert_ne!(code, Some(0));
    // What ends it while it waits is no life that was short.
    for _ in 0..2 {
        waiting.kill();
        waiting = site.spawn();
        waiting.wait_for("it waits", |line| {
            line["message"].as_str().is_some_and(|text| text.starts_with("the daemon has ended 2 times in a row"))
        });
    }
    waiting.wait_until_ready();
    waiting.stop();
    // It was told to end: that is none of the lives that count.
    site.start().stop();
}

#[test]
fn a_start_that_waits_for_a_copy_of_the_store_ends_when_it_is_told_to() {
    let site = Site::new(&plant::settings());
    site.start().stop();
    let copying = File::open(site.path("store/lock")).unwrap();
    copying.lock_shared().unwrap();
    let mut waiting = site.spawn();
    waiting.wait_for("it waits", |line| {
        line["message"].as_str().is_some_and(|text| text.starts_with("a command is copying the store"))
    });
    waiting.stop();
    let mut waiting = site.spawn();
    waiting.wait_for("it waits again", |line| {
        line["message"].as_str().is_some_and(|text| text.starts_with("a command is copying the store"))
    });
    drop(copying);
    waiting.wait_until_ready();
    waiting.stop();
}
