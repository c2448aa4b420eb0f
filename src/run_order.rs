//! What an operator has asked to be scored again (`anomalyd run-now`), and how what comes out differs from what stands.
//!
//! An order is worked off window by window, the oldest first, each as a run of its own that never goes on beside another
//! (`actors/scoring/commanded.rs`). Its verdicts are stored as the next revision of their windows, or nowhere when the order
//! is a dry run. Either way each is compared with the verdict that stood before.

mod changes;
mod standing;

use std::fmt;

pub use changes::{AnomalyChanges, OrderChanges, SensorChanges};
pub use standing::StandingVerdicts;

use crate::group::GroupName;
use crate::interval::Window;
use crate::run::RunRequest;
use crate::sensor::SensorName;
use crate::sensor_pattern::SensorPattern;
use crate::time::Span;

/// An order's identity. Later orders have larger ids, which begin anew at a start of the daemon.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct OrderId(pub u64);

impl fmt::Display for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What an operator has asked for.
#[derive(Clone, PartialEq, Debug)]
pub struct RunOrder {
    /// Which sensors.
    pub sensors: OrderedSensors,
    /// Which windows, the one that ends first at the front; at least one.
    pub windows: Vec<GroupWindow>,
    /// What becomes of the verdicts.
    pub keeping: VerdictKeeping,
    /// What was asked for and by whom, in words.
    pub request: RunRequest,
}

/// A window of a group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupWindow {
    /// The group.
    pub group: GroupName,
    /// Its window.
    pub window: Window,
    /// The length of the group's intervals.
    pub interval: Span,
}

/// Which sensors an order is about; of these it scores those that have a model.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum OrderedSensors {
    /// All.
    All,
    /// Those that fit a pattern.
    Fitting(SensorPattern),
}

impl OrderedSensors {
    /// Whether a sensor is one of them.
    pub fn holds(&self, name: &SensorName) -> bool {
        match self {
            Self::All => true,
            Self::Fitting(pattern) => pattern.fits(&name.to_string()),
        }
    }
}

impl fmt::Display for OrderedSensors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all sensors"),
            Self::Fitting(pattern) => pattern.fmt(f),
        }
    }
}

/// What becomes of the verdicts of a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum VerdictKeeping {
    /// They are stored, and published as those of any run.
    Stored,
    /// They are compared, and dropped.
    DryRun,
}
