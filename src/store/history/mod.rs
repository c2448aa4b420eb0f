//! Raw readings, kept for as long as `store.keep_raw` says.
//!
//! They come from the journal's segments before these are freed, behind all promises: nothing waits for them but the room
//! of their segment. What was synced here may be deleted there; a crash in between brings the same readings again, which
//! count once.
//!
//! Below the store's folder, `history/` has two files a day of event time (UTC). What comes is appended to `DAY.open`, in
//! portions; each portion is a sorted run of blocks ([`block`]), one a sensor. When the day is over, its readings are
//! merged into `DAY.merged`, one block a sensor ([`day_merge`]). Both are read together ([`merge`]), so nothing hangs on
//! when that happens. Whole days are deleted when they are too old, or when the disk needs their room.

mod block;
mod block_file;
mod column;
mod day;
mod day_merge;
mod merge;
mod reader;
#[cfg(test)]
mod tests;

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

pub use reader::{HistoryReader, HistoryReading, HistoryReadings};

use crate::reading::Reading;
use crate::sensor::{SensorId, SensorName};
use crate::store::StoreError;
use crate::store::history::block::TimedValue;
use crate::store::history::block_file::BlockFile;
use crate::store::history::day::{Day, DayFile};
use crate::store::history::day_merge::{DayMerge, MergeProgress};
use crate::store::unreadable::UnreadableEntries;
use crate::telemetry::metrics;
use crate::time::{Span, Timestamp};

/// The folder below the store's.
const FOLDER: &str = "history";

/// How many readings are gathered before they are written: some 6 MiB of them.
const MAX_GATHERED: usize = 1 << 18;
/// How many files are open until they are synced.
const MAX_UNSYNCED: usize = 16;
/// A day that is over is merged again when what came since is more than this part of it, or nothing comes any more.
const WORTH_A_MERGE: u64 = 8;

/// How long raw readings are kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HistorySettings {
    /// `None`: none are added, and those that are there stay.
    pub keep: Option<Span>,
}

/// The raw history of a store. It belongs to one thread.
#[derive(Debug)]
pub struct History {
    folder: PathBuf,
    settings: HistorySettings,
    days: BTreeMap<Day, DayBytes>,
    /// What was taken and is not written, in the order in which it came.
    gathered: Vec<Reading>,
    names: HashMap<SensorId, SensorName>,
    unsynced: BTreeMap<Day, File>,
    /// The days to which was added since the last sync, and before it.
    touched: BTreeSet<Day>,
    touched_before: BTreeSet<Day>,
    /// What lies before is too old to be added.
    kept_from: Timestamp,
    merge: Option<DayMerge>,
    unreadable: UnreadableEntries,
}

/// The lengths of a day's files.
#[derive(Clone, Copy, Default, Debug)]
struct DayBytes {
    merged: u64,
    open: u64,
    /// Whether the open file ends with a whole block: a crash may have cut its last one short.
    has_whole_end: bool,
}

impl History {
    /// Opens the history of the store in a folder. There need be none.
    ///
    /// # Errors
    /// When it cannot be listed, or what an interrupted merge left cannot be removed.
    pub fn open(store: &Path, settings: HistorySettings) -> Result<Self, StoreError> {
        let folder = store.join(FOLDER);
        let look = || {
            let days = Self::look(&folder)?;
            // An earlier process may have been killed before it had synced the names that it made.
            if folder.exists() {
                sync_folder(&folder)?;
                sync_folder(store)?;
            }
            Ok(days)
        };
        let days = look().map_err(|problem| StoreError::Directory { directory: folder.clone(), problem })?;
        let history = Self {
            folder,
            settings,
            days,
            gathered: Vec::new(),
            names: HashMap::new(),
            unsynced: BTreeMap::new(),
            touched: BTreeSet::new(),
            touched_before: BTreeSet::new(),
            kept_from: Timestamp::MIN,
            merge: None,
            unreadable: UnreadableEntries::default(),
        };
        history.report();
        Ok(history)
    }

    fn look(folder: &Path) -> io::Result<BTreeMap<Day, DayBytes>> {
        let mut days = BTreeMap::<Day, DayBytes>::new();
        for (day, file) in day::list(folder)? {
            let path = day.path(folder, file);
            match file {
                DayFile::Unfinished => fs::remove_file(path)?,
                DayFile::Merged => days.entry(day).or_default().merged = fs::metadata(path)?.len(),
                DayFile::Open => days.entry(day).or_default().open = fs::metadata(path)?.len(),
            }
        }
        Ok(days)
    }

