//! Points in time, lengths of time, and the clock that the daemon goes by.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, NaiveDateTime, SecondsFormat, Utc};

/// A point in time: nanoseconds since 1970-01-01T00:00:00Z, leap seconds ignored.
///
/// The range is from the year 1677 to 2262; a time outside it cannot be parsed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Timestamp(i64);

fn parse_utc(text: &str) -> Option<DateTime<Utc>> {
    if let Ok(zoned) = DateTime::parse_from_rfc3339(text) {
        return Some(zoned.to_utc());
    }
    let naive = text.strip_suffix('Z').unwrap_or(text);
    let formats = ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M"];
    formats.iter().find_map(|format| NaiveDateTime::parse_from_str(naive, format).ok()).map(|naive| naive.and_utc())
}

impl Timestamp {
    /// Before every other point in time.
    pub const MIN: Self = Self(i64::MIN);
    /// After every other point in time.
    pub const MAX: Self = Self(i64::MAX);

    /// The point in time `nanos` nanoseconds after the epoch.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// The point in time `count` units of `unit_nanos` nanoseconds after the epoch, or `None` when out of reach.
    pub fn from_units(count: i64, unit_nanos: i64) -> Option<Self> {
        count.checked_mul(unit_nanos).map(Self)
    }

    /// Nanoseconds since the epoch.
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// The system's idea of now.
    pub fn now() -> Self {
        Utc::now().into()
    }

    /// Reads RFC 3339 (`2018-08-28T23:00:05Z`), and the form that databases export (`2018-08-28 23:00:05.000`), which
    /// is taken as UTC.
    pub fn parse(text: &str) -> Option<Self> {
        parse_utc(text)?.timestamp_nanos_opt().map(Self)
    }

    /// As [`parse`](Self::parse), for the end of a range: a time before the earliest or after the latest one that there is
    /// stands for that one.
    pub fn parse_bound(text: &str) -> Option<Self> {
        let utc = parse_utc(text)?;
        let nearest = if utc.timestamp() < 0 { Self::MIN } else { Self::MAX };
        Some(utc.timestamp_nanos_opt().map_or(nearest, Self))
    }

    /// The start of the span of length `span` that holds this point, spans being counted from the epoch.
    pub fn floor(self, span: Span) -> Self {
        Self(self.0.saturating_sub(self.0.rem_euclid(span.0)))
    }

    /// How many whole spans lie between the epoch and this point; negative before the epoch.
    pub fn index(self, span: Span) -> i64 {
        self.0.div_euclid(span.0)
    }

    /// The same point in the calendar.
    pub fn utc(self) -> DateTime<Utc> {
        DateTime::from_timestamp_nanos(self.0)
    }

    /// Writes the point with a `strftime` pattern, in UTC.
    pub fn format(self, pattern: &str) -> String {
        self.utc().format(pattern).to_string()
    }

    /// The length of time since `earlier`; zero when `earlier` is not before this point.
    pub fn since(self, earlier: Self) -> Span {
        Span(self.0.saturating_sub(earlier.0).max(0))
    }
}

impl From<DateTime<Utc>> for Timestamp {
    fn from(utc: DateTime<Utc>) -> Self {
        let fallback = if utc.timestamp() < 0 { Self::MIN } else { Self::MAX };
        utc.timestamp_nanos_opt().map_or(fallback, Self)
    }
}

impl std::ops::Add<Span> for Timestamp {
    type Output = Self;
    fn add(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

impl std::ops::Sub<Span> for Timestamp {
    type Output = Self;
    fn sub(self, span: Span) -> Self {
        Self(self.0.saturating_sub(span.0))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.utc().to_rfc3339_opts(SecondsFormat::AutoSi, true))
    }
}

/// A length of time in nanoseconds, never negative.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Span(i64);

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(0);
    /// As long as can be.
    pub const MAX: Self = Self(i64::MAX);

    /// A whole number of seconds.
    pub const fn from_secs(secs: u32) -> Self {
        Self(secs as i64 * 1_000_000_000)
    }

    /// A whole number of milliseconds.
    pub const fn from_millis(millis: u32) -> Self {
        Self(millis as i64 * 1_000_000)
    }

    /// A whole number of nanoseconds.
    pub const fn from_nanos(nanos: u32) -> Self {
        Self(nanos as i64)
    }

    /// The length in nanoseconds.
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// How many times `part` fits into this span, and whether it does so exactly.
    pub fn divide(self, part: Self) -> (i64, bool) {
        (self.0 / part.0, self.0 % part.0 == 0)
    }

    /// The longest span of which both are whole multiples; of zero and another span, the other.
    pub fn common_divisor(self, other: Self) -> Self {
        let (mut a, mut b) = (self.0, other.0);
        while b != 0 {
            (a, b) = (b, a % b);
        }
        Self(a)
    }

    /// This span `count` times over.
    pub fn times(self, count: i64) -> Self {
        Self(self.0.saturating_mul(count.max(0)))
    }

    /// This span rounded down to whole milliseconds.
    pub const fn whole_millis(self) -> Self {
        Self(self.0 - self.0 % 1_000_000)
    }

    /// The span rounded for people: to the largest unit of which it holds at least a hundred.
    #[must_use]
    pub fn rounded(self) -> Self {
        const UNITS: [i64; 5] = [60_000_000_000, 1_000_000_000, 1_000_000, 1_000, 1];
        let unit = UNITS.into_iter().find(|unit| self.0 >= unit * 100).unwrap_or(1);
        Self(self.0.saturating_add(unit / 2) / unit * unit)
    }

