//! Says which window of which group is scored next: pure, takes the time.
//!
//! Runs never overlap: one goes on for the whole daemon. What comes next is, in this order:
//!
//! 1. the run that an earlier process began and did not end, since it would never end otherwise;
//! 2. a *live* window: one that the last firing of its group covers, and no earlier firing did. The one that ended first
//!    goes first;
//!    If its firing became due before the process began, its run counts as caught up on all the same;
//! 3. a *missed* window: one that an earlier firing covered. The daemon was down then, or its window was held open, or other
//!    runs went on. The one that ended first goes first.
//!
//! So what is caught up on never holds up what is due now by more than one run. With an event clock nothing is live, since
//! history passes through as fast as it is scored: what ended first goes first ([`Order::OldestFirst`]).
//!
//! The time before which all of a group is done is its *mark*, and the store keeps it. Live windows may be done ahead of the
//! mark. After a start these are read from the ledger ([`Agenda::read_ledger`]).

use std::collections::{BTreeSet, VecDeque};
use std::fmt;

use crate::group::GroupName;
use crate::interval::Window;
use crate::run::{Run, RunState, Trigger};
use crate::schedule::{Overlap, Schedule};
use crate::time::{Span, Timestamp};

/// A group, and when it is scored.
#[derive(Clone, Debug)]
pub struct GroupPlan {
    /// Its name.
    pub name: GroupName,
    /// When its windows are scored.
    pub schedule: Schedule,
}

/// Which of the due windows goes first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    /// Those that have just become due go before those that were missed.
    LiveFirst,
    /// The one that ended first.
    OldestFirst,
}

/// What to do now.
#[derive(Clone, PartialEq, Debug)]
pub enum AgendaStep {
    /// Note that all of a group before `until` is done.
    Mark {
        /// Which group.
        group: GroupName,
        /// Its new mark.
        until: Timestamp,
    },
    /// Tell that windows are given up. They are never due again.
    GiveUp(GivenUp),
    /// Score a window, and say when that has ended.
    Run(DueRun),
}

/// A window that is scored next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DueRun {
    /// Whose sensors.
    pub group: GroupName,
    /// Which window.
    pub window: Window,
    /// Why.
    pub trigger: Trigger,
    /// When it has ended, all of the group before this time is done.
    pub done_until: Timestamp,
}

/// Windows of a group that are never scored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GivenUp {
    /// Which group.
    pub group: GroupName,
    /// The end of the first of them.
    pub first_end: Timestamp,
    /// The end of the last of them.
    pub last_end: Timestamp,
    /// How many there are.
    pub windows: u64,
    /// Why.
    pub why: GiveUpReason,
    /// When that was decided.
    pub at: Timestamp,
}

/// Why windows are given up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GiveUpReason {
    /// More were missed than are caught up on.
    MoreThanCatchUp {
        /// How many are caught up on.
        catch_up: u32,
    },
    /// They ended longer ago than is caught up on.
    BeyondHorizon {
        /// How far back that reaches.
        horizon: Span,
    },
    /// Their firing became due while the windows of the firing before were being scored.
    Overlap,
    /// Their firing waited for the windows of the firing before, and another one became due.
    QueueFull,
}

impl fmt::Display for GiveUpReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MoreThanCatchUp { catch_up } => {
                write!(f, "more windows were missed than are caught up on (schedule.catch_up = {catch_up})")
            }
            Self::BeyondHorizon { horizon } => {
                write!(f, "they ended longer ago than is caught up on (schedule.horizon = \"{horizon}\")")
            }
            Self::Overlap => f.write_str("the run before still went on (schedule.overlap = \"skip\")"),
            Self::QueueFull => f.write_str(
                "the run before still went on, and a later firing took the one place in the queue (schedule.overlap = \
                 \"queue\")",
            ),
        }
    }
}

/// When something of these groups may be due next, after `now`.
pub fn next_wake(plans: &[GroupPlan], now: Timestamp) -> Option<Timestamp> {
    plans.iter().filter_map(|plan| plan.schedule.next_wake(now)).min()
}

