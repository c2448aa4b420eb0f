//! The parent of all sensor actors: starts them, makes new ones for those that died, and passes runs on to them.
//!
//! The address of an actor that died leads nowhere. So messages are routed by the sensor's number, and only the
//! supervisor holds addresses.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::iter;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use actix::prelude::*;
use actix_rt::ArbiterHandle;
use tokio::sync::oneshot;

use crate::actors::scoring::assignment::{Assignment, Generation};
use crate::actors::scoring::at_work::{AtWork, Work};
use crate::actors::scoring::model_news::ModelNews;
use crate::actors::scoring::restart::Restart;
use crate::actors::scoring::sensor::{
    ScoreWindow, Scoring, SensorActor, SensorDied, SensorSettings, StoredWindows, rounded,
};
use crate::features::{Assigner, Plan};
use crate::interval::Window;
use crate::live::{EventKind, Happening, Live, ModelEntry};
use crate::model::{Entry, EntryError, Model, Warning, guarded};
use crate::printable::shown;
use crate::sensor::{SensorId, SensorName};
use crate::telemetry::metrics;
use crate::time::Timestamp;
use crate::verdict::{ModelHash, Outcome};

/// A sensor that has a model file.
#[derive(Debug)]
pub struct Scope {
    /// The sensor's number.
    pub sensor: SensorId,
    /// Its name.
    pub name: SensorName,
    /// Its file, below the folder of models.
    pub file: Option<String>,
    /// The model and how its rows are made, or why there is none.
    pub model: Result<(Arc<Model>, Arc<Plan>), Unusable>,
    /// What is odd about the model.
    pub warnings: Vec<Warning>,
}

/// Why a sensor's file cannot be used.
#[derive(Debug)]
pub struct Unusable {
    /// The reason in words that fit many files, to count by.
    pub kind: &'static str,
    /// In full, with the file.
    pub reason: String,
}

impl Scope {
    /// What is shown of the sensor's model from now on.
    fn entry(&self) -> ModelEntry {
        let model = self.model.as_ref().ok();
        let columns = model.map(|(_, plan)| plan.features().columns());
        ModelEntry {
            file: self.file.clone(),
            features: columns.into_iter().flatten().map(ToString::to_string).collect(),
            model: model.map(|(model, _)| Arc::clone(model)),
            since: Timestamp::now(),
            warnings: self.warnings.clone(),
            problem: self.model.as_ref().err().map(|unusable| unusable.reason.clone()),
            is_quarantined: false,
        }
    }

    /// The hash of the sensor's model; `None` when there is none.
    pub fn model_hash(&self) -> Option<ModelHash> {
        self.model.as_ref().ok().map(|(model, _)| model.hash())
    }

    /// The result of reading a sensor's file below the folder `models`.
    pub fn of(entry: Entry, sensor: SensorId, features: &Assigner, models: &Path) -> Self {
        let Entry { sensor: name, path, model, .. } = entry;
        let file = path.strip_prefix(models).ok().map(|file| file.to_string_lossy().into_owned());
        // The model is evaluated here, for the first time if it has no proof.
        let unusable = |error: &EntryError| Unusable { kind: error.kind(), reason: error.to_string() };
        let tried = model.map_err(|error| unusable(&error)).and_then(|model| {
            let of_file = |kind, problem: &dyn Display| {
                let reason = format!("{}: {problem}", shown(&path));
                Unusable { kind, reason }
            };
            let (plan, warnings) = guarded(|| (features.assign(&name, &model), model.warnings()))
                .map_err(|panic| of_file("made the reader panic", &panic))?;
            let plan = plan.map_err(|error| of_file("for other columns than they get", &error))?;
            Ok((Arc::new(model), plan, warnings))
        });
        match tried {
            Ok((model, plan, warnings)) => Self { sensor, name, file, model: Ok((model, plan)), warnings },
            Err(unusable) => Self { sensor, name, file, model: Err(unusable), warnings: Vec::new() },
        }
    }
}

/// Scores a window of these sensors: each gets its [`ScoreWindow`].
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Broadcast {
    /// Which window.
    pub window: Window,
    /// The sensors.
    pub sensors: Vec<SensorId>,
    /// The run's deadline: after it the recorder takes no outcome.
    pub deadline: Instant,
    /// Who takes the outcomes.
    pub outcomes: Recipient<Scoring>,
}

/// Puts new models to work in the place of older ones, and takes models off. Sent between two runs.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct ChangeModels {
    /// One change a sensor.
    pub changes: Vec<ModelChange>,
    /// What was logged of the changes before these.
    pub news: ModelNews,
    /// Told when the changes are done, with what was logged of these as well.
    pub done: oneshot::Sender<ModelNews>,
}

