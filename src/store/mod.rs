//! The durable store.
//!
//! There is one [`Writer`], owned by one thread, and any number of [`Reader`]s. What must be durable before a promise is
//! kept goes into the journal (`journal/`): [`Writer::commit`] returns its [`Committed`] when that was synced. After a
//! power cut a commit is there whole, or not at all. The database follows: the keeper (`keeper.rs`) stores what lies behind
//! the promises, and whoever waits for that waits for a [`Ticket`]. At a start the small tables are redone from the journal
//! (`redo.rs`), and the open windows are made from it.
//!
//! | table | key | value |
//! | --- | --- | --- |
//! | `sensors` | sensor id | name; nothing for an id that is free again |
//! | `held` | number | readings from ahead of the clock that are not judged yet; judging one twice changes nothing |
//! | `windows` | window number in the ring, sensor id | the window's intervals ([`WindowBlock`](crate::window::WindowBlock)) |
//! | `heads` | sensor id | what outlives the sensor's windows ([`SensorHead`](crate::window::SensorHead)) |
//! | `runs` | number of the run in the ring | the ledger's entry ([`Run`](crate::run::Run)) |
//! | `verdicts` | number of the run in the ring, chunk | the verdicts of a few sensors ([`Verdict`](crate::verdict::Verdict)) |
//! | `rejects` | number in the ring | the rejects of a commit |
//! | `sessions` | client id | MQTT sessions that outlive their connections: when one was last used, roughly |
//! | `progress` | name | how far closing, scoring, each sink, and the ids of sensors and runs are; the subscriptions at a broker |
//!
//! `reader.rs` says what is lost with an entry that cannot be read.

mod archive;
mod backup;
mod builder;
mod checksum;
mod contents;
mod db;
mod export_reads;
mod fields;
mod format;
mod freeing;
mod from_disk;
mod held;
mod history;
mod journal;
mod journal_pins;
mod keeper;
mod kept_models;
mod key_search;
mod keys;
mod lock;
mod place;
mod presence;
mod private_copy;
mod reader;
mod rebuild;
mod recut;
mod redo;
mod rejects;
mod repair;
mod room;
mod runs;
mod set_aside;
mod shedder;
mod shedding;
mod side_file;
mod statistics;
mod unreadable;
mod upgrade;
mod verdicts;
mod verify;
mod writer;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::process::Pid;

pub use archive::{ArchiveContent, ArchiveError, ArchiveOrigin};
pub use backup::{
    Backup, BackupError, Existing, Restored, WriteArchiveError, back_up, receive, restore, write_archive,
};
pub use format::{StoreFit, fit};
pub use history::{History, HistoryReader, HistoryReading, HistoryReadings, HistorySettings};
#[doc(hidden)]
pub use journal::go_through_segment;
pub use journal_pins::{JournalExtent, JournalPin};
pub use keeper::{Backlog, Kept, Ticket};
pub use kept_models::{Keeping, KeptModels, read_kept_model};
pub use place::{StorePlace, StorePlaceError};
pub use reader::{Reader, StoredIntervals};
pub use recut::{Recut, RecutPlan, plan as recut_plan, recut};
pub use rejects::{StoredReject, StoredRejects};
pub use repair::{Repair, RepairError};
pub use set_aside::{AsideCause, SetAside};
pub use shedding::{DiskUse, Relief, ShedSettings};
pub use statistics::{PieceStatistics, StoreStatistics, TableStatistics, WrittenStatistics, statistics};
pub use upgrade::{Upgrade, Upgraded, upgrade};
pub use verdicts::ChunkId;
pub use verify::{Checked, Finding, Remedy, verify};
pub use writer::{StoredChunks, WindowRecord, Writer};

use crate::codec::Corrupt;
use crate::interval::Cut;
use crate::store::db::{Db, Table};
use crate::store::journal::{Journal, JournalFindings, JournalSettings};
use crate::store::private_copy::PrivateCopy;
use crate::store::rejects::RejectRing;
use crate::store::unreadable::UnreadableEntries;
use crate::telemetry::metrics;
use crate::time::Span;
use crate::verdict::VerdictRows;

/// Where and how much is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreSettings {
    /// The folder.
    pub directory: PathBuf,
    /// How many windows are kept of each sensor.
    pub windows: u32,
    /// How many runs are kept.
    pub runs: u32,
    /// How many runs are kept with their verdicts; no more than `runs`.
    pub verdict_runs: u32,
    /// How long raw readings are kept; `None` when they are not.
    pub keep_raw: Option<Span>,
    /// When the store gives up what it could keep.
    pub shed: ShedSettings,
    /// Which decision values are kept.
    pub verdict_rows: VerdictRows,
    /// How many blocks of rejects are kept; a block holds the rejects of one commit.
    pub reject_blocks: u32,
    /// How many bytes of the database are cached in memory. It is no strict bound: the database may take some more.
    pub cache_bytes: u64,
    /// How event time is cut. A store belongs to one cut.
    pub cut: Cut,
}

