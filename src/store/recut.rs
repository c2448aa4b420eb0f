//! Writes a store anew for another interval, another window, or rings of other sizes.
//!
//! Intervals become longer ones, if the new interval is a whole number of old ones and divides the old window: count,
//! mean, lowest, highest, first and last value follow exactly, and so does the standard deviation, from the variances
//! within the parts and between them (Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing
//! sample variances", 1979, section 2). Windows are put together anew of these. A sensor whose last closing lies within a
//! new window goes on in it: the pipeline takes up the stored intervals (`OpenWindows::take_up`), and the journal has the
//! readings behind them.
//!
//! Runs and verdicts stay: a run says how long its window and intervals are. Windows that cannot be cut otherwise are in the
//! old store only. The old store is kept beside the new one: a configuration with its folder as `store.directory` and its
//! own settings reads it.

use std::fmt;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use crate::interval::{Cut, Interval, IntervalFolder, Window};
use crate::sensor::SensorId;
use crate::store::builder::DatabaseBuilder;
use crate::store::db::Db;
use crate::store::format::StoredSettings;
use crate::store::keys::{NEXT_RUN_KEY, SCORED_KEY, SCORED_PREFIX, run_slot, window_key};
use crate::store::reader::readable;
use crate::store::rebuild::{self, Rebuild};
use crate::store::unreadable::UnreadableEntries;
use crate::store::{
    ChunkId, Reader, StoreError, StoreSettings, StoredIntervals, Tables, checksum, format, lock, runs, side_file,
    upgrade, usable,
};
use crate::time::Timestamp;
use crate::window::{BlockBuilder, WindowBlock};

/// What becomes of a store when it is opened with other settings than it was made with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RecutPlan {
    stored: StoredSettings,
    configured: StoredSettings,
}

/// What is done with the windows of a store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum WindowsPlan {
    /// They stay as they are, under the keys of the new ring.
    Kept,
    /// They are put together anew.
    Regrouped,
    /// They stay in the old store only.
    Left,
}

impl RecutPlan {
    fn windows(&self) -> WindowsPlan {
        let (old, new) = (self.stored.cut, self.configured.cut);
        if old == new {
            WindowsPlan::Kept
        } else if new.interval().divide(old.interval()).1 && old.window().divide(new.interval()).1 {
            WindowsPlan::Regrouped
        } else {
            WindowsPlan::Left
        }
    }

    /// How the store that is there cuts time.
    pub fn stored_cut(&self) -> Cut {
        self.stored.cut
    }

    /// The first key whose value is not what the store was made with.
    pub fn key(&self) -> &'static str {
        let Self { stored, configured } = self;
        if stored.cut.interval() != configured.cut.interval() {
            "window.interval"
        } else if stored.cut != configured.cut {
            "window.length"
        } else if stored.windows != configured.windows {
            "store.keep_intervals"
        } else if stored.runs != configured.runs {
            "store.keep_runs"
        } else {
            "store.keep_verdicts"
        }
    }
}

impl fmt::Display for RecutPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (old, new) = (self.stored.cut, self.configured.cut);
        let (interval, window) = (new.interval(), new.window());
        match self.windows() {
            WindowsPlan::Kept => {
                f.write_str(
                    "the store is written anew for the new times: what lies within them stays, the newest first",
                )?;
            }
            WindowsPlan::Regrouped => {
                f.write_str("the store's ")?;
                if old.interval() != interval {
                    write!(f, "intervals of {} become intervals of {interval}", old.interval())?;
                }
                if old.interval() != interval && old.window() != window {
                    f.write_str(", and its ")?;
                }
                if old.window() != window {
                    write!(f, "windows of {} become windows of {window}", old.window())?;
                }
                f.write_str("; its runs and verdicts stay as they are")?;
            }
            WindowsPlan::Left => write!(
                f,
                "the store's intervals of {} in windows of {} cannot become intervals of {interval}: its windows stay in the \
                 old store only; runs, verdicts, sensors, sessions and the journal are taken over",
                old.interval(),
                old.window()
            )?,
        }
        f.write_str("; the old store is kept beside the new one, and can be read with its own settings")
    }
}

