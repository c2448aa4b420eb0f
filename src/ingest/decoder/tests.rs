use proptest::prelude::*;

use super::*;
use crate::ingest::batch::{AheadReading, AheadSuspect};
use crate::ingest::route::{
    Each, JsonLayout, JsonPointer, NumberFormat, PayloadFormat, TimeAt, TimeUnit, TopicTemplate, ValueAt,
};
use crate::sensor_pattern::SensorPattern;
use crate::time::Span;

const NOW: Timestamp = Timestamp::from_nanos(1_535_497_205_000_000_000);

fn pointer(text: &str) -> JsonPointer {
    JsonPointer::parse(text).unwrap()
}

fn route(topic: &str, payload: PayloadFormat, retained: Retained) -> RouteSettings {
    RouteSettings::new(TopicTemplate::parse(topic).unwrap(), payload, retained).unwrap()
}

fn json(each: Each, value: ValueAt, sensor: Option<&str>) -> PayloadFormat {
    let time = Some(TimeAt::usual(pointer("/t"), TimeUnit::Nanoseconds));
    PayloadFormat::Json(JsonLayout::new(pointer(""), each, value, sensor.map(pointer), time).unwrap())
}

fn routes() -> Vec<RouteSettings> {
    let value = || ValueAt::Pointer(pointer("/v"));
    vec![
        route("plain/{device}/{sensor}", PayloadFormat::Plain(NumberFormat::default()), Retained::Skip),
        route("object/{device...}/{sensor}", json(Each::Object, value(), None), Retained::Accept),
        route("array/{device}", json(Each::Array, value(), Some("/s")), Retained::Skip),
        route("columns/{device}", json(Each::Columns, value(), Some("/s")), Retained::Skip),
        route("all/{device}", json(Each::Object, ValueAt::All(pointer("")), None), Retained::Skip),
        route("{device}/{sensor...}", PayloadFormat::Plain(NumberFormat::default()), Retained::Skip),
    ]
}

struct Bench {
    decoder: Decoder,
    directory: Arc<SensorDirectory>,
    batch: Batch,
}

impl Bench {
    fn new(max_sensors: usize) -> Self {
        let directory = Arc::new(SensorDirectory::new(max_sensors, vec![]));
        let filter = |pattern, max| FilterSettings {
            sensors: SensorPattern::parse(pattern).unwrap(),
            filter: Filter::new(-100.0, max, None).unwrap(),
        };
        let times = PlausibleTimes {
            earliest: Timestamp::from_nanos(1_000),
            latest: Timestamp::from_nanos(2 * NOW.nanos()),
            max_ahead: Some(Span::from_secs(60)),
        };
        let filters = [filter("*/bounded", 10.0), filter("*/bounded*", 20.0)].into();
        let memory = TopicMemory::new(usize::MAX);
        let decoder = Decoder::new(routes().into(), filters, times, Arc::clone(&directory), &memory);
        Self { decoder, directory, batch: Batch::default() }
    }

    fn send(&mut self, topic: &str, payload: &str) -> &mut Self {
        let message = Message { topic, payload: payload.as_bytes(), retained: false };
        self.decoder.decode(message, NOW, &mut self.batch);
        self
    }

    /// The readings as `device/sensor@nanos=value`.
    fn readings(&self) -> Vec<String> {
        let name = |id| self.directory.name(id).unwrap();
        let line = |r: &Reading| format!("{}@{}={}", name(r.sensor), r.time.nanos(), r.value);
        self.batch.readings.iter().map(line).collect()
    }

    /// The kinds of the rejects, in the order of their names.
    fn rejects(&self) -> Vec<(&'static str, u64)> {
        self.batch.rejects.counts().collect()
    }

    fn last_reject(&self) -> &Reject {
        self.batch.rejects.kept().last().unwrap()
    }
}

