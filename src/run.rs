//! Runs: one scheduled scoring of all models over one window.

use std::fmt;

use crate::interval::Window;
use crate::time::Span;

/// A run as the ledger knows it. There is one run a window.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Run {
    /// The window that it scores.
    pub window: Window,
    /// The sensors in its scope: how many have a model.
    pub scope: u32,
    /// The hash of the settings that verdicts depend on, so that each names them.
    pub settings: u64,
    /// How its window was closed.
    pub closing: Closing,
    /// How far it is.
    pub state: RunState,
}

/// How a window was closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Closing {
    /// Closed when it was over. Runs of earlier versions have this value too: those versions did not note it.
    #[default]
    OnTime,
    /// Held open for that long because a source was away or had just come back; then the window was complete.
    Held(Span),
    /// Held open for that long, the most that `schedule.hold` allows, while its source was still away or still sent
    /// what it had kept. Readings of the window that come afterwards are late.
    AtBound(Span),
}

impl fmt::Display for Closing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OnTime => f.write_str("on time"),
            Self::Held(held) => write!(f, "held open for {held}"),
            Self::AtBound(held) => write!(f, "held open for {held}, the most that is allowed"),
        }
    }
}

/// How far a run is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RunState {
    /// Begun, and not seen to end: the run goes on, or was cut off.
    Started,
    /// Every sensor in scope has its outcome.
    Finished(Tally),
}

/// How the outcomes of a run are spread.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// Windows scored.
    pub scored: u32,
    /// Windows without readings.
    pub no_data: u32,
    /// Windows with too few intervals.
    pub too_little_data: u32,
    /// Windows whose scoring failed.
    pub failed: u32,
    /// Windows of quarantined models.
    pub quarantined: u32,
    /// Rows scored.
    pub rows: u64,
    /// Rows called an anomaly.
    pub anomalies: u64,
}

impl Tally {
    /// Counts one more outcome.
    pub fn add(&mut self, outcome: &crate::verdict::Outcome) {
        use crate::verdict::Outcome;
        match outcome {
            Outcome::Scored(scored) => {
                self.scored += 1;
                self.rows += scored.rows.len() as u64;
                self.anomalies += scored.anomalies() as u64;
            }
            Outcome::NoData => self.no_data += 1,
            Outcome::TooLittleData { .. } => self.too_little_data += 1,
            Outcome::Failed { .. } => self.failed += 1,
            Outcome::Quarantined => self.quarantined += 1,
        }
    }

    /// How many outcomes were counted.
    pub fn outcomes(&self) -> u32 {
        self.scored + self.no_data + self.too_little_data + self.failed + self.quarantined
    }
}
