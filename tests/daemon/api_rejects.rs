//! An input is rejected, the configuration is mended, and the input is taken in after all: once.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::device::{CONNECT, Device};
use crate::support::eventually;
use crate::support::plant;
use crate::support::settings::Settings;
use crate::support::site::{Site, anomalyd};

fn settings() -> Settings {
    plant::settings().with("filter", "[{ sensors = \"*/pressure\", max = 1000.0 }]")
}

/// What a command says on its output, and how it ends.
fn run(site: &Site, arguments: &[&str]) -> (Option<i32>, String) {
    let config = site.config();
    let output = anomalyd(&[arguments, &["--config", config.to_str().unwrap()]].concat());
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&said).into_owned())
}

fn lines(said: &str) -> Vec<Value> {
    let lines = said.lines().filter(|line| line.starts_with('{'));
    lines.map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{said}"))).collect()
}

/// The rejects of a kind, the newest first.
fn of_kind(site: &Site, kind: &str) -> Vec<Value> {
    let (code, said) = run(site, &["rejects", "--json", "--kind", kind]);
    assert_eq!(code, Some(0), "{said}");
    lines(&said)
}

fn id(reject: &Value) -> &str {
    reject["id"].as_str().unwrap()
}

/// The readings of a sensor that count, as the journal and the raw history have them: time and value.
fn readings(site: &Site, sensor: &str) -> Vec<(String, f64)> {
    let (code, said) = run(site, &["export", "readings", "--format", "jsonl", "--sensor", sensor]);
    assert_eq!(code, Some(0), "{said}");
    lines(&said).iter().map(|row| (row["time"].as_str().unwrap().to_owned(), row["value"].as_f64().unwrap())).collect()
}

fn reading(time: &str, value: f64) -> Vec<u8> {
    json!({ "ts": format!("2026-03-02T{time}Z"), "value": value }).to_string().into_bytes()
}

/// One reject of each kind that a device can cause here, and what counts beside them.
fn reject_each(site: &Site) {
    let mut device = Device::connect(site.port(), CONNECT);
    device.publish("plant/press-1/flow", &reading("06:00:00", 1.0));
    device.publish("Plant/press-1/flow", &reading("06:00:10", 1.5));
    device.publish("plant/press-1/flow", b"{\"ts\": 1, \"valu\": 2}");
    device.publish("plant/press-1/flow", b"\xff\x00");
    device.publish("plant/press-1/pressure", &reading("06:00:20", 5000.0));
    device.publish("plant/press-1/flow", &reading("06:00:00", 3.0));
    device.publish("plant/press-1/flow", b"{\"ts\": \"1999-01-01T00:00:00Z\", \"value\": 2}");
    device.publish("plant//flow", &reading("06:00:30", 1.0));
}

