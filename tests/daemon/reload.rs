//! Model files that change, come and go while the daemon runs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::daemon::Daemon;
use crate::support::plant;
use crate::support::settings::Settings;
use crate::support::site::{Site, anomalyd};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// A place whose models are its own, so that they can be changed.
fn site(settings: &Settings) -> Site {
    let site = Site::new(settings);
    let models = site.path("models");
    fs::create_dir(&models).unwrap();
    for file in fs::read_dir(plant::models()).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), models.join(file.file_name())).unwrap();
    }
    site.configure(&settings.clone().with_text("models.directory", models));
    site
}

fn settings() -> Settings {
    plant::settings().with("models.settle", "\"20ms\"").with("models.look_every", "\"1h\"")
}

fn file(site: &Site, sensor: &str) -> PathBuf {
    let models = fs::read_dir(site.path("models")).unwrap().map(|file| file.unwrap().path());
    let name = format!("model_{}", sensor.replace('/', "_"));
    models.into_iter().find(|path| path.file_name().unwrap().to_str().unwrap().starts_with(&name)).unwrap()
}

/// Publishes the readings of whole windows, and waits until the run over the last of them has been published.
fn windows(site: &Site, daemon: &mut Daemon, windows: std::ops::Range<usize>, last: &str) {
    let readings = plant::readings(7);
    let per_window = 60 * 15;
    plant::publish_all(site.port(), &readings[windows.start * per_window..windows.end * per_window]);
    daemon.wait_until_published("files", last);
}

