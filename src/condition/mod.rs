//! Conditions: what is wrong with a sensor itself, whether it has a model or not.
//!
//! Behind each window that was closed for all sensors, every sensor is looked at once. The window, the sensor's usual
//! behaviour ([`Usual`]), its model and its clock give [`Evidence`] for or against each [`ConditionKind`]. A condition is
//! raised when the evidence for it has held for long enough, and is cleared when the evidence against it has
//! (`hysteresis.rs`), so that no condition comes and goes with every window. All windows have one length here, whatever the
//! windows of groups are. How long that is, and who is told, is the
//! [`ConditionPolicy`] of the kind.
//!
//! Pure: windows and their times are arguments, and changes are results.

mod hysteresis;
mod pauses;
mod policy;
mod reason;
mod sensor_conditions;
mod usual;
mod window_facts;

pub use hysteresis::{ConditionState, Evidence, Patience, StandingCondition};
pub use pauses::Pauses;
pub use policy::{ConditionPolicy, ConditionSettings, Notice};
pub use reason::Reason;
pub use sensor_conditions::{ClearCause, ConditionChange, SensorConditions};
pub use usual::Usual;
pub use window_facts::{ModelSight, SummaryInProgress, WindowFacts, WindowSummary, Witness};

/// What can be wrong with a sensor. Several conditions can stand at once.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ConditionKind {
    /// It sends nothing any more. It has sent before, or has a model, which was trained on what it sent.
    Silent,
    /// All its readings have one value, and they usually vary.
    Stuck,
    /// It sends in far fewer intervals than usual.
    Sparse,
    /// Its windows are unlike those that its model was trained on.
    OutOfRange,
    /// Its level has left what is usual for it.
    Drifting,
    /// The times of its readings are far from the times at which they come.
    ClockWrong,
}

impl ConditionKind {
    /// All kinds, in the order in which they are shown: that of the variants.
    pub const ALL: [Self; 6] =
        [Self::Silent, Self::Stuck, Self::Sparse, Self::OutOfRange, Self::Drifting, Self::ClockWrong];

    /// The word for it, as the API and the metrics have it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Silent => "silent",
            Self::Stuck => "stuck",
            Self::Sparse => "sparse",
            Self::OutOfRange => "out_of_range",
            Self::Drifting => "drifting",
            Self::ClockWrong => "clock_wrong",
        }
    }

    /// The number under which it is stored. A later version gives new kinds new numbers.
    pub const fn number(self) -> u64 {
        match self {
            Self::Silent => 1,
            Self::Stuck => 2,
            Self::Sparse => 3,
            Self::OutOfRange => 4,
            Self::Drifting => 5,
            Self::ClockWrong => 6,
        }
    }

    /// Its place in [`ALL`](Self::ALL).
    pub(crate) const fn place(self) -> usize {
        self as usize
    }
}

#[cfg(test)]
mod tests;
