//! The sensor actor: holds one sensor's model and scores its windows.
//!
//! It is supervised in two layers, because actix restarts an actor that stops but not one that panics.
//!
//! *Soft*: scoring runs behind a caught unwind. After an error or a panic the actor answers with the outcome `failed`
//! and stops, and actix starts it again. The pause is waited out in [`restarting`](Supervised::restarting), while
//! messages wait in the mailbox. *Hard*: should anything else in the actor panic, its task dies with its mailbox. Then
//! the guard that the actor owns is dropped: it answers for the window at work, and tells the parent, which makes a new
//! actor.
//!
//! Scoring runs in place, and holds up all actors of the thread. So an actor says what it is scoring (`at_work.rs`),
//! and a scoring that takes longer than one sensor may is a failure, even if it ends with a verdict.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use actix::prelude::*;

use crate::actors::scoring::assignment::{Assignment, Generation};
use crate::actors::scoring::at_work::{AtWork, Worked};
use crate::actors::scoring::restart::{Restart, RestartPolicy};
use crate::features::Blocks;
use crate::interval::Window;
use crate::live::{TrainingNote, TrainingNotes};
use crate::model::Drift;
use crate::scoring::{Judgement, ProofPolicy, ScoreError, ScoringSettings, Suspicion, score};
use crate::sensor::{SensorDirectory, SensorId, SensorName};
use crate::store::{Reader, StoreError};
use crate::telemetry::{metrics, panics};
use crate::time::Span;
use crate::verdict::Outcome;
use crate::warn_limited;

/// Asks for one window to be scored. Answered by a [`Scoring`].
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub struct ScoreWindow {
    /// Which window.
    pub window: Window,
    /// The run's deadline: after it the recorder takes no outcome.
    pub deadline: Instant,
    /// Who takes the outcome.
    pub outcomes: Recipient<Scoring>,
}

/// The outcome of a window for one sensor: the answer to [`ScoreWindow`], of the sensor's actor or of a part that answers
/// for it.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Scoring {
    /// Which window.
    pub window: Window,
    /// The sensor.
    pub sensor: SensorId,
    /// The outcome.
    pub outcome: Outcome,
}

/// A sensor's actor is gone. Its guard tells the parent.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct SensorDied {
    /// The sensor.
    pub sensor: SensorId,
    /// The assignment that the actor was made for.
    pub generation: Generation,
}

/// What all sensor actors share.
#[derive(Clone, Debug)]
pub struct SensorSettings {
    /// The settings that verdicts depend on.
    pub scoring: ScoringSettings,
    /// How failures are answered.
    pub restart: RestartPolicy,
    /// How long one scoring may take.
    pub deadline: Duration,
    /// Whether models that are not proven are scored.
    pub proof: ProofPolicy,
    /// After how many windows of nothing but anomalies a model is reported.
    pub suspicious_after: u32,
    /// Where it is noted how scored windows compare with the training.
    pub training: Arc<TrainingNotes>,
}

/// Where sensor actors find the windows of their own sensor and of others.
#[derive(Clone, Debug)]
pub struct StoredWindows {
    /// The store.
    pub reader: Reader,
    /// The sensors' numbers.
    pub directory: Arc<SensorDirectory>,
}

impl StoredWindows {
    /// The windows that an assigned model's window is scored from. The windows of all sensors, with or without a model,
    /// were closed before any is scored, so what is read now does not change later. A sensor that is not known has no
    /// windows.
    pub(crate) fn read(&self, assignment: &Assignment, window: Window) -> Result<Blocks, StoreError> {
        let Assignment { sensor: own, name, plan, .. } = assignment;
        Blocks::read(plan, window, |source, window| {
            let sensor = self.number(*own, name, source);
            sensor.map_or(Ok(None), |sensor| self.reader.window(sensor, window))
        })
    }

    /// Has the store count and name the windows that this window needs and that cannot be read.
    fn name_unreadable(&self, assignment: &Assignment, window: Window) {
        let Assignment { sensor: own, name, plan, .. } = assignment;
        // The result is ignored: the reads are made so that unreadable entries are named, and a database that refuses
        // is reported by the next read that matters.
        let _ = Blocks::read(plan, window, |source, window| {
            let sensor = self.number(*own, name, source);
            sensor.map_or(Ok(None), |sensor| self.reader.intervals(sensor, window).map(|_| None))
        });
    }

