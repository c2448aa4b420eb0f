use std::future::Future;
use std::path::Path;
use std::time::Duration;

use actix_rt::{Arbiter, System, time::sleep};

use super::*;
use crate::actors::committer;
use crate::actors::committer::PaceSettings;
use crate::actors::scoring::recorder::{Recorder, RecorderSettings, RunReport, RunRules, ScoreRun};
use crate::actors::scoring::release::ModelRelease;
use crate::actors::sources::intake::Intake;
use crate::actors::system_clock::SystemClock;
use crate::features::Bounds;
use crate::group::{GroupName, Groups};
use crate::ingest::session::SessionSettings;
use crate::interval::{Cut, Interval};
use crate::model::{Fingerprint, Limits, ModelFile};
use crate::pipeline::{HeldSettings, Pipeline, PipelineSettings};
use crate::run::{Closing, RunId, ScoringTime, Tally, Trigger};
use crate::schedule::clock_trust::ClockTrustSettings;
use crate::scoring::{ProofPolicy, ScoringSettings};
use crate::sensitivity::Sensitivities;
use crate::sensor::SensorDirectory;
use crate::store::{ChunkId, Reader, ShedSettings, Store, StoreSettings};
use crate::supervision::{Standing, SupervisionPolicy};
use crate::time::{Clock, Span};
use crate::verdict::VerdictRows;
use crate::window::{BlockBuilder, ClosedWindow, SensorHead, WindowBlock, WindowSettings};

const MINUTE: Span = Span::from_secs(60);

/// Far beyond the end of any test: it never passes.
const LONG: Duration = Duration::from_secs(60);

/// Short enough to be waited out twice.
const SHORT: Duration = Duration::from_millis(300);

pub(super) fn cut() -> Cut {
    Cut::new(Span::from_secs(10), MINUTE).unwrap()
}

/// The model of a sensor, as its file holds it.
pub(super) fn load(name: &SensorName, sensor: SensorId) -> Scope {
    load_file(name, sensor, "p2_scale_1d.pkl")
}

fn load_file(name: &SensorName, sensor: SensorId, file: &str) -> Scope {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples").join(file);
    let file = ModelFile { path, alternative: None, second: None, scaler: None, fingerprint: Fingerprint::default() };
    let assigner = Assigner::new([].into(), Bounds { cut: cut(), windows_back: 2 });
    let memory = ModelMemory::new(usize::MAX, Path::new("").to_owned(), Limits::default());
    Scope::of(Entry::load(name.clone(), file, &Limits::default()), sensor, &assigner, Path::new(""), &memory)
}

/// The file that the plant begins with, once more.
fn assign(name: &SensorName) -> ModelChange {
    ModelChange::Assign(load(name, SensorId(0)))
}

/// Another model.
fn assign_another(name: &SensorName) -> ModelChange {
    ModelChange::Assign(load_file(name, SensorId(0), "p4_bare_1d.pkl"))
}

/// A window with a reading in each interval, of a sensor.
pub(super) fn full_window(sensor: SensorId, window: Window) -> ClosedWindow {
    let mut block = BlockBuilder::new(window);
    for place in 0..6_u32 {
        let start = window.start() + cut().interval().times(place.into());
        let values = [1.0, 2.0 + f64::from(place)].into_iter();
        block.push(&Interval::aggregate(start, values).unwrap(), cut());
    }
    let head = SensorHead { sensor, closed: window.end(), last_value: 0.0 };
    ClosedWindow { window, block: block.finish(), head }
}

/// Readings in the first windows.
fn fill(store: &mut Store) {
    let mut window = cut().window_of(Timestamp::default());
    for _ in 0..FULL_WINDOWS {
        store.writer.put_window(&full_window(SensorId(0), window));
        window = cut().window_of(window.end());
    }
    store.writer.commit().unwrap();
    store.writer.settle().unwrap();
}

const FULL_WINDOWS: usize = 20;

/// A store that keeps so many windows and runs.
pub(super) fn store_settings(directory: &Path, kept: u32) -> StoreSettings {
    StoreSettings {
        directory: directory.to_owned(),
        windows: kept,
        runs: kept,
        verdict_runs: kept,
        keep_raw: None,
        shed: ShedSettings::NEVER,
        verdict_rows: VerdictRows::Worst,
        reject_blocks: 1,
        cache_bytes: 1 << 20,
        cut: cut(),
    }
}

