//! The database underneath: the only file that knows it is sled.
//!
//! Five facts about sled 0.34 shape this file:
//!
//! - What its `flush` wrote survives the death of the process. It neither commits the file's metadata nor empties the
//!   drive's cache, so [`Db::sync`] also syncs the database file.
//! - A value beyond a quarter of a segment goes into a file of its own, which sled never syncs. So values are kept far below
//!   that size, and large ones are stored in parts.
//! - sled may write into segments that it freed since the last sync. So what it is given between two syncs is bounded, here
//!   and for everybody ([`PORTION_BYTES`]).
//! - It writes into the folder that it opens. So commands that only read open a copy.
//! - Its `Drop` writes, and panics when the disk refuses. So `Drop` is not run after a failure.

use std::borrow::Cow;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use crate::codec::{Decoder, Encoder};
use crate::store::journal_pins::JournalPins;
use crate::store::presence::Presence;
use crate::store::private_copy::PrivateCopy;
use crate::store::{StoreError, from_disk, key_search, lock, set_aside, side_file};
use crate::telemetry::metrics;
use crate::telemetry::panics;

/// A leaf holds up to 17 values and must stay below a quarter of a segment.
const SEGMENT_BYTES: usize = 2 << 20;
/// The largest value that is stored whole.
pub(super) const MAX_VALUE_BYTES: usize = 24 << 10;
/// The most that sled is given between two syncs, in bytes of keys and values. Of more it may write into segments that it
/// has freed since the last sync, and a power cut then loses what they held before.
pub(super) const PORTION_BYTES: usize = 2 << 20;
const LOCK_ATTEMPTS: u32 = 50;
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// An open database. Cheap to clone; all clones are the same database.
#[derive(Clone, Debug)]
pub(super) struct Db {
    sled: sled::Db,
    /// The file that sled writes to; [`sync`](Self::sync) syncs it.
    file: Arc<File>,
    /// How many bytes of keys and values were written since the last sync.
    given: Arc<AtomicUsize>,
    /// Held so that no second process opens the same folder. `None` for a private copy.
    lock: Option<Arc<File>>,
    /// `None` for a private copy.
    presence: Option<Arc<Presence>>,
    pins: JournalPins,
    /// Dropped last.
    end: Arc<SledEnd>,
}

/// The end of sled's database, which must not panic. Every part of the database is stored together with this value,
/// which is dropped after it.
#[derive(Debug)]
struct SledEnd {
    /// `Some` until this value is dropped.
    sled: Option<sled::Db>,
    /// Whether the database is not closed in order, because what sled would write then is lost anyway.
    abandoned: AtomicBool,
    /// The store's folder; `None` for a private copy.
    directory: Option<PathBuf>,
}

impl SledEnd {
    /// The end of a database. It is returned first of the pair, because the first of a pattern is dropped last.
    fn of(sled: sled::Db, directory: Option<&Path>) -> (Arc<Self>, sled::Db) {
        let directory = directory.map(Path::to_owned);
        (Arc::new(Self { sled: Some(sled.clone()), abandoned: AtomicBool::new(false), directory }), sled)
    }

    /// Maps the result of a read. An error of the disk concerns the whole store; any other error of sled concerns only
    /// the part that was read.
    fn read<T>(&self, result: Result<T, sled::Error>) -> Result<T, StoreError> {
        match result {
            Err(sled::Error::Io(problem)) => self.checked(Err(sled::Error::Io(problem))),
            result => result.map_err(|_| StoreError::Damaged),
        }
    }

    /// Maps the result of a write. A part that cannot be read can be read around, but nothing can be written to it: so
    /// the store is noted as damaged, and cannot go on.
    fn written<T>(&self, result: Result<T, sled::Error>) -> Result<T, StoreError> {
        if let (Err(problem @ sled::Error::Corruption { .. }), Some(directory)) = (&result, &self.directory) {
            set_aside::condemn(directory, &format!("a part of it cannot be written to: {problem}"));
            self.abandon();
        }
        self.checked(result)
    }

    fn abandon(&self) {
        self.abandoned.store(true, Ordering::Relaxed);
    }

