//! What a store takes of the disk, and how far back each part of it goes.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::codec::Decoder;
use crate::run::RunId;
use crate::store::contents::{StoredValue, each_value, layout};
use crate::store::disk_space::{bytes_on_disk, free_bytes};
use crate::store::held::decode_readings;
use crate::store::place::HISTORY;
use crate::store::{
    ChunkId, HistoryReader, Reader, StoreError, checksum, conditions, rejects, run_logs, runs, verdicts,
};
use crate::time::Timestamp;
use crate::window::WindowBlock;

/// What a store takes, and how far back it goes.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct StoreStatistics {
    /// What lies in the store's folder.
    pub pieces: Vec<PieceStatistics>,
    /// How many bytes more the file system has for the store.
    pub free_bytes: u64,
    /// The tables of the database, and the days of raw readings.
    pub tables: Vec<TableStatistics>,
    /// What was written; `None` when no daemon counts it.
    pub written: Option<WrittenStatistics>,
}

/// A file or folder in the store's folder.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PieceStatistics {
    /// Its name.
    pub name: String,
    /// How much of the disk it takes, in bytes.
    pub bytes: u64,
}

/// A table of the database.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TableStatistics {
    /// Its name.
    pub name: String,
    /// How many entries it has that can be read.
    pub entries: u64,
    /// How many bytes these have.
    pub bytes: u64,
    /// The oldest of the times that the entries are of; `None` when they are of no time.
    #[serde(with = "nanoseconds")]
    pub oldest: Option<Timestamp>,
    /// The newest of these times.
    #[serde(with = "nanoseconds")]
    pub newest: Option<Timestamp>,
}

/// What a daemon has written to its store.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct WrittenStatistics {
    /// For how long this was counted, in seconds.
    pub seconds: f64,
    /// How many bytes were written.
    pub bytes: u64,
    /// How often the disk was asked to sync.
    pub syncs: u64,
}

impl WrittenStatistics {
    /// For how long it must be counted before it tells what is written a day: a start writes more than the rest of the
    /// day.
    pub const ENOUGH_SECONDS: f64 = 600.0;

    /// How many bytes this is a day; `None` when it was not counted for long enough to tell.
    pub fn bytes_a_day(&self) -> Option<f64> {
        self.a_day(self.bytes)
    }

    /// How many syncs this is a day; `None` when it was not counted for long enough to tell.
    pub fn syncs_a_day(&self) -> Option<f64> {
        self.a_day(self.syncs)
    }

    fn a_day(&self, count: u64) -> Option<f64> {
        const SECONDS_A_DAY: f64 = 86_400.0;
        (self.seconds >= Self::ENOUGH_SECONDS).then(|| count as f64 / self.seconds * SECONDS_A_DAY)
    }
}

/// Counts what a store holds. Reads the whole database.
///
/// # Errors
/// When the disk refuses.
pub fn statistics(reader: &Reader, written: Option<WrittenStatistics>) -> Result<StoreStatistics, StoreError> {
    let directory = &reader.settings.directory;
    let unreadable = |problem| StoreError::Unreadable { directory: directory.clone(), problem };
    let free_bytes = free_bytes(directory).map_err(unreadable)?;
    let windows = reader.runs()?.into_iter().map(|run| (run.id, run.window.start())).collect();
    let tables = reader.tables.named().into_iter().map(|(name, table)| {
        let mut counted = TableStatistics { name: name.to_owned(), entries: 0, bytes: 0, oldest: None, newest: None };
        each_value(table, layout(name), |value| {
            if let StoredValue::Whole(key, value) = value {
                counted.entries += 1;
                counted.bytes += (key.len() + value.len()) as u64;
                for time in times(reader, &windows, name, &key, &value) {
                    counted.oldest = Some(counted.oldest.map_or(time, |oldest| oldest.min(time)));
                    counted.newest = counted.newest.max(Some(time));
                }
            }
        })?;
        Ok(counted)
    });
    let mut tables = tables.collect::<Result<Vec<_>, StoreError>>()?;
    let days = HistoryReader::new(directory).days()?;
    tables.push(TableStatistics {
        name: "raw days".to_owned(),
        entries: days.len() as u64,
        bytes: bytes_on_disk(&directory.join(HISTORY)),
        oldest: days.first().copied(),
        newest: days.last().copied(),
    });
    Ok(StoreStatistics { tables, pieces: pieces(directory).map_err(unreadable)?, free_bytes, written })
}