    /// Takes readings; they are kept in memory, or written without a sync. One of a sensor and time that is there already
    /// changes nothing. One of a number without a name is dropped and counted: nobody could ask for it.
    ///
    /// # Errors
    /// When the disk refuses. What was taken is still known then, and written by the next [`sync`](Self::sync).
    pub fn take(
        &mut self,
        readings: &[Reading],
        name_of: impl Fn(SensorId) -> Option<SensorName>,
    ) -> Result<(), StoreError> {
        if self.settings.keep.is_none() {
            return Ok(());
        }
        for reading in readings {
            if let Entry::Vacant(unknown) = self.names.entry(reading.sensor) {
                let Some(name) = name_of(reading.sensor) else {
                    metrics::HISTORY_NAMELESS.add(1);
                    continue;
                };
                unknown.insert(name);
            }
            self.gathered.push(*reading);
        }
        if self.gathered.len() >= MAX_GATHERED {
            self.write_gathered().map_err(StoreError::Sync)?;
        }
        Ok(())
    }

    /// Writes and syncs what was taken. Then, and only then, it may be deleted elsewhere.
    ///
    /// # Errors
    /// When the disk refuses. After a full disk it can be tried again.
    pub fn sync(&mut self) -> Result<(), StoreError> {
        self.write_gathered().and_then(|()| self.sync_files()).map_err(StoreError::Sync)?;
        if !self.touched.is_empty() {
            self.touched_before = std::mem::take(&mut self.touched);
            self.report();
        }
        Ok(())
    }

