//! Writing to the store.

use std::collections::BTreeSet;
use std::time::Instant;

use crossbeam_channel::Receiver;

use crate::codec::Encoder;
use crate::condition::SensorConditions;
use crate::reading::{Reading, RejectId, Rejects};
use crate::run::{Run, RunId, RunLog};
use crate::run_order::OrderId;
use crate::sensor::{SensorId, SensorName};
use crate::store::db::Db;
use crate::store::held::encode_readings;
use crate::store::journal::{Journal, Record, RecordNumber, RecordRef};
use crate::store::keeper::{Covered, Handover, Keeper};
use crate::store::keys::{
    CONDITIONS_KEY, KEPT_PER_INTERVAL_KEY, LATENESS_KEY, NEXT_ORDER_KEY, NEXT_RUN_KEY, NUMBERS_KEY, SUBSCRIPTIONS_KEY,
    cursor_key, progress_key, run_slot, window_key,
};
use crate::store::reader::readable;
use crate::store::rejects::{self, RejectRing};
use crate::store::room::Room;
use crate::store::{
    Backlog, ChunkId, Committed, JournalExtent, KeeperProgress, Progress, StoreError, StoreSettings, Tables, Ticket,
    checksum, conditions, run_logs, runs, verdicts,
};
use crate::telemetry::metrics;
use crate::time::{Span, Timestamp};
use crate::verdict::Verdict;
use crate::window::{ClosedWindow, SensorHead};

/// Writes to the store.
///
/// A write is noted in memory first. [`commit`](Self::commit) makes what must be durable so, and hands the rest to the
/// keeper, which stores it behind the promises (`keeper.rs`).
#[derive(Debug)]
pub struct Writer {
    db: Db,
    pub(super) journal: Journal,
    rejects: RejectRing,
    settings: StoreSettings,
    /// How many numbers were given to sensors.
    numbers: u32,
    /// The time before which the database once held all windows, as the journal has it.
    must_be_closed: Timestamp,
    keeper: Keeper,
    /// What the next commit hands to the keeper.
    behind: Handover,
    covered: Covered,
    /// What the keeper has settled, as far as the journal was told.
    settled: Option<Covered>,
    /// Whether the keeper has a segment of the journal whose readings it puts into the raw history.
    is_keeping_raw: bool,
    room: Room,
    /// Why a record could not be appended.
    refused: Option<StoreError>,
}

/// What the open windows are made of, as the journal has it.
#[derive(Clone, PartialEq, Debug)]
pub enum WindowRecord {
    /// Readings that were accepted, in their order.
    Readings(Vec<Reading>),
    /// Every window that ends at this time or before was closed for all sensors.
    Closed(Timestamp),
}

/// What happens to the chunks that are stored in a run's slot of the ring when the run begins.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StoredChunks {
    /// None of them is of this run. They stay until they are overwritten: each names its run.
    OfEarlierRuns,
    /// The run was cut off: these chunks of it count, and all others are removed.
    Keep(BTreeSet<ChunkId>),
}

impl Writer {
    pub(super) fn new(
        db: Db,
        tables: Tables,
        journal: Journal,
        rejects: RejectRing,
        settings: StoreSettings,
        numbers: u32,
        must_be_closed: Timestamp,
    ) -> Result<Self, StoreError> {
        let room = Room::of(&settings);
        let closed = readable(tables.progress.get(&progress_key(&Progress::Closed)))?.flatten();
        let closed = closed.and_then(|closed| closed.try_into().ok()).map(i64::from_be_bytes);
        let closed = closed.map_or(Timestamp::MIN, Timestamp::from_nanos);
        let covered = Covered { through: journal.last_committed().0, closed };
        let keeper = Keeper::start(db.clone(), tables, &settings, covered)?;
        Ok(Self {
            db,
            journal,
            rejects,
            settings,
            numbers,
            must_be_closed,
            keeper,
            behind: Handover::default(),
            covered,
            settled: None,
            is_keeping_raw: false,
            room,
            refused: None,
        })
    }

    pub(super) fn take_signals(&self) {
        self.db.take_signals();
    }

