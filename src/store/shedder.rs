//! Makes room before the database is given a portion, in the order that `shedding.rs` decides, and keeps the raw history.
//! It belongs to the keeper's thread.

use std::fs;
use std::io;
use std::path::Path;

use crate::reading::Reading;
use crate::run::{RunId, RunState};
use crate::sensor::{SensorId, SensorName};
use crate::store::history::{History, HistorySettings};
use crate::store::keys::{CURSOR_PREFIX, run_slot};
use crate::store::reader::readable;
use crate::store::room::free_bytes;
use crate::store::{DiskUse, Reader, Relief, StoreError};
use crate::telemetry::metrics;
use crate::time::Timestamp;
use crate::warn_limited;

/// What may be given up, and what was kept that is not in the database.
#[derive(Debug)]
pub(super) struct Shedder {
    reader: Reader,
    history: History,
    /// The runs before this one have no verdicts any more.
    shed_before: RunId,
}

impl Shedder {
    pub(super) fn open(reader: Reader) -> Result<Self, StoreError> {
        let settings = HistorySettings { keep: reader.settings.keep_raw };
        let history = History::open(&reader.settings.directory, settings)?;
        Ok(Self { reader, history, shed_before: RunId::default() })
    }

    /// Makes room for a portion, if there is too little. Whether the portion may be written.
    pub(super) fn make_room(&mut self) -> Result<bool, StoreError> {
        loop {
            let oldest = self.oldest_verdicts_if_needed()?;
            match self.reader.settings.shed.decide(&self.disk_use(oldest)?) {
                Relief::Proceed => return Ok(true),
                Relief::Wait => return Ok(false),
                Relief::ShedHistoryDay => {
                    self.shed_history_day()?;
                }
                Relief::ShedVerdicts => {
                    if let Some(run) = oldest {
                        self.shed_verdicts(run)?;
                    }
                    return Ok(true);
                }
            }
        }
    }

    /// Takes raw readings, each number with the name that it stands for.
    pub(super) fn keep(&mut self, readings: &[Reading], names: &[(SensorId, SensorName)]) -> Result<(), StoreError> {
        let name_of = |sensor: SensorId| {
            let place = names.binary_search_by_key(&sensor, |(id, _)| *id).ok()?;
            Some(names.get(place)?.1.clone())
        };
        match self.history.take(readings, name_of) {
            Err(problem) if is_full(&problem) => self.sync(),
            taken => taken,
        }
    }

    /// Syncs the raw readings that were taken. On a full disk older days go, and then what was taken itself: raw readings
    /// are the first to be given up.
    pub(super) fn sync(&mut self) -> Result<(), StoreError> {
        loop {
            match self.history.sync() {
                Err(problem) if is_full(&problem) => {
                    if !self.shed_history_day()? {
                        warn_limited!("raw readings are not kept, as the disk is full: {problem}");
                        self.history.give_up_unwritten();
                        return Ok(());
                    }
                }
                synced => return synced,
            }
        }
    }

    /// Does a slice of the work on the raw history. Whether there is more to do.
    pub(super) fn tidy(&mut self, closed: Timestamp) -> Result<bool, StoreError> {
        match self.history.tidy(closed) {
            // A day that is over needs room once more to be written anew. It stays as it is until then.
            Err(problem) if is_full(&problem) => Ok(false),
            tidied => tidied,
        }
    }

    /// Whether there was a day to give up.
    fn shed_history_day(&mut self) -> Result<bool, StoreError> {
        let day = self.history.oldest_day().map(|day| day.format("%Y-%m-%d"));
        let freed = self.history.shed_oldest_day()?;
        if let (Some(day), Some(freed)) = (&day, freed) {
            warn_limited!(
                day,
                freed,
                "the raw readings of a day are given up before their time, to make room (store.max_size, store.reserve)"
            );
        }
        Ok(freed.is_some())
    }

    fn disk_use(&self, oldest_verdicts: Option<RunId>) -> Result<DiskUse, StoreError> {
        let directory = &self.reader.settings.directory;
        Ok(DiskUse {
            free_bytes: free_bytes(directory)?,
            store_bytes: bytes_below(directory, 2),
            history_days: self.history.days(),
            verdict_runs: usize::from(oldest_verdicts.is_some()),
        })
    }

    /// The oldest run whose verdicts may be given up. It is looked for only when there is no history to give up first.
    fn oldest_verdicts_if_needed(&mut self) -> Result<Option<RunId>, StoreError> {
        let is_needed = self.history.days() == 0
            && self.reader.settings.shed.decide(&self.disk_use(Some(RunId::default()))?) == Relief::ShedVerdicts;
        if is_needed { self.oldest_verdicts() } else { Ok(None) }
    }

    /// The oldest run that is over, was taken by every sink, and has verdicts. A sink that lags behind by half of the
    /// ring is not waited for: it may not exist any more.
    fn oldest_verdicts(&mut self) -> Result<Option<RunId>, StoreError> {
        let reader = &self.reader;
        let next = reader.next_run()?;
        let mut taken = next;
        for entry in reader.tables.progress.iter() {
            let Some((key, value)) = readable(entry)? else { continue };
            if let (true, Ok(id)) = (key.starts_with(CURSOR_PREFIX), <[u8; 8]>::try_from(&value[..])) {
                taken = taken.min(RunId(u64::from_be_bytes(id)));
            }
        }
        let slots = reader.settings.verdict_runs;
        let until = taken.max(next.earlier(u64::from(slots / 2)));
        let mut run = self.shed_before.max(next.earlier(slots.into()));
        let mut all_are_over = true;
        while run < until {
            let is_over = reader.run(run)?.is_none_or(|run| run.state != RunState::Started);
            let has_verdicts = reader.tables.verdicts.keys(&run_slot(run, slots).to_be_bytes()).next().is_some();
            if is_over && has_verdicts {
                return Ok(Some(run));
            }
            run = run.next();
            all_are_over &= is_over;
            if all_are_over {
                self.shed_before = run;
            }
        }
        Ok(None)
    }

    fn shed_verdicts(&mut self, run: RunId) -> Result<(), StoreError> {
        let verdicts = &self.reader.tables.verdicts;
        for key in verdicts.keys(&run_slot(run, self.reader.settings.verdict_runs).to_be_bytes()) {
            verdicts.remove(&key?)?;
        }
        self.shed_before = run.next();
        metrics::VERDICT_RUNS_SHED.add(1);
        warn_limited!(%run, "the verdicts of a run are given up before their time, to make room (store.max_size, store.reserve)");
        Ok(())
    }
}

/// Whether there was no room.
fn is_full(problem: &StoreError) -> bool {
    use io::ErrorKind::{QuotaExceeded, StorageFull};
    matches!(problem, StoreError::Sync(problem) if matches!(problem.kind(), QuotaExceeded | StorageFull))
}

/// The bytes that the files in a folder take on the disk, and those in its folders, `depth` deep.
fn bytes_below(folder: &Path, depth: usize) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let bytes = entries.filter_map(|entry| {
        let metadata = entry.metadata().ok()?;
        match metadata.is_dir() {
            true if depth > 0 => Some(bytes_below(&entry.path(), depth - 1)),
            true => None,
            false => Some(metadata.blocks() * 512),
        }
    });
    bytes.sum()
}
