//! The durable store.
//!
//! There is one [`Writer`], owned by one thread, and any number of [`Reader`]s. What the writer writes is durable, and
//! may be acknowledged, when [`Writer::commit`] returns its [`Committed`]: it then survives the death of the process
//! and the loss of power. A cut in between loses a tail of the writes, never one in their middle.
//!
//! | table | key | value |
//! | --- | --- | --- |
//! | `sensors` | sensor id | name |
//! | `journal` | increasing number | accepted readings, or a closing ([`Record`]) |
//! | `windows` | sensor id, window number in the ring | the window's intervals ([`WindowBlock`]) |
//! | `heads` | sensor id | what outlives the sensor's windows ([`SensorHead`]) |
//! | `runs` | window number in the ring | the ledger's entry ([`Run`]) |
//! | `verdicts` | window number in the ring, chunk | the verdicts of a few sensors ([`Verdict`]) |
//! | `rejects` | number in the ring | the rejects of a commit |
//! | `sessions` | client id | MQTT sessions that outlive their connections |
//! | `progress` | name | how far closing, scoring and each sink are |

mod db;
mod journal;
mod rejects;
mod runs;
mod verdicts;

use std::path::PathBuf;

pub use db::SetAside;
pub use journal::Record;
pub use rejects::StoredReject;
pub use verdicts::ChunkId;

use crate::codec::{Corrupt, Decoder, Encoder};
use crate::interval::{Cut, Window};
use crate::reading::{Reading, Rejects};
use crate::run::Run;
use crate::sensor::{SensorId, SensorName};
use crate::store::db::{Db, Table};
use crate::store::journal::Journal;
use crate::store::rejects::RejectRing;
use crate::time::Timestamp;
use crate::verdict::Verdict;
use crate::window::{ClosedWindow, SensorHead, WindowBlock};

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

/// Writes to the store.
#[derive(Debug)]
pub struct Writer {
    db: Db,
    tables: Tables,
    journal: Journal,
    rejects: RejectRing,
    settings: StoreSettings,
    /// The time before which windows are closed for all sensors, to be forgotten by the journal at the next commit.
    closed: Option<Timestamp>,
    written: Written,
}

/// Whether anything was written since the last commit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Written {
    Nothing,
    Something,
}

/// Reads from the store. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Reader {
    db: Db,
    tables: Tables,
    settings: StoreSettings,
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

impl Store {
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
        let reader = Reader { db: db.clone(), tables: tables.clone(), settings: settings.clone() };
        let writer = Writer { db, tables, journal, rejects, settings, closed: None, written: Written::Something };
        Ok(Self { writer, reader, set_aside })
    }
}