/// A pipeline that takes no readings in.
pub(super) fn pipeline_settings(live: Arc<Live>) -> PipelineSettings {
    PipelineSettings {
        windows: WindowSettings { cut: cut(), lateness: Span::ZERO, kept_per_interval: 1, max_open_readings: 1 },
        plans: Vec::new(),
        clock: Clock::Wall,
        deadbands: Box::new(|_| None),
        sessions: SessionSettings { max: 1, expiry: Span::MAX },
        sinks: Vec::new(),
        max_unpublished: 1,
        held: HeldSettings { max_ahead: None, max_readings: 0, held_for: Duration::ZERO },
        live,
    }
}

/// A supervisor of one sensor, and a recorder that has no readings of it scored.
struct Plant {
    name: SensorName,
    reader: Reader,
    recorder: Addr<Recorder>,
    supervisor: Addr<SensorSupervisor>,
    live: Arc<Live>,
    window: Window,
    _directory: tempfile::TempDir,
}

impl Plant {
    /// Fail points have the sensor's name, so that tests do not hurt each other's.
    fn new(sensor: &str, pause: Duration) -> Self {
        Self::over(sensor, pause, |_| {})
    }

    /// As [`new`](Self::new), over a store that `prepare` has changed.
    fn over(sensor: &str, pause: Duration, prepare: impl FnOnce(&mut Store)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(store_settings(directory.path(), 100));
        let mut store = store.unwrap();
        prepare(&mut store);
        let reader = store.reader.clone();
        let name = SensorName::new("press", sensor).unwrap();
        let names = Arc::new(SensorDirectory::new(1, Vec::new()));
        assert_eq!(names.intern(&name).unwrap(), SensorId(0));
        let live = Arc::new(Live::default());
        let clock =
            SystemClock::new(ClockTrustSettings { tolerance: Span::from_secs(5), patience: Duration::from_secs(600) });
        let settings = pipeline_settings(Arc::clone(&live));
        let pipeline = Pipeline::recover(store, Arc::clone(&names), settings, clock.read());
        let (intake, submissions) = Intake::new(1);
        let pace = PaceSettings { delay: Duration::ZERO, daily_budget: u64::MAX };
        let (commands, _) = committer::start(pipeline.unwrap(), submissions, intake.heard(), pace, clock).unwrap();

        let settings = SensorSettings {
            scoring: ScoringSettings { cut: cut(), base: cut(), min_intervals: 1 },
            sensitivities: Sensitivities::default(),
            supervision: SupervisionPolicy {
                backoff_min: pause,
                backoff_max: pause,
                quarantine_after: 3,
                release_after: None,
            },
            deadline: SHORT,
            proof: ProofPolicy::Optional,
            suspicious_after: 3,
        };
        let groups = Groups::new(Vec::new(), cut().into());
        let settings = Arc::new(settings);
        let settings = SupervisorSettings {
            sensors: ByGroup::new(groups.clone(), |_| Arc::clone(&settings)),
            restarts_per_second: 1000,
            evaluators: PoolSettings { threads: 2, max_hung: 2 },
        };
        let windows = StoredWindows { reader: reader.clone(), directory: names };
        let ModelChange::Assign(scope) = assign(&name) else { unreachable!() };
        let of_run = [(SensorId(0), scope.model_hash())].into();
        let arbiters = vec![Arbiter::current()];
        let supervisor =
            SensorSupervisor::new(settings, windows.clone(), arbiters, vec![scope], Arc::clone(&live)).start();
        let rules = RunRules { settings_hash: 0, deadline: 20 * SHORT, interval: cut().interval() };
        let rules = ByGroup::new(groups, |_| rules);
        let settings = RecorderSettings { rules, scope: of_run, max_anomalous: 1, log_bytes: 1 << 10 };
        let recorder = Recorder::new(settings, windows, commands, supervisor.clone(), Arc::clone(&live)).start();
        let window = cut().window_of(Timestamp::default());
        Self { name, reader, recorder, supervisor, live, window, _directory: directory }
    }

    /// Runs a test in a system of its own.
    fn run<F: Future<Output = ()>>(sensor: &str, pause: Duration, test: impl FnOnce(Self) -> F) {
        System::new().block_on(async { test(Self::new(sensor, pause)).await });
    }

    /// As [`run`](Self::run), with readings in the first windows.
    fn run_with_readings<F: Future<Output = ()>>(sensor: &str, pause: Duration, test: impl FnOnce(Self) -> F) {
        System::new().block_on(async { test(Self::over(sensor, pause, fill)).await });
    }

