//! Makes room before the database is given a portion, in the order that `shedding.rs` decides, and keeps the raw history.
//! It belongs to the keeper's thread.

use crate::reading::Reading;
use crate::run::{RunId, RunState};
use crate::sensor::{NumberedSensor, SensorId};
use crate::store::disk_space::{bytes_on_disk, free_bytes, is_full};
use crate::store::history::{History, HistorySettings};
use crate::store::journal::FreeableSegment;
use crate::store::keys::{CURSOR_PREFIX, run_slot};
use crate::store::reader::{decode_sensor, readable};
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

    /// Keeps the readings of a segment of the journal: they survive a power cut then.
    pub(super) fn keep(&mut self, segment: &FreeableSegment) -> Result<(), StoreError> {
        segment.readings(|readings| self.take(readings))?;
        self.sync()
    }

    fn take(&mut self, readings: &[Reading]) -> Result<(), StoreError> {
        let sensors = &self.reader.tables.sensors;
        let name_of = |sensor: SensorId| {
            let stored = sensors.get(&sensor.0.to_be_bytes()).ok()??;
            match decode_sensor(&stored) {
                Ok(NumberedSensor::Named(name)) => Some(name),
                Ok(NumberedSensor::Freed | NumberedSensor::Unreadable) | Err(_) => None,
            }
        };
        match self.history.take(readings, name_of) {
            Err(StoreError::Sync(problem)) if is_full(&problem) => self.sync(),
            taken => taken,
        }
    }

    /// Syncs what was taken. On a full disk older days go, and then what was taken itself: raw readings are the first to be
    /// given up.
    fn sync(&mut self) -> Result<(), StoreError> {
        loop {
            match self.history.sync() {
                Err(StoreError::Sync(problem)) if is_full(&problem) => {
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
            Err(StoreError::Sync(problem)) if is_full(&problem) => Ok(false),
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
            free_bytes: free_bytes(directory).map_err(StoreError::Sync)?,
            store_bytes: bytes_on_disk(directory),
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;
    use crate::interval::{Cut, Window};
    use crate::run::{Run, Tally};
    use crate::sensor::SensorName;
    use crate::store::{ChunkId, ShedSettings, Store, StoreSettings, StoredChunks, WindowRecord};
    use crate::time::Span;
    use crate::verdict::{Outcome, Verdict, VerdictRows};

    const DAY: i64 = 86_400_000_000_000;
    const ALWAYS_TOO_LARGE: ShedSettings = ShedSettings { max_bytes: 0, reserve_bytes: 0 };

    fn settings(directory: &Path, shed: ShedSettings) -> StoreSettings {
        StoreSettings {
            directory: directory.to_owned(),
            windows: 4,
            runs: 16,
            verdict_runs: 16,
            keep_raw: Some(Span::MAX),
            shed,
            verdict_rows: VerdictRows::Worst,
            reject_blocks: 3,
            cache_bytes: 1 << 20,
            cut: cut(),
        }
    }

    fn cut() -> Cut {
        Cut::new(Span::from_secs(60), Span::from_secs(3600)).unwrap()
    }

    fn window(index: i64) -> Window {
        cut().window_of(Timestamp::default() + Span::from_secs(3600).times(index))
    }

    /// A store with runs 0 to 4, of which a sink has taken those before 3; run 1 is not over, and run 4 is the last.
    fn store(directory: &Path) -> Store {
        // The store itself sheds nothing here.
        let mut store = Store::open(settings(directory, ShedSettings::NEVER)).unwrap();
        store.writer.replay_journal(|_| {}).unwrap();
        store.writer.add_sensors(&[(SensorId(1), SensorName::new("press", "flow").unwrap())]);
        for id in 0..5 {
            let state = if id == 1 { RunState::Started } else { RunState::Finished(Tally::default()) };
            let window = window(i64::try_from(id).unwrap());
            let run = Run { state, ..Run::for_test(id, window) };
            store.writer.begin_run(&run, &StoredChunks::OfEarlierRuns);
            for sensor in [3, 40] {
                let verdict = Verdict { sensor: SensorId(sensor), outcome: Outcome::NoData };
                store.writer.put_verdicts(RunId(id), ChunkId::of(verdict.sensor), &[verdict]);
            }
        }
        store.writer.put_cursor("files", RunId(3));
        store.writer.commit().unwrap();
        store.writer.settle().unwrap();
        store
    }

    fn shedder(store: &Store, shed: ShedSettings) -> Shedder {
        let mut reader = store.reader.clone();
        reader.settings.shed = shed;
        Shedder::open(reader).unwrap()
    }

    fn runs_with_verdicts(store: &Store) -> Vec<u64> {
        let has = |id: &u64| !store.reader.verdicts(RunId(*id), ChunkId::of(SensorId(40))).unwrap().is_empty();
        (0..5).filter(has).collect()
    }

    fn keep_days(shedder: &mut Shedder, days: i64) {
        let time = |day: i64| Timestamp::from_nanos(day * DAY);
        let readings: Vec<_> =
            (0..days).map(|day| Reading { sensor: SensorId(1), time: time(day), value: 1.0 }).collect();
        shedder.take(&readings).unwrap();
        shedder.sync().unwrap();
    }

    #[test]
    fn raw_days_go_first_then_the_verdicts_of_the_oldest_runs_that_are_over_and_taken() {
        let directory = tempfile::tempdir().unwrap();
        let store = store(directory.path());
        let mut shedder = shedder(&store, ALWAYS_TOO_LARGE);
        keep_days(&mut shedder, 3);
        assert_eq!((shedder.history.days(), runs_with_verdicts(&store)), (3, vec![0, 1, 2, 3, 4]));
        for left in [vec![1, 2, 3, 4], vec![1, 3, 4], vec![1, 3, 4]] {
            assert!(shedder.make_room().unwrap(), "the disk has room");
            assert_eq!((shedder.history.days(), runs_with_verdicts(&store)), (0, left));
        }
        assert_eq!(store.reader.runs().unwrap().len(), 5, "the ledger is whole");
    }

    #[test]
    fn room_is_made_before_each_portion_that_the_database_is_given() {
        let directory = tempfile::tempdir().unwrap();
        drop(store(directory.path()));
        let mut store = Store::open(settings(directory.path(), ALWAYS_TOO_LARGE)).unwrap();
        store.writer.replay_journal(|_| {}).unwrap();
        for _ in 0..10 {
            // A value in many parts, each of which is far smaller than a portion.
            store.writer.put_subscriptions(&["x".repeat(900_000)]);
        }
        store.writer.commit().unwrap();
        store.writer.settle().unwrap();
        assert_eq!(runs_with_verdicts(&store), [1, 3, 4], "two runs went, for two portions of five");
    }

    #[test]
    fn nothing_is_shed_while_there_is_room() {
        let directory = tempfile::tempdir().unwrap();
        let store = store(directory.path());
        let mut shedder = shedder(&store, ShedSettings { max_bytes: 1 << 40, reserve_bytes: 0 });
        keep_days(&mut shedder, 3);
        assert!(shedder.make_room().unwrap());
        assert_eq!((shedder.history.days(), runs_with_verdicts(&store)), (3, vec![0, 1, 2, 3, 4]));
    }

    #[test]
    fn a_disk_that_stays_full_is_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let store = store(directory.path());
        let mut shedder = shedder(&store, ShedSettings { max_bytes: u64::MAX, reserve_bytes: u64::MAX });
        keep_days(&mut shedder, 2);
        assert!(!shedder.make_room().unwrap());
        assert_eq!((shedder.history.days(), runs_with_verdicts(&store)), (0, vec![0, 1, 2, 3, 4]));
    }

    #[test]
    fn what_the_journal_frees_is_in_the_raw_history_by_then() {
        let directory = tempfile::tempdir().unwrap();
        let mut store = Store::open(settings(directory.path(), ShedSettings::NEVER)).unwrap();
        store.writer.replay_journal(|_| {}).unwrap();
        let mut random = fastrand::Rng::with_seed(1);
        let sensors = [(SensorId(0), "flow"), (SensorId(1), "heat")];
        let sensors = sensors.map(|(id, name)| (id, SensorName::new("press", name).unwrap()));
        store.writer.add_sensors(&sensors);
        let (mut time, mut given) = (0, 0);
        // Some segments of values that do not compress.
        for commit in 1..=600 {
            let mut next = || {
                time += 1_000_000_007;
                Reading { sensor: SensorId(random.u32(0..2)), time: Timestamp::from_nanos(time), value: random.f64() }
            };
            let readings: Vec<_> = (0..1_000).map(|_| next()).collect();
            given += readings.len();
            store.writer.append_readings(&readings);
            if commit % 50 == 0 {
                let closed = Timestamp::from_nanos(time + 1);
                store.writer.close(closed);
                store.writer.windows_put(closed);
            }
            store.writer.commit().unwrap();
            if commit % 50 == 0 {
                // The keeper has one segment at a time for the history, and the next at its news.
                for _ in 0..store.writer.journal_extents().len() {
                    store.writer.settle().unwrap();
                    store.writer.kept().unwrap();
                }
            }
        }
        drop(store);
        let mut store = Store::open(settings(directory.path(), ShedSettings::NEVER)).unwrap();
        let mut journal = Vec::new();
        let each = |record| {
            if let WindowRecord::Readings(readings) = record {
                journal.extend(readings.iter().map(|reading| reading.time));
            }
        };
        store.writer.replay_journal(each).unwrap();
        let history = store.reader.history().readings(Timestamp::MIN, Timestamp::MAX, |_| true).unwrap();
        let history: Vec<_> = history.map(|reading| reading.unwrap().time).collect();
        let all: BTreeSet<_> = journal.iter().chain(&history).copied().collect();
        assert_eq!(all.len(), given, "{} in the journal, {} in the history", journal.len(), history.len());
        assert!(history.len() > given / 3 && journal.len() < given, "{} of {given} are in the history", history.len());
    }
}
