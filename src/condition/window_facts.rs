//! What a closed window says of a sensor.

use crate::interval::{Interval, Window};
use crate::time::{Span, Timestamp};

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

/// Sums up the intervals of a window as they come. It takes little room, so that it can be done for all sensors at once.
#[derive(Clone, Copy, Debug)]
pub struct SummaryInProgress {
    /// The intervals that are whole; the deviation is the sum of the squared differences while it goes on.
    whole: WindowSummary,
    /// The interval that may go on: its start, how many readings it has, and their mean.
    open: (Timestamp, u64, f64),
}

impl SummaryInProgress {
    /// Begins with an interval, which may be a part of one of this length, counted from the epoch.
    pub fn begin(interval: &Interval, length: Span) -> Self {
        let Interval { start, count, mean, min, max, .. } = *interval;
        let whole = WindowSummary { intervals: 0, readings: u64::from(count), min, max, mean: 0.0, deviation: 0.0 };
        Self { whole, open: (start.floor(length), u64::from(count), mean) }
    }

    /// Takes in the interval that follows in time.
    pub fn push(&mut self, interval: &Interval, length: Span) {
        let start = interval.start.floor(length);
        let WindowSummary { readings, min, max, .. } = &mut self.whole;
        *readings += u64::from(interval.count);
        *min = min.min(interval.min);
        *max = max.max(interval.max);
        let (open, count, mean) = &mut self.open;
        if *open == start {
            *count += u64::from(interval.count);
            let share = f64::from(interval.count) / to_float(*count);
            *mean += interval.mean * share - *mean * share;
        } else {
            self.close();
            self.open = (start, u64::from(interval.count), interval.mean);
        }
    }

    /// Counts the open interval, by the formulae of Welford.
    fn close(&mut self) {
        let (_, _, mean) = self.open;
        let whole = &mut self.whole;
        whole.intervals = whole.intervals.saturating_add(1);
        let n = f64::from(whole.intervals);
        let away = mean - whole.mean;
        // Divided first: the difference of two finite numbers may overflow.
        whole.mean += mean / n - whole.mean / n;
        whole.deviation += away * (mean - whole.mean);
    }

    /// All intervals, summed up.
    pub fn finish(mut self) -> WindowSummary {
        self.close();
        let deviation = (self.whole.deviation / f64::from(self.whole.intervals)).max(0.0).sqrt().min(f64::MAX);
        WindowSummary { deviation, ..self.whole }
    }
}

/// A count of readings as a number to divide by. More than are exact never come in an interval.
#[expect(clippy::cast_precision_loss, reason = "no interval has 2^53 readings")]
fn to_float(count: u64) -> f64 {
    count as f64
}

impl WindowSummary {
    /// Whether its values differ; `None` when it has too few readings to tell.
    pub(super) fn varies(&self) -> Option<bool> {
        (self.readings >= LEAST_READINGS).then_some(self.min < self.max)
    }
}

/// Fewer readings than this may be equal by chance.
const LEAST_READINGS: u64 = 3;
