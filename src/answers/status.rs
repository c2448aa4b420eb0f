//! How the daemon and the plant are, in one answer.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::conditions::ConditionCounts;
use super::runs::Run;
use super::sensors::SensorCounts;
use super::verdicts::Span;
use crate::time::Timestamp;

/// How the daemon and the plant are.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Status {
    /// What it comes to.
    pub health: Health,
    /// The version of the program.
    pub version: String,
    /// Since when the daemon runs.
    pub started: Timestamp,
    /// The daemon's time now.
    pub now: Timestamp,
    /// How its clock is.
    pub clock: Clock,
    /// How many sensors are in which state.
    pub sensors: SensorCounts,
    /// How many sensors have which condition.
    pub conditions: ConditionCounts,
    /// Readings accepted since the start.
    pub readings: u64,
    /// Readings accepted a second, of the last ten seconds.
    pub readings_per_second: f64,
    /// When the last reading was accepted; `null` when none was since the start.
    pub last_reading: Option<Timestamp>,
    /// Inputs that were not accepted since the start.
    pub rejects: u64,
    /// The run that goes on.
    pub running: Option<Run>,
    /// The last run that ended.
    pub last_run: Option<Run>,
    /// The run that is due next; `null` when the readings decide that.
    pub next_run: Option<NextRun>,
    /// Windows that were never scored since the start, because more had been missed than are caught up on.
    pub windows_skipped: u64,
    /// Each sink, and how far behind it is.
    pub sinks: Vec<Sink>,
    /// The disk.
    pub disk: Disk,
}

/// What the state of daemon and plant comes to.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// The worst of the problems; `ok` when there are none.
    pub severity: Severity,
    /// All in one sentence: `14 of 15 sensors are healthy; press-1/flow has been silent since 09:41 UTC`.
    pub sentence: String,
    /// Each problem, the worst first.
    pub problems: Vec<Problem>,
}

/// How bad something is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Nothing is wrong.
    Ok,
    /// Something in the plant, or a part of the daemon, deserves a look.
    Warning,
    /// The daemon does not do its work, or will soon not.
    Error,
}

/// Something that deserves a look.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// What kind of problem.
    pub kind: ProblemKind,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong and what to do, in words.
    pub words: String,
    /// Since when, if that is known.
    pub since: Option<Timestamp>,
    /// How many sensors, files or runs it concerns.
    pub count: u64,
    /// The sensor, as `device/sensor`, if it concerns one.
    pub sensor: Option<String>,
}

/// The kinds of problems.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProblemKind {
    /// The disk is full: readings wait.
    DiskFull,
    /// The disk will be full soon.
    DiskNearlyFull,
    /// A broker that is configured is not connected.
    BrokerAway,
    /// The clock is not believed: readings wait.
    ClockDoubted,
    /// Sensors were anomalous in the last run.
    Anomalous,
    /// Sensors send nothing any more.
    Silent,
    /// The readings of sensors all have one value, and they usually vary.
    Stuck,
    /// Sensors send in far fewer intervals than usual.
    Sparse,
    /// Windows of sensors are unlike the training of their models.
    OutOfRange,
    /// The levels of sensors have left what is usual for them.
    Drifting,
    /// The clocks of sensors are wrong.
    ClockWrong,
    /// Windows could not be scored.
    ScoringFailed,
    /// Models that failed too often are not tried any more.
    Quarantined,
    /// Threads hang at models that do not end.
    ThreadsHung,
    /// Model files cannot be used.
    ModelUnusable,
    /// A sink is behind.
    SinkBehind,
    /// Windows were skipped.
    WindowsSkipped,
    /// Many inputs are rejected.
    Rejecting,
    /// The configuration's file differs from what is in force.
    ConfigurationChanged,
    /// Parts of the store were lost or set aside.
    StoreDamaged,
}

/// How the daemon's clock is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Clock {
    /// By which clock windows are closed: `wall` or `event`.
    pub source: String,
    /// Whether the system's clock is believed.
    pub is_trusted: bool,
    /// Readings that wait until it is.
    pub held_readings: u64,
    /// In words, for a person.
    pub words: String,
}

/// The run that is due next.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct NextRun {
    /// When it begins.
    pub at: Timestamp,
    /// The window that it scores; from the first to the last when several are due together.
    pub window: Span,
    /// Whose models it scores.
    #[serde(default)]
    pub group: String,
}

/// A sink: where verdicts leave to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Sink {
    /// Its name: `files` or `mqtt`.
    pub name: String,
    /// How it is.
    pub state: SinkState,
    /// Finished runs that it has not taken.
    pub runs_behind: u64,
    /// The end of the window of the last run that it took.
    pub taken_until: Option<Timestamp>,
}

/// How a sink is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SinkState {
    /// It has taken every finished run.
    UpToDate,
    /// It is behind.
    Behind,
}

/// The disk that holds the store.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Disk {
    /// The size of the store.
    pub store_bytes: u64,
    /// What the store may take (`store.max_size`).
    pub store_max_bytes: u64,
    /// What is free on the disk.
    pub free_bytes: Option<u64>,
    /// What the disk holds in all.
    pub total_bytes: Option<u64>,
    /// What this process has the disk write a day, at the pace since its start.
    pub written_bytes_per_day: Option<f64>,
    /// When the disk will be full at the pace since the start; `null` when it will not.
    pub full_at: Option<Timestamp>,
}
