//! The durable store.
//!
//! There is one [`Writer`], owned by one thread, and any number of [`Reader`]s. What the writer writes is durable, and
//! may be acknowledged, when [`Writer::commit`] returns its [`Committed`]: the file that holds it was synced by then. A
//! cut in between loses a tail of the writes, never one in their middle.
//!
//! | table | key | value |
//! | --- | --- | --- |
//! | `sensors` | sensor id | name |
//! | `journal` | increasing number | accepted readings, or a closing ([`Record`]) |
//! | `windows` | sensor id, window number in the ring | the window's intervals ([`WindowBlock`](crate::window::WindowBlock)) |
//! | `heads` | sensor id | what outlives the sensor's windows ([`SensorHead`](crate::window::SensorHead)) |
//! | `runs` | window number in the ring | the ledger's entry ([`Run`](crate::run::Run)) |
//! | `verdicts` | window number in the ring, chunk | the verdicts of a few sensors ([`Verdict`](crate::verdict::Verdict)) |
//! | `rejects` | number in the ring | the rejects of a commit |
//! | `sessions` | client id | MQTT sessions that outlive their connections: when one was last used, roughly |
//! | `progress` | name | how far closing, scoring and each sink are |

mod db;
mod journal;
mod keys;
mod reader;
mod rejects;
mod runs;
mod verdicts;
mod writer;

use std::io;
use std::path::{Path, PathBuf};

use rustix::process::Pid;

pub use db::SetAside;
pub use journal::Record;
pub use reader::Reader;
pub use rejects::{StoredReject, StoredRejects};
pub use verdicts::ChunkId;
pub use writer::Writer;

use crate::codec::{Corrupt, Decoder, Encoder};
use crate::interval::Cut;
use crate::store::db::{Db, Table};
use crate::store::journal::Journal;
use crate::store::rejects::RejectRing;

/// Where and how much is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreSettings {
    /// The folder.
    pub directory: PathBuf,
    /// How many windows are kept of each sensor.
    pub windows: u32,
    /// How many runs are kept, with their verdicts.
    pub runs: u32,
    /// How many blocks of rejects are kept; a block holds those of one commit.
    pub reject_blocks: u32,
    /// How much of the database is cached in memory, in bytes. A wish: the database may take some more.
    pub cache_bytes: u64,
    /// How event time is cut. A store belongs to one cut.
    pub cut: Cut,
}

/// Why the store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder cannot be used.
    #[error("the store's folder {} cannot be used: {problem}; it must be a folder that anomalyd may write to (store.directory)", directory.display())]
    Directory {
        /// The folder.
        directory: PathBuf,
        /// What the system says.
        problem: std::io::Error,
    },
    /// Another process has the store open.
    #[error("the store {} is in use by another anomalyd; stop that one first, or give this one its own store.directory", directory.display())]
    InUse {
        /// The folder.
        directory: PathBuf,
    },
    /// The store was made with other settings.
    #[error("the store {} was made with an interval of {} and a window of {}, and the configuration says {} and {}; restore those settings, or choose a new store.directory",
        directory.display(), stored.interval(), stored.window(), configured.interval(), configured.window())]
    OtherCut {
        /// The folder.
        directory: PathBuf,
        /// What it was made with.
        stored: Cut,
        /// What is asked for.
        configured: Cut,
    },
    /// The store was made with rings of other sizes.
    #[error("the store {} was made with {key} = {stored}, and the configuration says {configured}; restore that, or choose a new store.directory", directory.display())]
    OtherRing {
        /// The folder.
        directory: PathBuf,
        /// Which ring.
        key: &'static str,
        /// What it was made with.
        stored: u32,
        /// What is asked for.
        configured: u32,
    },
    /// There is no store.
    #[error("there is no store in {}; was anomalyd ever run with this configuration?", directory.display())]
    None {
        /// The folder.
        directory: PathBuf,
    },
    /// The store was made by another version.
    #[error("the store {} has format {found}, and this anomalyd reads format {}; run the version that made it, or choose a new store.directory", directory.display(), FORMAT)]
    OtherFormat {
        /// The folder.
        directory: PathBuf,
        /// The format found.
        found: u64,
    },
    /// The disk refused.
    #[error("the disk refused a write: {0}; is it full or worn out?")]
    Sync(std::io::Error),
    /// The database refused.
    #[error("the database failed: {0}")]
    Database(String),
    /// A stored value cannot be read.
    #[error("a stored value is damaged; move the store's folder away to start anew")]
    Damaged,
}

impl From<Corrupt> for StoreError {
    fn from(_: Corrupt) -> Self {
        Self::Damaged
    }
}