/// What came of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recut {
    /// What was done.
    pub plan: RecutPlan,
    /// Windows of the new store.
    pub windows: u64,
    /// Runs of the new store.
    pub runs: u64,
    /// Where the old store is now.
    pub old: Option<PathBuf>,
}

impl fmt::Display for Recut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { plan, windows, runs, old } = self;
        write!(f, "{plan}; it holds {windows} windows and {runs} runs now")?;
        if let Some(old) = old {
            write!(f, ", and the old store is in {}", old.display())?;
        }
        Ok(())
    }
}

/// What a start would have to do with the store in a folder, if anything. Opens nothing.
pub fn plan(settings: &StoreSettings) -> Option<RecutPlan> {
    let record = side_file::read(&settings.directory.join(format::FILE)).ok()?;
    plan_of(&record, settings)
}

fn plan_of(record: &[u8], settings: &StoreSettings) -> Option<RecutPlan> {
    let stored = StoredSettings::read(record, settings).ok()?;
    let configured = StoredSettings::of(settings);
    (stored != configured).then_some(RecutPlan { stored, configured })
}

/// Writes the store in a folder anew, if it was made with another interval, window or ring. Nothing is done to a store
/// that fits, and none is made.
///
/// # Errors
/// When another process has the store, it cannot be read, or there is no room for the new one.
pub fn recut(settings: &StoreSettings) -> Result<Option<Recut>, StoreError> {
    let directory = &settings.directory;
    usable(directory)?;
    if !Db::exists(directory) && !rebuild::is_pending(directory) {
        return Ok(None);
    }
    let lock = Arc::new(lock::for_writing(directory)?);
    rebuild::complete(directory)?;
    let db = Db::open(directory, settings.cache_bytes, Arc::clone(&lock))?;
    let record = readable(db.table("progress")?.get(format::KEY))?.flatten();
    match record.and_then(|record| plan_of(&record, settings)) {
        Some(plan) => write_anew(settings, plan, db, &lock).map(Some),
        None => Ok(None),
    }
}

fn write_anew(settings: &StoreSettings, plan: RecutPlan, db: Db, lock: &Arc<File>) -> Result<Recut, StoreError> {
    let directory = &settings.directory;
    upgrade::check_room(directory)?;
    let old_settings = plan.stored.apply(settings);
    let tables = Tables::of(&db)?;
    let old = Reader::new(db, tables.clone(), old_settings, UnreadableEntries::default());
    let rebuild = Rebuild::begin(directory)?;
    let database = DatabaseBuilder::begin(&rebuild.folder(), Arc::clone(lock))?;
    let recut = Recut { plan, windows: 0, runs: 0, old: None };
    let mut new = NewStore { database, settings, plan, old: &old, tables: &tables, recut };
    for (name, table) in tables.named() {
        // What holds windows and runs has other keys, and the rows of progress are looked at one by one.
        if !["windows", "runs", "verdicts", "progress"].contains(&name) {
            for entry in table.iter() {
                if let Some((key, value)) = readable(entry)? {
                    new.database.put(name, &key, &value)?;
                }
            }
        }
    }
    new.copy_windows()?;
    new.copy_runs()?;
    new.copy_progress()?;
    let NewStore { database, mut recut, .. } = new;
    database.finish()?;
    drop((old, tables));
    side_file::write(&rebuild.folder().join(format::FILE), &format::record(settings))
        .map_err(|problem| StoreError::Directory { directory: directory.clone(), problem })?;
    recut.old = rebuild.finish(&["data", "format"])?;
    Ok(recut)
}

/// A store of other settings in the making.
struct NewStore<'a> {
    database: DatabaseBuilder,
    settings: &'a StoreSettings,
    plan: RecutPlan,
    old: &'a Reader,
    tables: &'a Tables,
    recut: Recut,
}

