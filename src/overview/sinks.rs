//! Where verdicts leave to, and how far behind each sink is.

use super::Overview;
use crate::answers::{Sink, SinkState};
use crate::run::{RunId, RunState};
use crate::store::StoreError;

/// How many runs that a sink has not taken are looked at one by one; beyond them, ids are counted.
const COUNTED_RUNS: u64 = 1_000;

impl Overview {
    /// Each sink, when the next run has the id `next`.
    pub(super) fn sinks(&self, next: RunId) -> Result<Vec<Sink>, StoreError> {
        self.surroundings.sinks.iter().map(|name| self.sink(name, next)).collect()
    }

    fn sink(&self, name: &str, next: RunId) -> Result<Sink, StoreError> {
        let oldest = self.reader.oldest_run(next);
        let cursor = self.reader.cursor(name)?.unwrap_or(oldest).max(oldest);
        let counted_from = cursor.max(next.earlier(COUNTED_RUNS));
        let mut runs_behind = counted_from.0 - cursor.0;
        for id in counted_from.0..next.0 {
            runs_behind += u64::from(self.is_finished(RunId(id))?);
        }
        let mut taken = (oldest.0..cursor.0).rev().take(2).map(RunId);
        let taken_until = taken.find_map(|id| self.reader.run(id).transpose()).transpose()?;
        Ok(Sink {
            name: name.to_owned(),
            state: if runs_behind == 0 { SinkState::UpToDate } else { SinkState::Behind },
            runs_behind,
            taken_until: taken_until.map(|run| run.window.end()),
        })
    }

    fn is_finished(&self, id: RunId) -> Result<bool, StoreError> {
        Ok(self.reader.run(id)?.is_some_and(|run| matches!(run.state, RunState::Finished(_))))
    }
}
