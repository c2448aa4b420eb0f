//! Simulated hours of faults, chosen by a seed: models panic, err, hang and are slow, also many at once and more than may
//! hang; actors die, the disk is slow; the supervisor is asked for the same window by others; outcomes of earlier runs come
//! late; operators have windows scored again; models are changed and released; and the process's actors end without a
//! word, while its threads go on. Nobody waits for an hour: each is a window that is there, and the next begins when its
//! run has ended.
//!
//! After each hour its run has ended, each sensor in scope has exactly one outcome, and the verdicts of the sensors that
//! nothing was done to are what they always are. What an operator has scored is held against no model. At the end, without
//! faults, every model scores again.
//!
//! `ANOMALYD_FAULT_HOURS` and `ANOMALYD_FAULT_SEED` choose another length and another seed; what fails names its seed. The
//! seed chooses the faults, and not how the threads meet.

use std::time::Duration;

use actix_rt::{Arbiter, System, time::sleep, time::timeout};
use fastrand::Rng;

use super::tests::{cut, full_window, load, pipeline_settings, store_settings};
use super::*;
use crate::actors::committer::{self, PaceSettings};
use crate::actors::scoring::recorder::{Recorder, RecorderSettings, RunRules, ScoreRun};
use crate::actors::scoring::release::ModelRelease;
use crate::actors::sources::intake::Intake;
use crate::actors::system_clock::SystemClock;
use crate::group::{GroupName, Groups};
use crate::pipeline::Pipeline;
use crate::run::{Closing, RunId, RunState, ScoringTime, Trigger};
use crate::schedule::clock_trust::ClockTrustSettings;
use crate::scoring::{ProofPolicy, ScoringSettings};
use crate::sensitivity::Sensitivities;
use crate::sensor::SensorDirectory;
use crate::store::{ChunkId, Reader, Store};
use crate::supervision::SupervisionPolicy;
use crate::verdict::Verdict;

/// The sensors that faults hit.
const VICTIMS: u32 = 3;
/// All sensors: nothing is done to the others.
const SENSORS: u32 = 6;
/// How long an evaluation may take, also on a machine that has other things to do, and how long one that hangs does.
const DEADLINE: Duration = Duration::from_millis(500);
const HANG: &str = "1*sleep(800)->off";
/// Far beyond what a run takes.
const RUN_DEADLINE: Duration = Duration::from_secs(30);

