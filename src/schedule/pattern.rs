//! Patterns of firings: cron patterns, their nicknames, and `every 10m`.

use std::fmt;
use std::str::FromStr;

use chrono::{NaiveDateTime, Timelike};
use croner::Cron;
use croner::parser::{CronParser, Seconds};

use crate::time::Span;

/// When a schedule fires, without the zone that it is meant in.
#[derive(Clone)]
pub struct Pattern {
    text: String,
    times: FiringTimes,
}

/// The times of a pattern.
#[derive(Clone)]
pub(super) enum FiringTimes {
    /// Local times that fit a cron pattern.
    Local(LocalTimes),
    /// Each multiple of this span since the epoch, whatever the clocks show.
    Every(Span),
}

/// The local times that fit a cron pattern.
#[derive(Clone)]
pub(super) struct LocalTimes {
    cron: Box<Cron>,
    /// What to do with a time that comes twice.
    pub(super) repeats: Repeats,
}

/// Whether a pattern fires again when clocks are put back and a local time comes for the second time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Repeats {
    /// It fires both times: its hours are `*` or `*/n`, so it is meant to fire all the time.
    Both,
    /// It fires the first time only: its hours are named.
    First,
}

/// Why a text is no pattern. What is accepted is in [`Pattern::ACCEPTED`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PatternError(String);

impl Pattern {
    /// What is accepted, for people.
    pub const ACCEPTED: &str = "five fields (minute hour day month weekday) or six (second before them) such as \"0 * * * *\", \
                                @hourly, @daily, @weekly, @monthly, @yearly, or \"every 10m\"";

    const MAX_CHARACTERS: usize = 256;
    const NICKNAMES: [(&str, &str); 7] = [
        ("@hourly", "0 0 * * * *"),
        ("@daily", "0 0 0 * * *"),
        ("@midnight", "0 0 0 * * *"),
        ("@weekly", "0 0 0 * * 0"),
        ("@monthly", "0 0 0 1 * *"),
        ("@yearly", "0 0 0 1 1 *"),
        ("@annually", "0 0 0 1 1 *"),
    ];

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) fn times(&self) -> &FiringTimes {
        &self.times
    }
}

impl LocalTimes {
    /// The first fitting time behind `time`.
    pub(super) fn next_after(&self, time: NaiveDateTime) -> Option<NaiveDateTime> {
        // Local times are searched as if they were of UTC: what a zone makes of them is not the library's business,
        // which takes another meaning of hours that come twice or never. It would keep the fraction of a second.
        let second = time.with_nanosecond(0)?.and_utc();
        self.cron.find_next_occurrence(&second, false).ok().map(|found| found.naive_utc())
    }

    /// The last fitting time before `time`, or `time` itself.
    pub(super) fn last_until(&self, time: NaiveDateTime) -> Option<NaiveDateTime> {
        let second = time.with_nanosecond(0)?.and_utc();
        self.cron.find_previous_occurrence(&second, true).ok().map(|found| found.naive_utc())
    }
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        if text.chars().count() > Self::MAX_CHARACTERS {
            return Err(PatternError(format!("it has more than {} characters", Self::MAX_CHARACTERS)));
        }
        let times = match text.trim().strip_prefix("every ") {
            Some(span) => every(span).map(FiringTimes::Every),
            None => local_times(text).map(FiringTimes::Local),
        };
        Ok(Self { text: text.to_owned(), times: times.map_err(PatternError)? })
    }
}

/// Reads the span of `every 10m`.
fn every(span: &str) -> Result<Span, String> {
    const LEAST: Span = Span::from_secs(1);
    const MOST: Span = Span::from_secs(366 * 86_400);
    let read = Span::parse(span).ok_or_else(|| format!("{span:?} is no span such as \"10m\""))?;
    if (LEAST..=MOST).contains(&read) { Ok(read) } else { Err(format!("{read} is not between {LEAST} and {MOST}")) }
}

/// Reads a cron pattern or a nickname.
fn local_times(text: &str) -> Result<LocalTimes, String> {
    let text = text.trim();
    let fields = match Pattern::NICKNAMES.iter().find(|(name, _)| text.eq_ignore_ascii_case(name)) {
        Some((_, fields)) => fields,
        None if text.starts_with('@') => return Err("there is no such nickname".to_owned()),
        None => text,
    };
    let parts: Vec<_> = fields.split_whitespace().collect();
    let hours = match parts.len() {
        5 => parts[1],
        6 => parts[2],
        1 => return Err("it has 1 field, and five or six are expected".to_owned()),
        count => return Err(format!("it has {count} fields, and five or six are expected")),
    };
    let repeats = if hours.starts_with('*') { Repeats::Both } else { Repeats::First };
    let parser = CronParser::builder().seconds(Seconds::Optional).dom_and_dow(true).build();
    let cron = parser.parse(fields).map_err(|error| error.to_string().trim_end_matches('.').to_lowercase())?;
    let times = LocalTimes { cron: Box::new(cron), repeats };
    times.next_after(NaiveDateTime::default()).ok_or("it never fires")?;
    Ok(times)
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pattern").field(&self.text).finish()
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_has_five_fields_or_six_or_a_nickname_or_a_span() {
        let first = |text: &str| match text.parse::<Pattern>().unwrap().times {
            FiringTimes::Local(times) => times.next_after(NaiveDateTime::default()).unwrap().to_string(),
            FiringTimes::Every(span) => span.to_string(),
        };
        assert_eq!(first("30 * * * *"), "1970-01-01 00:30:00");
        assert_eq!(first("15 30 6 * * *"), "1970-01-01 06:30:15");
        assert_eq!(first("@hourly"), "1970-01-01 01:00:00");
        assert_eq!(first("@Daily"), "1970-01-02 00:00:00");
        assert_eq!(first("@weekly"), "1970-01-04 00:00:00");
        assert_eq!(first("@monthly"), "1970-02-01 00:00:00");
        assert_eq!(first("@yearly"), "1971-01-01 00:00:00");
        assert_eq!(first("0 7 * * MON-FRI"), "1970-01-01 07:00:00");
        assert_eq!(first("every 10m"), "10m");
    }

    #[test]
    fn a_pattern_that_makes_no_sense_says_what_is_expected() {
        for text in [
            "",
            "hourly",
            "@reboot",
            "* * * *",
            "0 0 0 * * * *",
            "61 0 * * * *",
            "0 0 30 2 *",
            "every",
            "every 0s",
            "every day",
        ] {
            let error = text.parse::<Pattern>().unwrap_err().to_string();
            assert!(!error.is_empty() && error.len() < 200, "{error}");
        }
        assert_eq!("* ".repeat(300).parse::<Pattern>().unwrap_err().to_string(), "it has more than 256 characters");
        assert_eq!(
            "hourly".parse::<Pattern>().unwrap_err().to_string(),
            "it has 1 field, and five or six are expected"
        );
    }

    #[test]
    fn a_pattern_whose_hours_are_a_star_repeats_when_clocks_are_put_back() {
        let repeats = |text: &str| match text.parse::<Pattern>().unwrap().times {
            FiringTimes::Local(times) => Some(times.repeats),
            FiringTimes::Every(_) => None,
        };
        assert_eq!(repeats("0 */10 * * * *"), Some(Repeats::Both));
        assert_eq!(repeats("0 */2 * * *"), Some(Repeats::Both));
        assert_eq!(repeats("@hourly"), Some(Repeats::Both));
        assert_eq!(repeats("30 2 * * *"), Some(Repeats::First));
        assert_eq!(repeats("every 1h"), None);
    }
}
