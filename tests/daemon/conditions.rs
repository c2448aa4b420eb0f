//! Conditions of sensors without a model: raised behind closed windows, kept over restarts and kills, and cleared.

use anomalyd::answers::{Condition, ConditionKind, Sensor, SensorDetail, SensorState, Status};
use anomalyd::cli::demo::simulation::SimulatedReading;
use anomalyd::http::client::DaemonClient;
use anomalyd::sensor::SensorName;
use anomalyd::time::{Span, Timestamp};

use crate::support::daemon::Daemon;
use crate::support::plant;
use crate::support::site::{Site, anomalyd};

const MINUTE: Span = Span::from_secs(60);

fn at(minute: i64) -> Timestamp {
    Timestamp::parse("2026-03-02T06:00:00Z").unwrap() + MINUTE.times(minute)
}

/// Readings of three sensors, one a minute: `steady` goes on, `frozen` has one value from minute 120 on, and `gone` sends
/// nothing from then until minute 180.
fn readings(minutes: std::ops::Range<i64>) -> Vec<SimulatedReading> {
    let usual = |minute: i64| f64::from(u8::try_from(minute % 7).unwrap());
    let reading = |sensor: &str, minute, value| SimulatedReading {
        sensor: SensorName::new("mill", sensor).unwrap(),
        time: at(minute),
        value,
    };
    minutes
        .flat_map(|minute| {
            let gone = (!(120..180).contains(&minute)).then(|| reading("gone", minute, usual(minute)));
            let frozen = reading("frozen", minute, if minute < 120 { usual(minute) } else { 4.0 });
            [Some(reading("steady", minute, usual(minute))), Some(frozen), gone]
        })
        .flatten()
        .collect()
}

/// Waits until windows were looked at up to a minute: a later window changes nothing before that.
fn wait_for(daemon: &mut Daemon, condition: &str, words: &str) {
    daemon.wait_for(&format!("{condition}: {words}"), |line| {
        line["condition"] == condition && line["message"].as_str().is_some_and(|message| message.starts_with(words))
    });
}

fn said(site: &Site, arguments: &[&str]) -> String {
    let config = site.config();
    let output = anomalyd(&[arguments, &["--config", config.to_str().unwrap()]].concat());
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The sensor and the kind of each condition that stands, with since when.
fn standing(site: &Site) -> Vec<(String, ConditionKind, Timestamp)> {
    let lines = said(site, &["conditions", "--json"]);
    let conditions = lines.lines().map(|line| serde_json::from_str::<Condition>(line).unwrap());
    conditions.map(|condition| (condition.sensor, condition.condition, condition.since)).collect()
}

fn get<T: serde::de::DeserializeOwned>(site: &Site, path: &str) -> T {
    DaemonClient::at(&site.path("store/anomalyd.sock"))
        .unwrap()
        .get(&format!("/api/v1/{path}"))
        .unwrap()
        .json()
        .unwrap()
}

#[test]
fn conditions_outlive_restarts_and_end_when_their_sensors_are_as_usual() {
    let site = Site::new(&plant::settings().with("conditions.learn", "\"100m\""));
    let mut daemon = site.start();
    let silent = ("mill/gone".to_owned(), ConditionKind::Silent, at(120));
    let stuck = ("mill/frozen".to_owned(), ConditionKind::Stuck, at(120));

    // Two windows of one value are not enough for `stuck`, and one without readings is for `silent`.
    plant::publish_all(site.port(), &readings(0..146));
    wait_for(&mut daemon, "silent", "mill/gone: it sends no readings any more");
    assert_eq!(standing(&site), std::slice::from_ref(&silent));
    let sensor: SensorDetail = get(&site, "sensors/mill/gone");
    assert_eq!(
        (sensor.sensor.state, sensor.sensor.has_model, sensor.sensor.since),
        (SensorState::Silent, false, Some(at(119)))
    );
    daemon.stop();

    // What was half seen before the restart counts after it.
    let mut daemon = site.start();
    assert_eq!(standing(&site), std::slice::from_ref(&silent));
    plant::publish_all(site.port(), &readings(146..156));
    wait_for(&mut daemon, "stuck", "mill/frozen: all its readings are 4, and they usually vary");
    assert_eq!(standing(&site), [stuck.clone(), silent.clone()]);
    let status: Status = get(&site, "status");
    assert_eq!((status.conditions.silent, status.conditions.stuck), (1, 1));
    let sentence = &status.health.sentence;
    assert!(sentence.contains("mill/gone has been silent since") && sentence.contains("1 more problem"), "{sentence}");
    daemon.kill();

    // After a kill the windows that were not stored are looked at again, and nothing is raised that stood.
    let mut daemon = site.start();
    plant::publish_all(site.port(), &readings(156..196));
    wait_for(&mut daemon, "silent", "mill/gone: the condition does not stand any more");
    assert_eq!(standing(&site), [stuck]);
    let sensor: Sensor = get(&site, "sensors/mill/steady");
    assert_eq!((sensor.state, sensor.conditions), (SensorState::NoModel, vec![]));
    let shown = said(&site, &["show", "mill/frozen"]);
    assert!(shown.contains("stuck since 2026-03-02 08:00 UTC: all its readings are 4"), "{shown}");
    let table = said(&site, &["conditions", "mill/*", "--condition", "stuck"]);
    assert!(table.lines().nth(1).unwrap().starts_with("mill/frozen  stuck"), "{table}");
    assert_eq!(said(&site, &["conditions", "--condition", "drifting"]), "no condition stands\n");
    let raised =
        daemon.lines().into_iter().filter(|line| line["level"] == "WARN" && line["condition"] == "stuck").count();
    assert_eq!(raised, 0, "it was raised before the kill");
    // Its exit code says that not all is well.
    let status = anomalyd(&["status", "--config", site.config().to_str().unwrap()]);
    assert!(String::from_utf8(status.stdout).unwrap().contains("1 stuck"));
    assert!(said(&site, &["store", "check"]).contains("3 conditions of sensors"));
    daemon.stop();
}