    /// How the model stands, and after how many failures.
    fn standing(&self) -> Option<(Standing, u32)> {
        let trouble = self.live.models.of(SensorId(0)).unwrap().trouble?;
        Some((trouble.standing, trouble.failures))
    }

    /// Releases the model. Returns how many models that did something to.
    async fn release(&self) -> usize {
        ModelRelease::by(self.supervisor.clone().recipient()).release(vec![SensorId(0)]).await.unwrap()
    }

    /// The outcome of a run.
    fn outcome(&self, run: RunId) -> Outcome {
        self.reader.verdicts(run, ChunkId::of(SensorId(0))).unwrap()[0].outcome.clone()
    }

    /// Hurts the sensor's actor once.
    fn fail(&self, point: &str, action: &str) {
        fail::cfg(format!("sensor::{point} {}", self.name), &format!("1*{action}->off")).unwrap();
    }

    /// The tally of the next window.
    async fn score(&mut self) -> Tally {
        let window = self.window;
        self.window = cut().window_of(window.end());
        self.score_window(window, Trigger::Schedule).await.tally
    }

    async fn score_window(&self, window: Window, trigger: Trigger) -> RunReport {
        let (group, done_until) = (GroupName::default(), Some(window.end()));
        let score = ScoreRun { group, window, trigger, closing: Closing::OnTime, done_until };
        self.recorder.send(score).await.unwrap().unwrap()
    }

    async fn change(&self, changes: Vec<ModelChange>) {
        let (done, changed) = oneshot::channel();
        self.recorder.send(ChangeModels { changes, news: ModelNews::default(), done }).await.unwrap();
        changed.await.unwrap();
    }

    /// Takes the model off, and puts one to work again.
    async fn take_off_and_put_back(&self) {
        self.change(vec![ModelChange::Remove(SensorId(0))]).await;
        self.change(vec![assign(&self.name)]).await;
    }

    /// Scores windows until every possible pause has passed.
    async fn score_on(&mut self) {
        let began = Instant::now();
        while began.elapsed() < SHORT.mul_f64(2.5) {
            assert_eq!(self.score().await, NO_DATA, "{:?} after the change", began.elapsed());
            sleep(SHORT / 20).await;
        }
    }
}

/// A model that answers says that there is no data.
const NO_DATA: Tally = Tally {
    scored: 0,
    no_data: 1,
    too_little_data: 0,
    failed: 0,
    quarantined: 0,
    rows: 0,
    anomalies: 0,
    timed_out: 0,
    unproven: 0,
};

#[test]
fn a_window_that_cannot_be_read_fails_alone_and_is_not_held_against_the_model() {
    let lose = |store: &mut Store| {
        let mut window = cut().window_of(Timestamp::default());
        for header in [false, true, false, true] {
            let sound = if header { BlockBuilder::new(window).finish().as_bytes().to_vec() } else { Vec::new() };
            let bytes = [&sound[..], &[0xff; 3]].concat();
            let head = SensorHead { sensor: SensorId(0), closed: window.end(), last_value: 0.0 };
            let closed = ClosedWindow { window, block: WindowBlock::from_bytes(bytes), head };
            store.writer.put_window(&closed);
            store.writer.commit().unwrap();
            store.writer.settle().unwrap();
            window = cut().window_of(window.end());
        }
    };
    System::new().block_on(async {
        let mut plant = Plant::over("loses windows", LONG, lose);
        for _ in 0..4 {
            assert_eq!(plant.score().await.failed, 1);
        }
        assert_eq!(plant.score().await, NO_DATA, "neither in a pause nor quarantined");
    });
}

#[test]
fn a_window_that_a_later_one_has_overwritten_fails_and_says_so() {
    let overwrite = |store: &mut Store| {
        let first = cut().window_of(crate::time::Timestamp::default());
        // The ring has room for a hundred.
        let window = Window::new(first.start() + MINUTE.times(100), MINUTE);
        let head = SensorHead { sensor: SensorId(0), closed: window.end(), last_value: 0.0 };
        store.writer.put_window(&ClosedWindow { window, block: BlockBuilder::new(window).finish(), head });
        store.writer.commit().unwrap();
        store.writer.settle().unwrap();
    };
    System::new().block_on(async {
        let mut plant = Plant::over("comes too late", LONG, overwrite);
        assert_eq!(plant.score().await.failed, 1);
        let verdicts = plant.reader.verdicts(RunId(0), ChunkId::of(SensorId(0))).unwrap();
        let reason = verdicts[0].outcome.fault().unwrap();
        assert!(
            reason.contains("later windows have taken the place") && reason.contains("store.keep_intervals"),
            "{reason}"
        );
        assert_eq!(plant.score().await, NO_DATA, "of the next nothing was there");
    });
}