    /// Maps a result. After an error of the disk it is in doubt what the disk holds: nothing more must be written, not
    /// even when the database is dropped.
    fn checked<T>(&self, result: Result<T, sled::Error>) -> Result<T, StoreError> {
        result.map_err(|problem| {
            let problem = StoreError::from(problem);
            if !matches!(problem, StoreError::Damaged) {
                self.abandon();
            }
            problem
        })
    }
}

impl Drop for SledEnd {
    fn drop(&mut self) {
        let sled = self.sled.take();
        if self.abandoned.load(Ordering::Relaxed) {
            // Its memory goes with the process.
            std::mem::forget(sled);
        } else if let Err(panic) = panics::catch(|| drop(sled)) {
            tracing::error!("the store could not be closed in order; nothing that was acknowledged is lost: {panic}");
        }
    }
}

impl Db {
    /// Whether there is a database in a folder.
    pub(super) fn exists(directory: &Path) -> bool {
        directory.join("data").join("db").exists()
    }

    /// Whether this is the database of a daemon, which goes on writing, rather than a copy.
    pub(super) fn is_written(&self) -> bool {
        self.lock.is_some()
    }

    /// The pins that keep the journal whole.
    pub(super) fn pins(&self) -> &JournalPins {
        &self.pins
    }

    /// Marks this process as the one that takes signals for the database.
    pub(super) fn take_signals(&self) {
        self.lock.iter().for_each(|file| lock::take_signals(file));
    }

    /// Opens the database in a folder; makes one if there is none. A database that cannot be read is set aside.
    pub(super) fn open(directory: &Path, cache_bytes: u64, lock: Arc<File>) -> Result<Self, StoreError> {
        let in_directory = |problem| StoreError::Directory { directory: directory.to_owned(), problem };
        let data = directory.join("data");
        set_aside::set_condemned_aside(&data, directory)?;
        if data.try_exists().map_err(in_directory)? {
            from_disk::give_up_pages(&data).map_err(in_directory)?;
            remove_unfinished_snapshots(&data).map_err(in_directory)?;
        } else {
            make_empty(&data, cache_bytes).map_err(in_directory)?;
        }
        let sled = match open_sled(&data, cache_bytes) {
            Err(Damage::Data(reason)) => {
                set_aside::set_aside(&data, directory, &reason)?;
                make_empty(&data, cache_bytes).map_err(in_directory)?;
                open_sled(&data, cache_bytes)
            }
            opened => opened,
        };
        let sled = sled.map_err(|damage| in_directory(damage.into()))?;
        let (end, sled) = SledEnd::of(sled, Some(directory));
        let in_directory = |problem| {
            end.abandon();
            in_directory(problem)
        };
        let file = File::options().write(true).open(data.join("db")).map_err(in_directory)?;
        // A store of an earlier version may not have been synced whole.
        sync_whole(&data).and_then(|()| side_file::sync_names(&data)).map_err(in_directory)?;
        let file = Arc::new(file);
        let files = vec![Arc::clone(&lock), Arc::clone(&file)];
        let presence = Presence::of(directory, files).map_err(in_directory)?;
        Ok(Self {
            sled,
            file,
            given: Arc::default(),
            lock: Some(lock),
            presence: Some(presence.into()),
            pins: JournalPins::default(),
            end,
        })
    }

    /// Opens a private copy of the database in a folder, which stays unchanged. With it comes the copy of the journal.
    pub(super) fn open_copy(directory: &Path, cache_bytes: u64) -> Result<(Self, PrivateCopy), StoreError> {
        // The lock reports a folder that may not be looked into.
        let lock = lock::for_reading(directory)?;
        let copy = Self::copy(directory)?;
        if lock.is_none() && lock::for_reading(directory)?.is_some() {
            // Its first process began while the copy was made, and may have ended by now.
            return Err(StoreError::InUse { directory: directory.to_owned() });
        }
        drop(lock);
        Self::of_copy(copy, directory, cache_bytes)
    }

    /// As [`open_copy`](Self::open_copy), for a process that holds the lock of the folder.
    pub(super) fn open_locked_copy(directory: &Path, cache_bytes: u64) -> Result<(Self, PrivateCopy), StoreError> {
        Self::of_copy(Self::copy(directory)?, directory, cache_bytes)
    }

