//! The parent of all sensor actors: starts them, makes new ones for those that died, and passes runs on to them.
//!
//! Addresses of the dead are dead: messages are routed by the sensor's number, and nobody else holds an address.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use actix::prelude::*;
use actix_rt::ArbiterHandle;

use crate::actors::recorder::{Recorder, Scoring};
use crate::actors::restart::Restart;
use crate::actors::sensor::{Assignment, ScoreWindow, SensorActor, SensorSettings, StoredWindows};
use crate::features::{Assigner, Plan};
use crate::interval::Window;
use crate::model::{Entry, Model, Warning, guarded};
use crate::printable::shown;
use crate::sensor::{SensorId, SensorName};
use crate::telemetry::metrics;
use crate::verdict::Outcome;

/// A sensor that has a model file.
#[derive(Debug)]
pub struct Scope {
    /// The sensor's number.
    pub sensor: SensorId,
    /// Its name.
    pub name: SensorName,
    /// Its model and how the model's rows are made, or why it has none.
    pub model: Result<(Arc<Model>, Arc<Plan>), String>,
    /// What is odd about the model.
    pub warnings: Vec<Warning>,
}

impl Scope {
    /// What was read of a sensor's file.
    pub fn of(entry: Entry, sensor: SensorId, features: &Assigner) -> Self {
        let Entry { sensor: name, path, model, .. } = entry;
        // The model is tried here, for the first time if nobody expects answers of it.
        let tried = model.map_err(|error| error.to_string()).and_then(|model| {
            let of_file = |problem: &dyn Display| format!("{}: {problem}", shown(&path));
            let (plan, warnings) =
                guarded(|| (features.assign(&name, &model), model.warnings())).map_err(|panic| of_file(&panic))?;
            let plan = plan.map_err(|error| of_file(&error))?;
            Ok((Arc::new(model), plan, warnings))
        });
        match tried {
            Ok((model, plan, warnings)) => Self { sensor, name, model: Ok((model, plan)), warnings },
            Err(reason) => Self { sensor, name, model: Err(reason), warnings: Vec::new() },
        }
    }
}

/// Scores a window of these sensors: each gets its [`ScoreWindow`].
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Broadcast {
    /// Which window.
    pub window: Window,
    /// Whose.
    pub sensors: Vec<SensorId>,
    /// When nobody waits for the outcomes any more.
    pub deadline: Instant,
    /// Who does until then.
    pub recorder: Addr<Recorder>,
}

/// Puts models to work in the place of older ones, and takes models off. Sent between two runs.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct ChangeModels {
    /// One change a sensor.
    pub changes: Vec<ModelChange>,
}

/// What changes for one sensor.
#[derive(Debug)]
pub enum ModelChange {
    /// Its file is new or another. One that is no model leaves the model before it at work.
    Assign(Scope),
    /// Its file is gone.
    Remove(SensorId),
}

impl ModelChange {
    /// Whose model changes.
    pub fn sensor(&self) -> SensorId {
        match self {
            Self::Assign(Scope { sensor, .. }) | Self::Remove(sensor) => *sensor,
        }
    }
}

/// A sensor's actor is gone. Sent by the actor's guard.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct SensorDied {
    /// Whose.
    pub sensor: SensorId,
    /// What it was made for.
    pub generation: Generation,
}

/// Tells a sensor's assignments apart. An actor may outlive its own by a pause or a long scoring, and so may a timer:
/// what they have to say is of no concern to the next.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Generation(u64);

/// The parent of all sensor actors.
pub struct SensorSupervisor {
    settings: Arc<SensorSettings>,
    windows: StoredWindows,
    /// One thread a core; the actors are dealt out to them.
    arbiters: Vec<ArbiterHandle>,
    scope: Vec<Scope>,
    sensors: BTreeMap<SensorId, Place>,
    /// That of the latest assignment.
    generation: Generation,
}

/// What stands where a sensor's actor should be.
enum Place {
    Alive(Addr<SensorActor>, Assignment),
    /// It died, and a new one is made after a pause.
    Dead(Assignment),
    /// Its model file is none.
    Broken(String),
}

impl Place {
    /// What is at work here, or was until a moment ago.
    fn assignment(&self) -> Option<&Assignment> {
        match self {
            Self::Alive(_, assignment) | Self::Dead(assignment) => Some(assignment),
            Self::Broken(_) => None,
        }
    }
}

impl SensorSupervisor {
    /// A parent for the actors of all sensors in scope.
    pub fn new(
        settings: SensorSettings,
        windows: StoredWindows,
        arbiters: Vec<ArbiterHandle>,
        scope: Vec<Scope>,
    ) -> Self {
        Self {
            settings: settings.into(),
            windows,
            arbiters,
            scope,
            sensors: BTreeMap::new(),
            generation: Generation::default(),
        }
    }

