//! Intervals: what remains of the readings of a short, fixed span. And windows: the spans that are scored at once.

use crate::time::{Span, Timestamp};

/// What a sensor's readings of one interval come to.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Interval {
    /// When the interval begins.
    pub start: Timestamp,
    /// How many readings it holds; at least one.
    pub count: u32,
    /// The arithmetic mean of the values.
    pub mean: f64,
    /// The lowest value.
    pub min: f64,
    /// The highest value.
    pub max: f64,
    /// The population standard deviation of the values (divisor n, as numpy's default), zero for a single reading.
    pub standard_deviation: f64,
    /// The value with the earliest time.
    pub first: f64,
    /// The value with the latest time.
    pub last: f64,
}

impl Interval {
    /// Aggregates the values of an interval, given in the order of their times.
    ///
    /// `None` without values. The mean is the sum divided by the count, the deviation takes a second pass over the
    /// differences from it: neither depends on how the readings arrived, for they are in order by now.
    pub fn aggregate(start: Timestamp, values: impl ExactSizeIterator<Item = f64> + Clone) -> Option<Self> {
        let first = values.clone().next()?;
        let count = u32::try_from(values.len()).ok()?;
        let (mut sum, mut min, mut max, mut last) = (0.0, first, first, first);
        for value in values.clone() {
            sum += value;
            min = value.min(min);
            max = value.max(max);
            last = value;
        }
        // A sum of finite values may overflow where their mean does not.
        let n = f64::from(count);
        let mean = if f64::is_finite(sum) { sum / n } else { values.clone().map(|value| value / n).sum() };
        let mean = mean.clamp(min, max);
        let squares: f64 = values.map(|value| (value - mean) * (value - mean)).sum();
        let standard_deviation = (squares / n).sqrt().min(f64::MAX);
        Some(Self { start, count, mean, min, max, standard_deviation, first, last })
    }
}

/// How event time is cut: intervals are whole parts of windows, both counted from the epoch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cut {
    interval: Span,
    window: Span,
}

/// Why an interval and a window do not go together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CutError {
    /// A span of no length.
    #[error("the {0} is zero; it must be longer")]
    Zero(&'static str),
    /// A window that is not a whole number of intervals.
    #[error("a window of {window} is not a whole number of intervals of {interval}")]
    Uneven {
        /// The window's length.
        window: Span,
        /// The interval's length.
        interval: Span,
    },
    /// A window of too many intervals.
    #[error("a window of {window} has {intervals} intervals of {interval}; at most {max} are accepted", max = Cut::MAX_INTERVALS)]
    TooMany {
        /// The window's length.
        window: Span,
        /// The interval's length.
        interval: Span,
        /// How many that makes.
        intervals: i64,
    },
}

impl Cut {
    /// The most intervals that a window may have.
    pub const MAX_INTERVALS: i64 = 32_768;

    /// Cuts time into windows of whole intervals.
    ///
    /// # Errors
    /// When a span is zero, the window is not a multiple of the interval, or has too many of them.
    pub fn new(interval: Span, window: Span) -> Result<Self, CutError> {
        for (name, span) in [("interval", interval), ("window", window)] {
            if span == Span::ZERO {
                return Err(CutError::Zero(name));
            }
        }
        match window.divide(interval) {
            (intervals, true) if intervals <= Self::MAX_INTERVALS => Ok(Self { interval, window }),
            (intervals, true) => Err(CutError::TooMany { window, interval, intervals }),
            (_, false) => Err(CutError::Uneven { window, interval }),
        }
    }

    /// The length of an interval.
    pub fn interval(self) -> Span {
        self.interval
    }

    /// The length of a window.
    pub fn window(self) -> Span {
        self.window
    }

    /// How many intervals a window has.
    pub fn intervals_per_window(self) -> i64 {
        self.window.divide(self.interval).0
    }

    /// The start of the interval that holds `time`.
    pub fn interval_of(self, time: Timestamp) -> Timestamp {
        time.floor(self.interval)
    }

    /// The window that holds `time`.
    pub fn window_of(self, time: Timestamp) -> Window {
        Window { start: time.floor(self.window), length: self.window }
    }
}

/// One span of time that is scored at once.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Window {
    start: Timestamp,
    length: Span,
}

impl Window {
    /// When it begins.
    pub fn start(self) -> Timestamp {
        self.start
    }

    /// When it is over: the start of the next one.
    pub fn end(self) -> Timestamp {
        self.start + self.length
    }

    /// The window that follows.
    pub fn next(self) -> Self {
        Self { start: self.end(), length: self.length }
    }

    /// The window so many before this one.
    pub fn earlier(self, windows: u32) -> Self {
        Self { start: self.start - self.length.times(windows.into()), length: self.length }
    }

    /// The window's number, counted from the epoch.
    pub fn index(self) -> i64 {
        self.start.index(self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_reading_is_its_own_aggregate() {
        let interval = Interval::aggregate(Timestamp::default(), [10.16].into_iter()).unwrap();
        assert_eq!((interval.count, interval.mean, interval.min, interval.max), (1, 10.16, 10.16, 10.16));
        assert_eq!((interval.standard_deviation, interval.first, interval.last), (0.0, 10.16, 10.16));
    }

    #[test]
    fn aggregates_of_several_readings_are_those_of_the_textbook() {
        let values = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0];
        let interval = Interval::aggregate(Timestamp::default(), values.into_iter()).unwrap();
        assert_eq!((interval.mean, interval.standard_deviation), (5.0, 2.0));
        assert_eq!((interval.min, interval.max, interval.first, interval.last), (2.0, 9.0, 2.0, 9.0));
    }

    #[test]
    fn aggregates_of_the_largest_values_stay_finite() {
        let interval = Interval::aggregate(Timestamp::default(), [f64::MAX, f64::MAX, f64::MIN].into_iter()).unwrap();
        assert!(interval.mean.is_finite() && interval.standard_deviation.is_finite());
    }

    #[test]
    fn a_window_is_a_whole_number_of_intervals() {
        let [second, minute, hour] = [1, 60, 3600].map(Span::from_secs);
        assert_eq!(Cut::new(minute, hour).unwrap().intervals_per_window(), 60);
        assert!(matches!(Cut::new(hour, minute), Err(CutError::Uneven { .. })));
        assert!(matches!(Cut::new(second, Span::from_secs(86_400)), Err(CutError::TooMany { .. })));
        assert!(matches!(Cut::new(Span::ZERO, minute), Err(CutError::Zero("interval"))));
    }
}
