//! The recorder: gathers the outcomes of a run, stores them, and ends the run.
//!
//! A run's verdicts are stored chunk by chunk as chunks become complete (`run_in_progress.rs` knows which are). The
//! ledger says `finished` behind the last chunk.
//!
//! Runs do not overlap, so that only the newest run in the ledger can have been cut off and still be wanted. It is resumed
//! under its id: chunks that were stored under the same settings, sensors and models are not scored again, and every other
//! chunk of the run is removed before it goes on. That holds when its settings have changed as well: what was stored of it
//! was neither complete nor published, so nobody has seen it. A window whose run has ended gets another run with a new id,
//! the next revision, which leaves the verdicts of the first as they are.
//!
//! At the run's deadline each missing outcome becomes `failed`, or `timed out` where the scoring is at work, so that every run ends and gives every sensor in scope
//! exactly one outcome.

mod commanded;

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::*;
use tokio::sync::oneshot;

use crate::actors::committer::{Command, Commands, CommitterStopped};
use crate::actors::scoring::evaluation::{BroadcastId, Scoring, StoredWindows};
use crate::actors::scoring::supervisor::{Broadcast, ChangeModels, ModelChange, NO_ANSWER, Overdue, SensorSupervisor};
use crate::group::{ByGroup, GroupName};
use crate::interval::Window;
use crate::live::Live;
use crate::run::{Closing, Run, RunCourse, RunId, RunRequest, RunState, ScoringTime, Tally, Trigger, models_hash};
use crate::run_in_progress::{AnomalousSensor, CompleteChunk, RunInProgress, RunScope, TimesInProgress};
use crate::run_order::OrderedSensors;
use crate::sensor::{SensorDirectory, SensorId, SensorName};
use crate::store::{Reader, StoreError, StoredChunks};
use crate::telemetry::{metrics, run_log};
use crate::time::{Span, Timestamp};
use crate::verdict::{ModelHash, Outcome};

pub use commanded::{CommandedNews, ScoreAgain, end_cut_off_runs};

use commanded::Commanded;

/// Scores a window: begins its run, or resumes it. Answered when the run has ended and is durable.
#[derive(Debug, Message)]
#[rtype(result = "Result<RunReport, RunError>")]
pub struct ScoreRun {
    /// Whose models.
    pub group: GroupName,
    /// Which window.
    pub window: Window,
    /// Why it is scored.
    pub trigger: Trigger,
    /// How the window was closed.
    pub closing: Closing,
    /// All before this is scored once the run has ended; `None` when that stays as it is.
    pub done_until: Option<Timestamp>,
}

