//! Times as people and devices write them: in the forms of ISO 8601 and RFC 3339, or by a pattern.

use std::fmt;
use std::str::FromStr;

use chrono::format::{Item, Parsed, StrftimeItems, parse};
use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime};

use crate::time::Timestamp;

/// A time with a zone, or without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnyTime {
    /// A point in time.
    Exact(Timestamp),
    /// A local time: what a clock showed.
    Local(NaiveDateTime),
}

/// The year of a time is outside of those that a timestamp reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ingest) struct OutOfReach;

/// Reads `YEAR-MONTH-DAY`, with the time and the zone behind it, or the same without marks: `20180828T230005Z`.
///
/// `None` when the text is not such a time.
pub(in crate::ingest) fn iso(text: &str) -> Option<Result<AnyTime, OutOfReach>> {
    if let Some(time) = in_utc(text.as_bytes()) {
        return Some(Ok(AnyTime::Exact(time)));
    }
    let (local, offset) = local_and_offset(text)?;
    let Some(offset) = offset else { return Some(Ok(AnyTime::Local(local))) };
    let utc = local.checked_sub_offset(offset).and_then(|utc| utc.and_utc().timestamp_nanos_opt());
    Some(utc.map(|nanos| AnyTime::Exact(Timestamp::from_nanos(nanos))).ok_or(OutOfReach))
}

/// Reads `2018-08-28T23:00:05Z`, with or without a fraction. Most devices write this form, so it has a fast path.
fn in_utc(text: &[u8]) -> Option<Timestamp> {
    let (head, fraction) = text.strip_suffix(b"Z")?.split_first_chunk::<19>()?;
    if [head[4], head[7], head[10], head[13], head[16]] != *b"--T::" {
        return None;
    }
    let two = |at: usize| {
        let digits = [head[at], head[at + 1]].map(|digit| digit.wrapping_sub(b'0'));
        (digits[0] < 10 && digits[1] < 10).then(|| u32::from(10 * digits[0] + digits[1]))
    };
    let mut nanos = 0;
    if let Some((point, digits)) = fraction.split_first() {
        if *point != b'.' || digits.is_empty() {
            return None;
        }
        let mut unit = 100_000_000;
        for digit in digits.iter().map(|digit| digit.wrapping_sub(b'0')) {
            if digit > 9 {
                return None;
            }
            nanos += unit * u32::from(digit);
            unit /= 10;
        }
    }
    let year = i32::try_from(100 * two(0)? + two(2)?).ok()?;
    let date = NaiveDate::from_ymd_opt(year, two(5)?, two(8)?)?;
    let time = NaiveTime::from_hms_nano_opt(two(11)?, two(14)?, two(17)?, nanos)?;
    date.and_time(time).and_utc().timestamp_nanos_opt().map(Timestamp::from_nanos)
}

fn local_and_offset(text: &str) -> Option<(NaiveDateTime, Option<FixedOffset>)> {
    let mut rest = Rest(text.as_bytes());
    let year = i32::try_from(rest.number(4, 4)?).ok()?;
    let Some(mark) = [b'-', b'/'].into_iter().find(|mark| rest.take(*mark)) else {
        return without_marks(year, rest);
    };
    let month = rest.number(1, 2)?;
    let day = rest.take(mark).then(|| rest.number(1, 2))??;
    let date = NaiveDate::from_ymd_opt(year, month, day)?;
    if rest.0.is_empty() {
        return Some((date.and_time(NaiveTime::MIN), None));
    }
    if !rest.take(b'T') && !rest.take(b't') {
        rest.take(b' ').then_some(())?;
        while rest.take(b' ') {}
    }
    let hour = rest.number(1, 2)?;
    let minute = rest.take(b':').then(|| rest.number(1, 2))??;
    let (mut second, mut nanos) = (0, 0);
    if rest.take(b':') {
        second = rest.number(1, 2)?;
        if rest.take(b'.') || rest.take(b',') {
            nanos = rest.fraction()?;
        }
    }
    Some((date.and_time(time_of_day(hour, minute, second, nanos)?), rest.offset()?))
}

