//! Routes: which topics carry readings, and how their payloads are laid out.

use crate::ingest::decimal::Decimal;
pub use crate::ingest::payload::pointer::{JsonPointer, PointerError};
use crate::ingest::payload::tree::{Leaf, Tree};
pub use crate::ingest::topic::{TopicError, TopicTemplate};
use crate::ingest::written_time::Pattern;
use crate::sensor_pattern::NameShape;
use crate::zone::Zone;

/// One `[[mqtt.route]]`: which messages it takes, and how it reads them. It names the sensor of every reading that it
/// finds.
#[derive(Clone, Debug, PartialEq)]
pub struct RouteSettings {
    topic: TopicTemplate,
    payload: PayloadFormat,
    retained: Retained,
}

/// Why a route was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// Nothing names the sensor.
    #[error("nothing names the sensor: put {{sensor}} into the topic {0:?}, or say where the payload names it")]
    NoSensor(String),
    /// Two places name the sensor.
    #[error("both the topic {0:?} and the payload name the sensor; leave one out")]
    TwoSensors(String),
}

impl RouteSettings {
    /// A route.
    ///
    /// # Errors
    /// When topic and payload both name the sensor, or neither does.
    pub fn new(topic: TopicTemplate, payload: PayloadFormat, retained: Retained) -> Result<Self, RouteError> {
        let payload_names = match &payload {
            PayloadFormat::Plain(_) => false,
            PayloadFormat::Json(layout) => layout.names_sensor(),
        };
        match (topic.names_sensor(), payload_names) {
            (false, false) => Err(RouteError::NoSensor(topic.to_string())),
            (true, true) => Err(RouteError::TwoSensors(topic.to_string())),
            _ => Ok(Self { topic, payload, retained }),
        }
    }

    /// The topics that the route takes, and which of their levels name device and sensor.
    pub fn topic(&self) -> &TopicTemplate {
        &self.topic
    }

    /// Which names its sensors can have.
    pub fn nameable(&self) -> NameShape {
        self.topic.nameable()
    }

    /// Whether a reading is told from a repeat by its own time.
    pub fn has_time(&self) -> bool {
        matches!(&self.payload, PayloadFormat::Json(JsonLayout { time: Some(_), .. }))
    }

    /// How payloads are laid out.
    pub fn payload(&self) -> &PayloadFormat {
        &self.payload
    }

    /// What happens to retained messages.
    pub fn retained(&self) -> Retained {
        self.retained
    }
}

/// How a payload is laid out.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "there is one a route, and every message would follow the pointer")]
pub enum PayloadFormat {
    /// The payload is one number as text. The reading's time is its arrival.
    Plain(NumberFormat),
    /// JSON.
    Json(JsonLayout),
}

/// How numbers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NumberFormat {
    /// Whether numbers may be in quotes.
    pub quotes: Quotes,
    /// The decimal mark of numbers in quotes. JSON numbers outside of quotes always have a point.
    pub decimal: Decimal,
}

impl Default for NumberFormat {
    fn default() -> Self {
        Self { quotes: Quotes::Refused, decimal: Decimal::Point }
    }
}

/// Whether a number may stand in quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quotes {
    /// A value in quotes is text.
    Refused,
    /// A value in quotes that reads as a number is a number.
    Accepted,
}

/// Where a JSON payload keeps its readings.
#[derive(Clone, Debug, PartialEq)]
pub struct JsonLayout {
    pub(crate) at: JsonPointer,
    pub(crate) each: Each,
    pub(crate) value: ValueAt,
    pub(crate) sensor: Option<JsonPointer>,
    pub(crate) time: Option<TimeAt>,
    pub(crate) numbers: NumberFormat,
    /// All pointers below `at` as one tree.
    pub(super) tree: Tree,
}

