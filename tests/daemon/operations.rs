//! What goes wrong around the daemon: it says what to do, or carries on.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::daemon::Daemon;
use crate::support::eventually;
use crate::support::mosquitto::Mosquitto;
use crate::support::plant;
use crate::support::site::{Site, anomalyd};
use serde_json::Value;

/// The exit code of what another start may mend.
const FAILURE: i32 = 1;
/// The exit code of what lasts until the configuration is changed.
const CONFIGURATION: i32 = 78;

/// Starts a daemon that does not come up, and ends with this code; what it says must hold these words.
fn refuses(site: &Site, code: i32, words: &[&str]) {
    let mut daemon = Daemon::spawn(&site.config());
    let status = daemon.wait_until_ended();
    let said = daemon.text();
    assert_eq!(status.code(), Some(code), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    for word in words {
        assert!(said.contains(word), "{word:?} is not in:\n{said}");
    }
    assert!(said.lines().any(|line| line.starts_with("anomalyd: ")), "{said}");
}

/// Runs `check`, which finds mistakes in what the file leads to; what it says must hold these words.
fn check_finds(site: &Site, words: &[&str]) -> String {
    check_ends(site, FAILURE, words)
}

/// Runs `check`, which ends with this code; what it says must hold these words.
fn check_ends(site: &Site, code: i32, words: &[&str]) -> String {
    let output = anomalyd(&["check", "--config", site.config().to_str().unwrap()]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(code), "{said}");
    for word in words {
        assert!(said.contains(word), "{word:?} is not in:\n{said}");
    }
    said
}

/// Replaces text in a site's configuration file.
fn edit(site: &Site, from: &str, to: &str) {
    let text = fs::read_to_string(site.config()).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(site.config(), text.replacen(from, to, 1)).unwrap();
}

fn connect_to(broker: &Mosquitto) -> String {
    format!("{{ port = {}, backoff_min = \"50ms\", backoff_max = \"200ms\" }}", broker.port())
}

fn wait_until_subscribed(daemon: &mut Daemon) {
    daemon.wait_for("subscribed", |line| line["message"] == "subscribed");
}

#[test]
fn a_sound_configuration_passes_the_check() {
    let site = Site::new(&plant::settings());
    let output = anomalyd(&["check", "--config", site.config().to_str().unwrap()]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}");
    assert!(said.contains("no mistakes") && said.contains("15 usable models"), "{said}");
    assert!(!site.path("store").exists(), "the check leaves nothing behind");
}

#[test]
fn a_store_that_cannot_be_written_to_is_named_with_its_key() {
    let site = Site::new(&plant::settings());
    // Below a file nobody can write, not even root.
    fs::write(site.path("store"), "a file").unwrap();
    let below = site.path("store/below");
    edit(&site, site.path("store").to_str().unwrap(), below.to_str().unwrap());
    refuses(&site, CONFIGURATION, &[below.to_str().unwrap(), "store.directory"]);
    check_finds(&site, &["mistake: store.directory", "is not a folder"]);
}

#[test]
fn a_port_that_is_taken_is_named_with_its_key() {
    let site = Site::new(&plant::settings());
    let _taken = TcpListener::bind(("127.0.0.1", site.port())).unwrap();
    let address = format!("127.0.0.1:{}", site.port());
    let words = [&*address, "another program", "mqtt.listen.address"];
    refuses(&site, FAILURE, &words);
    check_finds(&site, &words);
}

#[test]
fn a_store_is_used_by_one_daemon_at_a_time() {
    let site = Site::new(&plant::settings());
    let first = site.start();
    let other_port = Site::new(&plant::settings());
    edit(&other_port, other_port.path("store").to_str().unwrap(), site.path("store").to_str().unwrap());
    refuses(&other_port, FAILURE, &["in use by another anomalyd", site.path("store").to_str().unwrap()]);
    first.stop();
    other_port.start().stop();
}

#[test]
fn a_store_that_was_made_with_other_settings_is_found_by_the_check_also_while_a_daemon_has_it() {
    let site = Site::new(&plant::settings());
    let daemon = site.start();
    let store = site.path("store");
    let said = check(&site);
    assert!(said.contains("no mistakes"), "{said}");
    let group = "[{ name = \"pumps\", sensors = \"pump-*/*\", window = { hop = \"5m\" } }]";
    site.configure(&plant::settings().with("group", group));
    check_finds(&site, &["mistake: group: the store", "it is the group pumps whose windows of 10m, one each 5m"]);
    for (key, value) in [
        ("store.keep_intervals", "\"11h\""),
        ("store.keep_runs", "\"50h\""),
        ("window.interval", "\"2m\""),
        ("window.length", "\"20m\""),
    ] {
        site.configure(&plant::settings().with(key, value));
        check_finds(&site, &[&format!("mistake: {key}: the store"), store.to_str().unwrap()]);
    }
    daemon.stop();
    refuses(&site, CONFIGURATION, &["was made with an interval of", "restore those settings"]);
    let before = list(&store);
    check_finds(&site, &["mistake: window.length"]);
    assert_eq!(list(&store), before, "the check writes nothing");
}

/// All files below a folder with their content.
fn list(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else {
                let content = fs::read(&path).unwrap();
                found.insert(path, content);
            }
        }
    }
    found
}