/// The times that an entry is of; none when it cannot be read. `windows` are those of the runs.
fn times(
    reader: &Reader,
    windows: &HashMap<RunId, Timestamp>,
    table: &str,
    key: &[u8],
    value: &[u8],
) -> Vec<Timestamp> {
    let of_readings = |readings: &[crate::reading::Reading]| readings.iter().map(|reading| reading.time).collect();
    let one = match table {
        "windows" => {
            let block = checksum::checked(key, value.to_vec()).ok().map(WindowBlock::from_bytes);
            block.and_then(|block| block.window_start().ok())
        }
        "conditions" => conditions::decode(value).ok().map(|conditions| conditions.changed_by),
        "heads" => Decoder::new(value).signed().ok().map(Timestamp::from_nanos),
        "runs" => runs::decode(reader.settings.cut, value).ok().map(|run| run.window.start()),
        "run_logs" => run_logs::decode(value).ok().and_then(|(run, _)| windows.get(&run).copied()),
        "verdicts" => {
            let run = ChunkId::of_key(key).and_then(|chunk| Some(verdicts::decode_any(chunk, value).ok()?.0));
            run.and_then(|run| windows.get(&run).copied())
        }
        "sessions" => value.try_into().ok().map(|nanos| Timestamp::from_nanos(i64::from_be_bytes(nanos))),
        "rejects" => {
            let rejects = rejects::decode(value).map(|rejects| rejects.kept).unwrap_or_default();
            return rejects.iter().map(|reject| reject.received).collect();
        }
        "held" => return decode_readings(value).map(|readings| of_readings(&readings)).unwrap_or_default(),
        _ => None,
    };
    one.into_iter().collect()
}

/// What lies in the store's folder, the largest first.
fn pieces(directory: &Path) -> io::Result<Vec<PieceStatistics>> {
    let mut pieces = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        pieces.push(PieceStatistics { name, bytes: bytes_on_disk(&entry.path()) });
    }
    pieces.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.name.cmp(&b.name)));
    Ok(pieces)
}

/// Times as their nanoseconds.
mod nanoseconds {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::time::Timestamp;

    pub(super) fn serialize<S: Serializer>(time: &Option<Timestamp>, to: S) -> Result<S::Ok, S::Error> {
        time.map(Timestamp::nanos).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Timestamp>, D::Error> {
        Ok(Option::<i64>::deserialize(from)?.map(Timestamp::from_nanos))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_told_from_a_part_of_it() {
        let of = |seconds, bytes| WrittenStatistics { seconds, bytes, syncs: bytes / 10 };
        assert_eq!(of(3_600.0, 1_000).bytes_a_day(), Some(24_000.0));
        assert_eq!(of(3_600.0, 1_000).syncs_a_day(), Some(2_400.0));
        assert_eq!(of(599.0, 1_000).bytes_a_day(), None, "a start writes more than the rest of the day");
    }

    #[test]
    fn times_come_back() {
        let table = TableStatistics {
            name: "windows".to_owned(),
            entries: 1,
            bytes: 2,
            oldest: None,
            newest: Some(Timestamp::from_nanos(-5)),
        };
        let text = serde_json::to_string(&table).unwrap();
        assert_eq!(serde_json::from_str::<TableStatistics>(&text).unwrap(), table);
    }
}
