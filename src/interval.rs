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
        if let Some(chunk) = Self::of(chunk) {
            self.append(chunk);
        }
    }

    /// Adds an interval that comes next in time. What it holds counts as one chunk.
    pub fn add_interval(&mut self, interval: &Interval) {
        let Interval { count, mean, min, max, standard_deviation, first, last, .. } = *interval;
        let n = f64::from(count);
        let squares = standard_deviation * standard_deviation * n;
        self.append(Self { count, n, sum: mean * n, mean, squares, min, max, first, last });
    }

    fn append(&mut self, chunk: Self) {
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

/// Folds intervals into longer ones, one after the other in the order of time.
///
/// Count, lowest, highest, first and last value follow exactly. Mean and deviation are those of all values together, as
/// [`RunningAggregate`] combines them. An interval that is the only one in its longer interval stays as it is, but for its
/// start; so intervals that are as long already come out unchanged.
#[derive(Clone, Debug)]
pub struct IntervalFolder {
    length: Span,
    whole: Vec<Interval>,
    open: Option<OpenFold>,
}

/// The longer interval that goes on.
#[derive(Clone, Copy, Debug)]
struct OpenFold {
    first: Interval,
    /// The aggregates of several intervals; `None` while there is one.
    several: Option<RunningAggregate>,
}

impl IntervalFolder {
    /// Folds into intervals of this length, counted from the epoch.
    pub fn new(length: Span) -> Self {
        Self { length, whole: Vec::new(), open: None }
    }

    /// Takes in the interval that follows in time.
    pub fn push(&mut self, interval: &Interval) {
        let start = interval.start.floor(self.length);
        match &mut self.open {
            Some(open) if open.first.start == start => open.add(interval),
            open => {
                let before = open.replace(OpenFold { first: Interval { start, ..*interval }, several: None });
                self.whole.extend(before.map(OpenFold::interval));
            }
        }
    }

    /// The longer intervals, in the order of time.
    pub fn finish(mut self) -> Vec<Interval> {
        self.whole.extend(self.open.map(OpenFold::interval));
        self.whole
    }
}

impl OpenFold {
    fn add(&mut self, interval: &Interval) {
        let first = self.first;
        let several = self.several.get_or_insert_with(|| {
            let mut several = RunningAggregate::default();
            several.add_interval(&first);
            several
        });
        several.add_interval(interval);
    }

    fn interval(self) -> Interval {
        self.several.and_then(|several| several.interval(self.first.start)).unwrap_or(self.first)
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
    /// A hop that is not a whole number of intervals.
    #[error("a hop of {hop} is not a whole number of intervals of {interval}")]
    UnevenHop {
        /// The hop.
        hop: Span,
        /// The interval's length.
        interval: Span,
    },
    /// A hop that leaves out the time between two windows.
    #[error("a hop of {hop} is longer than a window of {window}, so that the time between two windows is never scored")]
    Gap {
        /// The hop.
        hop: Span,
        /// The window's length.
        window: Span,
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

/// How the windows of a group lie: each has the same length, and one ends at each multiple of the hop, counted from the
/// epoch. With a hop as long as a window they follow each other, and with a shorter hop they overlap. All of them begin and
/// end between two intervals.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WindowGrid {
    cut: Cut,
    hop: Span,
}

impl WindowGrid {
    /// Windows of `length`, one after each `hop`, in intervals of `interval`.
    ///
    /// # Errors
    /// When a span is zero, the length or the hop is no multiple of the interval, the hop is longer than a window, or a
    /// window has too many intervals.
    pub fn new(interval: Span, length: Span, hop: Span) -> Result<Self, CutError> {
        let cut = Cut::new(interval, length)?;
        if hop == Span::ZERO {
            return Err(CutError::Zero("hop"));
        }
        if hop > length {
            return Err(CutError::Gap { hop, window: length });
        }
        if !hop.divide(interval).1 {
            return Err(CutError::UnevenHop { hop, interval });
        }
        Ok(Self { cut, hop })
    }

    /// The lengths of intervals and windows.
    pub fn cut(self) -> Cut {
        self.cut
    }

    /// The length of an interval.
    pub fn interval(self) -> Span {
        self.cut.interval
    }

    /// The length of a window.
    pub fn length(self) -> Span {
        self.cut.window
    }

    /// How far a window ends behind the one before.
    pub fn hop(self) -> Span {
        self.hop
    }

    /// The last window that ends at `time` or before.
    pub fn last_ending(self, time: Timestamp) -> Window {
        let end = time.floor(self.hop);
        Window { start: end - self.cut.window, length: self.cut.window }
    }

    /// The first window that ends after `time`.
    pub fn first_ending_after(self, time: Timestamp) -> Window {
        self.after(self.last_ending(time))
    }

    /// The window that ends a hop later.
    pub fn after(self, window: Window) -> Window {
        Window { start: window.start + self.hop, ..window }
    }

    /// The window that ends so many hops earlier.
    pub fn before(self, window: Window, hops: u32) -> Window {
        Window { start: window.start - self.hop.times(hops.into()), ..window }
    }
}

impl From<Cut> for WindowGrid {
    /// Windows that follow each other.
    fn from(cut: Cut) -> Self {
        Self { cut, hop: cut.window }
    }
}

/// One span of time that is scored at once.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Window {
    start: Timestamp,
    length: Span,
}

impl Window {
    /// The window of this length that begins at `start`.
    pub fn new(start: Timestamp, length: Span) -> Self {
        Self { start, length }
    }

    /// How long it is.
    pub fn length(self) -> Span {
        self.length
    }

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
