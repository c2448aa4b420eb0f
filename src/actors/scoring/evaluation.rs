//! The evaluation of a sensor's window: its windows are read from the store, and its model is asked.
//!
//! It may take long, or never end: a model may be large, and a disk may not answer. So it is not done by the sensors'
//! actors, but by the threads of a [`pool`], which [`lanes`] tells what to do.

pub mod lanes;
pub mod pool;

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::*;

use crate::actors::scoring::assignment::{Assignment, Generation};
use crate::features::Blocks;
use crate::interval::Window;
use crate::run::{ScoringTime, Trigger};
use crate::scoring::{Judgement, rows, score_rows};
use crate::sensor::{SensorDirectory, SensorId, SensorName};
use crate::store::{Reader, StoreError};
use crate::supervision::FailureKind;
use crate::telemetry::panics;
use crate::verdict::Outcome;

/// Tells broadcasts apart, also those over the same window: what comes of an earlier one must not count in a later.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct BroadcastId(u64);

impl BroadcastId {
    /// That of the next broadcast.
    pub(super) fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// A window that sensors are scored over.
#[derive(Debug)]
pub struct WindowRequest {
    /// The broadcast that asks.
    pub broadcast: BroadcastId,
    /// Which window.
    pub window: Window,
    /// Why it is scored.
    pub trigger: Trigger,
    /// The run's deadline: after it the recorder takes no outcome.
    pub deadline: Instant,
    /// Who takes the outcomes.
    pub outcomes: Recipient<Scoring>,
}

impl WindowRequest {
    /// Hands the outcome of a sensor over that nobody has evaluated.
    pub fn answer(&self, sensor: SensorId, outcome: Outcome) {
        self.answer_after(sensor, outcome, ScoringTime::default());
    }

    /// Hands the outcome of a sensor over that took so long.
    pub fn answer_after(&self, sensor: SensorId, outcome: Outcome, took: ScoringTime) {
        self.outcomes.do_send(Scoring { broadcast: self.broadcast, sensor, outcome, took });
    }
}

/// The outcome of a window for one sensor.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Scoring {
    /// The broadcast that asked for it.
    pub broadcast: BroadcastId,
    /// The sensor.
    pub sensor: SensorId,
    /// The outcome.
    pub outcome: Outcome,
    /// How long it took; nothing when nobody has evaluated.
    pub took: ScoringTime,
}

/// Tells whether a model scored, for its supervision. Of models without failures only failures are told.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct ScoringReport {
    /// The sensor.
    pub sensor: SensorId,
    /// The assignment of its model.
    pub generation: Generation,
    /// Why the model did not score, if it did not.
    pub result: Result<(), Fault>,
}

/// Every thread that evaluates hangs, and no other will be started: see [`lanes`].
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct EvaluatorsExhausted {
    /// How many they are.
    pub hung_threads: usize,
}

/// Why a model did not score.
#[derive(Clone, Debug)]
pub struct Fault {
    /// Its kind.
    pub kind: FailureKind,
    /// In words.
    pub reason: String,
}

/// Where windows are found, of a model's own sensor and of others.
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
        let Assignment { sensor: own, name, plan, settings, .. } = assignment;
        Blocks::read(plan, window, settings.scoring.row_cut(), |source, window| {
            let sensor = self.number(*own, name, source);
            sensor.map_or(Ok(None), |sensor| self.reader.window(sensor, window))
        })
    }

    /// Has the store count and name the windows that this window needs and that cannot be read.
    fn name_unreadable(&self, assignment: &Assignment, window: Window) {
        let Assignment { sensor: own, name, plan, settings, .. } = assignment;
        // The result is ignored: the reads are made so that unreadable entries are named, and a database that refuses
        // is reported by the next read that matters.
        let _ = Blocks::read(plan, window, settings.scoring.row_cut(), |source, window| {
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

/// What came of an evaluation.
#[derive(Debug)]
pub struct Evaluated {
    /// The judgement; an error in words when the model is at fault.
    pub judged: Result<Judgement, String>,
    /// How long reading the windows, and the model if it was not in memory, took.
    pub read: Duration,
}

/// Evaluates models over stored windows.
#[derive(Clone, Debug)]
pub struct Evaluator {
    /// Where windows are found.
    pub windows: StoredWindows,
}

impl Evaluator {
    /// Scores a window with an assigned model.
    pub fn evaluate(&self, assignment: &Assignment, window: Window) -> Evaluated {
        let (began, mut read) = (Instant::now(), Duration::ZERO);
        let Assignment { model, plan, settings, .. } = assignment;
        let attempt = || {
            fail::fail_point!(&format!("sensor::score {}", assignment.name), |error| Err(error.unwrap_or_default()));
            let blocks = self.windows.read(assignment, window);
            read = began.elapsed();
            let blocks = match blocks {
                // The model is not at fault, and may score the next window.
                Err(StoreError::Damaged) => return Ok(unreadable()),
                Err(StoreError::Overwritten) => return Ok(overwritten()),
                blocks => blocks.map_err(|error| error.to_string())?,
            };
            let rows = match rows(plan, window, &blocks, settings.scoring) {
                Ok(Ok(rows)) => rows,
                Ok(Err(outcome)) => return Ok(outcome.into()),
                Err(_) => {
                    self.windows.name_unreadable(assignment, window);
                    return Ok(unreadable());
                }
            };
            // Asked for only now: a sensor without data needs no model in memory.
            let asked = Instant::now();
            let model = model.get().map_err(|error| error.to_string())?;
            read += asked.elapsed();
            let boundary = settings.sensitivities.of(&assignment.name);
            let judged = score_rows(&model, plan, window, rows, settings.scoring, boundary);
            judged.map_err(|error| format!("the model cannot evaluate the window: {error}"))
        };
        let judged = panics::catch(attempt).unwrap_or_else(|panic| Err(format!("the model panicked: {panic}")));
        Evaluated { judged, read }
    }
}

/// The outcome of a window that cannot be scored because the store lost a part of what it needs.
fn unreadable() -> Judgement {
    let reason = "a stored window that its rows are made from cannot be read; the log names it".to_owned();
    Outcome::Failed { reason }.into()
}

/// The outcome of a window that was scored too late: the store has given the place of what it needs to later windows.
fn overwritten() -> Judgement {
    let reason = "the run came too late: later windows have taken the place of stored ones that its rows are made from; make \
                  store.keep_intervals longer";
    Outcome::Failed { reason: reason.to_owned() }.into()
}
