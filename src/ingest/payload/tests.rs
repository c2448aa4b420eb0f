use super::*;
use crate::ingest::decimal::Decimal;
use crate::ingest::route::{Each, JsonLayout, NumberFormat, Quotes, TimeAt, TimeForm, TimeUnit, ValueAt};

const NO_TIME: &str = "the time at /t is no time that can be read; accepted are the forms of ISO 8601 and RFC 3339, such as \
                       2018-08-28T23:00:05Z, and numbers since 1970; time_format in the route reads other forms";

/// 2018-10-28T01:30:02Z, in the second of two hours of Berlin.
const RECEIVED: Timestamp = Timestamp::from_nanos(1_540_690_202_000_000_000);

fn pointer(text: &str) -> JsonPointer {
    JsonPointer::parse(text).unwrap()
}

fn layout(at: &str, each: Each, value: &str, sensor: Option<&str>, time: Option<&str>) -> PayloadFormat {
    let time = time.map(|at| TimeAt::usual(pointer(at), TimeUnit::Auto));
    let value = match value.strip_suffix('*') {
        Some(all) => ValueAt::All(pointer(all)),
        None => ValueAt::Pointer(pointer(value)),
    };
    PayloadFormat::Json(JsonLayout::new(pointer(at), each, value, sensor.map(pointer), time).unwrap())
}

/// What a payload yields, a line an item: a reading as `sensor@nanos=value`, a fault in words, or `sensor is no number:
/// kind`; `Err` with the fault of the whole payload. Like the decoder, it reads with care what cannot be read quickly.
fn found(format: &PayloadFormat, payload: &str) -> Result<Vec<String>, String> {
    let attempt = |care| {
        let mut lines = Vec::new();
        let whole = read(format, payload.as_bytes(), care, RECEIVED, &mut |item| {
            lines.push(match item {
                Item::Reading(PayloadReading { sensor, time, value }) => {
                    let time = time.map_or(String::new(), |time| format!("@{}", time.time.nanos()));
                    format!("{}{time}={value}", sensor.unwrap_or_default())
                }
                Item::Fault { fault, .. } => fault.to_string(),
                Item::Member { name, kind } => format!("{name}: {}", kind.word()),
            });
        });
        whole.map(|()| lines)
    };
    let read = match attempt(Care::Quick) {
        Err(Fault::NotJson(_)) => attempt(Care::Careful),
        read => read,
    };
    read.map_err(|fault| fault.to_string())
}

fn lines(expected: &[&str]) -> Result<Vec<String>, String> {
    Ok(expected.iter().map(|line| (*line).to_owned()).collect())
}

fn error(format: &PayloadFormat, payload: &str) -> String {
    found(format, payload).unwrap_err()
}

#[test]
fn a_plain_payload_is_one_decimal_number_with_blanks_around_it() {
    for (payload, value) in [("10.16", "=10.16"), (" -5\r\n", "=-5"), ("1e3", "=1000"), ("0.1", "=0.1"), ("+2", "=2")] {
        assert_eq!(found(&PayloadFormat::Plain(NumberFormat::default()), payload), lines(&[value]), "{payload}");
    }
    for payload in ["", " ", "0x10", "1,5", "10.16 C", "1_000", "\"5\"", "--1", "1e", "true"] {
        let error = error(&PayloadFormat::Plain(NumberFormat::default()), payload);
        assert!(error.starts_with("the payload is "), "{payload}: {error}");
    }
}