/// What `check` says, whatever it ends with.
fn check(site: &Site) -> String {
    String::from_utf8(anomalyd(&["check", "--config", site.config().to_str().unwrap()]).stdout).unwrap()
}

#[test]
fn a_store_that_will_not_fit_on_the_disk_is_warned_of() {
    let settings = plant::settings().with("store.keep_intervals", "\"3333d\"").with("store.keep_runs", "\"33333d\"");
    let site = Site::new(&settings.with("window.interval", "\"1s\"").with("window.length", "\"8h\""));
    let said = check(&site);
    assert!(said.contains("warning: store.directory: the store in") && said.contains("for 15 sensors"), "{said}");
    assert!(said.contains("warning: store.max_size: the store may come to some"), "{said}");
}

#[test]
fn more_sensors_with_models_than_are_accepted_are_warned_of_and_start() {
    let site = Site::new(&plant::settings().with("limits.sensors", "14"));
    check_ends(&site, 0, &["warning: limits.sensors: 15 sensors have models, and 14 are accepted", "no mistakes"]);
    site.start().stop();
}

#[test]
fn what_is_damaged_beside_a_store_is_no_mistake_that_a_start_does_not_find() {
    let site = Site::new(&plant::settings());
    site.start().stop();
    fs::write(site.path("store/format"), b"\xff\xff").unwrap();
    check_ends(&site, 0, &["warning: store.directory: whether the store", "format is damaged", "no mistakes"]);
    site.start().stop();
    assert!(!check(&site).contains("whether the store"), "it is written anew");
    fs::remove_file(site.path("store/lock")).unwrap();
    fs::create_dir(site.path("store/lock")).unwrap();
    refuses(&site, CONFIGURATION, &["store/lock is a folder, a link or a pipe", "remove it"]);
    check_ends(&site, FAILURE, &["mistake: store.directory", "store/lock"]);
}

