//! The rows of a history file, one after another: CSV with a header.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use csv::ByteRecord;

use crate::sensor::{SensorName, SensorNameError};
use crate::time::Timestamp;

/// Which columns hold what, by their names in the header.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Columns {
    time: String,
    device: String,
    sensor: String,
    value: String,
}

impl Default for Columns {
    fn default() -> Self {
        Self { time: "TS".into(), device: "Device".into(), sensor: "Tag".into(), value: "Value".into() }
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

/// Why a history file cannot be read on.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The file cannot be opened.
    #[error("cannot open {path}: {reason}", path = path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        reason: std::io::Error,
    },
    /// A column is missing.
    #[error("{path} has no column '{column}', only {found}; name the columns with --columns", path = path.display())]
    Column {
        /// The file.
        path: PathBuf,
        /// The missing column.
        column: String,
        /// The header.
        found: String,
    },
    /// Reading failed.
    #[error("cannot read on in {path}: {reason}", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The reason.
        reason: csv::Error,
    },
}

/// A row below the header.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Row {
    /// The line of the file on which it begins, the header being the first.
    pub(super) line: u64,
    /// What it says, or why it is no reading.
    pub(super) reading: Result<HistoryReading, RowError>,
}

/// A reading of a history.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct HistoryReading {
    /// Who measured.
    pub(super) sensor: SensorName,
    /// When.
    pub(super) time: Timestamp,
    /// What; finite.
    pub(super) value: f64,
}

/// Why a row is not a reading.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RowError {
    /// Fewer fields than the header promises.
    #[error("the row ends before the column '{0}'")]
    Short(String),
    /// No time.
    #[error("'{0}' is not a time; accepted are 2018-08-28T23:00:05Z and 2018-08-28 23:00:05.000, taken as UTC")]
    Time(String),
    /// No finite number.
    #[error("'{0}' is not a finite number")]
    Value(String),
    /// A bad name.
    #[error("{0}")]
    Name(#[from] SensorNameError),
}

/// A history file, read row by row.
pub(super) struct History<R> {
    path: PathBuf,
    reader: csv::Reader<R>,
    record: ByteRecord,
    columns: Columns,
    /// Where time, device, sensor and value stand in a row.
    places: [usize; 4],
}

impl History<File> {
    /// Opens a file and finds its columns.
    ///
    /// # Errors
    /// When it cannot be opened, or a column is missing.
    pub(super) fn open(path: &Path, columns: Columns) -> Result<Self, HistoryError> {
        let file = File::open(path).map_err(|reason| HistoryError::Open { path: path.to_owned(), reason })?;
        Self::new(path, file, columns)
    }
}

impl<R: Read> History<R> {
    fn new(path: &Path, input: R, columns: Columns) -> Result<Self, HistoryError> {
        let mut reader = csv::ReaderBuilder::new().flexible(true).buffer_capacity(1 << 16).from_reader(input);
        let header = reader.headers().map_err(|reason| HistoryError::Read { path: path.to_owned(), reason })?;
        let mut places = [0; 4];
        for (place, column) in places.iter_mut().zip([&columns.time, &columns.device, &columns.sensor, &columns.value])
        {
            let found = header.iter().position(|name| name.trim_start_matches('\u{feff}').trim() == *column);
            *place = found.ok_or_else(|| HistoryError::Column {
                path: path.to_owned(),
                column: column.clone(),
                found: header.iter().collect::<Vec<_>>().join(", "),
            })?;
        }
        Ok(Self { path: path.to_owned(), reader, record: ByteRecord::new(), columns, places })
    }

    /// How many bytes of the file are read.
    pub(super) fn bytes_read(&self) -> u64 {
        self.reader.position().byte()
    }

    /// The next row; `None` at the end.
    ///
    /// # Errors
    /// When the file cannot be read on.
    pub(super) fn next_row(&mut self) -> Result<Option<Row>, HistoryError> {
        match self.reader.read_byte_record(&mut self.record) {
            Ok(false) => Ok(None),
            Ok(true) => {
                let line = self.record.position().map_or(0, csv::Position::line);
                Ok(Some(Row { line, reading: self.reading() }))
            }
            Err(reason) => Err(HistoryError::Read { path: self.path.clone(), reason }),
        }
    }