#[test]
fn a_window_that_is_scored_again_gets_a_run_of_its_own_beside_the_first() {
    Plant::run("scored again", SHORT, |mut plant| async move {
        let first = plant.window;
        plant.fail("score", "return(out of tea)");
        assert_eq!(plant.score().await.failed, 1);
        assert_eq!(plant.score().await, NO_DATA);
        let again = plant.score_window(first, Trigger::CatchUp).await;
        assert_eq!((again.id, again.revision, again.tally), (RunId(2), 1, NO_DATA));
        let runs: Vec<_> =
            plant.reader.runs().unwrap().iter().map(|run| (run.id.0, run.revision, run.trigger)).collect();
        let expected = [(0, 0, Trigger::Schedule), (1, 0, Trigger::Schedule), (2, 1, Trigger::CatchUp)];
        assert_eq!(runs, expected);
        let kinds =
            [0, 2].map(|id| plant.reader.verdicts(RunId(id), ChunkId::of(SensorId(0))).unwrap()[0].outcome.kind());
        assert_eq!(kinds, ["failed", "no_data"], "what was said first stays");
    });
}

#[test]
fn the_timer_of_a_dead_actor_leaves_a_model_alone_that_came_after_it() {
    Plant::run("timer", SHORT, |mut plant| async move {
        plant.fail("handle", "panic");
        assert_eq!(plant.score().await.failed, 1);
        plant.take_off_and_put_back().await;
        plant.score_on().await;
    });
}

#[test]
fn the_end_of_an_actor_in_its_pause_is_not_taken_for_that_of_the_next() {
    Plant::run("pause", SHORT, |mut plant| async move {
        plant.fail("score", "return(out of tea)");
        assert_eq!(plant.score().await.failed, 1);
        plant.take_off_and_put_back().await;
        plant.score_on().await;
    });
}

#[test]
fn a_new_model_does_not_wait_for_the_pause_of_the_one_before() {
    Plant::run("errs", LONG, |mut plant| async move {
        plant.fail("score", "return(out of tea)");
        assert_eq!(plant.score().await.failed, 1);
        plant.change(vec![assign_another(&plant.name)]).await;
        assert_eq!(plant.score().await, NO_DATA);
    });
}

#[test]
fn a_new_model_does_not_wait_until_a_dead_actor_is_replaced() {
    Plant::run("dies", LONG, |mut plant| async move {
        plant.fail("handle", "panic");
        assert_eq!(plant.score().await.failed, 1);
        plant.change(vec![assign_another(&plant.name)]).await;
        assert_eq!(plant.score().await, NO_DATA);
    });
}

#[test]
fn a_model_is_shown_as_quarantined_until_another_takes_its_place() {
    Plant::run("shown", Duration::ZERO, |mut plant| async move {
        let shown = |plant: &Plant| plant.live.models.of(SensorId(0)).unwrap();
        // An answer shows that the supervisor has begun.
        assert_eq!(plant.score().await, NO_DATA);
        let first = shown(&plant);
        assert!(first.model.is_some() && !first.is_quarantined() && first.problem.is_none());
        assert_eq!(first.features.unwrap().to_string(), "mean");
        for _ in 0..3 {
            assert!(!shown(&plant).is_quarantined());
            plant.fail("score", "return(out of tea)");
            assert_eq!(plant.score().await.failed, 1);
        }
        assert!(shown(&plant).is_quarantined());
        assert_eq!(plant.score().await.quarantined, 1);
        plant.change(vec![assign(&plant.name)]).await;
        assert!(shown(&plant).is_quarantined(), "its file was only touched");
        assert_eq!(plant.score().await.quarantined, 1);
        plant.change(vec![assign_another(&plant.name)]).await;
        assert!(!shown(&plant).is_quarantined() && shown(&plant).since > first.since);
        plant.change(vec![ModelChange::Remove(SensorId(0))]).await;
        assert!(plant.live.models.of(SensorId(0)).is_none());
    });
}