/// How a run went.
#[derive(Clone, Debug)]
pub struct RunReport {
    /// Its id.
    pub id: RunId,
    /// Whose models the run scored.
    pub group: GroupName,
    /// Why it began.
    pub trigger: Trigger,
    /// How many runs over the same window ended before it.
    pub revision: u32,
    /// The window that the run scored.
    pub window: Window,
    /// How the window was closed.
    pub closing: Closing,
    /// Its outcomes.
    pub tally: Tally,
    /// The sensors that the run found most anomalous, by name, the worst first.
    pub anomalous: Vec<(SensorName, AnomalousSensor)>,
    /// How many more sensors the run found anomalous.
    pub more_anomalous: u32,
    /// The length of an interval.
    pub interval: Span,
    /// How many outcomes were stored by an earlier process.
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
    /// What an earlier process stored of the run cannot be read.
    #[error("what is stored of the run cannot be read: {0}")]
    Store(#[from] StoreError),
    /// Another run goes on.
    #[error("another run goes on")]
    Busy,
    /// An order is about sensors of which none has a model now.
    #[error("no sensor with a model fits {0}")]
    NobodyFits(OrderedSensors),
    /// No such group is configured.
    #[error("there is no group {0}")]
    NoGroup(GroupName),
}

/// The recorder's settings.
#[derive(Clone, Debug)]
pub struct RecorderSettings {
    /// What the runs of each group go by.
    pub rules: ByGroup<RunRules>,
    /// The sensors that have a model file.
    pub scope: RunScope,
    /// How many sensors with anomalies a run names in the log.
    pub max_anomalous: usize,
    /// How many bytes of what is logged of a run are kept with it.
    pub log_bytes: usize,
}

/// What the runs of a group go by.
#[derive(Clone, Copy, Debug)]
pub struct RunRules {
    /// The hash of the settings that verdicts depend on.
    pub settings_hash: u64,
    /// When a run ends at the latest.
    pub deadline: Duration,
    /// The length of an interval.
    pub interval: Span,
}

/// Gathers the outcomes of a run.
pub struct Recorder {
    runs: ByGroup<GroupRuns>,
    max_anomalous: usize,
    log_bytes: usize,
    reader: Reader,
    directory: Arc<SensorDirectory>,
    commands: Commands,
    sensors: Addr<SensorSupervisor>,
    /// Where it shows which run goes on.
    live: Arc<Live>,
    /// That of the latest broadcast.
    broadcast: BroadcastId,
    current: Option<Current>,
    /// Whether the entry of a run is being made durable that begins behind it.
    is_beginning: bool,
    /// Model changes that wait for the run that goes on.
    waiting: Vec<ChangeModels>,
}

/// The runs of a group.
struct GroupRuns {
    rules: RunRules,
    /// The group's sensors that have a model file.
    scope: RunScope,
}

/// The run that goes on.
struct Current {
    run: Run,
    done_until: Option<Timestamp>,
    progress: RunInProgress,
    times: TimesInProgress,
    /// From the broadcast to the last outcome.
    scored: Duration,
    deadline: SpawnHandle,
    /// What is special about it when an operator has asked for it.
    commanded: Option<Commanded>,
    report: oneshot::Sender<Result<RunReport, RunError>>,
}

/// What the ledger knows of earlier runs over a window.
enum Predecessor {
    /// The last of them was cut off, and no other run began after it.
    CutOff(Box<Run>),
    /// None of them goes on; so many have ended.
    Over { ended: u32 },
}

impl Predecessor {
    fn of(reader: &Reader, ScoreRun { group, window, .. }: &ScoreRun) -> Result<Self, StoreError> {
        let Some(run) = reader.run_of(group, *window)? else { return Ok(Self::Over { ended: 0 }) };
        Ok(match run.state {
            RunState::Finished(_) => Self::Over { ended: run.revision.saturating_add(1) },
            RunState::Started if run.trigger != Trigger::Command && run.id.next() == reader.next_run()? => {
                Self::CutOff(Box::new(run))
            }
            // Nothing of it was published, and nothing will be.
            RunState::Started | RunState::CutOff => Self::Over { ended: run.revision },
        })
    }

    /// The run that comes now.
    fn successor(
        &self,
        score: &ScoreRun,
        reader: &Reader,
        directory: &SensorDirectory,
        GroupRuns { rules, scope }: &GroupRuns,
    ) -> Result<Run, StoreError> {
        let named = |(sensor, model): (&SensorId, &Option<ModelHash>)| Some((directory.name(*sensor)?, *model));
        let begun = RunCourse { begun: Some(Timestamp::now()), ..RunCourse::default() };
        let (id, trigger, revision, closing, course) = match self {
            // The process that began it closed its window as well.
            Self::CutOff(run) => (run.id, run.trigger, run.revision, run.closing, run.course.clone()),
            Self::Over { ended } => (reader.next_run()?, score.trigger, *ended, score.closing, begun),
        };
        Ok(Run {
            id,
            window: score.window,
            interval: rules.interval,
            group: score.group.clone(),
            trigger,
            revision,
            scope: scope.keys().map(|sensor| sensor.0).collect(),
            settings: rules.settings_hash,
            models: models_hash(scope.iter().filter_map(named)),
            closing,
            state: RunState::Started,
            course,
        })
    }
}

impl Recorder {
    /// A recorder that writes through the committer.
    pub fn new(
        RecorderSettings { rules, scope, max_anomalous, log_bytes }: RecorderSettings,
        StoredWindows { reader, directory }: StoredWindows,
        commands: Commands,
        sensors: Addr<SensorSupervisor>,
        live: Arc<Live>,
    ) -> Self {
        let runs = rules.map(|rules| GroupRuns { rules: *rules, scope: RunScope::new() });
        let mut recorder = Self {
            runs,
            max_anomalous,
            log_bytes,
            reader,
            directory,
            commands,
            sensors,
            live,
            broadcast: BroadcastId::default(),
            current: None,
            is_beginning: false,
            waiting: Vec::new(),
        };
        for (sensor, model) in scope {
            recorder.scope_of(sensor).into_iter().for_each(|scope| _ = scope.insert(sensor, model));
        }
        recorder
    }

