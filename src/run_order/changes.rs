//! How verdicts of today differ from those that stand: which intervals are anomalies now, were, or both.

use std::collections::BTreeMap;

use crate::number_set::NumberSet;
use crate::sensor::SensorId;
use crate::verdict::Outcome;

/// How many intervals are anomalies by the verdicts of today, by those that stand, or by both.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct AnomalyChanges {
    /// Today only.
    pub new: u64,
    /// By the verdict that stands only.
    pub gone: u64,
    /// By both.
    pub unchanged: u64,
}

impl AnomalyChanges {
    /// The changes from the outcome that stands to that of today, in the intervals from `first` on. A window that was not
    /// scored has no anomalies.
    pub fn between(standing: &Outcome, today: &Outcome, first: u32) -> Self {
        let (before, now) = (anomalies(standing), anomalies(today));
        let compared = |set: &NumberSet| set.iter().filter(|interval| *interval >= first).count() as u64;
        let both = now.iter().filter(|interval| *interval >= first && before.contains(*interval));
        let unchanged = both.count() as u64;
        Self { new: compared(&now) - unchanged, gone: compared(&before) - unchanged, unchanged }
    }

    /// How many intervals differ.
    pub fn differences(self) -> u64 {
        self.new + self.gone
    }

    fn add(&mut self, other: Self) {
        self.new += other.new;
        self.gone += other.gone;
        self.unchanged += other.unchanged;
    }
}

fn anomalies(outcome: &Outcome) -> NumberSet {
    match outcome {
        Outcome::Scored(scored) => scored.rows.worst_only(0).anomalies().clone(),
        _ => NumberSet::default(),
    }
}

/// How the verdicts of an order differ from those that stand.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct OrderChanges {
    /// Of all windows and sensors together.
    pub total: AnomalyChanges,
    /// How many windows of sensors have another outcome than before: scored instead of failed, or the reverse.
    pub other_outcomes: u64,
    /// How many windows of sensors have no verdict that stands, so that they are compared with nothing.
    pub without_standing: u64,
    /// The sensors of which something differs.
    sensors: BTreeMap<SensorId, AnomalyChanges>,
}

/// How the verdicts of one sensor differ.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SensorChanges {
    /// Which sensor.
    pub sensor: SensorId,
    /// Over all windows of the order.
    pub changes: AnomalyChanges,
}

impl OrderChanges {
    /// Takes in the outcome of one window of a sensor, beside the one that stands, in the intervals from `first` on.
    pub fn observe(&mut self, sensor: SensorId, standing: Option<&Outcome>, today: &Outcome, first: u32) {
        let Some(standing) = standing else {
            self.without_standing += 1;
            return;
        };
        let changes = AnomalyChanges::between(standing, today, first);
        self.total.add(changes);
        self.other_outcomes += u64::from(standing.kind() != today.kind());
        if changes.differences() > 0 {
            self.sensors.entry(sensor).or_default().add(changes);
        }
    }

    /// The sensors that differ most, at most so many, the one with the most differences first.
    pub fn most_changed(&self, most: usize) -> Vec<SensorChanges> {
        let mut sensors: Vec<_> =
            self.sensors.iter().map(|(sensor, changes)| SensorChanges { sensor: *sensor, changes: *changes }).collect();
        sensors.sort_by_key(|one| std::cmp::Reverse(one.changes.differences()));
        sensors.truncate(most);
        sensors
    }

    /// How many sensors differ.
    pub fn changed_sensors(&self) -> usize {
        self.sensors.len()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::verdict::{Label, ModelHash, Row, Scored};

    fn scored(anomalies: &BTreeSet<u16>) -> Outcome {
        let row = |interval| {
            let decision = if anomalies.contains(&interval) { -1.0 } else { 1.0 };
            Row { interval, label: Label::anomaly_below_zero(decision), decision }
        };
        let rows = (0..20).map(row).collect();
        Outcome::Scored(Scored {
            model: ModelHash([0; 32]),
            proven: false,
            unit: None,
            boundary: None,
            rows,
            explanation: None,
        })
    }

    proptest! {
        #[test]
        fn every_anomaly_is_new_gone_or_unchanged(
            before in prop::collection::btree_set(0..20_u16, 0..20),
            now in prop::collection::btree_set(0..20_u16, 0..20),
            first in 0..20_u16,
        ) {
            let changes = AnomalyChanges::between(&scored(&before), &scored(&now), first.into());
            let compared = |all: BTreeSet<u16>| all.into_iter().filter(|one| *one >= first).collect::<BTreeSet<_>>();
            let [before, now] = [before, now].map(compared);
            prop_assert_eq!(changes.new, now.difference(&before).count() as u64);
            prop_assert_eq!(changes.gone, before.difference(&now).count() as u64);
            prop_assert_eq!(changes.unchanged, now.intersection(&before).count() as u64);
        }
    }

    #[test]
    fn a_window_without_a_verdict_that_stands_is_compared_with_nothing() {
        let mut changes = OrderChanges::default();
        changes.observe(SensorId(1), None, &scored(&[3].into()), 0);
        assert_eq!((changes.total, changes.without_standing), (AnomalyChanges::default(), 1));
        changes.observe(SensorId(1), Some(&Outcome::NoData), &scored(&[3].into()), 0);
        changes.observe(SensorId(2), Some(&scored(&[3, 4, 5].into())), &scored(&[5].into()), 0);
        changes.observe(SensorId(3), Some(&scored(&[3].into())), &scored(&[3].into()), 0);
        assert_eq!(changes.total, AnomalyChanges { new: 1, gone: 2, unchanged: 2 });
        assert_eq!(changes.other_outcomes, 1);
        let most: Vec<_> = changes.most_changed(9).iter().map(|one| one.sensor.0).collect();
        assert_eq!((most, changes.changed_sensors()), (vec![2, 1], 2));
        assert_eq!(changes.most_changed(1).len(), 1);
    }
}
