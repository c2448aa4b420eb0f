//! Reading the window of a run: put together from stored windows, its intervals folded from stored intervals.

use crate::interval::{Interval, IntervalFolder, Window};
use crate::sensor::SensorId;
use crate::store::{Reader, StoreError, StoredIntervals};
use crate::time::Span;

impl Reader {
    /// A sensor's intervals of this length in any window that was closed. They count as overwritten when a part of the
    /// window is, or when the store's own intervals are of a length from which these cannot be made.
    pub fn intervals_within(
        &self,
        sensor: SensorId,
        window: Window,
        interval: Span,
    ) -> Result<StoredIntervals, StoreError> {
        let cut = self.settings.cut;
        let first = cut.window_of(window.start());
        if first == window && interval == cut.interval() {
            return self.intervals(sensor, window);
        }
        let stored_windows = window.length().divide(cut.window()).0;
        if !interval.divide(cut.interval()).1 || stored_windows > i64::from(self.settings.windows) {
            return Ok(StoredIntervals::Overwritten);
        }
        let mut folder = IntervalFolder::new(interval);
        let within = |interval: &&Interval| window.start() <= interval.start && interval.start < window.end();
        let stored = std::iter::successors(Some(first), |stored| Some(stored.next()));
        for stored in stored.take_while(|stored| stored.start() < window.end()) {
            match self.intervals(sensor, stored)? {
                StoredIntervals::Kept(intervals) => {
                    intervals.iter().filter(within).for_each(|interval| folder.push(interval));
                }
                lost @ (StoredIntervals::Overwritten | StoredIntervals::Unreadable) => return Ok(lost),
            }
        }
        Ok(StoredIntervals::Kept(folder.finish()))
    }
}
