//! What a running daemon tells of its state: models, runs, sinks, the configuration, and nothing of its secrets.

use std::fs;
use std::path::PathBuf;

use anomalyd::cli::demo::simulation::SimulatedReading;
use anomalyd::http::client::DaemonClient;
use anomalyd::time::Span;
use serde_json::Value;

use crate::support::settings::Settings;
use crate::support::site::{Site, anomalyd, free_port};
use crate::support::{eventually, plant};

const SECRET: &str = "hunter2";

/// A plant with a broker that is away, a password for it, and room for one missed window.
fn settings() -> Settings {
    plant::settings()
        .with("schedule.catch_up", "1")
        .with("mqtt.connect.port", &free_port().to_string())
        .with("mqtt.connect.username", "\"gateway\"")
        .with("mqtt.connect.password", &format!("\"{SECRET}\""))
        .with("publish.mqtt.topic", "\"anomalyd/{device}/{sensor}\"")
}

/// A place whose models are its own; the file of one sensor is no model.
fn site() -> (Site, Settings) {
    let site = Site::new(&settings());
    let models = site.path("models");
    fs::create_dir(&models).unwrap();
    for file in fs::read_dir(plant::models()).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), models.join(file.file_name())).unwrap();
    }
    fs::write(models.join("model_oven-3_flow.pkl"), "no model").unwrap();
    let settings = settings().with_text("models.directory", models);
    site.configure(&settings);
    (site, settings)
}

/// An answer of the API. None holds the secret.
fn ask(site: &Site, path: &str) -> Value {
    let answer: Value = client(site).get(path).unwrap().json().unwrap();
    assert!(!answer.to_string().contains(SECRET), "{path}: {answer}");
    answer
}

fn client(site: &Site) -> DaemonClient {
    DaemonClient::at(&site.path("store/anomalyd.sock")).unwrap()
}

/// What a command says, and its exit code.
fn command(site: &Site, arguments: &[&str]) -> (String, Option<i32>) {
    let config = site.config();
    let output = anomalyd(&[arguments, &["--config", config.to_str().unwrap()]].concat());
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(!said.contains(SECRET) && !said.contains('\x1b'), "{said}");
    (said, output.status.code())
}

