//! Why a history, or a part of it, could not be read. The messages name options: these are the same for all commands
//! that read histories.

use std::io;
use std::sync::Arc;

use super::columns::Role;
use super::numbers::ValueError;
use super::times::TimeError;
use crate::printable::Printable;
use crate::sensor::SensorNameError;

/// Why a history, or a row of one, could not be read.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The file cannot be read, or no further.
    #[error("cannot read {file}: {source}")]
    Read {
        /// The file.
        file: Arc<str>,
        /// The system's error.
        source: io::Error,
    },
    /// The header does not name the columns that are needed.
    #[error("{file} {problem}")]
    Header {
        /// The file.
        file: Arc<str>,
        /// What is wrong with the header.
        problem: HeaderError,
    },
    /// One row, or one cell of it, is bad. The next row can be read.
    #[error("{file}:{line}: {reason}")]
    Row {
        /// The file.
        file: Arc<str>,
        /// The line on which the row begins.
        line: u64,
        /// What is wrong with the row.
        reason: RowError,
    },
}

impl HistoryError {
    /// Whether only one row, or one cell, is lost.
    pub fn is_of_row(&self) -> bool {
        matches!(self, Self::Row { .. })
    }
}

/// What is wrong with a header.
#[derive(Debug, thiserror::Error)]
pub enum HeaderError {
    /// There is nothing.
    #[error("is empty: it begins with a header that names its columns, such as TS,Device,Tag,Value")]
    Empty,
    /// It is in another encoding.
    #[error("has a header that is not UTF-8 text; convert it, with: iconv -f WINDOWS-1252 -t UTF-8 FILE")]
    NotText,
    /// The header has no column of a name that was given.
    #[error("has no column {column:?}; its header names {found}")]
    NoColumn {
        /// The missing name.
        column: String,
        /// The columns that the header has.
        found: FoundColumns,
    },
    /// No column has a usual name.
    #[error(
        "has no column of the {word}, such as {usual:?}; its header names {found}; say which it is with --columns \
         {word}=NAME{or}"
    )]
    NoRole {
        /// The missing role.
        word: &'static str,
        /// The usual names of its column.
        usual: &'static str,
        /// The columns that the header has.
        found: FoundColumns,
        /// What else may be done.
        or: &'static str,
    },
    /// Two columns have the same name.
    #[error("has two columns {0:?}; give them names of their own")]
    Twice(String),
    /// A wide table without sensors.
    #[error("has no column that could be a sensor; its header names {0}")]
    NoSensors(FoundColumns),
    /// Nothing names the device.
    #[error(
        "does not say whose {0:?} is: give the device with --device NAME or a column of it with --columns device=NAME, or \
         name the column as in press-1/vibration"
    )]
    NoDevice(String),
    /// Two columns are the same sensor.
    #[error("has two columns of the sensor {0}")]
    SameSensor(String),
    /// A column's name cannot be a sensor's name.
    #[error("has a column {column:?} that cannot be a sensor: {problem}; rename it with --sensors NAME=COLUMN")]
    Name {
        /// The column.
        column: String,
        /// What is wrong with the name.
        problem: SensorNameError,
    },
}

impl HeaderError {
    /// No column has one of the usual names of a role.
    pub(super) fn no_role(role: Role, found: FoundColumns, or: &'static str) -> Self {
        let usual = role.usual_names().first().copied().unwrap_or_default();
        Self::NoRole { word: role.word(), usual, found, or }
    }
}

/// The columns that a header has, made safe for a terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundColumns(Vec<String>);

impl FoundColumns {
    const MAX: usize = 32;

    pub(super) fn new<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        Self(names.take(Self::MAX + 1).map(|name| name.chars().take(64).collect::<String>()).collect())
    }
}

impl std::fmt::Display for FoundColumns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown = self.0.iter().take(Self::MAX).map(String::as_str).collect::<Vec<_>>().join(", ");
        write!(f, "{}", Printable(shown))?;
        if self.0.len() > Self::MAX { f.write_str(" and more") } else { Ok(()) }
    }
}

/// What is wrong with a row, or with a cell of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    /// It is too short.
    #[error("the row ends before the column {0:?}")]
    Short(String),
    /// The row has too many fields, so its fields may not belong to the header's columns.
    #[error("the row has {fields} fields, and the header {columns}; is there a separator within a value?")]
    Long {
        /// How many fields it has.
        fields: usize,
        /// How many the header has.
        columns: usize,
    },
    /// The time cannot be read.
    #[error(transparent)]
    Time(#[from] TimeError),
    /// The value cannot be read.
    #[error(transparent)]
    Value(#[from] ValueError),
    /// The value in a column of a wide table cannot be read.
    #[error("column {column:?}: {reason}")]
    Cell {
        /// The column.
        column: Arc<str>,
        /// What is wrong with the value.
        reason: ValueError,
    },
    /// The name cannot be a sensor's name.
    #[error(transparent)]
    Name(#[from] SensorNameError),
    /// Nothing names the device.
    #[error("{0:?} names no device; name it as in press-1/vibration, or give the device with --device NAME")]
    NoDevice(String),
    /// It is not text.
    #[error("the row is not UTF-8 text")]
    NotText,
}
