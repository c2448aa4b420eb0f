//! A run that is redone is as if it had never been cut off, and the log names the sensors that a run found anomalous.
//!
//! The store is made here, as an earlier daemon would have left it: its journal has readings of a window that is over
//! and not scored.

use std::collections::BTreeMap;
use std::fs;

use crate::support::settings::Settings;
use crate::support::site::Site;
use anomalyd::config::Config;
use anomalyd::group::GroupName;
use anomalyd::interval::Window;
use anomalyd::reading::Reading;
use anomalyd::run::{Closing, Run, RunCourse, RunId, RunState, Trigger};
use anomalyd::sensor::{SensorId, SensorName};
use anomalyd::store::{ChunkId, Progress, ShedSettings, Store, StoreSettings, StoredChunks};
use anomalyd::time::{Span, Timestamp};
use anomalyd::verdict::{Label, ModelHash, Outcome, Row, Scored, Verdict};

const WINDOW: &str = "2026-11-01T10:00:00Z";

/// The sensors of the store, `m0/flow` and so on: three chunks.
const SENSORS: u32 = 40;
/// Those that have a model when the daemon starts.
const IN_SCOPE: [u32; 12] = [0, 1, 2, 3, 4, 5, 6, 7, 36, 37, 38, 39];
/// Those of them that have readings, all of them far from what their models know.
const WITH_READINGS: u32 = 8;

/// A daemon's place with these settings, and what becomes of its store before the daemon starts.
fn site(settings: impl Fn(Settings) -> Settings, before: impl Fn(&Config, Window, &mut Store)) -> Site {
    let shipped = settings(Settings::shipped().with("clock", "\"event\"").with("schedule.event_idle", "\"never\""));
    let site = Site::new(&shipped);
    site.configure(&shipped.with_text("models.directory", site.path("models")));
    fs::create_dir(site.path("models")).unwrap();
    for sensor in IN_SCOPE {
        let model = format!("{}/tests/samples/p2_scale_1d.pkl", env!("CARGO_MANIFEST_DIR"));
        fs::copy(model, site.path(&format!("models/model_m{sensor}_flow.pkl"))).unwrap();
    }
    let config = Config::read(&site.config()).unwrap();
    let (cut, rings) = (config.base_cut(), config.rings());
    let window = cut.window_of(Timestamp::parse(WINDOW).unwrap());
    let mut store = Store::open(StoreSettings {
        directory: config.store.directory.clone(),
        windows: rings.windows,
        runs: rings.runs,
        verdict_runs: rings.verdict_runs,
        keep_raw: None,
        shed: ShedSettings::NEVER,
        verdict_rows: config.store.verdict_rows,
        reject_blocks: config.store.rejects,
        cache_bytes: 1 << 20,
        cut,
    })
    .unwrap();
    let names: Vec<_> =
        (0..SENSORS).map(|id| (SensorId(id), SensorName::new(&format!("m{id}"), "flow").unwrap())).collect();
    store.writer.add_sensors(&names);
    let readings = (0..WITH_READINGS).flat_map(|sensor| {
        (0..30).map(move |minute| Reading {
            sensor: SensorId(sensor),
            time: window.start() + Span::from_secs(60 * minute),
            value: f64::from(1000 * (sensor + 1)),
        })
    });
    // The event clock of the daemon follows this one, and makes the window due.
    let next = Reading { sensor: SensorId(0), time: window.end() + config.window.lateness, value: 0.0 };
    store.writer.append_readings(&readings.chain([next]).collect::<Vec<_>>());
    store.writer.put_progress(&Progress::Scored(GroupName::default()), window.start());
    before(&config, window, &mut store);
    store.writer.commit().unwrap();
    site
}

/// What a daemon makes of the store: verdicts, runs and prediction files; and how many outcomes it took over.
fn redone(site: &Site) -> (String, String, BTreeMap<String, String>, u64) {
    let mut daemon = site.start();
    let finished = daemon.wait_for("the run has ended", |line| line["message"] == "run finished");
    daemon.wait_until_published("files", WINDOW);
    daemon.stop();
    (site.dump("verdicts"), site.dump("runs"), site.predictions(), finished["resumed"].as_u64().unwrap())
}

