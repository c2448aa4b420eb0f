//! What the health of daemon and plant is judged by.

use crate::answers::{
    Clock, Condition, ConditionKind, ConfigurationState, Disk, Run, Sensor, SensorCounts, Server, Sink,
};
use crate::time::Timestamp;

/// What the health of daemon and plant is judged by.
#[derive(Clone, PartialEq, Debug)]
pub struct HealthFacts {
    /// The daemon's time.
    pub now: Timestamp,
    /// Since when it runs.
    pub started: Timestamp,
    /// How many sensors are in which state.
    pub sensors: SensorCounts,
    /// The sensors that are anomalous, failed or silent, the worst first; the list is cut.
    pub unhealthy: Vec<Sensor>,
    /// The conditions that are problems, one entry a kind.
    pub conditions: Vec<ConditionProblem>,
    /// How the clock is.
    pub clock: Clock,
    /// The broker; `None` when none is configured.
    pub broker: Option<Server>,
    /// The last run that ended.
    pub last_run: Option<Run>,
    /// Each sink.
    pub sinks: Vec<Sink>,
    /// The disk.
    pub disk: Disk,
    /// Whether writing waits for room on the disk.
    pub is_disk_full: bool,
    /// Windows that were given up since the start.
    pub windows_skipped: u64,
    /// Readings that were accepted in the last ten minutes.
    pub readings_lately: u64,
    /// Inputs that were rejected in the last ten minutes.
    pub rejects_lately: u64,
    /// Sensors, as `device/sensor`, whose models failed too often.
    pub quarantined: Vec<String>,
    /// Threads that hang at models that do not end.
    pub hung_threads: u64,
    /// Sensors, as `device/sensor`, whose newest model file cannot be used, each with the reason.
    pub unusable_models: Vec<(String, String)>,
    /// How the configuration's file compares with what is in force.
    pub configuration: ConfigurationState,
    /// Entries of the store and records of its journal that could not be read since the start.
    pub entries_lost: u64,
    /// Damaged stores that were set aside.
    pub stores_set_aside: u64,
}

/// A kind of condition that is a problem.
#[derive(Clone, PartialEq, Debug)]
pub struct ConditionProblem {
    /// The kind.
    pub kind: ConditionKind,
    /// How many sensors have it.
    pub count: u64,
    /// Since when the first of all of them has it.
    pub since: Option<Timestamp>,
    /// The first of these; the list is cut.
    pub first: Vec<Condition>,
}
