//! A copy of the sensors' names beside the database. It is read when the database is lost: the readings in the journal have
//! numbers, and most names were recorded in segments that are freed since.
//!
//! The file `names` holds entries, one behind the other: the CRC-32 of all that follows, the sensor's number (four bytes), the length of its
//! row (two bytes), all little-endian, and the row as the table of sensors has it. The last entry of a number counts. A new
//! name is appended, and synced before the database is: so the copy holds every name whose record may be gone from the journal.
//! What is damaged costs the entries in it. The first sync of a process compares the copy with the table, and writes it
//! anew if it says anything else.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::store::db::Table;
use crate::store::reader::{number_of, readable};
use crate::store::{StoreError, side_file};
use crate::warn_limited;

const FILE: &str = "names";
/// The bytes before a row.
const HEADER_BYTES: usize = 10;
/// More than the longest row of a sensor.
const MAX_ROW_BYTES: usize = 1 << 10;
/// More than a copy holds: no more of the file is read.
const MAX_FILE_BYTES: u64 = 1 << 30;

/// Rows of the table of sensors, by their numbers.
type Rows = BTreeMap<u32, Vec<u8>>;

/// The copy of a store that is open for writing.
#[derive(Debug)]
pub(super) struct NamesCopy {
    directory: PathBuf,
    sensors: Table,
    /// Entries that the file has yet to get.
    pending: Vec<u8>,
    state: CopyState,
}

#[derive(Debug)]
enum CopyState {
    /// Nobody has compared it with the table yet.
    Unknown,
    /// It says what the table says, and ends here.
    Good { file: File, end: u64 },
    /// It has to be written anew.
    Stale,
}

impl NamesCopy {
    pub(super) fn of(directory: &Path, sensors: Table) -> Self {
        Self { directory: directory.to_owned(), sensors, pending: Vec::new(), state: CopyState::Unknown }
    }

    /// Notes the row of a sensor, which the table has by the next [`sync`](Self::sync).
    pub(super) fn note(&mut self, number: &[u8], row: &[u8]) {
        if let Some(number) = number_of(number) {
            append(&mut self.pending, number, row);
        }
    }

    /// Makes what was noted durable. A disk that refuses costs nothing yet: it is told, and the next sync writes the copy
    /// anew.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub(super) fn sync(&mut self) -> Result<(), StoreError> {
        if let CopyState::Unknown = self.state {
            self.state = self.compare()?;
        }
        let pending = std::mem::take(&mut self.pending);
        let written = match &mut self.state {
            CopyState::Good { .. } if pending.is_empty() => return Ok(()),
            CopyState::Good { file, end } => {
                let written = file.write_all_at(&pending, *end).and_then(|()| file.sync_data());
                *end += pending.len() as u64;
                written
            }
            CopyState::Unknown | CopyState::Stale => self.write_anew()?,
        };
        if let Err(problem) = written {
            warn_limited!("the copy of the sensors' names cannot be written, and is tried again: {problem}");
            self.state = CopyState::Stale;
        }
        Ok(())
    }

    fn compare(&self) -> Result<CopyState, StoreError> {
        let path = self.directory.join(FILE);
        let is_good = match read_file(&path) {
            // Entries that count no more are few, or the file is written anew.
            Ok(bytes) => {
                let (rows, entries_end) = rows_in(&bytes);
                let bytes_needed: usize = rows.values().map(|row| HEADER_BYTES + row.len()).sum();
                entries_end == bytes.len() && bytes.len() == bytes_needed && self.rows(rows.clone())? == rows
            }
            Err(_) => false,
        };
        let opened = side_file::open(&path, File::options().write(true));
        Ok(match opened.and_then(|file| Ok((file.metadata()?.len(), file))) {
            Ok((end, file)) if is_good => CopyState::Good { file, end },
            Ok(_) | Err(_) => CopyState::Stale,
        })
    }

    /// Writes the copy anew, and reports what the disk said.
    fn write_anew(&mut self) -> Result<io::Result<()>, StoreError> {
        let mut bytes = Vec::new();
        let path = self.directory.join(FILE);
        let before = read_file(&path).map(|bytes| rows_in(&bytes).0).unwrap_or_default();
        self.rows(before)?.iter().for_each(|(number, row)| append(&mut bytes, *number, row));
        let written = side_file::write(&path, &bytes).and_then(|()| File::open(&self.directory)?.sync_all());
        Ok(written.and_then(|()| side_file::open(&path, File::options().write(true))).map(|file| {
            self.state = CopyState::Good { file, end: bytes.len() as u64 };
        }))
    }

    /// What the copy should say that says `rows`: what the table says, and where that cannot be read, what it said.
    fn rows(&self, mut rows: Rows) -> Result<Rows, StoreError> {
        for entry in self.sensors.iter() {
            if let Some((key, row)) = readable(entry)?
                && let Some(number) = number_of(&key)
            {
                // An empty row is that of a number that is free.
                if row.is_empty() {
                    rows.remove(&number)
                } else {
                    rows.insert(number, row)
                };
            }
        }
        Ok(rows)
    }
}

