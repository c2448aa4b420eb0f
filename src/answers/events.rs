//! What happens, as it happens: each is one server-sent event, whose name is the kind.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::conditions::Condition;
use super::models::Model;
use super::rejects::Reject;
use super::runs::Run;
use super::verdicts::Verdict;
use crate::time::Timestamp;

/// Something that happened.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Event {
    /// A reading counts, and is on the disk.
    Reading {
        /// `device/sensor`.
        sensor: String,
        /// Its time.
        time: Timestamp,
        /// Its value.
        value: f64,
    },
    /// A verdict was stored.
    Verdict {
        /// The verdict.
        verdict: Verdict,
    },
    /// A run began or ended.
    Run {
        /// The run.
        run: Run,
    },
    /// An input was not accepted.
    Reject {
        /// The reject.
        reject: Reject,
    },
    /// A model was put to work, refused or taken off.
    Model {
        /// The model; what is known of it now.
        model: Model,
    },
    /// A condition of a sensor was raised or cleared.
    Condition {
        /// The condition.
        condition: Condition,
        /// Whether it stands from now on.
        stands: bool,
        /// Why it does not stand any more, in words; `null` when it stands.
        #[serde(default)]
        cleared_because: Option<String>,
    },
    /// The listener came slower than the events: so many were passed over.
    Missed {
        /// How many.
        events: u64,
    },
}
