//! Time zones: what a local time without a zone means, in a history, in a payload and in a schedule.

use std::fmt;
use std::str::FromStr;
use std::sync::{LazyLock, Mutex, PoisonError};

use chrono::{Datelike, FixedOffset, NaiveDateTime, Offset as _, SecondsFormat, Timelike, Utc};
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone, TimeZoneDatabase};

use crate::suggest::nearest;
use crate::time::{Span, Timestamp};

/// A zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Zone {
    /// The same distance from UTC all year.
    Fixed(FixedOffset),
    /// A region whose clocks may be put ahead and back.
    Region(&'static TimeZone),
}

impl Default for Zone {
    fn default() -> Self {
        static UTC: TimeZone = TimeZone::UTC;
        Self::Region(&UTC)
    }
}

/// The rules of all regions. They come with the program, because a gateway may have none, or old ones.
static REGIONS: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// The rules of a region; `None` when there is no such region. Of some 600 regions, each that is named stays in memory.
fn region(name: &str) -> Option<&'static TimeZone> {
    static NAMED: Mutex<Vec<&'static TimeZone>> = Mutex::new(Vec::new());
    let is_it = |region: &TimeZone| region.iana_name() == Some(name);
    // A thread that panicked has left every value whole.
    let mut named = NAMED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = named.iter().find(|region| is_it(region)) {
        return Some(known);
    }
    // The database knows names in any case; we know each in its own.
    let rules: &TimeZone = Box::leak(Box::new(REGIONS.get(name).ok().filter(is_it)?));
    named.push(rules);
    Some(rules)
}

/// The points in time that a local time can mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// One.
    One(Timestamp),
    /// Two, the earlier first: clocks are put back, and an hour comes twice.
    Two(Timestamp, Timestamp),
    /// None: clocks are put ahead, and an hour is left out.
    None,
    /// The year is outside of those that a timestamp reaches.
    OutOfReach,
}

impl Zone {
    /// What a local time means.
    pub(crate) fn meaning(self, local: NaiveDateTime) -> Meaning {
        let at = |offset: FixedOffset| {
            let utc = local.checked_sub_offset(offset)?;
            utc.and_utc().timestamp_nanos_opt().map(Timestamp::from_nanos)
        };
        let one = |offset| at(offset).map_or(Meaning::OutOfReach, Meaning::One);
        let region = match self {
            Self::Fixed(offset) => return one(offset),
            Self::Region(region) => region,
        };
        let Some(civil) = civil(local) else { return Meaning::OutOfReach };
        match region.to_ambiguous_timestamp(civil).offset() {
            AmbiguousOffset::Unambiguous { offset } => one(fixed(offset)),
            AmbiguousOffset::Fold { before, after } => match (at(fixed(before)), at(fixed(after))) {
                (Some(first), Some(second)) => Meaning::Two(first, second),
                _ => Meaning::OutOfReach,
            },
            AmbiguousOffset::Gap { .. } => Meaning::None,
        }
    }
}

impl Zone {
    /// What the clocks of the zone show at `time`.
    pub fn local(self, time: Timestamp) -> NaiveDateTime {
        let utc = time.utc().naive_utc();
        // The years that a timestamp reaches are far from those at which a date ends.
        utc.checked_add_offset(self.offset_at(time)).unwrap_or(utc)
    }

    /// When the clocks are put ahead past a local time that they leave out; `None` when they do not leave it out.
    pub fn end_of_gap(self, local: NaiveDateTime) -> Option<Timestamp> {
        let Self::Region(region) = self else { return None };
        let civil = civil(local)?;
        let AmbiguousOffset::Gap { after, .. } = region.to_ambiguous_timestamp(civil).offset() else { return None };
        // With the distance that holds behind the gap, the local time lies before it.
        let before = after.to_timestamp(civil).ok()?;
        let put_ahead = region.following(before).next()?.timestamp();
        i64::try_from(put_ahead.as_nanosecond()).ok().map(Timestamp::from_nanos)
    }

    /// How much of the local time comes twice about `time`, because the clocks are put back less than `near` before or
    /// after it.
    pub fn put_back(self, time: Timestamp, near: Span) -> Span {
        let before = self.offset_at(time - near).local_minus_utc();
        let after = self.offset_at(time + near).local_minus_utc();
        Span::from_secs(u32::try_from(before.saturating_sub(after)).unwrap_or(0))
    }

    /// `time` with its distance from UTC: `2026-03-29T03:00:00+02:00`.
    pub fn show(self, time: Timestamp) -> String {
        time.utc().with_timezone(&self.offset_at(time)).to_rfc3339_opts(SecondsFormat::AutoSi, true)
    }
}