/// Asks why sensors have not answered at their run's deadline. A sensor whose scoring holds the others up is logged,
/// and a failure is counted against it. Answered with an outcome a sensor.
#[derive(Debug, Message)]
#[rtype(result = "Vec<(SensorId, Outcome)>")]
pub struct Overdue {
    /// The window.
    pub window: Window,
    /// The sensors that have not answered.
    pub missing: Vec<SensorId>,
}

/// What changes for one sensor.
#[derive(Debug)]
pub enum ModelChange {
    /// The sensor's file is new or has changed. A file that is not usable as a model leaves the earlier model at work.
    Assign(Scope),
    /// Its file is gone.
    Remove(SensorId),
}

impl ModelChange {
    /// The sensor whose model changes.
    pub fn sensor(&self) -> SensorId {
        match self {
            Self::Assign(Scope { sensor, .. }) | Self::Remove(sensor) => *sensor,
        }
    }
}

/// The parent of all sensor actors.
pub struct SensorSupervisor {
    settings: Arc<SensorSettings>,
    windows: StoredWindows,
    /// One thread a core; the actors are spread over them.
    threads: Vec<(ArbiterHandle, AtWork)>,
    scope: Vec<Scope>,
    /// Where the models are shown.
    live: Arc<Live>,
    sensors: BTreeMap<SensorId, ActorSlot>,
    /// That of the latest assignment.
    generation: Generation,
}

/// The state of a sensor's actor.
enum ActorSlot {
    Alive(Addr<SensorActor>, Assignment),
    /// The actor died, and a new one is made after a pause.
    Dead(Assignment),
    /// The sensor's file is not usable as a model, for this reason.
    Broken(String),
}

impl ActorSlot {
    /// The assignment that is at work here, or was before its actor died.
    fn assignment(&self) -> Option<&Assignment> {
        match self {
            Self::Alive(_, assignment) | Self::Dead(assignment) => Some(assignment),
            Self::Broken(_) => None,
        }
    }
}

impl SensorSupervisor {
    /// A parent for the actors of all sensors in scope. It shows their models in `live`.
    pub fn new(
        settings: SensorSettings,
        windows: StoredWindows,
        arbiters: Vec<ArbiterHandle>,
        scope: Vec<Scope>,
        live: Arc<Live>,
    ) -> Self {
        Self {
            settings: settings.into(),
            windows,
            threads: arbiters.into_iter().map(|arbiter| (arbiter, AtWork::default())).collect(),
            scope,
            live,
            sensors: BTreeMap::new(),
            generation: Generation::default(),
        }
    }

    fn place(&self, assignment: Assignment, context: &Context<Self>) -> ActorSlot {
        let (arbiter, at_work) = &self.threads[self.thread_of(assignment.sensor)];
        let (settings, windows) = (Arc::clone(&self.settings), self.windows.clone());
        let actor =
            SensorActor::new(assignment.clone(), settings, windows, at_work.clone(), context.address().recipient());
        ActorSlot::Alive(Supervisor::start_in_arbiter(arbiter, move |_| actor), assignment)
    }
}

impl SensorSupervisor {
    /// The number of the thread that a sensor's actors run on.
    fn thread_of(&self, sensor: SensorId) -> usize {
        sensor.index() % self.threads.len()
    }
}

impl Actor for SensorSupervisor {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Context<Self>) {
        for scope in std::mem::take(&mut self.scope) {
            self.begin(scope, context);
        }
        self.count();
    }
}

impl SensorSupervisor {
    fn begin(&mut self, scope: Scope, context: &Context<Self>) {
        self.show(scope.sensor, scope.entry());
        let Scope { sensor, name, model, .. } = scope;
        let place = match model {
            Ok((model, plan)) => {
                self.generation = self.generation.next();
                let (generation, failures) = (self.generation, Arc::new(AtomicU32::new(0)));
                let live = Arc::clone(&self.live);
                self.place(Assignment { sensor, name, model, plan, generation, failures, live }, context)
            }
            Err(unusable) => ActorSlot::Broken(unusable.reason),
        };
        self.sensors.insert(sensor, place);
    }

