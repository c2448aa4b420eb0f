//! CSV (RFC 4180): a header, and a row a line. What is missing is empty.

use std::io::Write;

use super::{Cell, Column, ExportError, RowWriter};

/// Writes CSV.
pub(super) struct CsvWriter<'a> {
    rows: ::csv::Writer<&'a mut (dyn Write + Send)>,
    field: String,
}

impl<'a> CsvWriter<'a> {
    pub(super) fn new(columns: &[Column], out: &'a mut (dyn Write + Send)) -> Result<Self, ExportError> {
        let mut rows = ::csv::WriterBuilder::new().from_writer(out);
        rows.write_record(columns.iter().map(|column| column.name)).map_err(std::io::Error::from)?;
        Ok(Self { rows, field: String::new() })
    }
}

impl RowWriter for CsvWriter<'_> {
    fn row(&mut self, cells: &[Cell<'_>]) -> Result<(), ExportError> {
        use std::fmt::Write as _;
        for cell in cells {
            self.field.clear();
            // Writing into a string cannot fail.
            let _ = match cell {
                Cell::Missing => Ok(()),
                Cell::Text(text) => self.field.write_str(text),
                Cell::Time(time) => write!(self.field, "{time}"),
                Cell::Integer(number) => write!(self.field, "{number}"),
                Cell::Number(number) => write!(self.field, "{number:?}"),
                Cell::Flag(flag) => write!(self.field, "{flag}"),
            };
            self.rows.write_field(&self.field).map_err(std::io::Error::from)?;
        }
        self.rows.write_record(None::<&[u8]>).map_err(std::io::Error::from)?;
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<(), ExportError> {
        Ok(self.rows.flush()?)
    }
}