/// Knows all groups, and what of each is done.
#[derive(Debug)]
pub struct Agenda {
    order: Order,
    /// What became due before this time was due while no process was there.
    began: Timestamp,
    groups: Vec<GroupAgenda>,
    /// The run that an earlier process began and did not end: a place in `groups`, and its window's end.
    cut_off: Option<(usize, Timestamp)>,
    /// What was given up and is not told yet.
    given_up: VecDeque<GivenUp>,
}

/// One group.
#[derive(Debug)]
struct GroupAgenda {
    name: GroupName,
    schedule: Schedule,
    /// Windows that end here or before are done.
    mark: Timestamp,
    /// The mark that the store has, or is being told.
    stored_mark: Timestamp,
    /// The ends of windows behind the mark that are done.
    done: BTreeSet<Timestamp>,
    /// The firing whose windows are being scored, as long as some of them can be.
    firing: Option<Timestamp>,
}

/// Whether a window is due for the first time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Urgency {
    /// No earlier firing covers it.
    Live,
    /// An earlier one does, or an earlier run was cut off.
    Missed,
}

/// A window that could be scored now.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Candidate {
    end: Timestamp,
    group: usize,
}

impl Agenda {
    /// An agenda of groups of which nothing is known to be done, for a process that began at this time. A group whose mark is
    /// not told has nothing due.
    pub fn new(order: Order, began: Timestamp, groups: Vec<GroupPlan>) -> Self {
        let groups = groups.into_iter().map(|GroupPlan { name, schedule }| GroupAgenda {
            name,
            schedule,
            mark: Timestamp::MIN,
            stored_mark: Timestamp::MIN,
            done: BTreeSet::new(),
            firing: None,
        });
        Self { order, began, groups: groups.collect(), cut_off: None, given_up: VecDeque::new() }
    }

    /// All of a group before `mark` is done, as the store has it. A mark never goes back.
    pub fn note_mark(&mut self, group: &GroupName, mark: Timestamp) {
        if let Some(group) = self.groups.iter_mut().find(|known| known.name == *group) {
            group.stored_mark = group.stored_mark.max(mark);
            group.raise_mark(mark);
        }
    }

    /// The ledger says that a window of a group is done.
    fn note_done(&mut self, group: &GroupName, window: Window) {
        let Some(group) = self.groups.iter_mut().find(|known| known.name == *group) else { return };
        if group.schedule.windows.last_ending(window.end()) == window {
            group.finish(window.end());
        }
    }

    /// An earlier process began a run over this window and did not end it. It goes first, unless it is given up.
    fn note_cut_off(&mut self, group: &GroupName, window: Window) {
        let place = self.groups.iter().position(|known| known.name == *group);
        let is_ours = |place: &usize| self.groups[*place].schedule.windows.last_ending(window.end()) == window;
        self.cut_off = place.filter(is_ours).map(|place| (place, window.end()));
    }

    /// Reads the ledger of an earlier process, the oldest run first. The marks must be known.
    pub fn read_ledger(&mut self, runs: &[Run]) {
        // What an operator has asked for has no place here.
        let is_of_schedule = |run: &Run| run.trigger != Trigger::Command;
        for run in runs.iter().filter(|run| is_of_schedule(run)) {
            if let RunState::Finished(_) = run.state {
                self.note_done(&run.group, run.window);
            }
        }
        // Runs never overlap, so that only the last one can have been cut off and still be wanted.
        if let Some(run) = runs.last().filter(|run| is_of_schedule(run) && run.state == RunState::Started) {
            self.note_cut_off(&run.group, run.window);
        }
    }

