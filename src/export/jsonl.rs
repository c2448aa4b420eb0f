//! JSON lines: an object a row. What is missing is `null`, as is a number that JSON cannot write (NaN, an infinity).

use std::io::{self, BufWriter, Write};

use super::{Cell, Column, ExportError, RowWriter};

/// Writes JSON lines.
pub(super) struct JsonlWriter<'a> {
    columns: &'static [Column],
    out: BufWriter<&'a mut (dyn Write + Send)>,
}

impl<'a> JsonlWriter<'a> {
    pub(super) fn new(columns: &'static [Column], out: &'a mut (dyn Write + Send)) -> Self {
        Self { columns, out: BufWriter::new(out) }
    }
}

impl RowWriter for JsonlWriter<'_> {
    fn row(&mut self, cells: &[Cell<'_>]) -> Result<(), ExportError> {
        let out = &mut self.out;
        let mut before = '{';
        for (column, cell) in self.columns.iter().zip(cells) {
            write!(out, "{before}\"{}\":", column.name)?;
            before = ',';
            match cell {
                Cell::Missing => out.write_all(b"null")?,
                Cell::Text(text) => serde_json::to_writer(&mut *out, text).map_err(io::Error::from)?,
                Cell::Time(time) => write!(out, "\"{time}\"")?,
                Cell::Integer(number) => write!(out, "{number}")?,
                Cell::Number(number) => serde_json::to_writer(&mut *out, number).map_err(io::Error::from)?,
                Cell::Flag(flag) => write!(out, "{flag}")?,
            }
        }
        out.write_all(b"}\n")?;
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<(), ExportError> {
        Ok(self.out.flush()?)
    }
}
