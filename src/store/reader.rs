//! Reading from the store.

use std::time::Duration;

use crate::codec::{Corrupt, Decoder};
use crate::interval::Window;
use crate::reading::Reading;
use crate::run::Run;
use crate::sensor::{SensorId, SensorName};
use crate::store::db::Db;
use crate::store::journal::decode_readings;
use crate::store::keys::{LATENESS_KEY, progress_key, ring_slot, window_key};
use crate::store::{ChunkId, Progress, StoreError, StoreSettings, StoredRejects, Tables, rejects, runs, verdicts};
use crate::time::{Span, Timestamp};
use crate::verdict::Verdict;
use crate::window::{SensorHead, WindowBlock};

/// Reads from the store. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Reader {
    db: Db,
    tables: Tables,
    settings: StoreSettings,
}

impl Reader {
    pub(super) fn new(db: Db, tables: Tables, settings: StoreSettings) -> Self {
        Self { db, tables, settings }
    }

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

    /// The readings that wait for the clock, by the numbers that they are stored under. An entry that cannot be read costs
    /// its own readings, and comes without any.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn held(&self) -> Result<Vec<(u64, Vec<Reading>)>, StoreError> {
        let decode = |entry: Result<(Vec<u8>, Vec<u8>), StoreError>| {
            let (key, value) = entry?;
            let number = u64::from_be_bytes(key.try_into().map_err(|_| StoreError::Damaged)?);
            let readings = decode_readings(&value).unwrap_or_else(|Corrupt| {
                tracing::error!(
                    number,
                    "readings that waited for the clock are lost: their entry in the store is damaged"
                );
                Vec::new()
            });
            Ok((number, readings))
        };
        self.tables.held.iter().map(decode).collect()
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

    /// Whether a later window has taken a sensor's window's place in the ring: then nobody knows what it held.
    ///
    /// # Errors
    /// When the database refuses or is damaged.
    pub fn is_overwritten(&self, sensor: SensorId, window: Window) -> Result<bool, StoreError> {
        let key = window_key(sensor, window, self.settings.windows);
        let Some(bytes) = self.tables.windows.get_parts(&key)? else { return Ok(false) };
        Ok(WindowBlock::from_bytes(bytes).window_start()? > window.start())
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

    /// The rejects of each commit that are kept, the oldest first.
    ///
    /// # Errors
    /// When the database refuses or is damaged.
    pub fn rejects(&self) -> Result<Vec<StoredRejects>, StoreError> {
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

    /// The largest lateness under which readings in the journal were accepted.
    ///
    /// # Errors
    /// When the database refuses or is damaged.
    pub fn lateness(&self) -> Result<Span, StoreError> {
        let Some(bytes) = self.tables.progress.get(LATENESS_KEY)? else { return Ok(Span::ZERO) };
        let nanos = u64::from_be_bytes(bytes.try_into().map_err(|_| StoreError::Damaged)?);
        Ok(Span::from(Duration::from_nanos(nanos)))
    }

    /// The size of the store on the disk, in bytes.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn size_bytes(&self) -> Result<u64, StoreError> {
        self.db.size_bytes()
    }
}