    /// The span for the standard library and timers.
    pub fn to_std(self) -> std::time::Duration {
        std::time::Duration::from_nanos(self.0.unsigned_abs())
    }

    /// Reads a number with a unit, such as `500ms`, `5s`, `1m`, `1h`, `7d`, or several (`1h30m`).
    pub fn parse(text: &str) -> Option<Self> {
        let mut rest = text.trim();
        if rest.is_empty() {
            return None;
        }
        let mut total = 0_i64;
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit())?;
            let count: i64 = rest[..digits].parse().ok()?;
            rest = &rest[digits..];
            let letters = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
            let unit = match &rest[..letters] {
                "ns" => 1,
                "us" | "µs" => 1_000,
                "ms" => 1_000_000,
                "s" => 1_000_000_000,
                "m" | "min" => 60_000_000_000,
                "h" => 3_600_000_000_000,
                "d" => 86_400_000_000_000,
                _ => return None,
            };
            rest = &rest[letters..];
            total = total.checked_add(count.checked_mul(unit)?)?;
        }
        Some(Self(total))
    }
}

impl std::ops::Add for Span {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl From<std::time::Duration> for Span {
    fn from(duration: std::time::Duration) -> Self {
        Self(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0s");
        }
        let mut rest = self.0;
        let units = [
            ("d", 86_400_000_000_000),
            ("h", 3_600_000_000_000),
            ("m", 60_000_000_000),
            ("s", 1_000_000_000),
            ("ms", 1_000_000),
            ("us", 1_000),
            ("ns", 1),
        ];
        for (name, nanos) in units {
            if rest >= nanos {
                write!(f, "{}{name}", rest / nanos)?;
                rest %= nanos;
            }
        }
        Ok(())
    }
}

/// The clock that the daemon goes by.
///
/// It decides which windows are over. It is the system's clock, or the latest time of any reading that came in (*event
/// time*): with event time, hours of history pass through the whole daemon in seconds. Tests set an event clock by
/// hand.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The system's clock.
    Wall,
    /// The latest reading's time, or [`Timestamp::MIN`] before the first one.
    Event(EventTime),
}

/// The latest time of any reading. Shared by all that ask for the time; only the pipeline moves it on.
#[derive(Clone, Debug)]
pub struct EventTime(Arc<AtomicI64>);

impl Default for EventTime {
    fn default() -> Self {
        Self(Arc::new(AtomicI64::new(i64::MIN)))
    }
}

impl EventTime {
    /// The latest time seen.
    pub fn get(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::Acquire))
    }

    /// Moves the clock on to `time`, never back.
    pub fn advance(&self, time: Timestamp) {
        self.0.fetch_max(time.0, Ordering::AcqRel);
    }
}

impl Clock {
    /// Now.
    pub fn now(&self) -> Timestamp {
        match self {
            Self::Wall => Timestamp::now(),
            Self::Event(time) => time.get(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_reads_rfc_3339_and_the_form_of_database_exports() {
        let expected = Some(Timestamp::from_nanos(1_535_497_205_250_000_000));
        for text in [
            "2018-08-28T23:00:05.25Z",
            "2018-08-29T01:00:05.250+02:00",
            "2018-08-28 23:00:05.250",
            "2018-08-28 23:00:05.25Z",
        ] {
            assert_eq!(Timestamp::parse(text), expected, "{text}");
        }
        for text in ["", "yesterday", "2018-13-01 00:00:00", "9999-01-01T00:00:00Z"] {
            assert_eq!(Timestamp::parse(text), None, "{text}");
        }
    }

    #[test]
    fn spans_are_counted_from_the_epoch_also_before_it() {
        let minute = Span::from_secs(60);
        assert_eq!(Timestamp::from_nanos(-1).floor(minute), Timestamp::from_nanos(-60_000_000_000));
        assert_eq!(Timestamp::from_nanos(59_999_999_999).floor(minute), Timestamp::from_nanos(0));
        assert_eq!(Timestamp::from_nanos(-1).index(minute), -1);
    }

    #[test]
    fn a_span_reads_what_it_writes() {
        for text in ["5s", "1h", "500ms", "1h30m", "7d", "0s", "1d2h3m4s5ms6us7ns"] {
            assert_eq!(Span::parse(text).map(|span| span.to_string()).as_deref(), Some(text));
        }
        for text in ["", "5", "s", "5 s", "-5s", "5y", "99999999999d"] {
            assert_eq!(Span::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_measured_span_is_rounded_to_what_people_read() {
        for (measured, shown) in [
            ("335ms537us789ns", "336ms"),
            ("12s340ms567us", "12s341ms"),
            ("1m59s999ms999us", "2m"),
            ("2h3m4s", "2h3m"),
            ("99us999ns", "99us999ns"),
            ("42ns", "42ns"),
            ("0s", "0s"),
        ] {
            assert_eq!(Span::parse(measured).unwrap().rounded().to_string(), shown, "{measured}");
        }
        assert!(Span(i64::MAX).rounded() > Span::from_secs(86_400));
    }

    #[test]
    fn an_event_clock_never_goes_back() {
        let time = EventTime::default();
        let clock = Clock::Event(time.clone());
        assert_eq!(clock.now(), Timestamp::MIN);
        time.advance(Timestamp::from_nanos(5));
        time.advance(Timestamp::from_nanos(3));
        assert_eq!(clock.now(), Timestamp::from_nanos(5));
    }
}