/// Which of two points in time a local time means, in a message that came in at `received`: the nearer one. When both
/// are long past, the arrival tells nothing, and it is the first.
pub(crate) fn nearer(first: Timestamp, second: Timestamp, received: Timestamp) -> Timestamp {
    const LONG: Span = Span::from_secs(86_400);
    let from_first = received.since(first);
    let to_second = second.since(received).max(received.since(second));
    if to_second < from_first && from_first < LONG { second } else { first }
}

impl Zone {
    /// The note for a reading whose time names no zone and is not plausible: which zone was assumed, and which one
    /// would fit when the time is about a whole zone away from its arrival.
    pub fn note(self, time: Timestamp, received: Timestamp) -> String {
        let assumed = self.assumed();
        let Some(fitting) = self.fitting(time, received) else { return assumed };
        let ours = self.offset_at(time).local_minus_utc();
        let distance = Span::from_secs(fitting.local_minus_utc().abs_diff(ours));
        let direction = if fitting.local_minus_utc() > ours { "ahead of" } else { "behind" };
        format!(
            "{assumed}; it is about {distance} {direction} its arrival, as if its clock were at UTC{fitting}: set zone = \
             \"{fitting}\" in its [[mqtt.route]], or the place, such as zone = \"Europe/Berlin\", where clocks change"
        )
    }

    /// Like [`note`](Self::note), without an arrival to compare with, as in a history.
    pub fn assumed(self) -> String {
        format!("it names no zone, and {self} was assumed")
    }

    /// Whether a time that names no zone is about as far from its arrival as another zone is from this one.
    pub fn seems_wrong(self, time: Timestamp, received: Timestamp) -> bool {
        self.fitting(time, received).is_some()
    }

    fn offset_at(self, time: Timestamp) -> FixedOffset {
        match self {
            Self::Fixed(offset) => offset,
            Self::Region(region) => {
                // Every timestamp is within the years that regions have rules for.
                let time = jiff::Timestamp::from_nanosecond(time.nanos().into()).unwrap_or_default();
                fixed(region.to_offset(time))
            }
        }
    }

    /// The distance from UTC of a device whose local time, taken as one of this zone, is `time` at `received`; `None`
    /// when no zone has that distance, or this zone has it.
    fn fitting(self, time: Timestamp, received: Timestamp) -> Option<FixedOffset> {
        // Most zones are whole half hours from UTC. Some minutes may pass between measuring and arrival.
        const STEP: i64 = 1_800;
        const ODD: [i64; 3] = [20_700, 31_500, 45_900];
        const SLACK: i64 = 300;
        let ours = i64::from(self.offset_at(time).local_minus_utc());
        let theirs = ours + time.nanos().checked_sub(received.nanos())? / 1_000_000_000;
        let steps = (theirs + STEP / 2).div_euclid(STEP) * STEP;
        let whole = ODD.into_iter().chain([steps]).find(|offset| (offset - theirs).abs() <= SLACK)?;
        let is_zone = (-43_200..=50_400).contains(&whole) && whole != ours;
        is_zone.then(|| FixedOffset::east_opt(i32::try_from(whole).ok()?))?
    }
}

/// The same local time; `None` before the year -9999 and after 9999. A leap second is the second before it, as no clocks are
/// put ahead or back there.
fn civil(local: NaiveDateTime) -> Option<DateTime> {
    let part = |number: u32| i8::try_from(number).ok();
    let nanosecond = i32::try_from(local.nanosecond() % 1_000_000_000).ok()?;
    let year = i16::try_from(local.year()).ok()?;
    let (month, day) = (part(local.month())?, part(local.day())?);
    DateTime::new(year, month, day, part(local.hour())?, part(local.minute())?, part(local.second())?, nanosecond).ok()
}

/// The same distance from UTC.
fn fixed(offset: Offset) -> FixedOffset {
    // No region is a day away from UTC.
    FixedOffset::east_opt(offset.seconds()).unwrap_or_else(|| Utc.fix())
}

/// Why a text is no zone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not a zone; write a place such as {}, or a distance from UTC such as +02:00", near.as_deref().unwrap_or("Europe/Berlin"))]
pub struct ZoneError {
    text: String,
    near: Option<String>,
}

impl FromStr for Zone {
    type Err = ZoneError;

