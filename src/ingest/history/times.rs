//! The times of a history: from text to a point in time.

use crate::ingest::payload::time::of_number;
use crate::ingest::route::TimeUnit;
use crate::ingest::written_time::{AnyTime, Mismatch, OutOfReach, Pattern, Rest, iso};
use crate::time::{Span, Timestamp};
use crate::zone::{Meaning, Zone};

/// How the times of a history are written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TimeSettings {
    /// The zone of times that name no zone.
    pub zone: Zone,
    /// How times are written.
    pub written: Written,
}

/// How times are written.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Written {
    /// As ISO 8601 and RFC 3339, or as a number since 1970 whose size tells the unit.
    #[default]
    Usual,
    /// As a number since 1970 in this unit.
    Number(TimeUnit),
    /// By a pattern.
    Pattern(Pattern),
}

/// Why a text is no time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// The text is not a time.
    #[error("{0:?} is not a time; written as 2018-08-28T23:00:05.000Z or 2018-08-28 23:00:05.000 it would be")]
    None(String),
    /// The year does not come first.
    #[error(
        "{text:?} does not say whether the day or the month comes first; say it with a pattern: --time-format '{day}' or \
         '{month}'"
    )]
    YearLast {
        /// The text.
        text: String,
        /// The pattern if the day comes first.
        day: String,
        /// The pattern if the month does.
        month: String,
    },
    /// The text is a number so small that its unit cannot be told.
    #[error(
        "{0:?} is too small to tell what it counts, before 1973 in any unit; --time-unit s takes it as seconds since 1970"
    )]
    Small(String),
    /// A number was expected, and the text is not one.
    #[error("{text:?} is not a number of {unit} since 1970 in reach")]
    Number {
        /// The text.
        text: String,
        /// The unit that was expected.
        unit: &'static str,
    },
    /// It is not of the pattern.
    #[error("{text:?} is not a time of the pattern {pattern:?}: {problem}")]
    Pattern {
        /// The text.
        text: String,
        /// The pattern.
        pattern: String,
        /// chrono's error.
        problem: chrono::ParseError,
    },
    /// Clocks were put ahead.
    #[error("{text:?} does not exist in {zone}, where clocks were put ahead; is it of another --zone?")]
    LeftOut {
        /// The text.
        text: String,
        /// The zone.
        zone: Zone,
    },
    /// A year too far away.
    #[error("{0:?} lies outside the years 1678 to 2261, which are accepted")]
    OutOfReach(String),
}

/// At most forty characters of a text: an error is a line.
pub(super) fn cut(text: &str) -> String {
    text.chars().take(40).collect()
}

/// Reads the times of one history, in its order.
#[derive(Debug)]
pub(super) struct Times {
    settings: TimeSettings,
    again: Again,
    text: String,
    first: Option<Timestamp>,
    last: Option<Last>,
    /// How many times could have been of two hours.
    twofold: u64,
}

/// What it means when a row has the same local time as the row before, in an hour that comes twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    /// It is of the same time: rows of several sensors stand together.
    SameTime,
    /// It is of the second hour: every row has a time of its own.
    SecondHour,
}

#[derive(Clone, Copy, Debug)]
struct Last {
    time: Timestamp,
    /// Which of the two hours was chosen; `None` when the hour does not come twice.
    pass: Option<Pass>,
}

/// One of the two hours when an hour comes twice because clocks are put back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pass {
    First,
    Second,
}

impl Times {
    pub(super) fn new(settings: TimeSettings, again: Again) -> Self {
        Self { settings, again, text: String::new(), first: None, last: None, twofold: 0 }
    }

    /// How many times could have been of two hours.
    pub(super) fn twofold(&self) -> u64 {
        self.twofold
    }

    /// Reads a time. Rows of one time often follow each other, so the last time is kept and not parsed again.
    pub(super) fn read(&mut self, text: &str) -> Result<Timestamp, TimeError> {
        if let Some(last) = self.last
            && self.text == text
            && (last.pass.is_none() || self.again == Again::SameTime)
        {
            self.twofold += u64::from(last.pass.is_some());
            return Ok(last.time);
        }
        let last = match self.settings.read(text)? {
            AnyTime::Exact(time) => Last { time, pass: None },
            AnyTime::Local(local) => match self.settings.zone.meaning(local) {
                Meaning::One(time) => Last { time, pass: None },
                Meaning::Two(first, second) => match self.pass(first, second) {
                    Pass::First => Last { time: first, pass: Some(Pass::First) },
                    Pass::Second => Last { time: second, pass: Some(Pass::Second) },
                },
                Meaning::None => return Err(TimeError::LeftOut { text: cut(text), zone: self.settings.zone }),
                Meaning::OutOfReach => return Err(TimeError::OutOfReach(cut(text))),
            },
        };
        self.twofold += u64::from(last.pass.is_some());
        self.text.clear();
        self.text.push_str(text);
        self.first.get_or_insert(last.time);
        self.last = Some(last);
        Ok(last.time)
    }