/// Why a layout was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LayoutError {
    /// Columns without times.
    #[error("columns need a pointer to the column of times")]
    ColumnsWithoutTime,
    /// Columns with `values`: there is only one column of values.
    #[error("columns need a pointer to the one column of values, not to all numbers")]
    ColumnsOfAll,
    /// The numbers' keys name the sensors already.
    #[error("where all numbers are taken their keys name the sensors; leave out the pointer to the sensor's name")]
    AllWithSensor,
    /// One thing inside another.
    #[error("the {outer} at {outer_at} holds the {inner} at {inner_at}; they must lie apart")]
    Overlap {
        /// The pointer outside.
        outer: &'static str,
        /// Where.
        outer_at: String,
        /// The pointer inside it.
        inner: &'static str,
        /// Where.
        inner_at: String,
    },
}

impl JsonLayout {
    /// A layout. `at` points to the readings, `each` tells how several of them are arranged, and the other pointers go
    /// on from each reading; for columns they go on from `at`. Without `sensor`, the topic or the keys name the sensor;
    /// without `time`, a reading's time is its arrival.
    ///
    /// # Errors
    /// When the parts do not go together.
    pub fn new(
        at: JsonPointer,
        each: Each,
        value: ValueAt,
        sensor: Option<JsonPointer>,
        time: Option<TimeAt>,
    ) -> Result<Self, LayoutError> {
        match (each, &value) {
            (Each::Columns, ValueAt::All(_)) => return Err(LayoutError::ColumnsOfAll),
            (Each::Columns, _) if time.is_none() => return Err(LayoutError::ColumnsWithoutTime),
            (_, ValueAt::All(_)) if sensor.is_some() => return Err(LayoutError::AllWithSensor),
            _ => {}
        }
        let (single, all) = match &value {
            ValueAt::Pointer(pointer) => (Some(pointer), None),
            ValueAt::All(pointer) => (None, Some(pointer)),
        };
        let leaves: Vec<(Leaf, &JsonPointer)> = [
            (Leaf::Value, single),
            (Leaf::Sensor, sensor.as_ref()),
            (Leaf::Time, time.as_ref().map(|time| &time.pointer)),
        ]
        .into_iter()
        .filter_map(|(leaf, pointer)| Some((leaf, pointer?)))
        .collect();
        for (outer, outer_at) in &leaves {
            let others = leaves.iter().filter(|(leaf, _)| leaf != outer).map(|(leaf, at)| (leaf.noun(), *at));
            for (inner, inner_at) in others.chain(all.map(|at| ("values", at))) {
                if outer_at.holds(inner_at) {
                    let (outer_at, inner_at) = (outer_at.to_string(), inner_at.to_string());
                    return Err(LayoutError::Overlap { outer: outer.noun(), outer_at, inner, inner_at });
                }
            }
        }
        let tree = Tree::new(&leaves, all);
        Ok(Self { at, each, value, sensor, time, numbers: NumberFormat::default(), tree })
    }

    /// The same layout, with values written so.
    pub fn with_numbers(self, numbers: NumberFormat) -> Self {
        Self { numbers, ..self }
    }

    fn names_sensor(&self) -> bool {
        self.sensor.is_some() || matches!(self.value, ValueAt::All(_))
    }
}

/// How a payload holds several readings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Each {
    /// There is one reading.
    Object,
    /// An array, an element a reading.
    Array,
    /// Columns: an object of arrays of equal length, one of times and one of values. The sensor is a third array, or
    /// one name for all.
    Columns,
}

/// Where the value is.
#[derive(Clone, Debug, PartialEq)]
pub enum ValueAt {
    /// The value at this pointer.
    Pointer(JsonPointer),
    /// Every number among the members of the object at this pointer is the value of a sensor, which its key names.
    /// Other members are skipped and counted; but the reading's time, if it is among them, is not counted.
    All(JsonPointer),
}

/// Where the time is, how it is written, and its zone.
#[derive(Clone, Debug, PartialEq)]
pub struct TimeAt {
    /// The pointer to it.
    pub pointer: JsonPointer,
    /// How it is written.
    pub form: TimeForm,
    /// The zone of a time that names none.
    pub zone: Zone,
}

