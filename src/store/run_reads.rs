//! Reading runs from the ledger, their verdicts, and how far each sink is with them.

use crate::group::GroupName;
use crate::interval::Window;
use crate::run::{Run, RunId, RunLog, Trigger};
use crate::run_order::OrderId;
use crate::sensor::SensorId;
use crate::store::keys::{NEXT_ORDER_KEY, NEXT_RUN_KEY, cursor_key, run_slot};
use crate::store::reader::readable;
use crate::store::{ChunkId, Reader, StoreError, run_logs, runs, verdicts};
use crate::verdict::{OutcomeSummary, Verdict};

impl Reader {
    /// The id of the run that begins next. All earlier runs have smaller ids.
    pub fn next_run(&self) -> Result<RunId, StoreError> {
        let noted = readable(self.tables.progress.get(NEXT_RUN_KEY))?;
        match noted.as_ref().and_then(Option::as_ref).and_then(|bytes| bytes.as_slice().try_into().ok()) {
            Some(id) => return Ok(RunId(u64::from_be_bytes(id))),
            None if noted == Some(None) => {}
            None => {
                let cost = "the id of the next run, which the ledger of runs tells instead";
                self.unreadable.add("progress", NEXT_RUN_KEY, cost);
            }
        }
        let mut next = RunId::default();
        for slot in 0..self.settings.runs {
            next = next.max(self.run_in(slot)?.map_or(next, |run| run.id.next()));
        }
        Ok(next)
    }

    /// The id that the next order of an operator gets at least.
    pub fn next_order(&self) -> Result<OrderId, StoreError> {
        let noted = readable(self.tables.progress.get(NEXT_ORDER_KEY))?;
        if noted.is_none() {
            self.unreadable.add("progress", NEXT_ORDER_KEY, "the id of the next order: ids begin anew");
        }
        let next = noted.flatten().and_then(|bytes| bytes.as_slice().try_into().ok());
        Ok(OrderId(next.map_or(1, u64::from_be_bytes)))
    }

    /// The run whose id was given when a power cut came before anything else of it was written: its id can be given again.
    /// Otherwise the ids would have a gap that a run without the cut does not leave.
    pub(super) fn unbegun_run(&self) -> Result<Option<RunId>, StoreError> {
        let next = self.next_run()?;
        let last = next.earlier(1);
        let slot = run_slot(last, self.settings.runs);
        let entry = match readable(self.tables.runs.get_parts(&slot.to_be_bytes()))? {
            Some(None) => None,
            entry => match entry.flatten().and_then(|bytes| runs::decode(self.settings.cut, &bytes).ok()) {
                Some(run) => Some(run),
                // It may be the entry of this run.
                None => return Ok(None),
            },
        };
        if last == next || entry.is_some_and(|run| run.id == last) {
            return Ok(None);
        }
        // What an operator removed from the ledger may have left verdicts.
        let slot = run_slot(last, self.settings.verdict_runs);
        let (mut verdicts_of_last, mut is_damaged) = (0, false);
        let scan = self.tables.verdicts.scan_parts(&slot.to_be_bytes(), &mut |key, bytes| {
            let mut count = |_, _| verdicts_of_last += 1;
            is_damaged |=
                ChunkId::of_key(key).is_none_or(|chunk| verdicts::summaries(last, chunk, bytes, &mut count).is_err());
        });
        let is_free = readable(scan)?.is_some() && !is_damaged && verdicts_of_last == 0;
        Ok(is_free.then_some(last))
    }

    /// A run; `None` when the ledger has none of this id, or it cannot be read.
    pub fn run(&self, id: RunId) -> Result<Option<Run>, StoreError> {
        let run = self.run_in(run_slot(id, self.settings.runs))?;
        Ok(run.filter(|run| run.id == id))
    }

    /// All runs in the ledger, the oldest first.
    pub fn runs(&self) -> Result<Vec<Run>, StoreError> {
        let next = self.next_run()?;
        let ids = self.ids_before(next).map(|id| self.run(id).transpose());
        ids.flatten().collect()
    }

    /// The last run of a group over a window; `None` when the ledger has none.
    pub fn run_of(&self, group: &GroupName, window: Window) -> Result<Option<Run>, StoreError> {
        let next = self.next_run()?;
        for id in self.ids_before(next).rev() {
            match self.run(id)? {
                Some(run) if run.group == *group && run.window == window => return Ok(Some(run)),
                // The first runs of windows follow each other as the windows do, but for those that were missed. A run over
                // this window began no earlier than the one of an earlier window when that was due.
                Some(Run { group: of, revision: 0, trigger: Trigger::Schedule, window: earlier, .. })
                    if of == *group && earlier < window =>
                {
                    break;
                }
                Some(_) | None => {}
            }
        }
        Ok(None)
    }

