//! The database underneath: the only file that knows it is sled.
//!
//! Two facts about sled 0.34 shape this file. Its `flush` survives the death of the process, but neither commits file
//! metadata nor empties the drive's cache, so a commit here also syncs the database file. And a value beyond a quarter
//! of a segment goes into a file of its own, which nothing syncs: values are kept far below, large ones in parts.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, fcntl_lock};
use rustix::process::{Flock, FlockType, Pid, fcntl_getlk};

use crate::codec::{Decoder, Encoder};
use crate::store::StoreError;
use crate::telemetry::panics;
use crate::time::Timestamp;

/// A leaf holds up to 17 values and must stay below a quarter of a segment.
const SEGMENT_BYTES: usize = 2 << 20;
/// The largest value that is stored whole.
const MAX_VALUE_BYTES: usize = 24 << 10;
const LOCK_ATTEMPTS: u32 = 50;
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// An open database. Cheap to clone; all clones are the same database.
#[derive(Clone, Debug)]
pub(super) struct Db {
    sled: sled::Db,
    /// The file that sled appends to, to be synced.
    file: std::sync::Arc<File>,
    /// Held so that no second process opens the same folder.
    lock: std::sync::Arc<File>,
}

/// A damaged database that was set aside at the start, so that the daemon could begin anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAside {
    /// Where it is now.
    pub directory: PathBuf,
    /// What was wrong with it.
    pub reason: String,
}

impl Db {
    /// Whether there is a database in a folder.
    pub(super) fn exists(directory: &Path) -> bool {
        directory.join("data").join("db").exists()
    }

    /// Whether a process has the database in a folder open.
    pub(super) fn is_in_use(directory: &Path) -> bool {
        directory.join("lock").exists() && matches!(lock(directory), Err(StoreError::InUse { .. }))
    }

    /// The process that takes signals for the database in a folder.
    pub(super) fn signalled(directory: &Path) -> io::Result<Option<Pid>> {
        let lock = match File::open(directory.join("lock")) {
            Err(problem) if problem.kind() == io::ErrorKind::NotFound => return Ok(None),
            lock => lock?,
        };
        let held = fcntl_getlk(&lock, &Flock::from(FlockType::WriteLock))?;
        // A process that cannot be seen from here has no number here, or none above zero.
        Ok(held.and_then(|held| held.pid).filter(|process| process.as_raw_nonzero().get() > 0))
    }

    /// Lets it be known that this process takes signals for the database.
    ///
    /// What a process writes of itself says nothing of whether it still lives, or whether another has its number by now.
    /// So the number comes from the system, which gives that of who holds such a lock.
    pub(super) fn take_signals(&self) {
        // Where a file cannot be locked so, nobody can be told, and no more than that.
        let _ = fcntl_lock(&*self.lock, FlockOperation::NonBlockingLockExclusive);
    }

    /// Opens the database in a folder, making it if there is none. One that cannot be read is set aside.
    pub(super) fn open(directory: &Path, cache_bytes: u64) -> Result<(Self, Option<SetAside>), StoreError> {
        let in_directory = |problem| StoreError::Directory { directory: directory.to_owned(), problem };
        fs::create_dir_all(directory).map_err(in_directory)?;
        let mut lock = lock(directory)?;
        lock.set_len(0).and_then(|()| writeln!(lock, "{}", std::process::id())).map_err(in_directory)?;
        let data = directory.join("data");
        remove_unfinished_snapshots(&data).map_err(in_directory)?;
        let mut set_aside = None;
        let sled = match open_sled(&data, cache_bytes) {
            Ok(sled) => sled,
            Err(Damage::Elsewhere(problem) | Damage::Locked(problem)) => return Err(in_directory(problem)),
            Err(Damage::Data(reason)) => {
                let aside = directory.join(format!("damaged-{}", Timestamp::now().format("%Y%m%dT%H%M%S%3f")));
                fs::rename(&data, &aside).map_err(in_directory)?;
                set_aside = Some(SetAside { directory: aside, reason });
                open_sled(&data, cache_bytes).map_err(|damage| match damage {
                    Damage::Elsewhere(problem) | Damage::Locked(problem) => in_directory(problem),
                    Damage::Data(reason) => in_directory(io::Error::other(reason)),
                })?
            }
        };
        // sled never syncs its settings, and a file that was just made is only there for good when its folder is synced.
        let file = File::options().write(true).open(data.join("db")).map_err(in_directory)?;
        for path in [data.join("conf"), data.join("db"), data, directory.to_owned()] {
            File::open(&path).and_then(|file| file.sync_all()).map_err(in_directory)?;
        }
        Ok((Self { sled, file: file.into(), lock: lock.into() }, set_aside))
    }