/// Tells the daemon to look at its models, as a person would.
fn reload(site: &Site) {
    let output = anomalyd(&["reload", "--config", site.config().to_str().unwrap()]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// What was said of a sensor's model in a window: the outcome, and the model's hash.
fn verdict(site: &Site, sensor: &str, window: &str) -> Option<(String, Value)> {
    let (device, name) = sensor.split_once('/').unwrap();
    let lines = site.dump("verdicts");
    let mut lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let line =
        lines.find(|line| line["device"] == device && line["sensor"] == name && line["window_start"] == window)?;
    Some((line["outcome"].as_str().unwrap().to_owned(), line["model"].clone()))
}

/// Which models a sensor's verdicts came from: each with the start of its first window, and in how many it was at work.
fn models(site: &Site, sensor: &str) -> Vec<(Value, Value, Value)> {
    let (device, name) = sensor.split_once('/').unwrap();
    let lines = site.dump("models");
    let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let ours = lines.filter(|line| line["device"] == device && line["sensor"] == name);
    ours.map(|line| (line["model"].clone(), line["from"].clone(), line["windows"].clone())).collect()
}

const FIRST: &str = "2026-03-02T06:00:00Z";
const SECOND: &str = "2026-03-02T06:20:00Z";

#[test]
fn what_has_changed_is_at_work_from_the_next_window_on_and_a_broken_model_changes_nothing() {
    let site = site(&settings());
    let (changed, taken_off, broken, added) = ("pump-2/flow", "pump-2/pressure", "pump-2/vibration", "oven-3/flow");
    let kept_aside = site.path("aside");
    let added_file = file(&site, added);
    fs::rename(&added_file, &kept_aside).unwrap();

    let mut daemon = site.start();
    windows(&site, &mut daemon, 0..2, FIRST);
    fs::copy(file(&site, "press-1/flow"), file(&site, changed)).unwrap();
    fs::remove_file(file(&site, taken_off)).unwrap();
    fs::write(file(&site, broken), b"\x80\x04broken").unwrap();
    fs::rename(&kept_aside, &added_file).unwrap();
    reload(&site);
    for (sensor, message) in [
        (changed, "another model is at work"),
        (added, "another model is at work"),
        (taken_off, "the model's file is gone"),
        (broken, "the old one stays at work"),
    ] {
        daemon.wait_for(message, |line| {
            line["sensor"] == sensor && line["message"].as_str().is_some_and(|text| text.contains(message))
        });
    }
    windows(&site, &mut daemon, 2..4, SECOND);
    daemon.stop();

    let before = |sensor| verdict(&site, sensor, FIRST);
    let after = |sensor| verdict(&site, sensor, SECOND);
    let (old, new) = (before(changed).unwrap(), after(changed).unwrap());
    assert_eq!((old.0.as_str(), new.0.as_str()), ("scored", "scored"));
    assert_ne!(old.1, new.1);
    assert_eq!(new.1, after("press-1/flow").unwrap().1);
    let [(first, from, _), (second, until, _)] = &models(&site, changed)[..] else { panic!("not two models") };
    assert!((first, second) == (&old.1, &new.1) && from == FIRST && until != FIRST, "{from} {until}");
    assert!(matches!(&models(&site, broken)[..], [(_, from, windows)] if from == FIRST && windows.as_u64() >= Some(3)));
    assert!(before(taken_off).is_some() && after(taken_off).is_none());
    assert_eq!(before(broken), after(broken));
    assert!(before(added).is_none());
    assert_eq!(after(added).unwrap().0, "scored");
}

#[test]
fn changes_are_noticed_without_being_told() {
    let site = site(&settings().with("models.look_every", "\"50ms\""));
    let mut daemon = site.start();
    fs::copy(file(&site, "press-1/flow"), file(&site, "pump-2/flow")).unwrap();
    daemon.wait_for("the change is noticed", |line| line["sensor"] == "pump-2/flow" && line["hash"].is_string());
    daemon.stop();
}

#[test]
fn a_scaler_that_comes_stands_before_its_model_and_one_that_goes_is_missed() {
    let sample = |name: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples/separate").join(name);
    let site = site(&settings());
    let (sensor, scaler) = ("pump-2/flow", site.path("models/scaler_pump-2_flow.pkl"));
    fs::remove_file(file(&site, sensor)).unwrap();
    let model = site.path("models/model_pump-2_flow.pkl");
    fs::copy(sample("flow_svm.pkl"), &model).unwrap();
    fs::copy(sample("flow_scaler.pkl"), site.path("models/scaler_no_model.pkl")).unwrap();

    let mut daemon = site.start();
    let says = |daemon: &mut Daemon, sensor: &str, words: &str| {
        daemon.wait_for(words, |line| {
            (sensor.is_empty() || line["sensor"] == sensor)
                && line["message"].as_str().is_some_and(|text| text.contains(words))
        });
    };
    says(&mut daemon, "", "is named as the scaler before the model of no/model");
    windows(&site, &mut daemon, 0..2, FIRST);
    says(&mut daemon, sensor, "most likely it was trained on scaled rows, and no scaler stands before it");
    fs::copy(sample("flow_scaler.pkl"), &scaler).unwrap();
    reload(&site);
    says(&mut daemon, sensor, "another model is at work");
    windows(&site, &mut daemon, 2..4, SECOND);
    fs::remove_file(&scaler).unwrap();
    reload(&site);
    says(&mut daemon, sensor, "the file of the scaler before the model is gone");
    daemon.stop();

    let [alone, pair] = [FIRST, SECOND].map(|window| verdict(&site, sensor, window).unwrap());
    let digests: String = [sample("flow_scaler.pkl"), model]
        .map(|path| format!("{:x}\n", Sha256::digest(fs::read(path).unwrap())))
        .concat();
    assert_eq!((alone.0.as_str(), pair.0.as_str()), ("scored", "scored"));
    assert_eq!(pair.1, format!("{:x}", Sha256::digest(digests)));
    assert_ne!(alone.1, pair.1);
}

#[test]
fn a_folder_that_is_away_takes_no_model_off() {
    let site = site(&settings());
    let mut daemon = site.start();
    fs::rename(site.path("models"), site.path("away")).unwrap();
    daemon.signal("HUP");
    daemon.wait_for("the folder is missed", |line| {
        line["message"].as_str().is_some_and(|text| text.contains("model files are not looked at"))
    });
    windows(&site, &mut daemon, 0..2, FIRST);
    daemon.stop();
    assert_eq!(verdict(&site, "pump-2/flow", FIRST).unwrap().0, "scored");
}

#[test]
fn a_process_that_only_has_a_daemons_number_is_sent_nothing() {
    let site = site(&settings());
    site.start().stop();
    // Somebody looks into the store, and the number of the daemon that was is another's by now.
    let mut stranger = Command::new("sleep").arg("60").spawn().unwrap();
    fs::write(site.path("store/lock"), format!("{}\n", stranger.id())).unwrap();
    let looking = fs::File::open(site.path("store/lock")).unwrap();
    looking.lock().unwrap();
    let output = anomalyd(&["reload", "--config", site.config().to_str().unwrap()]);
    let lives = stranger.try_wait().unwrap().is_none();
    stranger.kill().unwrap();
    stranger.wait().unwrap();
    assert!(lives, "it was sent SIGHUP");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_configuration_that_was_changed_is_said_to_need_a_restart() {
    let site = site(&settings());
    let daemon = site.start();
    let told = |folder: &str, config: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_anomalyd"));
        let output = command.args(["reload", "--config", config]).current_dir(site.path(folder)).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let text = fs::read_to_string(site.config()).unwrap();
    fs::write(site.config(), format!("# a comment\n{text}")).unwrap();
    for said in [told("store", site.config().to_str().unwrap()), told("", "config.toml")] {
        assert!(said.contains("looks at its models") && !said.contains("restart"), "{said}");
    }
    fs::write(site.config(), text.replace("lateness = \"30s\"", "lateness = \"31s\"")).unwrap();
    let said = told("", "config.toml");
    assert!(said.contains("restart it"), "{said}");
    daemon.stop();
    let daemon = site.start();
    let said = told("", "config.toml");
    assert!(!said.contains("restart"), "{said}");
    daemon.stop();
}

#[test]
fn without_a_daemon_there_is_nobody_to_tell_and_the_command_says_so() {
    let site = site(&settings());
    let output = anomalyd(&["reload", "--config", site.config().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("no daemon runs on the store in"), "{said}");
}

#[test]
fn a_file_swapped_for_a_pipe_is_refused_and_the_next_change_is_taken() {
    let site = site(&settings());
    let path = file(&site, "pump-2/flow");
    let mut daemon = site.start();
    fs::remove_file(&path).unwrap();
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    reload(&site);
    daemon.wait_for("the pipe is refused", |line| {
        line["sensor"] == "pump-2/flow"
            && line["message"].as_str().is_some_and(|text| text.ends_with("is not a regular file"))
    });
    // A pipe in the place of expected answers.
    let beside = file(&site, "oven-3/flow").with_extension("expect.csv");
    let _ = fs::remove_file(&beside);
    assert!(Command::new("mkfifo").arg(&beside).status().unwrap().success());
    fs::copy(file(&site, "press-1/flow"), file(&site, "press-1/pressure")).unwrap();
    reload(&site);
    daemon.wait_for("the proof is refused", |line| {
        line["sensor"] == "oven-3/flow"
            && line["message"].as_str().is_some_and(|text| text.ends_with("expect.csv is not a regular file"))
    });
    daemon.wait_for("a good model", |line| line["sensor"] == "press-1/pressure" && line["hash"].is_string());
    daemon.stop();
}

#[test]
fn of_many_bad_files_a_few_are_named_the_others_counted_and_nothing_is_said_again() {
    const BAD: usize = 300;
    let site = site(&settings().with("models.look_every", "\"20ms\""));
    let spoil = |content: &str| {
        for number in 0..BAD {
            fs::write(site.path(&format!("models/model_bad_{number}.pkl")), content).unwrap();
        }
    };
    spoil("not a model");
    let told = |daemon: &crate::support::daemon::Daemon| {
        let lines = daemon.lines();
        let text = |line: &Value| line["message"].as_str().unwrap_or_default().to_owned();
        let named = lines.iter().filter(|line| text(line).starts_with("the model cannot be used")).count();
        let counted: Vec<_> = lines
            .iter()
            .filter(|line| text(line).starts_with("more models cannot be used"))
            .map(|line| (line["more"].as_u64().unwrap(), text(line)))
            .collect();
        (named, counted)
    };
    let mut daemon = site.start();
    let (named, counted) = told(&daemon);
    let kinds =
        "more models cannot be used: 295 of no format that is read; `anomalyd check` names each with its reason";
    assert_eq!((named, &*counted), (5, &[(295, kinds.to_owned())][..]));
    // The daemon looks at them many times before it notices this change.
    std::thread::sleep(std::time::Duration::from_millis(300));
    fs::copy(file(&site, "press-1/flow"), file(&site, "pump-2/flow")).unwrap();
    daemon.wait_for("a change", |line| line["sensor"] == "pump-2/flow" && line["hash"].is_string());
    assert_eq!(told(&daemon).0, 5);
    daemon.stop();

    let output = anomalyd(&["check", "--config", site.config().to_str().unwrap()]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(said.matches("model_bad_").count(), BAD, "{said}");
}
