//! The tree of what is supervised: the parts of the daemon, and the models by how they stand.

use super::Overview;
use crate::answers::{self, DaemonPart, ModelCounts, Supervision, TroubledModel};
use crate::sensor::SensorId;
use crate::sensor_pattern::SensorPattern;
use crate::supervision::{Standing, Trouble};
use crate::telemetry::metrics;

/// How many models in trouble are told.
const MOST_TOLD: usize = 100;

impl Overview {
    /// The daemon's parts and its models, as they are supervised.
    pub fn supervision(&self) -> Supervision {
        let mut models = ModelCounts::default();
        let mut troubled: Vec<(SensorId, Trouble)> = Vec::new();
        self.live.models.for_each(|sensor, entry| {
            let count = match (&entry.model, entry.trouble.as_ref().map(|trouble| trouble.standing)) {
                (None, _) => &mut models.unusable,
                (_, None) => &mut models.at_work,
                (_, Some(Standing::Paused)) => &mut models.paused,
                (_, Some(Standing::Probation)) => &mut models.probation,
                (_, Some(Standing::Quarantined)) => &mut models.quarantined,
            };
            *count += 1;
            troubled.extend(entry.trouble.as_deref().map(|trouble| (sensor, trouble.clone())));
        });
        troubled.sort_by_key(|(sensor, trouble)| (trouble.since, *sensor));
        let told = troubled.iter().filter_map(|(sensor, trouble)| {
            let sensor = self.sensors.name(*sensor)?.to_string();
            Some(TroubledModel { sensor, trouble: trouble_answer(trouble) })
        });
        Supervision {
            parts: self.parts(),
            models,
            troubled: told.take(MOST_TOLD).collect(),
            hung_threads: metrics::EVALUATORS_HUNG.get(),
            waiting_restarts: metrics::ACTORS_PAUSED.get(),
        }
    }

    fn parts(&self) -> Vec<DaemonPart> {
        let parts = self.live.parts.list().into_iter().map(|(name, entry)| DaemonPart {
            name: name.to_owned(),
            is_running: entry.is_running,
            since: entry.since,
            restarts: entry.restarts,
            reason: entry.reason,
        });
        parts.collect()
    }

    /// The sensors that fit a pattern and whose models failed since they last scored.
    pub fn troubled_sensors(&self, pattern: &SensorPattern) -> Vec<SensorId> {
        let mut troubled = Vec::new();
        self.live.models.for_each(|sensor, entry| troubled.extend(entry.trouble.as_ref().map(|_| sensor)));
        troubled.retain(|sensor| self.sensors.name(*sensor).is_some_and(|name| pattern.fits(&name.to_string())));
        troubled
    }
}

/// The failures of a model in the words of the API.
pub(super) fn trouble_answer(trouble: &Trouble) -> answers::Trouble {
    let Trouble { failures, standing, since, reason, .. } = trouble;
    let standing = match standing {
        Standing::Paused => answers::Standing::Paused,
        Standing::Probation => answers::Standing::Probation,
        Standing::Quarantined => answers::Standing::Quarantined,
    };
    answers::Trouble { standing, since: *since, failures: *failures, reason: reason.clone() }
}
