//! A model over several sensors of a device gives scikit-learn's answers, in the daemon and offline, and the same ones
//! after a crash.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::settings::Settings;
use crate::support::site::{Site, anomalyd};

const COLUMNS: &str = "mean,std,temperature.mean,temperature.mean diff 2,current.mean lag 1";
const LAST_WINDOW: &str = "2018-08-28T23:00:00Z";

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples/joined").join(name)
}

/// A place whose only model is the one of the samples, for `press/vibration`; the sensors that it joins have none.
fn site(features: &str) -> Site {
    let site = Site::new(&Settings::shipped());
    fs::create_dir(site.path("models")).unwrap();
    fs::copy(sample("model_press_vibration.pkl"), site.path("models").join("model_press_vibration.pkl")).unwrap();
    configure(&site, features, "2s");
    site
}

/// Configures a place; `idle` says when the history is over.
fn configure(site: &Site, features: &str, idle: &str) {
    site.configure(&settings(site, features, idle));
}

fn settings(site: &Site, features: &str, idle: &str) -> Settings {
    Settings::shipped()
        .with("clock", "\"event\"")
        .with("schedule.event_idle", &format!("{idle:?}"))
        .with("publish.files.decisions", "true")
        .with("features", features)
        .with_text("models.directory", site.path("models"))
}

fn named(columns: &str, missing: &str) -> String {
    let columns: Vec<String> = columns.split(',').map(|column| format!("{column:?}")).collect();
    format!("[{{ sensors = \"press/*\", columns = [{}], missing = {missing:?} }}]", columns.join(", "))
}

fn replay(site: &Site) {
    let to = format!("mqtt://127.0.0.1:{}", site.port());
    let output = anomalyd(&["replay", sample("history.csv").to_str().unwrap(), "--to", &to, "--speed", "max"]);
    assert!(output.status.success(), "{output:?}");
}

/// The rows of all prediction files, one after the other.
fn rows(files: &BTreeMap<String, String>) -> String {
    files.values().map(|text| text.split_once('\n').unwrap().1).collect()
}

/// The rows that the daemon gives of the history.
fn of_daemon(site: &Site) -> String {
    let mut daemon = site.start();
    replay(site);
    daemon.wait_until_published("files", LAST_WINDOW);
    daemon.stop();
    assert_eq!(site.dump("rejects"), "");
    rows(&site.predictions())
}

/// The rows that `score` gives of the history.
fn offline(site: &Site, data: &[PathBuf], arguments: &[&str]) -> String {
    let [models, out] = [site.path("models"), site.path("offline")].map(|path| path.display().to_string());
    let mut all = vec!["score", "--models", &models, "--out", &out, "--decisions", "--data"];
    all.extend(data.iter().map(|path| path.to_str().unwrap()));
    all.extend(arguments);
    let output = anomalyd(&all);
    assert!(output.status.success(), "{output:?}");
    let files = fs::read_dir(&out).unwrap().map(|file| file.unwrap().path());
    let files = files.map(|path| (path.display().to_string(), fs::read_to_string(path).unwrap())).collect();
    rows(&files)
}

#[test]
fn joined_rows_give_scikit_learns_answers_in_the_daemon_and_offline() {
    let site = site(&named(COLUMNS, "skip"));
    let found = of_daemon(&site);
    let golden = fs::read_to_string(sample("golden.csv")).unwrap();
    assert_eq!(found.lines().count(), golden.lines().count() - 1);
    for (found, golden) in found.lines().zip(golden.lines().skip(1)) {
        let [found, golden] = [found, golden].map(|line| line.split(',').collect::<Vec<_>>());
        let number = |text: &str| text.parse::<f64>().unwrap();
        assert_eq!(found[..3], golden[..3]);
        assert!((number(found[3]) - number(golden[3])).abs() < 1e-12, "{found:?} for {golden:?}");
        assert!((number(found[5]) - number(golden[5])).abs() < 1e-9, "{found:?} for {golden:?}");
        // A border vector lies on the border but for rounding.
        assert!(found[4] == golden[4] || number(golden[5]).abs() < 1e-9, "{found:?} for {golden:?}");
    }
    assert_eq!(offline(&site, &[sample("history.csv")], &["--features", COLUMNS]), found);
}

#[test]
fn a_model_whose_file_names_its_columns_as_features_needs_no_configuration() {
    let site = site("[]");
    let found = of_daemon(&site);
    assert_eq!(found.lines().count(), fs::read_to_string(sample("golden.csv")).unwrap().lines().count() - 1);
    assert_eq!(offline(&site, &[sample("history.csv")], &[]), found);
    fs::remove_dir_all(site.path("offline")).unwrap();
    assert_eq!(offline(&site, &[sample("history.csv")], &["--features", COLUMNS]), found);
}

