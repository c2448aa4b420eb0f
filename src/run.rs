//! Runs: each is one scoring of the models of a group over one window.

mod course;
mod log;

use std::fmt;

use sha2::{Digest, Sha256};

use crate::group::GroupName;
use crate::interval::Window;
use crate::number_set::NumberSet;
use crate::sensor::SensorName;
use crate::time::Span;
use crate::verdict::ModelHash;

pub use course::{PartTimes, RunCourse, RunRequest, ScoringTime, SlowSensor};
pub use log::{LogLine, RunLog, Urgency};

/// A run's identity. Later runs have larger ids, and no id is given twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct RunId(pub u64);

impl RunId {
    /// The id of the run that begins next.
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The id of so many runs earlier; the first id when there were not so many.
    pub fn earlier(self, runs: u64) -> Self {
        Self(self.0.saturating_sub(runs))
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A run as the ledger knows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Run {
    /// Its identity.
    pub id: RunId,
    /// The window that it scores.
    pub window: Window,
    /// The length of an interval of its rows.
    pub interval: Span,
    /// Whose models it scores.
    pub group: GroupName,
    /// Why it began.
    pub trigger: Trigger,
    /// How many runs of the same group and window ended before it. The verdicts of a later revision stand beside those of
    /// the earlier ones, and replace none.
    pub revision: u32,
    /// The numbers of the sensors in its scope: those that have a model.
    pub scope: NumberSet,
    /// The hash of the settings that verdicts depend on, so that each names them.
    pub settings: u64,
    /// The hash of the models in its scope, see [`models_hash`].
    pub models: u64,
    /// How its window was closed.
    pub closing: Closing,
    /// How far it is.
    pub state: RunState,
    /// When it took place, who asked for it, and what took its time.
    pub course: RunCourse,
}

#[cfg(test)]
impl Run {
    /// A run that has begun, of no sensor, with this id.
    pub(crate) fn for_test(id: u64, window: Window) -> Self {
        Self {
            id: RunId(id),
            window,
            interval: Span::from_secs(60),
            group: GroupName::default(),
            trigger: Trigger::Schedule,
            revision: 0,
            scope: NumberSet::default(),
            settings: 0,
            models: 0,
            closing: Closing::OnTime,
            state: RunState::Started,
            course: RunCourse::default(),
        }
    }
}

/// Why a run began.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trigger {
    /// The schedule's firing that covers its window.
    Schedule,
    /// A later firing, because the daemon was down at its window's own, or the window was still held open.
    CatchUp,
    /// An operator's command: a window that is over is scored again, with the models of today. It says nothing of which
    /// windows are due.
    Command,
}

impl Trigger {
    /// A short word for it, the same in logs and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Schedule => "schedule",
            Self::CatchUp => "catch-up",
            Self::Command => "command",
        }
    }
}

/// The hash of the models in a scope: the first eight bytes, little-endian, of the SHA-256 over the sensors in the order of
/// their names, each with its device and its sensor, both ended by a zero, a byte that says whether its file can be used,
/// and its model's hash. Numbers are not in it, because they depend on which sensor became known first.
pub fn models_hash(models: impl Iterator<Item = (SensorName, Option<ModelHash>)>) -> u64 {
    let mut models: Vec<_> = models.collect();
    models.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
    let mut hasher = Sha256::new();
    for (sensor, model) in models {
        for part in [sensor.device(), sensor.sensor()] {
            hasher.update(part.as_bytes());
            hasher.update([0]);
        }
        hasher.update([u8::from(model.is_some())]);
        hasher.update(model.map_or([0; 32], |model| model.0));
    }
    let digest = hasher.finalize();
    digest.iter().take(8).rev().fold(0, |hash, byte| (hash << 8) | u64::from(*byte))
}

/// How a window was closed.
///
/// The later ones are worse.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum Closing {
    /// Closed when it was over.
    #[default]
    OnTime,
    /// Held open for that long because a source was away or had just come back; then the window was complete.
    Held(Span),
    /// Held open for that long, the most that `schedule.hold` allows, while its source was still away or still sent
    /// what it had kept. Readings of the window that come afterwards are late.
    AtBound(Span),
}

impl fmt::Display for Closing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OnTime => f.write_str("on time"),
            Self::Held(held) => write!(f, "held open for {held}"),
            Self::AtBound(held) => write!(f, "held open for {held}, the most that is allowed"),
        }
    }
}

/// How far a run is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RunState {
    /// Begun, and not seen to end: the run goes on, or is gone on with.
    Started,
    /// Begun by a command, and ended by an end of the daemon: the next start notes it. Not every sensor has its outcome,
    /// nothing of it was published, and it is not gone on with.
    CutOff,
    /// Every sensor in scope has its outcome.
    Finished(Tally),
}

/// How the outcomes of a run are spread.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// Windows scored.
    pub scored: u32,
    /// Windows without readings.
    pub no_data: u32,
    /// Windows with too few intervals.
    pub too_little_data: u32,
    /// Windows whose scoring failed.
    pub failed: u32,
    /// Windows of quarantined models.
    pub quarantined: u32,
    /// Rows scored.
    pub rows: u64,
    /// Rows called an anomaly.
    pub anomalies: u64,
    /// Windows whose scoring was given up.
    pub timed_out: u32,
    /// Windows of models that are not proven, where proof is wanted.
    pub unproven: u32,
}

impl Tally {
    /// Counts one more outcome.
    pub fn add(&mut self, outcome: &crate::verdict::Outcome) {
        use crate::verdict::Outcome;
        match outcome {
            Outcome::Scored(scored) => {
                self.scored += 1;
                self.rows += scored.rows.len() as u64;
                self.anomalies += scored.anomalies() as u64;
            }
            Outcome::NoData => self.no_data += 1,
            Outcome::TooLittleData { .. } => self.too_little_data += 1,
            Outcome::Failed { .. } => self.failed += 1,
            Outcome::TimedOut { .. } => self.timed_out += 1,
            Outcome::Quarantined => self.quarantined += 1,
            Outcome::Unproven => self.unproven += 1,
        }
    }

    /// How many outcomes were counted.
    pub fn outcomes(&self) -> u32 {
        self.scored + self.no_data + self.too_little_data + self.not_scored()
    }

    /// How many windows were not scored although there may have been enough readings: because of the model, or because
    /// the time was over.
    pub fn not_scored(&self) -> u32 {
        self.failed + self.timed_out + self.quarantined + self.unproven
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_of_models_depends_on_names_and_not_on_who_was_known_first() {
        let name = |sensor: &str| SensorName::new("press", sensor).unwrap();
        let (flow, heat) = ((name("flow"), Some(ModelHash([1; 32]))), (name("heat"), None));
        let hash = models_hash([flow.clone(), heat.clone()].into_iter());
        assert_eq!(models_hash([heat.clone(), flow.clone()].into_iter()), hash);
        assert_ne!(models_hash([(name("flown"), flow.1), heat.clone()].into_iter()), hash);
        assert_ne!(models_hash([(flow.0, Some(ModelHash([2; 32]))), heat].into_iter()), hash);
    }
}
