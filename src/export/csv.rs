//! CSV (RFC 4180): a header, and a row a line. What is missing is empty.

use std::io::{self, Write};

use super::{Cell, Column, ExportError, RowWriter};

/// The output's own error: the conversion that `csv` has makes another kind of it, and a pipe that its reader closed would
/// pass for a failure.
fn of_output(error: ::csv::Error) -> io::Error {
    match error.into_kind() {
        ::csv::ErrorKind::Io(problem) => problem,
        _ => io::Error::other("a row has another number of fields than the header"),
    }
}

/// Writes CSV.
pub(super) struct CsvWriter<'a> {
    rows: ::csv::Writer<&'a mut (dyn Write + Send)>,
    field: String,
}

impl<'a> CsvWriter<'a> {
    pub(super) fn new(columns: &[Column], out: &'a mut (dyn Write + Send)) -> Result<Self, ExportError> {
        let mut rows = ::csv::WriterBuilder::new().from_writer(out);
        rows.write_record(columns.iter().map(|column| column.name)).map_err(of_output)?;
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
            self.rows.write_field(&self.field).map_err(of_output)?;
        }
        self.rows.write_record(None::<&[u8]>).map_err(of_output)?;
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<(), ExportError> {
        Ok(self.rows.flush()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a pipe is whose reader has gone.
    struct ClosedPipe;

    impl Write for ClosedPipe {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_closed_pipe_is_told_from_a_failure() {
        let columns = crate::export::Table::Runs.columns();
        let mut pipe = ClosedPipe;
        let mut rows = CsvWriter::new(columns, &mut pipe).unwrap();
        let text = "x".repeat(1000);
        let cells = vec![Cell::Text(&text); columns.len()];
        let problem = (0..100).find_map(|_| rows.row(&cells).err());
        assert!(matches!(problem, Some(ExportError::Output(problem)) if problem.kind() == io::ErrorKind::BrokenPipe));
    }
}