#[test]
fn rejects_of_every_kind_say_why_and_those_that_a_mended_configuration_takes_count_once() {
    let site = Site::new(&settings());
    let daemon = site.start();
    reject_each(&site);
    let (code, said) = run(&site, &["rejects"]);
    assert_eq!(code, Some(0), "{said}");
    for words in [
        "no route takes this topic; the nearest is route 1, plant/{device}/{sensor}: its level 1 is \"plant\", and the topic has \"Plant\" there (capitals count)",
        "the value at /value is missing",
        "the payload is not UTF-8 text",
        "5000 is above the highest accepted value 1000",
        "3 contradicts 1, stored for the same time",
        "is outside the accepted span",
        "the topic names no sensor: the device name is empty",
    ] {
        assert!(said.contains(words), "{words} is not in {said}");
    }
    let conflict = &of_kind(&site, "conflict")[0];
    assert_eq!(conflict["reading"], json!({ "sensor": "press-1/flow", "time": "2026-03-02T06:00:00Z", "value": 3.0 }));
    let pressure = of_kind(&site, "out_of_range").remove(0);
    assert_eq!(pressure["topic"], "plant/press-1/pressure");
    assert_eq!(pressure["reading"]["value"], 5000.0);
    let binary = of_kind(&site, "payload").remove(0);
    assert_eq!(binary["payload"], json!({ "base64": "/wA=" }));
    let (code, said) = run(&site, &["rejects", "show", id(&binary)]);
    assert!(code == Some(0) && said.contains("/wA= (base64)"), "{said}");

    // Nothing is mended yet.
    let (code, said) = run(&site, &["rejects", "test", id(&pressure)]);
    assert!(code == Some(1) && said.contains("5000 is above the highest accepted value 1000"), "{said}");
    let (code, said) = run(&site, &["rejects", "replay", id(&pressure)]);
    assert_eq!(code, Some(1), "{said}");
    assert_eq!(of_kind(&site, "out_of_range").len(), 1, "a replay in vain is no further reject");

    // The configuration is mended, and tried before the restart.
    let mended = settings()
        .with("filter", "[{ sensors = \"*/pressure\", max = 10000.0 }]")
        .with("mqtt.route", "[{ topic = \"plant/{device}/{sensor}\" }, { topic = \"Plant/{device}/{sensor}\" }]");
    site.configure(&mended);
    let (code, said) = run(&site, &["rejects", "test", "--offline", id(&pressure)]);
    assert!(code == Some(0) && said.contains("no daemon was asked"), "{said}");
    daemon.stop();

    // Without a daemon rejects are read all the same, and nothing is taken in.
    let no_route = of_kind(&site, "no_route").remove(0);
    assert!(run(&site, &["rejects", "test", id(&no_route)]).1.contains("route 2, Plant/{device}/{sensor}, takes it"));
    let (code, said) = run(&site, &["rejects", "replay", id(&no_route)]);
    assert!(code == Some(1) && said.contains("no daemon runs on the store"), "{said}");

    let daemon = site.start();
    let (code, said) = run(&site, &["rejects", "test", id(&pressure)]);
    assert!(code == Some(0) && said.contains("1 reading counts"), "{said}");
    assert_eq!(readings(&site, "press-1/pressure"), [], "a test takes nothing in");
    let (code, said) = run(&site, &["rejects", "replay", id(&pressure), id(&no_route)]);
    assert!(code == Some(0) && said.contains("2 were taken in, 0 were not"), "{said}");
    // The name of a new sensor comes to the readers behind the answer.
    let pressure_readings = eventually("the replayed reading is exported", || {
        Some(readings(&site, "press-1/pressure")).filter(|readings| !readings.is_empty())
    });
    assert_eq!(pressure_readings, [("2026-03-02T06:00:20Z".to_owned(), 5000.0)]);
    let flow = [("2026-03-02T06:00:00Z".to_owned(), 1.0), ("2026-03-02T06:00:10Z".to_owned(), 1.5)];
    assert_eq!(readings(&site, "press-1/flow"), flow);

    // Again it is refused, and counts nothing when it is insisted on.
    let (code, said) = run(&site, &["rejects", "replay", id(&pressure)]);
    assert!(code == Some(1) && said.contains("was replayed already"), "{said}");
    let (code, said) = run(&site, &["rejects", "replay", "--again", id(&pressure)]);
    assert!(code == Some(0) && said.contains("is there already"), "{said}");
    assert_eq!(readings(&site, "press-1/pressure").len(), 1);
    assert!(run(&site, &["rejects", "show", id(&pressure)]).1.contains("replayed  yes"));
    let (code, said) = run(&site, &["rejects", "show", "999999-0"]);
    assert!(code == Some(1) && said.contains("no reject 999999-0 is kept"), "{said}");
    let (code, said) = run(&site, &["store", "check"]);
    assert!(code == Some(0) && said.contains("the store is sound"), "{said}");
    daemon.stop();
}

#[test]
fn a_daemon_that_is_killed_remembers_what_was_replayed_or_takes_it_in_again_without_counting_it_twice() {
    let site = Site::new(&settings());
    let mut daemon = site.start();
    let mut device = Device::connect(site.port(), CONNECT);
    for second in 0..6 {
        device.publish("Plant/press-1/flow", &reading(&format!("06:00:0{second}"), f64::from(second)));
    }
    // What is acknowledged is in the journal, with its message.
    daemon.kill();
    let mended = settings().with("mqtt.route", "[{ topic = \"Plant/{device}/{sensor}\" }]");
    site.configure(&mended);
    let mut daemon = site.start();
    let kept = of_kind(&site, "no_route");
    assert_eq!(kept.len(), 6);
    assert!(kept.iter().all(|reject| reject["payload"]["text"].is_string()), "{kept:?}");
    assert_eq!(run(&site, &["rejects", "replay", id(&kept[5]), id(&kept[4])]).0, Some(0));
    daemon.kill();

    let mut daemon = site.start();
    let replayed = of_kind(&site, "no_route").iter().filter(|reject| reject["is_replayed"] == true).count();
    assert_eq!(replayed, 2, "a replay that was answered is remembered");
    // Killed while it goes on, however far it has come.
    let config = site.config();
    let mut replay = Command::new(env!("CARGO_BIN_EXE_anomalyd"));
    replay.args(["rejects", "replay", "--kind", "no_route", "--config"]).arg(&config);
    let mut replay = replay.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap();
    daemon.kill();
    replay.wait().unwrap();

    let daemon = site.start();
    let (code, said) = run(&site, &["rejects", "replay", "--again", "--kind", "no_route"]);
    assert_eq!(code, Some(0), "{said}");
    let expected: Vec<_> = (0..6).map(|second| (format!("2026-03-02T06:00:0{second}Z"), f64::from(second))).collect();
    let flow = eventually("the replayed readings are exported", || {
        Some(readings(&site, "press-1/flow")).filter(|readings| !readings.is_empty())
    });
    assert_eq!(flow, expected);
    daemon.stop();
}