#[test]
fn models_that_read_the_same_sensor_are_scored_in_the_daemon_and_offline() {
    let site = site("[]");
    // These take the mean of their own sensor, which press/vibration reads as well.
    for sensor in ["temperature", "current"] {
        let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples/p2_scale_1d.pkl");
        fs::copy(model, site.path(&format!("models/model_press_{sensor}.pkl"))).unwrap();
    }
    // The daemon has a file a window, and `score` a file a sensor.
    let sorted = |rows: &str| {
        let mut rows: Vec<_> = rows.lines().map(str::to_owned).collect();
        rows.sort();
        rows
    };
    let found = sorted(&of_daemon(&site));
    for sensor in ["vibration", "temperature", "current"] {
        let of_sensor = found.iter().filter(|row| row.contains(&format!(",press,{sensor},")));
        assert!(of_sensor.count() > 100, "{sensor}: {found:?}");
    }
    assert_eq!(sorted(&offline(&site, &[sample("history.csv")], &[])), found);
}

#[test]
fn models_for_which_there_is_no_room_in_memory_give_the_same_verdicts() {
    let site = site("[]");
    site.configure(&settings(&site, "[]", "2s").with("models.memory", "\"0 MiB\""));
    let found = of_daemon(&site);
    assert!(!found.is_empty());
    assert_eq!(offline(&site, &[sample("history.csv")], &[]), found);
}

#[test]
fn a_history_of_one_file_a_sensor_is_joined_as_well() {
    let site = site(&named(COLUMNS, "skip"));
    let whole = offline(&site, &[sample("history.csv")], &["--features", COLUMNS]);
    fs::remove_dir_all(site.path("offline")).unwrap();
    let history = fs::read_to_string(sample("history.csv")).unwrap();
    let files = ["vibration", "current", "temperature"].map(|sensor| {
        let lines = history.lines().enumerate();
        let of_sensor = lines.filter(|(number, line)| *number == 0 || line.contains(&format!(",{sensor},")));
        let path = site.path(&format!("{sensor}.csv"));
        fs::write(&path, of_sensor.map(|(_, line)| format!("{line}\n")).collect::<String>()).unwrap();
        path
    });
    assert_eq!(offline(&site, &files, &["--features", COLUMNS]), whole);
}

#[test]
fn rows_of_other_sensors_alone_have_no_value_of_their_own_in_the_daemon_and_offline() {
    const OTHERS: &str = "temperature.mean,temperature.std,temperature.mean lag 1,current.mean,current.mean diff 1";
    let site = site(&named(OTHERS, "last 5"));
    let names = ["model_press_vibration.pkl", "model_press_health.pkl"].map(|name| site.path("models").join(name));
    fs::rename(&names[0], &names[1]).unwrap();
    let found = of_daemon(&site);
    assert!(found.lines().count() > 110 && found.lines().all(|line| line.contains(",press,health,,")), "{found}");
    let missing = ["--features", OTHERS, "--missing", "last 5"];
    assert_eq!(offline(&site, &[sample("history.csv")], &missing), found);
}

#[test]
fn a_daemon_that_is_killed_between_two_windows_gives_the_same_rows() {
    let site = site(&named(COLUMNS, "skip"));
    let undisturbed = of_daemon(&site);
    fs::remove_dir_all(site.path("store")).unwrap();
    fs::remove_dir_all(site.path("predictions")).unwrap();
    configure(&site, &named(COLUMNS, "skip"), "never");
    let mut daemon = site.start();
    replay(&site);
    daemon.wait_until_published("files", "2018-08-28T22:00:00Z");
    daemon.kill();
    configure(&site, &named(COLUMNS, "skip"), "2s");
    let mut daemon = site.start();
    daemon.wait_until_published("files", LAST_WINDOW);
    daemon.stop();
    assert_eq!(rows(&site.predictions()), undisturbed);
}

#[test]
fn a_width_that_does_not_fit_is_told_by_check_and_by_the_daemon_and_fails_that_model_alone() {
    let site = site(&named("mean,temperature.mean", "skip"));
    let said = "5 columns a row, and 2 are named for \"press/*\": mean, temperature.mean";
    let output = anomalyd(&["check", "--config", site.config().to_str().unwrap()]);
    let checked = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(checked.contains(said) && checked.contains("model_press_vibration.pkl"), "{checked}");
    let mut daemon = site.start();
    daemon.wait_for("the model cannot be used", |line| {
        line["sensor"] == "press/vibration" && line["message"].as_str().unwrap().contains(said)
    });
    daemon.stop();
}

#[test]
fn check_shows_the_columns_that_are_not_just_the_mean() {
    let site = site(&named(COLUMNS, "last 3"));
    let output = anomalyd(&["check", "--config", site.config().to_str().unwrap()]);
    let said = String::from_utf8(output.stdout).unwrap();
    let columns = COLUMNS.replace(',', ", ");
    assert!(said.contains(&format!("the columns of press/vibration are {columns} (missing: last 3)")), "{said}");
}

#[test]
fn an_offline_model_that_nobody_names_columns_for_says_both_numbers() {
    let site = site("[]");
    fs::copy(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples/p3_auto_3d.pkl"),
        site.path("models").join("model_press_current.pkl"),
    )
    .unwrap();
    let [models, out, data] =
        [site.path("models"), site.path("out"), sample("history.csv")].map(|path| path.display().to_string());
    let output = anomalyd(&["score", "--models", &models, "--out", &out, "--data", &data]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("takes 3 columns a row, and its rows have 1, the mean"), "{said}");
    let output =
        anomalyd(&["score", "--models", &models, "--out", &out, "--data", &data, "--features", "mean,temprature_mean"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("did you mean \"temprature.mean\"?"), "{said}");
}
