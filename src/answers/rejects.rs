//! Inputs that were not accepted.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::routes::RouteTest;
use crate::time::Timestamp;

/// The rejects that are kept, and how many there were of each kind.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Rejects {
    /// Those that are kept whole, the newest first.
    pub items: Vec<Reject>,
    /// What to ask for as `after` to get older ones; `null` behind the oldest.
    pub next: Option<String>,
    /// How many the kept blocks counted of each kind, the most frequent first.
    pub kinds: Vec<RejectKind>,
}

/// How many rejects there were of a kind.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct RejectKind {
    /// The kind of reason, such as `no_route`.
    pub kind: String,
    /// How many.
    pub count: u64,
}

/// An input that was not accepted.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Reject {
    /// Its id, for as long as it is kept.
    pub id: String,
    /// When it came in.
    pub received: Timestamp,
    /// The topic that it came under, or the sensor when it had been decoded.
    pub origin: String,
    /// The kind of reason.
    pub kind: String,
    /// Why it was not accepted, what would have been, and what to do.
    pub reason: String,
    /// The beginning of the input, for a person.
    pub excerpt: String,
    /// The input itself, when it is kept whole: then it can be tested and replayed.
    pub payload: Option<Payload>,
}

/// Bytes: as text where they are text, else as base64.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Payload {
    /// UTF-8.
    Text(String),
    /// Anything else.
    Base64(String),
}

/// What would become of a reject now; or, once it was replayed, what became of it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct RejectTest {
    /// The reject's id.
    pub id: String,
    /// What becomes of it.
    pub result: RouteTest,
}
