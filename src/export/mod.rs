//! What the store holds as tables, for other programs: readings, intervals, verdicts, runs and rejects.
//!
//! `columns.rs` says which columns each table has, `rows.rs` makes the rows from a [`Reader`], and `csv.rs`,
//! `jsonl.rs` and `parquet.rs` write them. Rows are made one at a time and go out as they are made, so the memory does
//! not grow with the table. The daemon and the commands have this one way to write a table.
//!
//! `dump.rs` writes the same things as JSON for a look, with every detail.

pub mod columns;
mod csv;
pub mod dump;
mod jsonl;
mod parquet;
mod rows;
mod selection;

use std::io::{self, Write};

pub use self::columns::{Column, ColumnKind, Table};
pub use self::selection::Selection;
use crate::interval::Cut;
use crate::store::{Reader, StoreError};
use crate::time::Timestamp;

/// How a table is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Format {
    /// A header, then a line a row, with commas between (RFC 4180)
    Csv,
    /// A JSON object a line
    Jsonl,
    /// Apache Parquet, packed by LZ4
    Parquet,
}

impl Format {
    /// The formats by their names.
    pub const ALL: [(&'static str, Self); 3] = [("csv", Self::Csv), ("jsonl", Self::Jsonl), ("parquet", Self::Parquet)];

    /// The format of a name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(known, _)| *known == name).map(|(_, format)| format)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        Self::ALL.into_iter().find(|(_, format)| *format == self).map_or("", |(name, _)| name)
    }

    /// What it is called on the web.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::Jsonl => "application/jsonl",
            Self::Parquet => "application/vnd.apache.parquet",
        }
    }
}

/// Why a table was not written to its end.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The output.
    #[error("cannot write: {0}")]
    Output(#[from] io::Error),
    /// The Parquet writer.
    #[error("cannot write Parquet: {0}")]
    Parquet(#[from] ::parquet::errors::ParquetError),
}

/// One field of a row.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Cell<'a> {
    Missing,
    Text(&'a str),
    Time(Timestamp),
    Integer(i64),
    Number(f64),
    Flag(bool),
}

impl<'a> From<Option<&'a str>> for Cell<'a> {
    fn from(text: Option<&'a str>) -> Self {
        text.map_or(Self::Missing, Self::Text)
    }
}

impl From<u32> for Cell<'_> {
    fn from(count: u32) -> Self {
        Self::Integer(count.into())
    }
}

impl From<u64> for Cell<'_> {
    fn from(count: u64) -> Self {
        Self::Integer(i64::try_from(count).unwrap_or(i64::MAX))
    }
}

/// Writes the rows of a table in some format.
trait RowWriter {
    /// Writes a row, which has a cell for each column.
    fn row(&mut self, cells: &[Cell<'_>]) -> Result<(), ExportError>;

    /// Writes what must come behind the last row.
    fn finish(self: Box<Self>) -> Result<(), ExportError>;
}

/// Writes the rows of a table that a selection takes.
///
/// # Errors
/// When the store cannot be read, or `out` cannot be written. What was written before is then no whole table.
pub fn write(
    reader: &Reader,
    cut: Cut,
    selection: &Selection,
    format: Format,
    out: &mut (dyn Write + Send),
) -> Result<(), ExportError> {
    let columns = selection.table.columns();
    let mut writer: Box<dyn RowWriter + '_> = match format {
        Format::Csv => Box::new(csv::CsvWriter::new(columns, out)?),
        Format::Jsonl => Box::new(jsonl::JsonlWriter::new(columns, out)),
        Format::Parquet => Box::new(parquet::ParquetWriter::new(selection.table, out)?),
    };
    rows::write(reader, cut, selection, &mut *writer)?;
    writer.finish()
}
