//! Reading from the store.
//!
//! An entry that cannot be read costs only itself, and never the entries beside it. It is counted and named in the log
//! (`unreadable.rs`), and the reader goes on without it:
//!
//! | what cannot be read | what is lost |
//! | --- | --- |
//! | a sensor's name | the name: its number stays taken, and the sensor gets another number when it sends again |
//! | a sensor's head | its closing and its deadband's last value: the sensor goes on from the closing of all sensors |
//! | a window | the window: a scoring that needs it fails, which is not counted against its model; no file is written |
//! | a sensor's conditions | these, and what is usual for it: both are found out anew |
//! | how far windows were looked at for conditions | the windows between: looking goes on at the last closing |
//! | a run | the run: it is not published, and its window gets another run if it is still due |
//! | a chunk of verdicts | the verdicts of its sensors in that run; if the run goes on, they are made again |
//! | rejects of a commit | those rejects |
//! | which rejects of a commit were replayed | nothing: what is replayed again counts nothing twice |
//! | a session | the session: its client is told that there is none |
//! | how far closing or scoring is | nothing: the ledger's newest run tells it |
//! | a sink's cursor | nothing: what is in the ledger is published again |
//! | the id of the next run | nothing: the ledger's newest run tells it |
//! | the journal's lateness, and how many readings an interval kept | nothing: the most is assumed |
//! | readings that wait for the clock | those that were stored together |
//! | the subscriptions at a broker | nothing: those of removed routes are not taken back |
//! | what the store was made with | nothing: its copy beside the database tells (`format.rs`) |
//! | what the database says is settled | nothing: the start says that the database lost something, and redoes the journal |
//! | a record of the journal | what it records, and nothing of other records (`journal/recovery.rs`) |
//! | a block of the raw history | its readings (`history/block_file.rs`) |
//! | a kept model | decision values that are not stored: they cannot be computed again (`rescoring.rs`) |

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::codec::{Corrupt, Decoder};
use crate::interval::{Interval, Window};
use crate::reading::{Reading, RejectId};
use crate::run::{Run, RunState};
use crate::sensor::{NumberedSensor, SensorId, SensorName};
use crate::store::db::{Db, Table};
use crate::store::held::decode_readings;
use crate::store::keys::{
    KEPT_PER_INTERVAL_KEY, LATENESS_KEY, NUMBERS_KEY, SUBSCRIPTIONS_KEY, progress_key, window_key,
};
use crate::store::private_copy::PrivateCopy;
use crate::store::unreadable::UnreadableEntries;
use crate::store::{
    JournalPin, Progress, StoreError, StoreSettings, StoredReject, StoredRejects, Tables, checksum, journal_folder,
    rejects,
};
use crate::time::{Span, Timestamp};
use crate::window::{SensorHead, WindowBlock};

/// Reads from the store. Cheap to clone.
///
/// Every read fails when the database refuses; where a read fails for another reason too, its own doc says so.
#[derive(Clone, Debug)]
pub struct Reader {
    pub(super) db: Db,
    pub(super) tables: Tables,
    pub(super) settings: StoreSettings,
    pub(super) unreadable: UnreadableEntries,
    /// The journal's folder.
    pub(super) journal: PathBuf,
    /// Kept as long as somebody reads from it.
    _copy: Option<Arc<PrivateCopy>>,
}

/// A sensor's intervals of a window that was closed, if the store still has them.
#[derive(Clone, PartialEq, Debug)]
pub enum StoredIntervals {
    /// All intervals; none when the window held no readings.
    Kept(Vec<Interval>),
    /// A later window has overwritten this one in the ring, so its content is not known.
    Overwritten,
    /// The entry is damaged.
    Unreadable,
}

/// More sensor numbers than any configuration allows: entries beyond it are damage.
const MAX_NUMBERS: u32 = 1 << 25;

impl Reader {
    pub(super) fn new(db: Db, tables: Tables, settings: StoreSettings, unreadable: UnreadableEntries) -> Self {
        let journal = journal_folder(&settings.directory);
        Self { db, tables, settings, unreadable, journal, _copy: None }
    }

    /// Reads from a private copy.
    pub(super) fn of_copy(db: Db, tables: Tables, settings: StoreSettings, copy: PrivateCopy) -> Self {
        let journal = journal_folder(copy.path());
        Self { journal, _copy: Some(copy.into()), ..Self::new(db, tables, settings, UnreadableEntries::default()) }
    }