#[test]
fn a_message_is_tested_by_the_daemon_and_without_it() {
    let site = Site::new(&settings());
    let test = |arguments: &[&str]| run(&site, &[&["test"], arguments].concat());
    let (code, said) =
        test(&["--topic", "plant/press-1/flow", "--payload", "{\"ts\": \"2026-03-02T06:00:00Z\", \"value\": 3}"]);
    assert!(code == Some(0) && said.contains("route     1, plant/{device}/{sensor}"), "{said}");
    assert!(said.contains("press-1/flow  2026-03-02T06:00:00Z  3  counts"), "{said}");
    assert!(said.contains("lateness, repeats and deadbands were not judged"), "{said}");
    let (code, said) = test(&["--topic", "plant/press-1", "--payload", "3"]);
    assert!(code == Some(1) && said.contains("it takes topics of 3 levels, and this one has 2"), "{said}");

    let daemon = site.start();
    let mut device = Device::connect(site.port(), CONNECT);
    device.publish("plant/press-1/flow", &reading("06:00:00", 1.0));
    device.publish("plant/press-1/flow", &reading("06:30:00", 1.0));
    for (time, value, words) in [
        ("06:30:00", "1.0", "is passed over: the same reading is there already"),
        ("06:30:00", "2.0", "is rejected: 2 contradicts 1"),
        ("06:00:00", "1.0", "is rejected: its time 2026-03-02T06:00:00Z lies before the sensor's watermark"),
        ("06:31:00", "1.0", "counts"),
    ] {
        let payload = format!("{{\"ts\": \"2026-03-02T{time}Z\", \"value\": {value}}}");
        let (_, said) = test(&["--topic", "plant/press-1/flow", "--payload", &payload]);
        assert!(said.contains(words), "{words} is not in {said}");
    }
    // A sensor that nobody has heard of does not become known by a test.
    let sensors = site.dump("sensors");
    assert_eq!(test(&["--topic", "plant/new/flow", "--payload", "{\"ts\": 1772434800, \"value\": 1}"]).0, Some(0));
    assert_eq!(site.dump("sensors"), sensors);
    let file = site.path("payload");
    fs::write(&file, b"\xff\xfe").unwrap();
    let (code, said) = test(&["--topic", "plant/press-1/flow", "--payload-file", file.to_str().unwrap(), "--json"]);
    assert_eq!(code, Some(1));
    assert!(lines(&said)[0]["rejects"][0].as_str().unwrap().contains("not UTF-8"), "{said}");
    daemon.stop();
}

/// A store that the version before this one left when it was killed: its rejects have no messages.
#[test]
fn the_rejects_of_an_earlier_version_are_read_beside_those_of_this_one() {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples/stores/rejects-without-messages");
    let site = Site::new(
        &plant::settings()
            .with("filter", "[{ sensors = \"*/pressure\", max = 1000.0 }]")
            .with("store.rejects", "8")
            .without_key("store.keep_intervals"),
    );
    let unpacked =
        Command::new("tar").arg("-xzf").arg(sample.join("store.tar.gz")).arg("-C").arg(site.path("")).status().unwrap();
    assert!(unpacked.success());
    let then = lines(&fs::read_to_string(sample.join("rejects.jsonl")).unwrap());
    let check = |site: &Site| {
        let now = lines(&site.dump("rejects"));
        for (then, now) in then.iter().zip(&now) {
            then.as_object().unwrap().iter().for_each(|(member, value)| assert_eq!(&now[member], value, "{now:#}"));
        }
        now.len()
    };
    assert_eq!(check(&site), then.len());
    let daemon = site.start();
    let mut device = Device::connect(site.port(), CONNECT);
    device.publish("Plant/press-1/flow", b"7");
    assert_eq!(check(&site), then.len() + 1);
    let kept = of_kind(&site, "no_route");
    assert_eq!(kept[0]["payload"], json!({ "text": "7" }));
    assert_eq!(kept[1]["payload"], Value::Null);
    let (code, said) = run(&site, &["rejects", "test", id(&kept[1])]);
    assert!(code == Some(1) && said.contains("is kept without its message"), "{said}");
    daemon.stop();
    assert_eq!(check(&site), then.len() + 1);
    let (code, said) = run(&site, &["store", "check"]);
    assert!(code == Some(0) && said.contains("the store is sound"), "{said}");
}
