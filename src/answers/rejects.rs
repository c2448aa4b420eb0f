//! Inputs that were not accepted.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::base64;
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
    /// The topic of the message, when it is kept whole.
    pub topic: Option<String>,
    /// The payload of the message, when it is kept whole: then it can be tested and replayed.
    pub payload: Option<Payload>,
    /// The reading, when one had been decoded: it can be tested and replayed without its message, too.
    pub reading: Option<RejectedReading>,
    /// Whether it is one reading of its message; others of the message may count.
    pub is_partial: bool,
    /// Whether a broker kept the message from earlier.
    pub is_retained: bool,
    /// Whether it was replayed, and taken in. It is replayed again only if that is asked for; nothing counts twice then.
    pub is_replayed: bool,
}

/// A decoded reading that was not accepted.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct RejectedReading {
    /// `device/sensor`.
    pub sensor: String,
    /// Its time.
    pub time: Timestamp,
    /// Its value.
    pub value: f64,
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

impl Payload {
    /// Bytes as they are written.
    pub fn of(bytes: &[u8]) -> Self {
        match str::from_utf8(bytes) {
            Ok(text) => Self::Text(text.to_owned()),
            Err(_) => Self::Base64(base64::encode(bytes)),
        }
    }

    /// The bytes; `None` when what should be base64 is not.
    pub fn bytes(&self) -> Option<Vec<u8>> {
        match self {
            Self::Text(text) => Some(text.clone().into_bytes()),
            Self::Base64(text) => base64::decode(text),
        }
    }
}

/// What would become of a reject now; or, once it was replayed, what became of it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct RejectTest {
    /// The reject's id.
    pub id: String,
    /// What becomes of it.
    pub result: RouteTest,
}
