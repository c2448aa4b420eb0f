//! The event clock: the time that the readings tell, and whether readings wait for the runs that it has made due.

use crate::pipeline::run_progress::RunProgress;
use crate::schedule::agenda::GroupPlan;
use crate::time::Timestamp;

/// Whether readings may come in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pace {
    /// They may.
    Free,
    /// Readings come in faster than they are scored or published: the runs that are due, and the sinks, go first.
    Held,
}

/// The time that the readings tell, and the pace of a history.
pub(super) struct EventClock {
    now: Timestamp,
    /// The time of the latest reading: the end of a history puts the clock ahead of it.
    newest: Timestamp,
    pace: Pace,
    /// When more may be due.
    next_due: Timestamp,
}

impl EventClock {
    /// A clock that has come so far. The latest reading is known to be no later than `newest`, in the same window.
    pub(super) fn at(now: Timestamp, newest: Timestamp) -> Self {
        Self { now, newest, pace: Pace::Free, next_due: Timestamp::MIN }
    }

    /// The time.
    pub(super) fn now(&self) -> Timestamp {
        self.now
    }

    /// The end of the first window behind the latest reading, of the group whose window ends last; `None` before the first
    /// reading.
    pub(super) fn end_of_history(&self, plans: &[GroupPlan]) -> Option<Timestamp> {
        let end = |plan: &GroupPlan| plan.schedule.windows.first_ending_after(self.newest).end();
        plans.iter().map(end).max().filter(|_| self.newest > Timestamp::MIN)
    }

    /// When more may be due than when the pace was last decided.
    pub(super) fn next_due(&self) -> Timestamp {
        self.next_due
    }

    /// Whether readings wait.
    pub(super) fn pace(&self) -> Pace {
        self.pace
    }

    /// Moves on to a reading's time; `false` when it was there already.
    pub(super) fn advance(&mut self, time: Timestamp) -> bool {
        let advances = time > self.now;
        self.now = self.now.max(time);
        self.newest = self.newest.max(time);
        advances
    }

    /// Moves past the end of a history, so that the last windows of all groups are due.
    pub(super) fn end_history(&mut self, end: Timestamp, plans: &[GroupPlan]) {
        let longest_wait = plans.iter().map(|plan| plan.schedule.wait()).max().unwrap_or_default();
        self.now = self.now.max(end + longest_wait);
    }

    /// Whether more may be due than when the pace was last decided.
    pub(super) fn is_to_look(&self) -> bool {
        self.now >= self.next_due
    }

    /// Decides whether readings wait: for runs of any group that are due, or for a sink that is behind by more than
    /// `max_unpublished`. Windows that end behind `closed` are not due: the end of a history may put the clock past firings
    /// of groups whose runs begin early, and these windows are not over.
    pub(super) fn decide_pace(
        &mut self,
        plans: &[GroupPlan],
        runs: &RunProgress,
        closed: Timestamp,
        max_unpublished: u64,
    ) {
        let wakes = plans.iter().filter_map(|plan| plan.schedule.next_wake(self.now));
        self.next_due = wakes.min().unwrap_or(Timestamp::MAX);
        let is_due =
            |GroupPlan { name, schedule }: &GroupPlan| schedule.due(runs.scored(name), self.now, closed).is_some();
        self.pace = if plans.iter().any(is_due) || runs.lags(max_unpublished) { Pace::Held } else { Pace::Free };
    }
}
