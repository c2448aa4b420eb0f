//! Time zones of a history: what a local time without a zone means.

use std::fmt;
use std::str::FromStr;

use chrono::{FixedOffset, MappedLocalTime, NaiveDateTime, Offset, TimeZone};
use chrono_tz::{TZ_VARIANTS, Tz};

use crate::suggest::nearest;
use crate::time::Timestamp;

/// A zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Zone {
    /// The same distance from UTC all year.
    Fixed(FixedOffset),
    /// A place, whose clocks may be put ahead and back.
    Region(Tz),
}

impl Default for Zone {
    fn default() -> Self {
        Self::Region(Tz::UTC)
    }
}

/// The points in time that a local time can mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// One.
    One(Timestamp),
    /// Two, the earlier first: clocks are put back, and an hour comes twice.
    Two(Timestamp, Timestamp),
    /// None: clocks are put ahead, and an hour is left out.
    None,
    /// A year that a timestamp does not reach.
    OutOfReach,
}

impl Zone {
    /// What a local time means.
    pub(super) fn meaning(self, local: NaiveDateTime) -> Meaning {
        let at = |offset: FixedOffset| {
            let utc = local.checked_sub_offset(offset)?;
            utc.and_utc().timestamp_nanos_opt().map(Timestamp::from_nanos)
        };
        let one = |offset| at(offset).map_or(Meaning::OutOfReach, Meaning::One);
        match self {
            Self::Fixed(offset) => one(offset),
            Self::Region(Tz::UTC) => local
                .and_utc()
                .timestamp_nanos_opt()
                .map_or(Meaning::OutOfReach, |n| Meaning::One(Timestamp::from_nanos(n))),
            Self::Region(place) => match place.offset_from_local_datetime(&local) {
                MappedLocalTime::Single(offset) => one(offset.fix()),
                MappedLocalTime::Ambiguous(a, b) => match (at(a.fix()), at(b.fix())) {
                    (Some(a), Some(b)) => Meaning::Two(a.min(b), a.max(b)),
                    _ => Meaning::OutOfReach,
                },
                MappedLocalTime::None => Meaning::None,
            },
        }
    }
}

/// Why a text is no zone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not a zone; write a place such as {}, or a distance from UTC such as +02:00", near.unwrap_or("Europe/Berlin"))]
pub struct ZoneError {
    text: String,
    near: Option<&'static str>,
}

impl FromStr for Zone {
    type Err = ZoneError;

    fn from_str(text: &str) -> Result<Self, ZoneError> {
        let zone = match text {
            "Z" | "utc" => Some(Self::default()),
            distance if distance.starts_with(['+', '-']) => distance.parse().ok().map(Self::Fixed),
            place => place.parse().ok().map(Self::Region),
        };
        zone.ok_or_else(|| ZoneError {
            text: text.to_owned(),
            near: nearest(text, TZ_VARIANTS.iter().map(|place| place.name())),
        })
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(offset) => write!(f, "{offset}"),
            Self::Region(place) => f.write_str(place.name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;

    use super::*;

    fn local(month: u32, day: u32, hour: u32, minute: u32) -> NaiveDateTime {
        NaiveDate::from_ymd_opt(2018, month, day).unwrap().and_hms_opt(hour, minute, 0).unwrap()
    }

    fn utc(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn a_zone_is_a_place_or_a_distance() {
        let noon = local(7, 1, 12, 0);
        for (zone, expected) in [
            ("UTC", "2018-07-01T12:00:00Z"),
            ("Z", "2018-07-01T12:00:00Z"),
            ("Europe/Berlin", "2018-07-01T10:00:00Z"),
            ("America/New_York", "2018-07-01T16:00:00Z"),
            ("+02:00", "2018-07-01T10:00:00Z"),
            ("-0530", "2018-07-01T17:30:00Z"),
        ] {
            assert_eq!(zone.parse::<Zone>().unwrap().meaning(noon), Meaning::One(utc(expected)), "{zone}");
        }
        let error = "Europe/Berlim".parse::<Zone>().unwrap_err().to_string();
        assert_eq!(
            error,
            "'Europe/Berlim' is not a zone; write a place such as Europe/Berlin, or a distance from UTC such as +02:00"
        );
        assert!("+25:99".parse::<Zone>().is_err() && "".parse::<Zone>().is_err());
    }

    #[test]
    fn clocks_that_are_put_back_or_ahead_leave_two_meanings_or_none() {
        let berlin: Zone = "Europe/Berlin".parse().unwrap();
        let both = Meaning::Two(utc("2018-10-28T00:30:00Z"), utc("2018-10-28T01:30:00Z"));
        assert_eq!(berlin.meaning(local(10, 28, 2, 30)), both);
        assert_eq!(berlin.meaning(local(10, 28, 3, 0)), Meaning::One(utc("2018-10-28T02:00:00Z")));
        assert_eq!(berlin.meaning(local(3, 25, 2, 30)), Meaning::None);
        let far = NaiveDate::from_ymd_opt(2400, 1, 1).unwrap().and_hms_opt(0, 0, 0).unwrap();
        assert_eq!(berlin.meaning(far), Meaning::OutOfReach);
    }
}
