//! Rows that a model is trained or calibrated on, from a file that a person names.

use std::fs::File;
use std::path::{Path, PathBuf};

use ndarray::Array2;

use crate::model::{Columns, Limits, RowReader, RowsError};

/// Why there are no rows.
#[derive(Debug, thiserror::Error)]
#[error("{} {problem}", path.display())]
pub struct RowsFileError {
    /// The file.
    path: PathBuf,
    /// What is wrong with it.
    problem: RowsError,
}

/// Reads the columns of a file that `choose` chooses of it, with their names.
pub(super) fn read(
    path: &Path,
    choose: impl FnOnce(&RowReader<File>) -> Result<Vec<String>, RowsError>,
) -> Result<(Vec<String>, Array2<f64>), RowsFileError> {
    /// What memory takes: 1 GiB of numbers.
    const MOST_NUMBERS: usize = 1 << 27;
    let read = || {
        let limits = Limits { file_bytes: usize::MAX, elements: MOST_NUMBERS, ..Limits::default() };
        let reader = RowReader::new(File::open(path)?, &limits)?;
        let columns = choose(&reader)?;
        let rows = reader.read(&Columns { features: &columns, decision: None, label: None })?;
        Ok((columns, rows.values))
    };
    read().map_err(|problem| RowsFileError { path: path.to_owned(), problem })
}

/// The names as they are without the blanks around them.
pub(super) fn trimmed(names: &[String]) -> Vec<String> {
    names.iter().map(|name| name.trim().to_owned()).collect()
}
