//! The reference's readings, replayed through the whole daemon, give the reference's own answers.

use std::collections::BTreeMap;
use std::path::Path;

use crate::support::mosquitto::Mosquitto;
use crate::support::reference::reference;
use crate::support::settings::Settings;
use crate::support::site::{Site, anomalyd};

const LAST_WINDOW: &str = "2018-08-29T03:00:00Z";
const SUSPICIOUS: [&str; 3] = ["1/2", "1/5", "2/5"];

fn settings(reference: &Path) -> Settings {
    Settings::shipped()
        .with("clock", "\"event\"")
        .with("window.interval", "\"5s\"")
        .with("schedule.event_idle", "\"2s\"")
        .with("publish.files.decisions", "true")
        .with_text("models.directory", reference.join("models"))
}

/// Replays the reference's readings to a port; all must be acknowledged.
fn replay(reference: &Path, port: u16) {
    let data = reference.join("sensor_data.csv");
    let to = format!("mqtt://127.0.0.1:{port}");
    let output = anomalyd(&["replay", data.to_str().unwrap(), "--to", &to, "--speed", "max"]);
    assert!(output.status.success(), "{output:?}");
}

/// The prediction files of all windows, one text a sensor, without their headers.
fn joined(predictions: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut sensors = BTreeMap::<String, String>::new();
    // The names of a sensor's files end in the times of their windows: they come in that order.
    for (name, text) in predictions {
        let (sensor, _) = name.rsplit_once('_').unwrap();
        let (header, rows) = text.split_once('\n').unwrap();
        assert_eq!(header, "TS,Device,Tag,Val,Prediction,Decision");
        sensors.entry(sensor.to_owned()).or_default().push_str(rows);
    }
    sensors
}

/// Holds the rows of all sensors against the golden ones.
fn compare_with_golden(reference: &Path, sensors: &BTreeMap<String, String>) {
    let (mut rows, mut ties) = (0, 0);
    assert_eq!(sensors.len(), 10);
    for (sensor, found) in sensors {
        let golden = std::fs::read_to_string(reference.join(format!("golden/{sensor}.csv"))).unwrap();
        assert_eq!(found.lines().count(), golden.lines().count() - 1, "{sensor}");
        for (found, golden) in found.lines().zip(golden.lines().skip(1)) {
            let [found, golden] = [found, golden].map(|line| line.split(',').collect::<Vec<_>>());
            let number = |text: &str| text.parse::<f64>().unwrap();
            assert_eq!(found[..3], golden[..3], "{sensor}");
            assert!((number(found[3]) - number(golden[3])).abs() < 1e-12, "{found:?} for {golden:?}");
            let decision = number(golden[5]);
            assert!((number(found[5]) - decision).abs() <= 1e-12, "{found:?} for {golden:?}");
            if decision.abs() > 1e-9 {
                assert_eq!(found[4], golden[4], "{sensor}: {found:?} for {golden:?}");
            } else {
                ties += 1;
            }
            rows += 1;
        }
    }
    println!("{rows} rows compared, {ties} of them too close to zero to hold the prediction against");
}

/// Waits for the last window's files, and stops the daemon.
fn finish(site: &Site, mut daemon: crate::support::daemon::Daemon) -> BTreeMap<String, String> {
    daemon.wait_until_published("files", LAST_WINDOW);
    for sensor in SUSPICIOUS {
        daemon.wait_for(&format!("{sensor} is suspicious"), |line| {
            line["sensor"] == sensor && line["message"].as_str().unwrap().contains("suspicious model")
        });
    }
    daemon.stop();
    assert_eq!(site.dump("rejects"), "");
    site.predictions()
}

#[test]
fn readings_replayed_to_the_listener_and_scored_offline_give_the_golden_answers_and_equal_files() {
    let Some(reference) = reference() else { return };
    let site = Site::new(&settings(&reference));
    let daemon = site.start();
    replay(&reference, site.port());
    let sensors = joined(&finish(&site, daemon));
    compare_with_golden(&reference, &sensors);

    let [models, data, out] = [reference.join("models"), reference.join("sensor_data.csv"), site.path("offline")]
        .map(|path| path.display().to_string());
    let output =
        anomalyd(&["score", "--models", &models, "--data", &data, "--out", &out, "--interval", "5s", "--decisions"]);
    let report = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{report}");
    for sensor in SUSPICIOUS {
        assert!(report.contains(&format!("suspicious  {sensor}:")), "{report}");
    }
    let offline = std::fs::read_dir(&out).unwrap().map(|file| file.unwrap().path());
    let offline: BTreeMap<_, _> = offline
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read_to_string(path).unwrap()))
        .collect();
    assert_eq!(joined(&offline), sensors);
}

#[test]
fn readings_replayed_through_a_broker_give_the_golden_answers() {
    let Some(reference) = reference() else { return };
    let Some(broker) = Mosquitto::start("max_queued_messages 0") else { return };
    let connect = format!("{{ port = {} }}", broker.port());
    let site = Site::new(&settings(&reference).without_listener().with("mqtt.connect", &connect));
    let mut daemon = site.start();
    daemon.wait_for("subscribed", |line| line["message"] == "subscribed");
    replay(&reference, broker.port());
    compare_with_golden(&reference, &joined(&finish(&site, daemon)));
}
