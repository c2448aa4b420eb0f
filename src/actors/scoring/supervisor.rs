//! The parent of all sensor actors: starts them, makes new ones for those that died, and passes runs on to them.
//!
//! The address of an actor that died leads nowhere. So messages are routed by the sensor's number, and only the
//! supervisor holds addresses. It owns the threads that evaluate (`evaluation/pool.rs`), is told when a model fails, and
//! decides by `supervision.rs` what follows: a pause, or quarantine. What it knows of models in trouble is in
//! `troubles.rs`.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::*;
use actix_rt::ArbiterHandle;
use tokio::sync::oneshot;

use crate::actors::scoring::assignment::{Assignment, Generation, SensorSettings};
use crate::actors::scoring::evaluation::pool::{
    EvaluationProgress, EvaluationsUnderWay, EvaluatorPool, PATIENCE, PoolSettings, PoolSupervisor,
};
use crate::actors::scoring::evaluation::{
    BroadcastId, Evaluator, EvaluatorsExhausted, Fault, Scoring, ScoringReport, StoredWindows, WindowRequest,
};
use crate::actors::scoring::model_news::ModelNews;
use crate::actors::scoring::sensor::{ACTOR_PANICKED, Pause, ScoreWindow, SensorActor, SensorDied};
use crate::actors::scoring::troubles::{DueModels, TroubleBook};
use crate::features::{Assigner, Plan};
use crate::group::ByGroup;
use crate::interval::Window;
use crate::live::{EventKind, Happening, Live, ModelEntry};
use crate::model::{Entry, EntryError, Warning, guarded};
use crate::model_memory::{ModelAtWork, ModelFiles, ModelMemory};
use crate::printable::shown;
use crate::run::Trigger;
use crate::sensor::{SensorId, SensorName};
use crate::supervision::{Consequence, FailureKind, Trouble};
use crate::telemetry::metrics;
use crate::time::{Span, Timestamp};
use crate::verdict::{ModelHash, Outcome, TimeLimit};

/// The supervisor's settings.
#[derive(Clone, Debug)]
pub struct SupervisorSettings {
    /// What the models of each group's sensors go by.
    pub sensors: ByGroup<Arc<SensorSettings>>,
    /// How many actors are started again in a second, at the most.
    pub restarts_per_second: u32,
    /// The threads that evaluate.
    pub evaluators: PoolSettings,
}

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
    pub model: Result<(Arc<ModelAtWork>, Arc<Plan>), Unusable>,
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
        ModelEntry {
            file: self.file.clone(),
            features: model.map(|(_, plan)| Arc::clone(plan.features())),
            model: model.map(|(model, _)| Arc::clone(model)),
            since: Timestamp::now(),
            warnings: self.warnings.clone(),
            problem: self.model.as_ref().err().map(|unusable| unusable.reason.clone()),
            trouble: None,
        }
    }

    /// The hash of the sensor's model; `None` when there is none.
    pub fn model_hash(&self) -> Option<ModelHash> {
        self.model.as_ref().ok().map(|(model, _)| model.hash)
    }

    /// The result of reading a sensor's file below the folder `models`.
    pub fn of(entry: Entry, sensor: SensorId, features: &Assigner, models: &Path, memory: &Arc<ModelMemory>) -> Self {
        let Entry { sensor: name, path, scaler, model, .. } = entry;
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
            let files = ModelFiles { path: path.as_path().into(), scaler: scaler.map(PathBuf::into_boxed_path) };
            Ok((memory.put_to_work(model.into(), files), plan, warnings))
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
    /// No other broadcast of the recorder has it.
    pub id: BroadcastId,
    /// Which window.
    pub window: Window,
    /// Why it is scored.
    pub trigger: Trigger,
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

/// Asks why sensors have not answered at their run's deadline. Answered with an outcome a sensor.
#[derive(Debug, Message)]
#[rtype(result = "Vec<(SensorId, Outcome)>")]
pub struct Overdue {
    /// The broadcast.
    pub broadcast: BroadcastId,
    /// Its window.
    pub window: Window,
    /// The sensors that have not answered.
    pub missing: Vec<SensorId>,
}

/// Has models tried again that are paused or quarantined.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct ReleaseModels {
    /// The models' sensors.
    pub sensors: Vec<SensorId>,
    /// Told how many were paused or quarantined.
    pub done: oneshot::Sender<usize>,
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
    settings: SupervisorSettings,
    windows: StoredWindows,
    /// One thread a core; the actors are spread over them.
    threads: Vec<ArbiterHandle>,
    scope: Vec<Scope>,
    /// Where the models are shown.
    live: Arc<Live>,
    /// The threads that evaluate; `None` before the start.
    evaluators: Option<EvaluatorPool>,
    sensors: BTreeMap<SensorId, ActorSlot>,
    troubles: TroubleBook,
    /// When the next model is due that waits for something, as far as a timer is set.
    timer: Option<(Instant, SpawnHandle)>,
    /// Whether a timer is set that logs failures.
    is_gathering: bool,
    /// That of the latest assignment.
    generation: Generation,
}

