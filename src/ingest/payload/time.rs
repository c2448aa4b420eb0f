//! Times as payloads write them.

use crate::ingest::payload::raw;
use crate::ingest::route::{TimeAt, TimeForm, TimeUnit};
use crate::ingest::written_time::{AnyTime, Mismatch, OutOfReach, iso};
use crate::time::Timestamp;
use crate::zone::{Meaning, Zone, nearer};

/// The time of a reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ingest) struct PayloadTime {
    /// It.
    pub(in crate::ingest) time: Timestamp,
    /// The zone that was assumed; `None` when the time names one.
    pub(in crate::ingest) assumed: Option<Zone>,
}

/// Why a time is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::ingest) enum TimeFault {
    #[error(
        "is no time that can be read; accepted are the forms of ISO 8601 and RFC 3339, such as 2018-08-28T23:00:05Z, and \
         numbers since 1970; time_format in the route reads other forms"
    )]
    Form,
    #[error("is not written as the route's time_format says: {0}")]
    Pattern(chrono::ParseError),
    #[error("lies outside the years 1678 to 2261")]
    OutOfReach,
    #[error("does not exist in {0}, where clocks were put ahead; is it of another zone?")]
    LeftOut(Zone),
}

/// Reads a time that is a JSON string, or a number where a pattern is expected, in a message that came in at
/// `received`; `None` when the text is neither.
pub(super) fn of_json(at: &TimeAt, text: &str, received: Timestamp) -> Option<Result<PayloadTime, TimeFault>> {
    let exact = |time| PayloadTime { time, assumed: None };
    let string = if raw::is_number(text) { text.into() } else { raw::string(text)? };
    let string = string.trim();
    let time = match &at.form {
        TimeForm::Pattern(pattern) => pattern.read(string).map_err(|mismatch| match mismatch {
            Mismatch::Form(problem) => TimeFault::Pattern(problem),
            Mismatch::OutOfReach => TimeFault::OutOfReach,
        }),
        TimeForm::Usual(unit) => match iso(string) {
            Some(time) => time.map_err(|OutOfReach| TimeFault::OutOfReach),
            None if string.contains(|c: char| c.is_ascii_digit()) => {
                of_number(string, *unit).map(AnyTime::Exact).ok_or(TimeFault::Form)
            }
            None => Err(TimeFault::Form),
        },
    };
    Some(time.and_then(|time| match time {
        AnyTime::Exact(time) => Ok(exact(time)),
        AnyTime::Local(local) => {
            let time = match at.zone.meaning(local) {
                Meaning::One(time) => time,
                Meaning::Two(first, second) => nearer(first, second, received),
                Meaning::None => return Err(TimeFault::LeftOut(at.zone)),
                Meaning::OutOfReach => return Err(TimeFault::OutOfReach),
            };
            Ok(PayloadTime { time, assumed: Some(at.zone) })
        }
    }))
}

impl TimeUnit {
    /// A smaller number counts seconds when the unit is told by its size: up to the year 5138.
    const MAX_SECONDS: u64 = 100_000_000_000;
    /// A smaller number counts milliseconds: from 1973 to 5138. Microseconds and nanoseconds go on in the same way.
    const MAX_MILLISECONDS: u64 = 1_000 * Self::MAX_SECONDS;
    const MAX_MICROSECONDS: u64 = 1_000 * Self::MAX_MILLISECONDS;

    /// The power of ten by which a number of this size is multiplied to give nanoseconds.
    fn power(self, size: u64) -> i32 {
        match self {
            Self::Auto if size < Self::MAX_SECONDS => 9,
            Self::Auto if size < Self::MAX_MILLISECONDS => 6,
            Self::Auto if size < Self::MAX_MICROSECONDS => 3,
            Self::Auto | Self::Nanoseconds => 0,
            Self::Seconds => 9,
            Self::Milliseconds => 6,
            Self::Microseconds => 3,
        }
    }
}

/// Reads a time that is a JSON number. Digits below the nanosecond are cut off; all others are exact, which they would
/// not be in a floating-point number of seconds.
///
/// `None` when the time is outside the years that a [`Timestamp`] reaches.
pub(in crate::ingest) fn of_number(text: &str, unit: TimeUnit) -> Option<Timestamp> {
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(unsigned) => (true, unsigned),
        None => (false, text),
    };
    let mut digits = 0_u64;
    let mut behind_point = None;
    let mut exponent = 0;
    for (at, byte) in unsigned.bytes().enumerate() {
        match (byte, &mut behind_point) {
            (b'0'..=b'9', None) => digits = digits.checked_mul(10)?.checked_add(u64::from(byte - b'0'))?,
            // A count of nanoseconds has no more digits than this: further digits are below the nanosecond.
            (b'0'..=b'9', Some(_)) if digits >= ENOUGH => {}
            (b'0'..=b'9', Some(count)) => {
                digits = 10 * digits + u64::from(byte - b'0');
                *count += 1;
            }
            (b'.', None) => behind_point = Some(0_i32),
            (b'e' | b'E', _) => {
                exponent = unsigned[at + 1..].parse().ok()?;
                break;
            }
            _ => return None,
        }
    }
    let scale = i32::checked_sub(exponent, behind_point.unwrap_or(0))?;
    let size = if scale == 0 { digits } else { shift(digits, scale)? };
    let nanos = shift(digits, scale.checked_add(unit.power(size))?)?;
    let nanos = if negative { 0_i64.checked_sub_unsigned(nanos) } else { i64::try_from(nanos).ok() };
    nanos.map(Timestamp::from_nanos)
}

