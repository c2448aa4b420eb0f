//! Brings a store of an earlier format up to this one.
//!
//! The new store is made in a folder beside the old one and put in its place whole (`rebuild.rs`): a crash at any point
//! leaves the old store or the new one. The old store is kept, set aside, until an operator removes it.
//!
//! Nothing that can be read is lost, with two exceptions: windows, runs and verdicts beyond today's rings go, the oldest
//! first. What cannot be read is counted and left out, as reading the old store did.

mod format_1;

use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::codec::Decoder;
use crate::group::GroupName;
use crate::interval::{Cut, Window};
use crate::run::{Run, RunCourse, RunId, Trigger, models_hash};
use crate::sensor::{NumberedSensor, SensorId, SensorName};
use crate::store::builder::DatabaseBuilder;
use crate::store::contents::{StoredValue, ValueLayout, each_value};
use crate::store::db::{Db, Table};
use crate::store::journal::{Journal, JournalSettings, RecordRef};
use crate::store::keys::{NEXT_RUN_KEY, cursor_key, run_slot, window_key};
use crate::store::reader::{decode_sensor, number_of, readable};
use crate::store::rebuild::{self, Rebuild};
use crate::store::{
    ChunkId, StoreError, StoreSettings, bytes_there, checksum, format, free_bytes, lock, runs, side_file, usable,
    verdicts,
};
use crate::time::Timestamp;
use crate::verdict::{Outcome, VerdictRows};
use crate::window::WindowBlock;

use format_1::OldRecord;

/// The earlier format that is brought up.
pub(super) const EARLIER: u64 = 1;

/// How many records of the journal are committed at once.
const RECORDS_A_COMMIT: usize = 500;

/// What came of an upgrade.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Upgrade {
    /// There is no store.
    NoStore,
    /// The store has this version's format already.
    UpToDate,
    /// The store was brought up.
    Done(Upgraded),
}

/// What a store holds that was brought up.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Upgraded {
    /// Sensors with a name.
    pub sensors: u64,
    /// Windows.
    pub windows: u64,
    /// Runs.
    pub runs: u64,
    /// Records of the journal.
    pub records: u64,
    /// Windows, runs and records that could not be read.
    pub unreadable: u64,
    /// Windows and runs that are older than what is kept by today's settings.
    pub outdated: u64,
    /// Where the old store is now.
    pub old: Option<PathBuf>,
}

impl fmt::Display for Upgraded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sensors, windows, runs, records, unreadable, outdated, old } = self;
        write!(
            f,
            "the store had format {EARLIER} and has format {} now, with {sensors} sensors, {windows} windows, {runs} runs and \
             {records} journal records",
            format::FORMAT
        )?;
        if *outdated > 0 {
            write!(
                f,
                "; {outdated} windows and runs are older than what is kept (store.keep_intervals, store.keep_runs)"
            )?;
        }
        if *unreadable > 0 {
            write!(f, "; {unreadable} entries could not be read")?;
        }
        if let Some(old) = old {
            write!(f, "; the old store is in {}: remove it when it is not wanted any more", old.display())?;
        }
        Ok(())
    }
}

/// Brings the store in a folder up, while no daemon runs.
///
/// # Errors
/// When another process has the store, it cannot be read, it was made with another interval or window or by a later
/// version, or there is no room for the new store.
pub fn upgrade(settings: &StoreSettings) -> Result<Upgrade, StoreError> {
    let directory = &settings.directory;
    usable(directory)?;
    if !Db::exists(directory) && !rebuild::is_pending(directory) {
        return Ok(Upgrade::NoStore);
    }
    let lock = Arc::new(lock::for_writing(directory)?);
    rebuild::complete(directory)?;
    let db = Db::open(directory, settings.cache_bytes, Arc::clone(&lock))?;
    let found = format_of(&db.table("progress")?)?;
    drop(db);
    match found {
        Some(EARLIER) => from_earlier(settings, &lock).map(Upgrade::Done),
        Some(format::FORMAT) | None => Ok(Upgrade::UpToDate),
        Some(found) => Err(StoreError::OtherFormat { directory: directory.clone(), found }),
    }
}

