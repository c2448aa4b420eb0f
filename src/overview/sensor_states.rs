//! How each sensor is: from its last verdict, its model, and whether it is silent.

use std::cmp::Reverse;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::Overview;
use super::run_scores::{ScoredWindows, VerdictSummary};
use crate::answers::{self, Outcome, SensorCounts, SensorState};
use crate::condition::ConditionKind;
use crate::live::{ModelEntry, ShownConditions};
use crate::sensor::SensorId;
use crate::store::StoreError;
use crate::time::{Clock, Timestamp};

/// What decides a sensor's state.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct SensorFacts {
    /// Its last verdict.
    pub(super) verdict: Option<VerdictClass>,
    /// Its model.
    pub(super) model: ModelFact,
    /// Whether it sends.
    pub(super) speech: Speech,
}

/// What a verdict comes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum VerdictClass {
    /// Scored, with anomalies.
    Anomalous,
    /// Scored, without.
    Healthy,
    /// Not scored, for want of readings.
    Sparse,
    /// Not scored although it should have been.
    Failed,
}

/// A sensor's model.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ModelFact {
    /// There is no file.
    None,
    /// There is a model that can be used.
    Usable,
    /// No file of the sensor can be used, or the model is not tried any more.
    Unusable,
}

/// Whether a sensor sends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Speech {
    /// It does, as far as anybody knows.
    Heard,
    /// The condition `silent` stands of it.
    Silent,
}

/// A sensor's state: the first that holds.
pub(super) fn state_of(facts: SensorFacts) -> SensorState {
    let SensorFacts { verdict, model, speech } = facts;
    match (verdict, model, speech) {
        (Some(VerdictClass::Anomalous), ..) => SensorState::Anomalous,
        (Some(VerdictClass::Failed), ..) | (_, ModelFact::Unusable, _) => SensorState::Failed,
        (_, _, Speech::Silent) => SensorState::Silent,
        (Some(VerdictClass::Sparse), ..) => SensorState::Sparse,
        (Some(VerdictClass::Healthy), ..) => SensorState::Healthy,
        (None, ModelFact::Usable, _) => SensorState::Waiting,
        (None, ModelFact::None, _) => SensorState::NoModel,
    }
}

impl VerdictClass {
    pub(super) fn of(summary: VerdictSummary) -> Self {
        match summary.outcome {
            Outcome::Scored if summary.is_anomalous => Self::Anomalous,
            Outcome::Scored => Self::Healthy,
            Outcome::NoData | Outcome::TooLittleData => Self::Sparse,
            Outcome::Failed | Outcome::TimedOut | Outcome::Quarantined | Outcome::Unproven => Self::Failed,
        }
    }
}

impl ModelFact {
    pub(super) fn of(entry: Option<&ModelEntry>) -> Self {
        match entry {
            None => Self::None,
            Some(entry) if entry.is_quarantined() || entry.model.is_none() => Self::Unusable,
            Some(_) => Self::Usable,
        }
    }
}

/// Remembers the states of all sensors for a moment: several parts of a page ask for them at once.
#[derive(Debug, Default)]
pub struct StateMemory {
    states: Mutex<Option<(Instant, Arc<SensorStates>)>>,
}

/// The states of all sensors.
#[derive(Debug)]
struct SensorStates {
    /// By the sensors' numbers; `None` where a number has no name.
    by_number: Arc<Vec<Option<SensorState>>>,
    counts: SensorCounts,
    /// Those of each group, in the order of the groups.
    by_group: Vec<SensorCounts>,
    /// The anomalous, failed and silent ones, in this order, and of these the highest score first.
    worst: Vec<SensorId>,
}

/// How long the states are remembered.
const REMEMBERED: Duration = Duration::from_secs(1);
/// How many of the worst sensors are told.
const MOST_WORST: usize = 20;
/// How many windows back it is looked since when a sensor has been as it is.
pub(super) const WINDOWS_BACK: usize = 24;

