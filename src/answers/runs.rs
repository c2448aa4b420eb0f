//! Runs, and when they are due.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::status::NextRun;
use super::verdicts::{Outcome, Span};
use crate::time::Timestamp;

/// A run.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Run {
    /// Its id. Later runs have larger ones.
    pub id: u64,
    /// The window that it scores.
    pub window: Span,
    /// How long an interval of its rows is.
    pub interval_seconds: f64,
    /// Whose models it scores.
    pub group: String,
    /// Why it began: `schedule`, `catch-up` or `command`.
    pub trigger: String,
    /// How many runs over the same window ended before it.
    pub revision: u32,
    /// How many sensors are in its scope.
    pub sensors: u64,
    /// How its window was closed, in words: `on time`, `held open for 3m`.
    pub closing: String,
    /// How far it is.
    pub state: RunState,
    /// Its outcomes, counted; `null` before it has ended.
    pub tally: Option<Tally>,
    /// The hash of the settings that its verdicts depend on.
    pub settings: String,
    /// The hash of its models.
    pub models: String,
    /// When it began, by the system's clock; `null` of runs that an earlier version wrote.
    pub begun: Option<Timestamp>,
    /// When its last outcome was there.
    pub ended: Option<Timestamp>,
    /// What an operator asked for, and who that was, in words; `null` of runs that were due by themselves.
    pub request: Option<String>,
    /// How long its parts took; `null` before it has ended.
    pub times: Option<RunTimes>,
    /// The sensors that took longest, the slowest first; empty in lists of runs.
    pub slowest: Vec<SlowSensor>,
}

/// How long the parts of a run took.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct RunTimes {
    /// Reading windows from the store, added up over all sensors, which are read side by side.
    pub read_seconds: f64,
    /// Evaluating models, added up over all sensors.
    pub score_seconds: f64,
    /// From its beginning to the last outcome, by the clock on the wall.
    pub until_last_outcome_seconds: f64,
    /// From the last outcome until all verdicts were durable; `null` while that is not known.
    pub store_seconds: Option<f64>,
}

impl RunTimes {
    /// From the run's beginning until all was durable, as far as that is known.
    pub fn total_seconds(&self) -> f64 {
        self.until_last_outcome_seconds + self.store_seconds.unwrap_or_default()
    }
}

/// What was logged of a run while it went on.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct RunLog {
    /// The lines, in their order.
    pub lines: Vec<LogLine>,
    /// How many lines of the whole log were not kept (`store.run_log`).
    pub left_out: u64,
}

/// One line.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct LogLine {
    /// When it was logged, by the system's clock.
    pub at: Timestamp,
    /// How urgent it is.
    pub urgency: Urgency,
    /// The sensor that it is about, as `device/sensor`.
    pub sensor: Option<String>,
    /// What happened, with the values that belong to it.
    pub text: String,
}

/// How urgent a line of a log is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Urgency {
    /// Something failed.
    Error,
    /// Something is odd.
    Warning,
    /// Something happened.
    Info,
}

/// How long one sensor took in a run.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct SlowSensor {
    /// `device/sensor`.
    pub sensor: String,
    /// Reading its windows.
    pub read_seconds: f64,
    /// Evaluating its model.
    pub score_seconds: f64,
}

/// How far a run is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// It goes on.
    Started,
    /// Every sensor in scope has its outcome.
    Finished,
    /// It began and did not end, and nothing of it was published. One that was due is gone on with after the daemon's start,
    /// unless its window got another run, or was given up; one of an operator is not gone on with.
    CutOff,
}

/// How the outcomes of a run are spread.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct Tally {
    /// Windows scored.
    pub scored: u32,
    /// Windows without readings.
    pub no_data: u32,
    /// Windows with too few intervals.
    pub too_little_data: u32,
    /// Windows whose scoring failed.
    pub failed: u32,
    /// Windows whose scoring was given up.
    #[serde(default)]
    pub timed_out: u32,
    /// Windows of quarantined models.
    pub quarantined: u32,
    /// Windows of models that are not proven, where the configuration wants proof.
    #[serde(default)]
    pub unproven: u32,
    /// Rows scored.
    pub rows: u64,
    /// Rows called an anomaly.
    pub anomalies: u64,
}

