//! The sensors that a run found most anomalous: so many at most, and the count of all.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use crate::sensor::SensorId;
use crate::verdict::{Explanation, Label, Outcome, Row};

/// A sensor with anomalies in a run.
#[derive(Clone, PartialEq, Debug)]
pub struct AnomalousSensor {
    /// Which sensor.
    pub sensor: SensorId,
    /// How many of its rows are anomalies.
    pub anomalies: usize,
    /// How many rows it has.
    pub rows: usize,
    /// The row with the lowest decision value.
    pub worst: Row,
    /// How strange that row is, from 0 to 1, if the model says.
    pub score: Option<f64>,
    /// What moved that row's decision most; `None` when the model does not know.
    pub explanation: Option<Explanation>,
    /// How far the worst row lies from the boundary, in the natural size of the model's decisions.
    distance: f64,
}

/// The sensors that are furthest beyond their models' boundaries.
#[derive(Clone, Debug)]
pub struct MostAnomalous {
    max: usize,
    /// The least anomalous of those that are kept is on top.
    kept: BinaryHeap<ByDistance>,
    count: u32,
}

#[derive(Clone, Debug)]
struct ByDistance(AnomalousSensor);

impl MostAnomalous {
    /// Of no sensor yet, and of so many at most.
    pub fn new(max: usize) -> Self {
        Self { max, kept: BinaryHeap::new(), count: 0 }
    }

    /// Takes in a sensor's outcome.
    pub fn observe(&mut self, sensor: SensorId, outcome: &Outcome) {
        let Outcome::Scored(scored) = outcome else { return };
        let Some(worst) = scored.worst().filter(|worst| worst.label == Label::Anomaly) else { return };
        self.count += 1;
        let entry = ByDistance(AnomalousSensor {
            sensor,
            anomalies: scored.anomalies(),
            rows: scored.rows.len(),
            worst: *worst,
            score: scored.score(worst),
            explanation: scored.explanation.clone(),
            distance: scored.unit.map_or(worst.decision, |unit| worst.decision / unit),
        });
        self.kept.push(entry);
        if self.kept.len() > self.max {
            self.kept.pop();
        }
    }

    /// The sensors that are kept, the most anomalous first.
    pub fn worst_first(&self) -> Vec<AnomalousSensor> {
        self.kept.clone().into_sorted_vec().into_iter().map(|ByDistance(sensor)| sensor).collect()
    }

    /// How many sensors are anomalous and not kept.
    pub fn not_kept(&self) -> u32 {
        self.count - u32::try_from(self.kept.len()).unwrap_or(self.count)
    }
}

impl ByDistance {
    /// The lowest distance is the most anomalous; of equals, the sensor with the lower number goes first.
    fn key(&self) -> (f64, SensorId) {
        (self.0.distance, self.0.sensor)
    }
}

impl Ord for ByDistance {
    fn cmp(&self, other: &Self) -> Ordering {
        let [(a, first), (b, second)] = [self.key(), other.key()];
        a.total_cmp(&b).then(first.cmp(&second))
    }
}

impl PartialOrd for ByDistance {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for ByDistance {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for ByDistance {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::verdict::{ModelHash, Scored};

    fn scored(decisions: &[f64], unit: f64) -> Outcome {
        let row = |(interval, decision): (u16, &f64)| Row {
            interval,
            label: Label::anomaly_below_zero(*decision),
            decision: *decision,
        };
        let rows = (0..).zip(decisions).map(row).collect();
        Outcome::Scored(Scored {
            model: ModelHash([0; 32]),
            proven: false,
            unit: Some(unit),
            boundary: None,
            rows,
            explanation: None,
        })
    }

    #[test]
    fn sensors_of_different_detectors_are_compared_by_their_models_own_sizes() {
        let mut most = MostAnomalous::new(2);
        most.observe(SensorId(0), &scored(&[0.1, -1.0, -0.5], 1.0));
        most.observe(SensorId(1), &scored(&[-0.5], 0.1));
        most.observe(SensorId(2), &scored(&[-0.01], 1.0));
        most.observe(SensorId(3), &scored(&[0.5], 1.0));
        let sensors = most.worst_first().into_iter().map(|found| (found.sensor.0, found.anomalies, found.rows));
        assert_eq!(sensors.collect::<Vec<_>>(), [(1, 1, 1), (0, 2, 3)]);
        assert_eq!(most.not_kept(), 1);
    }

    proptest! {
        /// Random: the worst decision of up to 40 sensors, the order in which they come, and how many are kept.
        #[test]
        fn those_that_are_kept_do_not_depend_on_the_order_in_which_they_came(
            decisions in proptest::collection::vec(-3..3_i32, 0..40), max in 0..10_usize, seed in any::<u64>(),
        ) {
            let mut sensors: Vec<_> = (0..).map(SensorId).zip(&decisions).collect();
            let mut expected: Vec<_> = sensors.iter().filter(|(_, decision)| **decision < 0).copied().collect();
            expected.sort_by_key(|(sensor, decision)| (**decision, *sensor));
            fastrand::Rng::with_seed(seed).shuffle(&mut sensors);
            let mut most = MostAnomalous::new(max);
            for (sensor, decision) in sensors {
                most.observe(sensor, &scored(&[f64::from(*decision), 1.0], 1.0));
            }
            let kept: Vec<_> = most.worst_first().into_iter().map(|found| found.sensor).collect();
            let first: Vec<_> = expected.iter().take(max).map(|(sensor, _)| *sensor).collect();
            prop_assert_eq!(&kept, &first);
            prop_assert_eq!(most.not_kept() as usize, expected.len() - first.len());
        }
    }
}
