//! Redoes at a start what the journal records for the small tables, so that these need no sync of their own: sensors,
//! sessions, held readings, rejects, bounds and subscriptions. For each entry the last record counts, and an entry that
//! holds it already is not written again.
//!
//! The database says itself up to which record it holds everything ([`SETTLED_KEY`]), and the journal says the same. If
//! the database says less, it has lost what it once held: damage of its file can take back the end of what it stored. The
//! windows are put back by the replay, as far as the journal reaches.

use std::collections::BTreeMap;

use crate::sensor::SensorId;
use crate::store::held::encode_readings;
use crate::store::journal::{Journal, JournalFindings, Record, RecordNumber};
use crate::store::keeper::TableOf;
use crate::store::keys::{NUMBERS_KEY, SETTLED_KEY, SUBSCRIPTIONS_KEY};
use crate::store::reader::{number_of, readable};
use crate::store::writer::sensor_row;
use crate::store::{StoreError, StoreSettings, Tables, names_copy, rejects};
use crate::telemetry::metrics;

const SENSORS: &str = "sensors";

/// What an entry is to hold.
enum EntryContent {
    Whole(Vec<u8>),
    Parts(Vec<u8>),
    Nothing,
}

/// The entries that records have changed, each with its last content.
#[derive(Default)]
struct Redone {
    /// By the table's name.
    entries: BTreeMap<(&'static str, Vec<u8>), (TableOf, EntryContent)>,
    /// How many numbers were given to sensors, as far as the records tell.
    numbers: u32,
}

/// The last record whose effects the database holds, as it says itself; zero for none.
pub(super) fn settled(tables: &Tables) -> Result<RecordNumber, StoreError> {
    let settled = readable(tables.progress.get(SETTLED_KEY))?.flatten();
    let settled = settled.and_then(|settled| settled.try_into().ok());
    Ok(RecordNumber(settled.map_or(0, u64::from_be_bytes)))
}

/// Redoes what the journal records.
pub(super) fn redo(
    journal: &mut Journal,
    findings: &JournalFindings,
    tables: &Tables,
    settings: &StoreSettings,
) -> Result<(), StoreError> {
    let held = settled(tables)?;
    let mut redone = Redone::default();
    let lost = findings.settled.filter(|(must, _)| *must > held);
    if lost.is_some() {
        // Names that the journal has recorded and forgotten. It has those that came since.
        for (number, row) in names_copy::read(&settings.directory) {
            redone.note_sensor(SensorId(number), row);
        }
    }
    let undecoded = journal.replay_tables(|_, record| redone.take(record, settings))?;
    metrics::JOURNAL_RECORDS_LOST.add(undecoded);
    if let Some((must, _)) = lost {
        metrics::SETTLED_RECORDS_LOST.add(must.0 - held.0);
        tracing::error!(
            "the database has lost what it once held: it holds what follows from the journal up to record {held}, and held it \
             up to record {must}. Windows, names and sessions are put back as far as the journal reaches; runs and verdicts \
             are made again where their windows are due. See to the disk"
        );
        // A number whose name is lost must not become another sensor's: readings of it may follow in the journal.
        let undecoded = journal.replay_windows(|_, record| {
            if let Record::Readings(readings) = record {
                let above = readings.iter().map(|reading| reading.sensor.0.saturating_add(1)).max().unwrap_or(0);
                redone.numbers = redone.numbers.max(above);
            }
        })?;
        metrics::JOURNAL_RECORDS_LOST.add(undecoded);
    }
    redone.write(tables, settings)
}

impl Redone {
    fn take(&mut self, record: Record, settings: &StoreSettings) {
        match record {
            Record::Sensors(sensors) => {
                for (sensor, name) in sensors {
                    self.note_sensor(sensor, sensor_row(&name));
                }
            }
            Record::SensorsFreed(sensors) => {
                for sensor in sensors {
                    self.note_sensor(sensor, Vec::new());
                }
            }
            Record::SessionPut { client, used } => {
                let used = EntryContent::Whole(used.nanos().to_be_bytes().to_vec());
                self.note("sessions", |tables| &tables.sessions, client, used);
            }
            Record::SessionRemoved { client } => {
                self.note("sessions", |tables| &tables.sessions, client, EntryContent::Nothing);
            }
            Record::HeldPut { number, readings } => {
                let readings = EntryContent::Whole(encode_readings(&readings));
                self.note("held", |tables| &tables.held, number.to_be_bytes(), readings);
            }
            Record::HeldRemoved { number } => {
                self.note("held", |tables| &tables.held, number.to_be_bytes(), EntryContent::Nothing);
            }
            Record::Rejects { number, block } => {
                let key = rejects::block_key(number, settings.reject_blocks);
                self.note("rejects", |tables| &tables.rejects, key, EntryContent::Parts(block));
            }
            Record::Progress { key, value } => {
                let content =
                    if key == SUBSCRIPTIONS_KEY { EntryContent::Parts(value) } else { EntryContent::Whole(value) };
                self.note("progress", |tables| &tables.progress, key, content);
            }
            // The open windows are made of these, and the journal itself goes by the others.
            Record::Readings(_) | Record::Closed(_) | Record::Settled { .. } | Record::Freed { .. } => {}
        }
    }

    fn note_sensor(&mut self, sensor: SensorId, row: Vec<u8>) {
        self.numbers = self.numbers.max(sensor.0.saturating_add(1));
        self.note(SENSORS, |tables| &tables.sensors, sensor.0.to_be_bytes(), EntryContent::Whole(row));
    }

    fn note(&mut self, name: &'static str, table: TableOf, key: impl Into<Vec<u8>>, content: EntryContent) {
        self.entries.insert((name, key.into()), (table, content));
    }

    fn write(self, tables: &Tables, settings: &StoreSettings) -> Result<(), StoreError> {
        for ((name, key), (table, content)) in self.entries {
            let table = table(tables);
            if let (SENSORS, EntryContent::Whole(row), Some(number)) = (name, &content, number_of(&key)) {
                let before = readable(table.get(&key))?.flatten().unwrap_or_default();
                // The name is of before the number was freed, and so are the windows under it: those of the new sensor
                // are stored behind its name.
                if !before.is_empty() && before != *row {
                    tables.remove_windows(SensorId(number), settings.windows)?;
                }
            }
            match content {
                EntryContent::Whole(value) if readable(table.get(&key))?.flatten().as_ref() != Some(&value) => {
                    table.put(&key, &value)?;
                }
                EntryContent::Parts(value) if readable(table.get_parts(&key))?.flatten().as_ref() != Some(&value) => {
                    table.put_parts(&key, &value)?;
                }
                EntryContent::Nothing if readable(table.get(&key))? != Some(None) => table.remove(&key)?,
                _ => {}
            }
        }
        let noted = readable(tables.progress.get(NUMBERS_KEY))?.flatten().and_then(|noted| number_of(&noted));
        if self.numbers > noted.unwrap_or(0) {
            tables.progress.put(NUMBERS_KEY, &self.numbers.to_be_bytes())?;
        }
        Ok(())
    }
}
