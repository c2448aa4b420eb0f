//! The conditions of sensors that stand: the one place that says which these are.

use super::Overview;
use super::health_facts::ConditionProblem;
use crate::answers::{self, Condition, ConditionCounts, List, Severity};
use crate::condition::{ConditionKind, Notice, StandingCondition};
use crate::live::ShownConditions;
use crate::sensor::{SensorId, SensorName};
use crate::sensor_pattern::SensorPattern;

/// Which conditions are wanted.
#[derive(Clone, Debug, Default)]
pub struct ConditionSelection {
    /// Those of sensors that fit a pattern; `None` for all.
    pub pattern: Option<SensorPattern>,
    /// Those of a kind.
    pub kind: Option<answers::ConditionKind>,
}

/// How many sensors are named of those with a condition.
const MOST_NAMED: usize = 20;

impl Overview {
    /// The conditions that are wanted, in the order of the sensors' names, then of the kinds; those of sensors whose names
    /// come after `after`. A page ends behind a sensor, when it has `limit` conditions or more.
    pub fn list_conditions(&self, wanted: &ConditionSelection, after: Option<&str>, limit: usize) -> List<Condition> {
        let shown = self.live.conditions.read();
        let mut of_sensors: Vec<(String, Vec<Condition>)> = Vec::new();
        for sensor in shown.by_sensor.keys() {
            let Some(name) = self.sensors.name(*sensor) else { continue };
            let is_wanted = |condition: &Condition| wanted.kind.is_none_or(|kind| condition.condition == kind);
            if wanted.pattern.as_ref().is_some_and(|pattern| !pattern.fits(&name.to_string())) {
                continue;
            }
            let conditions: Vec<_> = self.conditions_of(&shown, *sensor, &name).into_iter().filter(is_wanted).collect();
            if !conditions.is_empty() {
                of_sensors.push((name.to_string(), conditions));
            }
        }
        of_sensors.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        let total = of_sensors.iter().map(|(_, conditions)| conditions.len() as u64).sum();
        let first = of_sensors.partition_point(|(name, _)| after.is_some_and(|after| &**name <= after));
        let mut rest = of_sensors.drain(first..).peekable();
        let (mut items, mut last) = (Vec::new(), None);
        while items.len() < limit
            && let Some((name, conditions)) = rest.next()
        {
            items.extend(conditions);
            last = Some(name);
        }
        let next = rest.peek().and(last);
        List { items, next, total: Some(total) }
    }

    /// The conditions of a sensor that stand, in the order of their kinds.
    pub(super) fn conditions_of(&self, shown: &ShownConditions, sensor: SensorId, name: &SensorName) -> Vec<Condition> {
        let standing = shown.by_sensor.get(&sensor).into_iter().flatten();
        let standing = standing.filter(|standing| self.holds_now(shown, sensor, standing.reason.kind()));
        standing.map(|standing| Self::condition_answer(shown, name, standing)).collect()
    }

    /// Whether a condition that stands holds now. A sensor that was heard of behind the windows that were looked at is not
    /// silent, although that is told when its window is over.
    pub(super) fn holds_now(&self, shown: &ShownConditions, sensor: SensorId, kind: ConditionKind) -> bool {
        let is_heard = || self.live.activity.newest(sensor).is_some_and(|newest| newest.time >= shown.until);
        shown.stands(sensor, kind) && (kind != ConditionKind::Silent || !is_heard())
    }

    /// Whether a sensor has a condition that holds now.
    pub(super) fn has_condition(&self, shown: &ShownConditions, sensor: SensorId) -> bool {
        let standing = shown.by_sensor.get(&sensor).into_iter().flatten();
        standing.map(|standing| standing.reason.kind()).any(|kind| self.holds_now(shown, sensor, kind))
    }

    /// A condition as the API has it.
    pub(super) fn condition_answer(
        shown: &ShownConditions,
        name: &SensorName,
        StandingCondition { since, reason, .. }: &StandingCondition,
    ) -> Condition {
        let kind = reason.kind();
        Condition {
            sensor: name.to_string(),
            condition: kind_answer(kind),
            severity: severity(shown.notice(kind)),
            since: *since,
            words: reason.to_string(),
        }
    }

    /// How many sensors have a condition of each kind.
    pub(super) fn condition_counts(&self, shown: &ShownConditions) -> ConditionCounts {
        let mut counts = ConditionCounts::default();
        for (sensor, standing) in &shown.by_sensor {
            for kind in standing.iter().map(|standing| standing.reason.kind()) {
                *count_of(&mut counts, kind) += u64::from(self.holds_now(shown, *sensor, kind));
            }
        }
        counts
    }

    /// The conditions that are problems.
    pub(super) fn condition_problems(&self, shown: &ShownConditions) -> Vec<ConditionProblem> {
        let mut counts = self.condition_counts(shown);
        let problems = ConditionKind::ALL.into_iter().filter(|kind| shown.notice(*kind) == Notice::Warning);
        problems
            .filter_map(|kind| {
                let count = *count_of(&mut counts, kind);
                let has_it = |sensor: &&SensorId| self.holds_now(shown, **sensor, kind);
                let first = shown.by_sensor.keys().filter(has_it).take(MOST_NAMED).filter_map(|sensor| {
                    let of_sensor = self.conditions_of(shown, *sensor, &self.sensors.name(*sensor)?);
                    of_sensor.into_iter().find(|condition| condition.condition == kind_answer(kind))
                });
                let since = shown.earliest(kind, |sensor| self.holds_now(shown, sensor, kind));
                (count > 0).then(|| ConditionProblem { kind: kind_answer(kind), count, since, first: first.collect() })
            })
            .collect()
    }
}

/// A kind as the API has it.
fn kind_answer(kind: ConditionKind) -> answers::ConditionKind {
    match kind {
        ConditionKind::Silent => answers::ConditionKind::Silent,
        ConditionKind::Stuck => answers::ConditionKind::Stuck,
        ConditionKind::Sparse => answers::ConditionKind::Sparse,
        ConditionKind::OutOfRange => answers::ConditionKind::OutOfRange,
        ConditionKind::Drifting => answers::ConditionKind::Drifting,
        ConditionKind::ClockWrong => answers::ConditionKind::ClockWrong,
    }
}

fn severity(notice: Notice) -> Severity {
    match notice {
        Notice::Warning => Severity::Warning,
        Notice::Note | Notice::Off => Severity::Ok,
    }
}

fn count_of(counts: &mut ConditionCounts, kind: ConditionKind) -> &mut u64 {
    match kind {
        ConditionKind::Silent => &mut counts.silent,
        ConditionKind::Stuck => &mut counts.stuck,
        ConditionKind::Sparse => &mut counts.sparse,
        ConditionKind::OutOfRange => &mut counts.out_of_range,
        ConditionKind::Drifting => &mut counts.drifting,
        ConditionKind::ClockWrong => &mut counts.clock_wrong,
    }
}
