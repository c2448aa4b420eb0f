//! Who connects, and to whom we connect.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::time::Timestamp;

/// Who is connected, who failed to, and how the broker is.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Connections {
    /// Our own MQTT endpoint; `null` when it is off.
    pub listener: Option<Server>,
    /// The broker; `null` when none is configured.
    pub broker: Option<Server>,
    /// Devices that are connected, by their ids.
    pub connected: Vec<Connection>,
    /// How many are connected in all: the list is cut.
    pub total: u64,
    /// Connections that failed or ended by a fault, those of one address and reason counted together, the newest first.
    pub failed: Vec<FailedConnections>,
}

/// An MQTT endpoint, ours or a broker's.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Server {
    /// Its address.
    pub address: String,
    /// Whether it can be reached now.
    pub is_up: bool,
    /// Since when it is so.
    pub since: Option<Timestamp>,
    /// Why it cannot be reached.
    pub problem: Option<String>,
    /// Messages that came over it since the start.
    pub messages: u64,
}

/// A device that is connected.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Connection {
    /// Its client id.
    pub client: String,
    /// From where.
    pub address: String,
    /// Since when.
    pub since: Timestamp,
    /// Messages since then.
    pub messages: u64,
    /// When the last one came.
    pub last_message: Option<Timestamp>,
}

/// Connections that failed.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct FailedConnections {
    /// The client id, when it was told.
    pub client: Option<String>,
    /// From where.
    pub address: String,
    /// Why, and what to do.
    pub reason: String,
    /// When it happened last.
    pub last: Timestamp,
    /// How often.
    pub count: u64,
}
