//! A sensor's values over time, brought down to a number of points.

use super::Overview;
use super::time_range::{RangeTooLong, TimeRange};
use crate::answers::Series;
use crate::interval::{Cut, Interval};
use crate::sensor::{SensorId, SensorName};
use crate::store::{Reader, StoreError, StoredIntervals};
use crate::time::{Span, Timestamp};

/// The most windows that one answer reads.
const MOST_WINDOWS: i64 = 10_000;

impl TimeRange {
    /// Whether a series may have this range.
    ///
    /// # Errors
    /// When it has too many windows for one answer.
    pub fn check_for_series(self, cut: Cut) -> Result<(), RangeTooLong> {
        self.at_most(MOST_WINDOWS, "windows", cut.window())
    }
}

impl Overview {
    /// The values of a sensor in a range, in at most `width` points: of closed windows from the store, and of the open
    /// ones from the running daemon.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn series(
        &self,
        name: &SensorName,
        sensor: SensorId,
        range: TimeRange,
        width: u32,
    ) -> Result<Series, StoreError> {
        // Asked before the store is read: a window that is closed meanwhile is then found in the store, or in both.
        let is_closed = self.closed_until(sensor)?.is_some_and(|closed| range.until <= closed);
        let open = if is_closed { None } else { self.questions.open_window(sensor) };
        let mut points = Downsampler::new(range, self.groups.of(name).grid.interval(), width);
        let stored = points.add_stored(&self.reader, self.base, sensor, range)?;
        let open = open.map_or_else(Vec::new, |open| open.intervals);
        let is_new = |interval: &&Interval| Some(interval.start) > stored.until && range.holds(interval.start);
        open.iter().filter(is_new).for_each(|interval| points.add(interval));
        Ok(points.series(name.to_string(), range, stored.forgotten))
    }
}

/// Brings intervals down to points: each point takes the intervals of one step, so counts, the lowest and the highest
/// values are kept, and the mean is that of all its readings.
#[derive(Debug)]
struct Downsampler {
    /// The start of the first step.
    start: Timestamp,
    step: Span,
    /// The points that have readings, in the order of time.
    points: Vec<Point>,
}

/// What the store had of a series.
#[derive(Debug, Default)]
struct StoredPart {
    /// The start of its last interval.
    until: Option<Timestamp>,
    /// The starts of windows that are not kept any more, or cannot be read.
    forgotten: Vec<Timestamp>,
}

#[derive(Clone, Copy, PartialEq, Debug)]
struct Point {
    /// The place of its step.
    place: i64,
    count: u64,
    mean: f64,
    min: f64,
    max: f64,
}

impl Downsampler {
    /// Steps of a whole number of intervals, as few as make at most `width` points of the range.
    fn new(range: TimeRange, interval: Span, width: u32) -> Self {
        let start = range.since.floor(interval);
        let (whole, is_whole) = range.until.since(start).divide(interval);
        let intervals = whole + i64::from(!is_whole);
        let width = i64::from(width.max(1));
        let step = interval.times((intervals / width + i64::from(intervals % width > 0)).max(1));
        Self { start, step, points: Vec::new() }
    }

    /// Adds the intervals of closed windows.
    fn add_stored(
        &mut self,
        reader: &Reader,
        cut: Cut,
        sensor: SensorId,
        range: TimeRange,
    ) -> Result<StoredPart, StoreError> {
        let mut stored = StoredPart::default();
        for window in range.windows(cut) {
            match reader.intervals(sensor, window)? {
                StoredIntervals::Kept(intervals) => {
                    stored.until = intervals.last().map(|last| last.start).or(stored.until);
                    intervals.iter().filter(|interval| range.holds(interval.start)).for_each(|kept| self.add(kept));
                }
                StoredIntervals::Overwritten | StoredIntervals::Unreadable => stored.forgotten.push(window.start()),
            }
        }
        Ok(stored)
    }

    /// Adds the interval that follows in time.
    fn add(&mut self, interval: &Interval) {
        let Interval { start, count, mean, min, max, .. } = *interval;
        let (place, _) = start.since(self.start).divide(self.step);
        let added = Point { place, count: count.into(), mean, min, max };
        match self.points.last_mut() {
            Some(last) if last.place == place => *last = last.merged(added),
            _ => self.points.push(added),
        }
    }

    fn series(self, sensor: String, range: TimeRange, forgotten: Vec<Timestamp>) -> Series {
        let Self { start, step, points } = self;
        Series {
            sensor,
            since: range.since,
            until: range.until,
            step_seconds: seconds(step),
            time: points.iter().map(|point| unix_seconds(start + step.times(point.place))).collect(),
            count: points.iter().map(|point| point.count).collect(),
            mean: points.iter().map(|point| point.mean).collect(),
            min: points.iter().map(|point| point.min).collect(),
            max: points.iter().map(|point| point.max).collect(),
            forgotten,
        }
    }
}

impl Point {
    fn merged(self, other: Self) -> Self {
        let count = self.count + other.count;
        let (min, max) = (self.min.min(other.min), self.max.max(other.max));
        // Weights rather than sums, which may overflow; and a mean lies between its lowest and highest value.
        let weight = other.count as f64 / count as f64;
        let mean = (self.mean * (1.0 - weight) + other.mean * weight).clamp(min, max);
        Self { place: self.place, count, mean, min, max }
    }
}

