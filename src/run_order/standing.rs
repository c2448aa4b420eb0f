//! The verdicts that stand: of each window and sensor that of the last run that says something of it.

use std::collections::BTreeMap;

use crate::interval::Window;
use crate::run::{Run, RunId, RunState};
use crate::sensor::SensorId;
use crate::store::{ChunkId, Reader, StoreError};
use crate::verdict::Outcome;

/// Knows the runs that have said something of an order's windows before it began.
#[derive(Clone, Debug, Default)]
pub struct StandingVerdicts {
    /// The finished runs of each window, the newest first.
    runs: BTreeMap<Window, Vec<RunId>>,
}

impl StandingVerdicts {
    /// Looks through the ledger for runs of these windows, which are in order.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn find(reader: &Reader, windows: &[Window]) -> Result<Self, StoreError> {
        let next = reader.next_run()?;
        let oldest = reader.oldest_run_with_verdicts(next);
        let mut runs: BTreeMap<Window, Vec<RunId>> = BTreeMap::new();
        for id in (oldest.0..next.0).rev().map(RunId) {
            let Some(Run { window, state: RunState::Finished(_), .. }) = reader.run(id)? else { continue };
            if windows.binary_search(&window).is_ok() {
                runs.entry(window).or_default().push(id);
            }
        }
        Ok(Self { runs })
    }

    /// The outcomes that stand of a chunk of neighbouring sensors.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn of_chunk(
        &self,
        reader: &Reader,
        window: Window,
        chunk: ChunkId,
    ) -> Result<BTreeMap<SensorId, Outcome>, StoreError> {
        let mut standing = BTreeMap::new();
        for run in self.runs.get(&window).into_iter().flatten() {
            for verdict in reader.verdicts(*run, chunk)? {
                standing.entry(verdict.sensor).or_insert(verdict.outcome);
            }
        }
        Ok(standing)
    }
}