    /// Puts another model to work for a sensor that has one, unless the new file is not usable.
    ///
    /// The new model gets an actor of its own, which need not wait out the pause of an actor that failed. The earlier
    /// actor ends when no address of it is left.
    fn replace(&mut self, scope: Scope, news: &mut ModelNews, context: &Context<Self>) {
        let name = &scope.name;
        let before = self.sensors.get(&scope.sensor).and_then(ActorSlot::assignment);
        match (&scope.model, before) {
            (Err(unusable), Some(_)) => {
                metrics::MODELS_REFUSED.add(1);
                news.refused(name, unusable);
                let Live { models, events, .. } = &*self.live;
                if let Some(entry) = models.refuse(scope.sensor, scope.file, unusable.reason.clone()) {
                    events.tell(EventKind::Model, || Happening::Model(scope.sensor, entry.into()));
                }
                return;
            }
            (Err(unusable), None) => news.broken(name, unusable),
            (Ok((model, _)), before) => {
                if let Some(before) = before {
                    before.retire(&self.settings.restart);
                }
                metrics::MODELS_CHANGED.add(1);
                news.at_work(name, model.hash());
                news.warnings(name, &scope.warnings);
            }
        }
        self.begin(scope, context);
    }

    /// Shows what is known of a sensor's model.
    fn show(&self, sensor: SensorId, entry: ModelEntry) {
        let Live { models, events, .. } = &*self.live;
        models.set(sensor, entry.clone());
        events.tell(EventKind::Model, || Happening::Model(sensor, entry.into()));
    }

    /// Shows that a sensor's file is gone.
    fn show_gone(&self, sensor: SensorId) {
        let Live { models, events, .. } = &*self.live;
        if let Some(entry) = models.remove(sensor) {
            let problem = Some("its file is gone, and it is at work no more".to_owned());
            let entry = ModelEntry { model: None, problem, ..entry };
            events.tell(EventKind::Model, || Happening::Model(sensor, entry.into()));
        }
    }

    fn count(&self) {
        let broken = self.sensors.values().filter(|place| matches!(place, ActorSlot::Broken(_))).count();
        metrics::MODELS_BROKEN.set(broken as u64);
        metrics::MODELS_LOADED.set((self.sensors.len() - broken) as u64);
    }
}

impl Handler<ChangeModels> for SensorSupervisor {
    type Result = ();

    fn handle(&mut self, ChangeModels { changes, mut news, done }: ChangeModels, context: &mut Context<Self>) {
        for change in changes {
            match change {
                ModelChange::Assign(scope) => self.replace(scope, &mut news, context),
                ModelChange::Remove(sensor) => {
                    self.show_gone(sensor);
                    // The sensor's actor ends when no address of it is left.
                    if let Some(assignment) = self.sensors.remove(&sensor).as_ref().and_then(ActorSlot::assignment) {
                        assignment.retire(&self.settings.restart);
                        metrics::MODELS_CHANGED.add(1);
                        news.gone(&assignment.name);
                    }
                }
            }
        }
        self.count();
        // A failure is ignored: the asker may have been stopped meanwhile.
        let _ = done.send(news);
    }
}

impl Handler<Broadcast> for SensorSupervisor {
    type Result = ();

    fn handle(&mut self, broadcast: Broadcast, _: &mut Context<Self>) {
        let Broadcast { window, sensors, deadline, outcomes } = broadcast;
        for sensor in sensors {
            let reason = match self.sensors.get(&sensor) {
                Some(ActorSlot::Alive(actor, _)) => {
                    actor.do_send(ScoreWindow { window, deadline, outcomes: outcomes.clone() });
                    continue;
                }
                Some(ActorSlot::Dead(_)) => "the sensor's actor is being restarted".to_owned(),
                Some(ActorSlot::Broken(reason)) => reason.clone(),
                None => "the sensor has no model".to_owned(),
            };
            outcomes.do_send(Scoring { window, sensor, outcome: Outcome::Failed { reason } });
        }
    }
}

impl Handler<SensorDied> for SensorSupervisor {
    type Result = ();

    fn handle(&mut self, SensorDied { sensor, generation }: SensorDied, context: &mut Context<Self>) {
        let assignment = match self.sensors.get(&sensor) {
            Some(ActorSlot::Alive(_, assignment)) if assignment.generation == generation => assignment.clone(),
            _ => return,
        };
        let failures = assignment.failures.load(Ordering::Relaxed).max(1);
        // A quarantined actor answers without scoring, so it can always be made again.
        let pause = match self.settings.restart.after(failures, fastrand::f64()) {
            Restart::After(pause) => pause,
            Restart::Quarantine => self.settings.restart.backoff_max,
        };
        metrics::ACTORS_RESTARTED.add(1);
        let name = &assignment.name;
        tracing::error!(sensor = %name, failures, "the sensor's actor died; a new one follows in {} ms", pause.as_millis());
        self.sensors.insert(sensor, ActorSlot::Dead(assignment));
        context.run_later(pause, move |parent, context| {
            let Some(ActorSlot::Dead(assignment)) = parent.sensors.get(&sensor) else { return };
            if assignment.generation == generation {
                let place = parent.place(assignment.clone(), context);
                parent.sensors.insert(sensor, place);
            }
        });
    }
}