    /// Does a slice of what makes the history small: merges days that are over, and deletes days that are too old.
    /// Whether there is more to do. `closed` is the time before which no reading is accepted any more.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn tidy(&mut self, closed: Timestamp) -> Result<bool, StoreError> {
        if let Some(keep) = self.settings.keep {
            self.kept_from = self.kept_from.max(closed - keep);
            while let Some(day) = self.oldest().filter(|day| day.end() <= self.kept_from) {
                self.delete(day)?;
            }
        }
        self.merge_slice(closed).map_err(StoreError::Sync)
    }

    /// Deletes the oldest day, to make room. How many bytes that gave; `None` when there is no day.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn shed_oldest_day(&mut self) -> Result<Option<u64>, StoreError> {
        let Some(day) = self.oldest() else { return Ok(None) };
        let bytes = self.delete(day)?;
        metrics::HISTORY_DAYS_SHED.add(1);
        Ok(Some(bytes))
    }

    /// Gives up what was taken and could not be written and synced.
    pub fn give_up_unwritten(&mut self) {
        metrics::HISTORY_GIVEN_UP.add(self.gathered.len() as u64);
        self.gathered = Vec::new();
        self.names = HashMap::new();
        for day in std::mem::take(&mut self.unsynced).into_keys() {
            self.days.entry(day).or_default().has_whole_end = false;
        }
    }

    /// How many bytes it takes on the disk.
    pub fn bytes(&self) -> u64 {
        self.days.values().map(|bytes| bytes.merged + bytes.open).sum()
    }

    /// How many days it has.
    pub fn days(&self) -> usize {
        self.days.len()
    }

    /// The start of its oldest day.
    pub fn oldest_day(&self) -> Option<Timestamp> {
        self.oldest().map(Day::start)
    }

    fn oldest(&self) -> Option<Day> {
        self.days.keys().next().copied()
    }

    fn delete(&mut self, day: Day) -> Result<u64, StoreError> {
        self.abandon_merge_of(day).map_err(StoreError::Sync)?;
        self.unsynced.remove(&day);
        for file in [DayFile::Open, DayFile::Merged] {
            remove_if_there(&day.path(&self.folder, file)).map_err(StoreError::Sync)?;
        }
        let bytes = self.days.remove(&day).unwrap_or_default();
        self.report();
        Ok(bytes.merged + bytes.open)
    }

    /// Writes what is gathered, as one sorted run for each of its days.
    fn write_gathered(&mut self) -> io::Result<()> {
        if self.gathered.is_empty() {
            return Ok(());
        }
        let mut names: Vec<_> = self.names.iter().map(|(id, name)| (name, *id)).collect();
        names.sort_unstable();
        let ranks: HashMap<SensorId, usize> = names.iter().enumerate().map(|(rank, (_, id))| (*id, rank)).collect();
        let key = |reading: &Reading| (Day::of(reading.time), ranks.get(&reading.sensor).copied());
        // The sort is stable: of readings of the same time the one that came first stays the first.
        let mut sorted = self.gathered.clone();
        sorted.sort_by_key(|reading| (key(reading), reading.time));
        sorted.dedup_by_key(|reading| (reading.sensor, reading.time));
        let kept_from = self.kept_from;
        for of_day in sorted.chunk_by(|a, b| Day::of(a.time) == Day::of(b.time)) {
            let day = Day::of(of_day[0].time);
            if day.end() <= kept_from {
                continue;
            }
            let mut blocks = Vec::new();
            for of_sensor in of_day.chunk_by(|a, b| a.sensor == b.sensor) {
                let Some(name) = self.names.get(&of_sensor[0].sensor) else { continue };
                for chunk in of_sensor.chunks(block::MAX_READINGS) {
                    let readings: Vec<TimedValue> = chunk.iter().map(|reading| (reading.time, reading.value)).collect();
                    block::encode(name, &readings, &mut blocks);
                }
            }
            self.append(day, &blocks)?;
        }
        metrics::HISTORY_READINGS.add(self.gathered.len() as u64);
        self.gathered = Vec::new();
        self.names = HashMap::new();
        Ok(())
    }

    /// Appends to the open file of a day. What a failure leaves behind its end is cut off.
    fn append(&mut self, day: Day, blocks: &[u8]) -> io::Result<()> {
        self.abandon_merge_of(day)?;
        if !self.unsynced.contains_key(&day) {
            if self.unsynced.len() >= MAX_UNSYNCED {
                self.sync_files()?;
            }
            let file = self.open_file(day)?;
            self.unsynced.insert(day, file);
        }
        let Some(file) = self.unsynced.get(&day) else { return Ok(()) };
        let bytes = self.days.entry(day).or_default();
        file.write_all_at(blocks, bytes.open).inspect_err(|_| {
            // If this fails as well, the next append finds the end by itself.
            bytes.has_whole_end = file.set_len(bytes.open).is_ok();
        })?;
        bytes.open += blocks.len() as u64;
        self.touched.insert(day);
        Ok(())
    }

    fn open_file(&mut self, day: Day) -> io::Result<File> {
        let path = day.path(&self.folder, DayFile::Open);
        let is_new = !path.exists();
        if is_new && let Some(store) = self.folder.parent().filter(|_| !self.folder.exists()) {
            fs::create_dir(&self.folder)?;
            sync_folder(store)?;
        }
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path)?;
        if is_new {
            sync_folder(&self.folder)?;
        }
        if !self.days.entry(day).or_default().has_whole_end {
            self.cut_to_whole_blocks(day, &file)?;
        }
        Ok(file)
    }

    /// Cuts off the end of an append that was cut short.
    fn cut_to_whole_blocks(&mut self, day: Day, file: &File) -> io::Result<()> {
        let found = BlockFile::open(&self.folder, day, DayFile::Open, &self.unreadable)?;
        let (length, end) = found.map_or((0, 0), |file| (file.bytes(), file.valid_end()));
        if end < length {
            let path = day.path(&self.folder, DayFile::Open);
            let (path, cut) = (path.display(), length - end);
            tracing::info!(cut, "the end of {path} was written in part, and is cut off: what it held comes again");
            file.set_len(end)?;
        }
        let bytes = self.days.entry(day).or_default();
        (bytes.open, bytes.has_whole_end) = (end, true);
        Ok(())
    }

    fn sync_files(&mut self) -> io::Result<()> {
        while let Some(file) = self.unsynced.first_entry() {
            file.get().sync_data()?;
            file.remove();
        }
        Ok(())
    }

    /// Whether there is more to do.
    fn merge_slice(&mut self, closed: Timestamp) -> io::Result<bool> {
        if self.merge.is_none() {
            let worth_it = |(day, bytes): &(&Day, &DayBytes)| {
                let is_quiet = !self.touched.contains(day) && !self.touched_before.contains(day);
                bytes.open > 0 && day.end() <= closed && (is_quiet || bytes.open * WORTH_A_MERGE >= bytes.merged)
            };
            // What is not written or synced yet may be of any of these days: they wait for that.
            if !self.gathered.is_empty() || !self.unsynced.is_empty() {
                return Ok(false);
            }
            let Some((day, bytes)) = self.days.iter().find(worth_it).map(|(day, bytes)| (*day, *bytes)) else {
                return Ok(false);
            };
            if !bytes.has_whole_end {
                let file = OpenOptions::new().write(true).open(day.path(&self.folder, DayFile::Open))?;
                self.cut_to_whole_blocks(day, &file)?;
            }
            self.merge = Some(DayMerge::begin(&self.folder, day, &self.unreadable)?);
        }
        let Some(merge) = &mut self.merge else { return Ok(false) };
        let day = merge.day;
        match merge.slice() {
            Ok(MergeProgress::Unfinished) => {}
            Ok(MergeProgress::Finished { bytes }) => {
                self.merge = None;
                self.days.insert(day, DayBytes { merged: bytes, ..DayBytes::default() });
                self.report();
            }
            Err(problem) => {
                // What it wrote takes room that may be what is missing.
                self.abandon_merge_of(day)?;
                return Err(problem);
            }
        }
        Ok(true)
    }

    fn abandon_merge_of(&mut self, day: Day) -> io::Result<()> {
        if self.merge.take_if(|merge| merge.day == day).is_some() {
            remove_if_there(&day.path(&self.folder, DayFile::Unfinished))?;
        }
        Ok(())
    }

    fn report(&self) {
        metrics::HISTORY_BYTES.set(self.bytes());
        metrics::HISTORY_DAYS.set(self.days() as u64);
        let oldest = self.oldest_day().map_or(0, |day| day.nanos() / 1_000_000_000);
        metrics::HISTORY_OLDEST.set(u64::try_from(oldest).unwrap_or(0));
    }
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(problem) if problem.kind() != io::ErrorKind::NotFound => Err(problem),
        _ => Ok(()),
    }
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