impl Tally {
    /// How many windows were not scored although there may have been enough readings: because of the model, or because
    /// the time was over.
    pub fn not_scored(&self) -> u32 {
        self.failed + self.timed_out + self.quarantined + self.unproven
    }
}

/// What a run says of one sensor.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct RunOutcome {
    /// `device/sensor`.
    pub sensor: String,
    /// What came out.
    pub outcome: Outcome,
    /// Why not, when it was not scored.
    pub reason: Option<String>,
    /// Its anomalies.
    pub anomalies: u32,
    /// How unusual its worst interval is, from 0 to 1.
    pub score: Option<f64>,
}

/// When runs are due.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Schedule {
    /// The cron pattern.
    pub cron: String,
    /// The time zone that the pattern is in.
    pub zone: String,
    /// How long an interval is.
    pub interval_seconds: f64,
    /// How long a window is.
    pub window_seconds: f64,
    /// How long after its end an interval still accepts readings.
    pub lateness_seconds: f64,
    /// How many missed windows are caught up on.
    pub catch_up: u32,
    /// The windows before this time are scored or given up.
    pub scored_until: Option<Timestamp>,
    /// The next runs, at most ten; none when the readings decide.
    pub next: Vec<NextRun>,
    /// Windows of the ledger's time that no run has scored, neighbours together, the newest first.
    pub missed: Vec<MissedWindows>,
    /// Each group with its last and next firings; the group of all other sensors is the last.
    #[serde(default)]
    pub groups: Vec<GroupSchedule>,
    /// For how long the scheduler has not looked for what is due, in seconds; it looks twice a minute at least.
    #[serde(default)]
    pub silent_seconds: Option<f64>,
}

/// When the windows of a group are scored.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct GroupSchedule {
    /// Its name.
    pub group: String,
    /// The pattern.
    pub cron: String,
    /// The zone in which the pattern is meant.
    pub zone: String,
    /// How long a window is.
    pub window_seconds: f64,
    /// How far a window ends behind the one before.
    pub hop_seconds: f64,
    /// How long after a firing its runs begin: lateness, offset and the group's jitter.
    pub delay_seconds: f64,
    /// What happens to a firing that becomes due while the one before is being scored: `catch_up`, `queue` or `skip`.
    pub overlap: String,
    /// How many missed windows are caught up on.
    pub catch_up: u32,
    /// How long ago a missed window may have ended; `null` when `catch_up` alone bounds it.
    pub horizon_seconds: Option<f64>,
    /// The windows before this time are scored or given up.
    pub scored_until: Option<Timestamp>,
    /// The last firings, the newest first; at most five.
    pub last: Vec<LastFiring>,
    /// The next firings, at most five; none when the readings decide.
    pub next: Vec<NextFiring>,
    /// Windows that were given up since the daemon's start, the newest first; at most 100.
    pub given_up: Vec<GivenUpWindows>,
}

/// A firing, and what came of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct LastFiring {
    /// When it took place.
    pub at: Timestamp,
    /// The same by the clocks of the zone, with its distance from UTC.
    pub local: String,
    /// How many windows ended since the firing before.
    pub windows: u64,
    /// How many of them a run has scored.
    pub scored: u64,
    /// What came of it, and why windows are not scored, in words.
    pub words: String,
}

/// A firing to come.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct NextFiring {
    /// When it takes place.
    pub at: Timestamp,
    /// The same by the clocks of the zone, with its distance from UTC.
    pub local: String,
    /// When its runs begin.
    pub begins: Timestamp,
    /// From the start of the first of its windows that is scored to the end of the last.
    pub span: Span,
    /// How many windows it covers.
    pub windows: u64,
    /// How many of these are scored; the older ones are given up.
    pub scored: u64,
}

/// Windows that were given up.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct GivenUpWindows {
    /// When that was decided.
    pub at: Timestamp,
    /// The end of the first of them.
    pub first_end: Timestamp,
    /// The end of the last of them.
    pub last_end: Timestamp,
    /// How many there are.
    pub windows: u64,
    /// Why.
    pub words: String,
}

/// Neighbouring windows that no run has scored.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct MissedWindows {
    /// From the start of the first to the end of the last.
    pub span: Span,
    /// How many there are.
    pub windows: u64,
    /// Why, as far as that is known.
    pub words: String,
    /// Whose windows.
    #[serde(default)]
    pub group: String,
}
