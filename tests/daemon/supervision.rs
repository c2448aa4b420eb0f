//! One model's panic, error or endless loop changes no other sensor's verdict, and does not hold the run.
//!
//! The daemon runs in the test's own process, so that fail points can hurt it. They are global: one test at a time.

use std::fs;
use std::time::{Duration, Instant};

use crate::support::settings::Settings;
use crate::support::site::Site;
use crate::support::{PATIENCE, alone, eventually, plant};
use anomalyd::config::Config;
use anomalyd::daemon::{Daemon, DaemonError};
use anomalyd::telemetry::metrics;
use fail::FailScenario;
use serde_json::Value;

/// The sensor whose model gets hurt.
const VICTIM: (&str, &str) = ("pump-2", "flow");

/// How many windows are scored; the first of them is empty.
const WINDOWS: usize = 7;

fn settings() -> Settings {
    plant::settings()
        .with("supervision.backoff_min", "\"20ms\"")
        .with("supervision.backoff_max", "\"50ms\"")
        .with("supervision.quarantine_after", "3")
}

/// The verdicts of each window, and how long the longest run took from its readings to its end.
struct Course {
    verdicts: Vec<Value>,
    longest: Duration,
}

/// Runs a daemon over the first hour of the plant, with these fail points set.
///
/// The readings of a window come when the run before has ended and `pause` has passed.
fn run(settings: &Settings, faults: &[(&str, &str)], pause: Duration) -> Course {
    let scenario = FailScenario::setup();
    for (point, action) in faults {
        fail::cfg(format!("{point} {}/{}", VICTIM.0, VICTIM.1), action).unwrap();
    }
    let site = Site::new(settings);
    let config = Config::read(&site.config()).unwrap();
    let readings = plant::readings(7);
    let port = site.port();
    let longest = actix_rt::System::new().block_on(async {
        let mut longest = Duration::ZERO;
        let daemon = Daemon::start(&config).await.unwrap();
        let publisher = plant::connect(port).await;
        let finished_before = metrics::RUNS_FINISHED.get();
        // Ten minutes of readings of fifteen sensors, every ten seconds. The first of a window, and those of the
        // lateness behind it, close the one before.
        for (window, readings) in readings.chunks(60 * 15).take(WINDOWS).enumerate() {
            plant::publish(&publisher, readings).await;
            let runs = window as u64 + 1;
            let began = Instant::now();
            while metrics::RUNS_FINISHED.get() - finished_before < runs {
                assert!(began.elapsed() < PATIENCE, "the run over window {window} does not end");
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            longest = longest.max(began.elapsed());
            tokio::time::sleep(pause).await;
        }
        plant::drain(publisher).await;
        daemon.stop().await.unwrap();
        actix_rt::System::current().stop();
        longest
    });
    scenario.teardown();
    Course { verdicts: dump(&config), longest }
}

/// The stored verdicts. Threads of the daemon may hold the store for a moment after its end.
fn dump(config: &Config) -> Vec<Value> {
    let text = eventually("the store is free", || {
        let mut out = Vec::new();
        anomalyd::cli::dump::run(anomalyd::cli::dump::What::Verdicts, config, &mut out).ok()?;
        Some(String::from_utf8(out).unwrap())
    });
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn split(verdicts: Vec<Value>) -> (Vec<Value>, Vec<Value>) {
    verdicts.into_iter().partition(|verdict| {
        (verdict["device"].as_str(), verdict["sensor"].as_str()) == (Some(VICTIM.0), Some(VICTIM.1))
    })
}

/// What became of the victim's windows, once its neighbours' verdicts are seen to be those of a run without faults.
fn outcomes(settings: &Settings, faults: &[(&str, &str)], pause: Duration) -> Vec<(String, String)> {
    let (_, undisturbed) = split(run(settings, &[], Duration::ZERO).verdicts);
    assert_eq!(undisturbed.len(), WINDOWS * 14);
    let (victims, neighbours) = split(run(settings, faults, pause).verdicts);
    assert_eq!(neighbours, undisturbed);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    victims.iter().map(|verdict| (text(&verdict["outcome"]), text(&verdict["reason"]))).collect()
}

fn kinds(outcomes: &[(String, String)]) -> Vec<&str> {
    outcomes.iter().map(|(kind, _)| kind.as_str()).collect()
}

#[test]
fn a_model_that_panics_fails_alone_and_scores_again_after_its_restart() {
    let _alone = alone();
    let restarted = metrics::ACTORS_RESTARTED.get();
    let outcomes = outcomes(&settings(), &[("sensor::score", "1*off->1*panic->off")], Duration::ZERO);
    assert_eq!(kinds(&outcomes), ["no_data", "failed", "scored", "scored", "scored", "scored", "scored"]);
    assert!(outcomes[1].1.starts_with("the model panicked: "), "{outcomes:?}");
    assert_eq!(metrics::ACTORS_RESTARTED.get() - restarted, 1);
}

#[test]
fn a_model_that_errs_fails_alone_with_its_reason_and_scores_again_after_its_restart() {
    let _alone = alone();
    let restarted = metrics::ACTORS_RESTARTED.get();
    let outcomes = outcomes(&settings(), &[("sensor::score", "1*off->2*return(out of tea)->off")], Duration::ZERO);
    assert_eq!(kinds(&outcomes), ["no_data", "failed", "failed", "scored", "scored", "scored", "scored"]);
    assert!(outcomes[1..3].iter().all(|(_, reason)| reason == "out of tea"), "{outcomes:?}");
    assert_eq!(metrics::ACTORS_RESTARTED.get() - restarted, 2);
}

#[test]
fn a_model_that_fails_again_and_again_is_quarantined() {
    let _alone = alone();
    let quarantined = metrics::ACTORS_QUARANTINED.get();
    let outcomes = outcomes(&settings(), &[("sensor::score", "return(no)")], Duration::ZERO);
    let expected = ["failed", "failed", "failed", "quarantined", "quarantined", "quarantined", "quarantined"];
    assert_eq!(kinds(&outcomes), expected);
    assert_eq!(metrics::ACTORS_QUARANTINED.get() - quarantined, 1);
}

#[test]
fn an_actor_that_dies_fails_alone_and_another_takes_its_place() {
    let _alone = alone();
    let restarted = metrics::ACTORS_RESTARTED.get();
    let outcomes = outcomes(&settings(), &[("sensor::handle", "1*off->1*panic->off")], Duration::from_millis(200));
    assert_eq!(outcomes[1], ("failed".to_owned(), "the sensor's actor panicked".to_owned()));
    // Until it is replaced, it fails without being asked.
    let rest = outcomes[2..].iter().skip_while(|(_, reason)| reason == "the sensor's actor is being restarted");
    let rest: Vec<_> = rest.map(|(kind, _)| kind.as_str()).collect();
    assert!(!rest.is_empty() && rest.iter().all(|kind| *kind == "scored"), "{outcomes:?}");
    assert_eq!(metrics::ACTORS_RESTARTED.get() - restarted, 1);
}

#[test]
fn an_actor_that_dies_again_and_again_is_quarantined() {
    let _alone = alone();
    let quarantined = metrics::ACTORS_QUARANTINED.get();
    let outcomes = outcomes(&settings(), &[("sensor::handle", "3*panic->off")], Duration::from_millis(200));
    let asked: Vec<_> =
        outcomes.iter().filter(|(_, reason)| reason != "the sensor's actor is being restarted").collect();
    let kinds: Vec<_> = asked.iter().map(|(kind, _)| kind.as_str()).collect();
    assert!(kinds.len() > 3 && kinds[..3] == ["failed"; 3], "{outcomes:?}");
    assert!(kinds[3..].iter().all(|kind| *kind == "quarantined"), "{outcomes:?}");
    assert_eq!(metrics::ACTORS_QUARANTINED.get() - quarantined, 1);
}

#[test]
fn a_model_that_does_not_end_does_not_hold_the_run() {
    let _alone = alone();
    let settings = settings().with("scoring.deadline", "\"500ms\"");
    // Windows go on being scored while it sleeps, and the daemon stops without it.
    let Course { verdicts, longest } =
        run(&settings, &[("sensor::score", "1*off->1*sleep(5000)->off")], Duration::ZERO);
    assert!(longest < Duration::from_secs(3), "{longest:?}");
    let (victims, neighbours) = split(verdicts);
    assert_eq!((victims.len(), neighbours.len()), (WINDOWS, WINDOWS * 14));
    assert_eq!(victims[1]["outcome"], "timed_out");
    let reason = victims[1]["reason"].as_str().unwrap();
    assert!(reason.starts_with("its scoring was given up after "), "{reason}");
    assert!(neighbours.iter().all(|verdict| verdict["outcome"] != "failed"), "no neighbour waits for it");
}

#[test]
fn a_model_that_hangs_again_is_quarantined_and_its_neighbours_miss_nothing() {
    let _alone = alone();
    let settings = settings().with("scoring.sensor_deadline", "\"200ms\"");
    let (quarantined, slow) = (metrics::ACTORS_QUARANTINED.get(), metrics::SCORINGS_SLOW.get());
    // Each evaluation that hangs has ended before the next window.
    let outcomes = outcomes(&settings, &[("sensor::score", "sleep(800)")], Duration::from_secs(1));
    let expected =
        ["timed_out", "timed_out", "quarantined", "quarantined", "quarantined", "quarantined", "quarantined"];
    assert_eq!(kinds(&outcomes), expected);
    let reason = &outcomes[0].1;
    assert!(reason.starts_with("its scoring was given up after 2"), "{reason}");
    assert_eq!(metrics::ACTORS_QUARANTINED.get() - quarantined, 1, "it alone");
    assert_eq!(metrics::SCORINGS_SLOW.get() - slow, 2);
}

#[test]
fn a_slow_model_holds_up_nobody_and_its_verdict_counts() {
    let _alone = alone();
    let slow = metrics::SCORINGS_SLOW.get();
    let outcomes = outcomes(&settings(), &[("sensor::score", "sleep(150)")], Duration::ZERO);
    assert!(kinds(&outcomes)[1..].iter().all(|kind| *kind == "scored"), "{outcomes:?}");
    assert_eq!(metrics::SCORINGS_SLOW.get(), slow);
}

#[test]
fn a_model_file_that_makes_its_reader_panic_fails_alone() {
    let _alone = alone();
    let outcomes = outcomes(&settings(), &[("model::load", "panic(out of tea)")], Duration::ZERO);
    assert_eq!(kinds(&outcomes), ["failed"; WINDOWS]);
    let reason = &outcomes[0].1;
    assert!(reason.ends_with(": reading it panicked: out of tea; please report this file"), "{reason}");
    assert!(reason.contains("model_pump-2_flow"), "{reason}");
}

#[test]
fn a_changed_file_that_makes_its_reader_panic_changes_nothing_and_the_next_is_read() {
    let _alone = alone();
    let scenario = FailScenario::setup();
    let settings = settings().with("models.settle", "\"10ms\"").with("models.look_every", "\"10ms\"");
    let site = Site::new(&settings);
    let models = site.path("models");
    fs::create_dir(&models).unwrap();
    let name = format!("model_{}_{}.pkl", VICTIM.0, VICTIM.1);
    let sample = |name: &str| fs::read(format!("{}/tests/samples/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let put = |sample: &[u8]| {
        fs::write(models.join(".new"), sample).unwrap();
        fs::rename(models.join(".new"), models.join(&name)).unwrap();
    };
    put(&sample("p2_scale_1d.pkl"));
    site.configure(&settings.with_text("models.directory", &models));
    let config = Config::read(&site.config()).unwrap();
    let counts = || (metrics::MODELS_CHANGED.get(), metrics::MODELS_REFUSED.get());
    let (changed, refused) = counts();
    actix_rt::System::new().block_on(async {
        let mut daemon = Daemon::start(&config).await.unwrap();
        let until = async |expected| {
            let counted = async {
                while counts() != expected {
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
            };
            tokio::time::timeout(PATIENCE, counted)
                .await
                .unwrap_or_else(|_| panic!("{expected:?}, but {:?}", counts()));
        };
        fail::cfg(format!("model::load {}/{}", VICTIM.0, VICTIM.1), "1*panic->off").unwrap();
        put(&sample("p4_bare_1d.pkl"));
        tokio::select! {
            () = until((changed, refused + 1)) => {}
            failure = daemon.failure() => panic!("the daemon ended: {failure}"),
        }
        put(&sample("p4_bare_1d.pkl"));
        until((changed + 1, refused + 1)).await;
        daemon.stop().await.unwrap();
        actix_rt::System::current().stop();
    });
    scenario.teardown();
}

#[test]
fn when_the_committer_dies_the_last_word_is_about_it_and_not_about_a_part_that_waited_for_it() {
    let _alone = alone();
    for _ in 0..5 {
        let scenario = FailScenario::setup();
        let site = Site::new(&settings());
        let config = Config::read(&site.config()).unwrap();
        let port = site.port();
        let failure = actix_rt::System::new().block_on(async {
            let mut daemon = Daemon::start(&config).await.unwrap();
            fail::cfg("store::journal_sync", "panic").unwrap();
            // Opening a session is the first thing to be committed.
            let failure = tokio::select! {
                failure = daemon.failure() => failure,
                _ = plant::connect(port) => panic!("a session was opened without a commit"),
            };
            actix_rt::System::current().stop();
            failure
        });
        scenario.teardown();
        assert!(matches!(failure, DaemonError::CommitterPanicked), "{failure}");
    }
}

#[test]
fn where_proof_is_wanted_a_model_without_it_is_not_scored_and_every_verdict_says_so() {
    let _alone = alone();
    let unproven = metrics::VERDICTS_UNPROVEN.get();
    let verdicts = run(&settings().with("scoring.proof", "\"required\""), &[], Duration::ZERO).verdicts;
    assert_eq!(verdicts.len(), WINDOWS * 15);
    assert!(verdicts.iter().all(|verdict| verdict["outcome"] == "unproven"), "{:?}", verdicts[0]);
    assert_eq!(metrics::VERDICTS_UNPROVEN.get() - unproven, (WINDOWS * 15) as u64);
}