/// Starts a daemon under a bound on what it may open; its log, and what it may open by then.
fn started_under(site: &Site, bound: &str) -> (String, String) {
    let log = site.path("bound.log");
    let mut daemon = Command::new("bash")
        .args([
            "-c",
            &format!("ulimit {bound}; exec \"$@\""),
            "bash",
            env!("CARGO_BIN_EXE_anomalyd"),
            "run",
            "--config",
        ])
        .arg(site.config())
        .stderr(fs::File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let said = || fs::read_to_string(&log).unwrap();
    eventually("ready", || said().contains("INFO ready").then_some(()));
    let limits = fs::read_to_string(format!("/proc/{}/limits", daemon.id())).unwrap();
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    (said(), limits.lines().find(|line| line.starts_with("Max open files")).unwrap().to_owned())
}

#[test]
fn devices_do_not_take_the_files_that_the_daemon_needs() {
    let site = Site::new(&plant::settings().with("mqtt.listen.max_connections", "300"));
    let (said, limits) = started_under(&site, "-Sn 200");
    assert!(limits.contains(" 428 ") && !said.contains("max_connections"), "{limits}\n{said}");
    let (said, limits) = started_under(&site, "-n 200");
    assert!(limits.contains(" 200 ") && said.contains("mqtt.listen.max_connections"), "{limits}\n{said}");
    assert!(said.contains("raise that to 428"), "{said}");
}

#[test]
fn a_password_that_is_not_there_stops_a_start_and_no_command_that_does_not_connect() {
    let connect = "{ port = 1, username = \"a\", password_file = \"absent\" }";
    let site = Site::new(&plant::settings());
    let daemon = site.start();
    let sound = fs::read_to_string(site.config()).unwrap();
    site.configure(&plant::settings().with("mqtt.connect", connect));
    check_finds(&site, &["mistake: mqtt.connect.password_file", "absent", "cannot open it"]);
    let reload = anomalyd(&["reload", "--config", site.config().to_str().unwrap()]);
    assert!(reload.status.success(), "{reload:?}");
    daemon.stop();
    assert_eq!(site.dump("runs"), "");
    refuses(&site, CONFIGURATION, &["mqtt.connect.password_file", "absent", "cannot open it"]);
    fs::write(site.path("absent"), "\n").unwrap();
    check_finds(&site, &["mistake: mqtt.connect.password_file", "it is empty"]);
    fs::write(site.config(), sound).unwrap();
}

#[test]
fn a_folder_is_never_made_of_what_only_a_shell_understands() {
    let site = Site::new(&plant::settings());
    for path in ["${HOME}/store", "~/store", "$SITE/store", "C:/store"] {
        let text = fs::read_to_string(site.config()).unwrap();
        let text = text.replace(site.path("store").to_str().unwrap(), path);
        let config = site.path("other.toml");
        fs::write(&config, text).unwrap();
        let output = anomalyd(&["run", "--config", config.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(CONFIGURATION));
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("store.directory: found") && said.contains("accepted: a path"), "{said}");
        assert!(!site.path(path.split('/').next().unwrap()).exists(), "{path}");
    }
}

#[test]
fn a_wrong_configuration_is_refused_with_every_mistake_its_line_and_what_is_accepted() {
    let site = Site::new(&plant::settings());
    edit(&site, "\"never\"", "\"sometimes\"");
    edit(&site, "catch_up = 24", "catchup = 24");
    let text = fs::read_to_string(site.config()).unwrap();
    let line = |words: &str| 1 + text.lines().position(|line| line.contains(words)).unwrap();
    let places = [line("sometimes"), line("catchup")].map(|line| format!("config.toml:{line}"));
    let words = [&*places[0], &*places[1], "sometimes", "never", "catchup", "catch_up"];
    check_ends(&site, CONFIGURATION, &words);
    refuses(&site, CONFIGURATION, &words);
}

#[test]
fn a_mistake_in_the_file_does_not_hide_those_in_what_it_leads_to() {
    let site = Site::new(&plant::settings().with_text("models.directory", "/nowhere/models"));
    edit(&site, "\"never\"", "\"sometimes\"");
    check_ends(&site, CONFIGURATION, &["sometimes", "mistake: models.directory", "/nowhere/models"]);
}

#[test]
fn sensors_whose_names_run_together_get_prediction_files_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let [models, out, data] = ["models", "out", "history.csv"].map(|name| folder.path().join(name));
    fs::create_dir(&models).unwrap();
    let model = fs::read_dir(plant::models()).unwrap().next().unwrap().unwrap().path();
    for name in ["m--a_b--c.pkl", "m--a--b_c.pkl"] {
        fs::copy(&model, models.join(name)).unwrap();
    }
    let rows = "2026-03-02 06:00:00,a_b,c,1\n2026-03-02 06:00:00,a,b_c,2\n";
    fs::write(&data, format!("TS,Device,Tag,Value\n{rows}")).unwrap();
    let [models, out_path, data] = [&models, &out, &data].map(|path| path.to_str().unwrap());
    let scored =
        anomalyd(&["score", "--models", models, "--name", "m--{device}--{sensor}", "--data", data, "--out", out_path]);
    assert!(scored.status.success(), "{scored:?}");
    let mut files: Vec<_> = fs::read_dir(&out).unwrap().map(|file| file.unwrap().file_name()).collect();
    files.sort();
    assert_eq!(files, ["preds_a_b_c_260302070000-2.csv", "preds_a_b_c_260302070000.csv"]);
}

#[test]
fn a_configuration_that_is_not_there_is_named() {
    let site = Site::new(&plant::settings());
    fs::remove_file(site.config()).unwrap();
    refuses(&site, CONFIGURATION, &[site.config().to_str().unwrap()]);
}

#[test]
fn models_that_are_not_there_are_named_with_their_key() {
    let site = Site::new(&plant::settings().with_text("models.directory", "/nowhere/models"));
    refuses(&site, CONFIGURATION, &["/nowhere/models"]);
    check_finds(&site, &["mistake: models.directory", "/nowhere/models"]);
}

#[test]
fn a_broken_model_fails_alone_and_is_named() {
    let site = Site::new(&plant::settings());
    let models = site.path("models");
    fs::create_dir(&models).unwrap();
    for file in fs::read_dir(plant::models()).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), models.join(file.file_name())).unwrap();
    }
    let broken = models.join("model_pump-2_flow.pkl");
    let bytes = fs::read(&broken).unwrap();
    fs::write(&broken, &bytes[..bytes.len() / 2]).unwrap();
    site.configure(&plant::settings().with_text("models.directory", &models).with("schedule.event_idle", "\"500ms\""));
    let said = check_finds(&site, &["model_pump-2_flow.pkl", "14 usable models"]);
    assert!(said.contains("1 mistake,"), "{said}");

    let mut daemon = site.start();
    plant::publish_all(site.port(), &plant::readings(7)[..900]);
    daemon.wait_until_published("files", "2026-03-02T06:00:00Z");
    daemon.stop();
    let verdicts = site.dump("verdicts");
    let verdicts: Vec<Value> = verdicts.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of_window = verdicts.iter().filter(|verdict| verdict["window_start"] == "2026-03-02T06:00:00Z");
    let (failed, scored): (Vec<_>, Vec<_>) = of_window.partition(|verdict| verdict["outcome"] == "failed");
    assert_eq!((failed.len(), scored.len()), (1, 14));
    assert!(scored.iter().all(|verdict| verdict["outcome"] == "scored"));
    assert_eq!((&failed[0]["device"], &failed[0]["sensor"]), (&"pump-2".into(), &"flow".into()));
    assert!(failed[0]["reason"].as_str().unwrap().contains("model_pump-2_flow.pkl"), "{}", failed[0]);
}

