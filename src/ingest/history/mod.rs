//! History files: tables of readings as text, read in the order of the file, in memory that does not grow with it.
//!
//! A table is long (a reading a row) or wide (a time a row, a column a sensor). Separator, decimal mark and shape are
//! recognised from the header and the first values; [`History::form`] tells what was recognised, and
//! [`HistorySettings`] can give all of it instead. Nothing that is read vanishes: it becomes a reading or an error with
//! its line, or is counted as a missing value.

mod columns;
mod error;
mod form;
mod layout;
mod names;
mod numbers;
mod preamble;
mod separator;
mod source;
#[cfg(test)]
mod tests;
mod times;
mod utf16;

use std::fmt;
use std::io::{self, BufReader, Chain, Cursor, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use csv::StringRecord;

pub use self::columns::{Columns, ColumnsError, Role, SensorColumns, SensorColumnsError};
pub use self::error::{FoundColumns, HeaderError, HistoryError, RowError};
pub use self::form::Form;
use self::layout::{Cell, CellSensor, Device, Layout, Sensor, Shape, TimePlace};
use self::names::{Names, part};
pub use self::numbers::ValueError;
use self::numbers::{Numbers, is_missing};
use self::preamble::Preamble;
pub use self::separator::{Separator, SeparatorError};
pub use self::source::Source;
use self::times::Times;
pub use self::times::{TimeError, TimeSettings, Written};
pub use crate::ingest::decimal::{Decimal, DecimalError};
pub use crate::ingest::written_time::{AnyTime, Pattern, PatternError};
use crate::printable::shown;
use crate::sensor::SensorName;
use crate::time::Timestamp;
pub use crate::zone::{Zone, ZoneError};

/// How a history is read. The default finds whatever can be found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HistorySettings {
    /// The columns that do not have the usual names.
    pub columns: Columns,
    /// The device of all rows.
    pub device: Option<String>,
    /// The sensor of all rows.
    pub sensor: Option<String>,
    /// The columns that are sensors; `Some` makes the table a wide one.
    pub sensors: Option<SensorColumns>,
    /// The character between fields.
    pub separator: Option<Separator>,
    /// The decimal mark.
    pub decimal: Option<Decimal>,
    /// How many lines stand before the header.
    pub skip_lines: u64,
    /// How times are written.
    pub times: TimeSettings,
}

/// A reading of a history.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedReading {
    /// The line of its row in the file, from 1; after empty lines, the first of these lines.
    pub line: u64,
    /// The sensor that measured.
    pub sensor: SensorName,
    /// When.
    pub time: Timestamp,
    /// The value, which is finite.
    pub value: f64,
}

/// Reads a history, reading by reading.
///
/// It ends after an error that concerns more than one row.
pub struct History {
    file: Arc<str>,
    rows: csv::Reader<Metered>,
    taken: Arc<AtomicU64>,
    preamble: Preamble,
    header: StringRecord,
    layout: Layout,
    times: Times,
    numbers: Numbers,
    names: Names,
    record: StringRecord,
    /// Day and time of the day, put together.
    day_and_time: String,
    /// The row of a wide table whose cells are being read.
    cells: Option<Cells>,
    missing: u64,
    ended: bool,
}

/// A row of a wide table of which some cells were read.
#[derive(Clone, Copy, Debug)]
struct Cells {
    line: u64,
    time: Timestamp,
    next: usize,
}

impl fmt::Debug for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("History").field("file", &self.file).field("layout", &self.layout).finish_non_exhaustive()
    }
}

impl History {
    /// The longest row, in bytes. Without this bound, an opened quote that is never closed would take in the whole
    /// file.
    pub const MAX_ROW_BYTES: usize = 1 << 20;

    /// Opens a file; `-` is standard input.
    ///
    /// # Errors
    /// When the file cannot be read, or its header does not name the columns that are needed.
    pub fn open(path: &Path, settings: &HistorySettings) -> Result<Self, HistoryError> {
        let is_stdin = path == Path::new("-");
        let name: Arc<str> = if is_stdin { "standard input".into() } else { shown(path).to_string().into() };
        match Source::open(path) {
            Ok(source) => Self::new(name, source, settings),
            Err(source) => Err(HistoryError::Read { file: name, source }),
        }
    }

