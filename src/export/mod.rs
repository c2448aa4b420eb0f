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

#[cfg(test)]
mod tests {
    use ::parquet::file::reader::{FileReader, SerializedFileReader};
    use ::parquet::record::Field;

    use super::*;

    /// Rows of runs, one with all cells and one with as few as there can be, and a text that needs care.
    fn rows() -> [Vec<Cell<'static>>; 2] {
        let time = |text: &str| Cell::Time(Timestamp::parse(text).unwrap());
        let times = [time("2018-08-28T23:00:00Z"), time("2018-08-28T23:59:59.000000001Z")];
        let texts = [Cell::Text("a \"b\", c\nd"), Cell::Text("")];
        let whole = times.into_iter().chain(texts).chain([Cell::Integer(7), Cell::Text("ü")]);
        let few = times.into_iter().chain(texts).chain([Cell::Missing; 9]);
        [whole.chain((0..7).map(Cell::Integer)).collect(), few.collect()]
    }

    fn written(format: Format) -> Vec<u8> {
        let mut bytes = Vec::new();
        let columns = Table::Runs.columns();
        let mut writer: Box<dyn RowWriter + '_> = match format {
            Format::Csv => Box::new(csv::CsvWriter::new(columns, &mut bytes).unwrap()),
            Format::Jsonl => Box::new(jsonl::JsonlWriter::new(columns, &mut bytes)),
            Format::Parquet => Box::new(parquet::ParquetWriter::new(Table::Runs, &mut bytes).unwrap()),
        };
        rows().iter().for_each(|row| writer.row(row).unwrap());
        writer.finish().unwrap();
        bytes
    }

    #[test]
    fn csv_can_be_read_back() {
        let bytes = written(Format::Csv);
        let mut reader = ::csv::Reader::from_reader(&bytes[..]);
        assert_eq!(reader.headers().unwrap().len(), Table::Runs.columns().len());
        let records: Vec<_> = reader.records().map(Result::unwrap).collect();
        assert_eq!(&records[0][1], "2018-08-28T23:59:59.000000001Z");
        assert_eq!([&records[0][2], &records[0][4], &records[1][4]], ["a \"b\", c\nd", "7", ""]);
    }

    #[test]
    fn json_lines_can_be_read_back() {
        let bytes = written(Format::Jsonl);
        let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let rows: Vec<serde_json::Value> = lines.map(|line| serde_json::from_slice(line).unwrap()).collect();
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0]["window_start"], "2018-08-28T23:00:00Z");
        assert_eq!([&rows[0]["state"], &rows[0]["settings"]], ["a \"b\", c\nd", "ü"]);
        assert!(rows[1]["scored"].is_null() && rows[1].as_object().unwrap().len() == Table::Runs.columns().len());
    }

    #[test]
    fn parquet_can_be_read_back() {
        let reader = SerializedFileReader::new(bytes::Bytes::from(written(Format::Parquet))).unwrap();
        let rows: Vec<_> = reader.get_row_iter(None).unwrap().map(Result::unwrap).collect();
        let of = |row: usize, column: usize| rows[row].get_column_iter().nth(column).unwrap().1.clone();
        assert_eq!(rows.len(), 2);
        let Cell::Time(time) = self::rows()[0][1] else { panic!("no time") };
        assert_eq!(of(0, 1), Field::Long(time.nanos()));
        assert_eq!([of(0, 2), of(1, 3)], [Field::Str("a \"b\", c\nd".into()), Field::Str(String::new())]);
        assert_eq!([of(0, 4), of(1, 4), of(1, 12)], [Field::Long(7), Field::Null, Field::Null]);
    }

    #[test]
    fn the_memory_of_parquet_does_not_grow_with_the_table() {
        let mut bytes = Vec::new();
        let mut writer = parquet::ParquetWriter::new(Table::Readings, &mut bytes).unwrap();
        for row in 0..200_000 {
            let cells =
                [Cell::Time(Timestamp::from_nanos(row)), Cell::Text("press-1"), Cell::Text("flow"), Cell::Number(1.5)];
            writer.row(&cells).unwrap();
        }
        RowWriter::finish(Box::new(writer)).unwrap();
        let reader = SerializedFileReader::new(bytes::Bytes::from(bytes)).unwrap();
        let groups: Vec<_> = reader.metadata().row_groups().iter().map(|group| group.num_rows()).collect();
        assert_eq!(groups.iter().sum::<i64>(), 200_000);
        assert!(groups.iter().all(|rows| *rows <= 65_536), "{groups:?}");
    }
}
