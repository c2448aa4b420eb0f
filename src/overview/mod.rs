//! What an operator wants to know, computed from the store and from what the running parts show: the answers of the API.
//!
//! Each file adds one group of questions to [`Overview`]. Reads of the store may block; the API asks on threads of its
//! own.

mod conditions;
mod disk;
mod events;
mod groups;
mod health;
mod health_facts;
mod lately;
mod models;
mod rejects;
mod remembered;
mod route_test;
mod run_orders;
mod run_scores;
mod runs;
mod schedule;
mod score_code;
mod scores;
mod sensor_index;
mod sensor_states;
mod sensors;
mod series;
mod sinks;
mod status;
mod supervision;
mod surroundings;
#[cfg(test)]
mod test_runs;
mod time_range;
mod timeline;
mod together;
mod unusual;
mod verdicts;
mod whole_windows;

use std::sync::Arc;

use crate::group::Groups;
use crate::ingest::trial::MessageTrial;
use crate::interval::Cut;
use crate::live::{Live, Questions};
use crate::rescoring::Rescorer;
use crate::schedule::Schedule;
use crate::schedule::agenda::GroupPlan;
use crate::sensor::SensorDirectory;
use crate::store::Reader;
use crate::time::{Clock, Timestamp};

pub use conditions::ConditionSelection;
pub use disk::DiskSample;
pub use events::{EventFilter, WordedEvents};
pub use health::health;
pub use health_facts::{ConditionProblem, HealthFacts};
pub use lately::Lately;
pub use models::{ModelSelection, model_answer};
pub use rejects::{NoInput, RejectQuery, RejectTrial, list_rejects, reject_answer};
pub use route_test::{Fate, RouteTester};
pub use run_orders::{NamedSensors, OrderDemand, OrderReach, OrderRefusal};
pub use run_scores::{RunScores, ScoredWindow, ScoredWindows, VerdictSummary};
pub use runs::{OutcomeSelection, RunSelection, run_answer};
pub use sensor_index::{SensorIndex, SortedSensors};
pub use sensor_states::StateMemory;
pub use sensors::{SensorCursor, SensorSelection};
pub use status::RememberedStatus;
pub use surroundings::Surroundings;
pub use time_range::{RangeTooLong, TimeRange};
pub use timeline::{RowKind, RowOrder, TimelineSelection};
pub use unusual::UnusualSelection;
pub use verdicts::{
    StoredVerdicts, VerdictCursor, VerdictSelection, WantedAnomalies, WantedSensors, explanation_answer,
    outcome_answer, verdict_answer,
};
pub use whole_windows::AskedRange;

/// Knows where the answers come from.
#[derive(Clone)]
pub struct Overview {
    /// Reads the store.
    pub reader: Reader,
    /// Computes again what is not stored of verdicts.
    pub rescorer: Arc<Rescorer>,
    /// The names of the sensors.
    pub sensors: Arc<SensorDirectory>,
    /// The sensors in the order of their names.
    pub index: Arc<SensorIndex>,
    /// What finished runs said of them.
    pub scores: Arc<RunScores>,
    /// The states of the sensors as they were a moment ago.
    pub states: Arc<StateMemory>,
    /// What the running parts show.
    pub live: Arc<Live>,
    /// Tells what the configuration makes of a message.
    pub messages: MessageTrial,
    /// What the running parts are asked.
    pub questions: Questions,
    /// How the store cuts event time.
    pub base: Cut,
    /// Which sensor is in which group.
    pub groups: Groups,
    /// When runs of the sensors are due that no named group takes.
    pub schedule: Schedule,
    /// All groups, and when each is scored.
    pub plans: Arc<[GroupPlan]>,
    /// The clock that the daemon goes by.
    pub clock: Clock,
    /// Since when it runs.
    pub started: Timestamp,
    /// What the answers need to know of the daemon around them.
    pub surroundings: Arc<Surroundings>,
}