#[test]
fn a_released_model_is_tried_again_at_once_and_its_next_failure_quarantines_it_again() {
    Plant::run_with_readings("released", Duration::ZERO, |mut plant| async move {
        assert_eq!(plant.score().await.scored, 1);
        assert_eq!(plant.release().await, 0, "nothing is to be released");
        for _ in 0..3 {
            plant.fail("score", "return(out of tea)");
            assert_eq!(plant.score().await.failed, 1);
        }
        assert_eq!(plant.score().await.quarantined, 1);
        assert_eq!((plant.release().await, plant.standing()), (1, Some((Standing::Probation, 3))));
        plant.fail("score", "return(out of tea)");
        assert_eq!(plant.score().await.failed, 1, "it is tried");
        assert_eq!((plant.score().await.quarantined, plant.release().await), (1, 1));
        assert_eq!(plant.score().await.scored, 1);
        assert_eq!((plant.release().await, plant.standing()), (0, None), "a scored window ends the trouble");
    });
}

#[test]
fn the_release_of_a_paused_model_ends_its_pause_and_no_more() {
    Plant::run_with_readings("released early", LONG, |mut plant| async move {
        for failures in 1..3 {
            plant.fail("score", "return(out of tea)");
            assert_eq!(plant.score().await.failed, 1);
            assert_eq!((plant.release().await, plant.standing()), (1, Some((Standing::Paused, failures))));
        }
        assert_eq!(plant.score().await.scored, 1, "the pause is over");
        assert_eq!(plant.release().await, 0);
    });
}

#[test]
fn a_run_does_not_wait_for_a_long_pause_and_the_outcome_tells_it_with_the_reason() {
    Plant::run("in a pause", LONG, |mut plant| async move {
        plant.fail("score", "return(out of tea)");
        assert_eq!(plant.score().await.failed, 1);
        assert_eq!(plant.score().await.failed, 1);
        let reason = "its model waits out a pause after a failure: out of tea".to_owned();
        assert_eq!(plant.outcome(RunId(1)), Outcome::Failed { reason });
        assert_eq!(plant.standing(), Some((Standing::Paused, 1)), "that is no failure of the model");
    });
}

#[test]
fn a_window_without_data_ends_neither_trouble_nor_probation() {
    Plant::run_with_readings("no data", Duration::ZERO, |mut plant| async move {
        let full = plant.window;
        let mut empty = cut().window_of(full.start() + MINUTE.times(FULL_WINDOWS as i64 + 5));
        let mut score_empty = async |plant: &Plant| {
            let report = plant.score_window(empty, Trigger::Schedule).await;
            empty = cut().window_of(empty.end());
            report.tally
        };
        for failures in 1..=3 {
            plant.fail("score", "return(out of tea)");
            assert_eq!(plant.score().await.failed, 1);
            if failures < 3 {
                assert_eq!(score_empty(&plant).await, NO_DATA);
                plant.release().await;
                assert_eq!(plant.standing(), Some((Standing::Paused, failures)));
            }
        }
        plant.release().await;
        assert_eq!(score_empty(&plant).await, NO_DATA);
        plant.release().await;
        assert_eq!(plant.standing(), Some((Standing::Probation, 3)));
        assert_eq!((plant.score().await.scored, plant.release().await), (1, 0));
        assert_eq!(plant.standing(), None);
    });
}

#[test]
fn what_an_operator_has_scored_changes_nothing_of_how_a_model_stands() {
    Plant::run_with_readings("by command", Duration::ZERO, |mut plant| async move {
        let window = plant.window;
        assert_eq!(plant.score().await.scored, 1);
        let by_command = async |plant: &Plant| plant.score_window(window, Trigger::Command).await.tally;
        for _ in 0..5 {
            plant.fail("score", "return(out of tea)");
            assert_eq!((by_command(&plant).await.failed, plant.release().await), (1, 0));
        }
        assert_eq!(plant.standing(), None);
        plant.fail("score", "return(out of tea)");
        assert_eq!(plant.score().await.failed, 1);
        plant.release().await;
        assert_eq!(by_command(&plant).await.scored, 1);
        plant.release().await;
        assert_eq!(plant.standing(), Some((Standing::Paused, 1)));
    });
}

