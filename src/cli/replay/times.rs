//! Which readings a daemon that follows the system's clock would reject for their times.

use std::fmt;

use crate::time::{Span, Timestamp};

/// Counts readings that are too old or too far ahead when they are sent, for a daemon with `clock = "wall"` and the
/// default settings.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct StrangeTimes {
    late: u64,
    ahead: u64,
    first: Option<Timestamp>,
}

impl StrangeTimes {
    /// How old a reading may be: the default `window.length`, for which a window is open at most; the lateness is
    /// short.
    const OLDEST: Span = Span::from_secs(3600);

    /// How far ahead a reading may be: the default `limits.max_ahead`.
    const FURTHEST_AHEAD: Span = Span::from_secs(300);

    /// Takes in a reading that is sent now. Returns whether it is the first with a strange time.
    pub fn note(&mut self, time: Timestamp, now: Timestamp) -> bool {
        let count = if time + Self::OLDEST < now {
            &mut self.late
        } else if time > now + Self::FURTHEST_AHEAD {
            &mut self.ahead
        } else {
            return false;
        };
        *count += 1;
        let is_first = self.first.is_none();
        self.first.get_or_insert(time);
        is_first
    }

    /// Whether there were any.
    pub fn is_empty(&self) -> bool {
        self.first.is_none()
    }
}

impl fmt::Display for StrangeTimes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(first) = self.first else { return Ok(()) };
        let kinds =
            [(self.late, "more than an hour after their time"), (self.ahead, "more than five minutes before it")];
        f.write_str("readings were sent ")?;
        let mut comma = "";
        for (count, what) in kinds.into_iter().filter(|(count, _)| *count > 0) {
            write!(f, "{comma}{what} ({count})")?;
            comma = ", ";
        }
        write!(
            f,
            ", the first of {first}: a daemon with clock = \"wall\", the default, acknowledges such readings and rejects them; \
             for a history it needs clock = \"event\" and a store of its own"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_daemon_by_the_clock_takes_what_is_new_and_rejects_a_history() {
        let now = Timestamp::parse("2026-03-02T06:00:00Z").unwrap();
        let (before, after) = (|seconds| now - Span::from_secs(seconds), |seconds| now + Span::from_secs(seconds));
        let mut times = StrangeTimes::default();
        assert!([now, before(3600), after(300)].iter().all(|time| !times.note(*time, now)));
        assert!(times.is_empty() && times.to_string().is_empty());
        assert_eq!([before(3601), before(7200), after(301)].map(|time| times.note(time, now)), [true, false, false]);
        let said = times.to_string();
        let beginning = "readings were sent more than an hour after their time (2), more than five minutes before it (1), \
                         the first of 2026-03-02T04:59:59Z: ";
        assert!(said.starts_with(beginning), "{said}");
    }
}