    /// The id of the oldest run that the ledger's ring has room for, when the next run has this id.
    pub fn oldest_run(&self, next: RunId) -> RunId {
        next.earlier(self.settings.runs.into())
    }

    /// The ids that the ledger's ring has room for, when the next run has this id.
    fn ids_before(&self, next: RunId) -> impl DoubleEndedIterator<Item = RunId> + use<> {
        (self.oldest_run(next).0..next.0).map(RunId)
    }

    /// The run in a slot of the ring.
    fn run_in(&self, slot: u32) -> Result<Option<Run>, StoreError> {
        let key = slot.to_be_bytes();
        let run = match readable(self.tables.runs.get_parts(&key))? {
            Some(None) => return Ok(None),
            bytes => bytes.flatten().and_then(|bytes| runs::decode(self.settings.cut, &bytes).ok()),
        };
        // A run in another's place would be published in its stead.
        let run = run.filter(|run| run_slot(run.id, self.settings.runs) == slot);
        if run.is_none() {
            self.unreadable.add("runs", &key, format!("a run in the ledger (slot {slot}), which is not published"));
        }
        Ok(run)
    }

    /// The verdicts of one chunk of a run; none when the chunk is not stored or cannot be read.
    pub fn verdicts(&self, run: RunId, chunk: ChunkId) -> Result<Vec<Verdict>, StoreError> {
        let key = chunk.key(run_slot(run, self.settings.verdict_runs));
        let verdicts = match readable(self.tables.verdicts.get_parts(&key))? {
            Some(None) => return Ok(Vec::new()),
            bytes => bytes.flatten().and_then(|bytes| verdicts::decode(run, chunk, &bytes).ok()),
        };
        if verdicts.is_none() {
            self.unreadable.add("verdicts", &key, format!("verdicts of run {run} (chunk {chunk})"));
        }
        Ok(verdicts.unwrap_or_default())
    }

    /// What was logged of a run; `None` when that is not stored, or cannot be read.
    pub fn run_log(&self, run: RunId) -> Result<Option<RunLog>, StoreError> {
        let key = run_slot(run, self.settings.verdict_runs).to_be_bytes();
        let stored = match readable(self.tables.run_logs.get_parts(&key))? {
            Some(None) => return Ok(None),
            bytes => bytes.flatten().and_then(|bytes| run_logs::decode(&bytes).ok()),
        };
        if stored.is_none() {
            self.unreadable.add("run_logs", &key, format!("what was logged of run {run}"));
        }
        Ok(stored.filter(|(stored, _)| *stored == run).map(|(_, log)| log))
    }

    /// The id of the oldest run whose verdicts the ring has room for, when the next run has this id.
    pub fn oldest_run_with_verdicts(&self, next: RunId) -> RunId {
        next.earlier(self.settings.verdict_runs.into())
    }

    /// Hands over what each stored verdict of a run comes to, without its rows. A sensor may be handed over twice. Chunks
    /// that are not stored any more, or cannot be read, are left out.
    pub fn verdict_summaries(
        &self,
        run: &Run,
        each: &mut dyn FnMut(SensorId, OutcomeSummary),
    ) -> Result<(), StoreError> {
        let slot = run_slot(run.id, self.settings.verdict_runs);
        let scan = self.tables.verdicts.scan_parts(&slot.to_be_bytes(), &mut |key, bytes| {
            let Some(chunk) = ChunkId::of_key(key) else { return };
            if verdicts::summaries(run.id, chunk, bytes, each).is_err() {
                self.unreadable.add("verdicts", key, format!("verdicts of run {} (chunk {chunk})", run.id));
            }
        });
        if readable(scan)?.is_none() {
            for chunk in ChunkId::of_scope(&run.scope) {
                for Verdict { sensor, outcome } in self.verdicts(run.id, chunk)? {
                    each(sensor, outcome.summary());
                }
            }
        }
        Ok(())
    }

    /// The first run that a sink has not taken; `None` before it took any, or when that cannot be read.
    pub fn cursor(&self, sink: &str) -> Result<Option<RunId>, StoreError> {
        let key = cursor_key(sink);
        let bytes = match readable(self.tables.progress.get(&key))? {
            Some(None) => return Ok(None),
            bytes => bytes.flatten().and_then(|bytes| bytes.try_into().ok()),
        };
        if bytes.is_none() {
            let cost = format!("which runs the sink {sink} has taken, which are all published again");
            self.unreadable.add("progress", &key, cost);
        }
        Ok(bytes.map(|id| RunId(u64::from_be_bytes(id))))
    }
}
