//! Why a condition was raised, in numbers and in words.

use std::fmt;

use super::ConditionKind;
use crate::time::Span;
use crate::verdict::significant;

/// Why a condition was raised: what the window showed that raised it.
#[derive(Clone, PartialEq, Debug)]
pub enum Reason {
    /// The window had no readings.
    Silent,
    /// All readings had this value.
    Stuck {
        /// The value.
        value: f64,
    },
    /// Few intervals had readings.
    Sparse {
        /// How many had.
        intervals: u32,
        /// How many usually have, on average.
        usual: f64,
    },
    /// The window is unlike the training of the sensor's model.
    OutOfRange {
        /// How, in the words of the model.
        words: Box<str>,
    },
    /// The mean is far from the usual one.
    Drifting {
        /// The mean over the window.
        mean: f64,
        /// The usual mean of windows.
        usual: f64,
        /// How far means usually are from that.
        deviation: f64,
    },
    /// All readings came long after their own times, or long before.
    ClockWrong {
        /// The time by which the nearest one was off, in nanoseconds: positive when it came after its own time, so that
        /// the sensor's clock is behind.
        off_nanos: i64,
    },
}

impl Reason {
    /// The condition that it is a reason for.
    pub fn kind(&self) -> ConditionKind {
        match self {
            Self::Silent => ConditionKind::Silent,
            Self::Stuck { .. } => ConditionKind::Stuck,
            Self::Sparse { .. } => ConditionKind::Sparse,
            Self::OutOfRange { .. } => ConditionKind::OutOfRange,
            Self::Drifting { .. } => ConditionKind::Drifting,
            Self::ClockWrong { .. } => ConditionKind::ClockWrong,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silent => f.write_str("it sends no readings any more"),
            Self::Stuck { value } => {
                write!(f, "all its readings are {}, and they usually vary", significant(*value))
            }
            Self::Sparse { intervals, usual } => {
                write!(f, "a window has readings in {intervals} intervals, and usually in {}", significant(*usual))
            }
            Self::OutOfRange { words } => f.write_str(words),
            Self::Drifting { mean, usual, deviation } => {
                let [mean, usual, deviation] = [mean, usual, deviation].map(|number| significant(*number));
                write!(f, "a window has a mean of {mean}, and usually of {usual}, give or take {deviation}")
            }
            Self::ClockWrong { off_nanos } => {
                let off = Span::from(std::time::Duration::from_nanos(off_nanos.unsigned_abs())).rounded();
                let side = if *off_nanos > 0 { "after" } else { "before" };
                write!(f, "its readings come {off} or more {side} their own time; set its clock or its time zone right")
            }
        }
    }
}