/// The format of a database; `None` when it does not say.
fn format_of(progress: &Table) -> Result<Option<u64>, StoreError> {
    let record = readable(progress.get(format::KEY))?.flatten();
    Ok(record.and_then(|record| Decoder::new(&record).unsigned().ok()))
}

/// How many bytes a new store beside the old one may take.
pub(super) fn needed_bytes(directory: &Path) -> u64 {
    const BASE: u64 = 16 << 20;
    bytes_there(directory).saturating_add(BASE)
}

/// Makes sure that there is room for a new store beside the old one.
pub(super) fn check_room(directory: &Path) -> Result<(), StoreError> {
    let free = free_bytes(directory);
    let free = free.map_err(|problem| StoreError::Directory { directory: directory.to_owned(), problem })?;
    let needed = needed_bytes(directory);
    let refused = |free| Err(StoreError::NoRoomBeside { directory: directory.to_owned(), needed, free });
    fail::fail_point!(&format!("store::room_beside {}", directory.display()), |free| refused(
        free.and_then(|free| free.parse().ok()).unwrap_or(0)
    ));
    if free < needed { refused(free) } else { Ok(()) }
}

/// Brings a store of the earlier format up. The caller holds the lock, and has nothing of the store open.
pub(super) fn from_earlier(settings: &StoreSettings, lock: &Arc<File>) -> Result<Upgraded, StoreError> {
    let directory = &settings.directory;
    check_room(directory)?;
    let old = OldStore::open(settings, lock)?;
    let rebuild = Rebuild::begin(directory)?;
    let folder = rebuild.folder();
    let mut new = NewStore {
        database: DatabaseBuilder::begin(&folder, Arc::clone(lock))?,
        settings,
        upgraded: Upgraded::default(),
        names: HashMap::new(),
    };
    for table in ["heads", "sessions", "held", "rejects"] {
        new.copy(table, &old.db.table(table)?)?;
    }
    new.copy_sensors(&old.db.table("sensors")?)?;
    new.copy_windows(&old)?;
    let run_windows = new.copy_runs(&old)?;
    new.copy_progress(&old.db.table("progress")?, &run_windows)?;
    new.copy_journal(&old.db.table("journal")?, &folder.join("journal"))?;
    let NewStore { database, mut upgraded, .. } = new;
    database.finish()?;
    drop(old);
    side_file::write(&folder.join(format::FILE), &format::record(settings))
        .map_err(|problem| StoreError::Directory { directory: directory.clone(), problem })?;
    upgraded.old = rebuild.finish(&["data", "journal", "format"])?;
    Ok(upgraded)
}

/// A store of the earlier format.
struct OldStore {
    db: Db,
    cut: Cut,
}

impl OldStore {
    fn open(settings: &StoreSettings, lock: &Arc<File>) -> Result<Self, StoreError> {
        let directory = &settings.directory;
        let db = Db::open(directory, settings.cache_bytes, Arc::clone(lock))?;
        let record = readable(db.table("progress")?.get(format::KEY))?.flatten().ok_or(StoreError::Damaged)?;
        let stored = format_1::cut(&record)?;
        if stored != settings.cut {
            return Err(StoreError::OtherCut { directory: directory.clone(), stored, configured: settings.cut });
        }
        Ok(Self { db, cut: stored })
    }
}

/// A store of this version's format in the making.
struct NewStore<'a> {
    database: DatabaseBuilder,
    settings: &'a StoreSettings,
    upgraded: Upgraded,
    names: HashMap<SensorId, SensorName>,
}