    /// Reads a history that errors call `file`.
    ///
    /// # Errors
    /// When the bytes cannot be read, or the header does not name the columns that are needed.
    pub fn new(file: impl Into<Arc<str>>, source: Source, settings: &HistorySettings) -> Result<Self, HistoryError> {
        let file = file.into();
        let failed = |source| HistoryError::Read { file: Arc::clone(&file), source };
        let refused = |problem| HistoryError::Header { file: Arc::clone(&file), problem };
        let (mut text, taken) = source.into_text();
        let is_time = |name: &str| match &settings.columns.time {
            Some(time) => name == time,
            None => [Role::Time, Role::Date].iter().any(|role| role.is_usual(name)),
        };
        let mut preamble =
            Preamble::read(&mut text, settings.skip_lines, settings.separator, is_time).map_err(failed)?;
        if preamble.header.is_empty() {
            return Err(refused(HeaderError::Empty));
        }
        let metered = Metered { source: preamble.before(text), left: Self::MAX_ROW_BYTES, total: 0 };
        // Only a line feed ends a row here, so that the reader counts the lines of files with carriage returns right. A
        // carriage return is then a blank at the end of the last field.
        let mut rows = csv::ReaderBuilder::new()
            .flexible(true)
            .delimiter(preamble.separator.byte())
            .terminator(csv::Terminator::Any(b'\n'))
            .buffer_capacity(source::BUFFER)
            .from_reader(metered);
        let header = match rows.headers() {
            Ok(header) => header.clone(),
            Err(error) if matches!(error.kind(), csv::ErrorKind::Utf8 { .. }) => {
                return Err(refused(HeaderError::NotText));
            }
            Err(error) => return Err(failed(error.into())),
        };
        let layout = Layout::read(&header, settings).map_err(refused)?;
        // Between commas, a number with a comma would be two.
        let decimal = settings.decimal.or((preamble.separator == Separator::Comma).then_some(Decimal::Point));
        Ok(Self {
            file,
            rows,
            taken,
            times: Times::new(settings.times.clone(), layout.again()),
            numbers: Numbers::new(decimal),
            preamble,
            header,
            layout,
            names: Names::default(),
            record: StringRecord::new(),
            day_and_time: String::new(),
            cells: None,
            missing: 0,
            ended: false,
        })
    }

