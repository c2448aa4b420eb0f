//! History files: readings in CSV, one a row, read in the order of the file.

use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use csv::StringRecord;

use crate::printable::{Printable, shown};
use crate::sensor::{SensorName, SensorNameError};
use crate::time::Timestamp;

/// The names of a history's columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Columns {
    /// The time, RFC 3339 or as databases export it; see [`Timestamp::parse`].
    pub time: String,
    /// The device.
    pub device: String,
    /// The sensor on the device.
    pub sensor: String,
    /// The value.
    pub value: String,
}

impl Default for Columns {
    fn default() -> Self {
        let [time, device, sensor, value] = ["TS", "Device", "Tag", "Value"].map(str::to_owned);
        Self { time, device, sensor, value }
    }
}

/// Why a text does not name columns.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' does not name a column; write time=NAME, device=NAME, sensor=NAME or value=NAME, separated by commas")]
pub struct ColumnsError(String);

impl FromStr for Columns {
    type Err = ColumnsError;

    fn from_str(text: &str) -> Result<Self, ColumnsError> {
        let mut columns = Self::default();
        for part in text.split(',') {
            let refused = || ColumnsError(part.to_owned());
            let (role, name) = part.split_once('=').ok_or_else(refused)?;
            let column = match role.trim() {
                "time" => &mut columns.time,
                "device" => &mut columns.device,
                "sensor" => &mut columns.sensor,
                "value" => &mut columns.value,
                _ => return Err(refused()),
            };
            name.trim().clone_into(column);
        }
        Ok(columns)
    }
}

impl fmt::Display for Columns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "time={},device={},sensor={},value={}", self.time, self.device, self.sensor, self.value)
    }
}

/// One row.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Its line in the file, the header being line 1. After empty lines, the first of those.
    pub line: u64,
    /// Who measured.
    pub sensor: SensorName,
    /// When.
    pub time: Timestamp,
    /// What. Finite.
    pub value: f64,
}

/// Why a history, or a row of one, could not be read.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The file cannot be read, or no further.
    #[error("cannot read {file}: {source}")]
    Read {
        /// The file.
        file: Arc<str>,
        /// What the system says.
        source: io::Error,
    },
    /// The header lacks a column.
    #[error("{file} has no column {column:?}; its header names {found}")]
    NoColumn {
        /// The file.
        file: Arc<str>,
        /// The missing one.
        column: String,
        /// Those that it has.
        found: String,
    },
    /// One row is bad. The next can be read.
    #[error("{file}:{line}: {reason}")]
    Row {
        /// The file.
        file: Arc<str>,
        /// The line on which the row begins.
        line: u64,
        /// What is wrong with it.
        reason: RowError,
    },
}

impl HistoryError {
    /// Whether only one row is lost.
    pub fn is_of_row(&self) -> bool {
        matches!(self, Self::Row { .. })
    }
}

/// What is wrong with a row.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    /// It is too short.
    #[error("the row ends before the column {0:?}")]
    Short(String),
    /// The time is none.
    #[error("{0:?} is not a time; written as 2018-08-28T23:00:05.000Z or 2018-08-28 23:00:05.000 it would be")]
    Time(String),
    /// The value is none.
    #[error("{0:?} is not a finite number")]
    Value(String),
    /// The name cannot be one.
    #[error(transparent)]
    Name(#[from] SensorNameError),
    /// It is not text.
    #[error("the row is not UTF-8 text")]
    NotText,
}

/// Reads a history file row by row, in memory that does not grow with the file.
///
/// After an error that is not of one row it ends.
#[derive(Debug)]
pub struct History<R = File> {
    file: Arc<str>,
    columns: Columns,
    rows: csv::Reader<Metered<R>>,
    places: Places,
    record: StringRecord,
    names: Names,
    /// The last time read: rows of one time stand together.
    time: (String, Timestamp),
    ended: bool,
}

/// Where the columns are.
#[derive(Debug)]
struct Places {
    time: usize,
    device: usize,
    sensor: usize,
    value: usize,
}

impl History {
    /// Opens a file.
    ///
    /// # Errors
    /// When it cannot be read, or lacks a column.
    pub fn open(path: &Path, columns: Columns) -> Result<Self, HistoryError> {
        let name: Arc<str> = shown(path).to_string().into();
        match File::open(path) {
            Ok(file) => Self::new(name, file, columns),
            Err(source) => Err(HistoryError::Read { file: name, source }),
        }
    }
}

impl<R: Read> History<R> {
    /// The longest row, in bytes: an opened quote that nothing closes would take the whole file.
    pub const MAX_ROW_BYTES: usize = 1 << 20;

