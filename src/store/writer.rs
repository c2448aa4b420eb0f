//! Writing to the store.

use std::collections::BTreeSet;

use crate::codec::Encoder;
use crate::reading::{Reading, Rejects};
use crate::run::{Run, RunId};
use crate::sensor::{SensorId, SensorName};
use crate::store::db::Db;
use crate::store::journal::{Journal, encode_readings};
use crate::store::keys::{
    KEPT_PER_INTERVAL_KEY, LATENESS_KEY, NEXT_RUN_KEY, NUMBERS_KEY, SUBSCRIPTIONS_KEY, cursor_key, progress_key,
    run_slot, window_key,
};
use crate::store::rejects::RejectRing;
use crate::store::{ChunkId, Committed, Progress, Record, StoreError, StoreSettings, Tables, runs, verdicts};
use crate::time::{Span, Timestamp};
use crate::verdict::Verdict;
use crate::window::{ClosedWindow, SensorHead};

/// Writes to the store.
///
/// Every write fails when the database refuses; where one fails for another reason too, its own doc says so.
#[derive(Debug)]
pub struct Writer {
    db: Db,
    tables: Tables,
    journal: Journal,
    rejects: RejectRing,
    settings: StoreSettings,
    /// How many numbers were given to sensors.
    numbers: u32,
    /// The time before which windows are closed for all sensors. At the next commit the journal forgets up to it.
    closed: Option<Timestamp>,
    written: Written,
}

/// What happens to the chunks that are stored in a run's slot of the ring when the run begins.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StoredChunks {
    /// None of them is of this run. They stay until they are overwritten: each names its run.
    OfEarlierRuns,
    /// The run was cut off: these chunks of it count, and all others are removed.
    Keep(BTreeSet<ChunkId>),
}

/// Whether anything was written since the last commit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Written {
    Nothing,
    Something,
}

impl Writer {
    pub(super) fn new(
        db: Db,
        tables: Tables,
        journal: Journal,
        rejects: RejectRing,
        settings: StoreSettings,
        numbers: u32,
    ) -> Self {
        // The entries that opening the store wrote are not durable yet.
        Self { db, tables, journal, rejects, settings, numbers, closed: None, written: Written::Something }
    }

    pub(super) fn take_signals(&self) {
        self.db.take_signals();
    }