#[test]
fn a_broker_that_is_away_at_the_start_is_waited_for() {
    let Some(mut broker) = Mosquitto::start("") else { return };
    broker.stop();
    let settings = plant::settings().without_listener().with("mqtt.connect", &connect_to(&broker));
    let site = Site::new(&settings.with("schedule.event_idle", "\"500ms\""));
    let mut daemon = site.start();
    daemon.wait_for("the broker is away", |line| {
        line["level"] == "WARN" && line.to_string().contains(&broker.port().to_string())
    });
    broker.restart();
    wait_until_subscribed(&mut daemon);
    plant::publish_all(broker.port(), &plant::readings(7)[..900]);
    daemon.wait_until_published("files", "2026-03-02T06:00:00Z");
    daemon.stop();
    assert_eq!(site.predictions().len(), 15);
}

#[test]
fn a_broker_that_goes_and_comes_back_costs_nothing_that_it_acknowledged() {
    let Some(mut broker) = Mosquitto::start("max_queued_messages 0") else { return };
    let settings = plant::settings().without_listener().with("mqtt.connect", &connect_to(&broker));
    let site = Site::new(&settings);
    let mut daemon = site.start();
    wait_until_subscribed(&mut daemon);
    let readings = plant::readings(7);
    let port = broker.port();
    std::thread::scope(|scope| {
        let device = scope.spawn(|| plant::publish_all(port, &readings));
        for window in ["2026-03-02T06:10:00Z", "2026-03-02T07:10:00Z", "2026-03-02T08:10:00Z"] {
            daemon.wait_until_published("files", window);
            broker.stop();
            broker.restart();
        }
        device.join().unwrap();
    });
    daemon.wait_until_published("files", plant::LAST_WINDOW);
    daemon.stop();
    let found = site.predictions();

    let undisturbed = Site::new(&plant::settings());
    let mut daemon = undisturbed.start();
    plant::publish_all(undisturbed.port(), &readings);
    daemon.wait_until_published("files", plant::LAST_WINDOW);
    daemon.stop();
    let expected = undisturbed.predictions();
    assert!(found.keys().eq(expected.keys()));
    assert!(found == expected, "prediction files differ");
}

#[test]
fn the_last_verdict_of_each_sensor_waits_at_the_broker() {
    let Some(broker) = Mosquitto::start("") else { return };
    let settings = plant::settings()
        .with("schedule.event_idle", "\"500ms\"")
        .with("mqtt.connect", &connect_to(&broker))
        .with("publish.mqtt.topic", "\"verdicts/{device}/{sensor}\"");
    let site = Site::new(&settings);
    let mut daemon = site.start();
    plant::publish_all(site.port(), &plant::readings(7)[..1800]);
    daemon.wait_until_published("mqtt", "2026-03-02T06:10:00Z");
    daemon.stop();
    // A subscriber that comes afterwards.
    let port = broker.port().to_string();
    let output = Command::new("mosquitto_sub")
        .args(["-h", "127.0.0.1", "-p", &port, "-t", "verdicts/#", "-v", "-C", "15", "-W", "60", "--retained-only"])
        .output()
        .unwrap();
    let messages = String::from_utf8(output.stdout).unwrap();
    let verdicts: BTreeMap<_, Value> = messages
        .lines()
        .map(|line| line.split_once(' ').unwrap())
        .map(|(topic, message)| (topic, serde_json::from_str(message).unwrap()))
        .collect();
    assert_eq!(verdicts.len(), 15, "{messages}");
    for (topic, verdict) in verdicts {
        let text = |key: &str| verdict[key].as_str().unwrap();
        assert_eq!(topic, format!("verdicts/{}/{}", text("device"), text("sensor")));
        assert_eq!((text("window_start"), text("outcome")), ("2026-03-02T06:10:00Z", "scored"));
        assert_eq!(verdict["intervals"], 10);
    }
}
