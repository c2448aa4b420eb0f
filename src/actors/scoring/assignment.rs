//! Which sensor is scored with which model, from when the model is put to work until another takes its place.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::actors::scoring::model_watch::ModelWatch;
use crate::features::Plan;
use crate::interval::Window;
use crate::live::TrainingNotes;
use crate::model_memory::ModelAtWork;
use crate::scoring::{Judgement, ProofPolicy, ScoringSettings};
use crate::sensitivity::Sensitivities;
use crate::sensor::{SensorId, SensorName};
use crate::supervision::SupervisionPolicy;

/// Tells a sensor's assignments apart. An actor may outlive its assignment by a pause or a long scoring, and a timer
/// may as well: their messages must not affect the next assignment.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Generation(u64);

impl Generation {
    /// That of the next assignment.
    pub(super) fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// What the models of a group's sensors go by.
#[derive(Clone, Debug)]
pub struct SensorSettings {
    /// The settings that verdicts depend on.
    pub scoring: ScoringSettings,
    /// From which score on intervals are anomalies.
    pub sensitivities: Sensitivities,
    /// How failures are answered.
    pub supervision: SupervisionPolicy,
    /// How long one evaluation may take.
    pub deadline: Duration,
    /// Whether models that are not proven are scored.
    pub proof: ProofPolicy,
    /// After how many windows of nothing but anomalies a model is reported.
    pub suspicious_after: u32,
}

/// Which sensor, and with which model.
#[derive(Debug)]
pub struct Assignment {
    /// The sensor's number.
    pub sensor: SensorId,
    /// Its name.
    pub name: SensorName,
    /// Its model.
    pub model: Arc<ModelAtWork>,
    /// How the model's rows are made.
    pub plan: Arc<Plan>,
    /// What it goes by.
    pub settings: Arc<SensorSettings>,
    /// Tells this assignment from the sensor's assignments before and after it.
    pub generation: Generation,
    /// Whether the last evaluation took long; before the first, whether the model is expected to.
    is_slow: AtomicBool,
    /// Whether the model has failed since it last scored.
    is_troubled: AtomicBool,
    /// Whether it is not tried any more.
    is_quarantined: AtomicBool,
    watch: Mutex<ModelWatch>,
}

impl Assignment {
    /// An assignment of a model without failures. How scored windows compare with its training goes to `training`.
    pub fn new(
        (sensor, name): (SensorId, SensorName),
        (model, plan): (Arc<ModelAtWork>, Arc<Plan>),
        settings: Arc<SensorSettings>,
        generation: Generation,
        training: Arc<TrainingNotes>,
    ) -> Self {
        let watch = ModelWatch::new(settings.suspicious_after, training);
        Self {
            sensor,
            name,
            model,
            plan,
            settings,
            generation,
            is_slow: AtomicBool::new(false),
            is_troubled: AtomicBool::new(false),
            is_quarantined: AtomicBool::new(false),
            watch: Mutex::new(watch),
        }
    }

    /// Takes in what the model said, for what is noticed over several windows.
    pub(super) fn observe(&self, window: Window, judgement: &Judgement) {
        let mut watch = self.watch.lock().unwrap_or_else(PoisonError::into_inner);
        watch.observe((self.sensor, &self.name), window, judgement);
    }

    /// Whether an evaluation is expected to take long.
    pub(super) fn is_slow(&self) -> bool {
        self.is_slow.load(Ordering::Relaxed)
    }

    /// Notes whether an evaluation took long, or is expected to.
    pub(super) fn note_pace(&self, is_slow: bool) {
        self.is_slow.store(is_slow, Ordering::Relaxed);
    }

    /// Whether the model has failed since it last scored.
    pub(super) fn is_troubled(&self) -> bool {
        self.is_troubled.load(Ordering::Relaxed)
    }

    /// Whether the model is not tried any more.
    pub(super) fn is_quarantined(&self) -> bool {
        self.is_quarantined.load(Ordering::Relaxed)
    }

    /// Notes how the model stands. Only the supervisor does.
    pub(super) fn stand(&self, is_troubled: bool, is_quarantined: bool) {
        self.is_troubled.store(is_troubled, Ordering::Relaxed);
        self.is_quarantined.store(is_quarantined, Ordering::Relaxed);
    }
}
