//! The models, at work or not, as the supervisor of the sensors' actors knows them.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::features::FeatureSet;
use crate::model::Warning;
use crate::model_memory::ModelAtWork;
use crate::sensor::SensorId;
use crate::supervision::{Standing, Trouble};
use crate::time::Timestamp;

/// The models of all sensors that have a model file.
#[derive(Debug, Default)]
pub struct ModelBook {
    entries: RwLock<BTreeMap<SensorId, ModelEntry>>,
}

/// The model of a sensor.
#[derive(Clone, Debug)]
pub struct ModelEntry {
    /// The sensor's file, below the folder of models; the newest one, where that cannot be used.
    pub file: Option<String>,
    /// The model at work; `None` when no file of the sensor could be used yet.
    pub model: Option<Arc<ModelAtWork>>,
    /// The columns that it reads.
    pub features: Option<Arc<FeatureSet>>,
    /// Since when that model is at work.
    pub since: Timestamp,
    /// What is odd about it.
    pub warnings: Vec<Warning>,
    /// Why the sensor's newest file cannot be used.
    pub problem: Option<String>,
    /// The model's failures since it last scored.
    pub trouble: Option<Box<Trouble>>,
}

impl ModelEntry {
    /// Whether the model failed too often, and is not tried any more.
    pub fn is_quarantined(&self) -> bool {
        self.trouble.as_ref().is_some_and(|trouble| trouble.standing == Standing::Quarantined)
    }
}

impl ModelBook {
    /// Shows these models, and no others.
    pub fn begin(&self, entries: impl IntoIterator<Item = (SensorId, ModelEntry)>) {
        // A map that is made at once is half as large as one that grows.
        let entries = entries.into_iter().collect();
        *self.entries.write().unwrap_or_else(PoisonError::into_inner) = entries;
    }

    /// Changes what is known of a sensor's model.
    pub fn set(&self, sensor: SensorId, entry: ModelEntry) {
        self.entries.write().unwrap_or_else(PoisonError::into_inner).insert(sensor, entry);
    }

    /// Forgets a sensor whose file is gone; returns what was known.
    pub fn remove(&self, sensor: SensorId) -> Option<ModelEntry> {
        self.entries.write().unwrap_or_else(PoisonError::into_inner).remove(&sensor)
    }

    /// Notes that a sensor's newest file cannot be used, and that the model before stays at work. Returns what is known
    /// then.
    pub fn refuse(&self, sensor: SensorId, file: Option<String>, problem: String) -> Option<ModelEntry> {
        self.change(sensor, |entry| (entry.file, entry.problem) = (file, Some(problem)))
    }

    /// Notes that a sensor's newest file holds the model that is at work. Returns what is known then.
    pub fn found_again(&self, sensor: SensorId, file: Option<String>, warnings: Vec<Warning>) -> Option<ModelEntry> {
        self.change(sensor, |entry| (entry.file, entry.warnings, entry.problem) = (file, warnings, None))
    }

    /// Notes the failures of a sensor's model; not if another model has taken its place. Returns what is known then.
    pub fn trouble(&self, sensor: SensorId, of: &Arc<ModelAtWork>, trouble: Option<Trouble>) -> Option<ModelEntry> {
        self.change_if(
            sensor,
            |entry| entry.model.as_ref().is_some_and(|model| Arc::ptr_eq(model, of)),
            |entry| entry.trouble = trouble.map(Box::new),
        )
    }

    fn change(&self, sensor: SensorId, change: impl FnOnce(&mut ModelEntry)) -> Option<ModelEntry> {
        self.change_if(sensor, |_| true, change)
    }

    fn change_if(
        &self,
        sensor: SensorId,
        is_meant: impl FnOnce(&ModelEntry) -> bool,
        change: impl FnOnce(&mut ModelEntry),
    ) -> Option<ModelEntry> {
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        let entry = entries.get_mut(&sensor).filter(|entry| is_meant(entry))?;
        change(entry);
        Some(entry.clone())
    }

    /// A sensor's model.
    pub fn of(&self, sensor: SensorId) -> Option<ModelEntry> {
        self.entries.read().unwrap_or_else(PoisonError::into_inner).get(&sensor).cloned()
    }

    /// Shows the entry of each sensor that has a model file, in order. Nothing changes meanwhile, so `see` must be quick.
    pub fn for_each(&self, mut see: impl FnMut(SensorId, &ModelEntry)) {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        entries.iter().for_each(|(sensor, entry)| see(*sensor, entry));
    }

    /// The numbers of all sensors that have a model file, in order.
    pub fn sensors(&self) -> Vec<SensorId> {
        self.entries.read().unwrap_or_else(PoisonError::into_inner).keys().copied().collect()
    }
}
