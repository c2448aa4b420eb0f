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
    /// Why it began: `schedule` or `catch-up`.
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
}

/// How far a run is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// It goes on, or goes on at the daemon's next start.
    Started,
    /// Every sensor in scope has its outcome.
    Finished,
    /// It began and never ended: its window got another run, or was given up.
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
}
