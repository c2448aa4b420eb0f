//! What a reading costs to decode, in each format, beside `serde_json::Value` with pointers on the same payload in the
//! same run. Prints nanoseconds a reading and their ratio. One thread; run with `cargo bench -- decode`.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anomalyd::ingest::batch::Batch;
use anomalyd::ingest::decoder::{Decoder, Message};
use anomalyd::ingest::filter::PlausibleTimes;
use anomalyd::ingest::route::{
    Each, JsonLayout, JsonPointer, NumberFormat, PayloadFormat, Retained, RouteSettings, TimeAt, TimeUnit,
    TopicTemplate, ValueAt,
};
use anomalyd::ingest::topic_memory::TopicMemory;
use anomalyd::sensor::SensorDirectory;
use anomalyd::time::Timestamp;
use serde_json::{Value, json};

use crate::Size;

const START_MILLIS: i64 = 1_535_497_205_000;
/// The best of these counts: the others were disturbed.
const REPEAT: usize = 5;

struct Case {
    name: &'static str,
    topic: &'static str,
    payload: String,
    readings: usize,
    format: PayloadFormat,
    /// Sums values and times, read the plain way.
    baseline: fn(&[u8]) -> f64,
}

pub(crate) fn run(size: Size) {
    let measure_for = Duration::from_millis(size.of(300, 1));
    println!("{:<28} {:>10} {:>12} {:>8}", "format", "ns/reading", "Value, ns", "ratio");
    for case in cases() {
        let ours = nanos_per_reading(&case, measure_for, decode(&case));
        let baseline = nanos_per_reading(&case, measure_for, || {
            black_box((case.baseline)(black_box(case.payload.as_bytes())));
        });
        println!("{:<28} {ours:>10.1} {baseline:>12.1} {:>7.1}x", case.name, baseline / ours);
    }
}

fn decode(case: &Case) -> impl FnMut() + '_ {
    let directory = Arc::new(SensorDirectory::new(1000, vec![]));
    let template = if case.topic.split('/').count() == 2 { "plant/{device}" } else { "plant/{device}/{sensor}" };
    let template = TopicTemplate::parse(template).expect("a template");
    let route = RouteSettings::new(template, case.format.clone(), Retained::Skip).expect("a route");
    let times = PlausibleTimes { earliest: Timestamp::default(), latest: Timestamp::MAX, max_ahead: None };
    let mut decoder =
        Decoder::new([route].into(), [].into(), times, directory, &TopicMemory::new(Decoder::MAX_MEMORY_BYTES));
    let mut batch = Batch::default();
    let now = Timestamp::now();
    move || {
        batch.truncate(0);
        let message = Message { topic: black_box(case.topic), payload: case.payload.as_bytes(), retained: false };
        decoder.decode(message, now, &mut batch);
        assert_eq!(batch.readings.len(), case.readings, "{}", case.name);
    }
}

fn nanos_per_reading(case: &Case, measure_for: Duration, mut message: impl FnMut()) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..REPEAT {
        let start = Instant::now();
        let mut readings = 0_u32;
        while start.elapsed() < measure_for {
            for _ in 0..100 {
                message();
            }
            readings += 100 * u32::try_from(case.readings).unwrap();
        }
        best = best.min(start.elapsed().as_secs_f64() * 1e9 / f64::from(readings));
    }
    best
}

fn cases() -> Vec<Case> {
    let rows: Vec<Value> = (0..100)
        .map(|i| json!({"s": format!("tag{}", i % 10), "t": START_MILLIS + i, "v": 20.5 + i as f64 / 8.0}))
        .collect();
    let column = |key: &str| rows.iter().map(|row| row[key].clone()).collect::<Vec<_>>();
    let all: serde_json::Map<_, _> = (0..10).map(|i| (format!("tag{i}"), json!(20.5 + f64::from(i)))).collect();
    let value = || ValueAt::Pointer(pointer("/v"));
    vec![
        Case {
            name: "plain number",
            topic: "plant/press/temp",
            payload: "21.375".to_owned(),
            readings: 1,
            format: PayloadFormat::Plain(NumberFormat::default()),
            baseline: |payload| str::from_utf8(payload).unwrap().parse().unwrap(),
        },
        Case {
            name: "json object, milliseconds",
            topic: "plant/press/temp",
            payload: format!(r#"{{"t":{START_MILLIS},"v":21.375,"unit":"C","seq":7}}"#),
            readings: 1,
            format: layout("", Each::Object, value(), None),
            baseline: |payload| sum(&parse(payload)),
        },
        Case {
            name: "json object, RFC 3339",
            topic: "plant/press/temp",
            payload: r#"{"t":"2018-08-28T23:00:05.000Z","v":21.375}"#.to_owned(),
            readings: 1,
            format: layout("", Each::Object, value(), None),
            baseline: |payload| {
                let document = parse(payload);
                let time = Timestamp::parse(document.pointer("/t").unwrap().as_str().unwrap()).unwrap();
                document.pointer("/v").unwrap().as_f64().unwrap() + time.nanos() as f64
            },
        },
        Case {
            name: "json array of 100",
            topic: "plant/press",
            payload: json!({"r": rows}).to_string(),
            readings: 100,
            format: layout("/r", Each::Array, value(), Some("/s")),
            baseline: |payload| parse(payload).pointer("/r").unwrap().as_array().unwrap().iter().map(sum).sum(),
        },
        Case {
            name: "json columns of 100",
            topic: "plant/press/temp",
            payload: json!({"t": column("t"), "v": column("v")}).to_string(),
            readings: 100,
            format: layout("", Each::Columns, value(), None),
            baseline: |payload| {
                let document = parse(payload);
                let column = |at| document.pointer(at).unwrap().as_array().unwrap();
                let rows = column("/t").iter().zip(column("/v"));
                rows.map(|(time, value)| time.as_f64().unwrap() + value.as_f64().unwrap()).sum()
            },
        },
        Case {
            name: "json, all of 10 numbers",
            topic: "plant/press",
            payload: json!({"t": START_MILLIS, "values": all}).to_string(),
            readings: 10,
            format: layout("", Each::Object, ValueAt::All(pointer("/values")), None),
            baseline: |payload| {
                let document = parse(payload);
                let values = document.pointer("/values").unwrap().as_object().unwrap();
                let time = document.pointer("/t").unwrap().as_f64().unwrap();
                values.values().map(|value| value.as_f64().unwrap() + time).sum()
            },
        },
    ]
}

fn layout(at: &str, each: Each, value: ValueAt, sensor: Option<&str>) -> PayloadFormat {
    let time = Some(TimeAt::usual(pointer("/t"), TimeUnit::Milliseconds));
    PayloadFormat::Json(JsonLayout::new(pointer(at), each, value, sensor.map(pointer), time).expect("a layout"))
}

fn pointer(text: &str) -> JsonPointer {
    JsonPointer::parse(text).expect("a pointer")
}

fn parse(payload: &[u8]) -> Value {
    serde_json::from_slice(payload).unwrap()
}

fn sum(document: &Value) -> f64 {
    document.pointer("/t").unwrap().as_f64().unwrap() + document.pointer("/v").unwrap().as_f64().unwrap()
}
