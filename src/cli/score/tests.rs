//! `score` and the daemon say the same of the same readings.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use clap::Parser;
use ndarray::Array2;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::actors::scoring::assignment::{Assignment, SensorSettings};
use crate::actors::scoring::evaluation::StoredWindows;
use crate::group::GroupName;
use crate::ingest::batch::Batch;
use crate::ingest::session::SessionSettings;
use crate::model::formats::own;
use crate::model::{Contamination, Limits, Training, TrainingMethod, train};
use crate::model_memory::{ModelFiles, ModelMemory};
use crate::pipeline::{BatchProgress, HeldSettings, Pipeline, PipelineSettings};
use crate::run::{Run, RunId, RunState};
use crate::run_in_progress::{RunInProgress, RunScope};
use crate::schedule::Schedule;
use crate::schedule::agenda::GroupPlan;
use crate::schedule::clock_trust::{ClockReading, ClockSync};
use crate::scoring::ProofPolicy;
use crate::sensitivity::Sensitivities;
use crate::sink::files::{FileSettings, RunFiles};
use crate::store::{ShedSettings, Store, StoreSettings, StoredIntervals};
use crate::supervision::SupervisionPolicy;
use crate::time::{Clock, EventTime};
use crate::verdict::VerdictRows;

const INTERVAL: Span = Span::from_secs(10);
const WINDOW: Span = Span::from_secs(60);
const LATENESS: Span = Span::from_secs(5);

/// The sensors of the history. Models may also read a sensor `c`, of which no reading comes.
const SENSORS: [(&str, &str); 4] = [("p", "a"), ("p", "b"), ("q", "a"), ("q", "b")];

/// Models, readings, and the options for both commands.
#[derive(Clone, Debug)]
struct Case {
    /// The columns that each sensor's model names, if the sensor has a model.
    models: Vec<Option<Vec<String>>>,
    /// The policy for missing values, when all models get the columns of the first.
    for_all: Option<&'static str>,
    /// A sensor's index, a second and a value, in the order in which they arrive.
    readings: Vec<(usize, u32, f64)>,
    files: Files,
    min_intervals: u32,
    hop: Option<Span>,
    anomaly_score: Option<f64>,
}

#[derive(Clone, Copy, Debug)]
enum Files {
    /// One for the whole history.
    One,
    /// One for each sensor.
    PerSensor,
}

fn column() -> impl Strategy<Value = String> {
    let sensor = select(vec!["", "", "a.", "b.", "c."]);
    let aggregate = select(vec!["mean", "min", "max", "std", "first", "last", "count"]);
    let when = select(vec!["", "", "", " lag 1", " lag 8", " diff 2"]);
    let value = (sensor, aggregate, when).prop_map(|(sensor, aggregate, when)| format!("{sensor}{aggregate}{when}"));
    prop_oneof![12 => value, 1 => Just("hour sin".to_owned())]
}

/// A sensor's readings: a second, a value, and by how much later it arrives, within the lateness.
fn readings_of(sensor: usize) -> impl Strategy<Value = Vec<(u32, (usize, u32, f64))>> {
    let reading = (0..360_u32, 0..80_u8, 0..5_u32);
    let gap = (0..360_u32, 0..200_u32);
    (proptest::collection::vec(reading, 0..120), gap).prop_map(move |(readings, (from, long))| {
        let outside = readings.into_iter().filter(|(second, ..)| !(from..from + long).contains(second));
        outside.map(|(second, value, delay)| (second + delay, (sensor, second, f64::from(value) / 8.0))).collect()
    })
}

fn case() -> impl Strategy<Value = Case> {
    let columns = proptest::collection::vec(column(), 1..4);
    let models = proptest::collection::vec(proptest::option::weighted(0.8, columns), SENSORS.len());
    let for_all = proptest::option::weighted(0.3, select(vec!["skip", "last 1", "last 9"]));
    let readings = std::array::from_fn::<_, 4, _>(readings_of);
    let files = select(vec![Files::One, Files::PerSensor]);
    let hop = select(vec![None, Some(Span::from_secs(20)), Some(Span::from_secs(40)), Some(WINDOW)]);
    let anomaly_score = proptest::option::of(0.1..0.9_f64);
    let other = (files, 1..4_u32, hop, anomaly_score);
    (models, for_all, readings, other).prop_map(|(models, for_all, readings, other)| {
        let (files, min_intervals, hop, anomaly_score) = other;
        // A history without a reading is an error of its own.
        let mut arriving: Vec<_> = readings.into_iter().flatten().chain([(0, (0, 0, 1.0))]).collect();
        arriving.sort_by_key(|(arrival, _)| *arrival);
        let readings = arriving.into_iter().map(|(_, reading)| reading).collect();
        Case { models, for_all, readings, files, min_intervals, hop, anomaly_score }
    })
}

