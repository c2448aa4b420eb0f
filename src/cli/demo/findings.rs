//! How the daemon dealt with the faults: found, missed, and false alarms.

use std::collections::{BTreeMap, HashMap};

use super::simulation::Fault;
use crate::sensor::SensorName;
use crate::time::{Span, Timestamp};

/// The length of an interval: one verdict row each.
pub const MINUTE: Span = Span::from_secs(60);

/// The daemon's verdict on one minute of a sensor.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Minute {
    /// When the minute begins.
    pub start: Timestamp,
    /// The model's verdict.
    pub judgement: Judgement,
}

/// A model's verdict on a minute.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Judgement {
    /// Nothing unusual.
    Normal,
    /// An anomaly.
    Flagged,
}

/// The verdicts on all minutes of all sensors.
pub type Verdicts = HashMap<SensorName, Vec<Minute>>;

/// Whether a fault was found.
#[derive(Clone, PartialEq, Debug)]
pub struct Finding {
    /// The fault.
    pub fault: Fault,
    /// How many minutes it touches.
    pub minutes: usize,
    /// How many of these minutes were flagged, and the time from the fault's beginning to the beginning of the first of
    /// them; `None` when the fault was missed.
    pub flagged: Option<(usize, Span)>,
}

/// The daemon's findings, compared with the injected faults.
#[derive(Clone, PartialEq, Debug)]
pub struct Findings {
    /// Each fault, in the order in which they began.
    pub faults: Vec<Finding>,
    /// Minutes of all sensors that no fault touches.
    pub healthy: usize,
    /// How many of these minutes were flagged, by sensor; only sensors with such minutes.
    pub false_alarms: BTreeMap<SensorName, usize>,
}

impl Findings {
    /// Holds the verdicts against the faults.
    pub fn of(faults: &[Fault], verdicts: &Verdicts) -> Self {
        let mut healthy = 0;
        let mut false_alarms = BTreeMap::new();
        for (sensor, minutes) in verdicts {
            let mut flagged = 0;
            for minute in minutes.iter().filter(|minute| fault_at(faults, sensor, minute).is_none()) {
                healthy += 1;
                flagged += usize::from(minute.judgement == Judgement::Flagged);
            }
            if flagged > 0 {
                false_alarms.insert(sensor.clone(), flagged);
            }
        }
        let faults = faults.iter().map(|fault| Finding::of(fault, verdicts)).collect();
        Self { faults, healthy, false_alarms }
    }

    /// How many faults were found.
    pub fn found(&self) -> usize {
        self.faults.iter().filter(|finding| finding.flagged.is_some()).count()
    }
}

impl Finding {
    fn of(fault: &Fault, verdicts: &Verdicts) -> Self {
        let touched: Vec<_> = verdicts
            .get(&fault.sensor)
            .into_iter()
            .flatten()
            .filter(|minute| fault.touches(minute.start, MINUTE))
            .collect();
        let flagged = touched.iter().filter(|minute| minute.judgement == Judgement::Flagged);
        let first = flagged.clone().map(|minute| minute.start.since(fault.from)).min();
        Self { fault: fault.clone(), minutes: touched.len(), flagged: first.map(|first| (flagged.count(), first)) }
    }
}

/// The fault that touches this minute of a sensor.
pub fn fault_at<'a>(faults: &'a [Fault], sensor: &SensorName, minute: &Minute) -> Option<&'a Fault> {
    faults.iter().find(|fault| fault.sensor == *sensor && fault.touches(minute.start, MINUTE))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::demo::simulation::{FaultKind, START};

    fn sensor(name: &str) -> SensorName {
        SensorName::new("press-1", name).unwrap()
    }

    fn at(minute: u32) -> Timestamp {
        START + Span::from_secs(60 * minute)
    }

    /// From half past the fifth minute to the start of the eighth: it touches the minutes 5, 6 and 7.
    fn fault() -> Fault {
        Fault { sensor: sensor("flow"), kind: FaultKind::Drift, from: at(5) + Span::from_secs(30), until: at(8) }
    }

    fn hour(name: &str, flagged: &[u32]) -> (SensorName, Vec<Minute>) {
        let judgement = |minute| if flagged.contains(&minute) { Judgement::Flagged } else { Judgement::Normal };
        (sensor(name), (0..60).map(|minute| Minute { start: at(minute), judgement: judgement(minute) }).collect())
    }

    #[test]
    fn a_fault_is_found_when_a_minute_that_it_touches_is_flagged() {
        let findings = Findings::of(&[fault()], &Verdicts::from([hour("flow", &[6, 7])]));
        assert_eq!(findings.faults[0].minutes, 3);
        assert_eq!(findings.faults[0].flagged, Some((2, Span::from_secs(30))));
        assert_eq!((findings.found(), findings.healthy), (1, 57));
        assert!(findings.false_alarms.is_empty());
    }

    #[test]
    fn a_fault_that_is_flagged_in_the_minute_in_which_it_begins_is_found_at_once() {
        let findings = Findings::of(&[fault()], &Verdicts::from([hour("flow", &[5])]));
        assert_eq!(findings.faults[0].flagged, Some((1, Span::ZERO)));
    }

    #[test]
    fn a_flagged_minute_before_or_after_a_fault_is_a_false_alarm_and_finds_nothing() {
        let findings = Findings::of(&[fault()], &Verdicts::from([hour("flow", &[4, 8])]));
        assert_eq!(findings.faults[0].flagged, None);
        assert_eq!(findings.found(), 0);
        assert_eq!(findings.false_alarms, BTreeMap::from([(sensor("flow"), 2)]));
    }

    #[test]
    fn another_sensors_fault_excuses_no_false_alarm() {
        let verdicts = Verdicts::from([hour("flow", &[6]), hour("current", &[6])]);
        let findings = Findings::of(&[fault()], &verdicts);
        assert_eq!(findings.false_alarms, BTreeMap::from([(sensor("current"), 1)]));
        assert_eq!(findings.healthy, 117);
    }

    #[test]
    fn a_fault_on_a_sensor_without_verdicts_is_missed() {
        assert_eq!(Findings::of(&[fault()], &Verdicts::new()).faults[0].flagged, None);
    }
}