    fn from_str(text: &str) -> Result<Self, ZoneError> {
        let zone = match text {
            "Z" | "utc" => Some(Self::default()),
            distance if distance.starts_with(['+', '-']) => distance.parse().ok().map(Self::Fixed),
            place => region(place).map(Self::Region),
        };
        zone.ok_or_else(|| {
            let names: Vec<_> = REGIONS.available().collect();
            let near = nearest(text, names.iter().map(|name| name.as_str()));
            ZoneError { text: text.to_owned(), near: near.map(str::to_owned) }
        })
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(offset) => write!(f, "{offset}"),
            Self::Region(region) => f.write_str(region.iana_name().unwrap_or("UTC")),
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

    /// Every half hour of a year of the past, and of one for which there are only rules.
    fn times() -> impl Iterator<Item = NaiveDateTime> {
        let days = |year| NaiveDate::from_ymd_opt(year, 1, 1).unwrap().iter_days().take(366);
        let halves = |day: NaiveDate| (0..48).map(move |half| day.and_hms_opt(half / 2, 30 * (half % 2), 0).unwrap());
        days(2015).chain(days(2060)).flat_map(halves)
    }

    #[test]
    fn a_leap_second_is_the_first_of_the_next_minute_in_every_zone() {
        let leap = NaiveDate::from_ymd_opt(2016, 12, 31).unwrap().and_hms_nano_opt(23, 59, 59, 1_000_000_000).unwrap();
        for (zone, expected) in [("UTC", "2017-01-01T00:00:00Z"), ("Europe/Berlin", "2016-12-31T23:00:00Z")] {
            assert_eq!(zone.parse::<Zone>().unwrap().meaning(leap), Meaning::One(utc(expected)), "{zone}");
        }
    }

    #[test]
    fn regions_are_as_another_library_has_them() {
        use chrono::{MappedLocalTime, TimeZone as _};

        let regions = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Asia/Pyongyang"];
        for name in regions {
            let (ours, theirs): (Zone, chrono_tz::Tz) = (name.parse().unwrap(), name.parse().unwrap());
            for local in times() {
                let time = |theirs: chrono::DateTime<_>| Timestamp::from(theirs.to_utc());
                let expected = match theirs.from_local_datetime(&local) {
                    MappedLocalTime::Single(one) => Meaning::One(time(one)),
                    MappedLocalTime::Ambiguous(first, second) => Meaning::Two(time(first), time(second)),
                    MappedLocalTime::None => Meaning::None,
                };
                assert_eq!(ours.meaning(local), expected, "{local} in {name}");
                let end = chrono_tz::GapInfo::new(&local, &theirs).and_then(|gap| gap.end).map(time);
                assert_eq!(ours.end_of_gap(local), end, "{local} in {name}");
                let utc = Timestamp::from(local.and_utc());
                assert_eq!(ours.local(utc), theirs.from_utc_datetime(&local).naive_local(), "{local} in {name}");
            }
        }
    }

    #[test]
    fn a_time_that_is_a_zone_away_is_told_with_the_zone_that_would_fit() {
        let received = utc("2026-11-28T12:35:27Z");
        let note = |zone: &str, time: &str| zone.parse::<Zone>().unwrap().note(utc(time), received);
        assert_eq!(
            note("UTC", "2026-11-28T13:35:24Z"),
            "it names no zone, and UTC was assumed; it is about 1h ahead of its arrival, as if its clock were at \
             UTC+01:00: set zone = \"+01:00\" in its [[mqtt.route]], or the place, such as zone = \"Europe/Berlin\", where clocks \
             change"
        );
        for (zone, time, fitting) in [
            ("UTC", "2026-11-28T07:35:24Z", Some("-05:00")),
            ("UTC", "2026-11-28T18:20:24Z", Some("+05:45")),
            ("UTC", "2026-11-28T18:05:24Z", Some("+05:30")),
            ("Europe/Berlin", "2026-11-28T06:35:24Z", Some("-05:00")),
            ("UTC", "2026-11-28T12:33:00Z", None),
            ("UTC", "2026-11-28T12:50:00Z", None),
            ("UTC", "2026-11-29T12:35:24Z", None),
            ("UTC", "2018-11-28T12:35:24Z", None),
        ] {
            let note = note(zone, time);
            assert!(note.starts_with(&format!("it names no zone, and {zone} was assumed")), "{note}");
            match fitting {
                Some(fitting) => assert!(note.contains(&format!("zone = \"{fitting}\"")), "{time}: {note}"),
                None => assert!(!note.contains("set zone"), "{time}: {note}"),
            }
        }
        let _ = Zone::default().note(Timestamp::MIN, Timestamp::MAX);
        let _ = Zone::default().note(Timestamp::MAX, Timestamp::MIN);
    }

    #[test]
    fn an_hour_that_comes_twice_is_the_one_nearer_to_the_arrival_or_the_first() {
        let (first, second) = (utc("2018-10-28T00:30:00Z"), utc("2018-10-28T01:30:00Z"));
        for (received, expected) in [
            ("2018-10-28T00:30:02Z", first),
            ("2018-10-28T00:59:00Z", first),
            ("2018-10-28T01:30:02Z", second),
            ("2018-10-28T09:00:00Z", second),
            ("2026-10-28T09:00:00Z", first),
            ("2018-10-27T00:00:00Z", first),
        ] {
            assert_eq!(nearer(first, second, utc(received)), expected, "{received}");
        }
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