    /// A table, made if there is none.
    pub(super) fn table(&self, name: &str) -> Result<Table, StoreError> {
        Ok(Table { tree: self.sled.open_tree(name)? })
    }

    /// Makes everything written so far durable: it survives the power being cut after this returns.
    pub(super) fn sync(&self) -> Result<(), StoreError> {
        fail::fail_point!("store::sync");
        self.sled.flush()?;
        self.file.sync_data().map_err(StoreError::Sync)
    }

    /// The size of the database on the disk, in bytes.
    pub(super) fn size_bytes(&self) -> Result<u64, StoreError> {
        Ok(self.sled.size_on_disk()?)
    }
}

fn lock(directory: &Path) -> Result<File, StoreError> {
    let path = directory.join("lock");
    let in_directory = |problem| StoreError::Directory { directory: directory.to_owned(), problem };
    let file = File::options().create(true).truncate(false).write(true).open(path).map_err(in_directory)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse { directory: directory.to_owned() }),
        Err(TryLockError::Error(problem)) => Err(in_directory(problem)),
    }
}

/// sled writes a snapshot under another name before it renames it, but takes one under that name for the latest when it
/// opens, and fails when a death has cut it short. The one before it and the log still hold everything.
fn remove_unfinished_snapshots(data: &Path) -> io::Result<()> {
    if !data.try_exists()? {
        return Ok(());
    }
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
    /// sled's own lock is taken. As we hold ours, it can only be by an earlier database of this process, whose last
    /// thread has not ended yet.
    Locked(io::Error),
}

fn open_sled(data: &Path, cache_bytes: u64) -> Result<sled::Db, Damage> {
    let config = sled::Config::new()
        .path(data)
        .cache_capacity(cache_bytes)
        .segment_size(SEGMENT_BYTES)
        // The committer flushes when there is something to acknowledge; nobody else needs to.
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
    // A database cut short by a power failure can make sled panic as well as fail.
    match panics::catch(|| config.open()) {
        Ok(Ok(sled)) => Ok(sled),
        Ok(Err(sled::Error::Io(problem))) if problem.to_string().contains("lock") => Err(Damage::Locked(problem)),
        Ok(Err(sled::Error::Io(problem))) => Err(Damage::Elsewhere(problem)),
        Ok(Err(other)) => Err(Damage::Data(other.to_string())),
        Err(panic) => Err(Damage::Data(format!("reading it made the database panic: {panic}"))),
    }
}

/// A sorted table of keys and values.
#[derive(Clone, Debug)]
pub(super) struct Table {
    tree: sled::Tree,
}