    /// The number of a source of a model's rows.
    fn number(&self, own: SensorId, name: &SensorName, source: Option<&str>) -> Option<SensorId> {
        match source {
            None => Some(own),
            Some(other) => name.sibling(other).ok().and_then(|name| self.directory.find(&name)),
        }
    }
}

/// The outcome of a window that cannot be scored because the store lost a part of what it needs.
fn unreadable() -> Judgement {
    let reason = "a stored window that its rows are made from cannot be read; the log names it".to_owned();
    Outcome::Failed { reason }.into()
}

/// One sensor's actor.
#[derive(Debug)]
pub struct SensorActor {
    settings: Arc<SensorSettings>,
    windows: StoredWindows,
    /// That of the thread.
    at_work: AtWork,
    suspicion: Suspicion,
    /// Whether the last scored window was unlike the training.
    drifting: bool,
    guard: Guard,
}

impl SensorActor {
    /// An actor that scores with the assigned model.
    pub fn new(
        assignment: Assignment,
        settings: Arc<SensorSettings>,
        windows: StoredWindows,
        at_work: AtWork,
        parent: Recipient<SensorDied>,
    ) -> Self {
        let suspicion = Suspicion::new(settings.suspicious_after);
        let guard = Guard { assignment, policy: settings.restart, parent, at_work: None };
        Self { settings, windows, at_work, suspicion, drifting: false, guard }
    }

    fn assignment(&self) -> &Assignment {
        &self.guard.assignment
    }

    fn score(&self, window: Window) -> Result<Judgement, String> {
        let Assignment { model, plan, .. } = self.assignment();
        let attempt = || {
            fail::fail_point!(&format!("sensor::score {}", self.assignment().name), |error| Err(
                error.unwrap_or_default()
            ));
            let blocks = match self.windows.read(self.assignment(), window) {
                // The model is not at fault, and may score the next window.
                Err(StoreError::Damaged) => return Ok(unreadable()),
                blocks => blocks.map_err(|error| error.to_string())?,
            };
            match score(model, plan, window, &blocks, self.settings.scoring) {
                Err(ScoreError::Window(_)) => {
                    self.windows.name_unreadable(self.assignment(), window);
                    Ok(unreadable())
                }
                judged => judged.map_err(|error| error.to_string()),
            }
        };
        panics::catch(attempt).unwrap_or_else(|panic| Err(format!("the model panicked: {panic}")))
    }

    /// The outcome of a scoring that took too long; `None` when it did not.
    fn too_slow(&self, worked: Worked) -> Option<Outcome> {
        (worked.blamed || worked.took > self.settings.deadline).then(|| {
            metrics::SCORINGS_SLOW.add(1);
            Outcome::TimedOut { after: rounded(worked.took) }
        })
    }

    /// Scores a window, and answers a failure.
    fn score_in_time(&mut self, window: Window, context: &mut Context<Self>) -> Outcome {
        let at_work = self.at_work.clone();
        let working = at_work.begin(self.assignment().sensor, self.assignment().generation);
        let scored = self.score(window);
        let worked = working.end();
        let failed = match (scored, self.too_slow(worked)) {
            (Ok(Judgement { outcome, drift }), None) => {
                self.assignment().change_failures(|_| 0);
                if matches!(outcome, Outcome::Scored(_)) {
                    self.watch_drift(window, drift.as_ref());
                }
                return outcome;
            }
            // To begin anew makes nothing faster.
            (Ok(_), Some(slow)) => slow,
            (Err(reason), _) => {
                context.stop();
                Outcome::Failed { reason }
            }
        };
        // A scoring that held up a run past its deadline was logged and counted at the deadline.
        if !worked.blamed {
            let fault = failed.fault().unwrap_or_default();
            tracing::error!(sensor = %self.assignment().name, "scoring failed: {fault}");
            self.assignment().count_failure(&self.settings.restart);
        }
        failed
    }

