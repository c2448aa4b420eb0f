//! The configuration in force, and which release this is.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::time::Timestamp;

/// The configuration in force.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Configuration {
    /// The file.
    pub file: String,
    /// When it was read.
    pub read: Timestamp,
    /// What it says now, compared with what is in force.
    pub state: ConfigurationState,
    /// What differs, or is wrong with it, a line each.
    pub differences: Vec<String>,
    /// The text that is in force, with its comments; secrets are hidden.
    pub text: String,
}

/// How the file compares with what is in force.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConfigurationState {
    /// The file is in force.
    InForce,
    /// The file was changed; a restart puts it in force.
    Changed,
    /// The file was changed, and has mistakes.
    Invalid,
    /// The file cannot be read.
    Unreadable,
}

/// Which release this is, what it listens on and what it may touch.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Version {
    /// The version of the program.
    pub version: String,
    /// The number of its process.
    pub process: u32,
    /// The system's user that it runs as.
    pub user: String,
    /// The folder of its store.
    pub store: String,
    /// Where it listens, a line each: `MQTT on 127.0.0.1:1883`.
    pub listens: Vec<String>,
    /// Where it connects to, a line each.
    pub connects: Vec<String>,
    /// The folders that it reads.
    pub reads: Vec<String>,
    /// The folders that it writes.
    pub writes: Vec<String>,
}