    /// What each number stands for that was ever given to a sensor, in the order of the numbers.
    pub fn sensors(&self) -> Result<Vec<NumberedSensor>, StoreError> {
        let numbers = self.numbers()?;
        let mut sensors = vec![NumberedSensor::Unreadable; numbers as usize];
        for (number, value) in self.entries("sensors", &self.tables.sensors, numbers)? {
            if let Some(sensor) = sensors.get_mut(number as usize) {
                *sensor = decode_sensor(&value).unwrap_or(NumberedSensor::Unreadable);
            }
        }
        for (number, _) in (0_u32..).zip(&sensors).filter(|(_, sensor)| **sensor == NumberedSensor::Unreadable) {
            let cost = format!("the name of sensor number {number}, which is given to no other");
            self.unreadable.add("sensors", &number.to_be_bytes(), cost);
        }
        Ok(sensors)
    }

    /// How many numbers were ever given to sensors.
    pub(super) fn numbers(&self) -> Result<u32, StoreError> {
        let noted = match readable(self.tables.progress.get(NUMBERS_KEY))? {
            Some(Some(bytes)) => number_of(&bytes).unwrap_or(0),
            // A store of an earlier version does not say.
            Some(None) | None => 0,
        };
        let mut numbers = noted;
        for table in [&self.tables.sensors, &self.tables.heads] {
            let last = readable(table.last_key())?.flatten();
            numbers = numbers.max(last.and_then(|key| number_of(&key)).map_or(0, |last| last.saturating_add(1)));
        }
        Ok(numbers.min(MAX_NUMBERS))
    }

    /// The readings that wait for the clock, with the numbers under which they are stored. An entry that cannot be read
    /// costs its own readings, and is returned with no readings.
    pub fn held(&self) -> Result<Vec<(u64, Vec<Reading>)>, StoreError> {
        let numbers = self.numbers()?;
        let mut held = Vec::new();
        for entry in self.tables.held.iter() {
            let Some((key, value)) = readable(entry)? else {
                self.unreadable.add("held", &[], "some readings that waited for the clock");
                continue;
            };
            match (<[u8; 8]>::try_from(key.as_slice()), decode_readings(&value)) {
                (Ok(number), Ok(mut readings)) => {
                    let before = readings.len();
                    readings.retain(|reading| reading.sensor.0 < numbers);
                    if readings.len() < before {
                        self.unreadable.add(
                            "held",
                            &key,
                            "readings that waited for the clock, of sensors without a name",
                        );
                    }
                    held.push((u64::from_be_bytes(number), readings));
                }
                (Ok(number), Err(Corrupt)) => {
                    self.unreadable.add("held", &key, "the readings of a commit that waited for the clock");
                    held.push((u64::from_be_bytes(number), Vec::new()));
                }
                (Err(_), _) => self.unreadable.add("held", &key, "its key"),
            }
        }
        Ok(held)
    }

    /// The heads of all sensors that have one: the facts that outlive a sensor's windows.
    pub fn heads(&self) -> Result<Vec<SensorHead>, StoreError> {
        let mut heads = Vec::new();
        for (number, value) in self.entries("heads", &self.tables.heads, self.numbers()?)? {
            match decode_head(SensorId(number), &value) {
                Ok(head) => heads.push(head),
                Err(Corrupt) => {
                    let cost =
                        format!("where the windows of sensor number {number} were, which goes on with the others");
                    self.unreadable.add("heads", &number.to_be_bytes(), cost);
                }
            }
        }
        Ok(heads)
    }

    /// The head of a sensor; `None` when it has none, or when that cannot be read.
    pub fn head(&self, sensor: SensorId) -> Result<Option<SensorHead>, StoreError> {
        let bytes = readable(self.tables.heads.get(&sensor.0.to_be_bytes()))?.flatten();
        Ok(bytes.and_then(|bytes| decode_head(sensor, &bytes).ok()))
    }

    /// How many windows are kept of each sensor.
    pub fn ring_windows(&self) -> u32 {
        self.settings.windows
    }

    /// A sensor's window; `None` when it held no readings.
    ///
    /// # Errors
    /// When the database refuses, or the window is damaged, or a later one has taken its place.
    pub fn window(&self, sensor: SensorId, window: Window) -> Result<Option<WindowBlock>, StoreError> {
        match self.stored_window(sensor, window)? {
            Some(Some((start, _))) if start > window.start() => Err(StoreError::Overwritten),
            Some(Some((start, block))) => Ok((start == window.start()).then_some(block)),
            Some(None) => Ok(None),
            None => Err(StoreError::Damaged),
        }
    }