fn kinds(status: &Value) -> Vec<String> {
    let problems = status["health"]["problems"].as_array().unwrap();
    problems.iter().map(|problem| problem["kind"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_plant_in_trouble_says_what_is_wrong_with_it() {
    let (site, _) = site();
    let mut daemon = site.start();
    let per_window = 60 * 15;
    let readings = plant::readings(7);
    plant::publish_all(site.port(), &readings[..2 * per_window]);
    daemon.wait_until_published("files", "2026-03-02T06:00:00Z");
    // Nothing comes for so long that more windows are missed than are caught up on.
    let later: Vec<_> = readings[2 * per_window..3 * per_window]
        .iter()
        .map(|reading| SimulatedReading { time: reading.time + Span::from_secs(6 * 3600), ..reading.clone() })
        .collect();
    plant::publish_all(site.port(), &later);
    let status = eventually("windows were skipped", || {
        let status = ask(&site, "/api/v1/status");
        (status["windows_skipped"].as_u64() > Some(0)).then_some(status)
    });
    let started = status["started"].as_str().unwrap();
    assert!(started.starts_with("20") && started.ends_with('Z'), "{status}");
    assert_eq!(status["clock"]["source"], "event");
    assert_eq!(status["readings"], 3 * per_window);
    assert!(status["disk"]["store_bytes"].as_u64() > Some(0) && status["disk"]["free_bytes"].is_number(), "{status}");
    let kinds = kinds(&status);
    for kind in ["model_unusable", "windows_skipped"] {
        assert!(kinds.iter().any(|found| found == kind), "{kind} in {status:#}");
    }

    // The files were written, and nobody has taken the messages.
    let sinks = eventually("the files are up to date", || {
        let sinks = ask(&site, "/api/v1/status")["sinks"].clone();
        (sinks[0]["state"] == "up_to_date").then_some(sinks)
    });
    assert_eq!(sinks[0]["name"], "files");
    assert_eq!((&sinks[1]["name"], &sinks[1]["state"]), (&"mqtt".into(), &"behind".into()));
    assert!(sinks[1]["runs_behind"].as_u64() >= Some(2), "{sinks}");

    let models = ask(&site, "/api/v1/models?state=unusable");
    assert_eq!(models["total"], 1, "{models}");
    assert_eq!(models["items"][0]["sensor"], "oven-3/flow");
    assert!(models["items"][0]["problem"].as_str().unwrap().contains("model_oven-3_flow.pkl"), "{models}");
    let first = ask(&site, "/api/v1/models?limit=1");
    let next = first["next"].as_str().unwrap().replace('/', "%2F");
    assert_ne!(ask(&site, &format!("/api/v1/models?limit=1&after={next}"))["items"][0], first["items"][0]);

    let schedule = ask(&site, "/api/v1/schedule");
    assert_eq!((&schedule["zone"], &schedule["window_seconds"]), (&"UTC".into(), &600.0.into()));
    let missed = schedule["missed"][0].clone();
    assert!(missed["windows"].as_u64() > Some(20), "{schedule}");
    assert!(missed["words"].as_str().unwrap().contains("schedule.catch_up = 1"), "{schedule}");

    let (said, code) = command(&site, &["status"]);
    assert!(said.contains("oven-3/flow") && said.contains("mqtt: ") && said.contains("runs behind"), "{said}");
    assert!(matches!(code, Some(1 | 2)), "{code:?}");
    let (said, _) = command(&site, &["runs"]);
    assert!(said.contains("finished") && said.contains("windows that no run has scored"), "{said}");
    let (said, _) = command(&site, &["models", "oven-3/*"]);
    assert!(said.contains("unusable") && !said.contains("press-1/"), "{said}");
    let (said, _) = command(&site, &["schedule"]);
    assert!(said.contains("the readings decide"), "{said}");
    daemon.stop();
    let (said, code) = command(&site, &["status"]);
    assert!(said.contains("no daemon runs on the store"), "{said}");
    assert_eq!(code, Some(3));
}

#[test]
fn runs_are_paged_and_each_tells_its_outcomes() {
    let (site, _) = site();
    let mut daemon = site.start();
    plant::publish_all(site.port(), &plant::readings(7)[..4 * 60 * 15]);
    daemon.wait_until_published("files", "2026-03-02T06:20:00Z");
    let newest = ask(&site, "/api/v1/runs?limit=2");
    let ids = |list: &Value| -> Vec<u64> {
        list["items"].as_array().unwrap().iter().map(|run| run["id"].as_u64().unwrap()).collect()
    };
    let [newer, older] = ids(&newest)[..] else { panic!("{newest}") };
    assert_eq!(newer, older + 1);
    let rest = ask(&site, &format!("/api/v1/runs?after={}", newest["next"].as_str().unwrap()));
    assert!(ids(&rest).iter().all(|id| *id < older) && rest["next"].is_null(), "{rest}");

    let run = ask(&site, &format!("/api/v1/runs/{older}"));
    assert_eq!(run["state"], "finished");
    let all = ask(&site, &format!("/api/v1/runs/{older}/outcomes"));
    assert_eq!(all["items"].as_array().unwrap().len() as u64, run["sensors"].as_u64().unwrap());
    let failed = ask(&site, &format!("/api/v1/runs/{older}/outcomes?outcome=failed"));
    assert_eq!(failed["items"][0]["sensor"], "oven-3/flow");
    assert!(!failed["items"][0]["reason"].as_str().unwrap().is_empty());
    let mut paged = Vec::new();
    let mut after = String::new();
    loop {
        let page = ask(&site, &format!("/api/v1/runs/{older}/outcomes?limit=4{after}"));
        paged.extend(page["items"].as_array().unwrap().iter().cloned());
        let Some(next) = page["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    assert_eq!(&paged, all["items"].as_array().unwrap());

    for (path, said) in [
        ("/api/v1/runs/99999", "the ledger has no run 99999"),
        ("/api/v1/runs/first", "first is not the id of a run"),
        ("/api/v1/runs?limit=0", "limit=0"),
        ("/api/v1/runs?limt=1", "limt"),
        ("/api/v1/models?pattern=", "pattern"),
    ] {
        let error = client(&site).get(path).unwrap_err().to_string();
        assert!(error.contains(said), "{path}: {error}");
    }
    let (said, _) = command(&site, &["runs", "show", &older.to_string()]);
    assert!(said.contains("oven-3/flow") && said.contains("failed"), "{said}");
    daemon.stop();
}

#[test]
fn a_configuration_that_was_changed_is_compared_with_what_is_in_force() {
    let (site, settings) = site();
    let daemon = site.start();
    let configuration = || ask(&site, "/api/v1/configuration");
    let in_force = configuration();
    assert_eq!((&in_force["state"], &in_force["differences"]), (&"in_force".into(), &Value::Array(Vec::new())));
    let text = in_force["text"].as_str().unwrap();
    assert!(text.contains("username = \"gateway\"") && text.contains("password = \"…\""), "{text}");

    let other = settings.with("scoring.min_intervals", "5").with("mqtt.connect.password", "\"hunter2b\"");
    site.configure(&other);
    let changed = configuration();
    assert_eq!(changed["state"], "changed", "{changed}");
    let differences: Vec<_> =
        changed["differences"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
    assert_eq!(differences.len(), 2, "{differences:?}");
    assert_eq!(differences[0], "mqtt.connect.password: another secret in the file");
    assert!(differences[1].starts_with("scoring.min_intervals: "), "{differences:?}");
    assert_eq!(changed["text"], in_force["text"]);
    let (said, code) = command(&site, &["configuration", "--text"]);
    assert!(said.contains("restart the daemon") && said.contains("password = \"…\""), "{said}");
    assert_eq!(code, Some(0));

    site.configure(&other.with("window.length", "\"soon\""));
    let invalid = configuration();
    assert_eq!(invalid["state"], "invalid");
    assert!(invalid["differences"][0].as_str().unwrap().contains("window.length: found \"soon\""), "{invalid}");

    fs::remove_file(site.config()).unwrap();
    assert_eq!(configuration()["state"], "unreadable");
    daemon.stop();
}

#[test]
fn a_daemon_says_what_it_listens_on_and_what_it_touches() {
    let (site, _) = site();
    let daemon = site.start();
    let version = ask(&site, "/api/v1/version");
    assert_eq!(version["process"], daemon.id());
    let lines = |key: &str| version[key].to_string();
    assert!(lines("listens").contains(&format!("MQTT on 127.0.0.1:{}", site.port())), "{version}");
    assert!(lines("listens").contains("anomalyd.sock"), "{version}");
    assert!(lines("connects").contains("the MQTT broker at 127.0.0.1:"), "{version}");
    let path = |name: &str| -> String { site.path(name).to_str().unwrap().to_owned() };
    assert!(lines("reads").contains(&path("models")) && lines("writes").contains(&path("predictions")), "{version}");
    let (said, _) = command(&site, &["version"]);
    assert!(said.contains("writes    "), "{said}");
    let (said, _) = command(&site, &["connections"]);
    assert!(said.contains("0 connected") && said.contains("broker 127.0.0.1:"), "{said}");
    daemon.stop();
}

#[test]
fn models_are_looked_at_when_the_api_is_told_to() {
    let (site, settings) = site();
    site.configure(&settings.with("models.settle", "\"20ms\"").with("models.look_every", "\"1h\""));
    let daemon = site.start();
    let good: PathBuf = plant::models().join("model_oven-3_flow.pkl");
    fs::copy(good, site.path("models/model_oven-3_flow.pkl")).unwrap();
    let answer: Result<Value, _> = client(&site).post("/api/v1/models/reload", Vec::new()).unwrap().json();
    assert!(answer.is_err(), "an answer without a body");
    eventually("the model is at work", || {
        let models = ask(&site, "/api/v1/models?pattern=oven-3/flow");
        (models["items"][0]["state"] == "at_work" && models["items"][0]["hash"].is_string()).then_some(())
    });
    daemon.stop();
}
