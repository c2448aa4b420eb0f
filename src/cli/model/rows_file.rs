//! Rows from a file that the user names.

use std::io::{self, BufRead, BufReader, Chain, Cursor, Read};
use std::path::{Path, PathBuf};

use crate::ingest::history::{Separator, Source};
use crate::model::{AnsweredRows, Columns, LabelColumn, Limits, RowReader, RowsError};
use crate::printable::shown;

/// Why there are no rows.
#[derive(Debug, thiserror::Error)]
#[error("{} {problem}", shown(path))]
pub struct RowsFileError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with the file.
    pub problem: RowsError,
}

/// The text of a file of rows.
pub(super) type RowsText = Chain<Cursor<Vec<u8>>, BufReader<Source>>;

/// Opens a file of rows like a history: packed by gzip or not, `-` for standard input. The separator is recognised from
/// the header.
fn open(path: &Path) -> io::Result<(RowsText, Separator)> {
    /// How much is looked at for a header.
    const MOST: u64 = 1 << 20;
    let mut source = BufReader::new(Source::open(path)?);
    let (mut head, mut separator) = (Vec::new(), Separator::default());
    let mut lines = source.by_ref().take(MOST);
    loop {
        let begin = head.len();
        if lines.read_until(b'\n', &mut head)? == 0 {
            break;
        }
        let line = String::from_utf8_lossy(head.get(begin..).unwrap_or_default());
        if !line.trim().is_empty() && !line.starts_with('#') {
            separator = Separator::of_header(&line, |_| false);
            break;
        }
    }
    Ok((Cursor::new(head).chain(source), separator))
}

/// Reads the columns of a file that `choose` returns as features, with their names, and the answers that are expected.
pub(super) fn read(
    path: &Path,
    choose: impl FnOnce(&RowReader<RowsText>) -> Result<Vec<String>, RowsError>,
    decision: Option<&str>,
    label: Option<LabelColumn<'_>>,
) -> Result<(Vec<String>, AnsweredRows), RowsFileError> {
    /// A file that the user names may be large, so only memory is bounded: 1 GiB of numbers.
    const MOST_NUMBERS: usize = 1 << 27;
    let read = || {
        let limits =
            Limits { file_bytes: usize::MAX, elements: MOST_NUMBERS, operations: usize::MAX, ..Limits::default() };
        let (text, separator) = open(path)?;
        let reader = RowReader::separated(text, separator.byte(), &limits)?;
        let features = choose(&reader)?;
        let rows = reader.read(&Columns { features: &features, decision, label })?;
        Ok((features, rows))
    };
    read().map_err(|problem| RowsFileError { path: path.to_owned(), problem })
}

/// The names without blanks around them.
pub(super) fn trimmed(names: &[String]) -> Vec<String> {
    names.iter().map(|name| name.trim().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    #[test]
    fn rows_are_unpacked_and_the_header_shows_their_separator() {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [
            ("comma", "a,b\n1,2\n# no row\n,4\n"),
            ("semicolon", "# by hand\n\na;b\n1;2\n;4\n"),
            ("tab", "a\tb\n1\t2\n\t4\n"),
        ] {
            let path = folder.path().join(name);
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(text.as_bytes()).unwrap();
            for bytes in [text.as_bytes().to_vec(), encoder.finish().unwrap()] {
                std::fs::write(&path, bytes).unwrap();
                let (header, rows) = read(&path, |reader| Ok(reader.header().to_vec()), None, None).unwrap();
                assert_eq!(header, ["a", "b"], "{name}");
                assert!(rows.values[[0, 1]] == 2.0 && rows.values[[1, 0]].is_nan() && rows.values[[1, 1]] == 4.0);
            }
        }
    }
}
