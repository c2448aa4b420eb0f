//! What operators have asked to be scored again.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::runs::Tally;
use super::verdicts::Span;
use crate::time::Timestamp;

/// What is to be scored again with the models of today. What is left out is not restricted.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRunOrder {
    /// Only the windows and sensors of this group.
    #[serde(default)]
    #[schema(min_length = 1)]
    pub group: Option<String>,
    /// Only sensors that fit a pattern such as `press-1/*`.
    #[serde(default)]
    #[schema(pattern = r"^[^\x00-\x1f\x7f-\x9f+#]*[/*][^\x00-\x1f\x7f-\x9f+#]*$")]
    pub sensors: Option<String>,
    /// Only windows that begin at this time or later; without `since` and `until`, the last window of each group that was scored.
    #[serde(default)]
    pub since: Option<Timestamp>,
    /// Only windows that end at this time or before.
    #[serde(default)]
    pub until: Option<Timestamp>,
    /// Whether the verdicts are only compared with those that stand, and not stored. It must be said.
    pub is_dry_run: bool,
}

/// An order, and how far it is.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct RunOrder {
    /// Its id. Later orders have larger ones, and no id is given twice.
    pub id: u64,
    /// What was asked for and by whom, in words.
    pub request: String,
    /// When.
    pub asked: Timestamp,
    /// Whether the verdicts are only compared, and not stored.
    pub is_dry_run: bool,
    /// How far it is.
    pub state: OrderState,
    /// Why it was given up.
    pub problem: Option<String>,
    /// From the start of its first window to the end of its last.
    pub span: Span,
    /// How many windows it has.
    pub windows: u64,
    /// How many of them are done.
    pub windows_done: u64,
    /// The window that is being scored.
    pub current: Option<OrderedWindow>,
    /// The first run that stored its verdicts; `null` of a dry run, and before its first window is done.
    pub first_run: Option<u64>,
    /// The last run that stored its verdicts.
    pub last_run: Option<u64>,
    /// Its outcomes, counted over all windows.
    pub tally: Tally,
    /// How they differ from the verdicts that stood before.
    pub comparison: Comparison,
}

/// How far an order is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OrderState {
    /// It waits for runs that are due, or for orders before it.
    Waiting,
    /// A window of it is being scored, or will be next.
    GoesOn,
    /// It ends with the window that is being scored.
    Cancelling,
    /// All its windows are done.
    Finished,
    /// It was cancelled.
    Cancelled,
    /// It was given up.
    Failed,
}

impl OrderState {
    /// Whether nothing more comes of it.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Finished | Self::Cancelled | Self::Failed)
    }
}

/// How far a window of an order is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct OrderedWindow {
    /// Which window.
    pub window: Span,
    /// How many sensors have their outcome.
    pub answered: u64,
    /// How many there are.
    pub sensors: u64,
}

/// How verdicts of today differ from those that stood before.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Comparison {
    /// Intervals that are anomalies now and were not.
    pub new: u64,
    /// Intervals that were anomalies and are not now.
    pub gone: u64,
    /// Intervals that are anomalies as before.
    pub unchanged: u64,
    /// How many windows of sensors have another outcome than before, such as scored instead of failed.
    pub other_outcomes: u64,
    /// How many windows of sensors had no verdict before, and are compared with nothing.
    pub without_verdict: u64,
    /// How many sensors differ in an anomaly.
    pub changed_sensors: u64,
    /// Those of them that differ most, the most first; at most a hundred, and none in a list of orders.
    pub most_changed: Vec<ChangedSensor>,
}

/// How the verdicts of one sensor differ.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct ChangedSensor {
    /// `device/sensor`.
    pub sensor: String,
    /// Intervals that are anomalies now and were not.
    pub new: u64,
    /// Intervals that were anomalies and are not now.
    pub gone: u64,
    /// Intervals that are anomalies as before.
    pub unchanged: u64,
}
