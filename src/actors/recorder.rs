//! The recorder: gathers the outcomes of a run, stores them, and ends the run.
//!
//! A run's verdicts are stored chunk by chunk as they become complete, and the ledger says `finished` in the commit
//! behind the last of them. A run that was cut off is resumed: what is stored is not scored again. At the run's deadline
//! whatever is missing becomes `failed`, so that every run ends and gives every sensor in scope exactly one outcome.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use actix::prelude::*;
use tokio::sync::oneshot;

use crate::actors::committer::{Command, Commands, CommitterStopped};
use crate::actors::supervisor::{Broadcast, ChangeModels, ModelChange, NO_ANSWER, Overdue, SensorSupervisor};
use crate::interval::Window;
use crate::run::{Closing, Run, RunState, Tally};
use crate::sensor::SensorId;
use crate::store::{ChunkId, Reader, StoreError};
use crate::telemetry::metrics;
use crate::verdict::{Outcome, Verdict};

/// Scores a window: begins its run, or resumes it. Answered when the run has ended and is durable.
#[derive(Debug, Message)]
#[rtype(result = "Result<RunReport, RunError>")]
pub struct ScoreRun {
    /// Which window.
    pub window: Window,
    /// How it was closed.
    pub closing: Closing,
}

/// What a sensor's actor, or whoever speaks for it, says of a window.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Scoring {
    /// Which window.
    pub window: Window,
    /// Whose.
    pub sensor: SensorId,
    /// What came of it.
    pub outcome: Outcome,
}

/// How a run went.
#[derive(Clone, Copy, Debug)]
pub struct RunReport {
    /// Which window it scored.
    pub window: Window,
    /// How that was closed.
    pub closing: Closing,
    /// Its outcomes.
    pub tally: Tally,
    /// How many of them were stored by an earlier process.
    pub resumed: u32,
    /// From the broadcast to the last outcome.
    pub scoring: Duration,
    /// From the broadcast until everything was durable.
    pub total: Duration,
}

