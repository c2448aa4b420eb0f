//! A copy of what is open of one sensor, for whoever wants to show it. It is made in short time, because the thread that
//! makes it takes readings in; what takes longer is left to [`OpenCopy::intervals`].

use std::collections::VecDeque;

use crate::codec::Corrupt;
use crate::interval::{Cut, Interval};
use crate::time::Timestamp;
use crate::window::block::WindowBlock;
use crate::window::open_interval::OpenInterval;

/// A copy of what is open of one sensor.
#[derive(Clone, PartialEq, Debug)]
pub struct OpenCopy {
    /// The time before which the sensor's intervals are closed.
    pub watermark: Timestamp,
    /// The closed intervals of the window that is open.
    closed: Option<WindowBlock>,
    /// The intervals that still accept readings, in the order of time, without those that were too much to summarise.
    open: Vec<Interval>,
}

impl OpenCopy {
    /// A copy that summarises the newest intervals, of at most so many readings.
    pub(super) fn new(
        watermark: Timestamp,
        closed: Option<WindowBlock>,
        intervals: &VecDeque<OpenInterval>,
        max_readings: usize,
    ) -> Self {
        let mut left = max_readings;
        let newest = intervals.iter().rev().take_while(|interval| {
            let fits = interval.kept() <= left;
            left = left.saturating_sub(interval.kept());
            fits
        });
        let mut open: Vec<_> = newest.filter_map(OpenInterval::so_far).collect();
        open.reverse();
        Self { watermark, closed, open }
    }

    /// Nothing is open.
    pub(super) fn empty(watermark: Timestamp) -> Self {
        Self { watermark, closed: None, open: Vec::new() }
    }

    /// All intervals, in the order of time.
    ///
    /// # Errors
    /// When the copy is damaged.
    pub fn intervals(self, cut: Cut) -> Result<Vec<Interval>, Corrupt> {
        let mut intervals = self.closed.map_or(Ok(Vec::new()), |block| block.intervals(cut))?;
        intervals.extend(self.open);
        Ok(intervals)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::interval::Cut;
    use crate::reading::Reading;
    use crate::sensor::SensorId;
    use crate::time::Span;
    use crate::window::{OpenWindows, WindowSettings};

    const SENSOR: SensorId = SensorId(1);

    fn windows(times: &[i64]) -> OpenWindows {
        let cut = Cut::new(Span::from_secs(10), Span::from_secs(60)).unwrap();
        let settings =
            WindowSettings { cut, lateness: Span::from_secs(30), kept_per_interval: 100, max_open_readings: 1_000 };
        let mut windows = OpenWindows::new(settings, Timestamp::MIN, []);
        for (value, secs) in (1_u32..).zip(times) {
            let time = Timestamp::from_nanos(secs * 1_000_000_000);
            windows.admit(Reading { sensor: SENSOR, time, value: value.into() }, || None, &mut Vec::new());
        }
        windows
    }

    proptest! {
        #[test]
        fn a_copy_holds_what_a_closing_would_store(times in prop::collection::vec(0..58_i64, 0..60), closed in 0..2_i64) {
            let cut = Cut::new(Span::from_secs(10), Span::from_secs(60)).unwrap();
            let mut windows = windows(&times);
            windows.close_until(Timestamp::from_nanos(closed - 60_000_000_000), &mut Vec::new());
            let copy = windows.copy_of(SENSOR, usize::MAX);
            let mut over = Vec::new();
            windows.close_until(Timestamp::from_nanos(600_000_000_000), &mut over);
            let stored: Vec<_> = over.iter().flat_map(|window| window.block.intervals(cut).unwrap()).collect();
            prop_assert_eq!(copy.intervals(cut).unwrap(), stored);
        }
    }

    #[test]
    fn what_is_too_much_to_summarise_is_left_out_the_oldest_first() {
        let cut = Cut::new(Span::from_secs(10), Span::from_secs(60)).unwrap();
        let windows = windows(&[1, 2, 3, 11, 12, 21]);
        let counts = |max_readings| {
            let intervals = windows.copy_of(SENSOR, max_readings).intervals(cut).unwrap();
            intervals.iter().map(|interval| interval.count).collect::<Vec<_>>()
        };
        assert_eq!(counts(6), [3, 2, 1]);
        assert_eq!(counts(5), [2, 1]);
        assert_eq!(counts(2), [1]);
        assert!(windows.copy_of(SensorId(9), 5).intervals(cut).unwrap().is_empty());
    }
}
