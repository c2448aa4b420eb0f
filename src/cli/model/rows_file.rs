//! Rows from a file that a person names.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::model::{AnsweredRows, Columns, LabelColumn, Limits, RowReader, RowsError};
use crate::printable::shown;

/// Why there are no rows.
#[derive(Debug, thiserror::Error)]
#[error("{} {problem}", shown(path))]
pub struct RowsFileError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub problem: RowsError,
}

/// Reads the features that `choose` chooses of a file's columns, with their names, and what is expected of the rows.
pub(super) fn read(
    path: &Path,
    choose: impl FnOnce(&RowReader<File>) -> Result<Vec<String>, RowsError>,
    decision: Option<&str>,
    label: Option<LabelColumn<'_>>,
) -> Result<(Vec<String>, AnsweredRows), RowsFileError> {
    /// What a person names may be large: only what memory takes bounds it, 1 GiB of numbers.
    const MOST_NUMBERS: usize = 1 << 27;
    let read = || {
        let limits = Limits { file_bytes: usize::MAX, elements: MOST_NUMBERS, ..Limits::default() };
        let reader = RowReader::new(File::open(path)?, &limits)?;
        let features = choose(&reader)?;
        let rows = reader.read(&Columns { features: &features, decision, label })?;
        Ok((features, rows))
    };
    read().map_err(|problem| RowsFileError { path: path.to_owned(), problem })
}

/// The names as they are without the blanks around them.
pub(super) fn trimmed(names: &[String]) -> Vec<String> {
    names.iter().map(|name| name.trim().to_owned()).collect()
}
