//! How far scoring and publishing are: what is scored, which run comes next, and which run each sink takes next.
//!
//! Others are told of a run only when a power cut cannot take it any more. So what is scored is known twice: as of the
//! last commit, and as far as the keeper has settled it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::group::GroupName;
use crate::run::RunId;
use crate::store::{Progress, Reader, StoreError, Ticket};
use crate::time::Timestamp;

/// The time before which the windows of each group are scored. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ScoredMarks(Arc<BTreeMap<GroupName, Timestamp>>);

impl ScoredMarks {
    /// That of a group; the earliest time before scoring has begun.
    pub fn of(&self, group: &GroupName) -> Timestamp {
        self.0.get(group).copied().unwrap_or(Timestamp::MIN)
    }

    /// That of the default group alone.
    #[cfg(test)]
    pub(crate) fn of_default_group(until: Timestamp) -> Self {
        Self(Arc::new([(GroupName::default(), until)].into()))
    }

    fn set(&mut self, group: &GroupName, until: Timestamp) {
        Arc::make_mut(&mut self.0).insert(group.clone(), until);
    }
}

/// What is scored, and the run behind the last one that has ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Scored {
    /// The time before which windows are scored.
    pub(super) marks: ScoredMarks,
    /// The id behind the last run that has ended.
    pub(super) next_run: RunId,
}

/// How far scoring and publishing are.
pub(super) struct RunProgress {
    /// As of the last commit, or the next one.
    committed: Scored,
    settled: Scored,
    /// What is not settled yet, by the tickets that it waits for.
    unsettled: VecDeque<(Ticket, Scored)>,
    /// The first run that each sink has not taken.
    cursors: BTreeMap<&'static str, RunId>,
}

impl RunProgress {
    /// What an earlier process has noted.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(super) fn recover<'a>(
        reader: &Reader,
        groups: impl Iterator<Item = &'a GroupName>,
        sinks: &[&'static str],
    ) -> Result<Self, StoreError> {
        let next_run = reader.next_run()?;
        // A crash may come between a run and this note. The scheduler reads the ledger, and makes up for it.
        let mut marks = ScoredMarks::default();
        for group in groups {
            if let Some(until) = reader.progress(&Progress::Scored(group.clone()))? {
                marks.set(group, until);
            }
        }
        let scored = Scored { marks, next_run };
        let mut cursors = BTreeMap::new();
        for sink in sinks.iter().copied() {
            // One that begins now is not waited for.
            cursors.insert(sink, reader.cursor(sink)?.unwrap_or(next_run));
        }
        Ok(Self { committed: scored.clone(), settled: scored, unsettled: VecDeque::new(), cursors })
    }

    /// The time before which the windows of a group are scored; the earliest time before scoring has begun.
    pub(super) fn scored(&self, group: &GroupName) -> Timestamp {
        self.committed.marks.of(group)
    }

    /// What is scored, as far as it is settled.
    pub(super) fn settled(&self) -> &Scored {
        &self.settled
    }

    /// Says that the scoring of a group begins with the windows that end behind `closed`. That need not be settled first:
    /// the journal's first closing says the same, and a group that is new begins again after a crash.
    pub(super) fn begin_at(&mut self, group: &GroupName, closed: Timestamp) {
        self.committed.marks.set(group, closed);
        self.settled.marks.set(group, closed);
    }

    /// Moves on what counts as scored of a group, and returns it.
    pub(super) fn move_to(&mut self, group: &GroupName, until: Timestamp) -> Timestamp {
        let until = self.scored(group).max(until);
        self.committed.marks.set(group, until);
        until
    }

    /// Counts a run as ended.
    pub(super) fn end_run(&mut self, run: RunId) {
        self.committed.next_run = self.committed.next_run.max(run.next());
    }

    /// Notes the first run that a sink has not taken.
    pub(super) fn put_cursor(&mut self, sink: &'static str, next: RunId) {
        self.cursors.insert(sink, next);
    }

    /// Whether a sink is behind by more runs than this.
    pub(super) fn lags(&self, max_unpublished: u64) -> bool {
        let oldest_kept = self.committed.next_run.earlier(max_unpublished);
        self.cursors.values().any(|cursor| *cursor < oldest_kept)
    }

    /// Notes that a commit has handed over what was noted before it.
    pub(super) fn hand_over(&mut self, ticket: Ticket) {
        let last = self.unsettled.back().map_or(&self.settled, |(_, scored)| scored);
        if *last != self.committed {
            self.unsettled.push_back((ticket, self.committed.clone()));
        }
    }

    /// Notes what is settled by now.
    pub(super) fn settle(&mut self, is_settled: impl Fn(Ticket) -> bool) {
        while self.unsettled.front().is_some_and(|(ticket, _)| is_settled(*ticket))
            && let Some((_, scored)) = self.unsettled.pop_front()
        {
            self.settled = scored;
        }
    }
}