impl Overview {
    /// How many sensors are in which state; and the anomalous, failed and silent ones, in this order, and of these the
    /// highest score first, as many as a person reads.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn sensor_states(&self) -> Result<(SensorCounts, Vec<answers::Sensor>), StoreError> {
        let states = self.states()?;
        let mut asked = self.sensor_answers()?;
        let named = states.worst.iter().filter_map(|sensor| Some((self.sensors.name(*sensor)?, *sensor)));
        let worst = named.map(|(name, sensor)| asked.sensor(&name, sensor)).collect::<Result<_, _>>()?;
        Ok((states.counts, worst))
    }

    /// The state of each sensor by its number; `None` where a number has no name.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn state_of_sensors(&self) -> Result<Arc<Vec<Option<SensorState>>>, StoreError> {
        Ok(Arc::clone(&self.states()?.by_number))
    }

    /// How many sensors of each group are in which state, in the order of the groups.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(super) fn sensor_counts_by_group(&self) -> Result<Vec<SensorCounts>, StoreError> {
        Ok(self.states()?.by_group.clone())
    }

    fn states(&self) -> Result<Arc<SensorStates>, StoreError> {
        // Others that ask meanwhile wait for the same answer.
        let mut remembered = self.states.states.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((asked, states)) = &*remembered
            && asked.elapsed() < REMEMBERED
        {
            return Ok(Arc::clone(states));
        }
        let states = Arc::new(self.compute_states()?);
        *remembered = Some((Instant::now(), Arc::clone(&states)));
        Ok(states)
    }

    fn compute_states(&self) -> Result<SensorStates, StoreError> {
        let scored = self.scores.newest(&self.reader, &self.groups, WINDOWS_BACK)?;
        let none = ScoredWindows::default();
        let conditions = self.live.conditions.read();
        let mut counts = SensorCounts::default();
        let mut by_group = vec![SensorCounts::default(); self.groups.iter().count()];
        let numbers = u32::try_from(self.sensors.numbers()).unwrap_or(u32::MAX);
        let mut by_number = vec![None; numbers as usize];
        let mut worst = Vec::new();
        let mut models = vec![ModelFact::None; numbers as usize];
        self.live.models.for_each(|sensor, entry| {
            if let Some(model) = models.get_mut(sensor.index()) {
                *model = ModelFact::of(Some(entry));
            }
        });
        let sorted = self.index.sorted(&self.sensors);
        for (_, sensor) in &sorted.sensors {
            let model = models.get(sensor.index()).copied().unwrap_or(ModelFact::None);
            let place = sorted.group_place(*sensor);
            let scored = scored.get(place).unwrap_or(&none);
            let facts = self.facts(*sensor, model, scored, &conditions);
            let state = state_of(facts);
            for counts in [Some(&mut counts), by_group.get_mut(place)].into_iter().flatten() {
                counts.known += 1;
                counts.with_model += u64::from(facts.model != ModelFact::None);
                *count_of(counts, state) += 1;
            }
            if let Some(place) = by_number.get_mut(sensor.index()) {
                *place = Some(state);
            }
            if matches!(state, SensorState::Anomalous | SensorState::Failed | SensorState::Silent) {
                let score = scored.windows.last().and_then(|window| window.of(*sensor)?.score).unwrap_or(0.0);
                // Scores lie from 0 to 1, where the order of the bits is that of the numbers.
                worst.push((state, Reverse(score.to_bits()), *sensor));
            }
        }
        worst.sort_unstable();
        let worst = worst.into_iter().take(MOST_WORST).map(|(.., sensor)| sensor).collect();
        Ok(SensorStates { by_number: Arc::new(by_number), counts, by_group, worst })
    }

    /// What decides a sensor's state now.
    pub(super) fn facts(
        &self,
        sensor: SensorId,
        model: ModelFact,
        scored: &ScoredWindows,
        conditions: &ShownConditions,
    ) -> SensorFacts {
        let verdict = scored.windows.last().and_then(|window| window.of(sensor)).map(VerdictClass::of);
        let is_silent = self.holds_now(conditions, sensor, ConditionKind::Silent);
        SensorFacts { verdict, model, speech: if is_silent { Speech::Silent } else { Speech::Heard } }
    }

    /// Now, as the daemon believes.
    pub(super) fn now(&self) -> Timestamp {
        match &self.clock {
            Clock::Wall => self.questions.clock().believed,
            Clock::Event(time) => time.get(),
        }
    }
}

