//! The windows that a question about runs is answered for.

use crate::interval::{Window, WindowGrid};
use crate::time::{Span, Timestamp};

/// A range of time as it was asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct AskedRange {
    /// Where it begins; a day before its end when that was not said.
    pub since: Option<Timestamp>,
    /// Where it ends, which is not in it; now when that was not said.
    pub until: Option<Timestamp>,
}

const DAY: Span = Span::from_secs(86_400);

impl AskedRange {
    /// The windows that are over and have a part in the range, the oldest first, with and without a run: none before the
    /// oldest that a run has scored, and the newest if there are more than `most`. Of windows that overlap, those count
    /// that end within the range, or as the first after it. `scored` is the oldest window and the newest that a run has
    /// scored; without any there are none.
    pub(super) fn windows(
        self,
        grid: WindowGrid,
        now: Timestamp,
        scored: Option<(Window, Window)>,
        most: u32,
    ) -> Vec<Window> {
        let Some((oldest, newest)) = scored else { return Vec::new() };
        // An event clock has no time before the first reading, and the runs of the time before are there.
        let over = now.max(newest.end());
        let until = self.until.unwrap_or(over).min(over);
        let moment = Span::from_nanos(1);
        let last = grid.first_ending_after(until - moment);
        let last = if last.end() > over { grid.last_ending(over) } else { last };
        let first = grid
            .first_ending_after(self.since.unwrap_or(until - DAY))
            .max(grid.first_ending_after(oldest.end() - moment))
            .max(grid.before(last, most.saturating_sub(1)));
        let windows = std::iter::successors(Some(first), |window| Some(grid.after(*window)));
        windows.take_while(|window| *window <= last).take(most as usize).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::overview::test_runs::{cut, hour};

    fn at(minutes: u32) -> Timestamp {
        hour(0).start() + Span::from_secs(60 * minutes)
    }

    /// The hours of the windows when runs have scored the hours 3 to 30.
    fn hours(since: Option<u32>, until: Option<u32>, now: u32) -> Vec<u32> {
        let range = AskedRange { since: since.map(at), until: until.map(at) };
        let windows = range.windows(cut().into(), at(now), Some((hour(3), hour(30))), 1000);
        let number = |window: &Window| (0..100).find(|number| hour(*number) == *window).unwrap();
        windows.iter().map(number).collect()
    }

    #[test]
    fn a_range_is_widened_to_whole_windows_that_are_over() {
        assert_eq!(hours(Some(5 * 60 + 20), Some(7 * 60 + 10), 32 * 60), [5, 6, 7]);
        assert_eq!(hours(Some(5 * 60), Some(7 * 60), 32 * 60), [5, 6]);
        assert_eq!(hours(Some(29 * 60), Some(40 * 60), 33 * 60 + 20), [29, 30, 31, 32], "33 goes on");
    }

    #[test]
    fn what_was_not_said_is_the_last_day() {
        assert_eq!(hours(None, None, 33 * 60 + 20), (9..33).collect::<Vec<_>>());
        assert_eq!(hours(None, Some(28 * 60), 33 * 60), (4..28).collect::<Vec<_>>());
        assert_eq!(hours(Some(20 * 60), None, 0), (20..31).collect::<Vec<_>>(), "a clock behind the runs");
    }

    #[test]
    fn nothing_is_older_than_the_runs_and_the_newest_count() {
        assert_eq!(hours(Some(0), Some(5 * 60), 33 * 60), [3, 4]);
        let range = AskedRange { since: Some(at(0)), until: None };
        let scored = Some((hour(3), hour(30)));
        assert_eq!(range.windows(cut().into(), at(0), scored, 2), [hour(29), hour(30)]);
        assert_eq!(range.windows(cut().into(), at(600), None, 2), []);
    }

    proptest! {
        #[test]
        fn any_range_has_few_windows_in_order(since in any::<Option<i64>>(), until in any::<Option<i64>>(), now in any::<i64>()) {
            let range = AskedRange { since: since.map(Timestamp::from_nanos), until: until.map(Timestamp::from_nanos) };
            let windows = range.windows(cut().into(), Timestamp::from_nanos(now), Some((hour(3), hour(30))), 50);
            prop_assert!(windows.len() <= 50);
            prop_assert!(windows.windows(2).all(|pair| pair[0].next() == pair[1]));
        }
    }
}
