//! The conditions that stand, as the part that looks for them knows them.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::condition::{ConditionKind, Notice, StandingCondition};
use crate::sensor::SensorId;
use crate::time::Timestamp;

/// The conditions of the sensors that have any: at most one of each kind a sensor.
#[derive(Debug, Default)]
pub struct StandingConditions {
    shown: RwLock<Arc<ShownConditions>>,
}

/// What stands, and how far windows were looked at.
#[derive(Clone, Debug)]
pub struct ShownConditions {
    /// The conditions of each sensor that has any, in the order of their kinds.
    pub by_sensor: BTreeMap<SensorId, Vec<StandingCondition>>,
    /// The time before which windows were looked at.
    pub until: Timestamp,
    /// Who is told of each kind.
    pub notices: [Notice; ConditionKind::ALL.len()],
}

impl Default for ShownConditions {
    fn default() -> Self {
        let notices = [Notice::Note; ConditionKind::ALL.len()];
        Self { by_sensor: BTreeMap::new(), until: Timestamp::MIN, notices }
    }
}

impl ShownConditions {
    /// Who is told of a kind.
    pub fn notice(&self, kind: ConditionKind) -> Notice {
        self.notices[kind.place()]
    }

    /// Whether a condition stands of a sensor.
    pub fn stands(&self, sensor: SensorId, kind: ConditionKind) -> bool {
        self.by_sensor.get(&sensor).is_some_and(|standing| standing.iter().any(|other| other.reason.kind() == kind))
    }

    /// Since when the first sensor has a condition of a kind, of those for which it holds now.
    pub fn earliest(&self, kind: ConditionKind, holds: impl Fn(SensorId) -> bool) -> Option<Timestamp> {
        let of_kind = |standing: &Vec<StandingCondition>| {
            standing.iter().find(|standing| standing.reason.kind() == kind).map(|standing| standing.since)
        };
        let holding = self.by_sensor.iter().filter(|(sensor, _)| holds(**sensor));
        holding.filter_map(|(_, standing)| of_kind(standing)).min()
    }

    /// How many sensors have a condition of each kind, in the order of [`ConditionKind::ALL`].
    pub fn counts(&self) -> [u64; ConditionKind::ALL.len()] {
        let mut counts = [0; ConditionKind::ALL.len()];
        for standing in self.by_sensor.values().flatten() {
            counts[standing.reason.kind().place()] += 1;
        }
        counts
    }
}

impl StandingConditions {
    /// Says who is told of each kind.
    pub fn set_notices(&self, notices: [Notice; ConditionKind::ALL.len()]) {
        Arc::make_mut(&mut self.shown.write().unwrap_or_else(PoisonError::into_inner)).notices = notices;
    }

    /// Shows what stands of some sensors now, and how far windows were looked at.
    pub fn show(&self, changed: impl Iterator<Item = (SensorId, Vec<StandingCondition>)>, until: Timestamp) {
        let mut shown = self.shown.write().unwrap_or_else(PoisonError::into_inner);
        // Copied only while somebody reads what was shown before.
        let shown = Arc::make_mut(&mut shown);
        for (sensor, standing) in changed {
            if standing.is_empty() {
                shown.by_sensor.remove(&sensor);
            } else {
                shown.by_sensor.insert(sensor, standing);
            }
        }
        shown.until = until;
    }

    /// What stands now.
    pub fn read(&self) -> Arc<ShownConditions> {
        Arc::clone(&self.shown.read().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::condition::Reason;
    use crate::time::Span;

    #[test]
    fn the_earliest_of_all_sensors_tells_since_when_a_condition_stands() {
        let since = |hour: i64| Timestamp::default() + Span::from_secs(3600).times(hour);
        let silent =
            |hour| vec![StandingCondition { since: since(hour), reason: Reason::Silent, contrary: Span::ZERO }];
        let conditions = StandingConditions::default();
        conditions.show((0..40).map(|sensor| (SensorId(sensor), silent(100 - i64::from(sensor)))), since(200));
        let shown = conditions.read();
        assert_eq!(shown.earliest(ConditionKind::Silent, |_| true), Some(since(61)));
        assert_eq!(shown.earliest(ConditionKind::Silent, |sensor| sensor.0 < 10), Some(since(91)));
        assert_eq!(shown.earliest(ConditionKind::Stuck, |_| true), None);
    }
}