impl StoreSettings {
    /// The size of the full rings of `sensors` sensors on the disk, roughly: some 30 bytes an interval in a window, 100 a
    /// verdict and 8 for each decision value that it keeps, and as much again for what the database has not tidied up yet.
    pub fn bytes_of_rings(&self, sensors: u64) -> u64 {
        const REJECTS_A_BLOCK: u64 = 4 << 10;
        const BASE: u64 = 32 << 20;
        let intervals = u64::try_from(self.cut.intervals_per_window()).unwrap_or(0);
        let windows = u64::from(self.windows).saturating_mul(intervals.saturating_mul(30).saturating_add(50));
        let decisions = match self.verdict_rows {
            VerdictRows::Worst => 0,
            VerdictRows::All => intervals.saturating_mul(8),
        };
        let verdicts = u64::from(self.verdict_runs).saturating_mul(decisions.saturating_add(100));
        let rejects = u64::from(self.reject_blocks) * REJECTS_A_BLOCK;
        let rings = sensors.saturating_mul(windows.saturating_add(verdicts)).saturating_add(rejects);
        rings.saturating_mul(2).saturating_add(BASE)
    }
}

/// The size of a store on the disk; files that cannot be looked at count as empty. Opens nothing.
pub fn bytes_there(directory: &Path) -> u64 {
    let folders = [directory.join("data"), journal_folder(directory)].into_iter();
    let files = folders.flat_map(std::fs::read_dir).flatten().flatten();
    files.filter_map(|file| Some(file.metadata().ok()?.len())).sum()
}

/// The files of a store that exist and that the daemon's user must be able to write to. Opens nothing.
pub fn files_there(directory: &Path) -> Vec<PathBuf> {
    let folders = [directory.join("data"), journal_folder(directory)];
    let files = folders.iter().flat_map(std::fs::read_dir).flatten().flatten().map(|file| file.path());
    let files = files.chain([directory.join("lock"), directory.to_owned()]).chain(folders.clone());
    files.filter(|file| file.exists()).collect()
}

/// Whether what has the names of the store's files are files. Opens them, and no more.
///
/// # Errors
/// When one of them is something else, which a start refuses.
pub fn usable(directory: &Path) -> Result<(), StoreError> {
    for file in ["lock", "data/conf", "data/db"] {
        match side_file::open(&directory.join(file), File::options().read(true)) {
            Err(problem) if problem.kind() == io::ErrorKind::InvalidInput => {
                return Err(StoreError::Directory { directory: directory.to_owned(), problem });
            }
            _ => {}
        }
    }
    Ok(())
}