/// The state of a sensor's actor.
enum ActorSlot {
    Alive(Addr<SensorActor>, Arc<Assignment>),
    /// The actor begins anew, and resumes its work when it is told to.
    Paused(Addr<SensorActor>, Arc<Assignment>, oneshot::Sender<()>),
    /// The actor died, and a new one is made after a pause.
    Dead(Arc<Assignment>),
    /// The sensor's file is not usable as a model, for this reason.
    Broken(String),
}

impl ActorSlot {
    /// The assignment that is at work here, or was before its actor died.
    fn assignment(&self) -> Option<&Arc<Assignment>> {
        match self {
            Self::Alive(_, assignment) | Self::Paused(_, assignment, _) | Self::Dead(assignment) => Some(assignment),
            Self::Broken(_) => None,
        }
    }
}

impl SensorSupervisor {
    /// Its name as a part of the daemon.
    pub const PART: &'static str = "sensors' supervisor";

    /// A parent for the actors of all sensors in scope. Their models show in `live` from now on, before the actors are there.
    pub fn new(
        settings: SupervisorSettings,
        windows: StoredWindows,
        threads: Vec<ArbiterHandle>,
        scope: Vec<Scope>,
        live: Arc<Live>,
    ) -> Self {
        live.models.begin(scope.iter().map(|scope| (scope.sensor, scope.entry())));
        for scope in &scope {
            live.events.tell(EventKind::Model, || Happening::Model(scope.sensor, scope.entry().into()));
        }
        let troubles = TroubleBook::new(settings.restarts_per_second);
        Self {
            settings,
            windows,
            threads,
            scope,
            live,
            evaluators: None,
            sensors: BTreeMap::new(),
            troubles,
            timer: None,
            is_gathering: false,
            generation: Generation::default(),
        }
    }

    /// Starts an actor for an assignment; none before the threads that evaluate are there.
    fn start_actor(&self, assignment: Arc<Assignment>, context: &Context<Self>) -> Option<ActorSlot> {
        let evaluators = self.evaluators.as_ref()?;
        let arbiter = &self.threads[assignment.sensor.index() % self.threads.len()];
        let actor = SensorActor::new(
            Arc::clone(&assignment),
            assignment.settings.proof,
            evaluators.queue(),
            context.address().recipient(),
        );
        let address = Supervisor::start_in_arbiter(arbiter, move |_| actor);
        Some(ActorSlot::Alive(address, assignment))
    }

    /// Starts an actor for an assignment, in the place of the sensor's actor before.
    fn place(&mut self, assignment: Arc<Assignment>, context: &Context<Self>) {
        let sensor = assignment.sensor;
        self.sensors.extend(self.start_actor(assignment, context).map(|slot| (sensor, slot)));
    }