fn check_format(progress: &Table, settings: &StoreSettings) -> Result<(), StoreError> {
    let Some(bytes) = progress.get(FORMAT_KEY)? else {
        let mut encoder = Encoder::default();
        encoder.unsigned(FORMAT);
        encoder.signed(settings.cut.interval().nanos());
        encoder.signed(settings.cut.window().nanos());
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
    if stored == settings.cut {
        Ok(())
    } else {
        Err(StoreError::OtherCut { directory, stored, configured: settings.cut })
    }
}

impl Writer {
    /// Hands every record of the journal to `each`, in order. To be called once, before anything is written.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn replay_journal(&mut self, each: impl FnMut(Record)) -> Result<(), StoreError> {
        self.journal.replay(each)
    }

    /// Writes down the names behind new sensor numbers.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn add_sensors(&mut self, sensors: &[(SensorId, SensorName)]) -> Result<(), StoreError> {
        for (id, name) in sensors {
            self.written = Written::Something;
            let mut encoder = Encoder::default();
            encoder.blob(name.device().as_bytes());
            encoder.blob(name.sensor().as_bytes());
            self.tables.sensors.put(&id.0.to_be_bytes(), &encoder.into_bytes())?;
        }
        Ok(())
    }

    /// Appends accepted readings to the journal.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn append_readings(&mut self, readings: &[Reading]) -> Result<(), StoreError> {
        if readings.is_empty() {
            return Ok(());
        }
        self.written = Written::Something;
        self.journal.append_readings(readings)
    }

    /// Notes that the windows before `until` are closed for all sensors: in the journal, because it decides what is
    /// late from there on, and as a progress. The windows themselves are to be put before the next commit.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn close(&mut self, until: Timestamp) -> Result<(), StoreError> {
        self.written = Written::Something;
        self.journal.append_closed(until)?;
        self.closed = Some(until);
        Ok(())
    }

    /// Stores a window that is over for one sensor, in the place of its oldest one.
    ///
    /// # Errors
    /// When the database refuses.
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
    ///
    /// # Errors
    /// When the database refuses.
    pub fn put_run(&mut self, run: &Run) -> Result<(), StoreError> {
        self.written = Written::Something;
        let slot = ring_slot(run.window, self.settings.runs);
        self.tables.runs.put(&slot.to_be_bytes(), &runs::encode(run))
    }

    /// Stores all verdicts of one chunk of a run, in the order of their sensors.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn put_verdicts(&mut self, window: Window, chunk: ChunkId, verdicts: &[Verdict]) -> Result<(), StoreError> {
        self.written = Written::Something;
        let key = chunk.key(ring_slot(window, self.settings.runs));
        self.tables.verdicts.put_parts(&key, &verdicts::encode(window, verdicts))
    }

    /// Keeps rejects, in the place of the oldest ones.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn put_rejects(&mut self, rejects: &Rejects) -> Result<(), StoreError> {
        if rejects.kept().is_empty() {
            return Ok(());
        }
        self.written = Written::Something;
        self.rejects.append(rejects)
    }

    /// Remembers an MQTT session.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn put_session(&mut self, client: &str) -> Result<(), StoreError> {
        self.written = Written::Something;
        self.tables.sessions.put(client.as_bytes(), &[])
    }

    /// Forgets an MQTT session.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn remove_session(&mut self, client: &str) -> Result<(), StoreError> {
        self.written = Written::Something;
        self.tables.sessions.remove(client.as_bytes())
    }

    /// Notes how far something is.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn put_progress(&mut self, progress: Progress<'_>, until: Timestamp) -> Result<(), StoreError> {
        self.written = Written::Something;
        self.tables.progress.put(&progress_key(progress), &until.nanos().to_be_bytes())
    }

    /// Makes everything written so far durable.
    ///
    /// # Errors
    /// When the disk or the database refuses. What was written since the last commit is then in doubt, and the process
    /// should end: after a failed sync the operating system may have dropped the bytes.
    pub fn commit(&mut self) -> Result<Committed, StoreError> {
        if let Some(until) = self.closed {
            self.put_progress(Progress::Closed, until)?;
        }
        if self.written == Written::Something {
            self.db.sync()?;
            self.written = Written::Nothing;
        }
        // Only now are the windows durable that make the front of the journal dispensable.
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

impl Reader {
    /// All sensors that have a number, in the order of their numbers.
    ///
    /// # Errors
    /// When the database refuses or is damaged.
    pub fn sensors(&self) -> Result<Vec<SensorName>, StoreError> {
        let decode = |entry: Result<(Vec<u8>, Vec<u8>), StoreError>| {
            let (_, value) = entry?;
            let mut decoder = Decoder::new(&value);
            SensorName::new(decoder.text()?, decoder.text()?).map_err(|_| StoreError::Damaged)
        };
        self.tables.sensors.iter().map(decode).collect()
    }

    /// What outlives the windows of each sensor that has any.
    ///
    /// # Errors
    /// When the database refuses or is damaged.
    pub fn heads(&self) -> Result<Vec<SensorHead>, StoreError> {
        let decode = |entry: Result<(Vec<u8>, Vec<u8>), StoreError>| {
            let (key, value) = entry?;
            let sensor = SensorId(u32::from_be_bytes(key.try_into().map_err(|_| StoreError::Damaged)?));
            let mut decoder = Decoder::new(&value);
            let closed = Timestamp::from_nanos(decoder.signed()?);
            Ok(SensorHead { sensor, closed, last_value: decoder.float()? })
        };
        self.tables.heads.iter().map(decode).collect()
    }

    /// The intervals of a sensor's window; `None` when it held no readings, or is no longer kept.
    ///
    /// # Errors
    /// When the database refuses or is damaged.
    pub fn window(&self, sensor: SensorId, window: Window) -> Result<Option<WindowBlock>, StoreError> {
        let key = window_key(sensor, window, self.settings.windows);
        let Some(bytes) = self.tables.windows.get_parts(&key)? else { return Ok(None) };
        let block = WindowBlock::from_bytes(bytes);
        Ok((block.window_start()? == window.start()).then_some(block))
    }

    /// The run of a window, if the ledger has it.
    ///
    /// # Errors
    /// When the database refuses or is damaged.
    pub fn run(&self, window: Window) -> Result<Option<Run>, StoreError> {
        let slot = ring_slot(window, self.settings.runs);
        let Some(bytes) = self.tables.runs.get(&slot.to_be_bytes())? else { return Ok(None) };
        let run = runs::decode(self.settings.cut, &bytes)?;
        Ok((run.window == window).then_some(run))
    }

    /// All runs in the ledger, the oldest first.
    ///
    /// # Errors
    /// When the database refuses or is damaged.
    pub fn runs(&self) -> Result<Vec<Run>, StoreError> {
        let runs: Result<Vec<_>, StoreError> =
            self.tables.runs.iter().map(|entry| Ok(runs::decode(self.settings.cut, &entry?.1)?)).collect();
        let mut runs = runs?;
        runs.sort_by_key(|run| run.window);
        Ok(runs)
    }

    /// The verdicts of one chunk of a run; none when it is not stored.
    ///
    /// # Errors
    /// When the database refuses or is damaged.
    pub fn verdicts(&self, window: Window, chunk: ChunkId) -> Result<Vec<Verdict>, StoreError> {
        let key = chunk.key(ring_slot(window, self.settings.runs));
        match self.tables.verdicts.get_parts(&key)? {
            Some(bytes) => Ok(verdicts::decode(window, &bytes)?),
            None => Ok(Vec::new()),
        }
    }

    /// All rejects that are kept, the oldest first.
    ///
    /// # Errors
    /// When the database refuses or is damaged.
    pub fn rejects(&self) -> Result<Vec<StoredReject>, StoreError> {
        rejects::read(&self.tables.rejects, self.settings.reject_blocks)
    }

    /// The client ids of all MQTT sessions that are remembered.
    ///
    /// # Errors
    /// When the database refuses or is damaged.
    pub fn sessions(&self) -> Result<Vec<String>, StoreError> {
        let decode = |entry: Result<(Vec<u8>, Vec<u8>), StoreError>| {
            String::from_utf8(entry?.0).map_err(|_| StoreError::Damaged)
        };
        self.tables.sessions.iter().map(decode).collect()
    }

    /// How far something is; `None` before it began.
    ///
    /// # Errors
    /// When the database refuses or is damaged.
    pub fn progress(&self, progress: Progress<'_>) -> Result<Option<Timestamp>, StoreError> {
        let Some(bytes) = self.tables.progress.get(&progress_key(progress))? else { return Ok(None) };
        let nanos = bytes.try_into().map_err(|_| StoreError::Damaged)?;
        Ok(Some(Timestamp::from_nanos(i64::from_be_bytes(nanos))))
    }

    /// The size of the store on the disk, in bytes.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn size_bytes(&self) -> Result<u64, StoreError> {
        self.db.size_bytes()
    }
}

/// The place of a window in a ring of `slots`: places are used again, so that the files stay flat.
fn ring_slot(window: Window, slots: u32) -> u32 {
    let slot = window.index().rem_euclid(i64::from(slots.max(1)));
    // The remainder of a division by a u32 is one.
    u32::try_from(slot).unwrap_or_default()
}

fn window_key(sensor: SensorId, window: Window, slots: u32) -> [u8; 8] {
    (u64::from(sensor.0) << 32 | u64::from(ring_slot(window, slots))).to_be_bytes()
}

fn progress_key(progress: Progress<'_>) -> Vec<u8> {
    match progress {
        Progress::Closed => b"closed".to_vec(),
        Progress::Scored => b"scored".to_vec(),
        Progress::Published { sink } => format!("published/{sink}").into_bytes(),
    }
}

#[cfg(test)]
mod tests;
