//! `[schedule]`: when windows are scored.

use super::reader::{Section, accepted_span};
use crate::schedule::CronPattern;
use crate::time::Span;

/// When windows are scored.
#[derive(Clone, Debug, PartialEq)]
pub struct ScheduleSettings {
    /// The times at which the windows that are over are scored, in UTC.
    pub cron: CronPattern,
    /// How many missed windows are scored after a pause.
    pub catch_up: u32,
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

/// Reads the schedule of a group, of which every key that is not written is as `above`.
pub(super) fn read_of_group(section: &mut Section<'_, '_>, above: &ScheduleSettings) -> ScheduleSettings {
    let cron = section.parsed("cron", ACCEPTED_CRON, str::parse);
    ScheduleSettings {
        cron: cron.unwrap_or_else(|| above.cron.clone()),
        catch_up: section.integer("catch_up", above.catch_up, 0..=9_999),
        ..above.clone()
    }
}

const ACCEPTED_CRON: &str =
    "six fields (second minute hour day month weekday) such as \"0 0 * * * *\" for every full hour, in UTC";

const EVERY_HOUR: &str = "0 0 * * * *";

/// Always `Some`: a value with a mistake is replaced by the default.
pub(super) fn read(section: &mut Section<'_, '_>) -> Option<ScheduleSettings> {
    let idle_range = Span::from_millis(10)..=Span::from_secs(86_400);
    let event_idle = section.take("event_idle", format!("\"never\" or {}", accepted_span(&idle_range)), |value| {
        match value.as_str()? {
            "never" => Some(EventIdle::Never),
            text => Span::parse(text).filter(|span| idle_range.contains(span)).map(EventIdle::After),
        }
    });
    Some(ScheduleSettings {
        cron: section.parsed("cron", ACCEPTED_CRON, str::parse).or_else(|| EVERY_HOUR.parse().ok())?,
        catch_up: section.integer("catch_up", 24, 0..=9_999),
        settle: section.span("settle", Span::from_secs(30), Span::ZERO..=Span::from_secs(3600)),
        hold: section.span("hold", Span::from_secs(3600), Span::ZERO..=Span::from_secs(30 * 86_400)),
        jump_patience: section.span("jump_patience", Span::from_secs(600), Span::ZERO..=Span::from_secs(86_400)),
        event_idle: event_idle.unwrap_or(EventIdle::After(Span::from_secs(5))),
    })
}