impl Table {
    /// The value at a key.
    pub(super) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.tree.get(key)?.map(|value| value.to_vec()))
    }

    /// Writes a value, which is not durable before the next [`Db::sync`].
    pub(super) fn put(&self, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        debug_assert!(value.len() <= MAX_VALUE_BYTES, "{} bytes at once", value.len());
        self.tree.insert(key, value)?;
        Ok(())
    }

    /// Removes a key.
    pub(super) fn remove(&self, key: &[u8]) -> Result<(), StoreError> {
        self.tree.remove(key)?;
        Ok(())
    }

    /// Writes a value of any size, in parts if it is large. The first part goes last: until it is there, the value is the
    /// earlier one, or none.
    pub(super) fn put_parts(&self, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        let mut first = Encoder::default();
        first.unsigned(value.len() as u64);
        let (beginning, rest) = value.split_at(value.len().min(MAX_VALUE_BYTES - first.len()));
        first.raw(beginning);
        for (part, bytes) in (1..).zip(rest.chunks(MAX_VALUE_BYTES)) {
            self.put(&part_key(key, part), bytes)?;
        }
        self.put(&part_key(key, 0), &first.into_bytes())
    }

    /// Reads a value that [`put_parts`](Self::put_parts) wrote.
    pub(super) fn get_parts(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(first) = self.tree.get(part_key(key, 0))? else { return Ok(None) };
        let mut decoder = Decoder::new(&first);
        let length: usize = decoder.narrow()?;
        let mut value = decoder.rest().to_vec();
        let mut part = 1;
        while value.len() < length {
            let Some(bytes) = self.tree.get(part_key(key, part))? else { return Err(StoreError::Damaged) };
            value.extend_from_slice(&bytes);
            part += 1;
        }
        // What an earlier, longer value left behind may follow.
        value.truncate(length);
        Ok(Some(value))
    }

    /// All keys that begin so, in their order.
    pub(super) fn keys(&self, prefix: &[u8]) -> impl Iterator<Item = Result<Vec<u8>, StoreError>> + use<> {
        self.tree.scan_prefix(prefix).keys().map(|key| Ok(key?.to_vec()))
    }

    /// All keys and values, in the order of the keys.
    pub(super) fn iter(&self) -> impl Iterator<Item = Result<(Vec<u8>, Vec<u8>), StoreError>> + use<> {
        self.tree.iter().map(|entry| {
            let (key, value) = entry?;
            Ok((key.to_vec(), value.to_vec()))
        })
    }
}

fn part_key(key: &[u8], part: u16) -> Vec<u8> {
    [key, &part.to_be_bytes()].concat()
}

impl From<sled::Error> for StoreError {
    fn from(problem: sled::Error) -> Self {
        match problem {
            sled::Error::Io(problem) => Self::Sync(problem),
            other => Self::Database(other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_value_comes_back_whole_also_over_a_larger_one() {
        let directory = tempfile::tempdir().unwrap();
        let (db, _) = Db::open(directory.path(), 1 << 20).unwrap();
        let table = db.table("parts").unwrap();
        for size in [200_000, 100_000, 24_576, 24_575, 1, 0] {
            let value: Vec<u8> = (0..=250).cycle().take(size).collect();
            table.put_parts(b"key", &value).unwrap();
            assert_eq!(table.get_parts(b"key").unwrap(), Some(value), "{size}");
        }
        assert_eq!(table.get_parts(b"other").unwrap(), None);
    }

    #[test]
    fn a_folder_opens_once_at_a_time() {
        let directory = tempfile::tempdir().unwrap();
        let first = Db::open(directory.path(), 1 << 20).unwrap();
        assert!(matches!(Db::open(directory.path(), 1 << 20), Err(StoreError::InUse { .. })));
        drop(first);
        assert!(Db::open(directory.path(), 1 << 20).is_ok());
    }

    #[test]
    fn a_damaged_database_is_set_aside_and_a_fresh_one_made() {
        let directory = tempfile::tempdir().unwrap();
        drop(Db::open(directory.path(), 1 << 20).unwrap());
        fs::write(directory.path().join("data/conf"), b"not what sled wrote").unwrap();
        let (_, set_aside) = Db::open(directory.path(), 1 << 20).unwrap();
        let set_aside = set_aside.unwrap();
        assert!(set_aside.directory.join("db").exists(), "{set_aside:?}");
    }

    #[test]
    fn a_snapshot_that_a_kill_cut_short_does_not_cost_the_store() {
        let directory = tempfile::tempdir().unwrap();
        let (db, _) = Db::open(directory.path(), 1 << 20).unwrap();
        let table = db.table("kept").unwrap();
        table.put(b"key", b"value").unwrap();
        db.sync().unwrap();
        drop((db, table));
        fs::write(directory.path().join("data/snap.ffffffffffffffff.generating"), b"").unwrap();
        let (db, set_aside) = Db::open(directory.path(), 1 << 20).unwrap();
        assert_eq!(set_aside, None);
        assert_eq!(db.table("kept").unwrap().get(b"key").unwrap().as_deref(), Some(&b"value"[..]));
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_an_error_that_names_it() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        fs::write(&file, b"").unwrap();
        let error = Db::open(&file.join("store"), 1 << 20).unwrap_err();
        assert!(error.to_string().contains("file/store"), "{error}");
    }
}
