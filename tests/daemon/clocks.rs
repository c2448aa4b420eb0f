//! What time does to readings: a broker that is away across a window's end, a clock that may be wrong, a history that waits.

use std::fs;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anomalyd::telemetry::metrics;
use anomalyd::time::{Span, Timestamp};
use fail::FailScenario;
use serde_json::Value;

use crate::support::in_process::InProcess;
use crate::support::line::CuttableLine;
use crate::support::mosquitto::Mosquitto;
use crate::support::settings::Settings;
use crate::support::site::Site;
use crate::support::{alone, eventually, plant};

const SENSOR: &str = "oven-3/temperature";
const LONGER_THAN_IDLE: Duration = Duration::from_secs(3);
const WINDOW: Span = Span::from_secs(4);

/// Windows of four seconds by the system's clock, and the model of one sensor.
fn wall_settings(models: &tempfile::TempDir) -> Settings {
    let model = "model_oven-3_temperature.pkl";
    fs::copy(plant::models().join(model), models.path().join(model)).unwrap();
    Settings::shipped()
        .with("window.interval", "\"500ms\"")
        .with("window.length", "\"4s\"")
        .with("window.lateness", "\"200ms\"")
        .with("schedule.cron", "\"*/4 * * * * *\"")
        .with("schedule.settle", "\"1s\"")
        .with("store.keep_intervals", "\"800s\"")
        .with_text("models.directory", models.path())
}

fn now() -> Timestamp {
    Timestamp::default() + Span::from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap())
}

/// The start of a window that has just begun.
fn fresh_window() -> Timestamp {
    eventually("a window begins", || {
        let now = now();
        let start = now.floor(WINDOW);
        (now.since(start) < Span::from_millis(500)).then_some(start)
    })
}

