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

/// An order's identity. Later orders have larger ids, and no id is given twice.
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

impl RunOrder {
    /// The first interval that is compared of the window at this place. Where windows of a group overlap, those before it lie
    /// in the window before, too, and each counts once.
    pub fn first_compared(&self, place: usize) -> u32 {
        let Some((GroupWindow { group, window, interval }, before)) =
            self.windows.get(..=place).and_then(|windows| windows.split_last())
        else {
            return 0;
        };
        let last = before.iter().rev().find(|other| other.group == *group);
        let known = last.map_or(Span::ZERO, |last| last.window.end().since(window.start()));
        u32::try_from(known.nanos() / interval.nanos().max(1)).unwrap_or(u32::MAX)
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    #[test]
    fn of_windows_that_overlap_each_interval_is_compared_once() {
        let minutes = |minutes: i64| Span::from_secs(60).times(minutes);
        let window = |group: &str, end: i64| GroupWindow {
            group: GroupName::new(group).unwrap(),
            window: Window::new(Timestamp::default() + minutes(end - 30), minutes(30)),
            interval: minutes(1),
        };
        let windows = vec![window("a", 30), window("b", 30), window("a", 40), window("a", 50), window("b", 60)];
        let (sensors, keeping) = (OrderedSensors::All, VerdictKeeping::DryRun);
        let order = RunOrder { sensors, windows, keeping, request: RunRequest::new("all") };
        let first: Vec<_> = (0..6).map(|place| order.first_compared(place)).collect();
        assert_eq!(first, [0, 0, 20, 20, 0, 0]);
    }
}