    fn copy(directory: &Path) -> Result<PrivateCopy, StoreError> {
        if !Self::exists(directory) {
            return Err(StoreError::None { directory: directory.to_owned() });
        }
        PrivateCopy::of(directory)
    }

    fn of_copy(copy: PrivateCopy, directory: &Path, cache_bytes: u64) -> Result<(Self, PrivateCopy), StoreError> {
        let not_opened = |problem| StoreError::NotCopied { folder: copy.path().to_owned(), problem };
        let data = copy.path().join("data");
        remove_unfinished_snapshots(&data).map_err(not_opened)?;
        let sled = open_sled(&data, cache_bytes).map_err(|damage| match damage {
            Damage::Elsewhere(problem) | Damage::Locked(problem) => not_opened(problem),
            Damage::Data(reason) => StoreError::DamagedStore { directory: directory.to_owned(), reason },
        })?;
        let (end, sled) = SledEnd::of(sled, None);
        // There is nothing to be written to a copy at the end.
        end.abandon();
        let file = File::open(data.join("db")).map_err(not_opened)?;
        let db = Self {
            sled,
            file: file.into(),
            given: Arc::default(),
            lock: None,
            presence: None,
            pins: JournalPins::default(),
            end,
        };
        Ok((db, copy))
    }

    /// A table; made if there is none.
    pub(super) fn table(&self, name: &str) -> Result<Table, StoreError> {
        let tree = self.end.checked(self.sled.open_tree(name))?;
        Ok(Table { tree, db: self.clone() })
    }

    /// Has the database end as it is on the disk: what it was given since the last sync is not written.
    pub(super) fn abandon(&self) {
        self.end.abandon();
    }

    /// How many bytes of keys and values were written since the last sync.
    pub(super) fn given_bytes(&self) -> usize {
        self.given.load(Ordering::Relaxed)
    }

    /// Makes everything written so far durable: after this returns, it survives a power cut.
    pub(super) fn sync(&self) -> Result<(), StoreError> {
        let sync = || {
            fail::fail_point!("store::sync", |_| Err(io::Error::from_raw_os_error(5).into()));
            self.sled.flush()?;
            metrics::DATABASE_SYNCS.add(1);
            Ok(self.file.sync_data()?)
        };
        self.end.checked(sync())?;
        self.given.store(0, Ordering::Relaxed);
        Ok(())
    }

    /// Checks that the store is where it was opened: whatever is promised must be found there.
    ///
    /// # Errors
    /// When it was removed, or its disk is gone. Nothing more is written then.
    pub(super) fn check_presence(&self) -> Result<(), StoreError> {
        let check = self.presence.as_ref().map_or(Ok(()), |presence| presence.check());
        if check.is_err() {
            self.end.abandon();
        }
        check
    }

    /// Counts what sled is about to be given, and syncs before it is more than a portion.
    fn give(&self, bytes: usize) -> Result<(), StoreError> {
        if self.given_bytes() + bytes > PORTION_BYTES {
            self.sync()?;
        }
        self.given.fetch_add(bytes, Ordering::Relaxed);
        Ok(())
    }

    /// The size of the database on the disk, in bytes.
    pub(super) fn size_bytes(&self) -> Result<u64, StoreError> {
        self.end.checked(self.sled.size_on_disk())
    }
}

/// Removes snapshots that sled had not finished. sled writes a snapshot under another name before it renames it, but
/// takes that other name for the latest snapshot when it opens, and fails when a death has cut it short. The snapshot
/// before it and the log still hold everything.
fn remove_unfinished_snapshots(data: &Path) -> io::Result<()> {
    for file in fs::read_dir(data)? {
        let file = file?;
        if file.path().extension().is_some_and(|extension| extension == "generating") {
            fs::remove_file(file.path())?;
        }
    }
    Ok(())
}

/// Why a database did not open.
enum Damage {
    /// Its own bytes are at fault.
    Data(String),
    /// The disk or the permissions are.
    Elsewhere(io::Error),
    /// sled's own lock is taken. This process holds the store's lock, so the holder can only be an earlier database of
    /// this process, whose last thread has not ended yet.
    Locked(io::Error),
}

