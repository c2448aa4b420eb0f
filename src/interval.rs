//! Intervals: the aggregates of a sensor's readings over a short, fixed span. And windows: the spans that are scored at
//! once.

use crate::time::{Span, Timestamp};

/// The aggregates of a sensor's readings of one interval.
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
    /// `None` without values. The result does not depend on the order in which the readings arrived.
    pub fn aggregate(start: Timestamp, mut values: impl ExactSizeIterator<Item = f64> + Clone) -> Option<Self> {
        let mut aggregate = RunningAggregate::default();
        while values.len() > 0 {
            aggregate.add(values.clone().take(RunningAggregate::CHUNK));
            values.by_ref().take(RunningAggregate::CHUNK).for_each(drop);
        }
        aggregate.interval(start)
    }
}

/// The aggregates of an interval's oldest values, so that these values need not be kept.
///
/// The values are taken in the order of their times, in chunks of [`Self::CHUNK`]; the last chunk may be smaller.
/// Within a chunk the mean is the sum divided by the count, and the deviation takes a second pass over the differences
/// from that mean. Chunks are combined as Chan, Golub and LeVeque do ("Updating formulae and a pairwise algorithm for
/// computing sample variances", 1979). So the result is the same to the last bit, whenever a chunk is added.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct RunningAggregate {
    count: u32,
    /// The count as a number to divide by.
    n: f64,
    sum: f64,
    mean: f64,
    /// The sum of the squared differences from the mean.
    squares: f64,
    min: f64,
    max: f64,
    first: f64,
    last: f64,
}

impl RunningAggregate {
    /// How many values a chunk has.
    pub const CHUNK: usize = 4096;

    /// Adds the chunk that comes next.
    pub fn add(&mut self, chunk: impl ExactSizeIterator<Item = f64> + Clone) {
        let Some(chunk) = Self::of(chunk) else { return };
        if self.count == 0 {
            *self = chunk;
            return;
        }
        let n = self.n + chunk.n;
        let difference = chunk.mean - self.mean;
        self.squares += chunk.squares + difference * difference * (self.n * chunk.n / n);
        self.sum += chunk.sum;
        self.min = chunk.min.min(self.min);
        self.max = chunk.max.max(self.max);
        let mean = if self.sum.is_finite() { self.sum / n } else { self.mean + difference * (chunk.n / n) };
        self.mean = mean.clamp(self.min, self.max);
        self.last = chunk.last;
        self.count = self.count.saturating_add(chunk.count);
        self.n = n;
    }

    fn of(values: impl ExactSizeIterator<Item = f64> + Clone) -> Option<Self> {
        let first = values.clone().next()?;
        let count = u32::try_from(values.len()).ok()?;
        let (mut sum, mut min, mut max, mut last) = (0.0, first, first, first);
        for value in values.clone() {
            sum += value;
            min = value.min(min);
            max = value.max(max);
            last = value;
        }
        // The sum of finite values may overflow although their mean does not.
        let n = f64::from(count);
        let mean = if f64::is_finite(sum) { sum / n } else { values.clone().map(|value| value / n).sum() };
        let mean = mean.clamp(min, max);
        let squares = values.map(|value| (value - mean) * (value - mean)).sum();
        Some(Self { count, n, sum, mean, squares, min, max, first, last })
    }

    /// The interval with these aggregates; `None` without values.
    pub fn interval(&self, start: Timestamp) -> Option<Interval> {
        let Self { count, n, mean, squares, min, max, first, last, .. } = *self;
        let standard_deviation = (squares / n).sqrt().min(f64::MAX);
        (count > 0).then_some(Interval { start, count, mean, min, max, standard_deviation, first, last })
    }
}

/// How event time is cut: a window is a whole number of intervals, and both are counted from the epoch.
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
    fn aggregates_of_many_chunks_are_those_of_the_textbook() {
        let values =
            (0..3 * RunningAggregate::CHUNK + 100).map(|place| 1e6 + f64::from(u16::try_from(place % 10).unwrap()));
        let interval = Interval::aggregate(Timestamp::default(), values.clone()).unwrap();
        let n = values.len() as f64;
        let mean = values.clone().sum::<f64>() / n;
        let deviation = (values.clone().map(|value| (value - mean).powi(2)).sum::<f64>() / n).sqrt();
        assert_eq!(interval.count as usize, values.len());
        assert_eq!((interval.mean, interval.min, interval.max), (mean, 1e6, 1e6 + 9.0));
        assert!((interval.standard_deviation / deviation - 1.0).abs() < 1e-12, "{}", interval.standard_deviation);
        let largest = std::iter::repeat_n(f64::MAX, 3 * RunningAggregate::CHUNK);
        let interval = Interval::aggregate(Timestamp::default(), largest).unwrap();
        assert_eq!((interval.mean, interval.standard_deviation), (f64::MAX, 0.0));
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
