//! Model files whose changes the system tells of: they are noticed though nobody asks, and it is not time to look.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anomalyd::config::Config;
use anomalyd::daemon::Daemon as OwnDaemon;
use anomalyd::telemetry::metrics;

use crate::support::daemon::Daemon;
use crate::support::settings::Settings;
use crate::support::site::Site;
use crate::support::{alone, eventually, plant};

/// Nothing is found here by looking from time to time.
fn settings() -> Settings {
    plant::settings().with("models.settle", "\"20ms\"").with("models.look_every", "\"1h\"")
}

/// A place whose models are in a folder of this name.
fn site(settings: Settings, models: &str) -> Site {
    let site = Site::new(&settings);
    site.configure(&settings.with_text("models.directory", site.path(models)));
    site
}

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples").join(name)
}

const FIRST: &str = "p2_scale_1d.pkl";
const SECOND: &str = "p4_bare_1d.pkl";

/// Puts a file in its place, whole from the beginning; folders on the way are made.
fn put(path: &Path, from: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let beside = path.with_file_name(".new");
    fs::copy(sample(from), &beside).unwrap();
    fs::rename(&beside, path).unwrap();
}

/// Makes a link lead elsewhere in one step, as `ln -sfn` and `mv -T` do.
fn relink(link: &Path, target: &str) {
    let beside = link.with_file_name(".link");
    symlink(target, &beside).unwrap();
    fs::rename(&beside, link).unwrap();
}

/// Waits until so many models of a sensor were put to work while the daemon ran.
fn at_work(daemon: &Daemon, sensor: &str, count: usize) {
    eventually("another model is at work", || {
        let lines = daemon.lines();
        let ours = lines.iter().filter(|line| line["sensor"] == sensor && line["hash"].is_string());
        (ours.count() >= count).then_some(())
    });
}

#[test]
fn every_way_to_change_a_file_is_noticed() {
    let site = site(settings(), "models");
    let path = site.path("models/model_press_flow.pkl");
    put(&path, FIRST);
    let mut daemon = site.start();

    put(&path, SECOND);
    at_work(&daemon, "press/flow", 1);
    fs::copy(sample(FIRST), &path).unwrap();
    at_work(&daemon, "press/flow", 2);
    let touch = fs::File::options().append(true).open(&path).unwrap();
    touch.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    at_work(&daemon, "press/flow", 3);
    put(&site.path("models/model_press_added.pkl"), FIRST);
    at_work(&daemon, "press/added", 1);
    fs::remove_file(&path).unwrap();
    daemon.wait_for("it is gone", |line| {
        line["sensor"] == "press/flow" && line["message"].as_str().is_some_and(|text| text.contains("file is gone"))
    });
    daemon.stop();
}

#[test]
fn a_link_that_is_made_to_lead_elsewhere_is_noticed_whether_it_is_a_file_a_folder_or_on_the_way_to_the_models() {
    for (directory, template, link, [first, second]) in [
        ("models", "model_{device}_{sensor}", "models/model_press_flow.pkl", ["v1.pkl", "v2.pkl"]),
        ("models", "{device}/{sensor}", "models/press", ["../v1", "../v2"]),
        ("current", "{device}/{sensor}", "current", ["v1", "v2"]),
        ("current/models", "model_{device}_{sensor}", "current", ["releases/v1", "releases/v2"]),
    ] {
        let site = site(settings().with_text("models.name", template), directory);
        let link = site.path(link);
        let file = match (directory, template) {
            ("current/models", _) => "models/model_press_flow.pkl",
            ("current", _) => "press/flow.pkl",
            (_, "{device}/{sensor}") => "flow.pkl",
            _ => "",
        };
        fs::create_dir_all(link.parent().unwrap()).unwrap();
        for (version, model) in [(first, FIRST), (second, SECOND)] {
            let version = link.parent().unwrap().join(version);
            put(&if file.is_empty() { version } else { version.join(file) }, model);
        }
        symlink(first, &link).unwrap();
        let daemon = site.start();
        relink(&link, second);
        at_work(&daemon, "press/flow", 1);
        daemon.stop();
    }
}

#[test]
fn a_folder_that_comes_or_takes_the_place_of_another_is_watched_too() {
    let site = site(settings().with_text("models.name", "{device}/{sensor}"), "models");
    put(&site.path("models/press/flow"), FIRST);
    let daemon = site.start();
    put(&site.path("models/oven/flow"), FIRST);
    at_work(&daemon, "oven/flow", 1);
    put(&site.path("models/oven/flow"), SECOND);
    at_work(&daemon, "oven/flow", 2);

    put(&site.path("new/press/flow"), SECOND);
    put(&site.path("new/oven/flow"), FIRST);
    fs::rename(site.path("models"), site.path("old")).unwrap();
    fs::rename(site.path("new"), site.path("models")).unwrap();
    // It may have been looked for when it was away: that is tried again after `look_every`, or when somebody asks.
    daemon.signal("HUP");
    at_work(&daemon, "press/flow", 1);
    put(&site.path("models/press/flow"), FIRST);
    at_work(&daemon, "press/flow", 2);
    daemon.stop();
}

#[test]
fn what_links_lead_to_is_looked_at_from_time_to_time_and_that_is_said_once() {
    let site = site(settings().with("models.look_every", "\"20ms\""), "models");
    put(&site.path("elsewhere/flow"), FIRST);
    fs::create_dir(site.path("models")).unwrap();
    symlink("../elsewhere/flow", site.path("models/model_press_flow")).unwrap();
    let daemon = site.start();
    put(&site.path("elsewhere/flow"), SECOND);
    at_work(&daemon, "press/flow", 1);
    let lines = daemon.lines();
    let said = lines.iter().filter_map(|line| line["message"].as_str()).filter(|text| text.contains("look_every"));
    let said: Vec<_> = said.collect();
    assert!(said.len() == 1 && said[0].contains("symbolic links lead"), "{said:?}");
    daemon.stop();
}

#[test]
fn a_folder_in_which_nothing_changes_is_not_looked_at() {
    let _alone = alone();
    let site = site(settings().with("models.look_every", "\"1s\""), "models");
    put(&site.path("models/model_press_flow"), FIRST);
    let config = Config::read(&site.config()).unwrap();
    actix_rt::System::new().block_on(async {
        let daemon = OwnDaemon::start(&config).await.unwrap();
        let looks = metrics::MODEL_LOOKS.get();
        tokio::time::sleep(Duration::from_millis(2500)).await;
        assert_eq!(metrics::MODEL_LOOKS.get(), looks);
        daemon.stop().await.unwrap();
        actix_rt::System::current().stop();
    });
}

#[test]
fn a_look_that_failed_for_want_of_a_descriptor_is_tried_again() {
    let site = site(settings().with("models.look_every", "\"50ms\""), "models");
    put(&site.path("models/model_press_flow"), FIRST);
    let mut daemon = site.start();
    let process = daemon.id().to_string();
    let limit = |limit: &str| {
        let set = Command::new("prlimit").args(["--pid", &process, &format!("--nofile={limit}:")]).status().unwrap();
        assert!(set.success());
    };
    // A limit below what is open leaves what is open as it is, and allows no more.
    limit("5");
    put(&site.path("models/model_press_flow"), SECOND);
    daemon.wait_for("it cannot be looked at", |line| {
        line["message"].as_str().is_some_and(|text| text.contains("not looked at") && text.contains("Too many open"))
    });
    limit("1024");
    at_work(&daemon, "press/flow", 1);
    daemon.stop();
}
