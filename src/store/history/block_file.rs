//! A file of blocks, walked from block to block. Damage is passed over: it is counted, said once, and costs the blocks
//! that it lies in.
//!
//! At the end of a file that is appended to, an append may have been cut short. That is no damage, as what it held was
//! not freed elsewhere, and comes again.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::store::history::block::{BlockHeader, MARKER, MAX_HEADER, TimedValue};
use crate::store::history::day::{Day, DayFile};
use crate::store::unreadable::UnreadableEntries;

/// How much is searched at once for a block behind damage.
const SEARCHED_AT_ONCE: usize = 64 << 10;

/// A file of blocks as it was when it was opened.
#[derive(Debug)]
pub(super) struct BlockFile {
    file: File,
    path: PathBuf,
    bytes: u64,
    kind: DayFile,
    unreadable: UnreadableEntries,
}

/// A block in a file.
#[derive(Clone, Debug)]
pub(super) struct StoredBlock {
    pub(super) header: BlockHeader,
    at: u64,
    file: Arc<BlockFile>,
}

impl BlockFile {
    /// Opens a file of a day; `None` when there is none.
    pub(super) fn open(
        folder: &Path,
        day: Day,
        kind: DayFile,
        unreadable: &UnreadableEntries,
    ) -> io::Result<Option<Arc<Self>>> {
        let path = day.path(folder, kind);
        let file = match File::open(&path) {
            Err(problem) if problem.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        let bytes = file.metadata()?.len();
        Ok(Some(Arc::new(Self { file, path, bytes, kind, unreadable: unreadable.clone() })))
    }

    /// How long it was when it was opened.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The first block that begins at `at` or behind it, and before `end`; `None` when there is none. What lies between
    /// is damage.
    pub(super) fn block_from(self: &Arc<Self>, at: u64, end: u64) -> Option<StoredBlock> {
        if at >= end {
            return None;
        }
        if let Some(header) = self.header_at(at) {
            return Some(StoredBlock { header, at, file: Arc::clone(self) });
        }
        let found = self.search(at + 1, end);
        if found.is_some() || self.kind != DayFile::Open {
            let until = found.as_ref().map_or(end, |found| found.at);
            self.say(at, format_args!("the readings between bytes {at} and {until} of {}", self.path.display()));
        }
        found
    }

    /// Whether an append that was cut short may have ended behind `at`.
    fn may_be_cut_short(self: &Arc<Self>, at: u64) -> bool {
        self.kind == DayFile::Open && self.block_from(at, self.bytes).is_none()
    }

    /// The end of the last block that is whole, its content too.
    pub(super) fn valid_end(self: &Arc<Self>) -> u64 {
        let (mut at, mut valid) = (0, 0);
        while let Some(block) = self.block_from(at, self.bytes) {
            at = block.end();
            if block.content().is_some_and(|content| block.header.is_of(&content)) {
                valid = at;
            }
        }
        valid
    }

    fn header_at(&self, at: u64) -> Option<BlockHeader> {
        let mut bytes = [0; MAX_HEADER];
        let length = usize::try_from(self.bytes.checked_sub(at)?).unwrap_or(usize::MAX).min(MAX_HEADER);
        self.file.read_exact_at(&mut bytes[..length], at).ok()?;
        let header = BlockHeader::decode(&bytes[..length]).ok()?;
        (at + header.bytes() <= self.bytes).then_some(header)
    }

    fn search(self: &Arc<Self>, from: u64, end: u64) -> Option<StoredBlock> {
        let mut bytes = vec![0; SEARCHED_AT_ONCE];
        let mut at = from;
        while at < end {
            let length = usize::try_from(end - at).unwrap_or(usize::MAX).min(SEARCHED_AT_ONCE);
            // What the disk does not give up is passed over like damage.
            if self.file.read_exact_at(&mut bytes[..length], at).is_ok() {
                let marks = bytes[..length].windows(MARKER.len()).enumerate().filter(|(_, mark)| **mark == MARKER);
                for place in marks.map(|(place, _)| at + place as u64) {
                    if let Some(header) = self.header_at(place) {
                        return Some(StoredBlock { header, at: place, file: Arc::clone(self) });
                    }
                }
            }
            // A mark may lie across the border of what was read.
            at += (length + 1).saturating_sub(MARKER.len()).max(1) as u64;
        }
        None
    }

    fn say(&self, at: u64, cost: impl std::fmt::Display) {
        let key = [self.path.as_os_str().as_encoded_bytes(), &at.to_be_bytes()].concat();
        self.unreadable.add("history", &key, cost);
    }
}

impl StoredBlock {
    /// Where it ends in its file.
    pub(super) fn end(&self) -> u64 {
        self.at + self.header.bytes()
    }

    /// Its readings; none of them when they cannot be read, which is counted and said.
    pub(super) fn readings(&self) -> Vec<TimedValue> {
        let readings = self.content().and_then(|content| self.header.readings(&content).ok());
        readings.unwrap_or_else(|| {
            if self.file.may_be_cut_short(self.end()) {
                return Vec::new();
            }
            let BlockHeader { sensor, count, first, last, .. } = &self.header;
            let path = self.file.path.display();
            self.file.say(self.at, format_args!("{count} readings of {sensor} from {first} to {last}, in {path}"));
            Vec::new()
        })
    }

    fn content(&self) -> Option<Vec<u8>> {
        let mut content = vec![0; self.header.content_bytes()];
        self.file.file.read_exact_at(&mut content, self.at + self.header.header_bytes()).ok()?;
        Some(content)
    }
}