    /// Hands every record of which windows are made to `each`, in order. To be called once, before anything is written.
    /// Readings of numbers that no sensor has are dropped, and counted as lost.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn replay_journal(&mut self, mut each: impl FnMut(WindowRecord)) -> Result<(), StoreError> {
        let numbers = self.numbers;
        let mut nameless = 0;
        let undecoded = self.journal.replay_windows(|_, record| match record {
            Record::Readings(mut readings) => {
                let before = readings.len();
                readings.retain(|reading| reading.sensor.0 < numbers);
                nameless += before - readings.len();
                each(WindowRecord::Readings(readings));
            }
            Record::Closed(until) => each(WindowRecord::Closed(until)),
            _ => {}
        })?;
        metrics::JOURNAL_RECORDS_LOST.add(undecoded);
        if undecoded > 0 {
            tracing::error!(undecoded, "records of the journal cannot be read, and what they held is lost");
        }
        if nameless > 0 {
            tracing::error!(nameless, "readings in the journal are of sensors without a name, and are lost");
        }
        Ok(())
    }

    /// The time before which windows were closed for all sensors, also if the database has lost that.
    pub fn must_be_closed(&self) -> Timestamp {
        self.must_be_closed
    }

    /// Appends a record to the journal, in memory. The next commit tells of a failure.
    fn append(&mut self, record: &RecordRef<'_>) {
        if let Err(problem) = self.journal.append(record) {
            self.refused.get_or_insert(problem);
        }
    }

    /// Writes down the names behind new sensor numbers.
    pub fn add_sensors(&mut self, sensors: &[(SensorId, SensorName)]) {
        if sensors.is_empty() {
            return;
        }
        self.append(&RecordRef::Sensors(sensors));
        for (id, name) in sensors {
            self.behind.put_name(&id.0.to_be_bytes(), sensor_row(name));
        }
        let numbers = sensors.iter().map(|(id, _)| id.0.saturating_add(1)).max().unwrap_or(0);
        if numbers > self.numbers {
            self.numbers = numbers;
            self.behind.put(|tables| &tables.progress, NUMBERS_KEY, numbers.to_be_bytes().to_vec());
        }
    }

    /// Appends accepted readings to the journal.
    pub fn append_readings(&mut self, readings: &[Reading]) {
        if !readings.is_empty() {
            self.append(&RecordRef::Readings(readings));
        }
    }

    /// Stores readings that wait for the clock, at most a thousand, in the place of those stored under the same number.
    pub fn put_held(&mut self, number: u64, readings: &[Reading]) {
        self.append(&RecordRef::HeldPut { number, readings });
        self.behind.put(|tables| &tables.held, &number.to_be_bytes(), encode_readings(readings));
    }

    /// Forgets readings that waited for the clock. Those of them that count must be appended to the journal before.
    pub fn remove_held(&mut self, number: u64) {
        self.append(&RecordRef::HeldRemoved { number });
        self.behind.remove(|tables| &tables.held, &number.to_be_bytes());
    }

    /// Appends to the journal that the windows before `until` are closed for all sensors: it decides which later readings
    /// are late.
    pub fn close(&mut self, until: Timestamp) {
        self.append(&RecordRef::Closed(until));
    }

    /// Notes that the windows before `until` were put for all sensors, so that the journal may free the segments with
    /// their readings.
    pub fn windows_put(&mut self, until: Timestamp) {
        self.put_progress(&Progress::Closed, until);
        self.covered.closed = until;
    }

    /// Stores a window that is over for one sensor, in the place of its oldest one.
    pub fn put_window(&mut self, closed: &ClosedWindow) {
        let SensorHead { sensor, closed: until, last_value } = closed.head;
        let key = window_key(sensor, closed.window, self.settings.windows);
        self.behind.put_parts(|tables| &tables.windows, &key, checksum::around(&key, closed.block.as_bytes()));
        let mut encoder = Encoder::default();
        encoder.signed(until.nanos());
        encoder.float(last_value);
        self.behind.put(|tables| &tables.heads, &sensor.0.to_be_bytes(), encoder.into_bytes());
    }

    /// Writes a run into the ledger, in the place of the oldest one.
    pub fn put_run(&mut self, run: &Run) {
        let slot = run_slot(run.id, self.settings.runs);
        self.behind.put_parts(|tables| &tables.runs, &slot.to_be_bytes(), runs::encode(run));
    }

    /// Writes into the ledger that a run begins, and removes the chunks that an earlier process stored of it and that
    /// do not count. The id and the removals come first, so that a power cut leaves no run whose id is given again, and no
    /// chunk of an earlier scope or of other settings under the new entry.
    pub fn begin_run(&mut self, run: &Run, stored: &StoredChunks) {
        self.behind.put(|tables| &tables.progress, NEXT_RUN_KEY, run.id.next().0.to_be_bytes().to_vec());
        if let StoredChunks::Keep(kept) = stored {
            let slot = run_slot(run.id, self.settings.verdict_runs);
            let kept = kept.iter().map(|chunk| chunk.key(slot).to_vec()).collect();
            self.behind.remove_others(|tables| &tables.verdicts, &slot.to_be_bytes(), kept);
        }
        self.put_run(run);
    }

    /// Stores what was logged of a run, in the place of the oldest log.
    pub fn put_run_log(&mut self, run: RunId, log: &RunLog) {
        let slot = run_slot(run, self.settings.verdict_runs);
        self.behind.put_parts(|tables| &tables.run_logs, &slot.to_be_bytes(), run_logs::encode(run, log));
    }

    /// Stores all verdicts of one chunk of a run, in the order of their sensors.
    pub fn put_verdicts(&mut self, run: RunId, chunk: ChunkId, verdicts: &[Verdict]) {
        let key = chunk.key(run_slot(run, self.settings.verdict_runs));
        let rows = self.settings.verdict_rows;
        self.behind.put_parts(|tables| &tables.verdicts, &key, verdicts::encode(run, chunk, verdicts, rows));
    }

    /// Stores the conditions of sensors, in the place of those before.
    pub fn put_conditions(&mut self, changed: &[(SensorId, SensorConditions)]) {
        for (sensor, of_sensor) in changed {
            let key = sensor.0.to_be_bytes();
            self.behind.put(|tables| &tables.conditions, &key, conditions::encode(of_sensor));
        }
    }

    /// Notes the time before which windows were looked at for conditions. To be called behind what came of these.
    pub fn put_conditions_until(&mut self, until: Timestamp) {
        self.behind.put(|tables| &tables.progress, CONDITIONS_KEY, until.nanos().to_be_bytes().to_vec());
    }

    /// Notes that this id was given to an order, so that no other gets it.
    pub fn put_order(&mut self, id: OrderId) {
        let next = id.0.saturating_add(1).to_be_bytes();
        self.append(&RecordRef::Progress { key: NEXT_ORDER_KEY, value: &next });
        self.behind.put(|tables| &tables.progress, NEXT_ORDER_KEY, next.to_vec());
    }

    /// Notes the first run that a sink has not taken.
    pub fn put_cursor(&mut self, sink: &str, next: RunId) {
        self.behind.put(|tables| &tables.progress, &cursor_key(sink), next.0.to_be_bytes().to_vec());
    }

    /// Keeps rejects, in the place of the oldest rejects. Returns the number of their block; `None` when none is kept whole.
    pub fn put_rejects(&mut self, rejects: &Rejects) -> Option<u64> {
        if rejects.kept().is_empty() {
            return None;
        }
        let (number, block) = self.rejects.block(rejects);
        self.append(&RecordRef::Rejects { number, block: &block });
        let key = rejects::block_key(number, self.settings.reject_blocks);
        self.behind.put_parts(|tables| &tables.rejects, &key, block);
        Some(number)
    }

    /// Notes that a reject was replayed, if it is still kept.
    pub fn put_replayed(&mut self, id: RejectId) {
        if let Some((key, value)) = self.rejects.note_replayed(id) {
            self.append(&RecordRef::Progress { key: &key, value: &value });
            self.behind.put(|tables| &tables.progress, &key, value);
        }
    }

    /// Remembers an MQTT session, and that it was used.
    pub fn put_session(&mut self, client: &str, used: Timestamp) {
        self.append(&RecordRef::SessionPut { client, used });
        self.behind.put(|tables| &tables.sessions, client.as_bytes(), used.nanos().to_be_bytes().to_vec());
    }

    /// Forgets an MQTT session.
    pub fn remove_session(&mut self, client: &str) {
        self.append(&RecordRef::SessionRemoved { client });
        self.behind.remove(|tables| &tables.sessions, client.as_bytes());
    }

    /// Notes the topic filters that a broker holds for us, in the place of those noted before.
    pub fn put_subscriptions(&mut self, filters: &[String]) {
        let mut encoder = Encoder::default();
        for filter in filters {
            encoder.blob(filter.as_bytes());
        }
        let filters = encoder.into_bytes();
        self.append(&RecordRef::Progress { key: SUBSCRIPTIONS_KEY, value: &filters });
        self.behind.put_parts(|tables| &tables.progress, SUBSCRIPTIONS_KEY, filters);
    }

    /// Notes how far something is done.
    pub fn put_progress(&mut self, progress: &Progress, until: Timestamp) {
        let value = until.nanos().to_be_bytes().to_vec();
        self.behind.put(|tables| &tables.progress, &progress_key(progress), value);
    }

    /// Notes the largest lateness under which readings in the journal were accepted.
    pub fn put_lateness(&mut self, lateness: Span) {
        self.put_bound(LATENESS_KEY, lateness.nanos().to_be_bytes());
    }

    /// Notes the most readings that an interval kept whole when the readings in the journal were accepted.
    pub fn put_kept_per_interval(&mut self, kept: usize) {
        self.put_bound(KEPT_PER_INTERVAL_KEY, (kept as u64).to_be_bytes());
    }

    fn put_bound(&mut self, key: &[u8], bound: [u8; 8]) {
        self.append(&RecordRef::Progress { key, value: &bound });
        self.behind.put(|tables| &tables.progress, key, bound.to_vec());
    }

    /// Makes what was written to the journal so far durable, and hands the rest to the keeper.
    ///
    /// # Errors
    /// When the disk or the database refuses, also earlier, behind a promise. It is then in doubt whether the writes since
    /// the last commit are on the disk, and the process should end: after a failed sync the operating system may have
    /// dropped the bytes.
    pub fn commit(&mut self) -> Result<Committed, StoreError> {
        if let Some(refused) = self.refused.take() {
            return Err(refused);
        }
        let syncs = self.journal.syncs();
        let committed = self.journal.commit();
        if let Err(StoreError::DiskFull { .. }) = &committed {
            self.room.note_full();
        }
        self.covered.through = committed?.0;
        self.room.note_room();
        self.db.check_presence()?;
        self.keeper.hand_over(std::mem::take(&mut self.behind), self.covered)?;
        metrics::JOURNAL_SYNCS.add(self.journal.syncs() - syncs);
        metrics::JOURNAL_RECORDS.set(self.journal.records());
        metrics::JOURNAL_BYTES.set(self.journal.bytes());
        Ok(Committed(()))
    }

    /// Has what the next commit hands to the keeper settled as soon as it is stored.
    pub fn settle_soon(&mut self) {
        self.behind.settle_soon();
    }

    /// The ticket under which the last commit handed over what is stored behind the promises.
    pub fn handed_over(&self) -> Ticket {
        self.keeper.last()
    }

    /// How far the keeper is. The journal learns what is settled, and frees the segments that are needed no more.
    ///
    /// # Errors
    /// When the keeper has failed. The process should end.
    pub fn kept(&mut self) -> Result<KeeperProgress, StoreError> {
        let (kept, settled) = self.keeper.kept()?;
        if let Some(Covered { through, closed }) = settled.filter(|_| settled != self.settled) {
            self.settled = settled;
            self.journal.settled(RecordNumber(through), closed)?;
        }
        self.free_segments()?;
        Ok(kept)
    }

    /// Frees the segments of the journal that are needed no more. Where raw readings are kept, those of a segment go to the
    /// history first: the keeper's thread has one segment at a time for that.
    fn free_segments(&mut self) -> Result<(), StoreError> {
        if self.db.pins().is_pinned() {
            return Ok(());
        }
        for segment in self.keeper.take_kept_raw() {
            self.is_keeping_raw = false;
            self.journal.free(&segment)?;
        }
        while !self.is_keeping_raw
            && let Some(segment) = self.journal.freeable()
        {
            if self.settings.keep_raw.is_some() {
                self.is_keeping_raw = true;
                self.keeper.keep_raw(segment)?;
            } else {
                self.journal.free(&segment)?;
            }
        }
        Ok(())
    }

    /// Holds a message when the keeper has got further, or has failed.
    pub fn news(&self) -> Receiver<()> {
        self.keeper.news()
    }

    /// How much waits for the keeper.
    pub fn backlog(&self) -> Backlog {
        self.keeper.backlog()
    }

    /// Waits until everything that was committed is settled.
    ///
    /// # Errors
    /// When the keeper has failed.
    pub fn settle(&mut self) -> Result<(), StoreError> {
        self.keeper.wait()
    }

    /// Ends the keeper: what was handed over is settled. What is not stored at `leave_at` is left to the journal.
    ///
    /// # Errors
    /// When the keeper has failed.
    pub fn stop(&mut self, leave_at: Instant) -> Result<(), StoreError> {
        self.keeper.stop(leave_at)?;
        Ok(())
    }

    /// The files of the journal, with what of them is committed.
    pub fn journal_extents(&self) -> Vec<JournalExtent> {
        let extents = self.journal.extents().into_iter();
        extents.map(|(path, committed_bytes)| JournalExtent { path, committed_bytes }).collect()
    }

    /// How many bytes were written to the journal since the start.
    pub fn journal_written_bytes(&self) -> u64 {
        self.journal.written_bytes()
    }
}

/// A sensor's name, as the table has it.
pub(super) fn sensor_row(name: &SensorName) -> Vec<u8> {
    let mut encoder = Encoder::default();
    encoder.blob(name.device().as_bytes());
    encoder.blob(name.sensor().as_bytes());
    encoder.into_bytes()
}
