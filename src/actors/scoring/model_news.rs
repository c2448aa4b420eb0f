//! Logs what happened to models that were read together. A hundred thousand files may all be bad in the same way, and a
//! log that named each of them would hide the one line that matters; so the first of a kind are named, and the others
//! counted.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::actors::scoring::supervisor::Unusable;
use crate::model::Warning;
use crate::sensor::SensorName;
use crate::verdict::ModelHash;

/// Tells of the first models of a kind by name, and counts the others until the end.
#[derive(Debug, Default)]
pub struct ModelNews {
    counts: BTreeMap<(Topic, &'static str), usize>,
}

/// A kind of news on a model.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Topic {
    Broken,
    Refused,
    Warning,
    AtWork,
    FoundAgain,
    Gone,
}

impl ModelNews {
    /// How many models of a kind are named.
    pub const NAMED: usize = 5;

    /// A file that cannot be used.
    pub fn broken(&mut self, sensor: &SensorName, unusable: &Unusable) {
        if self.names(Topic::Broken, unusable.kind) {
            tracing::error!(%sensor, "the model cannot be used: {}", unusable.reason);
        }
    }

    /// A file that cannot be used, of a sensor that has a model.
    pub fn refused(&mut self, sensor: &SensorName, unusable: &Unusable) {
        if self.names(Topic::Refused, unusable.kind) {
            tracing::error!(
                %sensor, "the new model cannot be used, and the old one stays at work: {}", unusable.reason
            );
        }
    }

    /// A model that was put to work while the daemon runs.
    pub fn at_work(&mut self, sensor: &SensorName, hash: ModelHash) {
        if self.names(Topic::AtWork, "") {
            tracing::info!(%sensor, %hash, "another model is at work from the next window on");
        }
    }

    /// A file that was touched, and holds the model that is at work.
    pub fn found_again(&mut self, sensor: &SensorName, hash: ModelHash) {
        if self.names(Topic::FoundAgain, "") {
            tracing::info!(%sensor, %hash, "the model's file was touched, and holds the model that is at work");
        }
    }

    /// A model that was taken off.
    pub fn gone(&mut self, sensor: &SensorName) {
        if self.names(Topic::Gone, "") {
            tracing::warn!(%sensor, "the model's file is gone: the sensor is no longer scored");
        }
    }

    /// What is odd about a model.
    pub fn warnings(&mut self, sensor: &SensorName, warnings: &[Warning]) {
        for warning in warnings {
            if self.names(Topic::Warning, warning.kind()) {
                tracing::warn!(%sensor, "{warning}");
            }
        }
    }

    /// Logs how many there were beside those that were named.
    pub fn end(self) {
        let topics = [Topic::Broken, Topic::Refused, Topic::Warning, Topic::AtWork, Topic::FoundAgain, Topic::Gone];
        for topic in topics {
            let Some((more, kinds)) = self.more(topic) else { continue };
            match topic {
                Topic::Broken => tracing::error!(
                    more,
                    "more models cannot be used: {kinds}; `anomalyd check` names each with its reason"
                ),
                Topic::Refused => tracing::error!(
                    more,
                    "more new models cannot be used, and the old ones stay at work: {kinds}; `anomalyd check` names each \
                     with its reason"
                ),
                Topic::Warning => {
                    tracing::warn!(more, "more models are odd: {kinds}; `anomalyd check` names each");
                }
                Topic::AtWork => tracing::info!(more, "more other models are at work from the next window on"),
                Topic::FoundAgain => {
                    tracing::info!(more, "more models' files were touched, and hold the models at work");
                }
                Topic::Gone => tracing::warn!(more, "more models' files are gone: their sensors are no longer scored"),
            }
        }
    }

    /// Whether one more model of this kind is named.
    fn names(&mut self, topic: Topic, kind: &'static str) -> bool {
        let count = self.counts.entry((topic, kind)).or_default();
        *count += 1;
        *count <= Self::NAMED
    }

    /// How many were not named, in all and of each kind; `None` when all were named.
    fn more(&self, topic: Topic) -> Option<(usize, String)> {
        let (mut all, mut kinds) = (0, String::new());
        for ((_, kind), count) in self.counts.iter().filter(|((of, _), _)| *of == topic) {
            let more = count.saturating_sub(Self::NAMED);
            if more > 0 {
                let comma = if all > 0 { ", " } else { "" };
                // Writing to a text does not fail.
                let _ = write!(kinds, "{comma}{more} {kind}");
                all += more;
            }
        }
        (all > 0).then_some((all, kinds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_each_kind_are_named_and_the_others_are_counted_by_kind() {
        let mut news = ModelNews::default();
        let mut named = |topic, kind, count| (0..count).filter(|_| news.names(topic, kind)).count();
        assert_eq!(named(Topic::Broken, "of no known format", 50_000), 5);
        assert_eq!(named(Topic::Broken, "not proven", 7), 5);
        assert_eq!(named(Topic::Broken, "not a regular file", 5), 5);
        assert_eq!(named(Topic::Warning, "one support vector", 3), 3);
        assert_eq!(news.more(Topic::Broken), Some((49_997, "2 not proven, 49995 of no known format".to_owned())));
        assert_eq!(news.more(Topic::Warning), None);
        assert_eq!(news.more(Topic::Gone), None);
    }
}
