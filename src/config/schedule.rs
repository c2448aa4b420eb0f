//! `[schedule]`: when windows are scored.

use super::reader::{Section, accepted_span};
use crate::group::GroupName;
use crate::interval::WindowGrid;
use crate::schedule::{Firings, Overlap, Pattern, Schedule, jitter};
use crate::time::Span;
use crate::zone::Zone;

/// When windows are scored.
#[derive(Clone, Debug, PartialEq)]
pub struct ScheduleSettings {
    /// The times at which the windows that are over are scored.
    pub cron: Pattern,
    /// The zone in which the pattern is meant.
    pub zone: Zone,
    /// How much later the runs of all firings begin.
    pub offset: Span,
    /// How much later they begin at most besides, by a group's name.
    pub jitter: Span,
    /// What happens to a firing that becomes due while the windows of the one before are being scored.
    pub overlap: Overlap,
    /// How many missed windows are scored after a pause.
    pub catch_up: u32,
    /// How long ago a missed window may have ended.
    pub horizon: Option<Span>,
    /// How long windows are left open after a start, and after the broker is back, for messages that are sent again.
    pub settle: Span,
    /// How long a window is left open at most because the broker is away.
    pub hold: Span,
    /// How long a jump ahead of a clock that is not synchronised must last to be believed.
    pub jump_patience: Span,
    /// When a history is over.
    pub event_idle: EventIdle,
}

/// When a history that is replayed under the event clock is over and its open windows are scored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventIdle {
    /// After so long without readings, by the system's clock.
    After(Span),
    /// Never: open windows wait for later readings.
    Never,
}

impl ScheduleSettings {
    /// The firings.
    pub fn firings(&self) -> Firings {
        Firings::new(self.cron.clone(), self.zone)
    }

    /// How much later than a firing its runs begin at most, whatever the group's name.
    pub fn longest_delay(&self) -> Span {
        self.offset + self.jitter
    }

    /// When the windows of a group with these settings are scored.
    pub fn of_group(&self, group: &GroupName, windows: WindowGrid, lateness: Span) -> Schedule {
        Schedule {
            firings: self.firings(),
            windows,
            lateness,
            delay: self.offset + jitter(group, self.jitter),
            overlap: self.overlap,
            catch_up: self.catch_up,
            horizon: self.horizon,
        }
    }
}

/// Reads the keys that a group may have for itself. Each that is not written is as in `above`.
pub(super) fn read_of_group(section: &mut Section<'_, '_>, above: &ScheduleSettings) -> ScheduleSettings {
    let (day, year) = (Span::from_secs(86_400), Span::from_secs(366 * 86_400));
    let zone = "a place such as \"Europe/Berlin\", or a distance from UTC such as \"+02:00\"";
    let overlap = "\"catch_up\", \"queue\" or \"skip\"";
    ScheduleSettings {
        cron: section.parsed("cron", Pattern::ACCEPTED, str::parse).unwrap_or_else(|| above.cron.clone()),
        zone: section.parsed("zone", zone, str::parse).unwrap_or(above.zone),
        offset: section.span("offset", above.offset, Span::ZERO..=day),
        jitter: section.span("jitter", above.jitter, Span::ZERO..=day),
        overlap: section
            .take("overlap", overlap, |value| match value.as_str()? {
                "catch_up" => Some(Overlap::CatchUp),
                "queue" => Some(Overlap::QueueOne),
                "skip" => Some(Overlap::Skip),
                _ => None,
            })
            .unwrap_or(above.overlap),
        catch_up: section.integer("catch_up", above.catch_up, 0..=9_999),
        horizon: section.optional_span("horizon", Span::from_secs(1)..=year).or(above.horizon),
        ..above.clone()
    }
}

/// Always `Some`: a value with a mistake is replaced by the default.
pub(super) fn read(section: &mut Section<'_, '_>) -> Option<ScheduleSettings> {
    let hourly = ScheduleSettings {
        cron: "0 0 * * * *".parse().ok()?,
        zone: Zone::default(),
        offset: Span::ZERO,
        jitter: Span::ZERO,
        overlap: Overlap::default(),
        catch_up: 24,
        horizon: None,
        settle: Span::from_secs(30),
        hold: Span::from_secs(3600),
        jump_patience: Span::from_secs(600),
        event_idle: EventIdle::After(Span::from_secs(5)),
    };
    let idle_range = Span::from_millis(10)..=Span::from_secs(86_400);
    let event_idle = section.take("event_idle", format!("\"never\" or {}", accepted_span(&idle_range)), |value| {
        match value.as_str()? {
            "never" => Some(EventIdle::Never),
            text => Span::parse(text).filter(|span| idle_range.contains(span)).map(EventIdle::After),
        }
    });
    Some(ScheduleSettings {
        settle: section.span("settle", hourly.settle, Span::ZERO..=Span::from_secs(3600)),
        hold: section.span("hold", hourly.hold, Span::ZERO..=Span::from_secs(30 * 86_400)),
        jump_patience: section.span("jump_patience", hourly.jump_patience, Span::ZERO..=Span::from_secs(86_400)),
        event_idle: event_idle.unwrap_or(hourly.event_idle),
        ..read_of_group(section, &hourly)
    })
}