    /// The name of the history in errors.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// How many bytes were read so far, for a progress bar. Some of them are read ahead; packed bytes count as they
    /// are.
    pub fn bytes_read(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    /// How many cells of a wide table said that there is no value.
    pub fn missing(&self) -> u64 {
        self.missing
    }

    /// The form of the history, as recognised in what was read so far.
    pub fn form(&self) -> Form {
        Form::new(&self.layout, &self.preamble, self.numbers.assumed(), self.times.twofold())
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

    /// The reading of a row; in a wide table, the first reading; `None` when the row has none.
    fn row(&mut self, line: u64) -> Result<Option<NamedReading>, RowError> {
        let columns = self.layout.width;
        if self.record.len() > columns && self.record.iter().skip(columns).any(|field| !field.trim().is_empty()) {
            return Err(RowError::Long { fields: self.record.len(), columns });
        }
        let time = match self.layout.time {
            TimePlace::One(place) => self.times.read(field(&self.record, place, &self.header)?)?,
            TimePlace::Two { date, time } => {
                let field = |place| field(&self.record, place, &self.header);
                self.day_and_time.clear();
                self.day_and_time.push_str(field(date)?);
                self.day_and_time.push(' ');
                self.day_and_time.push_str(field(time)?);
                self.times.read(&self.day_and_time)?
            }
        };
        match &self.layout.shape {
            Shape::Long { sensor, value } => {
                let field = |place| field(&self.record, place, &self.header);
                let sensor = match sensor {
                    Sensor::Constant(name) => name,
                    Sensor::Column(place) => field(*place)?,
                };
                let (device, sensor) = match &self.layout.device {
                    Device::Constant(device) => (device.as_str(), sensor),
                    Device::Column(place) => (field(*place)?, sensor),
                    Device::InName => part(sensor).ok_or_else(|| RowError::NoDevice(times::cut(sensor)))?,
                };
                let value = self.numbers.read(field(*value)?, line)?;
                Ok(Some(NamedReading { line, sensor: self.names.get(device, sensor)?, time, value }))
            }
            Shape::Wide { .. } => {
                self.cells = Some(Cells { line, time, next: 0 });
                self.next_cell()
            }
        }
    }

    /// The next reading of the current row of a wide table; `None` when the row has no more.
    fn next_cell(&mut self) -> Result<Option<NamedReading>, RowError> {
        let (Some(row), Shape::Wide { cells, .. }) = (&mut self.cells, &self.layout.shape) else { return Ok(None) };
        while let Some(Cell { place, column, sensor }) = cells.get(row.next) {
            row.next += 1;
            let Some(text) = self.record.get(*place).map(str::trim) else {
                self.cells = None;
                return Err(RowError::Short(column.to_string()));
            };
            if is_missing(text) {
                self.missing += 1;
                continue;
            }
            let value = self.numbers.read(text, row.line);
            let value = value.map_err(|reason| RowError::Cell { column: Arc::clone(column), reason })?;
            let sensor = match (sensor, &self.layout.device) {
                (CellSensor::Known(name), _) => name.clone(),
                (CellSensor::OfRow(sensor), Device::Column(place)) => {
                    let device = self.record.get(*place).unwrap_or_default().trim();
                    self.names.get(device, sensor)?
                }
                (CellSensor::OfRow(sensor), _) => return Err(RowError::NoDevice(sensor.clone())),
            };
            return Ok(Some(NamedReading { line: row.line, sensor, time: row.time, value }));
        }
        self.cells = None;
        Ok(None)
    }

    /// The next reading; `None` at the end.
    fn read(&mut self) -> Result<Option<NamedReading>, Lost> {
        loop {
            if let Some(Cells { line, .. }) = self.cells
                && let Some(reading) = self.next_cell().map_err(|reason| Lost::Row(line, reason))?
            {
                return Ok(Some(reading));
            }
            let line_of = |position: Option<&csv::Position>| position.map_or(0, csv::Position::line);
            match self.record() {
                Ok(false) => return Ok(None),
                Ok(true) => {
                    let line = self.preamble.lines + line_of(self.record.position());
                    if let Some(reading) = self.row(line).map_err(|reason| Lost::Row(line, reason))? {
                        return Ok(Some(reading));
                    }
                }
                Err(error) => match error.kind() {
                    csv::ErrorKind::Utf8 { pos, .. } => {
                        return Err(Lost::Row(self.preamble.lines + line_of(pos.as_ref()), RowError::NotText));
                    }
                    _ => return Err(Lost::Rest(error.into())),
                },
            }
        }
    }
}

/// What is lost by an error.
enum Lost {
    /// A row, or a cell of it.
    Row(u64, RowError),
    /// Everything from here on.
    Rest(io::Error),
}

/// A field without the blanks around it.
fn field<'r>(record: &'r StringRecord, place: usize, header: &StringRecord) -> Result<&'r str, RowError> {
    let column = || header.get(place).unwrap_or_default().trim().to_owned();
    record.get(place).map(str::trim).ok_or_else(|| RowError::Short(column()))
}

impl Iterator for History {
    type Item = Result<NamedReading, HistoryError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        match self.read() {
            Ok(Some(reading)) => Some(Ok(reading)),
            Ok(None) => {
                self.ended = true;
                None
            }
            Err(Lost::Row(line, reason)) => Some(Err(HistoryError::Row { file: Arc::clone(&self.file), line, reason })),
            Err(Lost::Rest(source)) => {
                self.ended = true;
                Some(Err(HistoryError::Read { file: Arc::clone(&self.file), source }))
            }
        }
    }
}

/// A source that ends in an error when one row is too long.
struct Metered {
    source: Chain<Cursor<Vec<u8>>, BufReader<Box<dyn Read + Send>>>,
    /// How many more bytes the current row may take.
    left: usize,
    total: u64,
}

impl Read for Metered {
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