    /// What to do at `now`, when windows up to `closable` may be closed. The caller does it, and asks again.
    pub fn next(&mut self, now: Timestamp, closable: Timestamp) -> Option<AgendaStep> {
        // Before the clock has a time there is nothing to score.
        if now == Timestamp::MIN {
            return None;
        }
        for group in &mut self.groups {
            self.given_up.extend(group.give_up(now, closable));
        }
        if let Some(given_up) = self.given_up.pop_front() {
            return Some(AgendaStep::GiveUp(given_up));
        }
        if let Some(group) = self.groups.iter_mut().find(|group| group.mark > group.stored_mark) {
            group.stored_mark = group.mark;
            return Some(AgendaStep::Mark { group: group.name.clone(), until: group.mark });
        }
        let cut_off = self.cut_off.filter(|(place, end)| self.groups[*place].is_undone(*end) && *end <= closable);
        let (candidate, urgency) = match cut_off {
            Some((group, end)) => (Candidate { end, group }, Urgency::Missed),
            None => self.first_due(now, closable)?,
        };
        let Candidate { end, group } = candidate;
        let group = &mut self.groups[group];
        let trigger = match urgency {
            Urgency::Missed => Trigger::CatchUp,
            Urgency::Live => group.trigger_of_live(self.began, now),
        };
        if urgency == Urgency::Live && self.order == Order::LiveFirst {
            group.firing = group.firing.or(group.schedule.firing(now));
        }
        Some(AgendaStep::Run(DueRun {
            group: group.name.clone(),
            window: group.schedule.windows.last_ending(end),
            trigger,
            done_until: group.mark_after(end),
        }))
    }

    /// A run has ended at `now`.
    pub fn ended(&mut self, run: &DueRun, now: Timestamp) {
        let Some(place) = self.groups.iter().position(|known| known.name == run.group) else { return };
        let group = &mut self.groups[place];
        group.finish(run.window.end());
        // The mark is stored with the run.
        group.stored_mark = group.stored_mark.max(run.done_until);
        self.given_up.extend(group.note_overlap(now));
        if self.cut_off == Some((place, run.window.end())) {
            self.cut_off = None;
        }
    }

    /// The time before which all of every group is done.
    pub fn done_until(&self) -> Timestamp {
        self.groups.iter().map(|group| group.mark).min().unwrap_or(Timestamp::MIN)
    }

    fn first_due(&mut self, now: Timestamp, closable: Timestamp) -> Option<(Candidate, Urgency)> {
        let (mut live, mut missed): (Option<Candidate>, Option<Candidate>) = (None, None);
        for (place, group) in self.groups.iter_mut().enumerate() {
            let candidate = |end| Candidate { end, group: place };
            let DueWindows { first_live, first_missed } = group.due(now, closable);
            live = live.into_iter().chain(first_live.map(candidate)).min();
            missed = missed.into_iter().chain(first_missed.map(candidate)).min();
        }
        let live = live.map(|live| (live, Urgency::Live));
        let missed = missed.map(|missed| (missed, Urgency::Missed));
        match self.order {
            Order::LiveFirst => live.or(missed),
            Order::OldestFirst => live.into_iter().chain(missed).min_by_key(|(candidate, _)| *candidate),
        }
    }
}

/// The ends of the first windows of a group that could be scored now.
struct DueWindows {
    first_live: Option<Timestamp>,
    first_missed: Option<Timestamp>,
}

impl GroupAgenda {
    fn is_undone(&self, end: Timestamp) -> bool {
        end > self.mark && !self.done.contains(&end)
    }

    /// All windows that end at `mark` or before are done.
    fn raise_mark(&mut self, mark: Timestamp) {
        self.mark = self.mark.max(mark);
        while self.done.remove(&self.end_after(self.mark)) {
            self.mark = self.end_after(self.mark);
        }
        self.done = self.done.split_off(&self.mark);
    }

    /// The end of the window that ends next behind `time`.
    fn end_after(&self, time: Timestamp) -> Timestamp {
        let hop = self.schedule.windows.hop();
        time.floor(hop) + hop
    }

    /// The mark, when the window that ends at `end` is done as well.
    fn mark_after(&self, end: Timestamp) -> Timestamp {
        let mut mark = self.mark;
        loop {
            let next = self.end_after(mark);
            if next != end && !self.done.contains(&next) {
                return mark;
            }
            mark = next;
        }
    }

    /// The window that ends at `end` is done.
    fn finish(&mut self, end: Timestamp) {
        if end > self.mark {
            self.done.insert(end);
            self.raise_mark(self.mark);
        }
    }