fn publish(broker: &Mosquitto, time: Timestamp) {
    broker.publish(&format!("plant/{SENSOR}"), &format!(r#"{{"ts":"{time}","value":200.5}}"#));
}

/// The lines of a dump.
fn dump(site: &Site, what: &str) -> Vec<Value> {
    site.dump(what).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The intervals of the sensor's window that were scored.
fn rows(site: &Site, window: Timestamp) -> Vec<String> {
    let verdicts = dump(site, "verdicts");
    let verdict = verdicts.iter().find(|verdict| verdict["window_start"] == window.to_string()).unwrap();
    let rows = verdict["rows"].as_array().unwrap_or_else(|| panic!("{verdict}"));
    rows.iter().map(|row| row["interval"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_broker_that_is_away_across_a_windows_end_loses_nothing_that_it_kept() {
    let Some(broker) = Mosquitto::start("") else { return };
    let models = tempfile::tempdir().unwrap();
    let line = CuttableLine::to(broker.port());
    let connect = format!("{{ port = {}, backoff_min = \"50ms\", backoff_max = \"200ms\" }}", line.port());
    let site = Site::new(&wall_settings(&models).without_listener().with("mqtt.connect", &connect));
    let mut daemon = site.start();
    daemon.wait_for("subscribed", |line| line["message"] == "subscribed");
    let window = fresh_window();
    let at = |millis| window + Span::from_millis(millis);
    publish(&broker, at(0));
    line.cut();
    for millis in [1_000, 2_000, 3_999] {
        publish(&broker, at(millis));
    }
    daemon.wait_for("the window is held", |line| {
        line["message"].as_str().is_some_and(|message| message.starts_with("the broker is away"))
    });
    line.mend();
    let run = daemon.wait_for("the window is scored", |line| {
        line["message"] == "run finished" && line["window"] == window.to_string()
    });
    assert!(run["closed"].as_str().unwrap().starts_with("held open for"), "{run}");
    let told = |beginning: &str| {
        let lines = daemon.lines();
        lines.iter().filter(|line| line["message"].as_str().unwrap().starts_with(beginning)).count()
    };
    assert_eq!((told("the broker is away"), told("windows are closed that were held open")), (1, 1));
    daemon.stop();
    assert_eq!(rows(&site, window), [0, 1_000, 2_000, 3_500].map(|millis| at(millis).to_string()));
    assert_eq!(site.dump("rejects"), "");
    let runs = dump(&site, "runs");
    let run = runs.iter().find(|run| run["window_start"] == window.to_string()).unwrap();
    assert!(run["closed"].as_str().unwrap().starts_with("held open for"), "{run}");
}

#[test]
fn settling_begins_when_the_broker_is_there_and_not_when_the_daemon_starts() {
    let Some(broker) = Mosquitto::start("") else { return };
    let models = tempfile::tempdir().unwrap();
    let line = CuttableLine::to(broker.port());
    let connect = format!("{{ port = {}, backoff_min = \"50ms\", backoff_max = \"200ms\" }}", line.port());
    let site = Site::new(&wall_settings(&models).without_listener().with("mqtt.connect", &connect));
    let mut daemon = site.start();
    daemon.wait_for("subscribed", |line| line["message"] == "subscribed");
    daemon.stop();
    line.cut();
    let window = fresh_window();
    let times = [window, window + Span::from_millis(2_000)];
    times.iter().for_each(|time| publish(&broker, *time));
    eventually("the window is over", || (now() > window + WINDOW + Span::from_secs(1)).then_some(()));
    let mut daemon = site.start();
    // Longer than it takes to settle.
    thread::sleep(Duration::from_secs(2));
    line.mend();
    daemon.wait_for("the window is scored", |line| {
        line["message"] == "run finished" && line["window"] == window.to_string()
    });
    daemon.stop();
    assert_eq!(rows(&site, window), times.map(|time| time.to_string()));
    assert_eq!(site.dump("rejects"), "");
}

#[test]
fn a_window_is_closed_at_the_bound_although_the_broker_is_away_and_the_run_says_so() {
    let Some(broker) = Mosquitto::start("") else { return };
    let models = tempfile::tempdir().unwrap();
    let line = CuttableLine::to(broker.port());
    let connect = format!("{{ port = {}, backoff_min = \"50ms\", backoff_max = \"200ms\" }}", line.port());
    let settings = wall_settings(&models).without_listener().with("mqtt.connect", &connect);
    let site = Site::new(&settings.with("schedule.hold", "\"2s\""));
    let mut daemon = site.start();
    daemon.wait_for("subscribed", |line| line["message"] == "subscribed");
    line.cut();
    let run = daemon.wait_for("a window is scored at the bound", |line| {
        line["message"] == "run finished" && line["closed"].as_str().unwrap().ends_with("the most that is allowed")
    });
    let window = Timestamp::parse(run["window"].as_str().unwrap()).unwrap();
    publish(&broker, window);
    line.mend();
    daemon.wait_for("what came after that is late", |line| line["kind"] == "late");
    daemon.stop();
}

#[test]
fn a_broker_that_is_never_there_delays_the_runs_of_devices_that_connect_by_the_bound_and_loses_none_of_theirs() {
    let models = tempfile::tempdir().unwrap();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let connect = format!("{{ port = {nobody}, backoff_min = \"50ms\", backoff_max = \"200ms\" }}");
    let site = Site::new(&wall_settings(&models).with("mqtt.connect", &connect).with("schedule.hold", "\"2s\""));
    let mut daemon = site.start();
    let first = fresh_window();
    let windows = [first, first + WINDOW];
    let mut readings = plant::readings(7);
    readings.retain(|reading| reading.sensor.to_string() == SENSOR);
    for (reading, window) in readings.iter_mut().zip(windows) {
        reading.time = window;
        plant::publish_all(site.port(), std::slice::from_ref(reading));
    }
    for window in windows {
        let run = daemon.wait_for("a window is scored at the bound", |line| {
            line["message"] == "run finished" && line["window"] == window.to_string()
        });
        assert!(run["closed"].as_str().unwrap().ends_with("the most that is allowed"), "{run}");
    }
    daemon.stop();
    for window in windows {
        assert_eq!(rows(&site, window), [window.to_string()]);
    }
    assert_eq!(site.dump("rejects"), "");
}

#[test]
fn readings_from_ahead_of_a_clock_that_may_be_wrong_survive_a_restart_and_count_when_it_has_come_up_to_them() {
    let _alone = alone();
    let scenario = FailScenario::setup();
    fail::cfg("clock::sync", "return(unsynchronised)").unwrap();
    let models = tempfile::tempdir().unwrap();
    let settings = wall_settings(&models).with("limits.max_ahead", "\"1s\"").with("schedule.settle", "\"0s\"");
    let site = Site::new(&settings);
    let daemon = InProcess::start(&site);
    let window = fresh_window() + WINDOW.times(2);
    let readings: Vec<_> =
        plant::readings(7).into_iter().filter(|reading| reading.sensor.to_string() == SENSOR).collect();
    let mut reading = readings[0].clone();
    reading.time = window;
    // Acknowledged, and held.
    plant::publish_all(site.port(), &[reading]);
    eventually("it is held", || (metrics::READINGS_HELD.get() == 1).then_some(()));
    drop(daemon);
    let daemon = InProcess::start(&site);
    eventually("it is held again", || (metrics::READINGS_HELD.get() == 1).then_some(()));
    let runs_before = metrics::VERDICTS_SCORED.get();
    eventually("it was judged", || (metrics::READINGS_HELD.get() == 0).then_some(()));
    eventually("its window is scored", || (metrics::VERDICTS_SCORED.get() > runs_before).then_some(()));
    drop(daemon);
    assert_eq!(rows(&site, window), [window.to_string()]);
    assert_eq!(site.dump("rejects"), "");
    scenario.teardown();
}

#[test]
fn a_clock_that_jumps_ahead_closes_nothing_early_unless_it_is_synchronised() {
    let _alone = alone();
    let scenario = FailScenario::setup();
    let models = tempfile::tempdir().unwrap();
    let site = Site::new(&wall_settings(&models).with("schedule.settle", "\"0s\""));
    let hour = Span::from_secs(3600);
    let finished = metrics::RUNS_FINISHED.get();
    let runs_finish = |count| {
        eventually("runs finish", || (metrics::RUNS_FINISHED.get() >= finished + count).then_some(()));
    };
    // The latest window that was scored. What was missed is scored behind it.
    let last = || {
        let runs = dump(&site, "runs");
        let starts = runs.iter().map(|run| Timestamp::parse(run["window_start"].as_str().unwrap()).unwrap());
        starts.max().unwrap()
    };

    fail::cfg("clock::sync", "return(unsynchronised)").unwrap();
    let daemon = InProcess::start(&site);
    runs_finish(1);
    fail::cfg("clock::ahead", "return(3600)").unwrap();
    // Windows are scored as if nothing had happened.
    runs_finish(3);
    drop(daemon);
    assert!(last() < now(), "{}", last());

    fail::remove("clock::ahead");
    let daemon = InProcess::start(&site);
    fail::cfg("clock::sync", "return(synchronised)").unwrap();
    fail::cfg("clock::ahead", "return(3600)").unwrap();
    // All that are caught up on, and one more.
    runs_finish(3 + 24 + 1);
    drop(daemon);
    assert!(last() + WINDOW.times(2) > now() + hour - WINDOW, "{}", last());
    scenario.teardown();
}

#[test]
fn readings_from_ahead_of_a_clock_are_refused_once_that_is_synchronised() {
    let _alone = alone();
    let scenario = FailScenario::setup();
    fail::cfg("clock::sync", "return(unsynchronised)").unwrap();
    let models = tempfile::tempdir().unwrap();
    let site = Site::new(&wall_settings(&models));
    let daemon = InProcess::start(&site);
    let mut readings = plant::readings(7);
    readings.truncate(2);
    readings.iter_mut().for_each(|reading| reading.time = now() + Span::from_secs(3600));
    plant::publish_all(site.port(), &readings[..1]);
    eventually("it is held", || (metrics::READINGS_HELD.get() == 1).then_some(()));
    fail::cfg("clock::sync", "return(synchronised)").unwrap();
    eventually("it was judged", || (metrics::READINGS_HELD.get() == 0).then_some(()));
    plant::publish_all(site.port(), &readings[1..]);
    drop(daemon);
    let rejects = dump(&site, "rejects");
    let kinds: Vec<_> = rejects.iter().map(|reject| reject["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["implausible_time"; 2]);
    scenario.teardown();
}

#[test]
fn a_history_is_not_over_while_its_readings_wait_for_the_disk() {
    let _alone = alone();
    let scenario = FailScenario::setup();
    let site = Site::new(&plant::settings().with("schedule.event_idle", "\"1s\""));
    let daemon = InProcess::start(&site);
    let port = site.port();
    let readings = plant::readings(7);
    // The first minutes of one window: nothing closes it but the end of the history.
    let (first, rest) = readings.split_at(20);
    let (second, third) = rest.split_at(20);
    let accepted = metrics::READINGS_ACCEPTED.get();
    plant::block_on(async {
        let publisher = plant::connect(port).await;
        plant::publish(&publisher, first).await;
        while metrics::READINGS_ACCEPTED.get() < accepted + 20 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        fail::cfg("store::journal_sync", "pause").unwrap();
        plant::publish(&publisher, second).await;
        // As long as the disk takes, nothing is acknowledged.
        tokio::time::sleep(LONGER_THAN_IDLE).await;
        fail::remove("store::journal_sync");
        plant::publish(&publisher, &third[..20]).await;
        plant::drain(publisher).await;
    });
    // So it is for one who connects meanwhile.
    fail::cfg("store::journal_sync", "pause").unwrap();
    let late_comer = third[20..40].to_vec();
    let publisher = thread::spawn(move || plant::publish_all(port, &late_comer));
    thread::sleep(LONGER_THAN_IDLE);
    fail::remove("store::journal_sync");
    publisher.join().unwrap();
    // And for one whose thread does not come to read what it sent.
    fail::cfg("connection::read", "1*off->1*sleep(3000)->off").unwrap();
    plant::publish_all(port, &third[40..60]);
    let scored = metrics::VERDICTS_SCORED.get();
    eventually("then it is over", || (metrics::VERDICTS_SCORED.get() > scored).then_some(()));
    drop(daemon);
    assert_eq!(site.dump("rejects"), "");
    scenario.teardown();
}