    /// Reports windows unlike the training.
    fn watch_drift(&mut self, window: Window, drift: Option<&Drift>) {
        let note = TrainingNote { window, unlike: drift.map(ToString::to_string) };
        self.settings.training.note(self.assignment().sensor, note);
        let before = std::mem::replace(&mut self.drifting, drift.is_some());
        match drift {
            Some(drift) => {
                metrics::MODELS_DRIFTING.add(u64::from(!before));
                warn_limited!(sensor = %self.assignment().name, "unlike the training: {drift}");
            }
            None if before => {
                metrics::MODELS_DRIFTING.subtract(1);
                tracing::info!(sensor = %self.assignment().name, "like the training again");
            }
            None => {}
        }
    }

    /// Logs a model that has just become suspicious, or is no longer.
    fn watch(&mut self, outcome: &Outcome) {
        let before = self.suspicion.check();
        self.suspicion.observe(outcome);
        match (before, self.suspicion.check()) {
            (Ok(()), Err(suspicious)) => {
                metrics::MODELS_SUSPICIOUS.add(1);
                tracing::warn!(sensor = %self.assignment().name, "suspicious model: {suspicious}");
            }
            (Err(_), Err(suspicious)) => {
                warn_limited!(sensor = %self.assignment().name, "suspicious model: {suspicious}");
            }
            (Err(_), Ok(())) => {
                metrics::MODELS_SUSPICIOUS.subtract(1);
                tracing::info!(sensor = %self.assignment().name, "the model is no longer suspicious");
            }
            _ => {}
        }
    }
}

impl Drop for SensorActor {
    fn drop(&mut self) {
        if self.suspicion.check().is_err() {
            metrics::MODELS_SUSPICIOUS.subtract(1);
        }
        metrics::MODELS_DRIFTING.subtract(u64::from(self.drifting));
    }
}

impl Actor for SensorActor {
    type Context = Context<Self>;
}

impl Supervised for SensorActor {
    fn restarting(&mut self, context: &mut Context<Self>) {
        let failures = self.assignment().failures.load(Ordering::Relaxed);
        if let Restart::After(pause) = self.settings.restart.after(failures, fastrand::f64()) {
            metrics::ACTORS_RESTARTED.add(1);
            let name = &self.assignment().name;
            tracing::warn!(sensor = %name, failures, "the sensor's actor is restarted in {} ms", pause.as_millis());
            context.wait(tokio::time::sleep(pause).into_actor(self));
        }
    }
}

impl Handler<ScoreWindow> for SensorActor {
    type Result = ();

    fn handle(&mut self, message: ScoreWindow, context: &mut Context<Self>) {
        if Instant::now() >= message.deadline {
            return;
        }
        let sensor = self.assignment().sensor;
        let window = message.window;
        self.guard.at_work = Some((window, message.outcomes));
        fail::fail_point!(&format!("sensor::handle {}", self.assignment().name));

        let failures = self.assignment().failures.load(Ordering::Relaxed);
        let outcome = match self.settings.restart.after(failures, 0.0) {
            Restart::Quarantine => Outcome::Quarantined,
            Restart::After(_) if !self.settings.proof.admits(&self.assignment().model) => Outcome::Unproven,
            Restart::After(_) => self.score_in_time(window, context),
        };
        self.watch(&outcome);
        if let Some((_, outcomes)) = self.guard.at_work.take() {
            outcomes.do_send(Scoring { window, sensor, outcome });
        }
    }
}

/// A length of time as it is told, to the millisecond.
pub(super) fn rounded(took: Duration) -> Span {
    Span::from(took).rounded()
}

/// Answers for an actor that dies.
#[derive(Debug)]
struct Guard {
    assignment: Assignment,
    policy: RestartPolicy,
    parent: Recipient<SensorDied>,
    at_work: Option<(Window, Recipient<Scoring>)>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        let Assignment { sensor, generation, .. } = self.assignment;
        if let Some((window, outcomes)) = self.at_work.take() {
            self.assignment.count_failure(&self.policy);
            let outcome = Outcome::Failed { reason: "the sensor's actor panicked".to_owned() };
            outcomes.do_send(Scoring { window, sensor, outcome });
        }
        // Actors also end when the daemon stops or a model is replaced: the parent ignores the message then.
        self.parent.do_send(SensorDied { sensor, generation });
    }
}