    /// Reads a history that errors call `file`.
    ///
    /// # Errors
    /// When it cannot be read, or lacks a column.
    pub fn new(file: impl Into<Arc<str>>, source: R, columns: Columns) -> Result<Self, HistoryError> {
        let file = file.into();
        let metered = Metered { source, left: Self::MAX_ROW_BYTES, total: 0 };
        // With line feeds only as ends, the reader counts the lines of files that have carriage returns right. Those
        // are blanks around the last field then.
        let mut rows = csv::ReaderBuilder::new()
            .flexible(true)
            .terminator(csv::Terminator::Any(b'\n'))
            .buffer_capacity(64 << 10)
            .from_reader(metered);
        let header = match rows.headers() {
            Ok(header) => header.clone(),
            Err(error) => return Err(HistoryError::Read { file, source: error.into() }),
        };
        let place = |column: &str| {
            header.iter().position(|name| name.trim() == column).ok_or_else(|| HistoryError::NoColumn {
                file: Arc::clone(&file),
                column: column.to_owned(),
                found: Printable(header.iter().map(str::trim).take(32).collect::<Vec<_>>().join(", ")).to_string(),
            })
        };
        let places = Places {
            time: place(&columns.time)?,
            device: place(&columns.device)?,
            sensor: place(&columns.sensor)?,
            value: place(&columns.value)?,
        };
        let time = (String::new(), Timestamp::default());
        let (record, names) = (StringRecord::new(), Names::default());
        Ok(Self { file, columns, rows, places, record, names, time, ended: false })
    }

    /// How many bytes were read so far, some of them ahead: for a progress bar.
    pub fn bytes_read(&self) -> u64 {
        self.rows.get_ref().total
    }

    /// Reads the next record that is not a blank line.
    fn record(&mut self) -> Result<bool, csv::Error> {
        loop {
            self.rows.get_mut().left = Self::MAX_ROW_BYTES;
            let read = self.rows.read_record(&mut self.record)?;
            if !read || self.record.len() > 1 || self.record.iter().any(|field| !field.trim().is_empty()) {
                return Ok(read);
            }
        }
    }

    fn row(&mut self, line: u64) -> Result<Row, RowError> {
        let field = |place: usize, column: &str| {
            self.record.get(place).map(str::trim).ok_or_else(|| RowError::Short(column.to_owned()))
        };
        let time = field(self.places.time, &self.columns.time)?;
        let device = field(self.places.device, &self.columns.device)?;
        let sensor = field(self.places.sensor, &self.columns.sensor)?;
        let value = field(self.places.value, &self.columns.value)?;
        if self.time.0 != time {
            let parsed = Timestamp::parse(time).ok_or_else(|| RowError::Time(time.chars().take(40).collect()))?;
            self.time.0.clear();
            self.time.0.push_str(time);
            self.time.1 = parsed;
        }
        let number = value.parse().ok().filter(|value: &f64| value.is_finite());
        let value = number.ok_or_else(|| RowError::Value(value.chars().take(40).collect()))?;
        Ok(Row { line, sensor: self.names.get(device, sensor)?, time: self.time.1, value })
    }
}

impl<R: Read> Iterator for History<R> {
    type Item = Result<Row, HistoryError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let (line, reason) = match self.record() {
            Ok(false) => {
                self.ended = true;
                return None;
            }
            Ok(true) => {
                let line = self.record.position().map_or(0, csv::Position::line);
                match self.row(line) {
                    Ok(row) => return Some(Ok(row)),
                    Err(reason) => (line, reason),
                }
            }
            Err(error) => match error.kind() {
                csv::ErrorKind::Utf8 { pos, .. } => (pos.as_ref().map_or(0, csv::Position::line), RowError::NotText),
                _ => {
                    self.ended = true;
                    return Some(Err(HistoryError::Read { file: Arc::clone(&self.file), source: error.into() }));
                }
            },
        };
        Some(Err(HistoryError::Row { file: Arc::clone(&self.file), line, reason }))
    }
}

/// A source that ends in an error when one row takes too much of it.
#[derive(Debug)]
struct Metered<R> {
    source: R,
    /// What the present row may still take.
    left: usize,
    total: u64,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("after byte {} a row does not end; is a quote left open?", self.total),
            ));
        }
        let read = self.source.read(buffer)?;
        self.left = self.left.saturating_sub(read);
        self.total += read as u64;
        Ok(read)
    }
}

/// The names seen, so that a row of a known sensor allocates nothing.
#[derive(Debug, Default)]
struct Names {
    known: HashMap<String, SensorName>,
    key: String,
}

impl Names {
    /// More than these are forgotten and learned again.
    const MAX_KNOWN: usize = 100_000;