fn at(second: u32) -> Timestamp {
    Timestamp::parse("2026-11-01 00:00").unwrap() + Span::from_secs(second)
}

impl Case {
    /// The columns that all models get in the place of their own; `None` when each has its own.
    fn columns_for_all(&self) -> Option<&[String]> {
        self.for_all.and(self.models.iter().flatten().next()).map(Vec::as_slice)
    }

    /// Writes the models. Each is trained on random rows whose values have the size of the history's.
    fn write_models(&self, directory: &Path) {
        fs::create_dir(directory).unwrap();
        let mut random = fastrand::Rng::with_seed(7);
        for ((device, sensor), columns) in SENSORS.iter().zip(&self.models) {
            let Some(columns) = self.columns_for_all().filter(|_| columns.is_some()).or(columns.as_deref()) else {
                continue;
            };
            let rows = Array2::from_shape_fn((50, columns.len()), |_| 2.0 + 6.0 * random.f64());
            let contamination = Contamination::parse("0.1").unwrap();
            let training = Training { method: TrainingMethod::Quantiles, contamination, columns: columns.to_vec() };
            let model = own::write(&train(rows.view(), &training).unwrap()).unwrap();
            fs::write(directory.join(format!("model_{device}_{sensor}.safetensors")), model).unwrap();
        }
    }

    fn write_history(&self, directory: &Path) -> Vec<PathBuf> {
        let mut files = BTreeMap::<PathBuf, String>::new();
        for (place, second, value) in &self.readings {
            let file = match self.files {
                Files::One => "history.csv".to_owned(),
                Files::PerSensor => format!("{place}.csv"),
            };
            let file = files.entry(directory.join(file)).or_insert_with(|| "TS,Device,Tag,Value\n".to_owned());
            let (device, sensor) = SENSORS[*place];
            writeln!(file, "{},{device},{sensor},{value}", at(*second)).unwrap();
        }
        files.iter().for_each(|(path, text)| fs::write(path, text).unwrap());
        files.into_keys().collect()
    }

    /// The prediction files of `score`, by sensor.
    fn of_score(&self, directory: &Path, models: &Path) -> BTreeMap<String, String> {
        #[derive(Parser)]
        struct Command {
            #[command(flatten)]
            args: Args,
        }
        let out = directory.join("out");
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        let mut arguments: Vec<String> =
            ["score", "--interval", "10s", "--window", "1m", "--lateness", "5s", "--decisions"]
                .map(str::to_owned)
                .into();
        arguments.extend(["--models".to_owned(), text(models), "--out".to_owned(), text(&out)]);
        arguments.extend(["--min-intervals".to_owned(), self.min_intervals.to_string()]);
        if let Some(hop) = self.hop {
            arguments.extend(["--hop".to_owned(), hop.to_string()]);
        }
        if let Some(score) = self.anomaly_score {
            arguments.extend(["--anomaly-score".to_owned(), score.to_string()]);
        }
        if let (Some(columns), Some(missing)) = (self.columns_for_all(), self.for_all) {
            arguments.extend(["--features".to_owned(), columns.join(","), "--missing".to_owned(), missing.to_owned()]);
        }
        arguments.push("--data".to_owned());
        arguments.extend(self.write_history(directory).iter().map(|path| text(path)));
        score_history(&Command::parse_from(arguments).args).unwrap();
        joined(&[out])
    }