    /// Hands every record of the journal to `each`, in order. To be called once, before anything is written.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn replay_journal(&mut self, each: impl FnMut(Record)) -> Result<(), StoreError> {
        self.journal.replay(self.numbers, each)
    }

    /// Writes down the names behind new sensor numbers.
    pub fn add_sensors(&mut self, sensors: &[(SensorId, SensorName)]) -> Result<(), StoreError> {
        for (id, name) in sensors {
            self.written = Written::Something;
            let mut encoder = Encoder::default();
            encoder.blob(name.device().as_bytes());
            encoder.blob(name.sensor().as_bytes());
            self.tables.sensors.put(&id.0.to_be_bytes(), &encoder.into_bytes())?;
        }
        let numbers = sensors.iter().map(|(id, _)| id.0.saturating_add(1)).max().unwrap_or(0);
        if numbers > self.numbers {
            self.numbers = numbers;
            self.tables.progress.put(NUMBERS_KEY, &numbers.to_be_bytes())?;
        }
        Ok(())
    }

    /// Appends accepted readings to the journal.
    pub fn append_readings(&mut self, readings: &[Reading]) -> Result<(), StoreError> {
        if readings.is_empty() {
            return Ok(());
        }
        self.written = Written::Something;
        self.journal.append_readings(readings)
    }

    /// Stores readings that wait for the clock, at most a thousand, in the place of those stored under the same number.
    pub fn put_held(&mut self, number: u64, readings: &[Reading]) -> Result<(), StoreError> {
        self.written = Written::Something;
        self.tables.held.put(&number.to_be_bytes(), &encode_readings(readings))
    }

    /// Forgets readings that waited for the clock. Those of them that count must be appended to the journal before.
    pub fn remove_held(&mut self, number: u64) -> Result<(), StoreError> {
        self.written = Written::Something;
        self.tables.held.remove(&number.to_be_bytes())
    }

    /// Notes that the windows before `until` are closed for all sensors: in the journal, because it decides which later
    /// readings are late, and as a progress. The windows themselves must be put before the next commit.
    pub fn close(&mut self, until: Timestamp) -> Result<(), StoreError> {
        self.written = Written::Something;
        self.journal.append_closed(until)?;
        self.closed = Some(until);
        Ok(())
    }

    /// Stores a window that is over for one sensor, in the place of its oldest one.
    pub fn put_window(&mut self, closed: &ClosedWindow) -> Result<(), StoreError> {
        self.written = Written::Something;
        let SensorHead { sensor, closed: until, last_value } = closed.head;
        let key = window_key(sensor, closed.window, self.settings.windows);
        self.tables.windows.put_parts(&key, closed.block.as_bytes())?;
        let mut encoder = Encoder::default();
        encoder.signed(until.nanos());
        encoder.float(last_value);
        self.tables.heads.put(&sensor.0.to_be_bytes(), &encoder.into_bytes())
    }

    /// Writes a run into the ledger, in the place of the oldest one.
    pub fn put_run(&mut self, run: &Run) -> Result<(), StoreError> {
        self.written = Written::Something;
        let slot = run_slot(run.id, self.settings.runs);
        self.tables.runs.put_parts(&slot.to_be_bytes(), &runs::encode(run))
    }

    /// Writes into the ledger that a run begins, and removes the chunks that an earlier process stored of it and that
    /// do not count. Both take effect with the next commit. The id and the removals come first, so that a commit that is
    /// cut short leaves no run whose id is given again, and no chunk of an earlier scope or of other settings under the
    /// new entry.
    pub fn begin_run(&mut self, run: &Run, stored: &StoredChunks) -> Result<(), StoreError> {
        self.written = Written::Something;
        self.tables.progress.put(NEXT_RUN_KEY, &run.id.next().0.to_be_bytes())?;
        if let StoredChunks::Keep(kept) = stored {
            let slot = run_slot(run.id, self.settings.verdict_runs);
            for key in self.tables.verdicts.keys(&slot.to_be_bytes()) {
                let key = key?;
                if ChunkId::of_key(&key).is_none_or(|chunk| !kept.contains(&chunk)) {
                    self.tables.verdicts.remove(&key)?;
                }
            }
        }
        self.put_run(run)
    }

    /// Stores all verdicts of one chunk of a run, in the order of their sensors.
    pub fn put_verdicts(&mut self, run: RunId, chunk: ChunkId, verdicts: &[Verdict]) -> Result<(), StoreError> {
        self.written = Written::Something;
        let key = chunk.key(run_slot(run, self.settings.verdict_runs));
        self.tables.verdicts.put_parts(&key, &verdicts::encode(run, chunk, verdicts, self.settings.verdict_rows))
    }

    /// Notes the first run that a sink has not taken.
    pub fn put_cursor(&mut self, sink: &str, next: RunId) -> Result<(), StoreError> {
        self.written = Written::Something;
        self.tables.progress.put(&cursor_key(sink), &next.0.to_be_bytes())
    }

    /// Keeps rejects, in the place of the oldest rejects.
    pub fn put_rejects(&mut self, rejects: &Rejects) -> Result<(), StoreError> {
        if rejects.kept().is_empty() {
            return Ok(());
        }
        self.written = Written::Something;
        self.rejects.append(rejects)
    }

    /// Remembers an MQTT session, and that it was used.
    pub fn put_session(&mut self, client: &str, used: Timestamp) -> Result<(), StoreError> {
        self.written = Written::Something;
        self.tables.sessions.put(client.as_bytes(), &used.nanos().to_be_bytes())
    }

    /// Forgets an MQTT session.
    pub fn remove_session(&mut self, client: &str) -> Result<(), StoreError> {
        self.written = Written::Something;
        self.tables.sessions.remove(client.as_bytes())
    }

    /// Notes the topic filters that a broker holds for us, in the place of those noted before.
    pub fn put_subscriptions(&mut self, filters: &[String]) -> Result<(), StoreError> {
        self.written = Written::Something;
        let mut encoder = Encoder::default();
        for filter in filters {
            encoder.blob(filter.as_bytes());
        }
        self.tables.progress.put_parts(SUBSCRIPTIONS_KEY, &encoder.into_bytes())
    }

    /// Notes how far something is done.
    pub fn put_progress(&mut self, progress: Progress, until: Timestamp) -> Result<(), StoreError> {
        self.written = Written::Something;
        self.tables.progress.put(progress_key(progress), &until.nanos().to_be_bytes())
    }

    /// Notes the largest lateness under which readings in the journal were accepted.
    pub fn put_lateness(&mut self, lateness: Span) -> Result<(), StoreError> {
        self.written = Written::Something;
        self.tables.progress.put(LATENESS_KEY, &lateness.nanos().to_be_bytes())
    }

    /// Notes the most readings that an interval kept whole when the readings in the journal were accepted.
    pub fn put_kept_per_interval(&mut self, kept: usize) -> Result<(), StoreError> {
        self.written = Written::Something;
        self.tables.progress.put(KEPT_PER_INTERVAL_KEY, &(kept as u64).to_be_bytes())
    }

    /// Makes everything written so far durable.
    ///
    /// # Errors
    /// When the disk or the database refuses. It is then in doubt whether the writes since the last commit are on the
    /// disk, and the process should end: after a failed sync the operating system may have dropped the bytes.
    pub fn commit(&mut self) -> Result<Committed, StoreError> {
        if let Some(until) = self.closed {
            self.put_progress(Progress::Closed, until)?;
        }
        if self.written == Written::Something {
            self.db.sync()?;
            self.written = Written::Nothing;
        }
        // Only now are the windows durable whose readings the front of the journal holds, so that it can be forgotten.
        if let Some(until) = self.closed.take() {
            self.journal.forget_before(until)?;
            self.written = Written::Something;
        }
        Ok(Committed(()))
    }

    /// How many records the journal holds.
    pub fn journal_records(&self) -> usize {
        self.journal.len()
    }
}