    /// An assignment that no other has the generation of.
    fn assign(
        &mut self,
        sensor: SensorId,
        name: SensorName,
        model: Arc<ModelAtWork>,
        plan: Arc<Plan>,
    ) -> Arc<Assignment> {
        self.generation = self.generation.next();
        let settings = Arc::clone(self.settings.sensors.of(&name));
        let rows = u64::try_from(settings.scoring.cut.intervals_per_window()).unwrap_or(u64::MAX);
        // An operation takes about a nanosecond.
        let expected = Duration::from_nanos(rows.saturating_mul(model.row_operations as u64));
        let training = Arc::clone(&self.live.training);
        let assignment = Assignment::new((sensor, name), (model, plan), settings, self.generation, training);
        assignment.note_pace(expected > PATIENCE);
        Arc::new(assignment)
    }

    /// The assignment of a sensor, if it is still that of the generation.
    fn assigned(&self, sensor: SensorId, generation: Generation) -> Option<Arc<Assignment>> {
        let assignment = self.sensors.get(&sensor).and_then(ActorSlot::assignment)?;
        (assignment.generation == generation).then(|| Arc::clone(assignment))
    }
}

impl Actor for SensorSupervisor {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Context<Self>) {
        let evaluator = Evaluator { windows: self.windows.clone() };
        let address = context.address();
        let supervisor = PoolSupervisor { reports: address.clone().recipient(), exhausted: address.recipient() };
        match EvaluatorPool::start(self.settings.evaluators, evaluator, supervisor) {
            Ok(pool) => self.evaluators = Some(pool),
            Err(error) => {
                return self.give_up(&format!("the system refused the thread that watches scoring: {error}"), context);
            }
        }
        let scope = std::mem::take(&mut self.scope);
        let started = |scope: Scope| Some((scope.sensor, self.start_model(scope, context)?));
        self.sensors = scope.into_iter().filter_map(started).collect();
        self.count();
    }

    fn stopped(&mut self, _: &mut Context<Self>) {
        self.troubles.tell();
    }
}

impl SensorSupervisor {
    fn begin(&mut self, scope: Scope, context: &Context<Self>) {
        self.show(scope.sensor, scope.entry());
        self.troubles.forget(scope.sensor);
        let sensor = scope.sensor;
        let slot = self.start_model(scope, context);
        self.sensors.extend(slot.map(|slot| (sensor, slot)));
    }

