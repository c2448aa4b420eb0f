//! `[[filter]]`: which values are believed.

use super::reader::Section;
use crate::ingest::filter::{Filter, FilterSettings};
use crate::sensor_pattern::SensorPattern;

pub(super) fn read(section: &mut Section<'_, '_>) -> Option<FilterSettings> {
    let accepted = "a pattern over device/sensor, such as \"*/temperature\"";
    section.require("sensors", accepted);
    let sensors = section.parsed("sensors", accepted, SensorPattern::parse);
    let every = f64::MIN..=f64::MAX;
    let min = section.number("min", every.clone(), "a finite number").unwrap_or(f64::MIN);
    let max = section.number("max", every, "a finite number").unwrap_or(f64::MAX);
    let deadband = section.number("deadband", 0.0..=f64::MAX, "a finite number, at least 0");
    if !(section.has("min") || section.has("max") || section.has("deadband")) {
        section.rule(&["sensors"], "this filter does nothing; give it a min, a max or a deadband");
    }
    match Filter::new(min, max, deadband) {
        Ok(filter) => Some(FilterSettings { sensors: sensors?, filter }),
        Err(why) => {
            section.rule(&["min", "max"], why);
            None
        }
    }
}