/// A length of time in seconds.
pub(super) fn seconds(span: Span) -> f64 {
    span.nanos() as f64 / 1e9
}

/// A time in seconds since 1970.
pub(super) fn unix_seconds(time: Timestamp) -> f64 {
    time.nanos() as f64 / 1e9
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::overview::test_runs::{RunStore, cut, hour};

    const MINUTE: Span = Span::from_secs(60);

    fn at(minute: i64) -> Timestamp {
        Timestamp::parse("2018-08-28 13:00").unwrap() + MINUTE.times(minute)
    }

    fn interval(minute: i64, values: &[f64]) -> Interval {
        Interval::aggregate(at(minute), values.iter().copied()).unwrap()
    }

    fn series_of(range: TimeRange, width: u32, intervals: &[Interval]) -> Series {
        let mut points = Downsampler::new(range, MINUTE, width);
        intervals.iter().for_each(|interval| points.add(interval));
        points.series("press/flow".to_owned(), range, Vec::new())
    }

    #[test]
    fn intervals_that_fit_the_width_are_points_and_a_gap_stays_a_gap() {
        let range = TimeRange { since: at(0), until: at(10) };
        let series = series_of(range, 10, &[interval(0, &[1.0, 3.0]), interval(1, &[5.0]), interval(7, &[2.0])]);
        assert_eq!(series.step_seconds, 60.0);
        let start = unix_seconds(at(0));
        assert_eq!(series.time, [start, start + 60.0, start + 420.0]);
        assert_eq!((series.count, series.mean), (vec![2, 1, 1], vec![2.0, 5.0, 2.0]));
        assert_eq!((series.min, series.max), (vec![1.0, 5.0, 2.0], vec![3.0, 5.0, 2.0]));
    }

    #[test]
    fn a_range_that_begins_within_an_interval_has_no_more_points_than_asked_for() {
        let range = TimeRange { since: at(0) + Span::from_secs(30), until: at(10) + Span::from_secs(30) };
        let minutes: Vec<_> = (1..=10).map(|minute| interval(minute, &[1.0])).collect();
        assert!(series_of(range, 10, &minutes).time.len() <= 10);
    }

    #[test]
    fn windows_that_a_later_one_has_overwritten_are_told_and_empty_ones_are_gaps() {
        let mut runs = RunStore::new(4);
        // The ring has four slots: hour 5 takes that of hour 1.
        for (number, value) in [(1, 1.0), (2, 2.0), (5, 5.0)] {
            runs.close(3, hour(number), value);
        }
        let range = TimeRange { since: hour(0).start(), until: hour(6).start() };
        let mut points = Downsampler::new(range, MINUTE, 1000);
        let stored = points.add_stored(runs.reader(), cut(), SensorId(3), range).unwrap();
        assert_eq!((stored.forgotten, stored.until), (vec![hour(1).start()], Some(hour(5).start())));
        let series = points.series("press/flow".to_owned(), range, Vec::new());
        assert_eq!((series.mean, series.count), (vec![2.0, 5.0], vec![1, 1]));
        let within = TimeRange { since: hour(2).start() + MINUTE, ..range };
        let mut points = Downsampler::new(within, MINUTE, 1000);
        points.add_stored(runs.reader(), cut(), SensorId(3), within).unwrap();
        assert_eq!(points.points.len(), 1, "what begins before the range is not in it");
    }

    proptest! {
        #[test]
        fn points_keep_counts_and_extremes_and_means(
            minutes in prop::collection::btree_map(0_i64..500, prop::collection::vec(-1e6..1e6, 1..5), 0..80),
            width in 1_u32..60,
            length in 1_i64..600,
        ) {
            let range = TimeRange { since: at(0), until: at(length) };
            let readings: Vec<_> = minutes.into_iter().filter(|(minute, _)| *minute < length).collect();
            let intervals: Vec<_> = readings.iter().map(|(minute, values)| interval(*minute, values)).collect();
            let series = series_of(range, width, &intervals);
            prop_assert!(series.time.len() <= width as usize);
            prop_assert!(series.time.is_sorted_by(|a, b| b - a >= series.step_seconds));
            prop_assert_eq!(series.step_seconds % 60.0, 0.0);
            let steps = |minute: i64| (60.0 * minute as f64 / series.step_seconds).floor() * series.step_seconds;
            for (place, time) in series.time.iter().enumerate() {
                let own = readings.iter().filter(|(minute, _)| steps(*minute) == time - unix_seconds(at(0)));
                let values: Vec<f64> = own.flat_map(|(_, values)| values).copied().collect();
                prop_assert_eq!(series.count[place], values.len() as u64);
                prop_assert_eq!(series.min[place], values.iter().copied().fold(f64::INFINITY, f64::min));
                prop_assert_eq!(series.max[place], values.iter().copied().fold(f64::NEG_INFINITY, f64::max));
                let mean = values.iter().sum::<f64>() / values.len() as f64;
                prop_assert!((series.mean[place] - mean).abs() <= 1e-6);
            }
            let counted: u64 = series.count.iter().sum();
            prop_assert_eq!(counted, readings.iter().map(|(_, values)| values.len() as u64).sum::<u64>());
        }
    }
}