    /// The scope of the group that a sensor is in; `None` for a number without a name.
    fn scope_of(&mut self, sensor: SensorId) -> Option<&mut RunScope> {
        let name = self.directory.name(sensor)?;
        Some(&mut self.runs.of_mut(&name).scope)
    }

    /// Whether a run goes on, or is about to.
    fn is_busy(&self) -> bool {
        self.is_beginning || self.current.is_some()
    }

    /// Begins a run, or goes on with one that was cut off. `report` is told its end.
    fn begin(
        &mut self,
        score: &ScoreRun,
        report: oneshot::Sender<Result<RunReport, RunError>>,
        context: &mut Context<Self>,
    ) -> Result<(), RunError> {
        let runs = self.runs.of_group(&score.group).ok_or_else(|| RunError::NoGroup(score.group.clone()))?;
        let GroupRuns { rules: RunRules { settings_hash, .. }, ref scope } = *runs;
        let before = Predecessor::of(&self.reader, score)?;
        let run = before.successor(score, &self.reader, &self.directory, runs)?;
        let mut progress = RunInProgress::new(run.window, scope, self.max_anomalous, Instant::now());
        let stored = match before {
            Predecessor::CutOff(before) => {
                // Verdicts made under other settings are made again.
                if before.settings == settings_hash {
                    progress.take_over(scope, |chunk| self.reader.verdicts(run.id, chunk))?;
                }
                StoredChunks::Keep(progress.taken_over().clone())
            }
            Predecessor::Over { .. } => StoredChunks::OfEarlierRuns,
        };
        self.live.running.set(Some(run.id));
        self.commands.send(Command::BeginRun { run: run.clone(), stored, done: None });
        self.broadcast(run, score.done_until, progress, None, report, context);
        Ok(())
    }

    /// Has those sensors of a run scored that have no outcome yet.
    fn broadcast(
        &mut self,
        run: Run,
        done_until: Option<Timestamp>,
        progress: RunInProgress,
        commanded: Option<Commanded>,
        report: oneshot::Sender<Result<RunReport, RunError>>,
        context: &mut Context<Self>,
    ) {
        let deadline = self.runs.of_group(&run.group).map_or(Duration::ZERO, |runs| runs.rules.deadline);
        let window = run.window;
        let known_id = Commanded::known_id(commanded.as_ref(), &run);
        if known_id.is_some() {
            run_log::begin(self.log_bytes);
        }
        tracing::info!(
            run = known_id.map(tracing::field::display),
            is_dry_run = known_id.is_none().then_some(true),
            window = %window.start(),
            trigger = run.trigger.as_str(),
            sensors = run.scope.len(),
            resumed = progress.resumed(),
            request = run.course.request.as_ref().map(RunRequest::as_str),
            "run begins"
        );
        let (sensors, outcomes) = (progress.unanswered(), context.address().recipient());
        let (trigger, until) = (run.trigger, Instant::now() + deadline);
        self.broadcast = self.broadcast.next();
        let id = self.broadcast;
        self.sensors.do_send(Broadcast { id, window, trigger, sensors, deadline: until, outcomes });
        let deadline = context.run_later(deadline, move |recorder, context| recorder.give_up(id, context));
        let is_over = progress.is_over();
        let (times, scored) = (TimesInProgress::default(), Duration::ZERO);
        self.current = Some(Current { run, done_until, progress, times, scored, deadline, commanded, report });
        if is_over {
            self.finish(context);
        }
    }