impl From<Damage> for io::Error {
    fn from(damage: Damage) -> Self {
        match damage {
            Damage::Data(reason) => Self::other(reason),
            Damage::Elsewhere(problem) | Damage::Locked(problem) => problem,
        }
    }
}

/// Makes an empty database, which gets its name when it is whole and durable: a power cut before that leaves none, rather
/// than a piece of one that looks damaged.
fn make_empty(data: &Path, cache_bytes: u64) -> io::Result<()> {
    let nameless = data.with_extension("part");
    match fs::remove_dir_all(&nameless) {
        Err(problem) if problem.kind() != io::ErrorKind::NotFound => return Err(problem),
        _ => {}
    }
    let (end, sled) = SledEnd::of(open_sled(&nameless, cache_bytes)?, None);
    sled.flush()?;
    drop((sled, end));
    sync_whole(&nameless)?;
    fs::rename(&nameless, data)?;
    side_file::sync_names(data)
}

/// Syncs the files of a database and their names. sled never syncs its settings.
fn sync_whole(data: &Path) -> io::Result<()> {
    for path in [data.join("conf"), data.join("db"), data.to_owned()] {
        File::open(path)?.sync_all()?;
    }
    Ok(())
}

fn open_sled(data: &Path, cache_bytes: u64) -> Result<sled::Db, Damage> {
    let config = sled::Config::new()
        .path(data)
        .cache_capacity(cache_bytes)
        .segment_size(SEGMENT_BYTES)
        // The keeper syncs when a portion is full or somebody waits; no other flush is needed.
        .flush_every_ms(None);
    for _ in 0..LOCK_ATTEMPTS {
        match open_once(&config) {
            Err(Damage::Locked(_)) => std::thread::sleep(LOCK_PAUSE),
            result => return result,
        }
    }
    open_once(&config)
}

fn open_once(config: &sled::Config) -> Result<sled::Db, Damage> {
    // A database that a power cut cut short can make sled panic as well as fail.
    match panics::catch(|| config.open()) {
        Ok(Ok(sled)) => Ok(sled),
        Ok(Err(sled::Error::Io(problem))) if problem.to_string().contains("lock") => Err(Damage::Locked(problem)),
        Ok(Err(sled::Error::Io(problem))) => Err(Damage::Elsewhere(problem)),
        // Its own words name neither the file nor what is wrong with it.
        Ok(Err(sled::Error::Corruption { .. })) => {
            Err(Damage::Data("a part of its file data/db does not fit the rest".to_owned()))
        }
        Ok(Err(other)) => Err(Damage::Data(other.to_string())),
        Err(panic) => Err(Damage::Data(format!("reading it made the database panic: {panic}"))),
    }
}

/// A sorted table of keys and values.
#[derive(Clone, Debug)]
pub(super) struct Table {
    tree: sled::Tree,
    /// Dropped last.
    db: Db,
}

impl Table {
    /// How many bytes [`put_parts`](Self::put_parts) adds to a key.
    pub(super) const PART_BYTES: usize = size_of::<u16>();

    fn end(&self) -> &Arc<SledEnd> {
        &self.db.end
    }

