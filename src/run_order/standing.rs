//! The verdicts that stand: of each window and sensor that of the last run that says something of it.

use std::collections::{BTreeMap, BTreeSet};

use crate::interval::Window;
use crate::run::{Run, RunId, RunState};
use crate::run_order::GroupWindow;
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
    /// Looks through the ledger for runs of these windows that are made of intervals of the same length: others cannot be
    /// compared interval by interval.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn find(reader: &Reader, windows: &[GroupWindow]) -> Result<Self, StoreError> {
        let next = reader.next_run()?;
        let oldest = reader.oldest_run_with_verdicts(next);
        let wanted: BTreeSet<_> =
            windows.iter().map(|GroupWindow { window, interval, .. }| (*window, *interval)).collect();
        let mut runs: BTreeMap<Window, Vec<RunId>> = BTreeMap::new();
        for id in (oldest.0..next.0).rev().map(RunId) {
            let Some(Run { window, interval, state: RunState::Finished(_), .. }) = reader.run(id)? else { continue };
            if wanted.contains(&(window, interval)) {
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
