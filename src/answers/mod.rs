//! What the API answers, as it stands in JSON: the words that the daemon, the page and the commands share.
//!
//! `overview/` computes these values, `http/` serves them and describes them in OpenAPI, and `cli/` shows them. Times are
//! RFC 3339 in UTC; lengths of time are in seconds; a number that is not known is `null`.

mod base64;
mod conditions;
mod configuration;
mod connections;
mod events;
mod groups;
mod models;
mod rejects;
mod role;
mod routes;
mod run_orders;
mod runs;
mod sensors;
mod series;
mod status;
mod supervision;
mod timeline;
mod timestamp;
mod unusual;
mod verdicts;

pub use conditions::{Condition, ConditionCounts, ConditionKind};
pub use configuration::{Configuration, ConfigurationState, Version};
pub use connections::{Connection, Connections, FailedConnections, Server};
pub use events::Event;
pub use groups::Group;
pub use models::{Model, ModelState, UsualRange};
pub use rejects::{Payload, Reject, RejectKind, RejectTest, RejectedReading, Rejects};
pub use role::{Me, Role};
pub use routes::{JudgedBy, JudgedReading, Judgement, RouteTest, TestedMessage};
pub use run_orders::{ChangedSensor, Comparison, NewRunOrder, OrderState, OrderedWindow, RunOrder};
pub use runs::{
    GivenUpWindows, GroupSchedule, LastFiring, LogLine, MissedWindows, NextFiring, Run, RunLog, RunOutcome, RunState,
    RunTimes, Schedule, SlowSensor, Tally, Urgency,
};
pub use sensors::{Sensor, SensorCounts, SensorDetail, SensorState};
pub use series::{Scores, Series};
pub use status::{Clock, Disk, Health, NextRun, Problem, ProblemKind, Severity, Sink, SinkState, Status};
pub use supervision::{DaemonPart, ModelCounts, Released, Standing, Supervision, Trouble, TroubledModel};
pub use timeline::{Cell, Timeline, TimelineRow};
pub use unusual::{DeviceShare, Together, Unusual, UnusualSensor};
pub use verdicts::{Explanation, Outcome, Span, Verdict, WorstRow};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A part of a longer list.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct List<T> {
    /// The entries.
    pub items: Vec<T>,
    /// What to ask for as `after` to get the entries that follow; `null` behind the last one.
    pub next: Option<String>,
    /// How many entries the whole list has; `null` when they were not counted.
    pub total: Option<u64>,
}
