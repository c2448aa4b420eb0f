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
use crate::interval::Cut;
use crate::model::{Fingerprint, Limits, ModelFile};
use crate::pipeline::{HeldSettings, Pipeline, PipelineSettings};
use crate::run::{Closing, RunId, Tally, Trigger};
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
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples/p2_scale_1d.pkl");
    let file = ModelFile { path, alternative: None, second: None, scaler: None, fingerprint: Fingerprint::default() };
    let assigner = Assigner::new([].into(), Bounds { cut: cut(), windows_back: 2 });
    let memory = ModelMemory::new(usize::MAX, Path::new("").to_owned(), Limits::default());
    Scope::of(Entry::load(name.clone(), file, &Limits::default()), sensor, &assigner, Path::new(""), &memory)
}

fn assign(name: &SensorName) -> ModelChange {
    ModelChange::Assign(load(name, SensorId(0)))
}

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
        let window = cut().window_of(crate::time::Timestamp::default());
        Self { name, reader, recorder, supervisor, live, window, _directory: directory }
    }

    /// Runs a test in a system of its own.
    fn run<F: Future<Output = ()>>(sensor: &str, pause: Duration, test: impl FnOnce(Self) -> F) {
        System::new().block_on(async { test(Self::new(sensor, pause)).await });
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
        let mut window = cut().window_of(crate::time::Timestamp::default());
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
        plant.change(vec![assign(&plant.name)]).await;
        assert_eq!(plant.score().await, NO_DATA);
    });
}

#[test]
fn a_new_model_does_not_wait_until_a_dead_actor_is_replaced() {
    Plant::run("dies", LONG, |mut plant| async move {
        plant.fail("handle", "panic");
        assert_eq!(plant.score().await.failed, 1);
        plant.change(vec![assign(&plant.name)]).await;
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
        assert!(!shown(&plant).is_quarantined() && shown(&plant).since > first.since);
        plant.change(vec![ModelChange::Remove(SensorId(0))]).await;
        assert!(plant.live.models.of(SensorId(0)).is_none());
    });
}

#[test]
fn a_released_model_is_tried_again_at_once_and_its_next_failure_quarantines_it_again() {
    Plant::run("released", LONG, |mut plant| async move {
        let standing =
            |plant: &Plant| plant.live.models.of(SensorId(0)).unwrap().trouble.map(|trouble| trouble.standing);
        let release = async |plant: &Plant| {
            ModelRelease::by(plant.supervisor.clone().recipient()).release(vec![SensorId(0)]).await
        };
        assert_eq!(plant.score().await, NO_DATA);
        assert_eq!(release(&plant).await.unwrap(), 0, "nothing is to be released");
        plant.fail("score", "return(out of tea)");
        assert_eq!(plant.score().await.failed, 1);
        assert_eq!((standing(&plant), release(&plant).await.unwrap()), (Some(Standing::Paused), 1));
        assert_eq!(standing(&plant), Some(Standing::Probation));
        plant.fail("score", "return(out of tea)");
        assert_eq!(plant.score().await.failed, 1, "the pause is over");
        assert_eq!(standing(&plant), Some(Standing::Quarantined));
        assert_eq!(plant.score().await.quarantined, 1);
        assert_eq!(release(&plant).await.unwrap(), 1);
        assert_eq!(plant.score().await, NO_DATA);
        assert_eq!(standing(&plant), None, "a success ends the trouble");
    });
}

#[test]
fn a_model_that_hangs_is_given_up_and_while_it_does_it_costs_no_other_thread_and_is_quarantined() {
    Plant::run("hangs", Duration::ZERO, |mut plant| async move {
        assert_eq!(plant.score().await, NO_DATA);
        let hung = metrics::EVALUATORS_HUNG.get();
        fail::cfg(format!("sensor::score {}", plant.name), "pause").unwrap();
        assert_eq!(plant.score().await.timed_out, 1);
        let began = Instant::now();
        assert_eq!(plant.score().await.timed_out, 1);
        assert!(began.elapsed() < SHORT, "it is not tried while it hangs: {:?}", began.elapsed());
        assert_eq!(metrics::EVALUATORS_HUNG.get() - hung, 1);
        assert_eq!(plant.score().await.quarantined, 1);
        fail::remove(format!("sensor::score {}", plant.name));
        while metrics::EVALUATORS_HUNG.get() > hung {
            sleep(Duration::from_millis(1)).await;
        }
        ModelRelease::by(plant.supervisor.clone().recipient()).release(vec![SensorId(0)]).await.unwrap();
        assert_eq!(plant.score().await, NO_DATA);
    });
}
