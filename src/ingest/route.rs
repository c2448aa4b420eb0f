//! Routes: which topics carry readings, and how their payloads are laid out.

/// One `[[mqtt.route]]`: the messages that it takes and how it reads them.
#[derive(Clone, Debug, PartialEq)]
pub struct RouteSettings {
    /// The topics that it takes, and where they name the device and the sensor.
    pub topic: TopicTemplate,
    /// How payloads are laid out.
    pub payload: PayloadFormat,
    /// What becomes of retained messages.
    pub retained: Retained,
}

/// A topic with placeholders: `plant/{device}/{sensor}`; `{device...}` takes several levels.
#[derive(Clone, Debug, PartialEq)]
pub struct TopicTemplate(String);

/// How a payload is laid out.
#[derive(Clone, Debug, PartialEq)]
pub enum PayloadFormat {
    /// The payload is one number in text. Its time is when it came in.
    Plain,
    /// JSON.
    Json(JsonLayout),
}

/// Where a JSON payload keeps its readings. Pointers are RFC 6901.
#[derive(Clone, Debug, PartialEq)]
pub struct JsonLayout {
    /// Where the readings are.
    pub at: String,
    /// How there are several, if there are.
    pub each: Each,
    /// Where a reading's value is, below the reading; for columns, below `at`.
    pub value: ValueAt,
    /// Where a reading names its sensor; `None` when the topic does.
    pub sensor: Option<String>,
    /// Where a reading keeps its time; `None` when its time is when it came in.
    pub time: Option<TimeAt>,
}

/// How a payload holds several readings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Each {
    /// It holds one.
    Object,
    /// An array, an element a reading.
    Array,
    /// Columns: an object of arrays of equal length, one of times and one of values.
    Columns,
}

/// Where the value is.
#[derive(Clone, Debug, PartialEq)]
pub enum ValueAt {
    /// At this pointer.
    Pointer(String),
    /// Every number below this pointer is the value of a sensor, named by its key.
    All(String),
}

/// Where the time is, and what it counts.
#[derive(Clone, Debug, PartialEq)]
pub struct TimeAt {
    /// The pointer to it.
    pub pointer: String,
    /// What a number counts.
    pub unit: TimeUnit,
}

/// What a time written as a number counts since the epoch. A time written as text is RFC 3339 whatever the unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeUnit {
    /// Told by its size.
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

/// What becomes of a retained message: it was sent some time ago, to whoever subscribes later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retained {
    /// It is passed over.
    Skip,
    /// It is read as any other.
    Accept,
}