/// Proof that everything written before is on the disk. Only a commit makes one, and only one lets a source
/// acknowledge.
#[derive(Debug, Clone, Copy)]
pub struct Committed(());

#[cfg(test)]
impl Committed {
    /// For the tests of what waits for a commit.
    pub(crate) fn for_test() -> Self {
        Self(())
    }
}

/// An open store.
#[derive(Debug)]
pub struct Store {
    /// The one who writes.
    pub writer: Writer,
    /// Those who read.
    pub reader: Reader,
    /// The damaged store that was set aside, if there was one.
    pub set_aside: Option<SetAside>,
}

#[derive(Clone, Debug)]
struct Tables {
    sensors: Table,
    windows: Table,
    heads: Table,
    runs: Table,
    verdicts: Table,
    rejects: Table,
    sessions: Table,
    progress: Table,
}

/// What the store keeps track of as a point in time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress<'a> {
    /// The time before which windows are closed for all sensors.
    Closed,
    /// The time before which windows are scored.
    Scored,
    /// The time before which a sink has published the verdicts.
    Published {
        /// The sink.
        sink: &'a str,
    },
}

const FORMAT: u64 = 1;
const FORMAT_KEY: &[u8] = b"format";

/// Whether a process has the store in a folder open.
pub fn is_in_use(directory: &Path) -> bool {
    Db::is_in_use(directory)
}

/// The process that takes signals for the store in a folder, if there is one.
///
/// # Errors
/// When the folder cannot be looked into.
pub fn signalled(directory: &Path) -> io::Result<Option<Pid>> {
    Db::signalled(directory)
}

impl Store {
    /// Opens a store that is there.
    ///
    /// # Errors
    /// As [`open`](Self::open), and when there is none.
    pub fn open_existing(settings: StoreSettings) -> Result<Self, StoreError> {
        if Db::exists(&settings.directory) {
            Self::open(settings)
        } else {
            Err(StoreError::None { directory: settings.directory })
        }
    }

    /// Lets [`signalled`] find this process, until it ends. It should catch the signals by then.
    pub fn take_signals(&self) {
        self.writer.take_signals();
    }

    /// Opens the store, making it if there is none.
    ///
    /// # Errors
    /// When the folder cannot be used, another process has it, or it was made with other settings.
    pub fn open(settings: StoreSettings) -> Result<Self, StoreError> {
        let (db, set_aside) = Db::open(&settings.directory, settings.cache_bytes)?;
        let tables = Tables {
            sensors: db.table("sensors")?,
            windows: db.table("windows")?,
            heads: db.table("heads")?,
            runs: db.table("runs")?,
            verdicts: db.table("verdicts")?,
            rejects: db.table("rejects")?,
            sessions: db.table("sessions")?,
            progress: db.table("progress")?,
        };
        check_format(&tables.progress, &settings)?;
        let journal = Journal::new(db.table("journal")?);
        let rejects = RejectRing::open(tables.rejects.clone(), settings.reject_blocks)?;
        let reader = Reader::new(db.clone(), tables.clone(), settings.clone());
        let writer = Writer::new(db, tables, journal, rejects, settings);
        Ok(Self { writer, reader, set_aside })
    }
}

fn check_format(progress: &Table, settings: &StoreSettings) -> Result<(), StoreError> {
    let Some(bytes) = progress.get(FORMAT_KEY)? else {
        let mut encoder = Encoder::default();
        encoder.unsigned(FORMAT);
        encoder.signed(settings.cut.interval().nanos());
        encoder.signed(settings.cut.window().nanos());
        encoder.unsigned(u64::from(settings.windows));
        encoder.unsigned(u64::from(settings.runs));
        return progress.put(FORMAT_KEY, &encoder.into_bytes());
    };
    let mut decoder = Decoder::new(&bytes);
    let directory = settings.directory.clone();
    match decoder.unsigned()? {
        FORMAT => {}
        found => return Err(StoreError::OtherFormat { directory, found }),
    }
    let [interval, window] = [decoder.span()?, decoder.span()?];
    let stored = Cut::new(interval, window).map_err(|_| StoreError::Damaged)?;
    if stored != settings.cut {
        return Err(StoreError::OtherCut { directory, stored, configured: settings.cut });
    }
    // The place of a window depends on the size of its ring.
    for (key, configured) in [("store.windows", settings.windows), ("store.runs", settings.runs)] {
        let stored = decoder.narrow()?;
        if stored != configured {
            return Err(StoreError::OtherRing { directory, key, stored, configured });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