    fn get(&mut self, device: &str, sensor: &str) -> Result<SensorName, SensorNameError> {
        // No name holds a control character, so that no two keys are alike.
        self.key.clear();
        self.key.push_str(device);
        self.key.push('\n');
        self.key.push_str(sensor);
        if let Some(name) = self.known.get(&self.key) {
            return Ok(name.clone());
        }
        let name = SensorName::new(device, sensor)?;
        if self.known.len() >= Self::MAX_KNOWN {
            self.known.clear();
        }
        self.known.insert(self.key.clone(), name.clone());
        Ok(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "TS,Device,Tag,Value\r\n";

    fn read(text: &[u8]) -> Vec<Result<Row, HistoryError>> {
        History::new("history.csv", text, Columns::default()).unwrap().collect()
    }

    #[test]
    fn a_row_is_a_reading_with_its_line() {
        let text =
            format!("{HEADER}2018-08-28 23:00:05.000,1,4,84.53\r\n\r\n2018-08-28T23:00:05Z,\"line 1/press\", 5 ,-1e3");
        let rows: Vec<Row> = read(text.as_bytes()).into_iter().map(Result::unwrap).collect();
        let time = Timestamp::parse("2018-08-28T23:00:05Z").unwrap();
        let sensor = |device, sensor| SensorName::new(device, sensor).unwrap();
        assert_eq!(rows[0], Row { line: 2, sensor: sensor("1", "4"), time, value: 84.53 });
        assert_eq!(rows[1], Row { line: 4, sensor: sensor("line 1/press", "5"), time, value: -1000.0 });
        assert_eq!(rows.len(), 2);
    }

    #[test]
    fn columns_are_found_by_name_wherever_they_stand() {
        let columns = Columns { time: "when".into(), device: "who".into(), sensor: "what".into(), value: "v".into() };
        let text = "\u{feff}v,x,who,when,what\n1.5,,press,2018-08-28T23:00:05Z,temp\n".as_bytes();
        let row = History::new("h", text, columns.clone()).unwrap().next().unwrap().unwrap();
        assert_eq!((row.sensor.to_string().as_str(), row.value), ("press/temp", 1.5));
        let error = History::new("h.csv", HEADER.as_bytes(), columns).unwrap_err().to_string();
        assert_eq!(error, "h.csv has no column \"when\"; its header names TS, Device, Tag, Value");
    }

    #[test]
    fn a_bad_row_is_refused_with_its_line_and_reason_and_the_next_is_read() {
        let mut text = HEADER.as_bytes().to_vec();
        for row in ["soon,1,1,1", "2018-08-28 23:00:05,1,1,NaN", "2018-08-28 23:00:05,1", "2018-08-28 23:00:05,,1,1"] {
            text.extend_from_slice(row.as_bytes());
            text.push(b'\n');
        }
        text.extend_from_slice(b"\xff,1,1,1\n2018-08-28 23:00:05,1,1,1\n");
        let rows = read(&text);
        let errors: Vec<String> = rows[..5].iter().map(|row| row.as_ref().unwrap_err().to_string()).collect();
        assert!(errors[0].starts_with("history.csv:2: \"soon\" is not a time"), "{}", errors[0]);
        assert_eq!(errors[1], "history.csv:3: \"NaN\" is not a finite number");
        assert_eq!(errors[2], "history.csv:4: the row ends before the column \"Tag\"");
        assert_eq!(errors[3], "history.csv:5: the device name is empty");
        assert_eq!(errors[4], "history.csv:6: the row is not UTF-8 text");
        assert!(rows[..5].iter().all(|row| row.as_ref().unwrap_err().is_of_row()));
        assert_eq!(rows[5].as_ref().unwrap().line, 7);
    }

    #[test]
    fn an_open_quote_ends_the_history_and_does_not_fill_the_memory() {
        let text = io::Cursor::new(format!("{HEADER}\"")).chain(io::repeat(b'x').take(8 << 20));
        let mut history = History::new("h.csv", text, Columns::default()).unwrap();
        let error = history.next().unwrap().unwrap_err();
        assert!(!error.is_of_row() && error.to_string().contains("is a quote left open?"), "{error}");
        assert!(history.next().is_none());
        assert!(history.bytes_read() < 2 << 20);
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let error = History::open(Path::new("no/such.csv"), Columns::default()).unwrap_err();
        assert!(error.to_string().starts_with("cannot read no/such.csv: "), "{error}");
    }

    #[test]
    fn names_are_shared_between_rows() {
        let text = format!("{HEADER}{}", "2018-08-28 23:00:05,1,4,1\n".repeat(3));
        let rows: Vec<Row> = read(text.as_bytes()).into_iter().map(Result::unwrap).collect();
        assert!(std::ptr::eq(rows[0].sensor.device(), rows[2].sensor.device()));
    }

    #[test]
    fn the_reference_history_is_read_whole() {
        let reference = std::env::var_os("ANOMALYD_REFERENCE").map_or_else(
            || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/reference"),
            std::path::PathBuf::from,
        );
        let path = reference.join("sensor_data.csv");
        if !path.exists() {
            eprintln!("skipped: {} is not there", path.display());
            return;
        }
        let rows: Vec<Row> = History::open(&path, Columns::default()).unwrap().map(Result::unwrap).collect();
        assert_eq!(rows.len(), 17_768);
        let sensors: std::collections::HashSet<_> = rows.iter().map(|row| row.sensor.clone()).collect();
        assert_eq!(sensors.len(), 15);
    }
}
