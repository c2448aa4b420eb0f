//! The models, at work or not, as the supervisor of the sensors' actors knows them.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::model::{Model, Warning};
use crate::sensor::SensorId;
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
    pub model: Option<Arc<Model>>,
    /// The name of its detector, such as `one_class_svm`.
    pub detector: Option<String>,
    /// The names of the columns that it reads.
    pub features: Vec<String>,
    /// Since when that model is at work.
    pub since: Timestamp,
    /// What is odd about it.
    pub warnings: Vec<Warning>,
    /// Why the sensor's newest file cannot be used.
    pub problem: Option<String>,
    /// Whether the sensor's actor failed too often, and is not tried any more.
    pub is_quarantined: bool,
}

impl ModelBook {
    /// Changes what is known of a sensor's model.
    pub fn set(&self, sensor: SensorId, entry: ModelEntry) {
        self.entries.write().unwrap_or_else(PoisonError::into_inner).insert(sensor, entry);
    }

    /// Forgets a sensor whose file is gone.
    pub fn remove(&self, sensor: SensorId) {
        self.entries.write().unwrap_or_else(PoisonError::into_inner).remove(&sensor);
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
