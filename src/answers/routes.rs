//! What becomes of a message: which route takes it, which readings it holds, and what the filters say.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::rejects::Payload;
use crate::time::Timestamp;

/// A message to be tested.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TestedMessage {
    /// Its topic.
    pub topic: String,
    /// Its payload.
    pub payload: Payload,
    /// Whether it is one that a broker kept.
    #[serde(default)]
    pub is_retained: bool,
}

/// What becomes of a message.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct RouteTest {
    /// The topic.
    pub topic: String,
    /// The filter of the route that takes it; `null` when none does.
    pub route: Option<String>,
    /// Which route of the configuration that is, counted from 1.
    pub number: Option<u32>,
    /// The format in which the payload was read.
    pub format: Option<String>,
    /// Each reading.
    pub readings: Vec<JudgedReading>,
    /// Members that are passed over because they are no numbers, counted by kind.
    pub passed_over: Vec<String>,
    /// Why the whole message, or parts of it, are rejected: with what would have been accepted.
    pub rejects: Vec<String>,
    /// Who judged the readings.
    pub judged_by: JudgedBy,
    /// In one sentence.
    pub words: String,
}

/// Who judged the readings of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum JudgedBy {
    /// The daemon: all of it.
    Daemon,
    /// The configuration alone: lateness, repeats and deadbands depend on what came before, and were not judged.
    Configuration,
}

/// A reading of a message, and what is said of it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct JudgedReading {
    /// `device/sensor`.
    pub sensor: String,
    /// Its time.
    pub time: Timestamp,
    /// Its value.
    pub value: f64,
    /// What becomes of it.
    pub judgement: Judgement,
    /// Why it would not count.
    pub reason: Option<String>,
}

/// What becomes of a reading.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Judgement {
    /// It counts.
    Accepted,
    /// It is passed over: a deadband suppresses it, or it is there already.
    PassedOver,
    /// It waits until the clock is believed.
    Held,
    /// It does not count.
    Rejected,
}
