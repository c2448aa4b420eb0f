//! `[schedule]`: when windows are scored.

use croner::Cron;
use croner::parser::{CronParser, Seconds};

use super::reader::{Section, accepted_span};
use crate::time::{Span, Timestamp};

/// When windows are scored.
#[derive(Clone, Debug, PartialEq)]
pub struct ScheduleSettings {
    /// The times at which the windows that are over are scored, in UTC.
    pub cron: Cron,
    /// How many missed windows are scored after a pause.
    pub catch_up: u32,
    /// When a history is over.
    pub event_idle: EventIdle,
}

/// When a history that is replayed under the event clock is over, and its open windows are scored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventIdle {
    /// After so long without readings, by the system's clock.
    After(Span),
    /// When the daemon is told to stop.
    Never,
}

impl ScheduleSettings {
    /// The shortest time between two of the next firings after 2000-01-01; `None` when there are none.
    ///
    /// A schedule's firings need not be evenly spread: this looks at a day's worth at one a minute.
    pub fn shortest_period(&self) -> Option<Span> {
        const FIRINGS: usize = 1440;
        let start = Timestamp::from_nanos(946_684_800_000_000_000).utc();
        let firings = self.cron.iter_after(start).take(FIRINGS).map(Timestamp::from);
        let firings: Vec<Timestamp> = firings.take_while(|firing| *firing < Timestamp::MAX).collect();
        firings.windows(2).map(|pair| pair[1].since(pair[0])).min()
    }
}

const EVERY_HOUR: &str = "0 0 * * * *";

/// Always `Some`: what cannot be read is replaced by the default, which can.
pub(super) fn read(section: &mut Section<'_, '_>) -> Option<ScheduleSettings> {
    let accepted =
        "six fields (second minute hour day month weekday) such as \"0 0 * * * *\" for every full hour, in UTC";
    let idle_range = Span::from_millis(10)..=Span::from_secs(86_400);
    let event_idle = section.take("event_idle", format!("\"never\" or {}", accepted_span(&idle_range)), |value| {
        match value.as_str()? {
            "never" => Some(EventIdle::Never),
            text => Span::parse(text).filter(|span| idle_range.contains(span)).map(EventIdle::After),
        }
    });
    Some(ScheduleSettings {
        cron: section.parsed("cron", accepted, parse_cron).or_else(|| parse_cron(EVERY_HOUR).ok())?,
        catch_up: section.integer("catch_up", 24, 0..=9_999),
        event_idle: event_idle.unwrap_or(EventIdle::After(Span::from_secs(5))),
    })
}

/// Reads a schedule as tokio-cron-scheduler does, and refuses what never fires.
fn parse_cron(text: &str) -> Result<Cron, String> {
    const LONGEST: usize = 256;
    if text.len() > LONGEST {
        return Err(format!("it has {} bytes, more than {LONGEST}", text.len()));
    }
    let parser = CronParser::builder().seconds(Seconds::Required).dom_and_dow(true).build();
    let cron = parser.parse(text).map_err(|error| error.to_string().trim_end_matches('.').to_lowercase())?;
    let epoch = Timestamp::default().utc();
    match cron.find_next_occurrence(&epoch, true) {
        Ok(_) => Ok(cron),
        Err(_) => Err("it never fires".to_owned()),
    }
}