    /// Whatever is missing at the deadline has failed.
    fn give_up(&mut self, broadcast: BroadcastId, context: &mut Context<Self>) {
        let Some(current) = self.current.as_ref().filter(|_| broadcast == self.broadcast) else { return };
        let window = current.run.window;
        let missing = current.progress.unanswered();
        metrics::SCORINGS_MISSING.add(missing.len() as u64);
        let outcomes = self.sensors.send(Overdue { broadcast, window, missing: missing.clone() }).into_actor(self);
        context.spawn(outcomes.map(move |outcomes, recorder, context| {
            let mut take = |sensor, outcome| {
                recorder.take(Scoring { broadcast, sensor, outcome, took: ScoringTime::default() }, context);
            };
            for (sensor, outcome) in outcomes.into_iter().flatten() {
                take(sensor, outcome);
            }
            // A run ends even when the supervisor is gone and cannot say why outcomes are missing.
            missing.into_iter().for_each(|sensor| take(sensor, Outcome::Failed { reason: NO_ANSWER.to_owned() }));
        }));
    }

    fn take(&mut self, Scoring { broadcast, sensor, outcome, took }: Scoring, context: &mut Context<Self>) {
        // An answer that comes after its run has ended meets the next run, which may be over the same window, or no run.
        let Some(Current { run, progress, times, commanded, .. }) = &mut self.current else { return };
        if broadcast != self.broadcast || !progress.awaits(sensor) {
            return;
        }
        times.observe(sensor, took);
        let Some(chunk) = progress.take(sensor, outcome) else { return };
        if let Some(commanded) = commanded {
            commanded.tell(&chunk);
        }
        if Commanded::is_stored(commanded.as_ref()) {
            let CompleteChunk { id, verdicts } = chunk;
            self.commands.send(Command::PutVerdicts { run: run.id, chunk: id, verdicts });
        }
        if progress.is_over() {
            self.finish(context);
        }
    }

    fn finish(&mut self, context: &mut Context<Self>) {
        let Some(current) = &mut self.current else { return };
        current.scored = current.progress.elapsed(Instant::now());
        context.cancel_future(current.deadline);
        current.run.state = RunState::Finished(current.progress.tally());
        let course = &mut current.run.course;
        course.ended = Some(Timestamp::now());
        course.times = Some(current.times.parts(current.scored.into()));
        course.slowest = current.times.slowest();
        let (run, commands, done_until) = (current.run.clone(), self.commands.clone(), current.done_until);
        let is_stored = Commanded::is_stored(current.commanded.as_ref());
        let finished = async move {
            if is_stored {
                commands.commit(|done| Command::PutRun { run, done_until, done }).await?;
            }
            Ok(())
        };
        context.spawn(finished.into_actor(self).map(move |committed, recorder, _| {
            let Some(mut current) = recorder.current.take() else { return };
            recorder.live.running.set(None);
            recorder.make_changes();
            let report = recorder.report(&current);
            if committed.is_ok() && is_stored {
                report.log();
                recorder.note_end(&mut current);
            }
            // A failure is ignored: the asker may have been stopped meanwhile.
            let _ = current.report.send(committed.map(|()| report).map_err(RunError::Committer));
        }));
    }

    /// Notes in the store how long it took until the run was durable, which is known only now, and what was logged of it.
    fn note_end(&self, current: &mut Current) {
        let total = current.progress.elapsed(Instant::now());
        if let Some(times) = &mut current.run.course.times {
            times.store = Some(total.saturating_sub(current.scored).into());
        }
        self.commands.send(Command::NoteRun { run: current.run.clone(), log: run_log::end() });
    }

    fn report(&self, Current { run, progress, scored, .. }: &Current) -> RunReport {
        let most = progress.most_anomalous();
        let named = |found: AnomalousSensor| Some((self.directory.name(found.sensor)?, found));
        RunReport {
            id: run.id,
            group: run.group.clone(),
            trigger: run.trigger,
            revision: run.revision,
            window: progress.window(),
            closing: run.closing,
            tally: progress.tally(),
            anomalous: most.worst_first().into_iter().filter_map(named).collect(),
            more_anomalous: most.not_kept(),
            interval: run.interval,
            resumed: progress.resumed(),
            scoring: *scored,
            total: progress.elapsed(Instant::now()),
        }
    }
}

impl Recorder {
    /// Makes the changes that have waited for the run.
    fn make_changes(&mut self) {
        for changes in std::mem::take(&mut self.waiting) {
            self.change(changes);
        }
    }

