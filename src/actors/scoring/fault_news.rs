//! Logs failures of models. Ten thousand models of one bad release fail together and in the same way: that is one event,
//! and one line. So failures are gathered for a moment, and told a kind at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::time::Duration;

use crate::group::GroupName;
use crate::sensor::{SensorId, SensorName};
use crate::supervision::Consequence;

/// Failures that have not been logged.
#[derive(Debug, Default)]
pub struct FaultNews {
    kinds: BTreeMap<(GroupName, String), AlikeFaults>,
    /// Failures of kinds beyond [`MAX_KINDS`](Self::MAX_KINDS).
    other: u64,
}

/// Failures in a group whose reasons differ in numbers only.
#[derive(Debug)]
struct AlikeFaults {
    /// The reason of the first.
    reason: String,
    /// The first models by their sensors.
    first: Vec<SensorName>,
    /// All of them; a model may fail more than once.
    sensors: BTreeSet<SensorId>,
    failures: u64,
    quarantined: BTreeSet<SensorId>,
    longest_pause: Duration,
}

impl FaultNews {
    /// How long failures are gathered before they are logged.
    pub const GATHERED_FOR: Duration = Duration::from_secs(1);

    /// How many kinds of failures are told apart.
    const MAX_KINDS: usize = 20;

    /// How many sensors are named with each kind.
    const NAMED: usize = 5;

    /// So many bytes of a reason are compared and logged.
    const MAX_REASON: usize = 300;

    /// Takes in a failure, and what it led to.
    pub fn add(
        &mut self,
        (sensor, name): (SensorId, &SensorName),
        group: &GroupName,
        reason: &str,
        consequence: Consequence,
    ) {
        let end = (0..=Self::MAX_REASON.min(reason.len())).rev().find(|end| reason.is_char_boundary(*end));
        let reason = &reason[..end.unwrap_or_default()];
        let kind = (group.clone(), kind_of(reason));
        if self.kinds.len() >= Self::MAX_KINDS && !self.kinds.contains_key(&kind) {
            self.other += 1;
            return;
        }
        let alike = self.kinds.entry(kind).or_insert_with(|| AlikeFaults {
            reason: reason.to_owned(),
            first: Vec::new(),
            sensors: BTreeSet::new(),
            failures: 0,
            quarantined: BTreeSet::new(),
            longest_pause: Duration::ZERO,
        });
        alike.failures += 1;
        if alike.sensors.insert(sensor) && alike.first.len() < Self::NAMED {
            alike.first.push(name.clone());
        }
        match consequence {
            Consequence::NextWindow => {}
            Consequence::Pause(pause) => alike.longest_pause = alike.longest_pause.max(pause),
            Consequence::Quarantine => _ = alike.quarantined.insert(sensor),
        }
    }

    /// Whether there is nothing to log.
    pub fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }

    /// Logs what was gathered: one line a kind.
    pub fn tell(&mut self) {
        for ((group, _), alike) in std::mem::take(&mut self.kinds) {
            let AlikeFaults { failures, longest_pause, .. } = alike;
            let (models, quarantined) = (alike.sensors.len(), alike.quarantined.len());
            let pause_ms = u64::try_from(longest_pause.as_millis()).unwrap_or(u64::MAX);
            let words = alike.words(&group);
            tracing::error!(%group, models, failures, quarantined, pause_ms, "scoring failed: {words}");
        }
        match std::mem::take(&mut self.other) {
            0 => {}
            other => {
                tracing::error!(
                    failures = other,
                    "scoring failed in other ways as well; the verdicts have the reasons"
                );
            }
        }
    }
}

impl AlikeFaults {
    /// `press-1/flow: out of tea`, or `10000 models of group pumps (a/b, c/d and 9998 more): out of tea`.
    fn words(&self, group: &GroupName) -> String {
        let Self { reason, first, sensors, quarantined, .. } = self;
        let (count, quarantined) = (sensors.len(), quarantined.len());
        let names: Vec<String> = first.iter().map(ToString::to_string).collect();
        let mut words = match (&names[..], count) {
            ([one], 1) => format!("{one}: {reason}"),
            (names, count) => {
                let more = count.saturating_sub(names.len());
                let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                format!("{count} models of group {group} ({}{more}): {reason}", names.join(", "))
            }
        };
        // Writing to a text does not fail.
        let _ = match (quarantined, count) {
            (0, _) => Ok(()),
            (1, 1) => write!(
                words,
                "; the model is quarantined: it is not tried again before it is released, or another file takes its place"
            ),
            (quarantined, _) => write!(
                words,
                "; {quarantined} of them are quarantined: they are not tried again before they are released, or other \
                 files take their places"
            ),
        };
        words
    }
}

/// The reason with one mark for each number in it.
fn kind_of(reason: &str) -> String {
    let mut kind = String::with_capacity(reason.len());
    for letter in reason.chars() {
        let letter = if letter.is_ascii_digit() { '#' } else { letter };
        if letter != '#' || !kind.ends_with('#') {
            kind.push(letter);
        }
    }
    kind
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(sensor: usize) -> SensorName {
        SensorName::new("pump", &format!("s{sensor}")).unwrap()
    }

    #[test]
    fn models_that_fail_alike_are_one_event_with_the_first_names_and_their_number() {
        let (mut news, pumps) = (FaultNews::default(), GroupName::new("pumps").unwrap());
        for sensor in 0..10_000 {
            let consequence =
                if sensor < 3 { Consequence::Quarantine } else { Consequence::Pause(Duration::from_secs(1)) };
            news.add(
                (SensorId(u32::try_from(sensor).unwrap()), &name(sensor)),
                &pumps,
                &format!("row {sensor} is infinite"),
                consequence,
            );
        }
        for _ in 0..3 {
            news.add((SensorId(7), &name(7)), &pumps, "out of tea", Consequence::Pause(Duration::ZERO));
        }
        assert_eq!(news.kinds.values().map(|alike| alike.failures).collect::<Vec<_>>(), [3, 10_000]);
        let words: Vec<_> = news.kinds.values().map(|alike| alike.words(&pumps)).collect();
        let many = "10000 models of group pumps (pump/s0, pump/s1, pump/s2, pump/s3, pump/s4 and 9995 more): row 0 is infinite; 3 of them are \
                    quarantined: they are not tried again before they are released, or other files take their places";
        assert_eq!(words, ["pump/s7: out of tea", many]);
        news.tell();
        assert!(news.is_empty());
    }

    #[test]
    fn kinds_of_failures_are_bounded() {
        let mut news = FaultNews::default();
        for kind in 0..100_u8 {
            let word: String = std::iter::repeat_n('x', usize::from(kind)).collect();
            news.add((SensorId(0), &name(0)), &GroupName::default(), &word, Consequence::Pause(Duration::ZERO));
        }
        assert_eq!((news.kinds.len(), news.other), (FaultNews::MAX_KINDS, 100 - FaultNews::MAX_KINDS as u64));
    }
}