    /// The value at a key.
    pub(super) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.end().read(self.tree.get(key))?.map(|value| value.to_vec()))
    }

    /// The last key.
    pub(super) fn last_key(&self) -> Result<Option<Vec<u8>>, StoreError> {
        key_search::last(|from| {
            let first = self.end().read(self.tree.range(from..).next().transpose())?;
            Ok(first.map(|(key, _)| key.to_vec()))
        })
    }

    /// Writes a value, which is not durable before the next [`Db::sync`].
    pub(super) fn put(&self, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        debug_assert!(value.len() <= MAX_VALUE_BYTES, "{} bytes at once", value.len());
        self.db.give(key.len() + value.len())?;
        self.end().written(self.tree.insert(key, value))?;
        Ok(())
    }

    /// Removes a key.
    pub(super) fn remove(&self, key: &[u8]) -> Result<(), StoreError> {
        self.db.give(key.len())?;
        self.end().written(self.tree.remove(key))?;
        Ok(())
    }

    /// Removes all keys that begin so, or none of them if not all can be read.
    pub(super) fn remove_all(&self, prefix: &[u8]) -> Result<(), StoreError> {
        let keys = self.tree.scan_prefix(prefix).keys().map(|key| self.end().read(key));
        let keys = keys.collect::<Result<Vec<_>, _>>()?;
        keys.iter().try_for_each(|key| self.remove(key))
    }

    /// Writes a value of any size, in parts if it is large. The first part is written last: until then a reader finds
    /// the earlier value, or no value.
    pub(super) fn put_parts(&self, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        parts(key, value).try_for_each(|(key, bytes)| self.put(&key, &bytes))
    }

    /// Reads a value that [`put_parts`](Self::put_parts) wrote.
    pub(super) fn get_parts(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(first) = self.get(&part_key(key, 0))? else { return Ok(None) };
        let mut decoder = Decoder::new(&first);
        let length: usize = decoder.narrow()?;
        let mut value = decoder.rest().to_vec();
        let mut part = 1;
        while value.len() < length {
            let Some(bytes) = self.get(&part_key(key, part))? else { return Err(StoreError::Damaged) };
            value.extend_from_slice(&bytes);
            part += 1;
        }
        // Bytes of an earlier, longer value may follow.
        value.truncate(length);
        Ok(Some(value))
    }

    /// All keys that begin so, in their order, for those who remove them: a part that cannot be read cannot be written to
    /// either.
    pub(super) fn keys(&self, prefix: &[u8]) -> impl Iterator<Item = Result<Vec<u8>, StoreError>> + use<> {
        let end = Arc::clone(self.end());
        self.tree.scan_prefix(prefix).keys().map(move |key| Ok(end.written(key)?.to_vec()))
    }

    /// Hands over the values that [`put_parts`](Self::put_parts) wrote under keys that begin so, in the order of their keys.
    ///
    /// # Errors
    /// At the first part that cannot be read: what lies behind it is not handed over.
    pub(super) fn scan_parts(&self, prefix: &[u8], each: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), StoreError> {
        for entry in self.tree.scan_prefix(prefix) {
            let (key, first) = self.end().read(entry)?;
            let Some(key) = key.strip_suffix(&0_u16.to_be_bytes()) else { continue };
            let mut decoder = Decoder::new(&first);
            let length: usize = decoder.narrow()?;
            match decoder.rest().get(..length) {
                Some(value) => each(key, value),
                None => each(key, &self.get_parts(key)?.unwrap_or_default()),
            }
        }
        Ok(())
    }

    /// All keys and values, in the order of the keys. A part that cannot be read is told of once, and left out.
    pub(super) fn iter(&self) -> impl Iterator<Item = Result<(Vec<u8>, Vec<u8>), StoreError>> + use<> {
        let (tree, end) = (self.tree.clone(), Arc::clone(self.end()));
        around_damage(move |from| {
            let end = Arc::clone(&end);
            tree.range(from..).map(move |found| end.read(found).map(|(key, value)| (key.to_vec(), value.to_vec())))
        })
    }
}

/// Entries in the order of their keys, of which `entries_from` gives those from a key on. At a part that cannot be read, which
/// sled would meet again without end, it goes on behind that; any other error is the last.
fn around_damage<E: Iterator<Item = Result<(Vec<u8>, Vec<u8>), StoreError>>>(
    entries_from: impl Fn(Vec<u8>) -> E,
) -> impl Iterator<Item = Result<(Vec<u8>, Vec<u8>), StoreError>> {
    let mut entries = Some(entries_from(Vec::new()));
    let mut before = Vec::new();
    std::iter::from_fn(move || {
        let entry = entries.as_mut()?.next()?;
        match &entry {
            Ok((key, _)) => before.clone_from(key),
            Err(StoreError::Damaged) => {
                let can_be_read = |from: &[u8]| !matches!(entries_from(from.to_vec()).next(), Some(Err(_)));
                entries = key_search::behind_damage(&before, can_be_read).map(&entries_from);
            }
            Err(_) => entries = None,
        }
        Some(entry)
    })
}

