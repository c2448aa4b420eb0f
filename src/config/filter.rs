//! `[[filter]]`: which values are believed.

use super::reader::Section;
use crate::ingest::filter::FilterSettings;

pub(super) fn read(section: &mut Section<'_, '_>) -> Option<FilterSettings> {
    let accepted = "a pattern over device/sensor, such as \"*/temperature\"";
    section.require("sensors", accepted);
    let sensors = section.take("sensors", accepted, |value| value.as_str().filter(|text| !text.is_empty()));
    let every = f64::NEG_INFINITY..=f64::INFINITY;
    let min = section.number("min", every.clone(), "a finite number").unwrap_or(f64::NEG_INFINITY);
    let max = section.number("max", every, "a finite number").unwrap_or(f64::INFINITY);
    let deadband = section.number("deadband", 0.0..=f64::MAX, "a finite number, at least 0");
    if min > max {
        section.rule(&["min", "max"], format!("no value lies between {min} and {max}; min must not exceed max"));
    }
    if !(section.has("min") || section.has("max") || section.has("deadband")) {
        section.rule(&["sensors"], "this filter does nothing; give it a min, a max or a deadband");
    }
    Some(FilterSettings { sensors: sensors?.to_owned(), min, max, deadband })
}
