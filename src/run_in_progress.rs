//! A run that goes on: which outcomes it has, which chunks of them are complete, and when it is over.
//!
//! Outcomes may come in any order, twice, late, or for another window: every sensor in scope gets exactly one outcome,
//! the first that comes. A chunk is handed out once, when the last of its sensors has an outcome, and holds the
//! outcomes in the order of the sensors. So what is stored of a run does not depend on which actor was faster. Pure:
//! the recorder brings the outcomes and the time, and stores the chunks.

mod most_anomalous;
mod times;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

pub use most_anomalous::{AnomalousSensor, MostAnomalous};
pub use times::TimesInProgress;

use crate::interval::Window;
use crate::run::Tally;
use crate::sensor::SensorId;
use crate::store::ChunkId;
use crate::verdict::{ModelHash, Outcome, Verdict};

/// The sensors that a run gives an outcome, in the order of their numbers, each with the model that is at work. `None`
/// when the sensor's model file cannot be used.
pub type RunScope = BTreeMap<SensorId, Option<ModelHash>>;

/// A run that goes on.
#[derive(Debug)]
pub struct RunInProgress {
    window: Window,
    /// The chunks that are not complete.
    chunks: BTreeMap<ChunkId, OpenChunk>,
    /// The chunks that an earlier process stored, and that count.
    taken_over: BTreeSet<ChunkId>,
    missing: usize,
    tally: Tally,
    resumed: u32,
    most_anomalous: MostAnomalous,
    began: Instant,
}

/// The outcomes of neighbouring sensors, which are stored together.
#[derive(Debug, Default)]
struct OpenChunk {
    outcomes: BTreeMap<SensorId, Option<Outcome>>,
    missing: usize,
}

/// A chunk of which every sensor has its outcome.
#[derive(Clone, PartialEq, Debug)]
pub struct CompleteChunk {
    /// Which chunk.
    pub id: ChunkId,
    /// Its verdicts, in the order of their sensors.
    pub verdicts: Vec<Verdict>,
}

impl RunInProgress {
    /// A run over a window in which no sensor has an outcome yet. It keeps at most `max_anomalous` of the sensors that
    /// it finds anomalous.
    pub fn new(window: Window, scope: &RunScope, max_anomalous: usize, now: Instant) -> Self {
        let mut chunks = BTreeMap::<ChunkId, OpenChunk>::new();
        for sensor in scope.keys() {
            let chunk = chunks.entry(ChunkId::of(*sensor)).or_default();
            chunk.outcomes.insert(*sensor, None);
            chunk.missing += 1;
        }
        Self {
            window,
            chunks,
            taken_over: BTreeSet::new(),
            missing: scope.len(),
            tally: Tally::default(),
            resumed: 0,
            most_anomalous: MostAnomalous::new(max_anomalous),
            began: now,
        }
    }

    /// Goes on from what an earlier process stored of the run under the same settings. `stored` gives the verdicts of a
    /// chunk.
    ///
    /// A chunk counts if it holds the outcomes of the very sensors that are in scope, made by the models that are at
    /// work. One with a failure is made again: what failed may work now.
    ///
    /// # Errors
    /// The first error that `stored` returns.
    pub fn take_over<E>(
        &mut self,
        scope: &RunScope,
        mut stored: impl FnMut(ChunkId) -> Result<Vec<Verdict>, E>,
    ) -> Result<(), E> {
        for id in self.chunks.keys().copied().collect::<Vec<_>>() {
            let verdicts = stored(id)?;
            let Some(chunk) = self.chunks.get(&id) else { continue };
            let same_sensors = verdicts.iter().map(|verdict| verdict.sensor).eq(chunk.outcomes.keys().copied());
            if !same_sensors || !verdicts.iter().all(|verdict| is_of_scope(verdict, scope)) {
                continue;
            }
            for Verdict { sensor, outcome } in &verdicts {
                self.tally.add(outcome);
                self.most_anomalous.observe(*sensor, outcome);
            }
            self.missing -= verdicts.len();
            self.chunks.remove(&id);
            self.taken_over.insert(id);
        }
        self.resumed = self.tally.outcomes();
        Ok(())
    }

    /// Whether a sensor is in scope and has no outcome yet.
    pub fn awaits(&self, sensor: SensorId) -> bool {
        let outcome = self.chunks.get(&ChunkId::of(sensor)).and_then(|chunk| chunk.outcomes.get(&sensor));
        outcome.is_some_and(Option::is_none)
    }

    /// Takes in an outcome. Returns the chunk that it completes.
    ///
    /// An outcome is ignored when it is of a sensor that the run does not [await](Self::awaits).
    pub fn take(&mut self, sensor: SensorId, outcome: Outcome) -> Option<CompleteChunk> {
        let id = ChunkId::of(sensor);
        let chunk = self.chunks.get_mut(&id)?;
        let unanswered = chunk.outcomes.get_mut(&sensor).filter(|outcome| outcome.is_none())?;
        self.tally.add(&outcome);
        self.most_anomalous.observe(sensor, &outcome);
        *unanswered = Some(outcome);
        self.missing -= 1;
        chunk.missing -= 1;
        if chunk.missing > 0 {
            return None;
        }
        let outcomes = self.chunks.remove(&id)?.outcomes;
        let verdicts = outcomes.into_iter().filter_map(|(sensor, outcome)| Some(Verdict { sensor, outcome: outcome? }));
        Some(CompleteChunk { id, verdicts: verdicts.collect() })
    }

    /// Which window it scores.
    pub fn window(&self) -> Window {
        self.window
    }

    /// The sensors that have no outcome yet, in the order of their numbers.
    pub fn unanswered(&self) -> Vec<SensorId> {
        let outcomes = self.chunks.values().flat_map(|chunk| &chunk.outcomes);
        outcomes.filter(|(_, outcome)| outcome.is_none()).map(|(sensor, _)| *sensor).collect()
    }

    /// Whether every sensor in scope has its outcome.
    pub fn is_over(&self) -> bool {
        self.missing == 0
    }

    /// The chunks that an earlier process stored, and that count.
    pub fn taken_over(&self) -> &BTreeSet<ChunkId> {
        &self.taken_over
    }

    /// The outcomes so far.
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// How many of the outcomes an earlier process stored.
    pub fn resumed(&self) -> u32 {
        self.resumed
    }

    /// The sensors found anomalous so far.
    pub fn most_anomalous(&self) -> &MostAnomalous {
        &self.most_anomalous
    }

    /// For how long it goes on.
    pub fn elapsed(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.began)
    }
}

/// Whether a stored verdict is one that the models at work would give.
fn is_of_scope(verdict: &Verdict, scope: &RunScope) -> bool {
    let model = scope.get(&verdict.sensor).copied().flatten();
    match &verdict.outcome {
        Outcome::Scored(scored) => model == Some(scored.model),
        Outcome::NoData | Outcome::TooLittleData { .. } => model.is_some(),
        Outcome::Failed { .. } | Outcome::TimedOut { .. } | Outcome::Quarantined | Outcome::Unproven => false,
    }
}

#[cfg(test)]
mod tests;