impl NewStore<'_> {
    /// Copies a table whose entries are what they were.
    fn copy(&mut self, name: &str, table: &Table) -> Result<(), StoreError> {
        for entry in table.iter() {
            match readable(entry)? {
                Some((key, value)) => self.database.put(name, &key, &value)?,
                None => self.upgraded.unreadable += 1,
            }
        }
        Ok(())
    }

    fn copy_sensors(&mut self, table: &Table) -> Result<(), StoreError> {
        for entry in table.iter() {
            match readable(entry)? {
                Some((key, value)) => {
                    self.upgraded.sensors += u64::from(!value.is_empty());
                    if let (Some(number), Ok(NumberedSensor::Named(name))) = (number_of(&key), decode_sensor(&value)) {
                        self.names.insert(SensorId(number), name);
                    }
                    self.database.put("sensors", &key, &value)?;
                }
                None => self.upgraded.unreadable += 1,
            }
        }
        Ok(())
    }

    /// Puts windows under their new keys, the newest of those that share a slot of today's ring.
    fn copy_windows(&mut self, old: &OldStore) -> Result<(), StoreError> {
        // The old keys lie sensor by sensor.
        let mut of_sensor: Vec<(Window, Vec<u8>)> = Vec::new();
        let mut sensor = SensorId(0);
        let mut put = Ok(());
        each_value(&old.db.table("windows")?, ValueLayout::Parts, |stored| {
            if put.is_err() {
                return;
            }
            let window = match stored {
                StoredValue::Whole(key, block) => format_1::sensor_of_window(&key).zip(window_of(old.cut, block)),
                StoredValue::Incomplete(_) | StoredValue::Unreadable(_) => None,
            };
            let Some((of, window)) = window else {
                self.upgraded.unreadable += 1;
                return;
            };
            if of != sensor {
                put = self.put_windows(sensor, std::mem::take(&mut of_sensor));
                sensor = of;
            }
            of_sensor.push(window);
        })?;
        put?;
        self.put_windows(sensor, of_sensor)
    }

    fn put_windows(&mut self, sensor: SensorId, mut windows: Vec<(Window, Vec<u8>)>) -> Result<(), StoreError> {
        windows.sort_by_key(|(window, _)| *window);
        let ring = i64::from(self.settings.windows.max(1));
        let newest = windows.last().map_or(0, |(window, _)| window.index());
        for (window, block) in windows {
            if window.index() <= newest.saturating_sub(ring) {
                self.upgraded.outdated += 1;
                continue;
            }
            let key = window_key(sensor, window, self.settings.windows);
            self.database.put_parts("windows", &key, &checksum::around(&key, &block))?;
            self.upgraded.windows += 1;
        }
        Ok(())
    }

    /// Gives the runs ids in the order of their windows, and stores their verdicts under these. Returns the windows' starts,
    /// in the order of the ids.
    fn copy_runs(&mut self, old: &OldStore) -> Result<Vec<Timestamp>, StoreError> {
        let mut runs = Vec::new();
        for entry in old.db.table("runs")?.iter() {
            let entry = readable(entry)?;
            let slot = entry.as_ref().and_then(|(key, _)| <[u8; 4]>::try_from(key.as_slice()).ok());
            let run = entry.and_then(|(_, value)| format_1::decode_run(old.cut, &value).ok());
            match slot.zip(run) {
                Some(run) => runs.push(run),
                None => self.upgraded.unreadable += 1,
            }
        }
        runs.sort_by_key(|(_, run)| run.window);
        let table = old.db.table("verdicts")?;
        let (kept, with_verdicts) = (self.settings.runs.max(1) as usize, self.settings.verdict_runs.max(1) as usize);
        let (count, mut starts) = (runs.len(), Vec::new());
        for (id, (slot, run)) in (0..).map(RunId).zip(runs) {
            starts.push(run.window.start());
            let behind = count - starts.len();
            if behind >= kept {
                self.upgraded.outdated += 1;
                continue;
            }
            let mut models = Vec::new();
            for key in table.keys(&slot) {
                let key = key?;
                // Only the first part of each chunk.
                let Some((key, [0, 0])) = key.split_last_chunk::<2>() else { continue };
                let chunk = ChunkId::of_key(key);
                let stored = readable(table.get_parts(key))?.flatten();
                let decoded =
                    chunk.zip(stored).and_then(|(chunk, stored)| format_1::decode_verdicts(chunk, &stored).ok());
                let Some((chunk, (start, verdicts))) = chunk.zip(decoded) else {
                    self.upgraded.unreadable += 1;
                    continue;
                };
                if start != run.window.start() {
                    continue;
                }
                models.extend(verdicts.iter().map(|verdict| {
                    let model = if let Outcome::Scored(scored) = &verdict.outcome { Some(scored.model) } else { None };
                    (verdict.sensor, model)
                }));
                if behind < with_verdicts {
                    let slot = run_slot(id, self.settings.verdict_runs);
                    // Their models may be gone, so nothing is left to be computed again.
                    let chunk_bytes = verdicts::encode(id, chunk, &verdicts, VerdictRows::All);
                    self.database.put_parts("verdicts", &chunk.key(slot), &chunk_bytes)?;
                }
            }
            let run = Run {
                id,
                window: run.window,
                interval: self.settings.cut.interval(),
                group: GroupName::default(),
                trigger: Trigger::Schedule,
                revision: 0,
                scope: models.iter().map(|(sensor, _)| sensor.0).collect(),
                settings: run.settings,
                models: models_hash(
                    models.into_iter().filter_map(|(sensor, model)| Some((self.names.get(&sensor)?.clone(), model))),
                ),
                closing: run.closing,
                state: run.state,
                course: RunCourse::default(),
            };
            let key = run_slot(id, self.settings.runs).to_be_bytes();
            self.database.put_parts("runs", &key, &runs::encode(&run))?;
            self.upgraded.runs += 1;
        }
        Ok(starts)
    }

    /// Copies how far everything is. A sink's mark becomes a cursor: the first run that the sink has not taken.
    fn copy_progress(&mut self, progress: &Table, run_windows: &[Timestamp]) -> Result<(), StoreError> {
        for entry in progress.iter() {
            let Some((key, value)) = readable(entry)? else {
                self.upgraded.unreadable += 1;
                continue;
            };
            if key == format::KEY {
                continue;
            }
            match format_1::sink_of(&key) {
                Some(sink) => {
                    let Ok(until) = <[u8; 8]>::try_from(value.as_slice()) else { continue };
                    let until = Timestamp::from_nanos(i64::from_be_bytes(until));
                    let next = run_windows.partition_point(|start| *start < until) as u64;
                    self.database.put("progress", &cursor_key(sink), &next.to_be_bytes())?;
                }
                None => self.database.put("progress", &key, &value)?,
            }
        }
        self.database.put("progress", NEXT_RUN_KEY, &(run_windows.len() as u64).to_be_bytes())?;
        self.database.put("progress", format::KEY, &format::record(self.settings))
    }

    fn copy_journal(&mut self, table: &Table, folder: &Path) -> Result<(), StoreError> {
        let (mut journal, _) = Journal::open(folder, JournalSettings::default())?;
        for entry in table.iter() {
            let record = readable(entry)?.and_then(|(_, value)| format_1::decode_record(&value).ok());
            match record {
                Some(OldRecord::Readings(readings)) => journal.append(&RecordRef::Readings(&readings))?,
                Some(OldRecord::Closed(until)) => journal.append(&RecordRef::Closed(until))?,
                None => {
                    self.upgraded.unreadable += 1;
                    continue;
                }
            }
            self.upgraded.records += 1;
            if self.upgraded.records.is_multiple_of(RECORDS_A_COMMIT as u64) {
                journal.commit()?;
            }
        }
        journal.commit()?;
        Ok(())
    }
}

/// The window of a block.
fn window_of(cut: Cut, block: Vec<u8>) -> Option<(Window, Vec<u8>)> {
    let block = WindowBlock::from_bytes(block);
    let start = block.window_start().ok()?;
    Some((cut.window_of(start), block.as_bytes().to_vec()))
}

#[cfg(test)]
mod tests;
