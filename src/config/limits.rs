//! `[limits]`: how much is taken in, and which times are plausible.

use super::ClockSource;
use super::bytes::ByteSize;
use super::reader::Section;
use crate::ingest::filter::PlausibleTimes;
use crate::time::{Span, Timestamp};

/// The bounds on what is taken in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LimitSettings {
    /// How many sensors may become known.
    pub sensors: u32,
    /// How many bytes may be taken in and not yet be on the disk.
    pub intake: ByteSize,
    /// How many bytes the connections of devices may hold, beyond a small buffer each.
    pub connections: ByteSize,
    /// How many readings an interval of a sensor may hold.
    pub readings_per_interval: u32,
    /// How many readings all open intervals may hold together.
    pub open_readings: u32,
    /// The earliest time believed.
    pub earliest: Timestamp,
    /// The latest time believed.
    pub latest: Timestamp,
    /// How far ahead of the clock a reading may be. With the event clock it is unused, and `None` unless the file sets
    /// it.
    pub max_ahead: Option<Span>,
    /// How many readings are held while they are further ahead of a clock that may be wrong.
    pub held_readings: u32,
    /// How long each of these is held at most.
    pub held_for: Span,
}

impl LimitSettings {
    /// The times that are plausible under a clock. With the event clock no reading is ahead, because that clock follows
    /// the readings.
    pub fn plausible_times(&self, clock: ClockSource) -> PlausibleTimes {
        let max_ahead = self.max_ahead.filter(|_| clock == ClockSource::Wall);
        PlausibleTimes { earliest: self.earliest, latest: self.latest, max_ahead }
    }
}

pub(super) fn read(section: &mut Section<'_, '_>, clock: ClockSource) -> LimitSettings {
    let default_ahead = (clock == ClockSource::Wall).then_some(Span::from_secs(300));
    let limits = LimitSettings {
        sensors: section.integer("sensors", 200_000, 1..=10_000_000),
        intake: section.bytes("intake", ByteSize::from_mib(16), ByteSize::from_kib(64)..=ByteSize::from_mib(2048)),
        connections: section.bytes(
            "connections",
            ByteSize::from_mib(64),
            ByteSize::from_kib(256)..=ByteSize::from_mib(4096),
        ),
        readings_per_interval: section.integer("readings_per_interval", 4096, 1..=1_000_000),
        open_readings: section.integer("open_readings", 4_000_000, 1_000..=1_000_000_000),
        earliest: section.timestamp("earliest", Timestamp::from_nanos(946_684_800_000_000_000)),
        latest: section.timestamp("latest", Timestamp::from_nanos(4_102_444_800_000_000_000)),
        max_ahead: section.optional_span("max_ahead", Span::ZERO..=Span::from_secs(366 * 86_400)).or(default_ahead),
        held_readings: section.integer("held_readings", 100_000, 0..=10_000_000),
        held_for: section.span("held_for", Span::from_secs(3600), Span::ZERO..=Span::from_secs(7 * 86_400)),
    };
    if limits.earliest >= limits.latest {
        let why =
            format!("no time lies between {} and {}; earliest must come before latest", limits.earliest, limits.latest);
        section.rule(&["earliest", "latest"], why);
    }
    limits
}