/// What is behind the year when there are no marks. A `T` must follow, because a date alone cannot be told from a
/// number.
fn without_marks(year: i32, mut rest: Rest<'_>) -> Option<(NaiveDateTime, Option<FixedOffset>)> {
    let (month, day) = (rest.number(2, 2)?, rest.number(2, 2)?);
    if !rest.take(b'T') && !rest.take(b't') {
        return None;
    }
    let (hour, minute) = (rest.number(2, 2)?, rest.number(2, 2)?);
    let (mut second, mut nanos) = (0, 0);
    if rest.0.first().is_some_and(u8::is_ascii_digit) {
        second = rest.number(2, 2)?;
        if rest.take(b'.') || rest.take(b',') {
            nanos = rest.fraction()?;
        }
    }
    let date = NaiveDate::from_ymd_opt(year, month, day)?;
    Some((date.and_time(time_of_day(hour, minute, second, nanos)?), rest.offset()?))
}

fn time_of_day(hour: u32, minute: u32, second: u32, nanos: u32) -> Option<NaiveTime> {
    // A leap second counts as the first second of the next minute.
    let (second, nanos) = if second == 60 { (59, nanos + 1_000_000_000) } else { (second, nanos) };
    NaiveTime::from_hms_nano_opt(hour, minute, second, nanos)
}

/// The text that is left to read.
pub(in crate::ingest) struct Rest<'a>(pub(in crate::ingest) &'a [u8]);

impl Rest<'_> {
    pub(in crate::ingest) fn take(&mut self, byte: u8) -> bool {
        let rest = self.0.strip_prefix(&[byte]);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    /// A number of so many digits.
    pub(in crate::ingest) fn number(&mut self, least: usize, most: usize) -> Option<u32> {
        let digits = self.0.iter().take(most).take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.0.split_at_checked(digits).filter(|(digits, _)| digits.len() >= least)?;
        self.0 = rest;
        Some(digits.iter().fold(0, |number, digit| 10 * number + u32::from(digit - b'0')))
    }

    /// The nanoseconds behind a point. Digits below the nanosecond are cut off.
    fn fraction(&mut self) -> Option<u32> {
        let digits = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.0.split_at_checked(digits).filter(|(digits, _)| !digits.is_empty())?;
        self.0 = rest;
        let digits = digits.iter().map(|digit| u32::from(digit - b'0')).chain(std::iter::repeat(0));
        Some(digits.take(9).fold(0, |number, digit| 10 * number + digit))
    }

    /// The zone at the end: `Some(None)` when there is no zone, `None` when there is any other text.
    fn offset(&mut self) -> Option<Option<FixedOffset>> {
        while self.take(b' ') {}
        let text = std::str::from_utf8(self.0).ok()?;
        match text {
            "" => Some(None),
            "Z" | "z" | "UTC" | "GMT" => Some(Some(FixedOffset::east_opt(0)?)),
            _ => {
                let east = if self.take(b'+') { 1 } else { self.take(b'-').then_some(-1)? };
                let hours = self.number(2, 2)?;
                let minutes = if self.take(b':') || !self.0.is_empty() { self.number(2, 2)? } else { 0 };
                let in_range = self.0.is_empty() && hours < 24 && minutes < 60;
                let seconds = i32::try_from(3_600 * hours + 60 * minutes).ok()?;
                in_range.then(|| FixedOffset::east_opt(east * seconds))?.map(Some)
            }
        }
    }
}

/// A pattern of times in the notation of strftime.
#[derive(Clone, Debug, PartialEq)]
pub struct Pattern {
    text: String,
    items: Vec<Item<'static>>,
}

/// Why a text is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// The pattern holds a sequence that strftime does not have.
    #[error("'{0}' holds a % that stands for nothing; write it as strftime has it, such as %d.%m.%Y %H:%M:%S")]
    Unknown(String),
    /// The pattern leaves out a part that every time needs.
    #[error(
        "'{0}' does not hold a whole time; it needs a day, and with an hour also a minute, such as %d.%m.%Y %H:%M:%S"
    )]
    Incomplete(String),
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let items = StrftimeItems::new(text).parse_to_owned();
        let items = items.map_err(|_| PatternError::Unknown(text.to_owned()))?;
        let pattern = Self { text: text.to_owned(), items };
        // A part that is missing in one time written by the pattern is missing in every other.
        let example = DateTime::from_timestamp(1_535_497_205, 0).unwrap_or_default();
        let example = example.format_with_items(pattern.items.iter());
        let mut written = String::new();
        let is_written = fmt::write(&mut written, format_args!("{example}")).is_ok();
        match pattern.read(&written) {
            Ok(_) if is_written => Ok(pattern),
            _ => Err(PatternError::Incomplete(text.to_owned())),
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Why a text is no time of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ingest) enum Mismatch {
    /// It is written in another way.
    Form(chrono::ParseError),
    /// Its year is too far away.
    OutOfReach,
}

