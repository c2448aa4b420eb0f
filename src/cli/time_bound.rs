//! Bounds of time on the command line: a time, a day, or how long ago.

use crate::answers::Status;
use crate::http::client::DaemonClient;
use crate::ingest::history::{AnyTime, TimeError, TimeSettings};
use crate::time::{Span, Timestamp};

/// A time, or how long ago it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeBound {
    /// A point in time.
    At(Timestamp),
    /// That long before now, by the clock that the daemon goes by.
    Ago(Span),
}

/// A text that is no bound of time.
#[derive(Debug, thiserror::Error)]
#[error("not a time; write 2018-08-28T23:00:00Z, 2018-08-28 (UTC), or -30m, -24h or -7d for that long ago")]
pub struct BoundError;

impl From<TimeError> for BoundError {
    fn from(_: TimeError) -> Self {
        Self
    }
}

/// Reads a bound of time, for clap.
pub(crate) fn parse_bound(text: &str) -> Result<TimeBound, BoundError> {
    match text.strip_prefix('-') {
        Some(ago) => Span::parse(ago).map(TimeBound::Ago).ok_or(BoundError),
        None => Ok(TimeBound::At(TimeSettings::default().place(AnyTime::parse(text)?)?)),
    }
}

/// The daemon's time, if one of the bounds needs it: with an event clock that is not the system's.
///
/// # Errors
/// When the daemon does not answer.
pub(crate) fn now_of(daemon: &DaemonClient, bounds: [Option<TimeBound>; 2]) -> anyhow::Result<Timestamp> {
    if bounds.iter().any(|bound| matches!(bound, Some(TimeBound::Ago(_)))) {
        let status: Status = daemon.get("/api/v1/status")?.json()?;
        return Ok(status.now);
    }
    Ok(Timestamp::now())
}

impl TimeBound {
    /// The time that it stands for.
    pub fn time(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(time) => time,
            Self::Ago(span) => now - span,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_a_time_a_day_or_how_long_ago() {
        let at = |text: &str| TimeBound::At(Timestamp::parse(text).unwrap());
        assert_eq!(parse_bound("2018-08-28T23:00:00Z").unwrap(), at("2018-08-28T23:00:00Z"));
        assert_eq!(parse_bound("2018-08-28").unwrap(), at("2018-08-28T00:00:00Z"));
        assert_eq!(parse_bound("-24h").unwrap(), TimeBound::Ago(Span::from_secs(86_400)));
        for wrong in ["-24", "yesterday", "-", ""] {
            assert!(parse_bound(wrong).is_err(), "{wrong}");
        }
    }
}