    /// Which of two hours a time is in. It is the hour of the row before, until times go back by half an hour or more,
    /// as they do where the second hour begins. In a file with the latest rows first, the order is reversed.
    fn pass(&self, first: Timestamp, second: Timestamp) -> Pass {
        const BACK: Span = Span::from_secs(1_800);
        let (Some(Last { time: before, pass }), Some(beginning)) = (self.last, self.first) else { return Pass::First };
        let pass_before = match pass {
            Some(pass) if (first..=second).contains(&before) => pass,
            _ if before > first => Pass::Second,
            _ => Pass::First,
        };
        let is_again = |time| time == before && self.again == Again::SecondHour;
        if before >= beginning {
            let goes_back = before.since(first) >= BACK || is_again(first);
            if pass_before == Pass::First && !goes_back { Pass::First } else { Pass::Second }
        } else {
            let goes_ahead = second.since(before) >= BACK || is_again(second);
            if pass_before == Pass::Second && !goes_ahead { Pass::Second } else { Pass::First }
        }
    }
}

impl TimeSettings {
    fn read(&self, text: &str) -> Result<AnyTime, TimeError> {
        match &self.written {
            Written::Usual => AnyTime::parse(text),
            Written::Number(unit) => number(text, *unit)
                .map(AnyTime::Exact)
                .ok_or_else(|| TimeError::Number { text: cut(text), unit: words(*unit) }),
            Written::Pattern(pattern) => pattern.read(text).map_err(|mismatch| match mismatch {
                Mismatch::Form(problem) => {
                    TimeError::Pattern { text: cut(text), pattern: pattern.to_string(), problem }
                }
                Mismatch::OutOfReach => TimeError::OutOfReach(cut(text)),
            }),
        }
    }

    /// The point in time of a single local time. Where an hour comes twice, it is in the first.
    ///
    /// # Errors
    /// When the zone's clocks skipped that time.
    pub fn place(&self, time: AnyTime) -> Result<Timestamp, TimeError> {
        match time {
            AnyTime::Exact(time) => Ok(time),
            AnyTime::Local(local) => match self.zone.meaning(local) {
                Meaning::One(time) | Meaning::Two(time, _) => Ok(time),
                Meaning::None => Err(TimeError::LeftOut { text: local.to_string(), zone: self.zone }),
                Meaning::OutOfReach => Err(TimeError::OutOfReach(local.to_string())),
            },
        }
    }
}

fn words(unit: TimeUnit) -> &'static str {
    match unit {
        TimeUnit::Auto => "seconds, milliseconds, microseconds or nanoseconds",
        TimeUnit::Seconds => "seconds",
        TimeUnit::Milliseconds => "milliseconds",
        TimeUnit::Microseconds => "microseconds",
        TimeUnit::Nanoseconds => "nanoseconds",
    }
}

impl AnyTime {
    /// Reads a time as ISO 8601 and RFC 3339 write it, and as exports vary it: a blank or nothing in the place of `T`,
    /// a slash in the place of the hyphen, single digits, no seconds, no time of day, `UTC` in the place of `Z`. Also
    /// reads a number since 1970.
    ///
    /// # Errors
    /// When the text is not such a time.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        if let Some(time) = iso(text) {
            return time.map_err(|OutOfReach| TimeError::OutOfReach(cut(text)));
        }
        if let Some(time) = number(text, TimeUnit::Auto) {
            let is_small = time.since(Timestamp::default()).max(Timestamp::default().since(time)) < SMALL;
            return if is_small { Err(TimeError::Small(cut(text))) } else { Ok(Self::Exact(time)) };
        }
        Err(year_last(text).unwrap_or_else(|| TimeError::None(cut(text))))
    }
}

/// Reads a number since 1970.
fn number(text: &str, unit: TimeUnit) -> Option<Timestamp> {
    text.contains(|c: char| c.is_ascii_digit()).then(|| of_number(text, unit))?
}

/// A number of fewer seconds may count from the beginning of a recording, or be a day such as 20180828.
const SMALL: Span = Span::from_secs(100_000_000);

/// What is wrong with a time whose year comes last; `None` when the text is no such time.
fn year_last(text: &str) -> Option<TimeError> {
    let mut rest = Rest(text.as_bytes());
    rest.number(1, 2)?;
    let mark = [b'.', b'/', b'-'].into_iter().find(|mark| rest.take(*mark))?;
    rest.number(1, 2)?;
    rest.take(mark).then_some(())?;
    let years = rest.0.iter().take(4).take_while(|byte| byte.is_ascii_digit()).count();
    let year = match rest.number(2, 4).map(|_| years)? {
        4 => "%Y",
        _ => "%y",
    };
    let mut time = String::new();
    if rest.take(b' ') {
        let colons = rest.0.iter().filter(|byte| **byte == b':').count();
        let half = rest.0.last().is_some_and(|last| matches!(last, b'M' | b'm'));
        time.push_str(if half { " %I:%M" } else { " %H:%M" });
        time.push_str(if colons > 1 { ":%S" } else { "" });
        time.push_str(if rest.0.contains(&b'.') { "%.f" } else { "" });
        time.push_str(if half { " %p" } else { "" });
    }
    let mark = char::from(mark);
    let day = format!("%d{mark}%m{mark}{year}{time}");
    let month = format!("%m{mark}%d{mark}{year}{time}");
    Some(TimeError::YearLast { text: cut(text), day, month })
}

#[cfg(test)]
mod tests;
