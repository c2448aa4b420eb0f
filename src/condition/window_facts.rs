//! What a closed window says of a sensor.

use crate::interval::{Interval, Window};
use crate::time::Span;

/// What a closed window says of a sensor.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct WindowFacts {
    /// Which window.
    pub window: Window,
    /// The length of its intervals.
    pub interval: Span,
    /// What the sensor sent in it; `None` when it sent nothing.
    pub summary: Option<WindowSummary>,
    /// Whether what is missing in it was not sent.
    pub witness: Witness,
    /// Whether the sensor has a model.
    pub model: ModelSight,
    /// By how much the time of the reading that came nearest to its own time was off, in nanoseconds; positive when it
    /// came after its own time. `None` when no reading came, or when nothing can be said of its clock.
    pub clock_off_nanos: Option<i64>,
}

/// Whether what is missing in a window was not sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Witness {
    /// The daemon could take readings in for all of the window.
    Whole,
    /// It could not: what is missing may have been sent.
    InPart,
}

/// Whether a sensor has a model.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ModelSight {
    /// It has.
    Present,
    /// It has none.
    Absent,
}

/// The readings of a sensor in a window, in a few numbers.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct WindowSummary {
    /// How many intervals have readings.
    pub intervals: u32,
    /// How many readings there are.
    pub readings: u64,
    /// The lowest value.
    pub min: f64,
    /// The highest value.
    pub max: f64,
    /// The mean of the intervals' means.
    pub mean: f64,
    /// The population standard deviation of the intervals' means.
    pub deviation: f64,
}

impl WindowSummary {
    /// Sums intervals up; `None` without any.
    pub fn of(intervals: &[Interval]) -> Option<Self> {
        let first = intervals.first()?;
        let mut summary = Self {
            intervals: u32::try_from(intervals.len()).unwrap_or(u32::MAX),
            readings: 0,
            min: first.min,
            max: first.max,
            mean: 0.0,
            deviation: 0.0,
        };
        let n = f64::from(summary.intervals);
        for interval in intervals {
            summary.readings += u64::from(interval.count);
            summary.min = summary.min.min(interval.min);
            summary.max = summary.max.max(interval.max);
            summary.mean += interval.mean / n;
        }
        let squares: f64 = intervals.iter().map(|interval| (interval.mean - summary.mean).powi(2) / n).sum();
        summary.deviation = squares.sqrt().min(f64::MAX);
        Some(summary)
    }

    /// Whether its values differ; `None` when it has too few readings to tell.
    pub(super) fn varies(&self) -> Option<bool> {
        (self.readings >= LEAST_READINGS).then_some(self.min < self.max)
    }
}

/// Fewer readings than this may be equal by chance.
const LEAST_READINGS: u64 = 3;