/// The rows that the copy in a store's folder holds; none where it cannot be read.
pub(super) fn read(directory: &Path) -> BTreeMap<u32, Vec<u8>> {
    let bytes = read_file(&directory.join(FILE)).unwrap_or_else(|problem| {
        tracing::warn!("there is no copy of the sensors' names: {problem}");
        Vec::new()
    });
    rows_in(&bytes).0
}

fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    side_file::open(path, File::options().read(true))?.take(MAX_FILE_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn append(bytes: &mut Vec<u8>, number: u32, row: &[u8]) {
    let Some(length) = u16::try_from(row.len()).ok().filter(|_| row.len() <= MAX_ROW_BYTES) else { return };
    let content = [&number.to_le_bytes()[..], &length.to_le_bytes(), row].concat();
    bytes.extend_from_slice(&crc32fast::hash(&content).to_le_bytes());
    bytes.extend_from_slice(&content);
}

/// The last row of each number, and where the last entry ends. Behind damage, the next entry is looked for at every byte.
fn rows_in(bytes: &[u8]) -> (Rows, usize) {
    let (mut rows, mut offset, mut end) = (Rows::new(), 0, 0);
    while let Some(rest) = bytes.get(offset..).filter(|rest| rest.len() > HEADER_BYTES) {
        match entry(rest) {
            Some((number, row)) => {
                offset += HEADER_BYTES + row.len();
                end = offset;
                rows.insert(number, row.to_vec());
            }
            None => offset += 1,
        }
    }
    (rows, end)
}

/// The entry that `bytes` begin with.
fn entry(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (checksum, content) = bytes.split_first_chunk::<4>()?;
    let (number, content_after) = content.split_first_chunk::<4>()?;
    let (length, row) = content_after.split_first_chunk::<2>()?;
    let length = usize::from(u16::from_le_bytes(*length));
    let row = row.get(..length).filter(|row| !row.is_empty() && row.len() <= MAX_ROW_BYTES)?;
    let content = content.get(..HEADER_BYTES - 4 + length)?;
    (u32::from_le_bytes(*checksum) == crc32fast::hash(content)).then(|| (u32::from_le_bytes(*number), row))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(rows: &[(u32, &[u8])]) -> Vec<u8> {
        let mut bytes = Vec::new();
        rows.iter().for_each(|(number, row)| append(&mut bytes, *number, row));
        bytes
    }

    #[test]
    fn the_last_row_of_a_number_counts() {
        let bytes = entries(&[(1, b"old"), (7, b"other"), (1, b"new")]);
        let expected = Rows::from([(1, b"new".to_vec()), (7, b"other".to_vec())]);
        assert_eq!(rows_in(&bytes), (expected, bytes.len()));
    }

    #[test]
    fn a_flipped_bit_costs_no_more_than_its_own_entry() {
        let whole = entries(&[(1, b"one"), (2, b"two"), (3, b"three")]);
        for bit in 0..whole.len() * 8 {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let (rows, _) = rows_in(&bytes);
            assert_eq!(rows.len(), 2, "bit {bit}: {rows:?}");
        }
        for cut in 0..whole.len() {
            let _ = rows_in(&whole[..cut]);
        }
    }
}