    /// Starts the actor of a sensor, if its model can be used.
    fn start_model(&mut self, Scope { sensor, name, model, .. }: Scope, context: &Context<Self>) -> Option<ActorSlot> {
        match model {
            Ok((model, plan)) => {
                let assignment = self.assign(sensor, name, model, plan);
                self.start_actor(assignment, context)
            }
            Err(unusable) => Some(ActorSlot::Broken(unusable.reason)),
        }
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
            (Ok((model, plan)), Some(at_work)) if model.is_like(&at_work.model) && *plan == at_work.plan => {
                news.found_again(name, model.hash);
                return self.show_again(&scope);
            }
            (Ok((model, _)), _) => {
                metrics::MODELS_CHANGED.add(1);
                news.at_work(name, model.hash);
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

    /// Shows that a sensor's file was touched, and holds the model that is at work. How the model stands is as before.
    fn show_again(&self, scope: &Scope) {
        let Live { models, events, .. } = &*self.live;
        let Scope { sensor, file, warnings, .. } = scope;
        if let Some(entry) = models.found_again(*sensor, file.clone(), warnings.clone()) {
            events.tell(EventKind::Model, || Happening::Model(*sensor, entry.into()));
        }
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
                    self.troubles.forget(sensor);
                    if let Some(assignment) = self.sensors.remove(&sensor).as_ref().and_then(ActorSlot::assignment) {
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
        let Broadcast { id, window, trigger, sensors, deadline, outcomes } = broadcast;
        let request = Arc::new(WindowRequest { broadcast: id, window, trigger, deadline, outcomes });
        let resumed = self.troubles.resumed_by(Instant::now() + WORTH_WAITING);
        for sensor in sensors {
            let reason = match self.sensors.get(&sensor) {
                Some(ActorSlot::Paused(..)) if !resumed.contains(&sensor) => self.in_its_pause(sensor),
                Some(ActorSlot::Alive(actor, _) | ActorSlot::Paused(actor, ..)) => {
                    actor.do_send(ScoreWindow(Arc::clone(&request)));
                    continue;
                }
                Some(ActorSlot::Dead(_)) => "the sensor's actor is being restarted".to_owned(),
                Some(ActorSlot::Broken(reason)) => reason.clone(),
                None => "the sensor has no model".to_owned(),
            };
            request.answer(sensor, failed(reason));
        }
    }
}

impl Handler<ScoringReport> for SensorSupervisor {
    type Result = ();

    fn handle(&mut self, report: ScoringReport, context: &mut Context<Self>) {
        let ScoringReport { sensor, generation, result } = report;
        let Some(assignment) = self.assigned(sensor, generation) else { return };
        match result {
            Ok(()) => self.recover(&assignment),
            Err(fault) => {
                let consequence = self.fail(&assignment, &fault, context);
                if let Consequence::Pause(_) = consequence {
                    self.pause(sensor);
                }
            }
        }
    }
}

impl Handler<SensorDied> for SensorSupervisor {
    type Result = ();

    fn handle(&mut self, SensorDied { sensor, generation }: SensorDied, context: &mut Context<Self>) {
        let Some(assignment) = self.assigned(sensor, generation) else { return };
        metrics::ACTORS_RESTARTED.add(1);
        let fault = Fault { kind: FailureKind::Failed, reason: ACTOR_PANICKED.to_owned() };
        match self.fail(&assignment, &fault, context) {
            Consequence::Pause(_) => _ = self.sensors.insert(sensor, ActorSlot::Dead(assignment)),
            // A quarantined actor answers and does no more, so it can be made again at once.
            Consequence::Quarantine | Consequence::NextWindow => self.place(assignment, context),
        }
    }
}

impl Handler<EvaluatorsExhausted> for SensorSupervisor {
    type Result = ();

    fn handle(&mut self, exhausted: EvaluatorsExhausted, context: &mut Context<Self>) {
        let EvaluatorsExhausted { hung_threads } = exhausted;
        let why = format!(
            "all {hung_threads} threads for scoring hang at models that do not end, and scoring.hung_threads allows no more: \
             remove these models (`anomalyd models`, and \"given up\" in the log), raise scoring.sensor_deadline if they are \
             only slow, or raise scoring.hung_threads"
        );
        self.give_up(&why, context);
    }
}

impl Handler<ReleaseModels> for SensorSupervisor {
    type Result = ();

    fn handle(&mut self, ReleaseModels { sensors, done }: ReleaseModels, context: &mut Context<Self>) {
        let released = sensors.into_iter().filter(|sensor| self.release(*sensor, context)).count();
        if released > 0 {
            tracing::info!(models = released, "released by a command: tried again");
        }
        // A failure is ignored: the asker may have gone meanwhile.
        let _ = done.send(released);
    }
}

impl Handler<Overdue> for SensorSupervisor {
    type Result = MessageResult<Overdue>;

    fn handle(&mut self, overdue: Overdue, _: &mut Context<Self>) -> Self::Result {
        let Overdue { broadcast, window, missing } = overdue;
        let progress = self.evaluators.as_ref().map(|pool| pool.queue().progress(broadcast));
        let EvaluationsUnderWay { of_sensors: progress, hung_threads } = progress.unwrap_or_default();
        let because = match hung_threads {
            0 => String::new(),
            hung => format!(", while {hung} threads hang at models that do not end"),
        };
        let (mut at_work, mut waiting, mut silent) = (Vec::new(), Vec::new(), Vec::new());
        let mut outcome_of = |sensor| match progress.get(&sensor) {
            Some(EvaluationProgress::AtWork(after)) => {
                at_work.push(sensor);
                Outcome::TimedOut { after: Span::from(*after).rounded(), limit: TimeLimit::Run }
            }
            Some(EvaluationProgress::Waiting) => {
                waiting.push(sensor);
                failed(format!("no thread had come to it by the run's deadline (see scoring.deadline){because}"))
            }
            None => {
                silent.push(sensor);
                failed(self.unanswered(sensor))
            }
        };
        let outcomes = missing.into_iter().map(|sensor| (sensor, outcome_of(sensor))).collect();
        let window = window.start();
        if !at_work.is_empty() {
            tracing::error!(
                %window, missing = at_work.len(), sensors = self.names(&at_work),
                "the run has come to its deadline while these sensors were being scored"
            );
        }
        if !waiting.is_empty() {
            tracing::error!(
                %window, missing = waiting.len(), sensors = self.names(&waiting), hung_threads,
                "the run has come to its deadline before a thread came to these sensors{because}: raise scoring.deadline, or \
                 score fewer models here"
            );
        }
        if !silent.is_empty() {
            tracing::error!(
                %window, missing = silent.len(), sensors = self.names(&silent),
                "the run has come to its deadline without an answer of sensors that are not being scored: they wait out a \
                 pause after a failure, or their answers are on their way"
            );
        }
        MessageResult(outcomes)
    }
}

impl SensorSupervisor {
    /// Takes in a failure.
    fn fail(&mut self, assignment: &Assignment, fault: &Fault, context: &mut Context<Self>) -> Consequence {
        let group = &self.settings.sensors.groups().of(&assignment.name).name;
        let consequence = self.troubles.fail(assignment, group, fault);
        assignment.stand(true, consequence == Consequence::Quarantine);
        self.show_trouble(assignment, if consequence == Consequence::Quarantine { Told::Event } else { Told::Nobody });
        self.set_timers(context);
        consequence
    }

    /// Takes in that a model scores again.
    fn recover(&mut self, assignment: &Assignment) {
        let Some(trouble) = self.troubles.forget(assignment.sensor) else { return };
        assignment.stand(false, false);
        self.show_trouble(assignment, Told::Event);
        tracing::info!(sensor = %assignment.name, failures = trouble.failures, "scored again");
    }

    /// Has the actor of a sensor begin anew when its pause is over. It takes no message before.
    fn pause(&mut self, sensor: SensorId) {
        if let Some(ActorSlot::Alive(actor, assignment) | ActorSlot::Paused(actor, assignment, _)) =
            self.sensors.remove(&sensor)
        {
            let (resume, resumed) = oneshot::channel();
            actor.do_send(Pause { resumed });
            self.sensors.insert(sensor, ActorSlot::Paused(actor, assignment, resume));
        }
    }

    /// Has a model tried again that is paused or quarantined, by an actor that waits for nothing.
    fn release(&mut self, sensor: SensorId, context: &Context<Self>) -> bool {
        let Some(assignment) = self.sensors.get(&sensor).and_then(ActorSlot::assignment).cloned() else { return false };
        if !self.troubles.release(sensor) {
            return false;
        }
        let Assignment { name, model, plan, .. } = &*assignment;
        let renewed = self.assign(sensor, name.clone(), Arc::clone(model), Arc::clone(plan));
        renewed.stand(true, false);
        self.show_trouble(&renewed, Told::Event);
        self.place(renewed, context);
        true
    }

    /// Starts those again whose pause is over, and releases those whose time in quarantine is.
    fn take_due(&mut self, context: &mut Context<Self>) {
        self.timer = None;
        let DueModels { restarts, releases } = self.troubles.take_due(Instant::now());
        for (sensor, generation) in restarts {
            let Some(assignment) = self.assigned(sensor, generation) else { continue };
            match self.sensors.remove(&sensor) {
                Some(ActorSlot::Dead(_)) => self.place(assignment, context),
                Some(ActorSlot::Paused(actor, _, resume)) => {
                    // An actor that is gone is told of by its guard.
                    let _ = resume.send(());
                    self.sensors.insert(sensor, ActorSlot::Alive(actor, assignment));
                }
                slot => self.sensors.extend(slot.map(|slot| (sensor, slot))),
            }
        }
        let mut released = 0_u64;
        for (sensor, generation) in releases {
            if self.assigned(sensor, generation).is_some() && self.release(sensor, context) {
                released += 1;
            }
        }
        if released > 0 {
            tracing::info!(models = released, "released after supervision.release_after: tried again, on probation");
        }
        self.set_timers(context);
    }

    /// Sets timers for the next model that is due, and for the log.
    fn set_timers(&mut self, context: &mut Context<Self>) {
        if let Some(due) = self.troubles.next_due().filter(|due| self.timer.is_none_or(|(set, _)| *due < set)) {
            if let Some((_, earlier)) = self.timer.take() {
                context.cancel_future(earlier);
            }
            let left = due.saturating_duration_since(Instant::now());
            let timer = context.run_later(left, |supervisor, context| supervisor.take_due(context));
            self.timer = Some((due, timer));
        }
        if let Some(after) = self.troubles.next_news().filter(|_| !self.is_gathering) {
            self.is_gathering = true;
            context.run_later(after, |supervisor, _| {
                supervisor.is_gathering = false;
                supervisor.troubles.tell();
            });
        }
    }

    /// Shows how a model stands.
    fn show_trouble(&self, Assignment { sensor, model, .. }: &Assignment, told: Told) {
        let Live { models, events, .. } = &*self.live;
        let trouble = self.troubles.of(*sensor).cloned();
        if let (Some(entry), Told::Event) = (models.trouble(*sensor, model, trouble), told) {
            events.tell(EventKind::Model, || Happening::Model(*sensor, entry.into()));
        }
    }

    /// Why a sensor that is not being scored may not have answered.
    fn unanswered(&self, sensor: SensorId) -> String {
        match self.sensors.get(&sensor) {
            Some(ActorSlot::Paused(..)) => format!("{NO_ANSWER}: {}", self.in_its_pause(sensor)),
            _ => NO_ANSWER.to_owned(),
        }
    }

    /// Why a sensor is not scored whose actor waits out a pause.
    fn in_its_pause(&self, sensor: SensorId) -> String {
        let waits = "its model waits out a pause";
        self.troubles.of(sensor).map_or_else(
            || waits.to_owned(),
            |Trouble { failures, reason, .. }| match failures {
                1 => format!("{waits} after a failure: {reason}"),
                _ => format!("{waits} after {failures} failures, the last of them: {reason}"),
            },
        )
    }

    /// Ends the supervisor, and by that the daemon, whose last word is the reason.
    fn give_up(&self, reason: &str, context: &mut Context<Self>) {
        self.live.parts.gave_up(Self::PART, reason, Timestamp::now());
        context.stop();
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

/// Who is told of a change besides those who ask.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Told {
    /// Those who listen to events.
    Event,
    /// Nobody: it happens too often.
    Nobody,
}

fn failed(reason: String) -> Outcome {
    Outcome::Failed { reason }
}

/// A run waits this long for a model whose pause is about to end.
const WORTH_WAITING: Duration = Duration::from_secs(1);

/// The reason for a missing answer when no other is known.
pub(super) const NO_ANSWER: &str = "there was no answer by the run's deadline";

#[cfg(test)]
mod fault_schedule_tests;
#[cfg(test)]
mod tests;