    /// A sensor's intervals of a window that was closed.
    pub fn intervals(&self, sensor: SensorId, window: Window) -> Result<StoredIntervals, StoreError> {
        let (start, block) = match self.stored_window(sensor, window)? {
            Some(Some(stored)) => stored,
            Some(None) => return Ok(StoredIntervals::Kept(Vec::new())),
            None => return Ok(StoredIntervals::Unreadable),
        };
        if start > window.start() {
            return Ok(StoredIntervals::Overwritten);
        }
        if start < window.start() {
            return Ok(StoredIntervals::Kept(Vec::new()));
        }
        Ok(match block.intervals(self.settings.cut) {
            Ok(intervals) => StoredIntervals::Kept(intervals),
            Err(Corrupt) => {
                self.add_window(sensor, window);
                StoredIntervals::Unreadable
            }
        })
    }

    /// The window in the ring's slot for `window`, if there is one, with its start. `None` when it cannot be read.
    #[expect(clippy::option_option, reason = "what is not there and what cannot be read are two things")]
    fn stored_window(
        &self,
        sensor: SensorId,
        window: Window,
    ) -> Result<Option<Option<(Timestamp, WindowBlock)>>, StoreError> {
        let key = window_key(sensor, window, self.settings.windows);
        let block = match readable(self.tables.windows.get_parts(&key))? {
            Some(None) => return Ok(Some(None)),
            block => block.flatten().and_then(|block| checksum::checked(&key, block).ok()).map(WindowBlock::from_bytes),
        };
        let stored = block.and_then(|block| Some((block.window_start().ok()?, block)));
        if stored.is_none() {
            self.add_window(sensor, window);
        }
        Ok(stored.map(Some))
    }

    fn add_window(&self, sensor: SensorId, window: Window) {
        let key = window_key(sensor, window, self.settings.windows);
        let cost = format!("the window {} of sensor number {}", window.start(), sensor.0);
        self.unreadable.add("windows", &key, cost);
    }

    /// The rejects of each commit that are kept, the oldest first.
    pub fn rejects(&self) -> Result<Vec<StoredRejects>, StoreError> {
        let Tables { rejects, progress, .. } = &self.tables;
        rejects::read(rejects, progress, self.settings.reject_blocks, &self.unreadable)
    }

    /// Hands over the rejects of each commit that are kept, in no order of time: all together may be more than should be in
    /// memory at once.
    pub fn for_each_reject_block(&self, each: &mut dyn FnMut(StoredRejects)) -> Result<(), StoreError> {
        let Tables { rejects, progress, .. } = &self.tables;
        rejects::for_each_block(rejects, progress, self.settings.reject_blocks, &self.unreadable, each)
    }

    /// One reject; `None` when it is not kept, or not any more.
    pub fn reject(&self, id: RejectId) -> Result<Option<StoredReject>, StoreError> {
        let Tables { rejects, progress, .. } = &self.tables;
        rejects::read_one(rejects, progress, self.settings.reject_blocks, id)
    }

    /// The client ids of all MQTT sessions that are remembered, each with its last use; `None` when an earlier version
    /// wrote the session without a time.
    pub fn sessions(&self) -> Result<Vec<(String, Option<Timestamp>)>, StoreError> {
        let mut sessions = Vec::new();
        for entry in self.tables.sessions.iter() {
            match readable(entry)?.map(|(key, used)| (String::from_utf8(key), used)) {
                Some((Ok(client), used)) => {
                    // A session whose time cannot be read is treated like one of an earlier version.
                    let nanos = used.try_into().ok().map(i64::from_be_bytes);
                    sessions.push((client, nanos.map(Timestamp::from_nanos)));
                }
                Some((Err(client), _)) => self.unreadable.add("sessions", client.as_bytes(), "a session"),
                None => self.unreadable.add("sessions", &[], "some sessions"),
            }
        }
        Ok(sessions)
    }

    /// The topic filters that a broker holds for us, as noted last.
    pub fn subscriptions(&self) -> Result<Vec<String>, StoreError> {
        let filters = match readable(self.tables.progress.get_parts(SUBSCRIPTIONS_KEY))? {
            Some(None) => return Ok(Vec::new()),
            bytes => bytes.flatten().and_then(|bytes| decode_subscriptions(&bytes).ok()),
        };
        Ok(filters.unwrap_or_else(|| {
            let cost = "which subscriptions the broker holds: those of removed routes are not taken back";
            self.unreadable.add("progress", SUBSCRIPTIONS_KEY, cost);
            Vec::new()
        }))
    }

