//! What is noticed about a model over several windows: that it calls everything an anomaly, or that its rows are unlike
//! its training.

use std::sync::Arc;

use crate::interval::Window;
use crate::live::{TrainingNote, TrainingNotes};
use crate::model::Drift;
use crate::scoring::{Judgement, Suspicion};
use crate::sensor::{SensorId, SensorName};
use crate::telemetry::metrics;
use crate::verdict::Outcome;
use crate::warn_limited;

/// What was noticed about a model so far.
#[derive(Debug)]
pub struct ModelWatch {
    suspicion: Suspicion,
    /// Whether the last scored window was unlike the training.
    drifting: bool,
    /// Where it is noted for the watch for conditions.
    training: Arc<TrainingNotes>,
}

impl ModelWatch {
    /// Nothing was noticed; a model is reported after so many windows of nothing but anomalies.
    pub fn new(suspicious_after: u32, training: Arc<TrainingNotes>) -> Self {
        Self { suspicion: Suspicion::new(suspicious_after), drifting: false, training }
    }

    /// Takes in a judgement, and logs what is new.
    pub fn observe(&mut self, (id, sensor): (SensorId, &SensorName), window: Window, judgement: &Judgement) {
        if matches!(judgement.outcome, Outcome::Scored(_)) {
            let unlike = judgement.drift.as_ref().map(ToString::to_string);
            self.training.note(id, TrainingNote { window, unlike });
            self.watch_drift(sensor, judgement.drift.as_ref());
            self.watch_anomalies(sensor, &judgement.outcome);
        }
    }

    /// Reports windows unlike the training.
    fn watch_drift(&mut self, sensor: &SensorName, drift: Option<&Drift>) {
        let before = std::mem::replace(&mut self.drifting, drift.is_some());
        match drift {
            Some(drift) => {
                metrics::MODELS_DRIFTING.add(u64::from(!before));
                warn_limited!(%sensor, "unlike the training: {drift}");
            }
            None if before => {
                metrics::MODELS_DRIFTING.subtract(1);
                tracing::info!(%sensor, "like the training again");
            }
            None => {}
        }
    }

    /// Reports a model that has just become suspicious, or is no longer.
    fn watch_anomalies(&mut self, sensor: &SensorName, outcome: &Outcome) {
        let before = self.suspicion.check();
        self.suspicion.observe(outcome);
        match (before, self.suspicion.check()) {
            (Ok(()), Err(suspicious)) => {
                metrics::MODELS_SUSPICIOUS.add(1);
                tracing::warn!(%sensor, "suspicious model: {suspicious}");
            }
            (Err(_), Err(suspicious)) => warn_limited!(%sensor, "suspicious model: {suspicious}"),
            (Err(_), Ok(())) => {
                metrics::MODELS_SUSPICIOUS.subtract(1);
                tracing::info!(%sensor, "the model is no longer suspicious");
            }
            (Ok(()), Ok(())) => {}
        }
    }
}

impl Drop for ModelWatch {
    fn drop(&mut self) {
        metrics::MODELS_SUSPICIOUS.subtract(u64::from(self.suspicion.check().is_err()));
        metrics::MODELS_DRIFTING.subtract(u64::from(self.drifting));
    }
}
