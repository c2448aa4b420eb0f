//! The durable store.
//!
//! There is one [`Writer`], owned by one thread, and any number of [`Reader`]s. What must be durable before a promise is
//! kept goes into the journal (`journal/`): [`Writer::commit`] syncs it and returns a [`Committed`]. After a power cut a
//! commit is there whole, or not at all. Everything else is handed to the keeper (`keeper.rs`), which writes the database
//! behind the promises; a part that has to wait for the database waits for a [`Ticket`]. At a start the small tables are
//! redone from the journal (`redo.rs`), and the pipeline makes the open windows from it.
//!
//! | table | key | value |
//! | --- | --- | --- |
//! | `sensors` | sensor id | name; nothing for an id that is free again |
//! | `held` | number | readings from ahead of the clock that are not judged yet; judging one twice changes nothing |
//! | `windows` | slot of the window in the ring, sensor id | the window's intervals ([`WindowBlock`](crate::window::WindowBlock)) |
//! | `heads` | sensor id | until when the sensor is closed, and its deadband's last value ([`SensorHead`](crate::window::SensorHead)) |
//! | `conditions` | sensor id | what is usual for the sensor, and its conditions ([`SensorConditions`](crate::condition::SensorConditions)); written when it changes |
//! | `runs` | slot of the run's id in the ring | the ledger's entry ([`Run`](crate::run::Run)) |
//! | `run_logs` | slot of the run's id in the ring of verdicts | what was logged of the run ([`RunLog`](crate::run::RunLog)) |
//! | `verdicts` | slot of the run's id in its own ring, chunk | the verdicts of a few sensors ([`Verdict`](crate::verdict::Verdict)) |
//! | `rejects` | slot in the ring | the rejects of a commit |
//! | `sessions` | client id | MQTT sessions that outlive their connections: when one was last used, roughly |
//! | `progress` | name | how far closing and scoring are, and looking for conditions; each sink's cursor; the next ids of sensors and runs; what is settled; the bounds under which readings were accepted; the subscriptions at a broker; what the store was made with |
//!
//! `reader.rs` says what is lost with an entry that cannot be read.

mod archive;
mod backup;
mod builder;
mod checksum;
mod conditions;
mod contents;
mod db;
mod disk_space;
mod error;
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
mod names_copy;
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
mod run_course;
mod run_logs;
mod run_reads;
mod runs;
mod set_aside;
mod shedder;
mod shedding;
mod short_lives;
mod side_file;
mod statistics;
mod unreadable;
mod upgrade;
mod verdicts;
mod verify;
mod window_reads;
mod writer;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use rustix::process::Pid;

pub use archive::{ArchiveContent, ArchiveError, ArchiveOrigin};
pub use backup::{
    Backup, BackupError, Existing, Restored, WriteArchiveError, back_up, receive, restore, write_archive,
};
pub use conditions::WindowScan;
pub use disk_space::{bytes_on_disk, free_bytes, total_bytes};
pub use error::StoreError;
pub use format::{StoreFit, fit};
pub use history::{History, HistoryReader, HistoryReading, HistoryReadings, HistorySettings};
#[doc(hidden)]
pub use journal::go_through_segment;
pub use journal_pins::{JournalExtent, JournalPin};
pub use keeper::{Backlog, KeeperProgress, Ticket};
pub use kept_models::{Keeping, KeptModels, read_kept_model};
pub use place::{StorePlace, StorePlaceError};
pub use reader::{Reader, StoredIntervals};
pub use recut::{Recut, RecutPlan, plan as recut_plan, recut};
pub use rejects::{StoredReject, StoredRejects};
pub use repair::{Repair, RepairError};
pub use set_aside::{AsideCause, SetAside};
pub use shedding::{DiskUse, Relief, ShedSettings};
pub use short_lives::ShortLives;
pub use statistics::{PieceStatistics, StoreStatistics, TableStatistics, WrittenStatistics, statistics};
pub use upgrade::{Upgrade, Upgraded, upgrade};
pub use verdicts::ChunkId;
pub use verify::{Checked, CheckedPart, Finding, Remedy, verify};
pub use writer::{StoredChunks, WindowRecord, Writer};

use crate::group::GroupName;
use crate::interval::Cut;
use crate::store::db::{Db, Table};
use crate::store::journal::{Journal, JournalFindings, JournalSettings};
use crate::store::keys::NEXT_RUN_KEY;
use crate::store::private_copy::PrivateCopy;
use crate::store::rejects::RejectRing;
use crate::store::unreadable::UnreadableEntries;
use crate::telemetry::metrics;
use crate::time::{Span, Timestamp};
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
        const REJECTS_A_BLOCK: u64 = 8 << 10;
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

/// Makes sure that what has the names of the store's files are files. Opens them, and no more.
///
/// # Errors
/// When one of them is something else, such as a link or a pipe: a start refuses that.
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
    conditions: Table,
    runs: Table,
    run_logs: Table,
    verdicts: Table,
    rejects: Table,
    sessions: Table,
    progress: Table,
}

/// The points in time up to which work is done, as the store keeps them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Progress {
    /// The time before which windows are closed for all sensors.
    Closed,
    /// The time before which the windows of a group are scored.
    Scored(GroupName),
}

/// Why a store counts as damaged although its database opens.
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

/// Waits for processes that copy the store in a folder, as [`Store::open`] does, but without keeping the thread from other
/// work.
///
/// # Errors
/// When they take too long.
pub async fn wait_for_copies(directory: &Path) -> Result<(), StoreError> {
    let begun = Instant::now();
    let mut is_told = false;
    while lock::is_being_copied(directory) {
        if begun.elapsed() >= lock::READERS_PATIENCE {
            return Err(StoreError::BeingCopied { directory: directory.to_owned() });
        }
        if !std::mem::replace(&mut is_told, true) {
            tracing::info!("a command is copying the store to read it; the start waits for it");
        }
        tokio::time::sleep(lock::PAUSE).await;
    }
    Ok(())
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
        let rejects = RejectRing::open(&tables.rejects, &tables.progress, settings.reject_blocks)?;
        let reader = Reader::new(db.clone(), tables.clone(), settings.clone(), unreadable);
        if let Some(run) = reader.unbegun_run()? {
            tables.progress.put(NEXT_RUN_KEY, &run.0.to_be_bytes())?;
        }
        let numbers = reader.numbers()?;
        let must_be_closed = findings.settled.map_or(Timestamp::MIN, |(_, closed)| closed);
        let writer = Writer::new(db, tables, journal, rejects, settings, numbers, must_be_closed)?;
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
    if let Some(line) = findings.torn_line() {
        tracing::warn!("{line}");
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
            conditions: db.table("conditions")?,
            runs: db.table("runs")?,
            run_logs: db.table("run_logs")?,
            verdicts: db.table("verdicts")?,
            rejects: db.table("rejects")?,
            sessions: db.table("sessions")?,
            progress: db.table("progress")?,
        })
    }
}

#[cfg(test)]
mod tests;