fn number_from(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// What is done to the daemon in an hour.
#[derive(Clone, Copy, Debug)]
enum FaultKind {
    ModelPanics,
    ModelErrs,
    ModelHangs,
    ModelIsSlow,
    AllVictimsHang,
    ActorDies,
    StoreIsSlow,
    MailboxesAreFlooded,
    OutcomesComeLate,
    OperatorScoresAgain,
    ModelChanges,
    ModelGoesAndComes,
    AllAreReleased,
    ProcessEnds,
}

const FAULTS: [FaultKind; 14] = [
    FaultKind::ModelPanics,
    FaultKind::ModelErrs,
    FaultKind::ModelHangs,
    FaultKind::ModelIsSlow,
    FaultKind::AllVictimsHang,
    FaultKind::ActorDies,
    FaultKind::StoreIsSlow,
    FaultKind::MailboxesAreFlooded,
    FaultKind::OutcomesComeLate,
    FaultKind::OperatorScoresAgain,
    FaultKind::ModelChanges,
    FaultKind::ModelGoesAndComes,
    FaultKind::AllAreReleased,
    FaultKind::ProcessEnds,
];

/// What outlives a process.
struct Site {
    seed: u64,
    folder: tempfile::TempDir,
    rng: Rng,
    hour: u64,
    hours: u64,
    /// What the sensors that nothing is done to always get.
    usual: Option<Outcome>,
}

/// A process.
struct Life {
    reader: Reader,
    recorder: Addr<Recorder>,
    supervisor: Addr<SensorSupervisor>,
    live: Arc<Live>,
    /// A thread of sensors' actors. The end of the process ends it.
    arbiter: Arbiter,
}

impl Drop for Life {
    fn drop(&mut self) {
        self.arbiter.stop();
    }
}

fn name(sensor: u32) -> SensorName {
    SensorName::new("faults", &format!("s{sensor}")).unwrap()
}

fn scope(sensor: u32) -> Scope {
    load(&name(sensor), SensorId(sensor))
}

fn window(hour: u64) -> Window {
    cut().window_of(Timestamp::default() + cut().window().times(i64::try_from(hour).unwrap()))
}

impl Site {
    fn new(seed: u64, hours: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let site = Self { seed, folder, rng: Rng::with_seed(seed), hour: 0, hours, usual: None };
        let mut store = site.open();
        for hour in 0..hours + 10 {
            for sensor in (0..SENSORS).map(SensorId) {
                store.writer.put_window(&full_window(sensor, window(hour)));
            }
            if hour % 100 == 0 {
                store.writer.commit().unwrap();
            }
        }
        store.writer.commit().unwrap();
        store.writer.settle().unwrap();
        site
    }

    /// Opens the store. The threads of a process that has ended hold it for a moment.
    fn open(&self) -> Store {
        let kept = u32::try_from(self.hours * 2 + 100).unwrap();
        let begun = Instant::now();
        loop {
            match Store::open(store_settings(self.folder.path(), kept)) {
                Ok(store) => return store,
                Err(error) => assert!(begun.elapsed() < Duration::from_secs(60), "{error}"),
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn begin(&self) -> Life {
        let store = self.open();
        let reader = store.reader.clone();
        let directory = Arc::new(SensorDirectory::new(SENSORS as usize, Vec::new()));
        (0..SENSORS).for_each(|sensor| assert_eq!(directory.intern(&name(sensor)).unwrap(), SensorId(sensor)));
        let live = Arc::new(Live::default());
        let trust = ClockTrustSettings { tolerance: Span::from_secs(5), patience: Duration::from_secs(600) };
        let clock = SystemClock::new(trust);
        let settings = pipeline_settings(Arc::clone(&live));
        let pipeline = Pipeline::recover(store, Arc::clone(&directory), settings, clock.read()).unwrap();
        let (intake, submissions) = Intake::new(1);
        let pace = PaceSettings { delay: Duration::ZERO, daily_budget: u64::MAX };
        let (commands, _) = committer::start(pipeline, submissions, intake.heard(), pace, clock).unwrap();
        let settings = SensorSettings {
            scoring: ScoringSettings { cut: cut(), base: cut(), min_intervals: 1 },
            sensitivities: Sensitivities::default(),
            supervision: SupervisionPolicy {
                backoff_min: Duration::from_millis(1),
                backoff_max: Duration::from_millis(5),
                quarantine_after: 3,
                release_after: Some(Duration::from_millis(50)),
            },
            deadline: DEADLINE,
            proof: ProofPolicy::Optional,
            suspicious_after: u32::MAX,
        };
        let (groups, settings) = (Groups::new(Vec::new(), cut().into()), Arc::new(settings));
        let settings = SupervisorSettings {
            sensors: ByGroup::new(groups.clone(), |_| Arc::clone(&settings)),
            restarts_per_second: 1000,
            evaluators: PoolSettings { threads: 2, max_hung: 1 },
        };
        let windows = StoredWindows { reader: reader.clone(), directory };
        let scopes: Vec<_> = (0..SENSORS).map(scope).collect();
        let of_run = scopes.iter().map(|scope| (scope.sensor, scope.model_hash())).collect();
        let arbiter = Arbiter::new();
        let threads = vec![Arbiter::current(), arbiter.handle()];
        let supervisor = SensorSupervisor::new(settings, windows.clone(), threads, scopes, Arc::clone(&live)).start();
        let rules = RunRules { settings_hash: 0, deadline: RUN_DEADLINE, interval: cut().interval() };
        let rules = ByGroup::new(groups, |_| rules);
        let settings = RecorderSettings { rules, scope: of_run, max_anomalous: 0, log_bytes: 1 << 10 };
        let recorder = Recorder::new(settings, windows, commands, supervisor.clone(), Arc::clone(&live)).start();
        Life { reader, recorder, supervisor, live, arbiter }
    }

    /// Lives until the process ends, or all hours are over.
    async fn live(&mut self) {
        let life = self.begin();
        if self.usual.is_none() {
            let verdicts = self.score(&life).await;
            let kinds: Vec<_> = verdicts.iter().map(|verdict| verdict.outcome.kind()).collect();
            assert_eq!(kinds, ["scored"; SENSORS as usize]);
            self.usual = Some(verdicts[0].outcome.clone());
        }
        while self.hour < self.hours {
            let mut ends = false;
            for _ in 0..self.rng.usize(0..3) {
                let (kind, victim) = (FAULTS[self.rng.usize(..FAULTS.len())], self.rng.u32(..VICTIMS));
                ends |= matches!(kind, FaultKind::ProcessEnds);
                self.hurt(&life, kind, victim).await;
            }
            if ends {
                let run = life.recorder.send(self.run());
                let _ = timeout(Duration::from_micros(self.rng.u64(0..5000)), run).await;
                return;
            }
            self.score(&life).await;
        }
        self.mend(&life).await;
    }

    fn run(&self) -> ScoreRun {
        let (group, window, trigger) = (GroupName::default(), window(self.hour), Trigger::Schedule);
        ScoreRun { group, window, trigger, closing: Closing::OnTime, done_until: None }
    }

    async fn hurt(&self, life: &Life, kind: FaultKind, victim: u32) {
        let point = |at: &str| format!("sensor::{at} {}", name(victim));
        let change = async |changes| {
            let (done, changed) = oneshot::channel();
            life.recorder.send(ChangeModels { changes, news: ModelNews::default(), done }).await.unwrap();
            changed.await.unwrap();
        };
        match kind {
            FaultKind::ModelPanics => fail::cfg(point("score"), "1*panic->off").unwrap(),
            FaultKind::ModelErrs => fail::cfg(point("score"), "1*return(out of tea)->off").unwrap(),
            FaultKind::ModelHangs => fail::cfg(point("score"), HANG).unwrap(),
            FaultKind::ModelIsSlow => fail::cfg(point("score"), "1*sleep(30)->off").unwrap(),
            FaultKind::AllVictimsHang => {
                (0..VICTIMS).for_each(|victim| fail::cfg(format!("sensor::score {}", name(victim)), HANG).unwrap());
            }
            FaultKind::ActorDies => fail::cfg(point("handle"), "1*panic->off").unwrap(),
            FaultKind::StoreIsSlow => fail::cfg("store::journal_sync", "1*sleep(10)->off").unwrap(),
            FaultKind::MailboxesAreFlooded => {
                // Answers to a broadcast that is not the recorder's, and that no model is held to account for.
                for _ in 0..50 {
                    life.supervisor.do_send(Broadcast {
                        id: BroadcastId::default(),
                        window: window(self.hour),
                        trigger: Trigger::Command,
                        sensors: (0..SENSORS).map(SensorId).collect(),
                        deadline: Instant::now() + RUN_DEADLINE,
                        outcomes: life.recorder.clone().recipient(),
                    });
                }
            }
            FaultKind::OutcomesComeLate => {
                // Those of an earlier run over the same window. They come before, and while, this one is scored.
                for _ in 0..50 {
                    (0..SENSORS).map(SensorId).for_each(|sensor| {
                        let outcome = failed("late".to_owned());
                        let (broadcast, took) = (BroadcastId::default(), ScoringTime::default());
                        life.recorder.do_send(Scoring { broadcast, sensor, outcome, took });
                    });
                }
            }
            FaultKind::OperatorScoresAgain => self.score_by_command(life, victim).await,
            FaultKind::ModelChanges => change(vec![ModelChange::Assign(scope(victim))]).await,
            FaultKind::ModelGoesAndComes => {
                change(vec![ModelChange::Remove(SensorId(victim))]).await;
                change(vec![ModelChange::Assign(scope(victim))]).await;
            }
            FaultKind::AllAreReleased => release(life).await,
            FaultKind::ProcessEnds => {}
        }
    }

    /// Scores the hour because an operator asks for it, while a model errs.
    async fn score_by_command(&self, life: &Life, victim: u32) {
        // The end of an actor is no fault of the model, and counts whoever had it scored.
        (0..VICTIMS).for_each(|victim| fail::remove(format!("sensor::handle {}", name(victim))));
        let failures = async || {
            // Behind all that the supervisor was told.
            ModelRelease::by(life.supervisor.clone().recipient()).release(Vec::new()).await.unwrap();
            let trouble = |sensor| life.live.models.of(sensor).and_then(|entry| entry.trouble);
            (0..SENSORS).map(SensorId).map(|sensor| trouble(sensor).map(|trouble| trouble.failures)).collect::<Vec<_>>()
        };
        let before = failures().await;
        fail::cfg(format!("sensor::score {}", name(victim)), "1*return(out of coffee)->off").unwrap();
        let again = ScoreRun { trigger: Trigger::Command, ..self.run() };
        let report = life.recorder.send(again).await.unwrap().unwrap();
        assert_eq!(report.tally.outcomes(), SENSORS);
        assert_eq!(failures().await, before, "hour {} of seed {}: held against a model", self.hour, self.seed);
    }

    /// Scores the hour, and looks at what the store has of it.
    async fn score(&mut self, life: &Life) -> Vec<Verdict> {
        let place = format!("hour {} of seed {}", self.hour, self.seed);
        let report = life.recorder.send(self.run()).await.unwrap().unwrap();
        assert_eq!(report.tally.outcomes(), SENSORS, "{place}");
        let run = life.reader.run(report.id).unwrap().unwrap();
        assert_eq!(run.state, RunState::Finished(report.tally), "{place}");
        let verdicts = life.reader.verdicts(report.id, ChunkId::of(SensorId(0))).unwrap();
        let sensors: Vec<_> = verdicts.iter().map(|verdict| verdict.sensor.0).collect();
        assert_eq!(sensors, (0..SENSORS).collect::<Vec<_>>(), "{place}");
        if let Some(usual) = &self.usual {
            for verdict in &verdicts[VICTIMS as usize..] {
                assert_eq!(&verdict.outcome, usual, "{place}: a neighbour is affected");
            }
        }
        self.hour += 1;
        verdicts
    }

    /// Without faults, every model scores again.
    async fn mend(&mut self, life: &Life) {
        for point in
            (0..VICTIMS).flat_map(|victim| ["score", "handle"].map(|at| format!("sensor::{at} {}", name(victim))))
        {
            fail::remove(point);
        }
        let begun = Instant::now();
        loop {
            assert!(begun.elapsed() < Duration::from_secs(60), "seed {}: a model does not score again", self.seed);
            release(life).await;
            let verdicts = self.score(life).await;
            if verdicts.iter().all(|verdict| Some(&verdict.outcome) == self.usual.as_ref()) {
                return;
            }
            // Another revision of the same hour.
            self.hour -= 1;
            sleep(Duration::from_millis(20)).await;
        }
    }
}

async fn release(life: &Life) {
    let all = (0..SENSORS).map(SensorId).collect();
    ModelRelease::by(life.supervisor.clone().recipient()).release(all).await.unwrap();
}

/// The memory of this process, in megabytes.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap();
    (status.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096) >> 20
}

#[test]
fn through_hours_of_faults_every_run_ends_with_one_outcome_a_sensor_and_neighbours_notice_nothing() {
    let (hours, seed) = (number_from("ANOMALYD_FAULT_HOURS", 150), number_from("ANOMALYD_FAULT_SEED", 13));
    let mut site = Site::new(seed, hours);
    let (mut lives, mut early) = (0, None);
    let begun = Instant::now();
    while site.hour < hours {
        System::new().block_on(async {
            site.live().await;
            System::current().stop();
        });
        lives += 1;
        if site.hour > hours / 4 {
            early = early.or(Some(resident()));
        }
    }
    let (early, now) = (early.unwrap_or_default(), resident());
    println!("{hours} hours in {lives} lives, {:?}; {early} MB after a quarter, {now} MB at the end", begun.elapsed());
    let runs = site.open().reader.runs().unwrap();
    assert!(runs.len() as u64 >= hours && runs.iter().all(|run| run.id < RunId(runs.len() as u64 + 1000)));
    // Other tests share the process of a short run.
    assert!(std::env::var_os("ANOMALYD_FAULT_HOURS").is_none() || now < early + 16, "{early} MB grew to {now} MB");
}