/// Why a run did not end.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The committer is gone.
    #[error("the run's verdicts could not be stored: {0}")]
    Committer(#[from] CommitterStopped),
    /// What an earlier process stored of it cannot be read.
    #[error("what is stored of the run cannot be read: {0}")]
    Store(#[from] StoreError),
    /// Another run goes on.
    #[error("another run goes on")]
    Busy,
}

/// The recorder's settings.
#[derive(Clone, Debug)]
pub struct RecorderSettings {
    /// The sensors that have a model file, in the order of their numbers.
    pub scope: Vec<SensorId>,
    /// The hash of what verdicts depend on.
    pub settings_hash: u64,
    /// When a run ends at the latest.
    pub deadline: Duration,
}

/// Gathers the outcomes of a run.
pub struct Recorder {
    settings: RecorderSettings,
    reader: Reader,
    commands: Commands,
    sensors: Addr<SensorSupervisor>,
    current: Option<Current>,
    /// Model changes that wait for the run that goes on.
    waiting: Vec<ChangeModels>,
}

/// The run that goes on.
struct Current {
    run: Run,
    chunks: BTreeMap<ChunkId, Chunk>,
    missing: usize,
    tally: Tally,
    resumed: u32,
    began: Instant,
    scored: Duration,
    deadline: SpawnHandle,
    report: Option<oneshot::Sender<Result<RunReport, RunError>>>,
}

/// The outcomes of neighbouring sensors, stored together.
#[derive(Default)]
struct Chunk {
    sensors: Vec<SensorId>,
    outcomes: Vec<Option<Outcome>>,
    missing: usize,
}

impl Recorder {
    /// A recorder that writes through the committer.
    pub fn new(
        settings: RecorderSettings,
        reader: Reader,
        commands: Commands,
        sensors: Addr<SensorSupervisor>,
    ) -> Self {
        Self { settings, reader, commands, sensors, current: None, waiting: Vec::new() }
    }

    fn begin(&mut self, score: &ScoreRun, context: &mut Context<Self>) -> Result<&mut Current, RunError> {
        if self.current.is_some() {
            return Err(RunError::Busy);
        }
        let ScoreRun { window, closing } = *score;
        let RecorderSettings { ref scope, settings_hash, deadline } = self.settings;
        let before = self.reader.run(window)?;
        let run = Run {
            window,
            // An earlier process that began the run closed the window, too.
            closing: before.as_ref().map_or(closing, |before| before.closing),
            scope: u32::try_from(scope.len()).unwrap_or(u32::MAX),
            settings: settings_hash,
            state: RunState::Started,
        };
        let mut chunks = BTreeMap::<ChunkId, Chunk>::new();
        for sensor in scope {
            chunks.entry(ChunkId::of(*sensor)).or_default().sensors.push(*sensor);
        }
        // Verdicts made under other settings are made again.
        let cut_off = before.is_some_and(|before| before == run);
        let mut tally = Tally::default();
        if cut_off {
            let mut stored = Vec::new();
            for (id, chunk) in &chunks {
                let verdicts = match self.reader.verdicts(window, *id) {
                    Ok(verdicts) => verdicts,
                    // What a crash cut short is not stored: it is made again.
                    Err(StoreError::Damaged) => Vec::new(),
                    Err(error) => return Err(error.into()),
                };
                if verdicts.iter().map(|verdict| verdict.sensor).eq(chunk.sensors.iter().copied()) {
                    verdicts.iter().for_each(|verdict| tally.add(&verdict.outcome));
                    stored.push(*id);
                }
            }
            for id in stored {
                chunks.remove(&id);
            }
        }
        for chunk in chunks.values_mut() {
            chunk.missing = chunk.sensors.len();
            chunk.outcomes = vec![None; chunk.missing];
        }
        let (done, _) = oneshot::channel();
        self.commands.send(Command::PutRun { run: run.clone(), done });
        let sensors: Vec<_> = chunks.values().flat_map(|chunk| chunk.sensors.iter().copied()).collect();
        let missing = sensors.len();
        let began = Instant::now();
        let recorder = context.address();
        self.sensors.do_send(Broadcast { window, sensors, deadline: began + deadline, recorder });
        let deadline = context.run_later(deadline, move |recorder, context| recorder.give_up(window, context));
        Ok(self.current.insert(Current {
            run,
            chunks,
            missing,
            resumed: tally.outcomes(),
            tally,
            began,
            scored: Duration::ZERO,
            deadline,
            report: None,
        }))
    }

    /// Whatever is missing at the deadline has failed.
    fn give_up(&mut self, window: Window, context: &mut Context<Self>) {
        let Some(current) = self.current.as_ref().filter(|current| current.run.window == window) else { return };
        let unanswered = |chunk: &Chunk| {
            let pairs = chunk.sensors.iter().copied().zip(&chunk.outcomes);
            pairs.filter(|(_, outcome)| outcome.is_none()).map(|(sensor, _)| sensor).collect::<Vec<_>>()
        };
        let missing: Vec<_> = current.chunks.values().flat_map(unanswered).collect();
        metrics::SCORINGS_MISSING.add(missing.len() as u64);
        let reasons = self.sensors.send(Overdue { window, missing: missing.clone() }).into_actor(self);
        context.spawn(reasons.map(move |reasons, recorder, context| {
            let mut fail = |sensor, reason| {
                recorder.take(Scoring { window, sensor, outcome: Outcome::Failed { reason } }, context);
            };
            for (sensor, reason) in reasons.into_iter().flatten() {
                fail(sensor, reason);
            }
            // A run ends also when there is nobody left to say why.
            missing.into_iter().for_each(|sensor| fail(sensor, NO_ANSWER.to_owned()));
        }));
    }

    fn take(&mut self, scoring: Scoring, context: &mut Context<Self>) {
        let Scoring { window, sensor, outcome } = scoring;
        // An answer that comes after its run has ended finds the next one, or none.
        let Some(current) = self.current.as_mut().filter(|current| current.run.window == window) else { return };
        let id = ChunkId::of(sensor);
        let Some(chunk) = current.chunks.get_mut(&id) else { return };
        let Ok(place) = chunk.sensors.binary_search(&sensor) else { return };
        if chunk.outcomes[place].is_some() {
            return;
        }
        current.tally.add(&outcome);
        chunk.outcomes[place] = Some(outcome);
        chunk.missing -= 1;
        current.missing -= 1;
        if chunk.missing == 0
            && let Some(chunk) = current.chunks.remove(&id)
        {
            let pairs = chunk.sensors.into_iter().zip(chunk.outcomes);
            let verdicts = pairs.filter_map(|(sensor, outcome)| Some(Verdict { sensor, outcome: outcome? })).collect();
            self.commands.send(Command::PutVerdicts { window, chunk: id, verdicts });
        }
        if current.missing == 0 {
            self.finish(context);
        }
    }

    fn finish(&mut self, context: &mut Context<Self>) {
        let Some(current) = &mut self.current else { return };
        current.scored = current.began.elapsed();
        context.cancel_future(current.deadline);
        let run = Run { state: RunState::Finished(current.tally), ..current.run.clone() };
        let commands = self.commands.clone();
        let finished = async move { commands.commit(|done| Command::PutRun { run, done }).await };
        context.spawn(finished.into_actor(self).map(|committed, recorder, _| {
            let Some(current) = recorder.current.take() else { return };
            for changes in std::mem::take(&mut recorder.waiting) {
                recorder.change(changes);
            }
            let report = RunReport {
                window: current.run.window,
                closing: current.run.closing,
                tally: current.tally,
                resumed: current.resumed,
                scoring: current.scored,
                total: current.began.elapsed(),
            };
            if let Some(answer) = current.report {
                // Whoever asked may have been stopped meanwhile.
                let _ = answer.send(committed.map(|_| report).map_err(RunError::from));
            }
        }));
    }
}

impl Recorder {
    /// Changes the scope of the next run, and the models in it.
    fn change(&mut self, changes: ChangeModels) {
        let mut scope: BTreeSet<SensorId> = self.settings.scope.iter().copied().collect();
        for change in &changes.changes {
            match change {
                ModelChange::Assign(_) => scope.insert(change.sensor()),
                ModelChange::Remove(sensor) => scope.remove(sensor),
            };
        }
        self.settings.scope = scope.into_iter().collect();
        // Before the next run's broadcast, as messages between two actors keep their order.
        self.sensors.do_send(changes);
    }
}

impl Handler<ChangeModels> for Recorder {
    type Result = ();

    fn handle(&mut self, changes: ChangeModels, _: &mut Context<Self>) {
        match self.current {
            // A window is scored by one set of models.
            Some(_) => self.waiting.push(changes),
            None => self.change(changes),
        }
    }
}

impl Actor for Recorder {
    type Context = Context<Self>;
}

impl Handler<ScoreRun> for Recorder {
    type Result = ResponseFuture<Result<RunReport, RunError>>;

    fn handle(&mut self, score: ScoreRun, context: &mut Context<Self>) -> Self::Result {
        let (answer, report) = oneshot::channel();
        match self.begin(&score, context) {
            Err(error) => return Box::pin(std::future::ready(Err(error))),
            Ok(current) => {
                current.report = Some(answer);
                if current.missing == 0 {
                    self.finish(context);
                }
            }
        }
        Box::pin(async move { report.await.unwrap_or(Err(RunError::Committer(CommitterStopped))) })
    }
}

impl Handler<Scoring> for Recorder {
    type Result = ();

    fn handle(&mut self, scoring: Scoring, context: &mut Context<Self>) {
        self.take(scoring, context);
    }
}

impl RunReport {
    /// Counts the run and says how it went.
    pub fn log(&self) {
        let Self { window, closing, tally, resumed, scoring, total } = self;
        metrics::RUNS_FINISHED.add(1);
        metrics::VERDICTS_SCORED.add(u64::from(tally.scored));
        metrics::VERDICTS_FAILED.add(u64::from(tally.failed));
        metrics::ANOMALIES.add(tally.anomalies);
        tracing::info!(
            window = %window.start(),
            closed = %closing,
            scored = tally.scored,
            anomalies = tally.anomalies,
            rows = tally.rows,
            no_data = tally.no_data,
            too_little_data = tally.too_little_data,
            failed = tally.failed,
            quarantined = tally.quarantined,
            suspicious_models = metrics::MODELS_SUSPICIOUS.get(),
            drifting_models = metrics::MODELS_DRIFTING.get(),
            resumed,
            scoring_us = u64::try_from(scoring.as_micros()).unwrap_or(u64::MAX),
            total_us = u64::try_from(total.as_micros()).unwrap_or(u64::MAX),
            "run finished"
        );
    }
}