    fn place(&self, assignment: Assignment, context: &Context<Self>) -> Place {
        let actor =
            SensorActor::new(assignment.clone(), Arc::clone(&self.settings), self.windows.clone(), context.address());
        let arbiter = &self.arbiters[assignment.sensor.index() % self.arbiters.len()];
        Place::Alive(Supervisor::start_in_arbiter(arbiter, move |_| actor), assignment)
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
    fn begin(&mut self, Scope { sensor, name, model, .. }: Scope, context: &Context<Self>) {
        let place = match model {
            Ok((model, plan)) => {
                self.generation.0 += 1;
                let (generation, failures) = (self.generation, Arc::new(AtomicU32::new(0)));
                self.place(Assignment { sensor, name, model, plan, generation, failures }, context)
            }
            Err(reason) => Place::Broken(reason),
        };
        self.sensors.insert(sensor, place);
    }

    /// Puts another model to work for a sensor that has one, unless it is none.
    ///
    /// It gets an actor of its own, that need not wait out the pause of one that failed. The one before it ends when it
    /// finds that nobody can reach it any more.
    fn replace(&mut self, scope: Scope, context: &Context<Self>) {
        let name = &scope.name;
        let before = self.sensors.get(&scope.sensor).and_then(Place::assignment);
        match (&scope.model, before) {
            (Err(reason), Some(_)) => {
                metrics::MODELS_REFUSED.add(1);
                tracing::error!(sensor = %name, "the new model cannot be used, and the old one stays at work: {reason}");
                return;
            }
            (Err(reason), None) => tracing::error!(sensor = %name, "the model cannot be used: {reason}"),
            (Ok((model, _)), before) => {
                if let Some(before) = before {
                    before.retire(&self.settings.restart);
                }
                metrics::MODELS_CHANGED.add(1);
                tracing::info!(sensor = %name, hash = %model.hash(), "another model is at work from the next window on");
                for warning in &scope.warnings {
                    tracing::warn!(sensor = %name, "{warning}");
                }
            }
        }
        self.begin(scope, context);
    }

    fn count(&self) {
        let broken = self.sensors.values().filter(|place| matches!(place, Place::Broken(_))).count();
        metrics::MODELS_BROKEN.set(broken as u64);
        metrics::MODELS_LOADED.set((self.sensors.len() - broken) as u64);
    }
}

impl Handler<ChangeModels> for SensorSupervisor {
    type Result = ();

    fn handle(&mut self, ChangeModels { changes }: ChangeModels, context: &mut Context<Self>) {
        for change in changes {
            match change {
                ModelChange::Assign(scope) => self.replace(scope, context),
                ModelChange::Remove(sensor) => {
                    // Its actor ends when nobody can reach it any more.
                    if let Some(assignment) = self.sensors.remove(&sensor).as_ref().and_then(Place::assignment) {
                        assignment.retire(&self.settings.restart);
                        metrics::MODELS_CHANGED.add(1);
                        tracing::warn!(sensor = %assignment.name, "the model's file is gone: the sensor is no longer scored");
                    }
                }
            }
        }
        self.count();
    }
}

impl Handler<Broadcast> for SensorSupervisor {
    type Result = ();

    fn handle(&mut self, broadcast: Broadcast, _: &mut Context<Self>) {
        let Broadcast { window, sensors, deadline, recorder } = broadcast;
        for sensor in sensors {
            let reason = match self.sensors.get(&sensor) {
                Some(Place::Alive(actor, _)) => {
                    actor.do_send(ScoreWindow { window, deadline, recorder: recorder.clone() });
                    continue;
                }
                Some(Place::Dead(_)) => "the sensor's actor is being restarted".to_owned(),
                Some(Place::Broken(reason)) => reason.clone(),
                None => "the sensor has no model".to_owned(),
            };
            recorder.do_send(Scoring { window, sensor, outcome: Outcome::Failed { reason } });
        }
    }
}

impl Handler<SensorDied> for SensorSupervisor {
    type Result = ();

    fn handle(&mut self, SensorDied { sensor, generation }: SensorDied, context: &mut Context<Self>) {
        let assignment = match self.sensors.get(&sensor) {
            Some(Place::Alive(_, assignment)) if assignment.generation == generation => assignment.clone(),
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
        self.sensors.insert(sensor, Place::Dead(assignment));
        context.run_later(pause, move |parent, context| {
            let Some(Place::Dead(assignment)) = parent.sensors.get(&sensor) else { return };
            if assignment.generation == generation {
                let place = parent.place(assignment.clone(), context);
                parent.sensors.insert(sensor, place);
            }
        });
    }
}

#[cfg(test)]
mod tests;
