//! What takes the time of a run: added up over its sensors, with the slowest of them.

use std::collections::BTreeSet;

use crate::run::{PartTimes, ScoringTime, SlowSensor};
use crate::sensor::SensorId;
use crate::time::Span;

/// What the sensors of a run took so far.
#[derive(Clone, Debug, Default)]
pub struct TimesInProgress {
    sum: ScoringTime,
    /// By what they took, the fastest of those that are kept first.
    slowest: BTreeSet<(Span, SensorId, Span)>,
}

impl TimesInProgress {
    /// Takes in what one sensor took.
    pub fn observe(&mut self, sensor: SensorId, took: ScoringTime) {
        self.sum.read = added(self.sum.read, took.read);
        self.sum.score = added(self.sum.score, took.score);
        let total = took.total();
        if total == Span::ZERO {
            return;
        }
        let is_full = self.slowest.len() >= SlowSensor::MOST;
        if is_full && self.slowest.first().is_some_and(|(fastest, ..)| *fastest >= total) {
            return;
        }
        self.slowest.insert((total, sensor, took.read));
        if is_full {
            self.slowest.pop_first();
        }
    }

    /// The times of the run's parts, when its last outcome came so long after the broadcast.
    pub fn parts(&self, until_last_outcome: Span) -> PartTimes {
        PartTimes { read: self.sum.read, score: self.sum.score, until_last_outcome, store: None }
    }

    /// The slowest sensors, the slowest first.
    pub fn slowest(&self) -> Vec<SlowSensor> {
        let slowest = self.slowest.iter().rev();
        slowest
            .map(|(total, sensor, read)| SlowSensor {
                sensor: *sensor,
                took: ScoringTime { read: *read, score: Span::from(total.to_std().saturating_sub(read.to_std())) },
            })
            .collect()
    }
}

fn added(one: Span, other: Span) -> Span {
    Span::from(one.to_std().saturating_add(other.to_std()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_sensors_are_kept_and_all_are_added_up() {
        let mut times = TimesInProgress::default();
        let took = |read, score| ScoringTime { read: Span::from_millis(read), score: Span::from_millis(score) };
        for sensor in 0..30 {
            // 0, 7, 14, … in an order that is not that of the sensors.
            times.observe(SensorId(sensor), took(1, (sensor * 7) % 30));
        }
        times.observe(SensorId(99), ScoringTime::default());
        let slowest = times.slowest();
        assert_eq!(slowest.len(), SlowSensor::MOST);
        let scores: Vec<_> = slowest.iter().map(|slow| slow.took.score).collect();
        assert_eq!(scores, (20..30).rev().map(Span::from_millis).collect::<Vec<_>>());
        assert_eq!(slowest[0].took.read, Span::from_millis(1));
        let parts = times.parts(Span::from_secs(1));
        assert_eq!((parts.read, parts.score), (Span::from_millis(30), Span::from_millis((0..30).sum())));
        assert_eq!((parts.until_last_outcome, parts.store), (Span::from_secs(1), None));
    }
}
