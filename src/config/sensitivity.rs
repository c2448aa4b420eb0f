//! `[[sensitivity]]`: from which score on intervals of some sensors are anomalies.

use super::reader::Section;
use crate::sensitivity::SensitivitySettings;
use crate::sensor_pattern::SensorPattern;
use crate::verdict::AnomalyScore;

pub(super) fn read(section: &mut Section<'_, '_>) -> Option<SensitivitySettings> {
    let accepted = "a pattern over device/sensor, such as \"press-1/*\"";
    section.require("sensors", accepted);
    section.require("score", "a number from 0.002 to 0.998; 0.5 is the boundary of every model");
    let sensors = section.parsed("sensors", accepted, SensorPattern::parse);
    let score = section.number("score", AnomalyScore::RANGE, "a number from 0.002 to 0.998");
    Some(SensitivitySettings { sensors: sensors?, score: AnomalyScore::new(score?)? })
}
