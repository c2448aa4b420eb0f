//! What is told of runs and verdicts to those who listen: when readers of the store see it, so that whoever is told and
//! asks finds it there.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::live::{EventKind, Events, Happening};
use crate::run::{Run, RunId};
use crate::store::Ticket;
use crate::verdict::Verdict;

/// Waits until what happened is in the store, and tells it. Nothing is kept while nobody listens.
pub(super) struct StoredEvents {
    events: Arc<Events>,
    /// The run that goes on.
    run: Option<Arc<Run>>,
    /// What the next commit hands over.
    gathered: Vec<(EventKind, Happening)>,
    /// What earlier commits have handed over, by their tickets.
    behind: VecDeque<(Ticket, EventKind, Happening)>,
}

impl StoredEvents {
    pub(super) fn new(events: Arc<Events>) -> Self {
        Self { events, run: None, gathered: Vec::new(), behind: VecDeque::new() }
    }

    /// A run begins, or goes on.
    pub(super) fn begin_run(&mut self, run: Run) {
        let run = Arc::new(run);
        self.run = Some(Arc::clone(&run));
        self.gather(EventKind::Run, || Happening::Run(run));
    }

    /// A run was written into the ledger once more: it has ended.
    pub(super) fn end_run(&mut self, run: Run) {
        self.run = None;
        self.gather(EventKind::Run, || Happening::Run(run.into()));
    }

    /// Verdicts of the run that goes on.
    pub(super) fn verdicts(&mut self, run: RunId, verdicts: Vec<Verdict>) {
        if let Some(run) = self.run.clone().filter(|current| current.id == run) {
            self.gather(EventKind::Verdict, || Happening::Verdicts(run, verdicts.into()));
        }
    }

    fn gather(&mut self, kind: EventKind, happening: impl FnOnce() -> Happening) {
        if self.events.is_heard(kind) {
            self.gathered.push((kind, happening()));
        }
    }

    /// What was gathered was handed over under this ticket.
    pub(super) fn handed_over(&mut self, ticket: Ticket) {
        self.behind.extend(self.gathered.drain(..).map(|(kind, happening)| (ticket, kind, happening)));
    }

    /// Tells what readers see.
    pub(super) fn tell(&mut self, is_visible: impl Fn(Ticket) -> bool) {
        while self.behind.front().is_some_and(|(ticket, ..)| is_visible(*ticket)) {
            if let Some((_, kind, happening)) = self.behind.pop_front() {
                self.events.tell(kind, || happening);
            }
        }
    }
}