#[test]
fn a_message_becomes_a_reading_of_the_sensor_that_its_topic_names() {
    let mut bench = Bench::new(10);
    bench.send("plain/press/temp", "10.16").send("object/line/press/temp", r#"{"v":1,"t":2000}"#);
    let now = NOW.nanos();
    assert_eq!(bench.readings(), [format!("press/temp@{now}=10.16"), "line/press/temp@2000=1".to_owned()]);
    assert!(bench.batch.rejects.is_empty());
}

#[test]
fn the_first_route_that_fits_decides_even_if_a_later_one_would_read_it() {
    let mut bench = Bench::new(10);
    bench.send("array/press", "1").send("other/a/b", "1");
    assert_eq!(bench.readings(), [format!("other/a/b@{}=1", NOW.nanos())]);
    assert_eq!(bench.rejects(), [("payload", 1)]);
}

#[test]
fn a_topic_that_fits_no_route_is_refused() {
    let mut bench = Bench::new(10);
    bench.send("", "1").send("alone", "1").send("$SYS/load", "1");
    assert_eq!(bench.rejects(), [("no_route", 3)]);
    assert_eq!(bench.last_reject().origin, "$SYS/load");
}

#[test]
fn a_topic_or_payload_that_names_a_sensor_badly_is_refused() {
    let mut bench = Bench::new(10);
    let long = "x".repeat(129);
    bench.send("plain//temp", "1").send(&format!("plain/press/{long}"), "1").send("plain/press/a+b", "1");
    let payload = format!(r#"[{{"s":"","v":1,"t":2000}},{{"s":"{long}","v":1,"t":2000}},{{"s":"a","v":1,"t":2000}}]"#);
    bench.send("array/press", &payload).send("all/press", r##"{"#":1,"t":2000}"##);
    assert_eq!(bench.rejects(), [("name", 6)]);
    assert_eq!(bench.readings(), ["press/a@2000=1"]);
    assert_eq!(bench.directory.len(), 1);
}

#[test]
fn values_and_times_that_are_not_believed_are_refused_under_the_sensors_name() {
    let mut bench = Bench::new(10);
    bench.send("plain/p/bounded", "10").send("plain/p/bounded", "10.5").send("plain/p/bounded2", "10.5");
    bench.send("plain/p/x", "NaN").send("plain/p/x", "-inf").send("plain/p/x", "1e999");
    bench.send("object/p/x", r#"{"v":1e999,"t":2000}"#);
    let ahead = NOW.nanos() + 60_000_000_000;
    for time in [0, 999, 1_000, ahead, ahead + 1] {
        bench.send("object/p/x", &format!(r#"{{"v":1,"t":{time}}}"#));
    }
    assert_eq!(bench.batch.readings.len(), 4);
    assert_eq!(bench.rejects(), [("implausible_time", 2), ("not_finite", 4), ("out_of_range", 1)]);
    assert_eq!(bench.last_reject().origin, "p/x");
    // Whether that is refused is up to the clock.
    let [AheadReading { reading, reason, behind: 4, suspect: AheadSuspect::Clock }] = &bench.batch.ahead[..] else {
        panic!("{:?}", bench.batch.ahead)
    };
    assert_eq!((reading.time.nanos(), reason.kind()), (ahead + 1, "implausible_time"));
}

#[test]
fn a_value_that_has_just_come_is_taken_whatever_the_systems_clock_says() {
    let mut bench = Bench::new(10);
    let message = Message { topic: "plain/p/x", payload: b"1", retained: false };
    for clock in [0, i64::MAX] {
        bench.decoder.decode(message, Timestamp::from_nanos(clock), &mut bench.batch);
    }
    assert_eq!((bench.batch.readings.len(), bench.rejects()), (2, Vec::new()));
}

#[test]
fn a_time_without_a_zone_that_is_not_believed_is_told_with_the_zone_that_would_fit() {
    let mut bench = Bench::new(10);
    // An hour ahead of NOW, as Berlin's clocks are of UTC in winter.
    bench.send("object/p/x", r#"{"v":1,"t":"2018-08-29T00:00:03"}"#);
    // Whether it is refused is up to the clock: a gateway that is an hour behind sees right times like this.
    let [AheadReading { reason, suspect: AheadSuspect::ZoneOrClock, .. }] = &bench.batch.ahead[..] else {
        panic!("{:?}", bench.batch.ahead)
    };
    let reason = reason.to_string();
    assert_eq!(bench.rejects(), []);
    assert!(
        reason.contains("; it names no zone, and UTC was assumed; it is about 1h ahead of its arrival"),
        "{reason}"
    );
    assert!(reason.contains("set zone = \"+01:00\" in its [[mqtt.route]]"), "{reason}");
    // Of a time with a zone, nothing is said of another one.
    bench.send("object/p/x", r#"{"v":1,"t":"2018-08-29T00:00:03Z"}"#);
    let [_, AheadReading { reason, suspect: AheadSuspect::Clock, .. }] = &bench.batch.ahead[..] else {
        panic!("{:?}", bench.batch.ahead)
    };
    assert!(!reason.to_string().contains("zone"), "{reason}");
    // The assumed zone is kept with the reading: the pipeline names it if the reading turns out to be late.
    bench.send("object/p/x", r#"{"v":1,"t":"2018-08-28T22:00:03Z"}"#);
    bench.send("object/p/x", r#"{"v":1,"t":"2018-08-28T18:00:03"}"#);
    let zones: Vec<_> = (0..3).map(|place| bench.batch.zones.of(place).map(|zone| zone.to_string())).collect();
    assert_eq!(zones, [None, Some("UTC".to_owned()), None]);
}

#[test]
fn a_sensor_gets_a_number_only_with_its_first_accepted_reading() {
    let mut bench = Bench::new(1);
    bench.send("plain/p/bounded", "99").send("plain/p/x", "NaN").send("all/p", r#"{"y":1,"t":0}"#);
    assert!(bench.directory.is_empty());
    bench.send("plain/p/x", "1").send("plain/p/y", "1").send("plain/p/x", "2");
    bench.send("array/p", r#"[{"s":"z","v":1,"t":2000},{"s":"x","v":3,"t":2000}]"#);
    assert_eq!(bench.batch.readings.iter().map(|r| r.value).collect::<Vec<_>>(), [1.0, 2.0, 3.0]);
    assert_eq!(
        bench.batch.rejects.counts().find(|(kind, _)| *kind == "too_many_sensors"),
        Some(("too_many_sensors", 2))
    );
}

#[test]
fn a_payload_that_breaks_off_counts_in_no_part() {
    let mut bench = Bench::new(10);
    bench.send("plain/p/x", "1");
    bench.send("array/p", r#"[{"s":"x","v":1,"t":2000},{"s":"x","v":1"#);
    bench.send("columns/p", r#"{"s":"x","v":[1,2,3],"t":[2000,2001]}"#);
    assert_eq!(bench.batch.readings.len(), 1);
    assert_eq!(bench.rejects(), [("payload", 2)]);
}

#[test]
fn a_payload_that_fails_as_a_whole_is_one_reject_and_readings_that_fail_are_one_each() {
    let mut bench = Bench::new(10);
    bench.send("array/p", r#"[{"s":"x","v":"a","t":2000},{"s":"","v":1,"t":2000},{"s":"x","v":1"#);
    assert_eq!(bench.rejects(), [("payload", 1)]);
    assert!(bench.last_reject().reason.to_string().starts_with("the payload is not JSON"));
    bench.send("columns/p", r#"{"s":"x","v":[null,"a",3],"t":[2000,2001]}"#);
    assert_eq!(bench.rejects(), [("payload", 2)]);
    bench.send("array/p", r#"[{"s":"x","v":"a","t":2000},{"s":"x","v":NaN,"t":2000},{"s":"x","v":1,"t":2000}]"#);
    assert_eq!(bench.rejects(), [("not_finite", 1), ("payload", 3)]);
    assert_eq!(bench.readings(), ["p/x@2000=1"]);
    assert_eq!(bench.batch.rejects.kept().len(), 4);
}

#[test]
fn members_that_are_no_numbers_are_counted_by_kind_and_each_shape_is_told_of_once() {
    let mut bench = Bench::new(10);
    let payload = r#"{"a":1,"b":"2","c":null,"d":true,"e":[1],"f":{"g":1},"h":"nan","t":2000}"#;
    bench.send("all/p", payload).send("all/p", payload).send("all/q", r#"{"a":1,"b":"2","t":2000}"#);
    assert_eq!(bench.batch.readings.len(), 3);
    let counts: Vec<_> = bench.batch.members_passed_over.counts().collect();
    assert_eq!(counts, [("text", 5), ("boolean", 2), ("null", 2), ("object", 2), ("array", 2)]);
    let shapes = bench.batch.members_passed_over.shapes().iter();
    let shapes: Vec<_> =
        shapes.map(|shape| format!("{} {} {}", shape.topic, shape.member, shape.kind.word())).collect();
    assert_eq!(
        shapes,
        ["all/p b text", "all/p c null", "all/p d boolean", "all/p e array", "all/p f object", "all/q b text"]
    );
    assert!(bench.batch.rejects.is_empty());
}

#[test]
fn a_message_that_fails_as_a_whole_counts_no_member() {
    let mut bench = Bench::new(10);
    bench.send("all/p", r#"{"a":1,"b":"2","t":2000"#);
    assert_eq!(bench.batch.members_passed_over.counts().count(), 0);
    bench.send("all/p", r#"{"a":1,"b":"2","t":2000}"#);
    assert_eq!(bench.batch.members_passed_over.shapes().len(), 1);
}

#[test]
fn a_bad_element_is_named_by_its_place() {
    let mut bench = Bench::new(10);
    bench.send("array/p", r#"[{"s":"x","v":1,"t":2000},{"s":"x","v":"1","t":2000},{"s":"x","v":2,"t":2001}]"#);
    assert_eq!(bench.batch.readings.len(), 2);
    assert_eq!(
        bench.last_reject().reason.to_string(),
        "reading 1: the value at /v is a number in quotes; with numbers = \"quoted\" its route reads it"
    );
}

#[test]
fn a_retained_message_is_passed_over_unless_its_route_accepts_it() {
    let mut bench = Bench::new(10);
    for (topic, payload) in [("plain/p/x", "1"), ("object/p/x", r#"{"v":1,"t":2000}"#), ("none", "1")] {
        let message = Message { topic, payload: payload.as_bytes(), retained: true };
        bench.decoder.decode(message, NOW, &mut bench.batch);
    }
    assert_eq!(bench.readings(), ["p/x@2000=1"]);
    assert_eq!(bench.rejects(), [("no_route", 1)]);
    assert_eq!(bench.batch.messages_passed_over, 1, "it is counted");
}

#[test]
fn a_reading_without_a_time_is_known_to_bear_that_of_its_arrival() {
    let mut bench = Bench::new(10);
    bench.send("plain/p/x", "1").send("object/p/x", r#"{"v":1,"t":2000}"#).send("plain/p/x", "2");
    let mut is_arrival = bench.batch.arrivals.in_order();
    assert_eq!([0, 1, 2].map(&mut is_arrival), [true, false, true]);
}

#[test]
fn what_a_decoder_remembers_is_bounded_and_forgetting_changes_nothing() {
    let mut bench = Bench::new(100_000);
    for index in 0..60_000 {
        let device = format!("{index:0>100}");
        bench.send(&format!("plain/{device}/x"), "1").send("all/p", &format!(r#"{{"s{index}":1,"t":2000}}"#));
        assert!(bench.decoder.memory_bytes <= Decoder::MAX_MEMORY_BYTES);
        assert!(bench.decoder.topics.len() < 20_000);
        if bench.batch.readings.len() > 100 {
            bench.batch = Batch::default();
        }
    }
    bench.batch = Batch::default();
    bench.send(&format!("plain/{:0>100}/x", 0), "1").send("all/p", r#"{"s0":1,"t":2000}"#);
    assert_eq!(bench.batch.readings.iter().map(|r| r.sensor.0).collect::<Vec<_>>(), [0, 1]);
}

#[test]
fn refused_topics_are_not_remembered() {
    let mut bench = Bench::new(10);
    for index in 0..100 {
        bench.send(&format!("plain/p/{index}"), "NaN").send(&format!("all/{index}"), r#"{"a":1,"t":0}"#);
    }
    assert!(bench.decoder.topics.is_empty());
}

/// Something like JSON of the layouts above, often broken.
fn payloads() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"v\"",
        "\"t\"",
        "\"s\"",
        "\"x\"",
        "2000",
        "1.5",
        "-1e999",
        "null",
        "\"\\ud800\"",
        " ",
        "true",
        "\"2018-08-28T23:00:05Z\"",
        "{\"v\":1,\"t\":2000,\"s\":\"a\"}",
        "{\"v\":[1,2],\"t\":[2000,3000],\"s\":\"a\"}",
        "\\",
    ]);
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..60),
        prop::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat().into_bytes()),
    ]
}

fn rows() -> impl Strategy<Value = Vec<(String, i64, f64)>> {
    prop::collection::vec(("[a-c]\\PC{0,3}", 1_000..NOW.nanos(), -1e6..1e6), 1..20).prop_map(|mut rows| {
        rows.retain(|(name, ..)| SensorName::new("p", name).is_ok());
        rows.push(("a".to_owned(), 1_000, 0.1));
        rows
    })
}

proptest! {
    #[test]
    fn whatever_comes_is_never_silence_and_never_a_panic(
        topic in prop_oneof!["(plain|object|array|columns|all)/[a-z]{1,3}(/[a-z]{1,3})?", any::<String>()],
        payload in payloads(),
    ) {
        let mut bench = Bench::new(3);
        let message = Message { topic: &topic, payload: &payload, retained: false };
        for time in 1..3 {
            bench.decoder.decode(message, NOW, &mut bench.batch);
            let yielded = bench.batch.readings.len() as u64 + bench.batch.rejects.total();
            prop_assert!(yielded >= time, "{} {:?}", topic, String::from_utf8_lossy(&payload));
        }
        prop_assert!(bench.batch.readings.iter().all(|reading| reading.value.is_finite()));
        // Known or new, a topic yields the same.
        prop_assert_eq!(bench.batch.readings.len() % 2, 0);
        prop_assert_eq!(bench.batch.rejects.total() % 2, 0);
    }

    #[test]
    fn readings_written_as_an_array_or_as_columns_are_read_back(rows in rows()) {
        let expected: Vec<String> = rows.iter().map(|(s, t, v)| format!("p/{s}@{t}={v}")).collect();
        let array: Vec<_> = rows.iter().map(|(s, t, v)| serde_json::json!({"v": v, "s": s, "x": [0], "t": t})).collect();
        let column = |of: fn(&(String, i64, f64)) -> serde_json::Value| rows.iter().map(of).collect::<Vec<_>>();
        let (names, times) = (column(|row| row.0.clone().into()), column(|row| row.1.into()));
        let columns = serde_json::json!({"s": names, "t": times, "v": column(|row| row.2.into())});
        for (topic, payload) in [("array/p", serde_json::json!(array)), ("columns/p", columns)] {
            let mut bench = Bench::new(100);
            bench.send(topic, &payload.to_string());
            prop_assert_eq!(bench.readings(), expected.clone());
            prop_assert!(bench.batch.rejects.is_empty());
        }
    }
}