/// Why the store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder cannot be used.
    #[error("the store's folder {} cannot be used: {problem}; it must be a folder that anomalyd may write to (store.directory)", directory.display())]
    Directory {
        /// The folder.
        directory: PathBuf,
        /// The system's error.
        problem: std::io::Error,
    },
    /// Another process has the store open.
    #[error("the store {} is in use by another anomalyd; stop that one first, or give this one its own store.directory", directory.display())]
    InUse {
        /// The folder.
        directory: PathBuf,
    },
    /// Commands that read it go on copying it.
    #[error("the store {} is being copied by a command that reads it (such as anomalyd dump), and no longer waited for; let that one end, and start again", directory.display())]
    BeingCopied {
        /// The folder.
        directory: PathBuf,
    },
    /// The store was made with other settings.
    #[error("the store {} was made with an interval of {} and a window of {}, and the configuration says {} and {}; restore those settings, or set store.recut = true to have the store written anew (anomalyd check then says what that does), or choose a new store.directory",
        directory.display(), stored.interval(), stored.window(), configured.interval(), configured.window())]
    OtherCut {
        /// The folder.
        directory: PathBuf,
        /// The settings it was made with.
        stored: Cut,
        /// The configured settings.
        configured: Cut,
    },
    /// The store was made with rings of other sizes.
    #[error("the store {} was made with a ring of {stored} ({key}), and the configuration asks for one of {configured}; restore that, or set store.recut = true to have the store written anew (anomalyd check then says what that does), or choose a new store.directory", directory.display())]
    OtherRing {
        /// The folder.
        directory: PathBuf,
        /// Which ring.
        key: &'static str,
        /// The size it was made with.
        stored: u32,
        /// The configured size.
        configured: u32,
    },
    /// The folder cannot be read.
    #[error("the store {} cannot be read: {problem}; be root, or the user that anomalyd runs as", directory.display())]
    Unreadable {
        /// The folder.
        directory: PathBuf,
        /// The system's error.
        problem: io::Error,
    },
    /// There is no room for a copy of the store to read.
    #[error("a store is read from a copy, which needs {needed} bytes in {}, and {free} are free there; have TMPDIR name a folder with more room", folder.display())]
    NoRoom {
        /// Where the copy was to be.
        folder: PathBuf,
        /// How many bytes it takes.
        needed: u64,
        /// How many there are.
        free: u64,
    },
    /// No copy of the store could be made to read.
    #[error("a store is read from a copy, which cannot be made in {}: {problem}; have TMPDIR name a folder that can be written to", folder.display())]
    NotCopied {
        /// Where the copy was to be.
        folder: PathBuf,
        /// The system's error.
        problem: io::Error,
    },
    /// The store cannot be opened to read.
    #[error("the store {} is damaged, and nothing in it was changed: {reason}; the next start of the daemon sets it aside and begins a new one, so put back a copy of it first if there is one", directory.display())]
    DamagedStore {
        /// The folder.
        directory: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The store is damaged, as were others before it.
    #[error("the store {} is damaged: {reason}; it is not set aside as {times} damaged ones lie there already (damaged-…); see to the disk, move them elsewhere or remove them, and start again", directory.display())]
    DamagedAgain {
        /// The folder.
        directory: PathBuf,
        /// How many were set aside.
        times: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// A store is to be made anew, and others were before it, of which the earlier ones were kept.
    #[error("the store {} would be written anew, and the store before it be kept, but {times} are kept there already (replaced-…), and each may be as large as the store; move them elsewhere or remove them, and start again", directory.display())]
    ReplacedAgain {
        /// The folder.
        directory: PathBuf,
        /// How many were kept.
        times: usize,
    },
    /// A store was being put in the place of another, and the process died.
    #[error("a new store was being put in the place of the one in {}, and was cut off; start the daemon, which completes that", directory.display())]
    SwapCutOff {
        /// The folder.
        directory: PathBuf,
    },
    /// There is no store.
    #[error("there is no store in {}; was anomalyd ever run with this configuration?", directory.display())]
    None {
        /// The folder.
        directory: PathBuf,
    },
    /// The store was made by another version.
    #[error("the store {} has format {found}, and this anomalyd reads format {}; {}", directory.display(), format::FORMAT, format::advice(*found))]
    OtherFormat {
        /// The folder.
        directory: PathBuf,
        /// The format found.
        found: u64,
    },
    /// There is no room for a new store beside the old one.
    #[error("the store {} has to be written anew beside itself, which may take {needed} bytes, and {free} are free; nothing was changed: make room, and start again", directory.display())]
    NoRoomBeside {
        /// The folder.
        directory: PathBuf,
        /// How many bytes it may take.
        needed: u64,
        /// How many there are.
        free: u64,
    },
    /// A later version wrote into the journal what this version does not know.
    #[error("the journal in {} holds {what}, which only a later version of anomalyd reads; run the version that wrote it, or choose a new store.directory", directory.display())]
    NewerJournal {
        /// The journal's folder.
        directory: PathBuf,
        /// What is not known.
        what: String,
    },
    /// The disk refused.
    #[error("the disk refused a write: {0}; is it full or worn out?")]
    Sync(std::io::Error),
    /// The database refused.
    #[error("the database failed: {0}")]
    Database(String),
    /// The disk is full. It passes: what was to be written is kept, and written by the next attempt.
    #[error("the disk of the store {} is full, and {needed} bytes more are needed: {problem}; make room there", directory.display())]
    DiskFull {
        /// The folder.
        directory: PathBuf,
        /// How many bytes the disk has to hold beyond what it holds.
        needed: u64,
        /// The system's error.
        problem: io::Error,
    },
    /// The folder, or a file in it, was removed under the daemon.
    #[error("the store {} was removed, or its disk is gone, while anomalyd ran: nothing more is acknowledged; put it back, or start again to begin a new one", directory.display())]
    Gone {
        /// The folder.
        directory: PathBuf,
    },
    /// The system has no thread to give.
    #[error("the system refused a thread for the store: {0}")]
    Thread(io::Error),
    /// The thread that writes the database has ended without an error.
    #[error("the thread that writes the database died of a defect; nothing that was acknowledged is lost")]
    KeeperDied,
    /// A stored value cannot be read, and the daemon cannot go on without it.
    #[error(
        "the store is damaged; the next start sets it aside and begins a new one, so put back a copy of its folder first if there is one"
    )]
    Damaged,
}