impl NewStore<'_> {
    /// Puts the windows of one sensor after the other, so that those of a sensor are put together.
    fn copy_windows(&mut self) -> Result<(), StoreError> {
        if self.plan.windows() == WindowsPlan::Left {
            return Ok(());
        }
        for head in self.old.heads()? {
            let cut = self.plan.stored.cut;
            // The newest window is the last one that was closed, and the ring tells which the others are.
            let newest = cut.window_of(Timestamp::from_nanos(head.closed.nanos().saturating_sub(1)));
            let mut intervals = Vec::new();
            for back in (0..self.plan.stored.windows).rev() {
                if let StoredIntervals::Kept(kept) = self.old.intervals(head.sensor, newest.earlier(back))? {
                    intervals.extend(kept);
                }
            }
            let blocks = regrouped(&intervals, cut, self.plan.configured.cut);
            let skipped = blocks.len().saturating_sub(self.settings.windows.max(1) as usize);
            for (window, block) in blocks.into_iter().skip(skipped) {
                self.put_window(head.sensor, window, &block)?;
            }
        }
        Ok(())
    }

    fn put_window(&mut self, sensor: SensorId, window: Window, block: &WindowBlock) -> Result<(), StoreError> {
        let key = window_key(sensor, window, self.settings.windows);
        self.database.put_parts("windows", &key, &checksum::around(&key, block.as_bytes()))?;
        self.recut.windows += 1;
        Ok(())
    }

    fn copy_runs(&mut self) -> Result<(), StoreError> {
        // An entry of an earlier version does not say its window's length and interval; this one does, from here on.
        let runs = self.old.runs()?;
        let skipped = runs.len().saturating_sub(self.settings.runs.max(1) as usize);
        let without_verdicts = runs.len().saturating_sub(self.settings.verdict_runs.max(1) as usize);
        for (place, run) in runs.iter().enumerate().skip(skipped) {
            let slot = run_slot(run.id, self.settings.runs);
            self.database.put_parts("runs", &slot.to_be_bytes(), &runs::encode(run))?;
            self.recut.runs += 1;
            if place < without_verdicts {
                continue;
            }
            let [old_slot, new_slot] =
                [self.plan.stored.verdict_runs, self.settings.verdict_runs].map(|slots| run_slot(run.id, slots));
            for chunk in ChunkId::of_scope(&run.scope) {
                if let Some(chunk_bytes) = readable(self.tables.verdicts.get_parts(&chunk.key(old_slot)))?.flatten() {
                    self.database.put_parts("verdicts", &chunk.key(new_slot), &chunk_bytes)?;
                }
            }
        }
        Ok(())
    }

    fn copy_progress(&mut self) -> Result<(), StoreError> {
        let next = self.old.next_run()?;
        let is_cut_anew = self.plan.stored.cut != self.plan.configured.cut;
        for entry in self.tables.progress.iter() {
            let Some((key, value)) = readable(entry)? else { continue };
            if key == format::KEY || key == NEXT_RUN_KEY {
                continue;
            }
            let value = if is_cut_anew { self.progress_anew(&key, value) } else { value };
            self.database.put("progress", &key, &value)?;
        }
        self.database.put("progress", NEXT_RUN_KEY, &next.0.to_be_bytes())?;
        self.database.put("progress", format::KEY, &format::record(self.settings))
    }

    /// A row of progress in the terms of the new windows.
    fn progress_anew(&self, key: &[u8], value: Vec<u8>) -> Vec<u8> {
        match <[u8; 8]>::try_from(value.as_slice()) {
            // A window that was scored in part is scored whole.
            Ok(until) if key == SCORED_KEY || key.starts_with(SCORED_PREFIX) => {
                let until = Timestamp::from_nanos(i64::from_be_bytes(until));
                self.plan.configured.cut.window_of(until).start().nanos().to_be_bytes().to_vec()
            }
            _ => value,
        }
    }
}

/// The windows that a sensor's intervals make under another cut, in the order of time. The intervals are in that order,
/// and the new interval is a whole number of old ones.
fn regrouped(intervals: &[Interval], old: Cut, new: Cut) -> Vec<(Window, WindowBlock)> {
    debug_assert!(new.interval().divide(old.interval()).1);
    let mut folder = IntervalFolder::new(new.interval());
    intervals.iter().for_each(|interval| folder.push(interval));
    let mut blocks: Vec<(Window, BlockBuilder)> = Vec::new();
    for whole in folder.finish() {
        let window = new.window_of(whole.start);
        if blocks.last().is_none_or(|(last, _)| *last != window) {
            blocks.push((window, BlockBuilder::new(window)));
        }
        if let Some((_, block)) = blocks.last_mut() {
            block.push(&whole, new);
        }
    }
    blocks.into_iter().map(|(window, block)| (window, block.finish())).collect()
}

#[cfg(test)]
mod tests;