    /// The prediction files that the daemon's own parts make, by sensor: pipeline, store, plans, run, and file sink,
    /// driven as the actors drive them.
    fn of_daemon(&self, directory: &Path, models: &Path) -> BTreeMap<String, String> {
        let grid = WindowGrid::new(INTERVAL, WINDOW, self.hop.unwrap_or(WINDOW)).unwrap();
        let (cut, base) = (grid.cut(), Groups::new(Vec::new(), grid).base_cut().unwrap());
        let store = Store::open(StoreSettings {
            directory: directory.join("store"),
            windows: 60,
            runs: 60,
            verdict_runs: 60,
            keep_raw: None,
            shed: ShedSettings::NEVER,
            verdict_rows: VerdictRows::All,
            reject_blocks: 1,
            cache_bytes: 1 << 20,
            cut: base,
        });
        let store = store.unwrap();
        let names = Arc::new(SensorDirectory::new(10, Vec::new()));
        let windows = StoredWindows { reader: store.reader.clone(), directory: Arc::clone(&names) };
        let features = self.columns_for_all().zip(self.for_all).map(|(columns, missing)| FeatureSettings {
            sensors: SensorPattern::parse("*").unwrap(),
            features: FeatureSet::parse(columns, MissingPolicy::parse(missing).unwrap()).unwrap().into(),
        });
        let assigner = Assigner::new(features.into_iter().collect(), Bounds { cut, windows_back: 10 });
        let templates = NameTemplate::parse("model_{device}_{sensor}").unwrap().into();
        let listing = Listing::read(models, &templates, 100).unwrap();
        let bounds = LoadBounds { limits: Limits::default(), deadline: Duration::from_secs(60), advice: "" };
        let settings = Arc::new(SensorSettings {
            scoring: ScoringSettings { cut, base, min_intervals: self.min_intervals },
            sensitivities: Sensitivities::new([].into(), self.anomaly_score.and_then(AnomalyScore::new)),
            supervision: SupervisionPolicy {
                backoff_min: Duration::ZERO,
                backoff_max: Duration::ZERO,
                quarantine_after: 1,
                release_after: None,
            },
            deadline: Duration::MAX,
            proof: ProofPolicy::Optional,
            suspicious_after: 1,
        });
        let scoring = settings.scoring;
        let memory = ModelMemory::new(usize::MAX, PathBuf::new(), Limits::default());
        let mut assignments = BTreeMap::new();
        for entry in read_catalog(listing, bounds).entries {
            let (sensor, model) = (names.intern(&entry.sensor).unwrap(), entry.model.unwrap());
            let plan = assigner.assign(&entry.sensor, &model).unwrap();
            let files = ModelFiles { path: entry.path.into(), scaler: None };
            let of_model = (memory.put_to_work(model.into(), files), plan);
            let (settings, generation) = (Arc::clone(&settings), Default::default());
            let assignment =
                Assignment::new((sensor, entry.sensor), of_model, settings, generation, Default::default());
            assignments.insert(sensor, assignment);
        }
        let schedule = Schedule { lateness: LATENESS, catch_up: 100, ..Schedule::for_test("*/20 * * * * *", grid) };
        let clock = Clock::Event(EventTime::default());
        let pipeline = Pipeline::recover(
            store,
            Arc::clone(&names),
            PipelineSettings {
                windows: WindowSettings {
                    cut: base,
                    lateness: LATENESS,
                    kept_per_interval: 1000,
                    max_open_readings: 10_000,
                },
                plans: vec![GroupPlan { name: GroupName::default(), schedule: schedule.clone() }],
                clock: clock.clone(),
                deadbands: Box::new(|_| None),
                sessions: SessionSettings { max: 1, expiry: Span::MAX },
                sinks: Vec::new(),
                max_unpublished: 10,
                held: HeldSettings { max_ahead: None, max_readings: 0, held_for: Duration::ZERO },
                live: Arc::default(),
            },
            ClockReading { wall: at(0), instant: Instant::now(), believed: at(0), sync: ClockSync::Unknown },
        );
        let files = FileSettings {
            directory: directory.join("predictions"),
            decisions: Decisions::Include,
            keep: Span::from_secs(86_400),
        };
        let mut daemon =
            InProcess { pipeline: pipeline.unwrap(), schedule, clock, assignments, windows, scoring, files };
        let named = |(place, second, value): &(usize, u32, f64)| {
            let (device, sensor) = SENSORS[*place];
            let sensor = names.intern(&SensorName::new(device, sensor).unwrap()).unwrap();
            Reading { sensor, time: at(*second), value: *value }
        };
        daemon.take_in(Batch { readings: self.readings.iter().map(named).collect(), ..Batch::default() });
        let days = fs::read_dir(directory.join("predictions")).into_iter().flatten();
        joined(&days.map(|day| day.unwrap().path()).collect::<Vec<_>>())
    }
}