/// A number of this size has the 19 digits of the largest timestamp.
const ENOUGH: u64 = 1_000_000_000_000_000_000;

/// All powers of ten that fit into 64 bits.
const POWERS_OF_TEN: [u64; 20] = {
    let mut powers = [1; 20];
    let mut at = 1;
    while at < powers.len() {
        powers[at] = 10 * powers[at - 1];
        at += 1;
    }
    powers
};

/// `digits × 10^power`, cut off towards zero; `None` when it is too large.
fn shift(digits: u64, power: i32) -> Option<u64> {
    match POWERS_OF_TEN.get(power.unsigned_abs() as usize) {
        Some(factor) if power >= 0 => digits.checked_mul(*factor),
        Some(factor) => Some(digits / factor),
        None if power >= 0 && digits > 0 => None,
        None => Some(0),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn nanos(text: &str, unit: TimeUnit) -> Option<i64> {
        of_number(text, unit).map(Timestamp::nanos)
    }

    #[test]
    fn a_number_counts_what_the_unit_says() {
        for (text, unit, expected) in [
            ("1535497205", TimeUnit::Seconds, 1_535_497_205_000_000_000),
            ("1535497205.25", TimeUnit::Seconds, 1_535_497_205_250_000_000),
            ("1535497205250", TimeUnit::Milliseconds, 1_535_497_205_250_000_000),
            ("1535497205250.5", TimeUnit::Milliseconds, 1_535_497_205_250_500_000),
            ("1535497205250001", TimeUnit::Microseconds, 1_535_497_205_250_001_000),
            ("1535497205250000001", TimeUnit::Nanoseconds, 1_535_497_205_250_000_001),
            ("-1.5", TimeUnit::Seconds, -1_500_000_000),
            ("0", TimeUnit::Seconds, 0),
            ("1.5354972055e9", TimeUnit::Seconds, 1_535_497_205_500_000_000),
            ("15354972055E-1", TimeUnit::Seconds, 1_535_497_205_500_000_000),
        ] {
            assert_eq!(nanos(text, unit), Some(expected), "{text}");
        }
    }

    #[test]
    fn a_fraction_of_a_second_is_exact_to_the_nanosecond() {
        assert_eq!(nanos("1535497205.123456789", TimeUnit::Seconds), Some(1_535_497_205_123_456_789));
        assert_eq!(nanos("1535497205.1234567899", TimeUnit::Auto), Some(1_535_497_205_123_456_789));
        assert_eq!(nanos("0.00000000001535497205123456789e20", TimeUnit::Auto), Some(1_535_497_205_123_456_789));
        assert_eq!(nanos("1535497205123456.789", TimeUnit::Auto), Some(1_535_497_205_123_456_789));
    }

    #[test]
    fn the_size_tells_the_unit_when_it_is_automatic() {
        let expected = Some(1_535_497_205_000_000_000);
        for text in ["1535497205", "1535497205000", "1535497205000000", "1535497205000000000"] {
            assert_eq!(nanos(text, TimeUnit::Auto), expected, "{text}");
        }
        let second = 1_000_000_000;
        assert_eq!(nanos("9223372036", TimeUnit::Auto), Some(9_223_372_036 * second));
        assert_eq!(nanos("99999999999", TimeUnit::Auto), None, "the year 5138 is out of reach");
        assert_eq!(nanos("100000000000", TimeUnit::Auto), Some(100_000_000 * second));
        assert_eq!(nanos("100000000000000", TimeUnit::Auto), Some(100_000_000 * second));
        assert_eq!(nanos("100000000000000000", TimeUnit::Auto), Some(100_000_000 * second));
    }

    #[test]
    fn a_number_out_of_reach_is_no_time() {
        let long = "9".repeat(400);
        for text in ["9223372037", "-9223372037", "1e300", "1e999999999999", "1e2147483647", &long, "1e", "1.2.3"] {
            assert_eq!(nanos(text, TimeUnit::Seconds), None, "{text}");
        }
        assert_eq!(nanos("1.5e-2147483648", TimeUnit::Seconds), None);
        assert_eq!(nanos("1e-300", TimeUnit::Seconds), Some(0));
        assert_eq!(nanos(&format!("0.{long}"), TimeUnit::Nanoseconds), Some(0));
    }

    proptest! {
        #[test]
        fn any_nanosecond_written_as_decimal_seconds_is_read_back(expected in any::<i64>()) {
            let (sign, size) = (if expected < 0 { "-" } else { "" }, expected.unsigned_abs());
            let text = format!("{sign}{}.{:09}", size / 1_000_000_000, size % 1_000_000_000);
            prop_assert_eq!(nanos(&text, TimeUnit::Seconds), Some(expected));
        }

        #[test]
        fn no_text_breaks_it(text in "[-+0-9.eE]{0,60}") {
            let _ = of_number(&text, TimeUnit::Auto);
        }
    }
}