impl TimeAt {
    /// A time in the usual form, which is taken as UTC if it names no zone.
    pub fn usual(pointer: JsonPointer, unit: TimeUnit) -> Self {
        Self { pointer, form: TimeForm::Usual(unit), zone: Zone::default() }
    }
}

/// How a time is written.
#[derive(Clone, Debug, PartialEq)]
pub enum TimeForm {
    /// As a number in this unit, in quotes or not; or as text in the forms of ISO 8601 and RFC 3339.
    Usual(TimeUnit),
    /// By a pattern.
    Pattern(Pattern),
}

/// The unit of a time that is a number since the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeUnit {
    /// The size tells: below 1e11 seconds, below 1e14 milliseconds, below 1e17 microseconds, else nanoseconds. This is
    /// right for every time from 1973 to the last that a timestamp reaches; earlier times need their unit.
    Auto,
    /// Seconds, with or without a fraction.
    Seconds,
    /// Milliseconds.
    Milliseconds,
    /// Microseconds.
    Microseconds,
    /// Nanoseconds.
    Nanoseconds,
}

/// What happens to a retained message: one that a broker kept from earlier for clients that subscribe later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retained {
    /// It is passed over.
    Skip,
    /// It is read like any other message.
    Accept,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pointer(text: &str) -> JsonPointer {
        JsonPointer::parse(text).unwrap()
    }

    fn time(text: &str) -> Option<TimeAt> {
        Some(TimeAt::usual(pointer(text), TimeUnit::Auto))
    }

    fn layout(
        each: Each,
        value: ValueAt,
        sensor: Option<&str>,
        time: Option<TimeAt>,
    ) -> Result<JsonLayout, LayoutError> {
        JsonLayout::new(JsonPointer::root(), each, value, sensor.map(pointer), time)
    }

    #[test]
    fn a_layout_whose_parts_do_not_go_together_is_refused() {
        let value = || ValueAt::Pointer(pointer("/v"));
        let all = || ValueAt::All(pointer(""));
        assert_eq!(layout(Each::Columns, value(), None, None), Err(LayoutError::ColumnsWithoutTime));
        assert_eq!(layout(Each::Columns, all(), None, time("/t")), Err(LayoutError::ColumnsOfAll));
        assert_eq!(layout(Each::Object, all(), Some("/s"), None), Err(LayoutError::AllWithSensor));
        for (sensor, at) in [(None, "/v"), (None, "/v/t"), (None, ""), (Some("/t/x"), "/t")] {
            let refused = layout(Each::Array, value(), sensor, time(at));
            assert!(matches!(refused, Err(LayoutError::Overlap { .. })), "{at}");
        }
        assert!(matches!(layout(Each::Object, all(), None, time("")), Err(LayoutError::Overlap { .. })));
        assert!(layout(Each::Object, all(), None, time("/t")).is_ok(), "the time may stand among the numbers");
        assert!(layout(Each::Array, value(), Some("/s"), None).is_ok());
    }

    #[test]
    fn exactly_one_of_topic_and_payload_names_the_sensor() {
        let route = |topic: &str, payload| {
            RouteSettings::new(TopicTemplate::parse(topic).unwrap(), payload, Retained::Skip).map(|_| ())
        };
        let value = ValueAt::Pointer(pointer("/v"));
        let named = || PayloadFormat::Json(layout(Each::Object, value.clone(), Some("/s"), None).unwrap());
        let all = || PayloadFormat::Json(layout(Each::Object, ValueAt::All(pointer("")), None, None).unwrap());
        assert_eq!(route("{device}/{sensor}", PayloadFormat::Plain(NumberFormat::default())), Ok(()));
        assert_eq!(route("{device}", named()), Ok(()));
        assert_eq!(route("{device}", all()), Ok(()));
        assert_eq!(
            route("{device}", PayloadFormat::Plain(NumberFormat::default())),
            Err(RouteError::NoSensor("{device}".to_owned()))
        );
        for payload in [named(), all()] {
            let refused = route("{device}/{sensor}", payload);
            assert_eq!(refused, Err(RouteError::TwoSensors("{device}/{sensor}".to_owned())));
        }
    }
}
