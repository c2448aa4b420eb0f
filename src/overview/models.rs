//! The models, at work or not.

use super::Overview;
use super::supervision::trouble_answer;
use crate::answers::{self, List, ModelState, UsualRange};
use crate::live::ModelEntry;
use crate::sensor::SensorId;
use crate::sensor_pattern::SensorPattern;
use crate::supervision::Standing;

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
        let mut of_state = Vec::new();
        self.live.models.for_each(|sensor, entry| {
            if selection.state.is_none_or(|state| model_state(entry) == state) {
                of_state.push(sensor);
            }
        });
        let named = of_state.into_iter().filter_map(|id| Some((self.sensors.name(id)?.to_string(), id)));
        let mut named: Vec<_> =
            named.filter(|(name, _)| selection.sensors.as_ref().is_none_or(|pattern| pattern.fits(name))).collect();
        named.sort_unstable();
        let total = Some(named.len() as u64);
        let first = named.partition_point(|(name, _)| selection.after.as_ref().is_some_and(|after| name <= after));
        let rest = &named[first..];
        let page = rest.iter().take(selection.limit);
        let next =
            (rest.len() > selection.limit).then(|| page.clone().next_back().map(|(name, _)| name.clone())).flatten();
        let items = page.filter_map(|(name, id)| Some(model_answer(name.clone(), self.live.models.of(*id)?)));
        List { items: items.collect(), next, total }
    }

    /// Sensors whose models are in trouble, at most `most` of each kind.
    pub(super) fn troubled_models(&self, most: usize) -> TroubledModels {
        let (mut quarantined, mut unusable) = (Vec::new(), Vec::new());
        self.live.models.for_each(|sensor, entry| {
            if entry.is_quarantined() && quarantined.len() < most {
                quarantined.push(sensor);
            }
            if let Some(problem) = entry.problem.as_ref().filter(|_| unusable.len() < most) {
                unusable.push((sensor, problem.clone()));
            }
        });
        let name = |sensor| self.sensors.name(sensor).map(|name| name.to_string());
        TroubledModels {
            quarantined: quarantined.into_iter().filter_map(name).collect(),
            unusable: unusable.into_iter().filter_map(|(sensor, problem)| Some((name(sensor)?, problem))).collect(),
        }
    }

    /// The model of a sensor; `None` when it has no model file.
    pub fn model_answer(&self, sensor: SensorId) -> Option<answers::Model> {
        Some(model_answer(self.sensors.name(sensor)?.to_string(), self.live.models.of(sensor)?))
    }
}

/// Sensors, as `device/sensor`, whose models are in trouble.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct TroubledModels {
    /// Those whose models failed too often.
    pub(super) quarantined: Vec<String>,
    /// Those whose newest model file cannot be used, each with the reason.
    pub(super) unusable: Vec<(String, String)>,
}

fn model_state(entry: &ModelEntry) -> ModelState {
    match (&entry.model, entry.trouble.as_ref().map(|trouble| trouble.standing), &entry.problem) {
        (None, ..) => ModelState::Unusable,
        (Some(_), Some(Standing::Quarantined), _) => ModelState::Quarantined,
        (Some(_), Some(Standing::Probation), _) => ModelState::Probation,
        (Some(_), Some(Standing::Paused), _) => ModelState::Paused,
        (Some(_), None, Some(_)) => ModelState::AtWorkNewerRefused,
        (Some(_), None, None) => ModelState::AtWork,
    }
}

/// What is known of a sensor's model.
pub fn model_answer(sensor: String, entry: ModelEntry) -> answers::Model {
    let state = model_state(&entry);
    let ModelEntry { file, model, features, since, warnings, problem, trouble } = entry;
    let usual = model.as_ref().and_then(|model| model.usual_ranges.as_deref()).unwrap_or_default();
    let features: Vec<_> = features.iter().flat_map(|set| set.columns()).map(ToString::to_string).collect();
    answers::Model {
        sensor,
        state,
        problem,
        trouble: trouble.as_deref().map(trouble_answer),
        file,
        hash: model.as_ref().map(|model| model.hash.to_string()),
        detector: model.as_ref().map(|model| model.detector.to_owned()),
        since: model.as_ref().map(|_| since),
        is_proven: model.as_ref().and_then(|model| model.proof.is_held().then_some(true)),
        warnings: warnings.iter().map(ToString::to_string).collect(),
        usual: (features.iter().cloned().zip(usual.iter().copied()))
            .map(|(feature, (low, high))| UsualRange { feature, low, high })
            .collect(),
        features,
    }
}
