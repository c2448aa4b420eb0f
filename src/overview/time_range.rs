//! Ranges of time that are asked about, and how long they may be.

use crate::interval::{Cut, Window};
use crate::time::{Span, Timestamp};

/// A range of time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TimeRange {
    /// Its start.
    pub since: Timestamp,
    /// Its end, which is not in it.
    pub until: Timestamp,
}

/// A range of time that is too long for one answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "from {} to {} are {found} {what}, and one answer covers at most {most}; ask for a shorter range",
    range.since,
    range.until
)]
pub struct RangeTooLong {
    range: TimeRange,
    what: &'static str,
    found: i64,
    most: i64,
}

impl TimeRange {
    /// Whether the range is at most so many parts long, as far as whole ones are counted.
    pub(super) fn at_most(self, most: i64, what: &'static str, part: Span) -> Result<(), RangeTooLong> {
        let (found, _) = self.until.since(self.since).divide(part);
        if found > most { Err(RangeTooLong { range: self, what, found, most }) } else { Ok(()) }
    }

    /// The windows that have a part in the range, the oldest first.
    pub(super) fn windows(self, cut: Cut) -> impl Iterator<Item = Window> {
        let first = cut.window_of(self.since);
        // At the end of time, windows have no next one.
        std::iter::successors(Some(first), |window| Some(window.next()).filter(|next| next.start() > window.start()))
            .take_while(move |window| window.start() < self.until)
    }

    /// Whether a window has a part in the range.
    pub(super) fn overlaps(self, window: Window) -> bool {
        window.end() > self.since && window.start() < self.until
    }

    /// Whether a time is in the range.
    pub(super) fn holds(self, time: Timestamp) -> bool {
        self.since <= time && time < self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Span = Span::from_secs(60);

    fn at(minute: i64) -> Timestamp {
        Timestamp::parse("2018-08-28 13:00").unwrap() + MINUTE.times(minute)
    }

    #[test]
    fn a_range_of_too_many_parts_is_refused_in_words() {
        let range = TimeRange { since: at(0), until: at(600) };
        assert_eq!(range.at_most(10, "hours", MINUTE.times(60)), Ok(()));
        let problem = range.at_most(9, "hours", MINUTE.times(60)).unwrap_err().to_string();
        assert!(problem.contains("are 10 hours, and one answer covers at most 9; ask for a shorter"), "{problem}");
        let all = TimeRange { since: Timestamp::MIN, until: Timestamp::MAX };
        assert!(all.at_most(10_000, "hours", MINUTE.times(60)).is_err());
    }

    #[test]
    fn the_windows_of_a_range_are_all_that_have_a_part_in_it() {
        let cut = Cut::new(MINUTE, Span::from_secs(600)).unwrap();
        let starts = |since, until| {
            let range = TimeRange { since: at(since), until: at(until) };
            let windows: Vec<_> = range.windows(cut).collect();
            assert!(windows.iter().all(|window| range.overlaps(*window)));
            windows.into_iter().map(Window::start).collect::<Vec<_>>()
        };
        assert_eq!(starts(5, 20), [at(0), at(10)]);
        assert_eq!(starts(10, 21), [at(10), at(20)]);
        let end = TimeRange { since: Timestamp::MAX, until: Timestamp::MAX };
        assert!(end.windows(cut).count() <= 1, "time ends");
    }
}
