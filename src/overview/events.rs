//! What happens, in the words of the API: only what a listener wants is put into words.

use super::{Overview, model_answer, reject_answer, run_answer};
use crate::answers::Event;
use crate::condition::ConditionChange;
use crate::live::Happening;
use crate::reading::Reading;
use crate::sensor::SensorId;
use crate::sensor_pattern::SensorPattern;
use crate::store::StoredReject;

/// Which sensors' events a listener wants.
#[derive(Debug)]
pub struct EventFilter {
    pattern: Option<SensorPattern>,
    /// Whether each sensor fits, by its number, as far as it was looked up: the name of a number does not change.
    known: Vec<Fit>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fit {
    Unknown,
    Wanted,
    Unwanted,
}

/// The events of a happening.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct WordedEvents {
    /// Those that there was room for.
    pub events: Vec<Event>,
    /// How many more were wanted.
    pub left_out: u64,
}

impl EventFilter {
    /// A filter of the sensors that fit a pattern; of all sensors without one.
    pub fn new(pattern: Option<SensorPattern>) -> Self {
        Self { pattern, known: Vec::new() }
    }

    /// Whether a sensor's events are wanted.
    fn wants(&mut self, overview: &Overview, sensor: SensorId) -> bool {
        let Some(pattern) = &self.pattern else { return true };
        if self.known.len() <= sensor.index() {
            self.known.resize(overview.sensors.numbers().max(sensor.index() + 1), Fit::Unknown);
        }
        let fit = &mut self.known[sensor.index()];
        if *fit == Fit::Unknown {
            let fits = overview.sensors.name(sensor).is_some_and(|name| pattern.fits(&name.to_string()));
            *fit = if fits { Fit::Wanted } else { Fit::Unwanted };
        }
        *fit == Fit::Wanted
    }

    /// Whether a reject is wanted: its sensor or its topic fits.
    fn wants_reject(&self, reject: &StoredReject) -> bool {
        let Some(pattern) = &self.pattern else { return true };
        let of_sensor = reject.reading.as_ref().is_some_and(|reading| pattern.fits(&reading.sensor.to_string()));
        of_sensor || pattern.fits(&reject.origin)
    }
}

impl Overview {
    /// The events of a happening that a filter lets pass, at most `most` of them.
    pub fn events_of(&self, happening: &Happening, filter: &mut EventFilter, most: usize) -> WordedEvents {
        match happening {
            Happening::Readings(readings) => {
                let wanted = readings.iter().filter(|reading| filter.wants(self, reading.sensor));
                worded(wanted, most, |Reading { sensor, time, value }| {
                    let sensor = self.sensors.name(*sensor)?.to_string();
                    Some(Event::Reading { sensor, time: *time, value: *value })
                })
            }
            Happening::Verdicts(run, verdicts) => {
                let wanted = verdicts.iter().filter(|verdict| filter.wants(self, verdict.sensor));
                worded(wanted, most, |verdict| Some(Event::Verdict { verdict: self.verdict_answer(run, verdict)? }))
            }
            Happening::Run(run) => {
                // One that has not ended has just begun.
                worded([run].into_iter(), most, |run| Some(Event::Run { run: run_answer(run, Some(run.id)) }))
            }
            Happening::Rejects(rejects) => {
                let wanted = rejects.iter().filter(|(_, reject)| filter.wants_reject(reject));
                worded(wanted, most, |(id, reject)| {
                    Some(Event::Reject { reject: reject_answer(&id.to_string(), reject, &self.messages) })
                })
            }
            Happening::Conditions(changes) => {
                let shown = self.live.conditions.read();
                let wanted = changes.iter().filter(|(sensor, _)| filter.wants(self, *sensor));
                worded(wanted, most, |(sensor, change)| {
                    let cleared_because = match change {
                        ConditionChange::Raised(_) => None,
                        ConditionChange::Cleared(_, cause) => Some(cause.words().to_owned()),
                    };
                    let stands = cleared_because.is_none();
                    let condition = Self::condition_answer(&shown, &self.sensors.name(*sensor)?, change.condition());
                    Some(Event::Condition { condition, stands, cleared_because })
                })
            }
            Happening::Model(sensor, entry) => {
                let wanted = Some(sensor).filter(|sensor| filter.wants(self, **sensor));
                worded(wanted.into_iter(), most, |sensor| {
                    let model = model_answer(self.sensors.name(*sensor)?.to_string(), (**entry).clone());
                    Some(Event::Model { model })
                })
            }
        }
    }
}

/// Puts the first `most` into words. One whose sensor has lost its name has none.
fn worded<T>(mut wanted: impl Iterator<Item = T>, most: usize, words: impl Fn(T) -> Option<Event>) -> WordedEvents {
    let events = wanted.by_ref().take(most).filter_map(words).collect();
    WordedEvents { events, left_out: wanted.count() as u64 }
}
