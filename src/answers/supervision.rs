//! The tree of what is supervised.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::time::Timestamp;

/// The daemon's parts and its models, as they are supervised.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Supervision {
    /// The parts of the daemon.
    pub parts: Vec<DaemonPart>,
    /// The models by how they stand.
    pub models: ModelCounts,
    /// Models that failed since they last scored, the longest in trouble first; at most 100.
    pub troubled: Vec<TroubledModel>,
    /// Threads that are still at scorings that were given up.
    pub hung_threads: u64,
    /// Actors that wait for their turn to be started again.
    pub waiting_restarts: u64,
}

/// A part of the daemon that is begun anew when it fails.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct DaemonPart {
    /// Its name.
    pub name: String,
    /// Whether it is at work; else it waits to begin anew.
    pub is_running: bool,
    /// Since when that is so.
    pub since: Timestamp,
    /// How often it began anew since the daemon's start.
    pub restarts: u64,
    /// Why it had to, the last time.
    pub reason: Option<String>,
}

/// How many models stand in which way.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct ModelCounts {
    /// At work without failures since they last scored.
    pub at_work: u64,
    /// Tried again when their pause is over.
    pub paused: u64,
    /// Released: the next failure quarantines them again.
    pub probation: u64,
    /// Not tried any more.
    pub quarantined: u64,
    /// Without a file that can be used.
    pub unusable: u64,
}

/// A model that failed since it last scored.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct TroubledModel {
    /// `device/sensor`.
    pub sensor: String,
    /// Its failures.
    #[serde(flatten)]
    pub trouble: Trouble,
}

/// The failures of a model since it last scored.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Trouble {
    /// How the model stands.
    pub standing: Standing,
    /// Since when it stands so.
    pub since: Timestamp,
    /// How many failures there were in a row.
    pub failures: u32,
    /// Why the last scoring failed.
    pub reason: String,
}

/// How a model with failures stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It is tried again when its pause is over.
    Paused,
    /// It was released from quarantine: its next failure quarantines it again.
    Probation,
    /// It is not tried any more.
    Quarantined,
}

/// What a release did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Released {
    /// How many models were released: those that were paused or quarantined.
    pub released: u64,
}