#[test]
fn what_comes_of_an_earlier_run_over_the_same_window_does_not_count_in_the_next() {
    Plant::run("late", Duration::ZERO, |mut plant| async move {
        let window = plant.window;
        assert_eq!(plant.score().await, NO_DATA);
        let first = BroadcastId::default().next();
        plant.fail("score", "sleep(100)");
        let late = Outcome::Failed { reason: "late".to_owned() };
        let took = ScoringTime { score: LONG.into(), ..ScoringTime::default() };
        let again = plant.score_window(window, Trigger::CatchUp);
        let recorder = plant.recorder.clone();
        let send_late = async {
            // The second run has begun, and its evaluation goes on.
            sleep(Duration::from_millis(30)).await;
            recorder.do_send(Scoring { broadcast: first, sensor: SensorId(0), outcome: late, took });
        };
        let (report, ()) = tokio::join!(again, send_late);
        assert_eq!((report.tally, plant.outcome(report.id).kind()), (NO_DATA, "no_data"));
        let run = plant.reader.run(report.id).unwrap().unwrap();
        let score = run.course.times.unwrap().score.to_std();
        assert!(score < LONG, "{score:?}");
    });
}

#[test]
fn at_its_deadline_a_run_asks_after_its_own_evaluations_only() {
    Plant::run("overdue", Duration::ZERO, |plant| async move {
        fail::cfg(format!("sensor::score {}", plant.name), "pause").unwrap();
        let id = BroadcastId::default().next();
        plant.supervisor.do_send(Broadcast {
            id,
            window: plant.window,
            trigger: Trigger::Schedule,
            sensors: vec![SensorId(0)],
            deadline: Instant::now() + LONG,
            outcomes: plant.recorder.clone().recipient(),
        });
        let overdue = async |broadcast| {
            let overdue = Overdue { broadcast, window: plant.window, missing: vec![SensorId(0)] };
            plant.supervisor.send(overdue).await.unwrap().remove(0).1
        };
        let mut answer = overdue(id).await;
        while !matches!(answer, Outcome::TimedOut { .. }) {
            sleep(Duration::from_millis(1)).await;
            answer = overdue(id).await;
        }
        assert!(matches!(answer, Outcome::TimedOut { limit: TimeLimit::Run, .. }), "{answer:?}");
        assert_eq!(overdue(id.next()).await, Outcome::Failed { reason: NO_ANSWER.to_owned() });
        fail::remove(format!("sensor::score {}", plant.name));
    });
}

#[test]
fn a_model_that_hangs_is_given_up_and_while_it_does_it_gets_no_other_thread_and_is_not_counted_again() {
    Plant::run_with_readings("hangs", Duration::ZERO, |mut plant| async move {
        let point = format!("sensor::score {}", plant.name);
        assert_eq!(plant.score().await.scored, 1);
        fail::cfg(&point, "pause").unwrap();
        for _ in 0..4 {
            assert_eq!(plant.score().await.timed_out, 1);
            assert_eq!(plant.standing(), Some((Standing::Paused, 1)), "one evaluation hangs");
        }
        fail::remove(&point);
        let window = plant.window;
        while plant.score_window(window, Trigger::CatchUp).await.tally.scored == 0 {
            sleep(Duration::from_millis(1)).await;
        }
        assert_eq!((plant.release().await, plant.standing()), (0, None));
    });
}

#[test]
fn a_model_that_is_known_to_take_long_yields_to_the_others_from_its_beginning() {
    Plant::run("known as slow", Duration::ZERO, |mut plant| async move {
        plant.fail("score", "sleep(30)");
        assert_eq!(plant.score().await, NO_DATA);
        let (noted, nice) = std::sync::mpsc::channel();
        let point = format!("sensor::score {}", plant.name);
        let note = move || noted.send(rustix::process::getpriority_process(None).unwrap()).unwrap();
        fail::cfg_callback(&point, note).unwrap();
        assert_eq!(plant.score().await, NO_DATA);
        fail::remove(&point);
        assert!(nice.recv().unwrap() > 0);
    });
}

#[test]
fn when_every_thread_hangs_the_supervisor_ends_and_tells_why() {
    Plant::run("exhausted", Duration::ZERO, |mut plant| async move {
        assert_eq!(plant.score().await, NO_DATA);
        plant.supervisor.do_send(EvaluatorsExhausted { hung_threads: 9 });
        while plant.supervisor.connected() {
            sleep(Duration::from_millis(1)).await;
        }
        let reason = plant.live.parts.reason(SensorSupervisor::PART).unwrap();
        assert!(reason.starts_with("all 9 threads for scoring hang"), "{reason}");
    });
}