/// The entries that a value of any size is stored as, the first part last.
pub(super) fn parts<'a>(key: &'a [u8], value: &'a [u8]) -> impl Iterator<Item = (Vec<u8>, Cow<'a, [u8]>)> {
    let mut first = Encoder::default();
    first.unsigned(value.len() as u64);
    let (beginning, rest) = value.split_at(value.len().min(MAX_VALUE_BYTES - first.len()));
    first.raw(beginning);
    let later = (1..).zip(rest.chunks(MAX_VALUE_BYTES));
    let later = later.map(move |(part, bytes)| (part_key(key, part), Cow::Borrowed(bytes)));
    later.chain(std::iter::once((part_key(key, 0), Cow::Owned(first.into_bytes()))))
}

fn part_key(key: &[u8], part: u16) -> Vec<u8> {
    [key, &part.to_be_bytes()].concat()
}

/// The system's error. sled passes it on in its debug form, which is not for people.
fn of_system(problem: io::Error) -> io::Error {
    let text = problem.to_string();
    let code = text.split_once("Os { code: ").and_then(|(_, rest)| rest.split_once(',')?.0.parse().ok());
    code.map_or(problem, io::Error::from_raw_os_error)
}

impl From<sled::Error> for StoreError {
    fn from(problem: sled::Error) -> Self {
        match problem {
            sled::Error::Io(problem) => Self::Sync(of_system(problem)),
            // Some pages of sled cannot be read; the others can.
            sled::Error::Corruption { .. } => Self::Damaged,
            other => Self::Database(other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(directory: &Path) -> Result<Db, StoreError> {
        Db::open(directory, 1 << 20, lock::for_writing(directory)?.into())
    }

    #[test]
    fn a_database_whose_making_was_cut_off_is_begun_anew_and_nothing_is_set_aside() {
        let directory = tempfile::tempdir().unwrap();
        let nameless = directory.path().join("data.part");
        fs::create_dir(&nameless).unwrap();
        for file in ["conf", "db"] {
            fs::write(nameless.join(file), "a piece").unwrap();
        }
        drop(open(directory.path()).unwrap());
        assert!(!nameless.exists() && directory.path().join("data/db").exists());
        assert_eq!(set_aside::list(directory.path()).unwrap(), []);
    }

    #[test]
    fn a_database_that_cannot_be_written_to_is_set_aside_at_the_next_start() {
        let directory = tempfile::tempdir().unwrap();
        let db = open(directory.path()).unwrap();
        let corruption = Err::<(), _>(sled::Error::Corruption { at: None, bt: () });
        assert!(matches!(db.end.written(corruption), Err(StoreError::Damaged)));
        assert_eq!(set_aside::list(directory.path()).unwrap(), [], "it is open");
        drop(db);
        for _ in 0..2 {
            drop(open(directory.path()).unwrap());
            assert_eq!(set_aside::list(directory.path()).unwrap().len(), 1);
        }
    }

    #[test]
    fn entries_are_found_around_parts_that_cannot_be_read() {
        let keys = |damaged: &'static [u8]| {
            let entry = move |key: u8| {
                if damaged.contains(&key) { Err(StoreError::Damaged) } else { Ok((vec![key], Vec::new())) }
            };
            let found = around_damage(move |from| (from.first().copied().unwrap_or(0)..9).map(entry));
            found.map(|entry| entry.ok().map(|(key, _)| key[0])).collect::<Vec<_>>()
        };
        let whole = (0..9).map(Some).collect::<Vec<_>>();
        assert_eq!(keys(&[]), whole);
        assert_eq!(keys(&[0, 1]), [&[None], &whole[2..]].concat());
        assert_eq!(keys(&[3, 4, 7]), [&whole[..3], &[None], &whole[5..7], &[None], &whole[8..]].concat());
        assert_eq!(keys(&[7, 8]), [&whole[..7], &[None]].concat());
        let refused =
            around_damage(|_| [Err(StoreError::Database("no".to_owned())), Ok((vec![1], Vec::new()))].into_iter());
        assert_eq!(refused.count(), 1, "what is no damage ends it");
    }

    #[test]
    fn what_the_system_refuses_is_told_in_its_words() {
        let full = io::Error::from_raw_os_error(28);
        let passed_on = io::Error::new(io::ErrorKind::StorageFull, format!("{full:?}"));
        assert_eq!(StoreError::from(sled::Error::Io(passed_on)).to_string(), StoreError::Sync(full).to_string());
        let other = StoreError::from(sled::Error::Io(io::Error::other("torn"))).to_string();
        assert!(other.contains("torn"), "{other}");
    }

    #[test]
    fn a_large_value_comes_back_whole_also_over_a_larger_one() {
        let directory = tempfile::tempdir().unwrap();
        let db = open(directory.path()).unwrap();
        let table = db.table("parts").unwrap();
        for size in [200_000, 100_000, 24_576, 24_575, 1, 0] {
            let value: Vec<u8> = (0..=250).cycle().take(size).collect();
            table.put_parts(b"key", &value).unwrap();
            assert_eq!(table.get_parts(b"key").unwrap(), Some(value.clone()), "{size}");
            table.put_parts(b"kez", b"behind").unwrap();
            table.put_parts(b"other", b"begins otherwise").unwrap();
            let mut scanned = Vec::new();
            table.scan_parts(b"ke", &mut |key, value| scanned.push((key.to_vec(), value.to_vec()))).unwrap();
            assert_eq!(scanned, [(b"key".to_vec(), value), (b"kez".to_vec(), b"behind".to_vec())], "{size}");
        }
        assert_eq!(table.get_parts(b"none").unwrap(), None);
    }

    #[test]
    fn a_folder_opens_once_at_a_time() {
        let directory = tempfile::tempdir().unwrap();
        let first = open(directory.path()).unwrap();
        assert!(matches!(open(directory.path()), Err(StoreError::InUse { .. })));
        drop(first);
        assert!(open(directory.path()).is_ok());
    }

    #[test]
    fn a_damaged_database_is_set_aside_a_few_times_and_then_the_start_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        drop(open(directory.path()).unwrap());
        for times in 0..=3 {
            let aside = set_aside::list(directory.path()).unwrap();
            assert_eq!(aside.len(), times);
            assert!(aside.iter().all(|aside| aside.directory.join("db").exists()), "{aside:?}");
            fs::write(directory.path().join("data/conf"), b"not what sled wrote").unwrap();
            let opened = open(directory.path());
            assert_eq!(opened.is_ok(), times < 3, "{opened:?}");
        }
        let error = open(directory.path()).unwrap_err().to_string();
        assert!(error.contains("3 damaged ones") && error.contains("move"), "{error}");
        assert_eq!(set_aside::list(directory.path()).unwrap().len(), 3, "nothing more is set aside");
    }

    #[test]
    fn a_snapshot_that_a_kill_cut_short_does_not_cost_the_store() {
        let directory = tempfile::tempdir().unwrap();
        let db = open(directory.path()).unwrap();
        let table = db.table("kept").unwrap();
        table.put(b"key", b"value").unwrap();
        db.sync().unwrap();
        drop((db, table));
        fs::write(directory.path().join("data/snap.ffffffffffffffff.generating"), b"").unwrap();
        let db = open(directory.path()).unwrap();
        assert_eq!(set_aside::list(directory.path()).unwrap(), []);
        assert_eq!(db.table("kept").unwrap().get(b"key").unwrap().as_deref(), Some(&b"value"[..]));
    }

    #[test]
    fn a_database_that_failed_is_left_as_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let config = sled::Config::new().path(directory.path().join("data")).segment_size(SEGMENT_BYTES);
        let db = open(directory.path()).unwrap();
        let failure = || Err::<(), _>(sled::Error::Io(io::Error::from_raw_os_error(5)));
        assert!(matches!(db.end.checked(failure()), Err(StoreError::Sync(_))));
        drop(db);
        assert!(matches!(open_once(&config), Err(Damage::Locked(_))), "sled has not ended, so it wrote nothing more");
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_an_error_that_names_it() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        fs::write(&file, b"").unwrap();
        let error = open(&file.join("store")).unwrap_err();
        assert!(error.to_string().contains("file/store"), "{error}");
    }
}
