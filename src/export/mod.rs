//! What the store holds as tables, for other programs: readings, intervals, verdicts, runs and rejects.
//!
//! `columns.rs` says which columns each table has, `rows.rs` and `readings.rs` make the rows from a [`Reader`], and `csv.rs`,
//! `jsonl.rs` and `parquet.rs` write them. Rows are made one at a time and go out as they are made, so the memory does
//! not grow with the table. The daemon and the commands have this one way to write a table.
//!
//! `dump.rs` writes the same things as JSON for a look, with every detail.

pub mod columns;
mod csv;
pub mod dump;
mod jsonl;
mod parquet;
mod readings;
mod rows;
mod selection;

use std::io::{self, Write};

pub use self::columns::{Column, ColumnKind, Table};
pub use self::selection::Selection;
use crate::group::Groups;
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
    groups: &Groups,
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
    rows::write(reader, groups, selection, &mut *writer)?;
    writer.finish()
}

#[cfg(test)]
mod tests {
    use ::parquet::file::reader::{FileReader, SerializedFileReader};
    use ::parquet::record::Field;

    use super::*;

    /// Rows of verdicts: one with all cells, and one with none. Texts need care.
    fn rows() -> [Vec<Cell<'static>>; 2] {
        let whole = Table::Verdicts.columns().iter().map(|column| match column.kind {
            ColumnKind::Text => Cell::Text("ü \"b\", c\nd"),
            ColumnKind::Time => Cell::Time(Timestamp::parse("2018-08-28T23:59:59.000000001Z").unwrap()),
            ColumnKind::Integer => Cell::Integer(-7),
            ColumnKind::Number => Cell::Number(0.1),
            ColumnKind::Flag => Cell::Flag(true),
        });
        [whole.collect(), Table::Verdicts.columns().iter().map(|_| Cell::Missing).collect()]
    }

    fn written(format: Format) -> Vec<u8> {
        let mut bytes = Vec::new();
        let columns = Table::Verdicts.columns();
        let mut writer: Box<dyn RowWriter + '_> = match format {
            Format::Csv => Box::new(csv::CsvWriter::new(columns, &mut bytes).unwrap()),
            Format::Jsonl => Box::new(jsonl::JsonlWriter::new(columns, &mut bytes)),
            Format::Parquet => Box::new(parquet::ParquetWriter::new(Table::Verdicts, &mut bytes).unwrap()),
        };
        rows().iter().for_each(|row| writer.row(row).unwrap());
        writer.finish().unwrap();
        bytes
    }

    #[test]
    fn csv_can_be_read_back() {
        let bytes = written(Format::Csv);
        let mut reader = ::csv::Reader::from_reader(&bytes[..]);
        let records: Vec<_> = reader.records().map(Result::unwrap).collect();
        for (place, column) in Table::Verdicts.columns().iter().enumerate() {
            let expected = match column.kind {
                ColumnKind::Text => "ü \"b\", c\nd",
                ColumnKind::Time => "2018-08-28T23:59:59.000000001Z",
                ColumnKind::Integer => "-7",
                ColumnKind::Number => "0.1",
                ColumnKind::Flag => "true",
            };
            assert_eq!(
                [&reader.headers().unwrap()[place], &records[0][place], &records[1][place]],
                [column.name, expected, ""]
            );
        }
    }

    #[test]
    fn json_lines_can_be_read_back() {
        let bytes = written(Format::Jsonl);
        let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let rows: Vec<serde_json::Value> = lines.map(|line| serde_json::from_slice(line).unwrap()).collect();
        for column in Table::Verdicts.columns() {
            let expected = match column.kind {
                ColumnKind::Text => serde_json::json!("ü \"b\", c\nd"),
                ColumnKind::Time => serde_json::json!("2018-08-28T23:59:59.000000001Z"),
                ColumnKind::Integer => serde_json::json!(-7),
                ColumnKind::Number => serde_json::json!(0.1),
                ColumnKind::Flag => serde_json::json!(true),
            };
            assert_eq!([&rows[0][column.name], &rows[1][column.name]], [&expected, &serde_json::Value::Null]);
        }
    }

    #[test]
    fn parquet_can_be_read_back() {
        let reader = SerializedFileReader::new(bytes::Bytes::from(written(Format::Parquet))).unwrap();
        let rows: Vec<_> = reader.get_row_iter(None).unwrap().map(Result::unwrap).collect();
        for (place, column) in Table::Verdicts.columns().iter().enumerate() {
            let expected = match column.kind {
                ColumnKind::Text => Field::Str("ü \"b\", c\nd".to_owned()),
                ColumnKind::Time => Field::Long(Timestamp::parse("2018-08-28T23:59:59.000000001Z").unwrap().nanos()),
                ColumnKind::Integer => Field::Long(-7),
                ColumnKind::Number => Field::Double(0.1),
                ColumnKind::Flag => Field::Bool(true),
            };
            let found = [0, 1].map(|row: usize| rows[row].get_column_iter().nth(place).unwrap());
            assert_eq!(found.map(|(name, _)| name.as_str()), [column.name; 2]);
            assert_eq!(found.map(|(_, field)| field.clone()), [expected, Field::Null]);
        }
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
