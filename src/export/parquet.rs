//! Apache Parquet: row groups that fit into memory, texts by dictionary, pages packed by LZ4 (`LZ4_RAW`).
//!
//! Times are `TIMESTAMP(NANOS, UTC)`. Every column may be null.

use std::io::Write;
use std::sync::Arc;

use ::parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as PhysicalType};
use ::parquet::data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, Int64Type};
use ::parquet::errors::ParquetError;
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use ::parquet::schema::types::{ColumnPath, Type, TypePtr};

use super::{Cell, Column, ColumnKind, ExportError, RowWriter, Table};

/// The most rows of a row group.
const GROUP_ROWS: usize = 64 << 10;
/// The most bytes of texts in a row group, so that long texts do not fill the memory.
const GROUP_TEXT_BYTES: usize = 8 << 20;

/// Writes Parquet.
pub(super) struct ParquetWriter<'a> {
    file: SerializedFileWriter<&'a mut (dyn Write + Send)>,
    columns: Vec<ColumnBuffer>,
    rows: usize,
    text_bytes: usize,
}

/// The cells of one column that are not written yet.
struct ColumnBuffer {
    values: Values,
    /// Of each row 1 if there is a value, 0 if it is missing.
    levels: Vec<i16>,
}

enum Values {
    Texts(Vec<ByteArray>),
    Integers(Vec<i64>),
    Numbers(Vec<f64>),
    Flags(Vec<bool>),
}

impl<'a> ParquetWriter<'a> {
    pub(super) fn new(table: Table, out: &'a mut (dyn Write + Send)) -> Result<Self, ExportError> {
        let columns = table.columns();
        let properties = columns.iter().fold(
            WriterProperties::builder()
                .set_created_by(concat!("anomalyd ", env!("CARGO_PKG_VERSION")).to_owned())
                .set_compression(Compression::LZ4_RAW)
                .set_dictionary_enabled(false),
            |properties, column| match column.kind {
                ColumnKind::Text => properties.set_column_dictionary_enabled(ColumnPath::from(column.name), true),
                _ => properties,
            },
        );
        let file = SerializedFileWriter::new(out, schema(table)?, Arc::new(properties.build()))?;
        Ok(Self { file, columns: columns.iter().map(ColumnBuffer::of).collect(), rows: 0, text_bytes: 0 })
    }

    fn write_group(&mut self) -> Result<(), ExportError> {
        if self.rows == 0 {
            return Ok(());
        }
        let mut group = self.file.next_row_group()?;
        for column in &mut self.columns {
            let Some(writer) = group.next_column()? else {
                return Err(ParquetError::General("a column is missing in the schema".to_owned()).into());
            };
            column.write(writer)?;
        }
        group.close()?;
        (self.rows, self.text_bytes) = (0, 0);
        Ok(())
    }
}

impl RowWriter for ParquetWriter<'_> {
    fn row(&mut self, cells: &[Cell<'_>]) -> Result<(), ExportError> {
        for (column, cell) in self.columns.iter_mut().zip(cells) {
            self.text_bytes += column.push(*cell);
        }
        self.rows += 1;
        if self.rows >= GROUP_ROWS || self.text_bytes >= GROUP_TEXT_BYTES {
            self.write_group()?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<(), ExportError> {
        self.write_group()?;
        self.file.finish()?;
        Ok(())
    }
}

impl ColumnBuffer {
    fn of(column: &Column) -> Self {
        let values = match column.kind {
            ColumnKind::Text => Values::Texts(Vec::new()),
            ColumnKind::Time | ColumnKind::Integer => Values::Integers(Vec::new()),
            ColumnKind::Number => Values::Numbers(Vec::new()),
            ColumnKind::Flag => Values::Flags(Vec::new()),
        };
        Self { values, levels: Vec::new() }
    }

    /// Adds a cell. Returns how many bytes of text it has.
    fn push(&mut self, cell: Cell<'_>) -> usize {
        let mut text_bytes = 0;
        let is_there = match (&mut self.values, cell) {
            (Values::Texts(texts), Cell::Text(text)) => {
                texts.push(ByteArray::from(text));
                text_bytes = text.len() + size_of::<ByteArray>();
                true
            }
            (Values::Integers(integers), Cell::Integer(integer)) => {
                integers.push(integer);
                true
            }
            (Values::Integers(integers), Cell::Time(time)) => {
                integers.push(time.nanos());
                true
            }
            (Values::Numbers(numbers), Cell::Number(number)) => {
                numbers.push(number);
                true
            }
            (Values::Flags(flags), Cell::Flag(flag)) => {
                flags.push(flag);
                true
            }
            _ => false,
        };
        self.levels.push(i16::from(is_there));
        text_bytes
    }

    fn write(&mut self, mut writer: SerializedColumnWriter<'_>) -> Result<(), ParquetError> {
        let levels = Some(&self.levels[..]);
        match &mut self.values {
            Values::Texts(texts) => {
                writer.typed::<ByteArrayType>().write_batch(texts, levels, None)?;
                texts.clear();
            }
            Values::Integers(integers) => {
                writer.typed::<Int64Type>().write_batch(integers, levels, None)?;
                integers.clear();
            }
            Values::Numbers(numbers) => {
                writer.typed::<DoubleType>().write_batch(numbers, levels, None)?;
                numbers.clear();
            }
            Values::Flags(flags) => {
                writer.typed::<BoolType>().write_batch(flags, levels, None)?;
                flags.clear();
            }
        }
        self.levels.clear();
        writer.close()
    }
}

fn schema(table: Table) -> Result<TypePtr, ParquetError> {
    let field = |column: &Column| {
        let (physical, logical) = match column.kind {
            ColumnKind::Text => (PhysicalType::BYTE_ARRAY, Some(LogicalType::String)),
            ColumnKind::Time => (PhysicalType::INT64, Some(LogicalType::timestamp(true, TimeUnit::NANOS))),
            ColumnKind::Integer => (PhysicalType::INT64, None),
            ColumnKind::Number => (PhysicalType::DOUBLE, None),
            ColumnKind::Flag => (PhysicalType::BOOLEAN, None),
        };
        Type::primitive_type_builder(column.name, physical)
            .with_repetition(Repetition::OPTIONAL)
            .with_logical_type(logical)
            .build()
            .map(Arc::new)
    };
    let fields = table.columns().iter().map(field).collect::<Result<_, _>>()?;
    Ok(Arc::new(Type::group_type_builder(table.name()).with_fields(fields).build()?))
}