impl StoreError {
    /// Whether the error lasts until a setting, or what it names, is changed: another start ends in the same way.
    pub fn is_lasting(&self) -> bool {
        use io::ErrorKind::{InvalidInput, NotADirectory, PermissionDenied, ReadOnlyFilesystem};
        match self {
            Self::OtherCut { .. }
            | Self::OtherRing { .. }
            | Self::OtherFormat { .. }
            | Self::NewerJournal { .. }
            | Self::DamagedAgain { .. }
            | Self::ReplacedAgain { .. } => true,
            Self::Directory { problem, .. } => {
                matches!(problem.kind(), InvalidInput | NotADirectory | PermissionDenied | ReadOnlyFilesystem)
            }
            // A store that is missing, in use, damaged, another user's or on a bad disk is not mended by a setting.
            Self::InUse { .. }
            | Self::Unreadable { .. }
            | Self::BeingCopied { .. }
            | Self::None { .. }
            | Self::SwapCutOff { .. }
            | Self::NoRoom { .. }
            | Self::NoRoomBeside { .. }
            | Self::NotCopied { .. }
            | Self::DamagedStore { .. }
            | Self::Sync(_)
            | Self::DiskFull { .. }
            | Self::Gone { .. }
            | Self::Thread(_)
            | Self::KeeperDied
            | Self::Database(_)
            | Self::Damaged => false,
        }
    }
}

impl From<Corrupt> for StoreError {
    fn from(_: Corrupt) -> Self {
        Self::Damaged
    }
}

/// Proof that everything written before is on the disk. Only a commit makes one, and a source must have one to
/// acknowledge.
#[derive(Debug, Clone, Copy)]
pub struct Committed(());

#[cfg(test)]
impl Committed {
    /// A proof without a commit, for tests of code that waits for one.
    pub(crate) fn for_test() -> Self {
        Self(())
    }
}

/// An open store.
#[derive(Debug)]
pub struct Store {
    /// The writer.
    pub writer: Writer,
    /// The reader.
    pub reader: Reader,
}

#[derive(Clone, Debug)]
struct Tables {
    sensors: Table,
    held: Table,
    windows: Table,
    heads: Table,
    runs: Table,
    verdicts: Table,
    rejects: Table,
    sessions: Table,
    progress: Table,
}

/// The points in time up to which work is done, as the store keeps them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// The time before which windows are closed for all sensors.
    Closed,
    /// The time before which windows are scored.
    Scored,
}

/// Why a store that could be opened is damaged all the same.
const NO_FORMAT: &str = "the entry that says what it was made with cannot be read";

/// Whether a process has the store in a folder open.
pub fn is_in_use(directory: &Path) -> bool {
    lock::is_in_use(directory)
}

/// The stores that were damaged or replaced and set aside in a folder, and are still there.
///
/// # Errors
/// When the folder cannot be looked into.
pub fn set_aside(directory: &Path) -> io::Result<Vec<SetAside>> {
    set_aside::list(directory)
}

/// Whether a store in a folder can be made anew: the one before is kept then, and few of these are.
///
/// # Errors
/// When as many are there as may be.
pub fn check_replaced(directory: &Path) -> Result<(), StoreError> {
    set_aside::check_replaced(directory)
}

/// A note of a few words beside a store, as it was written last.
///
/// # Errors
/// When there is none, or what has its name is not one.
pub fn read_note(directory: &Path, name: &str) -> io::Result<Vec<u8>> {
    side_file::read(&directory.join(name))
}

/// Writes a note beside a store, in the place of the one before.
///
/// # Errors
/// When the system refuses.
pub fn write_note(directory: &Path, name: &str, text: &str) -> io::Result<()> {
    side_file::write(&directory.join(name), text.as_bytes())
}

/// The process that takes signals for the store in a folder, if there is one.
///
/// # Errors
/// When the folder cannot be looked into.
pub fn signalled(directory: &Path) -> io::Result<Option<Pid>> {
    lock::signalled(directory)
}

impl Store {
    /// Lets [`signalled`] find this process, until it ends. The process must catch the signals by then.
    pub fn take_signals(&self) {
        self.writer.take_signals();
    }