    /// Why a live window is scored.
    fn trigger_of_live(&self, began: Timestamp, now: Timestamp) -> Trigger {
        let firing = self.firing.or_else(|| self.schedule.firing(now));
        match firing.is_some_and(|firing| firing + self.schedule.wait() < began) {
            true => Trigger::CatchUp,
            false => Trigger::Schedule,
        }
    }

    /// The first windows that are due at `now`, and not done.
    fn due(&mut self, now: Timestamp, closable: Timestamp) -> DueWindows {
        let nothing = DueWindows { first_live: None, first_missed: None };
        if self.mark == Timestamp::MIN {
            return nothing;
        }
        if self.schedule.overlap == Overlap::CatchUp {
            self.firing = None;
        }
        if let Some(firing) = self.firing {
            let windows = self.due_of(firing, closable);
            if windows.first_live.is_some() {
                return windows;
            }
            self.firing = None;
        }
        self.schedule.firing(now).map_or(nothing, |firing| self.due_of(firing, closable))
    }

    /// The first windows that this firing covers, and that an earlier one covered.
    fn due_of(&self, firing: Timestamp, closable: Timestamp) -> DueWindows {
        let covered = firing.min(closable);
        let before = self.schedule.covered_before(firing);
        let first = |from: Timestamp, until: Timestamp| {
            let ends =
                std::iter::successors(Some(self.end_after(from.max(self.mark))), |end| Some(self.end_after(*end)));
            ends.take_while(|end| *end <= until).find(|end| !self.done.contains(end))
        };
        DueWindows { first_live: first(before, covered), first_missed: first(self.mark, covered.min(before)) }
    }

    /// Gives up what was missed beyond the bounds.
    fn give_up(&mut self, now: Timestamp, closable: Timestamp) -> Option<GivenUp> {
        let due = self.schedule.due(self.mark, now, closable).filter(|due| due.skipped > 0)?;
        let until = due.first.end() - self.schedule.windows.hop();
        let why = match self.schedule.horizon {
            Some(horizon) if due.count < self.schedule.most() => GiveUpReason::BeyondHorizon { horizon },
            _ => GiveUpReason::MoreThanCatchUp { catch_up: self.schedule.catch_up },
        };
        let given_up = self.given_up(self.mark, until, why, now);
        self.raise_mark(until);
        given_up
    }

    /// Gives up the windows of firings that became due while those of an earlier one were being scored, as far as the
    /// schedule wants it.
    fn note_overlap(&mut self, now: Timestamp) -> Option<GivenUp> {
        let (firing, last) = (self.firing?, self.schedule.firing(now)?);
        let (until, why) = match self.schedule.overlap {
            Overlap::CatchUp => return None,
            Overlap::Skip => (last, GiveUpReason::Overlap),
            Overlap::QueueOne => (self.schedule.firing_before(last)?, GiveUpReason::QueueFull),
        };
        let (until, hop) = (self.schedule.windows.last_ending(until).end(), self.schedule.windows.hop());
        // Older windows are beyond the bounds on what is caught up on, however far the clock was set ahead.
        let from = firing.max(until - hop.times(self.schedule.most().into()));
        let given_up = self.given_up(from, until, why, now);
        let mut end = self.end_after(from);
        while end <= until {
            self.finish(end);
            end = self.end_after(end);
        }
        given_up
    }

    /// The windows that end behind `from`, and at `until` or before, and that are not done; `None` when all are.
    fn given_up(&self, from: Timestamp, until: Timestamp, why: GiveUpReason, at: Timestamp) -> Option<GivenUp> {
        let from = from.max(self.mark);
        let done = self.done.iter().filter(|end| from < **end && **end <= until).count() as u64;
        let windows = self.schedule.windows_between(from, until).saturating_sub(done);
        let (group, first_end) = (self.name.clone(), self.end_after(from));
        (windows > 0).then_some(GivenUp { group, first_end, last_end: until, windows, why, at })
    }
}

#[cfg(test)]
mod tests;
