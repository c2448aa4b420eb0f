//! `[[features]]`: the columns of a model's rows.

use toml::de::DeValue;

use super::reader::{Section, quoted};
use crate::features::{ACCEPTED, ACCEPTED_MISSING, Feature, FeatureSet, FeatureSettings, MissingPolicy};
use crate::sensor_pattern::SensorPattern;

pub(super) fn read(section: &mut Section<'_, '_>) -> Option<FeatureSettings> {
    let accepted = "a pattern over device/sensor, such as \"*/vibration\"";
    section.require("sensors", accepted);
    let sensors = section.parsed("sensors", accepted, SensorPattern::parse);
    let accepted = format!("a list of 1 to {} columns: {ACCEPTED}", FeatureSet::MAX_COLUMNS);
    section.require("columns", &accepted);
    let columns = columns(section, &accepted);
    let missing = section.parsed("missing", ACCEPTED_MISSING, MissingPolicy::parse);
    let features = FeatureSet::new(columns?, missing.unwrap_or_default());
    Some(FeatureSettings { sensors: sensors?, features: features.ok()?.into() })
}

/// The columns; each mistake in them is noted at its own place.
fn columns(section: &mut Section<'_, '_>, accepted: &str) -> Option<Vec<Feature>> {
    let texts = section.take("columns", accepted, |value| {
        let elements = value.as_array().filter(|elements| (1..=FeatureSet::MAX_COLUMNS).contains(&elements.len()))?;
        Some(elements.iter().map(|element| (element.span(), element.get_ref())).collect::<Vec<_>>())
    })?;
    let mut columns = Vec::with_capacity(texts.len());
    let mut sound = true;
    for (place, value) in texts {
        match value {
            DeValue::String(text) => match Feature::parse(text) {
                Ok(column) => columns.push(column),
                Err(why) => {
                    sound = false;
                    section.rule_at(&place, "columns", why);
                }
            },
            _ => {
                sound = false;
                section.rule_at(&place, "columns", format_args!("a column is a text, such as {}", quoted("mean")));
            }
        }
    }
    sound.then_some(columns)
}