    /// Changes the scope of the next run, and the models in it.
    fn change(&mut self, changes: ChangeModels) {
        for change in &changes.changes {
            let Some(scope) = self.scope_of(change.sensor()) else { continue };
            match change {
                ModelChange::Assign(assigned) => {
                    // A file that is not usable as a model leaves the earlier model at work.
                    let model = scope.entry(assigned.sensor).or_default();
                    *model = assigned.model_hash().or(*model);
                }
                ModelChange::Remove(sensor) => _ = scope.remove(sensor),
            }
        }
        // Sent before the next run's broadcast: messages between two actors keep their order.
        self.sensors.do_send(changes);
    }
}

impl Handler<ChangeModels> for Recorder {
    type Result = ();

    fn handle(&mut self, changes: ChangeModels, _: &mut Context<Self>) {
        // A window is scored by one set of models.
        if self.is_busy() {
            self.waiting.push(changes);
        } else {
            self.change(changes);
        }
    }
}

impl Actor for Recorder {
    type Context = Context<Self>;
}

impl Handler<ScoreRun> for Recorder {
    type Result = ResponseFuture<Result<RunReport, RunError>>;

    fn handle(&mut self, score: ScoreRun, context: &mut Context<Self>) -> Self::Result {
        if self.is_busy() {
            return Box::pin(std::future::ready(Err(RunError::Busy)));
        }
        let (answer, report) = oneshot::channel();
        if let Err(error) = self.begin(&score, answer, context) {
            return Box::pin(std::future::ready(Err(error)));
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
    /// Counts the run and logs how it went.
    ///
    /// Anomalies are logged as `info`: they are what the daemon is there to find, and no fault of its own. A sound
    /// model calls about as many intervals an anomaly as it was trained to, so warnings of them would bury the other
    /// warnings.
    pub fn log(&self) {
        let Self {
            id,
            group,
            trigger,
            revision,
            window,
            closing,
            tally,
            anomalous,
            more_anomalous,
            interval,
            resumed,
            scoring,
            total,
        } = self;
        metrics::RUNS_FINISHED.add(1);
        metrics::VERDICTS_SCORED.add(u64::from(tally.scored));
        metrics::VERDICTS_FAILED.add(u64::from(tally.failed));
        metrics::VERDICTS_TIMED_OUT.add(u64::from(tally.timed_out));
        metrics::VERDICTS_UNPROVEN.add(u64::from(tally.unproven));
        metrics::ANOMALIES.add(tally.anomalies);
        for (sensor, found) in anomalous {
            let AnomalousSensor { anomalies, rows, worst, score, explanation, .. } = found;
            let worst_interval = window.start() + interval.times(i64::from(worst.interval));
            let explanation = explanation.as_ref().map(|explanation| explanation.words(*window, *interval));
            tracing::info!(
                %sensor,
                window = %window.start(),
                anomalies,
                rows,
                %worst_interval,
                worst_decision = worst.decision,
                score,
                explanation,
                "anomalous"
            );
        }
        if *more_anomalous > 0 {
            tracing::info!(
                %group,
                window = %window.start(),
                sensors = more_anomalous,
                "more sensors are anomalous than log.anomalies names; their verdicts are stored and published as well"
            );
        }
        tracing::info!(
            window = %window.start(),
            run = %id,
            %group,
            trigger = trigger.as_str(),
            revision,
            closed = %closing,
            scored = tally.scored,
            anomalies = tally.anomalies,
            rows = tally.rows,
            no_data = tally.no_data,
            too_little_data = tally.too_little_data,
            failed = tally.failed,
            timed_out = tally.timed_out,
            quarantined = tally.quarantined,
            unproven = tally.unproven,
            suspicious_models = metrics::MODELS_SUSPICIOUS.get(),
            drifting_models = metrics::MODELS_DRIFTING.get(),
            resumed,
            scoring_us = u64::try_from(scoring.as_micros()).unwrap_or(u64::MAX),
            total_us = u64::try_from(total.as_micros()).unwrap_or(u64::MAX),
            "run finished"
        );
    }
}