#[test]
fn a_run_that_is_redone_in_a_smaller_scope_is_that_of_an_undisturbed_daemon() {
    let undisturbed = redone(&site(|settings| settings, |_, _, _| {}));
    assert_eq!((undisturbed.0.lines().count(), undisturbed.2.len(), undisturbed.3), (12, 8, 0));
    // Of the chunk of sensors 36 to 39 nothing has changed, if the settings have not.
    for (other_settings, resumed) in [(0, 4), (1, 0)] {
        let cut_off = site(
            |settings| settings,
            |config, window, store| {
                let settings = config.settings_hash(&config.default_group()) ^ other_settings;
                let run = Run {
                    id: RunId::default(),
                    window,
                    interval: config.window.grid.interval(),
                    group: GroupName::default(),
                    trigger: Trigger::Schedule,
                    revision: 0,
                    scope: (0..SENSORS).collect(),
                    settings,
                    models: 0,
                    closing: Closing::OnTime,
                    state: RunState::Started,
                    course: RunCourse::default(),
                };
                store.writer.begin_run(&run, &StoredChunks::OfEarlierRuns);
                let rows = vec![Row { interval: 0, label: Label::Anomaly, decision: -1.0 }];
                let scored = Scored {
                    model: ModelHash([1; 32]),
                    proven: true,
                    unit: None,
                    boundary: None,
                    rows: rows.into(),
                    explanation: None,
                };
                for (sensors, outcome) in [
                    (0..16, Outcome::Scored(scored.clone())),
                    (16..32, Outcome::Scored(scored)),
                    (36..40, Outcome::NoData),
                ] {
                    let chunk = ChunkId::of(SensorId(sensors.start));
                    let verdict = |sensor| Verdict { sensor: SensorId(sensor), outcome: outcome.clone() };
                    store.writer.put_verdicts(run.id, chunk, &sensors.map(verdict).collect::<Vec<_>>());
                }
            },
        );
        let redone = redone(&cut_off);
        assert_eq!(redone.0, undisturbed.0);
        assert_eq!(redone.1, undisturbed.1);
        assert_eq!(redone.2, undisturbed.2);
        assert_eq!(redone.3, resumed);
    }
}

/// The lines of `dump verdicts` that say why rows have no decision value, without the reason's values.
fn reasons(site: &Site) -> Vec<bool> {
    let lines = site.dump("verdicts");
    let scored = lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let scored = scored.filter(|verdict| verdict["outcome"] == "scored");
    scored
        .map(|verdict| {
            let known = |row: &serde_json::Value| row["decision"].is_f64();
            let rows = verdict["rows"].as_array().unwrap();
            assert!(rows.iter().any(known) && rows.iter().all(|row| row["anomaly"] == true), "{verdict}");
            assert_eq!(verdict["decisions"].is_string(), !rows.iter().all(known), "{verdict}");
            verdict["decisions"].as_str().is_some_and(|reason| reason.contains("only the worst are kept"))
        })
        .collect()
}

#[test]
fn what_is_not_stored_of_a_verdict_is_computed_again_bit_for_bit() {
    let with_decisions = |rows: &'static str| {
        site(
            move |settings| settings.with("publish.files.decisions", "true").with_text("store.verdict_rows", rows),
            |_, _, _| {},
        )
    };
    let all = redone(&with_decisions("all"));
    let site = with_decisions("worst");
    let worst = redone(&site);
    assert_eq!(worst.0, all.0);
    assert_eq!(worst.2, all.2);
    assert_eq!(reasons(&site), [false; 8]);

    // The files are written over in place, as `cp` does it, and other models are at work.
    for sensor in IN_SCOPE {
        let model = site.path(&format!("models/model_m{sensor}_flow.pkl"));
        let other = format!("{}/tests/samples/p4_bare_1d.pkl", env!("CARGO_MANIFEST_DIR"));
        fs::write(model, fs::read(other).unwrap()).unwrap();
    }
    assert_eq!(site.dump("verdicts"), all.0);
    let daemon = site.start();
    daemon.stop();
    assert_eq!(site.dump("verdicts"), all.0);

    // Under other settings a verdict might be another: what is stored of it is told, and that this is not all.
    let config = fs::read_to_string(site.config()).unwrap();
    fs::write(site.config(), format!("{config}\n[[filter]]\nsensors = \"**\"\nmax = 1e9\n")).unwrap();
    assert_eq!(reasons(&site), [true; 8]);
    fs::write(site.config(), config).unwrap();
    assert_eq!(reasons(&site), [false; 8]);
    fs::remove_dir_all(site.path("store/models")).unwrap();
    assert_eq!(reasons(&site), [true; 8]);
}

#[test]
fn the_log_names_as_many_anomalous_sensors_as_it_may_with_what_stands_out_and_counts_the_rest() {
    let site = site(|settings| settings.with("log.anomalies", "3"), |_, _, _| {});
    let mut daemon = site.start();
    daemon.wait_for("the run has ended", |line| line["message"] == "run finished");
    let lines = daemon.lines();
    daemon.stop();
    let anomalous: Vec<_> = lines.iter().filter(|line| line["message"] == "anomalous").collect();
    let sensors: Vec<_> = anomalous.iter().map(|line| line["sensor"].as_str().unwrap()).collect();
    assert_eq!(sensors, ["m0/flow", "m1/flow", "m2/flow"]);
    let first = anomalous[0];
    assert_eq!([&first["level"], &first["window"]], ["INFO", WINDOW]);
    assert_eq!((first["anomalies"].as_u64(), first["rows"].as_u64()), (Some(30), Some(30)));
    assert_eq!(first["worst_interval"], WINDOW);
    assert!(first["worst_decision"].as_f64().unwrap() < 0.0 && first["score"].as_f64().unwrap() > 0.5, "{first}");
    let explanation = first["explanation"].as_str().unwrap();
    assert!(explanation.starts_with("mean 1000 at 10:00, usually "), "{explanation}");
    let more: Vec<_> = lines.iter().filter(|line| line["sensors"].as_u64() == Some(5)).collect();
    assert!(more.len() == 1 && more[0]["message"].as_str().unwrap().contains("log.anomalies"), "{more:?}");
}