impl Handler<Overdue> for SensorSupervisor {
    type Result = MessageResult<Overdue>;

    fn handle(&mut self, Overdue { window, missing }: Overdue, _: &mut Context<Self>) -> Self::Result {
        let mut waiting = vec![Vec::new(); self.threads.len()];
        for sensor in missing {
            waiting[self.thread_of(sensor)].push(sensor);
        }
        let bound = self.settings.deadline;
        let mut outcomes = Vec::new();
        for ((_, at_work), sensors) in iter::zip(&self.threads, waiting) {
            if sensors.is_empty() {
                continue;
            }
            match (at_work.blame(bound), at_work.now()) {
                (Some((work, took)), _) => outcomes.extend(self.held_up(window, work, took, sensors)),
                (None, Some(_)) => {
                    tracing::error!(
                        window = %window.start(), missing = sensors.len(), sensors = self.names(&sensors),
                        "the run has come to its deadline before a thread came to these sensors, and none of them is slow \
                         alone: raise scoring.deadline, or score fewer models here"
                    );
                    let reason = "its thread had not come to it by the run's deadline (scoring.deadline)";
                    outcomes.extend(sensors.into_iter().map(|sensor| (sensor, failed(reason.to_owned()))));
                }
                (None, None) => {
                    tracing::error!(
                        window = %window.start(), missing = sensors.len(), sensors = self.names(&sensors),
                        "the run has come to its deadline without an answer of sensors that are not being scored: they \
                         wait out a pause after a failure, or their answers are on their way"
                    );
                    outcomes.extend(sensors.into_iter().map(|sensor| (sensor, failed(self.unanswered(sensor)))));
                }
            }
        }
        MessageResult(outcomes)
    }
}

impl SensorSupervisor {
    /// Counts a failure of a sensor whose scoring has gone on for too long, and logs which sensors wait behind it.
    /// Returns the outcome of each of them.
    fn held_up(
        &self,
        window: Window,
        work: Work,
        took: Duration,
        sensors: Vec<SensorId>,
    ) -> impl Iterator<Item = (SensorId, Outcome)> {
        let slow = self.windows.directory.name(work.sensor).map_or_else(String::new, |name| name.to_string());
        let waiting: Vec<_> = sensors.iter().copied().filter(|sensor| *sensor != work.sensor).collect();
        let took = rounded(took);
        tracing::error!(
            window = %window.start(), sensor = slow, waiting = waiting.len(), behind_it = self.names(&waiting),
            "the run has come to its deadline while this sensor was being scored, for {took} so far: the sensor has failed, \
             and the sensors behind it on its thread are missing; they are scored again once this scoring has ended, and \
             a sensor that fails again and again is quarantined"
        );
        let assignment = self.sensors.get(&work.sensor).and_then(ActorSlot::assignment);
        // The failure is not counted when the model was replaced meanwhile.
        if let Some(assignment) = assignment.filter(|assignment| assignment.generation == work.generation) {
            assignment.count_failure(&self.settings.restart);
        }
        let behind = format!("it was waiting behind {slow}, whose scoring had not ended after {took}");
        sensors.into_iter().map(move |sensor| {
            let is_slow = sensor == work.sensor;
            (sensor, if is_slow { Outcome::TimedOut { after: took } } else { failed(behind.clone()) })
        })
    }

    /// Why a sensor that is not being scored may not have answered.
    fn unanswered(&self, sensor: SensorId) -> String {
        let assignment = self.sensors.get(&sensor).and_then(ActorSlot::assignment);
        match assignment.map_or(0, |assignment| assignment.failures.load(Ordering::Relaxed)) {
            0 => NO_ANSWER.to_owned(),
            failures => format!("{NO_ANSWER}: it waits out a pause after {failures} failures"),
        }
    }

    /// The first of some sensors by name, and how many more there are.
    fn names(&self, sensors: &[SensorId]) -> String {
        const NAMED: usize = 10;
        let named = sensors.iter().take(NAMED).filter_map(|sensor| self.windows.directory.name(*sensor));
        let named = named.map(|name| name.to_string()).collect::<Vec<_>>().join(", ");
        match sensors.len().saturating_sub(NAMED) {
            0 => named,
            more => format!("{named} and {more} more"),
        }
    }
}

fn failed(reason: String) -> Outcome {
    Outcome::Failed { reason }
}

/// The reason for a missing answer when no other is known.
pub(super) const NO_ANSWER: &str = "there was no answer by the run's deadline";

#[cfg(test)]
mod tests;