#[test]
fn an_object_is_read_through_pointers_whatever_else_it_holds() {
    let format = layout("/data/0", Each::Object, "/v/now", Some("/id"), Some("/t"));
    let payload = r#"{"x":[[{"v":1}]],"data":[{"skip":{"v":{"now":9}},"id":"temp","t":1535497205.25,"v":{"old":3,"now":1.5}},7]}"#;
    assert_eq!(found(&format, payload), lines(&["temp@1535497205250000000=1.5"]));
    assert_eq!(error(&format, r#"{"data":[]}"#), "the payload holds nothing at /data/0");
    assert_eq!(error(&format, "5"), "the payload holds nothing at /data/0");
}

#[test]
fn the_whole_document_may_be_the_value() {
    let format = layout("", Each::Object, "", None, None);
    assert_eq!(found(&format, " 1.5 "), lines(&["=1.5"]));
    let quoted = "the value at the top is a number in quotes; with numbers = \"quoted\" its route reads it";
    assert_eq!(found(&format, "\"1.5\""), lines(&[quoted]));
    assert_eq!(found(&format, "\"warm\""), lines(&["the value at the top is text, not a number"]));
}

#[test]
fn names_and_keys_are_unescaped() {
    let format = layout("", Each::Object, "/a b\"", Some("/ä"), None);
    assert_eq!(found(&format, r#"{"a\u0020b\"":1,"\u00e4":"x\"y"}"#), lines(&["x\"y=1"]));
    let all = layout("", Each::Object, "*", None, None);
    assert_eq!(found(&all, r#"{"a\u0020b":1}"#), lines(&["a b=1"]));
}

#[test]
fn a_sensor_may_be_named_by_a_whole_number() {
    let format = layout("", Each::Object, "/v", Some("/s"), None);
    assert_eq!(found(&format, r#"{"v":1,"s":4}"#), lines(&["4=1"]));
    assert_eq!(found(&format, r#"{"v":1,"s":4.5}"#), lines(&["the sensor at /s is a number, not a name"]));
}

#[test]
fn one_bad_element_of_an_array_concerns_only_itself() {
    let format = layout("/r", Each::Array, "/v", None, Some("/t"));
    let payload = r#"{"r":[{"v":1,"t":1},{"v":"1","t":1},{"t":1},{"v":1},{"v":1,"t":"soon"},5,null,[],{"v":1,"t":true},
        {"v":1,"v":2,"t":1},{"v":null,"t":1},{"t":2,"v":1e999},{"v":{},"t":1},{"v":1,"t":1e30},{"v":2,"t":"1970-01-01T00:00:01Z"}]}"#;
    let expected = [
        "@1000000000=1",
        "the value at /v is a number in quotes; with numbers = \"quoted\" its route reads it",
        "the value at /v is missing",
        "the time at /t is missing",
        NO_TIME,
        "the value at /v is missing",
        "the value at /v is missing",
        "the value at /v is missing",
        "the time at /t is a boolean, not a time",
        "two members have the same name",
        "the value at /v is null, not a number",
        "@2000000000=inf",
        "the value at /v is an object, not a number",
        "the time at /t lies outside the years 1678 to 2261",
        "@1000000000=2",
    ];
    assert_eq!(found(&format, payload), lines(&expected));
}

#[test]
fn an_array_may_hold_bare_numbers_or_pairs() {
    assert_eq!(found(&layout("", Each::Array, "", None, None), "[1, 2.5]"), lines(&["=1", "=2.5"]));
    let pairs = layout("", Each::Array, "/1", None, Some("/0"));
    assert_eq!(found(&pairs, "[[1,2,3],[2,5]]"), lines(&["@1000000000=2", "@2000000000=5"]));
}

#[test]
fn a_payload_that_holds_no_reading_says_so() {
    assert_eq!(error(&layout("", Each::Array, "/v", None, None), "[]"), "the payload holds no reading");
    assert_eq!(error(&layout("/r", Each::Array, "/v", None, None), r#"{"r":{}}"#), "the payload holds no array at /r");
    let all = layout("", Each::Object, "*", None, None);
    let nothing = "none of the members at the top is a number";
    assert_eq!(found(&all, r#"{"a":"b"}"#), lines(&["a: text", nothing]));
    assert_eq!(
        found(&layout("", Each::Array, "*", None, None), r#"[1,{"a":2},[3]]"#),
        lines(&[nothing, "a=2", nothing])
    );
    let columns = layout("", Each::Columns, "/v", None, Some("/t"));
    assert_eq!(error(&columns, r#"{"v":[],"t":[]}"#), "the payload holds no reading");
}

#[test]
fn a_payload_that_is_not_json_fails_as_a_whole() {
    let format = layout("", Each::Array, "/v", None, None);
    for payload in ["", "[{\"v\":1}", "[{\"v\":1}] x", "[1,]", "hello", "[{\"v\":0x10}]", "[{\"v\":nano}]"] {
        assert!(error(&format, payload).starts_with("the payload is not JSON"), "{payload}");
    }
    let mut sink = |_: Item<'_, '_>| panic!("nothing is found in bytes that are no text");
    assert!(matches!(read(&format, b"[1\xff]", Care::Quick, RECEIVED, &mut sink), Err(Fault::NotText(_))));
}

#[test]
fn a_name_that_stands_twice_on_the_way_is_refused() {
    let object = layout("", Each::Object, "/a/v", None, None);
    let twice = lines(&["two members have the same name"]);
    assert_eq!(found(&object, r#"{"a":{"v":1,"v":1}}"#), twice);
    assert_eq!(found(&object, r#"{"a":{"v":1},"a":{}}"#), twice);
    assert_eq!(found(&object, r#"{"a":{"v":1,"w":1,"w":2},"b":1,"b":2}"#), lines(&["=1"]), "others do not matter");
    let array = layout("/r", Each::Array, "/v", None, None);
    assert!(error(&array, r#"{"r":[{"v":1}],"r":[]}"#).contains("two members are named \"r\""));
    let columns = layout("", Each::Columns, "/v", None, Some("/t"));
    assert_eq!(error(&columns, r#"{"t":[1],"v":[1],"t":[1]}"#), "two members have the same name");
}

#[test]
fn all_numbers_of_an_object_are_readings_of_the_same_time() {
    let format = layout("/d", Each::Object, "/values*", None, Some("/t"));
    let payload = r#"{"d":{"values":{"temp":1,"on":true,"oil":-2.5,"name":"x","none":null,"more":{"a":1}},"t":1}}"#;
    let members =
        ["temp@1000000000=1", "on: boolean", "oil@1000000000=-2.5", "name: text", "none: null", "more: object"];
    assert_eq!(found(&format, payload), lines(&members));
    let beside = layout("", Each::Array, "*", None, Some("/t"));
    let payload = r#"[{"a":1,"t":1,"b":2},{"a":3},{"t":2,"a":4}]"#;
    let expected = ["a@1000000000=1", "b@1000000000=2", "the time at /t is missing", "a@2000000000=4"];
    assert_eq!(found(&beside, payload), lines(&expected));
}

#[test]
fn columns_are_rows_of_equal_place() {
    let format = layout("/c", Each::Columns, "/v", None, Some("/t"));
    let expected = ["@1000000000=1.5", "the value at /v is null, not a number", "@1000000000=-2"];
    let payload = r#"{"c":{"t":[1,2,"1970-01-01T00:00:01Z"],"v":[ 1.5 ,null,-2]}}"#;
    assert_eq!(found(&format, payload), lines(&expected));
    for payload in [r#"{"c":{"t":[1,2],"v":[1]}}"#, r#"{"c":{"t":[],"v":[1]}}"#] {
        assert_eq!(error(&format, payload), "the columns have different lengths");
    }
    assert_eq!(error(&format, r#"{"c":{"t":1,"v":[1]}}"#), "the column of times at /t is a number, not an array");
    assert_eq!(error(&format, r#"{"c":{"t":[1]}}"#), "the column of values at /v is missing");
}

#[test]
fn columns_name_their_sensors_in_a_column_or_once_for_all() {
    let format = layout("", Each::Columns, "/v", Some("/s"), Some("/t"));
    let expected = lines(&["a@1000000000=1", "b@1000000000=2"]);
    assert_eq!(found(&format, r#"{"t":[1,1],"v":[1,2],"s":["a","b"]}"#), expected);
    assert_eq!(found(&format, r#"{"t":[1],"v":[1],"s":"a"}"#), lines(&["a@1000000000=1"]));
    for names in [r#"["a"]"#, r#"["a","b","c"]"#] {
        let payload = format!(r#"{{"t":[1,1],"v":[1,2],"s":{names}}}"#);
        assert_eq!(error(&format, &payload), "the columns have different lengths");
    }
    assert_eq!(error(&format, r#"{"t":[1],"v":[1]}"#), "the sensor at /s is missing");
}

#[test]
fn nesting_without_end_is_neither_followed_nor_fatal() {
    let deep = "[".repeat(100_000);
    assert!(error(&layout("", Each::Array, "/v", None, None), &deep).starts_with("the payload is not JSON"));
    let closed = format!("{{\"x\":{}{},\"v\":1}}", "[".repeat(50_000), "]".repeat(50_000));
    assert_eq!(found(&layout("", Each::Object, "/v", None, None), &closed), lines(&["=1"]));
    assert_eq!(
        found(&layout("", Each::Object, "/x", None, None), &closed).unwrap()[0],
        "the value at /x is an array, not a number"
    );
}

#[test]
fn what_is_not_finite_costs_its_own_reading_only() {
    let plain =
        |value: &str| found(&layout("", Each::Object, "/v", None, Some("/t")), &format!(r#"{{"v":{value},"t":1}}"#));
    assert_eq!(plain("NaN"), lines(&["@1000000000=inf"]), "no filter lets it pass");
    assert_eq!(plain("-Infinity"), lines(&["@1000000000=-inf"]));
    assert_eq!(plain("nano").unwrap_err().split(':').next(), Some("the payload is not JSON that can be read"));
    let array = layout("", Each::Array, "/v", None, Some("/t"));
    let payload = r#"[{"v":NaN,"t":1},{"v":2,"t":NaN},{"v":3,"t":3},NaN,{"v":4,"t":4,"x":{"NaN":-nan}}]"#;
    let expected = [
        "@1000000000=inf",
        "the time at /t lies outside the years 1678 to 2261",
        "@3000000000=3",
        "the value at /v is missing",
        "@4000000000=4",
    ];
    assert_eq!(found(&array, payload), lines(&expected));
    let columns = layout("", Each::Columns, "/v", None, Some("/t"));
    assert_eq!(found(&columns, r#"{"v":[NaN,2],"t":[1,2]}"#), lines(&["@1000000000=inf", "@2000000000=2"]));
    let all = layout("", Each::Object, "*", None, None);
    assert_eq!(found(&all, r#"{"a":Infinity,"b":1,"c":"NaN"}"#), lines(&["a=inf", "b=1", "c: text"]));
}

#[test]
fn what_only_a_careful_reading_finds_wrong_costs_its_own_reading_only() {
    let array = layout("", Each::Array, "/v/now", None, None);
    let payload = r#"[1e999,{"v":1e999},{"v":{"now":2}},{"\ud800":0,"v":{"now":3}},{"v":{"now":4}}]"#;
    let found = found(&array, payload).unwrap();
    let missing = "the value at /v/now is missing";
    assert_eq!(found[..3], [missing, missing, "=2"]);
    assert!(found[3].starts_with("the payload is not JSON that can be read: "), "{}", found[3]);
    assert_eq!(found[4], "=4");
}

#[test]
fn marks_that_firmware_leaves_around_a_payload_are_taken_off() {
    for payload in ["\u{feff}1.5", "1.5\0", "1.5\r\n\0\0", "1.5\0\n"] {
        assert_eq!(found(&PayloadFormat::Plain(NumberFormat::default()), payload), lines(&["=1.5"]), "{payload:?}");
        assert_eq!(found(&layout("", Each::Object, "", None, None), payload), lines(&["=1.5"]), "{payload:?}");
    }
    assert!(found(&layout("", Each::Array, "", None, None), "[1\0]").is_err());
}

#[test]
fn numbers_in_quotes_are_values_where_the_route_says_so() {
    let with = |value, numbers| match layout("", Each::Object, value, None, None) {
        PayloadFormat::Json(layout) => PayloadFormat::Json(layout.with_numbers(numbers)),
        plain @ PayloadFormat::Plain(_) => plain,
    };
    let quoted = NumberFormat { quotes: Quotes::Accepted, decimal: Decimal::Point };
    let comma = NumberFormat { quotes: Quotes::Accepted, decimal: Decimal::Comma };
    assert_eq!(found(&with("/v", quoted), r#"{"v":" 21.5 "}"#), lines(&["=21.5"]));
    assert_eq!(found(&with("/v", quoted), r#"{"v":"nan"}"#), lines(&["=NaN"]), "no filter lets it pass");
    assert_eq!(found(&with("/v", quoted), r#"{"v":"warm"}"#), lines(&["the value at /v is text, not a number"]));
    let refused = "the value at /v is a number with a decimal comma; with decimal = \",\" its route reads it";
    assert_eq!(found(&with("/v", quoted), r#"{"v":"21,5"}"#), lines(&[refused]));
    assert_eq!(found(&with("/v", comma), r#"{"v":"21,5"}"#), lines(&["=21.5"]));
    assert_eq!(found(&with("/v", comma), r#"{"v":21.5}"#), lines(&["=21.5"]), "JSON has points");
    let members = r#"{"a":"1,5","b":2.5,"c":"idle","d":"3"}"#;
    assert_eq!(found(&with("*", comma), members), lines(&["a=1.5", "b=2.5", "c: text", "d=3"]));
    assert_eq!(found(&PayloadFormat::Plain(comma), "\"21,5\"\r\n"), lines(&["=21.5"]));
}

/// The time of a payload under a route's settings, as UTC, or the fault in it; and whether the zone was assumed.
fn time_as(form: TimeForm, zone: &str, written: &str) -> (String, bool) {
    let at = TimeAt { pointer: pointer("/t"), form, zone: zone.parse().unwrap() };
    let value = ValueAt::Pointer(pointer("/v"));
    let layout = JsonLayout::new(pointer(""), Each::Object, value, None, Some(at)).unwrap();
    let mut time = (String::new(), false);
    let payload = format!(r#"{{"v":1,"t":{written}}}"#);
    read(&PayloadFormat::Json(layout), payload.as_bytes(), Care::Quick, RECEIVED, &mut |item| {
        time = match item {
            Item::Reading(PayloadReading { time: Some(time), .. }) => (time.time.to_string(), time.assumed.is_some()),
            Item::Fault { fault, .. } => (fault.to_string(), false),
            item => (format!("{item:?}"), false),
        };
    })
    .unwrap();
    time
}

#[test]
fn a_time_without_a_zone_is_of_the_zone_of_its_route() {
    let usual = |zone, written| time_as(TimeForm::Usual(TimeUnit::Auto), zone, written);
    let exact = |text: &str| (text.to_owned(), false);
    let assumed = |text: &str| (text.to_owned(), true);
    assert_eq!(usual("UTC", "\"2018-07-01T12:00:05\""), assumed("2018-07-01T12:00:05Z"));
    assert_eq!(usual("Europe/Berlin", "\"2018-07-01T12:00:05\""), assumed("2018-07-01T10:00:05Z"));
    assert_eq!(usual("America/New_York", "\"20180701T120005\""), assumed("2018-07-01T16:00:05Z"));
    assert_eq!(usual("+05:45", "\"2018-07-01 12:00\""), assumed("2018-07-01T06:15:00Z"));
    for written in
        ["\"2018-07-01T12:00:05+0000\"", "\"2018-07-01T12:00:05+00\"", "\"20180701T120005Z\"", "\"1530446405\""]
    {
        assert_eq!(usual("Europe/Berlin", written), exact("2018-07-01T12:00:05Z"), "{written}");
    }
    assert_eq!(usual("Europe/Berlin", "\"2018-07-01T12:00Z\""), exact("2018-07-01T12:00:00Z"));
    assert_eq!(usual("UTC", "\"1530446405250\""), exact("2018-07-01T12:00:05.250Z"));
    // Clocks are put ahead, and back: of two possible times, the one nearer to the arrival is taken.
    let left_out =
        "the time at /t does not exist in Europe/Berlin, where clocks were put ahead; is it of another zone?";
    assert_eq!(usual("Europe/Berlin", "\"2018-03-25T02:30:00\""), exact(left_out));
    assert_eq!(usual("Europe/Berlin", "\"2018-10-28T02:30:00\""), assumed("2018-10-28T01:30:00Z"));
    assert_eq!(usual("Europe/Berlin", "\"2017-10-29T02:30:00\""), assumed("2017-10-29T00:30:00Z"));
    assert_eq!(usual("UTC", "\"2400-01-01T00:00:00\"").0, "the time at /t lies outside the years 1678 to 2261");
    for written in ["\"\"", "\"soon\"", "\"28/11/26\"", "\"1530446405 s\""] {
        assert_eq!(usual("UTC", written).0, NO_TIME, "{written}");
    }
}

#[test]
fn a_pattern_says_how_times_are_written() {
    let by = |pattern: &str, written| time_as(TimeForm::Pattern(pattern.parse().unwrap()), "Europe/Berlin", written);
    let expected = ("2018-07-01T10:00:05Z".to_owned(), true);
    assert_eq!(by("%d.%m.%Y %H:%M:%S", "\"01.07.2018 12:00:05\""), expected);
    assert_eq!(by("%Y%m%d%H%M%S", "20180701120005"), expected, "a number may be a pattern's");
    assert_eq!(by("%d/%m/%y %H:%M:%S %z", "\"01/07/18 12:00:05 +0000\"").0, "2018-07-01T12:00:05Z");
    let refused = by("%d.%m.%Y %H:%M:%S", "\"2018-07-01T12:00:05Z\"").0;
    assert!(refused.starts_with("the time at /t is not written as the route's time_format says: "), "{refused}");
}