/// The parts of a daemon that decide its verdicts.
struct InProcess {
    pipeline: Pipeline,
    schedule: Schedule,
    clock: Clock,
    assignments: BTreeMap<SensorId, Assignment>,
    windows: StoredWindows,
    scoring: ScoringSettings,
    files: FileSettings,
}

impl InProcess {
    /// Takes in a history, and scores each window when it becomes due.
    fn take_in(&mut self, mut history: Batch) {
        let mut from = 0;
        while let BatchProgress::UpTo(place) = self.pipeline.take(&mut history, from) {
            from = place;
            self.score_what_is_due();
        }
        self.score_what_is_due();
        self.pipeline.end_history();
        self.score_what_is_due();
    }

    fn commit(&mut self) {
        self.pipeline.commit().unwrap();
        self.pipeline.settle().unwrap();
    }

    fn score_what_is_due(&mut self) {
        self.commit();
        while let Some(due) = self.schedule.due(
            self.pipeline.position().scored.of(&GroupName::default()),
            self.clock.now(),
            Timestamp::MAX,
        ) {
            self.pipeline.close(due.first.end());
            self.commit();
            let id = self.score(due.first);
            self.publish(id, due.first);
        }
    }

    fn score(&mut self, window: Window) -> RunId {
        let id = self.windows.reader.next_run().unwrap();
        let of_run = |assignment: &Assignment| (assignment.sensor, Some(assignment.model.hash));
        let scope: RunScope = self.assignments.values().map(of_run).collect();
        let mut run = RunInProgress::new(window, &scope, 0, Instant::now());
        for sensor in run.unanswered() {
            let assignment = &self.assignments[&sensor];
            let blocks = self.windows.read(assignment, window).unwrap();
            let boundary = assignment.settings.sensitivities.of(&assignment.name);
            let model = assignment.model.get().unwrap();
            let judgement = score(&model, &assignment.plan, window, &blocks, self.scoring, boundary).unwrap();
            if let Some(chunk) = run.take(sensor, judgement.outcome) {
                self.pipeline.put_verdicts(id, chunk.id, &chunk.verdicts);
            }
        }
        let state = RunState::Finished(run.tally());
        self.pipeline.put_run(&Run { state, ..Run::for_test(id.0, window) }, Some(window.end()));
        self.commit();
        id
    }

    fn publish(&self, id: RunId, window: Window) {
        let StoredWindows { reader, directory } = &self.windows;
        let mut files = RunFiles::new(&self.files, window, INTERVAL, 0);
        for verdict in reader.verdicts(id, crate::store::ChunkId::of(SensorId(0))).unwrap() {
            let Outcome::Scored(scored) = &verdict.outcome else { continue };
            let StoredIntervals::Kept(intervals) = reader.intervals_within(verdict.sensor, window, INTERVAL).unwrap()
            else {
                panic!()
            };
            files.write(&directory.name(verdict.sensor).unwrap(), &intervals, scored).unwrap();
        }
    }
}

/// The prediction files of these directories: the files of a sensor are joined to one.
fn joined(directories: &[PathBuf]) -> BTreeMap<String, String> {
    let files = directories.iter().flat_map(|directory| fs::read_dir(directory).unwrap());
    let mut paths: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    paths.sort();
    let mut of_sensors = BTreeMap::<String, String>::new();
    for path in paths {
        let name = path.file_name().unwrap().to_str().unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let (sensor, _) = name.rsplit_once('_').unwrap();
        match of_sensors.get_mut(sensor) {
            Some(of_sensor) => of_sensor.push_str(text.split_once('\n').unwrap().1),
            None => _ = of_sensors.insert(sensor.to_owned(), text),
        }
    }
    of_sensors
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// The case is random: which of four sensors of two devices have a model; its one to three columns (of its own or
    /// other sensors, also of one without readings, now or earlier); whether all models get the columns of the first,
    /// and the policy for missing values then; how many intervals a window needs; the hop; the score of anomalies; the readings of six windows, with
    /// gaps, repetitions, contradictions, and out of order within the lateness; and whether the history is one file or
    /// one a sensor.
    #[test]
    fn score_and_the_daemon_give_the_same_files(case in case()) {
        let directory = tempfile::tempdir().unwrap();
        let models = directory.path().join("models");
        case.write_models(&models);
        prop_assert_eq!(case.of_score(directory.path(), &models), case.of_daemon(directory.path(), &models));
    }
}