    /// How far something is; `None` before it began.
    pub fn progress(&self, progress: &Progress) -> Result<Option<Timestamp>, StoreError> {
        let key = progress_key(progress);
        let bytes = match readable(self.tables.progress.get(&key))? {
            Some(None) => return Ok(None),
            bytes => bytes.flatten().and_then(|bytes| bytes.try_into().ok()),
        };
        if let Some(nanos) = bytes {
            return Ok(Some(Timestamp::from_nanos(i64::from_be_bytes(nanos))));
        }
        let cost = format!("how far \"{}\" is, which the ledger of runs tells instead", String::from_utf8_lossy(&key));
        self.unreadable.add("progress", &key, cost);
        let runs = self.runs()?;
        let is_finished = |run: &&Run| matches!(run.state, RunState::Finished(_));
        let latest = match progress {
            // A run begins when all windows before its end are closed.
            Progress::Closed => runs.iter().map(|run| run.window.end()).max(),
            Progress::Scored(group) => {
                runs.iter().filter(is_finished).filter(|run| run.group == *group).map(|run| run.window.end()).max()
            }
        };
        Ok(latest)
    }

    /// The largest lateness under which readings in the journal were accepted.
    pub fn lateness(&self) -> Result<Span, StoreError> {
        let bytes = match readable(self.tables.progress.get(LATENESS_KEY))? {
            Some(None) => return Ok(Span::ZERO),
            bytes => bytes.flatten().and_then(|bytes| bytes.try_into().ok()),
        };
        Ok(match bytes {
            Some(nanos) => Span::from(Duration::from_nanos(u64::from_be_bytes(nanos))),
            None => {
                self.unreadable.add("progress", LATENESS_KEY, "under which lateness readings were accepted");
                self.settings.cut.window().times(i64::from(self.settings.windows))
            }
        })
    }

    /// The most readings that an interval kept whole when the readings in the journal were accepted; `None` in a store
    /// that did not note it.
    pub fn kept_per_interval(&self) -> Result<Option<usize>, StoreError> {
        let kept = match readable(self.tables.progress.get(KEPT_PER_INTERVAL_KEY))? {
            Some(None) => return Ok(None),
            bytes => bytes.flatten().and_then(|bytes| bytes.try_into().ok()),
        };
        let Some(kept) = kept else {
            self.unreadable.add("progress", KEPT_PER_INTERVAL_KEY, "how many readings an interval kept");
            return Ok(None);
        };
        Ok(Some(usize::try_from(u64::from_be_bytes(kept)).unwrap_or(usize::MAX)))
    }

    /// Keeps the journal whole until the pin is dropped, so that what is read of the store and then of the journal lacks
    /// nothing that was accepted before.
    pub fn pin_journal(&self) -> JournalPin {
        self.db.pins().pin()
    }

    /// The size of the store on the disk, in bytes.
    pub fn size_bytes(&self) -> Result<u64, StoreError> {
        self.db.size_bytes()
    }

    /// The entries of a table whose keys are the numbers below `count`, in order. Where a part of the table cannot be
    /// read, the entries behind it are looked up one by one.
    pub(super) fn entries(
        &self,
        name: &'static str,
        table: &Table,
        count: u32,
    ) -> Result<Vec<(u32, Vec<u8>)>, StoreError> {
        let mut entries = Vec::new();
        let mut next = 0;
        for entry in table.iter() {
            match readable(entry)? {
                Some((key, value)) => match number_of(&key).filter(|number| *number < count) {
                    Some(number) => {
                        next = number + 1;
                        entries.push((number, value));
                    }
                    None => self.unreadable.add(name, &key, "its key"),
                },
                None => {
                    for number in next..count {
                        let key = number.to_be_bytes();
                        match readable(table.get(&key))? {
                            Some(value) => entries.extend(value.map(|value| (number, value))),
                            None => self.unreadable.add(name, &key, format!("number {number}")),
                        }
                    }
                    break;
                }
            }
        }
        Ok(entries)
    }
}

/// `None` for what is damaged.
pub(super) fn readable<T>(read: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(StoreError::Damaged) => Ok(None),
        Err(error) => Err(error),
    }
}

fn decode_subscriptions(bytes: &[u8]) -> Result<Vec<String>, Corrupt> {
    let mut decoder = Decoder::new(bytes);
    let mut filters = Vec::new();
    while !decoder.is_at_end() {
        filters.push(decoder.text()?.to_owned());
    }
    Ok(filters)
}

pub(super) fn number_of(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.try_into().ok()?))
}

pub(super) fn decode_head(sensor: SensorId, bytes: &[u8]) -> Result<SensorHead, Corrupt> {
    let mut decoder = Decoder::new(bytes);
    Ok(SensorHead { sensor, closed: Timestamp::from_nanos(decoder.signed()?), last_value: decoder.float()? })
}

pub(super) fn decode_sensor(bytes: &[u8]) -> Result<NumberedSensor, Corrupt> {
    if bytes.is_empty() {
        return Ok(NumberedSensor::Freed);
    }
    let mut decoder = Decoder::new(bytes);
    SensorName::new(decoder.text()?, decoder.text()?).map(NumberedSensor::Named).map_err(|_| Corrupt)
}
