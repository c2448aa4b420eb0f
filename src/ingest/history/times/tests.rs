use proptest::prelude::*;

use super::*;

fn utc(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn read(text: &str) -> Result<Timestamp, String> {
    read_as(text, TimeSettings::default())
}

fn read_as(text: &str, settings: TimeSettings) -> Result<Timestamp, String> {
    Times::new(settings, Again::SameTime).read(text).map_err(|error| error.to_string())
}

fn berlin() -> TimeSettings {
    TimeSettings { zone: "Europe/Berlin".parse().unwrap(), written: Written::Usual }
}

#[test]
fn the_usual_ways_to_write_a_time_are_read() {
    let whole = utc("2018-08-28T23:00:05Z");
    let part = utc("2018-08-28T23:00:05.25Z");
    for (text, expected) in [
        ("2018-08-28T23:00:05Z", whole),
        ("2018-08-28t23:00:05z", whole),
        ("2018-08-28 23:00:05", whole),
        ("2018/08/28 23:00:05", whole),
        ("2018-08-28  23:00:05 UTC", whole),
        ("2018-08-29 01:00:05+02", whole),
        ("2018-08-29 01:00:05 +0200", whole),
        ("2018-08-29T01:00:05+02:00", whole),
        ("2018-8-28 23:00:5", whole),
        ("2018-08-28 23:00:05.250", part),
        ("2018-08-28 23:00:05,25", part),
        ("2018-08-28T23:00:05.250000000999Z", part),
        ("2018-08-28 23:00", utc("2018-08-28T23:00:00Z")),
        ("2018-08-28", utc("2018-08-28T00:00:00Z")),
        ("2016-12-31T23:59:60Z", utc("2017-01-01T00:00:00Z")),
        ("1535497205", whole),
        ("1535497205.25", part),
        ("1535497205250", part),
        ("1535497205250000", part),
        ("1535497205250000000", part),
        ("1.53549720525e9", part),
    ] {
        assert_eq!(read(text), Ok(expected), "{text}");
    }
}

#[test]
fn what_is_no_time_is_told_with_what_would_be() {
    for (text, says) in [
        ("soon", "\"soon\" is not a time; written as 2018-08-28T23:00:05.000Z"),
        ("", "\"\" is not a time"),
        ("2018-13-01 00:00:00", "is not a time"),
        ("2018-08-28 25:00:00", "is not a time"),
        ("2018-08-28 23:00:05 CEST", "is not a time"),
        ("2018-08/28", "is not a time"),
        ("20180828", "\"20180828\" is too small to tell what it counts"),
        ("12.5", "--time-unit s"),
        ("2400-01-01T00:00:00Z", "outside the years"),
        ("2400-01-01 00:00:00", "outside the years"),
        ("28.08.2018 23:00", "--time-format '%d.%m.%Y %H:%M' or '%m.%d.%Y %H:%M'"),
        ("08/28/18 11:00:05.5 PM", "--time-format '%d/%m/%y %I:%M:%S%.f %p'"),
    ] {
        let error = read(text).unwrap_err();
        assert!(error.contains(says), "{text}: {error}");
    }
}

#[test]
fn a_pattern_that_is_proposed_reads_the_time() {
    for text in ["28.08.2018 23:00:05", "28/08/18 11:00:05.5 PM", "28-8-2018"] {
        let Err(TimeError::YearLast { day, .. }) = AnyTime::parse(text) else { panic!("{text}") };
        assert!(day.parse::<Pattern>().unwrap().read(text).is_ok(), "{day}");
    }
}

#[test]
fn a_unit_is_taken_at_its_word() {
    let number = |text, unit| read_as(text, TimeSettings { written: Written::Number(unit), ..TimeSettings::default() });
    assert_eq!(number("1000", TimeUnit::Milliseconds), Ok(utc("1970-01-01T00:00:01Z")));
    assert_eq!(number("12.5", TimeUnit::Seconds), Ok(utc("1970-01-01T00:00:12.5Z")));
    let error = number("2018-08-28", TimeUnit::Milliseconds).unwrap_err();
    assert_eq!(error, "\"2018-08-28\" is not a number of milliseconds since 1970 in reach");
}

#[test]
fn a_pattern_reads_local_times_zoned_ones_days_and_numbers() {
    let by = |pattern: &str, text| {
        read_as(text, TimeSettings { written: Written::Pattern(pattern.parse().unwrap()), ..berlin() })
    };
    assert_eq!(by("%d.%m.%Y %H:%M:%S", "29.08.2018 01:00:05"), Ok(utc("2018-08-28T23:00:05Z")));
    assert_eq!(by("%m/%d/%y %I:%M %p", "8/29/18 1:00 AM"), Ok(utc("2018-08-28T23:00:00Z")));
    assert_eq!(by("%d.%m.%Y %H:%M:%S %z", "29.08.2018 00:00:05 +0100"), Ok(utc("2018-08-28T23:00:05Z")));
    assert_eq!(by("%Y%m%d", "20180829"), Ok(utc("2018-08-28T22:00:00Z")));
    assert_eq!(by("t%s", "t1535497205"), Ok(utc("2018-08-28T23:00:05Z")));
    let error = by("%d.%m.%Y", "2018-08-29").unwrap_err();
    assert!(error.starts_with("\"2018-08-29\" is not a time of the pattern \"%d.%m.%Y\": "), "{error}");
}

#[test]
fn a_pattern_that_can_give_no_time_is_refused_before_a_row_is_read() {
    for (text, says) in [
        ("%Q", "stands for nothing"),
        ("%H:%M", "whole time"),
        ("%d.%m.%Y %H", "whole time"),
        ("", "whole time"),
        ("x", "whole time"),
    ] {
        let error = text.parse::<Pattern>().unwrap_err().to_string();
        assert!(error.contains(says), "{text}: {error}");
    }
}

#[test]
fn an_hour_that_comes_twice_is_read_in_the_order_of_the_rows() {
    let read = |again, texts: &[&str]| {
        let mut times = Times::new(berlin(), again);
        let read = texts.iter().map(|time| times.read(&format!("2018-10-28 {time}")).unwrap().format("%H:%M"));
        let read = read.collect::<Vec<_>>().join(" ");
        (read, times.twofold())
    };
    let many = Again::SameTime;
    let forth = ["01:50", "02:10", "02:10", "02:50", "02:10", "02:50", "03:10"];
    assert_eq!(read(many, &forth), ("23:50 00:10 00:10 00:50 01:10 01:50 02:10".into(), 5));
    let half_hours = ["01:30", "02:00", "02:30", "02:00", "02:30", "03:00"];
    assert_eq!(read(many, &half_hours).0, "23:30 00:00 00:30 01:00 01:30 02:00");
    let back = ["03:10", "02:50", "02:10", "02:50", "02:10", "01:50"];
    assert_eq!(read(many, &back).0, "02:10 01:50 01:10 00:50 00:10 23:50");
    let hours_back = ["03:00", "02:00", "02:00", "01:00"];
    assert_eq!(read(Again::SecondHour, &hours_back).0, "02:00 01:00 00:00 23:00");
    let jittered = ["02:30", "02:29", "02:31"];
    assert_eq!(read(many, &jittered).0, "00:30 00:29 00:31");
    let hours = ["01:00", "02:00", "02:00", "03:00"];
    assert_eq!(read(Again::SecondHour, &hours), ("23:00 00:00 01:00 02:00".into(), 2));
    assert_eq!(read(many, &hours).0, "23:00 00:00 00:00 02:00");
}

#[test]
fn an_hour_that_is_left_out_is_refused() {
    let error = read_as("2018-03-25 02:30", berlin()).unwrap_err();
    assert_eq!(
        error,
        "\"2018-03-25 02:30\" does not exist in Europe/Berlin, where clocks were put ahead; is it of another --zone?"
    );
    assert_eq!(berlin().place(AnyTime::parse("2018-10-28 02:30").unwrap()), Ok(utc("2018-10-28T00:30:00Z")));
}

proptest! {
    #[test]
    fn whatever_a_reading_may_write_means_the_same_here(
        text in r"[12][0-9]{3}-[01]?[0-9]-[0-3]?[0-9][ T][0-2]?[0-9]:[0-6]?[0-9](:[0-6]?[0-9](\.[0-9]{1,12})?)?(Z|[+-][01][0-9]:[0-5][0-9])?"
    ) {
        if let Some(time) = Timestamp::parse(&text) {
            prop_assert_eq!(read(&text), Ok(time));
        }
    }

    #[test]
    fn no_text_breaks_it(text in r"[-+0-9.,:/ TZUTCe]{0,40}") {
        let _ = read(&text);
    }
}
