//! `[[mqtt.route]]`: which topics carry readings, and how their payloads are laid out.

use super::reader::Section;
use crate::ingest::decimal::Decimal;
use crate::ingest::route::{
    Each, JsonLayout, JsonPointer, LayoutError, NumberFormat, PayloadFormat, Quotes, Retained, RouteError,
    RouteSettings, TimeAt, TimeForm, TimeUnit, TopicTemplate, ValueAt,
};
use crate::ingest::written_time::Pattern;
use crate::zone::Zone;

#[derive(Clone, Copy, PartialEq)]
enum Format {
    Json,
    Plain,
}

const JSON_KEYS: [&str; 9] = ["each", "at", "value", "values", "sensor", "time", "time_unit", "time_format", "zone"];

pub(super) fn read(section: &mut Section<'_, '_>) -> Option<RouteSettings> {
    let accepted = "a topic such as \"plant/{device}/{sensor}\"; {device...} takes several levels";
    section.require("topic", accepted);
    let topic = section.parsed("topic", accepted, TopicTemplate::parse);
    let retained = section.choice("retained", [("skip", Retained::Skip), ("accept", Retained::Accept)]);
    let format = section.choice("format", [("json", Format::Json), ("plain", Format::Plain)]);
    let numbers = numbers(section);
    let layout = json(section);
    let payload = match format {
        Format::Json => {
            if numbers == (NumberFormat { quotes: Quotes::Refused, decimal: Decimal::Comma }) {
                let why = "JSON has a decimal comma in quotes only; add numbers = \"quoted\"";
                section.rule(&["decimal", "numbers"], why);
            }
            PayloadFormat::Json(layout?.with_numbers(numbers))
        }
        Format::Plain => {
            for key in JSON_KEYS {
                if section.has(key) {
                    section.rule(&[key, "format"], "a plain payload is one number; this key needs format = \"json\"");
                }
            }
            PayloadFormat::Plain(numbers)
        }
    };
    match RouteSettings::new(topic?, payload, retained) {
        Ok(route) => Some(route),
        Err(why @ RouteError::NoSensor(_)) => {
            section.rule(&["topic", "format", "sensor", "values"], format!("{why} with sensor or values"));
            None
        }
        Err(why @ RouteError::TwoSensors(_)) => {
            section.rule(&["sensor", "values", "topic"], why);
            None
        }
    }
}

fn numbers(section: &mut Section<'_, '_>) -> NumberFormat {
    NumberFormat {
        quotes: section.choice("numbers", [("bare", Quotes::Refused), ("quoted", Quotes::Accepted)]),
        decimal: section.choice("decimal", [(".", Decimal::Point), (",", Decimal::Comma)]),
    }
}

/// Asks for every key in any case, so that all keys are known. The caller refuses those that a plain payload must not
/// have.
fn json(section: &mut Section<'_, '_>) -> Option<JsonLayout> {
    let each = section.choice("each", [("object", Each::Object), ("array", Each::Array), ("columns", Each::Columns)]);
    let unit = section.choice(
        "time_unit",
        [
            ("auto", TimeUnit::Auto),
            ("s", TimeUnit::Seconds),
            ("ms", TimeUnit::Milliseconds),
            ("us", TimeUnit::Microseconds),
            ("ns", TimeUnit::Nanoseconds),
        ],
    );
    let at = pointer(section, "at").unwrap_or_else(JsonPointer::root);
    let value = pointer(section, "value");
    let values = pointer(section, "values");
    let sensor = pointer(section, "sensor");
    let time = time(section);
    if section.has("value") && section.has("values") {
        section.rule(&["values", "value"], "there is a value as well; keep one of them");
    }
    let value = match values {
        Some(all) => ValueAt::All(all),
        None => ValueAt::Pointer(value.or_else(|| JsonPointer::parse("/value").ok())?),
    };
    let accepted = "a pattern as strftime has it, such as \"%d.%m.%Y %H:%M:%S\"";
    let pattern = section.parsed("time_format", accepted, str::parse::<Pattern>);
    if section.has("time_format") && section.has("time_unit") {
        section.rule(&["time_unit", "time_format"], "time_format says how times are written; leave one of them out");
    }
    let accepted = "a place such as \"Europe/Berlin\", or a distance from UTC such as \"+02:00\"";
    let zone = section.parsed("zone", accepted, str::parse::<Zone>).unwrap_or_default();
    let form = pattern.map_or(TimeForm::Usual(unit), TimeForm::Pattern);
    let time = time.map(|pointer| TimeAt { pointer, form, zone });
    if time.is_none() {
        for key in ["time_unit", "time_format", "zone"] {
            if section.has(key) && section.has("time") {
                section.rule(&[key, "time"], "with time = \"\" readings have no time of their own, so this is unused");
            }
        }
    }
    match JsonLayout::new(at, each, value, sensor, time) {
        Ok(layout) => Some(layout),
        Err(why) => {
            let keys: &[&str] = match why {
                LayoutError::ColumnsWithoutTime => &["time", "each"],
                LayoutError::ColumnsOfAll => &["values", "each"],
                LayoutError::AllWithSensor => &["sensor", "values"],
                LayoutError::Overlap { .. } => &["values", "value", "sensor", "time"],
            };
            section.rule(keys, why);
            None
        }
    }
}

/// Where the time is; `None` when an empty text says that there is no time.
fn time(section: &mut Section<'_, '_>) -> Option<JsonPointer> {
    let accepted = "a JSON pointer such as \"/ts\", or \"\" when readings carry no time";
    let written = section.parsed("time", accepted, |text| match text {
        "" => Ok(None),
        text => JsonPointer::parse(text).map(Some),
    });
    written.unwrap_or_else(|| JsonPointer::parse("/ts").ok())
}

fn pointer(section: &mut Section<'_, '_>, key: &'static str) -> Option<JsonPointer> {
    section.parsed(key, "a JSON pointer such as \"/data/value\", or \"\" for the whole", JsonPointer::parse)
}