    fn reading(&self) -> Result<HistoryReading, RowError> {
        let [time, device, sensor, value] = self.places;
        let time = self.field(time, &self.columns.time)?;
        let device = self.field(device, &self.columns.device)?;
        let sensor = self.field(sensor, &self.columns.sensor)?;
        let value = self.field(value, &self.columns.value)?;
        Ok(HistoryReading {
            sensor: SensorName::new(&device, &sensor)?,
            time: Timestamp::parse(&time).ok_or_else(|| RowError::Time(excerpt(&time)))?,
            value: value
                .parse()
                .ok()
                .filter(|value: &f64| value.is_finite())
                .ok_or_else(|| RowError::Value(excerpt(&value)))?,
        })
    }

    fn field(&self, place: usize, column: &str) -> Result<std::borrow::Cow<'_, str>, RowError> {
        let bytes = self.record.get(place).ok_or_else(|| RowError::Short(column.to_owned()))?;
        Ok(String::from_utf8_lossy(bytes.trim_ascii()))
    }
}

/// The beginning of a field, fit for a terminal.
fn excerpt(field: &str) -> String {
    field.chars().take(40).map(|c| if c.is_control() { '·' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(csv: &str, columns: Columns) -> Vec<Row> {
        let mut history = History::new(Path::new("history.csv"), csv.as_bytes(), columns).unwrap();
        std::iter::from_fn(|| history.next_row().unwrap()).collect()
    }

    #[test]
    fn rows_come_in_the_order_of_the_file_with_their_lines() {
        let rows = rows("TS,Device,Tag,Value\n2018-08-28 23:00:05.000,1,4,84.53\n", Columns::default());
        let time = Timestamp::parse("2018-08-28T23:00:05Z").unwrap();
        let expected = HistoryReading { sensor: SensorName::new("1", "4").unwrap(), time, value: 84.53 };
        assert_eq!(rows, [Row { line: 2, reading: Ok(expected) }]);
    }

    #[test]
    fn columns_may_have_other_names_and_places() {
        let columns = "time=when,value=x".parse().unwrap();
        let rows = rows("x,Tag,ignored,Device,when\n-1e3,s,?,d,2020-01-01T00:00:00Z\n", columns);
        let reading = rows[0].reading.as_ref().unwrap();
        assert_eq!((reading.sensor.to_string().as_str(), reading.value), ("d/s", -1e3));
        assert!("time".parse::<Columns>().is_err() && "colour=x".parse::<Columns>().is_err());
    }

    #[test]
    fn a_bad_row_is_refused_alone_with_its_line_and_reason() {
        let csv = "TS,Device,Tag,Value\nnoon,1,1,1\n2020-01-01 00:00:00,1,1,NaN\n2020-01-01 00:00:00,1\n\
                   2020-01-01 00:00:00,,1,1\n2020-01-01 00:00:00,1,1,2\n";
        let rows = rows(csv, Columns::default());
        let reasons: Vec<_> = rows.iter().map(|row| (row.line, row.reading.as_ref().err())).collect();
        assert!(matches!(reasons[0], (2, Some(RowError::Time(_)))));
        assert!(matches!(reasons[1], (3, Some(RowError::Value(_)))));
        assert!(matches!(reasons[2], (4, Some(RowError::Short(_)))));
        assert!(matches!(reasons[3], (5, Some(RowError::Name(_)))));
        assert!(matches!(reasons[4], (6, None)));
    }

    #[test]
    fn a_missing_column_is_named_together_with_what_there_is() {
        let result = History::new(Path::new("history.csv"), "TS,Device,Value\n".as_bytes(), Columns::default());
        let error = result.err().unwrap().to_string();
        assert!(error.contains("no column 'Tag', only TS, Device, Value"), "{error}");
    }
}
