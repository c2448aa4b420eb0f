//! Which sensor is scored with which model, from when the model is put to work until another takes its place.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::actors::scoring::restart::{Restart, RestartPolicy};
use crate::features::Plan;
use crate::live::{EventKind, Happening, Live};
use crate::model::Model;
use crate::sensor::{SensorId, SensorName};
use crate::telemetry::metrics;

/// Tells a sensor's assignments apart. An actor may outlive its assignment by a pause or a long scoring, and a timer
/// may as well: their messages must not affect the next assignment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Generation(u64);

impl Generation {
    /// That of the next assignment.
    pub(super) fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// Which sensor, and with which model.
#[derive(Clone, Debug)]
pub struct Assignment {
    /// The sensor's number.
    pub sensor: SensorId,
    /// Its name.
    pub name: SensorName,
    /// Its model.
    pub model: Arc<Model>,
    /// How the model's rows are made.
    pub plan: Arc<Plan>,
    /// Tells this assignment from the sensor's assignments before and after it.
    pub generation: Generation,
    /// How often scoring failed in a row. Outlives the actor.
    pub failures: Arc<AtomicU32>,
    /// Where the model is shown.
    pub live: Arc<Live>,
}

/// The count of failures of an assignment that is over.
const RETIRED: u32 = u32::MAX;

impl Assignment {
    /// Ends the assignment: its failures do not count any more, nor those that its actor has yet to notice.
    pub(super) fn retire(&self, policy: &RestartPolicy) {
        let failures = self.failures.swap(RETIRED, Ordering::Relaxed);
        if failures != RETIRED && policy.after(failures, 0.0) == Restart::Quarantine {
            metrics::ACTORS_QUARANTINED.subtract(1);
        }
    }

    /// Changes the count of failures in a row and returns the count before; `None` when the assignment is over.
    pub(super) fn change_failures(&self, change: impl Fn(u32) -> u32) -> Option<u32> {
        let change = |failures| (failures != RETIRED).then(|| change(failures));
        self.failures.fetch_update(Ordering::Relaxed, Ordering::Relaxed, change).ok()
    }

    /// Counts a failure, and logs it when the sensor is quarantined by it.
    pub(super) fn count_failure(&self, policy: &RestartPolicy) {
        let counted = |failures: u32| failures.saturating_add(1).min(RETIRED - 1);
        let Some(before) = self.change_failures(counted) else { return };
        let [was, is] = [before, counted(before)].map(|failures| policy.after(failures, 0.0) == Restart::Quarantine);
        if is && !was {
            metrics::ACTORS_QUARANTINED.add(1);
            tracing::error!(sensor = %self.name, "the model is quarantined until the next start, or another model file");
            let Live { models, events, .. } = &*self.live;
            if let Some(entry) = models.quarantine(self.sensor, &self.model) {
                events.tell(EventKind::Model, || Happening::Model(self.sensor, entry.into()));
            }
        }
    }
}