fn count_of(counts: &mut SensorCounts, state: SensorState) -> &mut u64 {
    match state {
        SensorState::Anomalous => &mut counts.anomalous,
        SensorState::Failed => &mut counts.failed,
        SensorState::Silent => &mut counts.silent,
        SensorState::Sparse => &mut counts.sparse,
        SensorState::Healthy => &mut counts.healthy,
        SensorState::Waiting => &mut counts.waiting,
        SensorState::NoModel => &mut counts.no_model,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERDICTS: [Option<VerdictClass>; 5] = [
        None,
        Some(VerdictClass::Anomalous),
        Some(VerdictClass::Healthy),
        Some(VerdictClass::Sparse),
        Some(VerdictClass::Failed),
    ];
    const MODELS: [ModelFact; 3] = [ModelFact::None, ModelFact::Usable, ModelFact::Unusable];
    const SPEECHES: [Speech; 2] = [Speech::Heard, Speech::Silent];

    #[test]
    fn each_state_has_its_cause() {
        let cases = [
            (Some(VerdictClass::Anomalous), ModelFact::Usable, Speech::Heard, SensorState::Anomalous),
            (Some(VerdictClass::Failed), ModelFact::Usable, Speech::Heard, SensorState::Failed),
            (None, ModelFact::Unusable, Speech::Heard, SensorState::Failed),
            (Some(VerdictClass::Healthy), ModelFact::Usable, Speech::Silent, SensorState::Silent),
            (None, ModelFact::None, Speech::Silent, SensorState::Silent),
            (Some(VerdictClass::Sparse), ModelFact::Usable, Speech::Heard, SensorState::Sparse),
            (Some(VerdictClass::Healthy), ModelFact::Usable, Speech::Heard, SensorState::Healthy),
            (None, ModelFact::Usable, Speech::Heard, SensorState::Waiting),
            (None, ModelFact::None, Speech::Heard, SensorState::NoModel),
        ];
        for (verdict, model, speech, state) in cases {
            assert_eq!(state_of(SensorFacts { verdict, model, speech }), state);
        }
    }

    /// What each state says, each on its own.
    fn holds(state: SensorState, SensorFacts { verdict, model, speech }: SensorFacts) -> bool {
        match state {
            SensorState::Anomalous => verdict == Some(VerdictClass::Anomalous),
            SensorState::Failed => verdict == Some(VerdictClass::Failed) || model == ModelFact::Unusable,
            SensorState::Silent => speech == Speech::Silent,
            SensorState::Sparse => verdict == Some(VerdictClass::Sparse),
            SensorState::Healthy => verdict == Some(VerdictClass::Healthy),
            SensorState::Waiting => model == ModelFact::Usable && verdict.is_none(),
            SensorState::NoModel => model == ModelFact::None,
        }
    }

    #[test]
    fn the_first_state_that_holds_counts() {
        use SensorState::{Anomalous, Failed, Healthy, NoModel, Silent, Sparse, Waiting};
        for (verdict, model, speech) in VERDICTS
            .into_iter()
            .flat_map(|verdict| MODELS.map(|model| (verdict, model)))
            .flat_map(|(verdict, model)| SPEECHES.map(|speech| (verdict, model, speech)))
        {
            let facts = SensorFacts { verdict, model, speech };
            let first = [Anomalous, Failed, Silent, Sparse, Healthy, Waiting, NoModel]
                .into_iter()
                .find(|state| holds(*state, facts));
            assert_eq!(Some(state_of(facts)), first, "{facts:?}");
        }
    }

    #[test]
    fn a_sensor_is_counted_once() {
        let mut counts = SensorCounts::default();
        use SensorState::{Anomalous, Failed, Healthy, NoModel, Silent, Sparse, Waiting};
        for state in [Anomalous, Failed, Silent, Sparse, Healthy, Waiting, NoModel] {
            *count_of(&mut counts, state) += 1;
        }
        let SensorCounts { anomalous, failed, silent, sparse, healthy, waiting, no_model, .. } = counts;
        assert_eq!([anomalous, failed, silent, sparse, healthy, waiting, no_model], [1; 7]);
    }
}