impl Pattern {
    pub(in crate::ingest) fn read(&self, text: &str) -> Result<AnyTime, Mismatch> {
        let mut parsed = Parsed::new();
        parse(&mut parsed, text, self.items.iter()).map_err(Mismatch::Form)?;
        let exact = |time: DateTime<FixedOffset>| {
            let nanos = time.to_utc().timestamp_nanos_opt().ok_or(Mismatch::OutOfReach)?;
            Ok(AnyTime::Exact(Timestamp::from_nanos(nanos)))
        };
        if parsed.offset().is_some() {
            return exact(parsed.to_datetime().map_err(Mismatch::Form)?);
        }
        if parsed.timestamp().is_some() {
            let time = parsed.to_naive_datetime_with_offset(0).map_err(Mismatch::Form)?;
            return exact(time.and_utc().fixed_offset());
        }
        let day = parsed.to_naive_date().map_err(Mismatch::Form)?;
        let has_time = parsed.hour_mod_12().is_some() || parsed.minute().is_some();
        let time = if has_time { parsed.to_naive_time().map_err(Mismatch::Form)? } else { NaiveTime::MIN };
        Ok(AnyTime::Local(day.and_time(time)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn exact(text: &str) -> Option<Timestamp> {
        match iso(text)? {
            Ok(AnyTime::Exact(time)) => Some(time),
            _ => None,
        }
    }

    #[test]
    fn the_forms_of_iso_8601_that_devices_write_are_read() {
        let whole = Timestamp::parse("2018-08-28T23:00:05Z");
        let minute = Timestamp::parse("2018-08-28T23:00:00Z");
        for text in [
            "2018-08-28T23:00:05Z",
            "2018-08-29T01:00:05+0200",
            "2018-08-29T01:00:05+02",
            "2018-08-28T23:00:05+0000",
            "2018-08-28T23:00:05+00",
            "20180828T230005Z",
            "20180829t010005+0200",
            "20180828T190005-04",
        ] {
            assert_eq!(exact(text), whole, "{text}");
        }
        assert_eq!(exact("2018-08-28T23:00Z"), minute);
        assert_eq!(exact("20180828T2300Z"), minute);
        assert_eq!(exact("20180828T230005.25Z"), Timestamp::parse("2018-08-28T23:00:05.25Z"));
        let local = NaiveDate::from_ymd_opt(2018, 8, 28).unwrap().and_hms_opt(23, 0, 5).unwrap();
        for text in ["20180828T230005", "2018-08-28T23:00:05"] {
            assert_eq!(iso(text), Some(Ok(AnyTime::Local(local))), "{text}");
        }
        for text in ["20180828", "20180828230005", "20180828T23", "20181328T230005Z", "20180828T230005X", "1535497205"]
        {
            assert_eq!(iso(text), None, "{text}");
        }
        assert_eq!(iso("9999-01-01T00:00:00Z"), Some(Err(OutOfReach)));
    }

    proptest! {
        #[test]
        fn what_rfc_3339_writes_is_read_back(nanos in any::<i64>()) {
            let time = Timestamp::from_nanos(nanos);
            prop_assert_eq!(exact(&time.to_string()), Some(time));
        }

        #[test]
        fn the_direct_way_reads_what_the_other_does(
            text in "[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9](\\.[0-9]{0,12})?Z",
        ) {
            let other = local_and_offset(&text).and_then(|(local, _)| local.and_utc().timestamp_nanos_opt());
            match in_utc(text.as_bytes()) {
                Some(time) => prop_assert_eq!(Some(time.nanos()), other),
                // Leap seconds, times out of reach and texts that are not times are left to the slow path.
                None => prop_assert!(other.is_none() || text[17..].starts_with("60")),
            }
        }

        #[test]
        fn no_text_breaks_it(text in "[0-9TtZz:+./ -]{0,40}") {
            let _ = iso(&text);
        }
    }
}
