//! The models, at work or not.

use super::Overview;
use crate::answers::{self, List, ModelState, UsualRange};
use crate::live::ModelEntry;
use crate::sensor::SensorId;
use crate::sensor_pattern::SensorPattern;

/// Which models a list shows.
#[derive(Clone, Debug, Default)]
pub struct ModelSelection {
    /// Only those of these sensors.
    pub sensors: Option<SensorPattern>,
    /// Only those in this state.
    pub state: Option<ModelState>,
    /// Only those of sensors whose names come after this one.
    pub after: Option<String>,
    /// How many at most.
    pub limit: usize,
}

impl Overview {
    /// The models of all sensors that have a model file, in the order of the sensors' names.
    pub fn models(&self, selection: &ModelSelection) -> List<answers::Model> {
        let named = self.live.models.sensors().into_iter().filter_map(|id| Some((self.sensors.name(id)?, id)));
        let mut named: Vec<_> = named
            .filter(|(name, _)| selection.sensors.as_ref().is_none_or(|pattern| pattern.fits(&name.to_string())))
            .map(|(name, id)| (name.to_string(), id))
            .collect();
        named.sort_unstable();
        let all = named.into_iter().filter_map(|(name, id)| Some(model_answer(name, self.live.models.of(id)?)));
        let selected: Vec<_> = all.filter(|model| selection.state.is_none_or(|state| model.state == state)).collect();
        let total = Some(selected.len() as u64);
        let mut rest =
            selected.into_iter().filter(|model| selection.after.as_ref().is_none_or(|at| model.sensor > *at));
        let items: Vec<_> = rest.by_ref().take(selection.limit).collect();
        let next = rest.next().and_then(|_| Some(items.last()?.sensor.clone()));
        List { items, next, total }
    }

    /// The model of a sensor; `None` when it has no model file.
    pub fn model_answer(&self, sensor: SensorId) -> Option<answers::Model> {
        Some(model_answer(self.sensors.name(sensor)?.to_string(), self.live.models.of(sensor)?))
    }
}

/// What is known of a sensor's model.
pub fn model_answer(sensor: String, entry: ModelEntry) -> answers::Model {
    let ModelEntry { file, model, features, since, warnings, problem, is_quarantined } = entry;
    let state = match (&model, &problem) {
        (None, _) => ModelState::Unusable,
        _ if is_quarantined => ModelState::Quarantined,
        (Some(_), Some(_)) => ModelState::AtWorkNewerRefused,
        (Some(_), None) => ModelState::AtWork,
    };
    let usual = model.as_ref().and_then(|model| model.usual_ranges()).unwrap_or_default();
    answers::Model {
        sensor,
        state,
        problem,
        file,
        hash: model.as_ref().map(|model| model.hash().to_string()),
        detector: model.as_ref().map(|model| model.detector().name().to_owned()),
        since: model.as_ref().map(|_| since),
        is_proven: model.as_ref().and_then(|model| model.proof().is_held().then_some(true)),
        warnings: warnings.iter().map(ToString::to_string).collect(),
        usual: (features.iter().cloned().zip(usual))
            .map(|(feature, (low, high))| UsualRange { feature, low, high })
            .collect(),
        features,
    }
}
