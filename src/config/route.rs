//! `[[mqtt.route]]`: which topics carry readings, and how their payloads are laid out.

use super::reader::Section;
use super::template;
use crate::ingest::route::{Each, JsonLayout, PayloadFormat, Retained, TimeAt, TimeUnit, ValueAt};

/// The messages that a route takes and how it reads them.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// The topics that it takes, and where they name the device and the sensor.
    pub topic: String,
    /// How payloads are laid out.
    pub payload: PayloadFormat,
    /// What becomes of retained messages.
    pub retained: Retained,
}

#[derive(Clone, Copy, PartialEq)]
enum Format {
    Json,
    Plain,
}

const JSON_KEYS: [&str; 7] = ["each", "at", "value", "values", "sensor", "time", "time_unit"];

pub(super) fn read(section: &mut Section<'_, '_>) -> Option<Route> {
    let accepted_topic = "a topic such as \"plant/{device}/{sensor}\"; {device...} takes several levels";
    section.require("topic", accepted_topic);
    let topic = section.parsed("topic", accepted_topic, topic);
    let retained = section.choice("retained", [("skip", Retained::Skip), ("accept", Retained::Accept)]);
    let format = section.choice("format", [("json", Format::Json), ("plain", Format::Plain)]);
    let layout = json(section);
    if format == Format::Plain {
        for key in JSON_KEYS {
            if section.has(key) {
                section.rule(&[key, "format"], "a plain payload is one number; this key needs format = \"json\"");
            }
        }
    }
    let named_by_payload = format == Format::Json && (section.has("sensor") || section.has("values"));
    let topic = topic?;
    match (topic.contains("{sensor"), named_by_payload) {
        (false, false) => section.rule(
            &["topic", "format", "sensor", "values"],
            "nothing names the sensor; write {sensor} into the topic, or say with sensor or values where the payload does",
        ),
        (true, true) => {
            let key = if section.has("sensor") { "sensor" } else { "values" };
            section.rule(&[key, "topic"], "the topic names the sensor already; take {sensor} out of it, or this key");
        }
        _ => {}
    }
    let payload = match format {
        Format::Plain => PayloadFormat::Plain,
        Format::Json => PayloadFormat::Json(layout),
    };
    Some(Route { topic, payload, retained })
}

fn json(section: &mut Section<'_, '_>) -> JsonLayout {
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
    if section.has("value") && section.has("values") {
        section.rule(&["values", "value"], "there is a value as well; keep one of them");
    }
    let value = pointer(section, "value").unwrap_or_else(|| "/value".to_owned());
    JsonLayout {
        at: pointer(section, "at").unwrap_or_default(),
        each,
        value: pointer(section, "values").map_or(ValueAt::Pointer(value), ValueAt::All),
        sensor: pointer(section, "sensor"),
        // An empty text: the payload has no time.
        time: match pointer(section, "time") {
            Some(none) if none.is_empty() => None,
            pointer => Some(TimeAt { pointer: pointer.unwrap_or_else(|| "/ts".to_owned()), unit }),
        },
    }
}

/// A pointer into a JSON document (RFC 6901).
fn pointer(section: &mut Section<'_, '_>, key: &'static str) -> Option<String> {
    section.parsed(key, "a JSON pointer such as \"/data/value\", or \"\" for the whole", |text| {
        if !text.is_empty() && !text.starts_with('/') {
            return Err("it does not begin with /");
        }
        // Section 3: a ~ is written ~0, a / within a name ~1.
        if text.split('~').skip(1).any(|after| !after.starts_with(['0', '1'])) {
            return Err("a ~ must be written ~0");
        }
        Ok(text.to_owned())
    })
}

fn topic(text: &str) -> Result<String, String> {
    let levels: Vec<&str> = text.split('/').collect();
    let mut placeholders = Vec::new();
    for level in &levels {
        let Some(inner) = level.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) else {
            if level.contains(['{', '}']) {
                return Err(format!("a placeholder must be a whole level, which {level} is not"));
            }
            if level.len() > 1 && level.contains(['+', '#']) {
                return Err(format!("a wildcard must be a whole level, which {level} is not"));
            }
            continue;
        };
        let name = inner.strip_suffix("...").unwrap_or(inner);
        if !["device", "sensor"].contains(&name) {
            return Err(format!("there is no placeholder {{{inner}}}"));
        }
        if placeholders.contains(&name) {
            return Err(format!("{{{name}}} stands there twice"));
        }
        placeholders.push(name);
    }
    if !placeholders.contains(&"device") {
        return Err("{device} is not in it".to_owned());
    }
    if levels.iter().rev().skip(1).any(|level| *level == "#") {
        return Err("a # must be the last level".to_owned());
    }
    if levels.iter().filter(|level| level.ends_with("...}") || **level == "#").count() > 1 {
        return Err("only one part may take several levels".to_owned());
    }
    template::check_length(text)?;
    Ok(text.to_owned())
}