    /// Opens the store; makes one if there is none.
    ///
    /// # Errors
    /// When the folder cannot be used, another process has it, or the store was made with other settings.
    pub fn open(settings: StoreSettings) -> Result<Self, StoreError> {
        let directory = settings.directory.clone();
        // The database would wait for the other end of a pipe.
        usable(&directory)?;
        let lock = Arc::new(lock::for_writing(&directory)?);
        rebuild::complete(&directory)?;
        match Self::open_locked(settings.clone(), Arc::clone(&lock)) {
            Err(StoreError::Damaged) => {
                set_aside::condemn(&directory, NO_FORMAT);
                Self::open_locked(settings, lock)
            }
            Err(StoreError::OtherFormat { found: upgrade::EARLIER, .. }) => {
                tracing::info!("the store has the format of an earlier version, and is brought up to this one's");
                let upgraded = upgrade::from_earlier(&settings, &lock)?;
                tracing::info!("{upgraded}");
                Self::open_locked(settings, lock)
            }
            opened => opened,
        }
    }

    fn open_locked(settings: StoreSettings, lock: Arc<File>) -> Result<Self, StoreError> {
        let db = Db::open(&settings.directory, settings.cache_bytes, lock)?;
        let tables = Tables::of(&db)?;
        format::check(&tables.progress, &settings)?;
        format::keep_copy(&settings);
        let unreadable = UnreadableEntries::default();
        let (journal, findings) = open_journal(&journal_folder(&settings.directory), &settings, &tables)?;
        tell_of(&findings);
        let rejects = RejectRing::open(&tables.rejects, settings.reject_blocks)?;
        let reader = Reader::new(db.clone(), tables.clone(), settings.clone(), unreadable);
        let numbers = reader.numbers()?;
        let writer = Writer::new(db, tables, journal, rejects, settings, numbers)?;
        Ok(Self { writer, reader })
    }
}

/// Reads a store that no process writes to, and changes nothing in its folder: what is read is a private copy.
///
/// # Errors
/// When there is no store, it cannot be read, it is in use, there is no room for the copy, or it was made with other
/// settings.
pub fn read(settings: StoreSettings) -> Result<Reader, StoreError> {
    if rebuild::is_pending(&settings.directory) {
        return Err(StoreError::SwapCutOff { directory: settings.directory });
    }
    let (db, copy) = Db::open_copy(&settings.directory, settings.cache_bytes)?;
    reader_of(db, copy, settings)
}

/// The reader of a private copy.
fn reader_of(db: Db, copy: PrivateCopy, settings: StoreSettings) -> Result<Reader, StoreError> {
    let directory = settings.directory.clone();
    let tables = Tables::of(&db).and_then(|tables| format::check(&tables.progress, &settings).map(|()| tables));
    let tables = tables.map_err(|error| match error {
        StoreError::Damaged => StoreError::DamagedStore { directory, reason: NO_FORMAT.to_owned() },
        error => error,
    })?;
    open_journal(&journal_folder(copy.path()), &settings, &tables)?;
    // sled has the copy's file open and reads no other.
    copy.remove_database();
    Ok(Reader::of_copy(db, tables, settings, copy))
}

/// Opens the journal in a folder, and redoes in the small tables what it records.
fn open_journal(
    folder: &Path,
    settings: &StoreSettings,
    tables: &Tables,
) -> Result<(Journal, JournalFindings), StoreError> {
    let settled = redo::settled(tables)?;
    // Tests open many stores.
    let segment_bytes = if cfg!(test) { 64 << 10 } else { JournalSettings::default().segment_bytes };
    let (mut journal, findings) = Journal::open(folder, JournalSettings { settled, segment_bytes })?;
    redo::redo(&mut journal, &findings, tables, settings)?;
    Ok((journal, findings))
}

/// Tells what a start found in the journal.
fn tell_of(findings: &JournalFindings) {
    metrics::JOURNAL_RECORDS_LOST.add(findings.records_lost);
    for line in findings.lines() {
        tracing::error!("{line}");
    }
    if findings.last.0 > 0 {
        tracing::info!(records = findings.records, last = findings.last.0, "the journal is read up to its last record");
    }
}

/// Where the journal of a store lies.
fn journal_folder(directory: &Path) -> PathBuf {
    directory.join("journal")
}

impl Tables {
    fn of(db: &Db) -> Result<Self, StoreError> {
        Ok(Self {
            sensors: db.table("sensors")?,
            held: db.table("held")?,
            windows: db.table("windows")?,
            heads: db.table("heads")?,
            runs: db.table("runs")?,
            verdicts: db.table("verdicts")?,
            rejects: db.table("rejects")?,
            sessions: db.table("sessions")?,
            progress: db.table("progress")?,
        })
    }
}

#[cfg(test)]
mod tests;
