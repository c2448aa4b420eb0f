//! The files of the journal: segments, and spare files that become segments.
//!
//! A file is allocated, filled with zeros and synced, with its folder, before it is used: from then on a sync of it
//! writes data only, and no data of the file system itself. Under a load that fills segments faster than they become
//! free, files are allocated only ([`SpareBlocks::Allocated`]). A segment that is no longer needed becomes a spare file,
//! and a segment again under a new name. Its old bytes stay, because the number of a segment is in the checksum of its
//! frames.
//!
//! | file | what |
//! | --- | --- |
//! | `NUMBER.segment` | a segment; the number has sixteen hexadecimal digits and is never given twice |
//! | `NUMBER.spare` | a spare file, under the number that it had |
//! | `NUMBER.part` | a file that was being made; a start removes it |
//!
//! A segment begins with a header of [`HEADER_BYTES`]: eight bytes of magic, the format, its number, the number of its
//! first record, and a CRC-32 of these. The header is redundant: it tells a newer format apart from damage.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Advice, FallocateFlags, fadvise, fallocate};
use rustix::io::Errno;

use crate::store::StoreError;
use crate::store::journal::{RecordNumber, SegmentNumber};

/// The largest file that is read as a segment. Other versions may make other sizes.
const MAX_SEGMENT_BYTES: u64 = 64 << 20;
/// The largest number of a segment that is believed.
const MAX_SEGMENT_NUMBER: u64 = 1 << 60;
/// How much is read at once.
const PIECE_BYTES: usize = 256 << 10;
/// How much is zeroed at once. Linux keeps pages in groups as large as the read or write that brought them in, and takes
/// the whole group for written when a byte in it is: with larger pieces, a lone reading would count as 256 KiB.
const ZEROED_BYTES: usize = 4 << 10;

pub(super) const HEADER_BYTES: usize = 32;
const MAGIC: &[u8; 8] = b"anomalyJ";
/// The format of segments, frames and records that this version writes.
pub(super) const FORMAT: u32 = 1;

/// The bytes at the beginning of a segment.
pub(super) fn header(number: SegmentNumber, first: RecordNumber) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[..8].copy_from_slice(MAGIC);
    header[8..12].copy_from_slice(&FORMAT.to_le_bytes());
    header[12..20].copy_from_slice(&number.0.to_le_bytes());
    header[20..28].copy_from_slice(&first.0.to_le_bytes());
    let checksum = crc32fast::hash(&header[..28]);
    header[28..].copy_from_slice(&checksum.to_le_bytes());
    header
}

/// What the beginning of a segment says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum SegmentHeader {
    /// It is this segment's.
    Own { first: RecordNumber },
    /// It is of a format of a later version.
    Newer { format: u32 },
    /// It is of an earlier use of the file, or nothing yet.
    Other,
    /// It is damaged.
    Damaged,
}

impl SegmentHeader {
    pub(super) fn of(number: SegmentNumber, bytes: &[u8]) -> Self {
        let Some(header) = bytes.first_chunk::<HEADER_BYTES>() else { return Self::Damaged };
        if header.iter().all(|byte| *byte == 0) {
            return Self::Other;
        }
        let word = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        if header[..8] != *MAGIC || word(28) != crc32fast::hash(&header[..28]) {
            return Self::Damaged;
        }
        let first = header[20..28].try_into().map_or(0, u64::from_le_bytes);
        match word(8) {
            FORMAT if header[12..20] == number.0.to_le_bytes() => Self::Own { first: RecordNumber(first) },
            FORMAT => Self::Other,
            format => Self::Newer { format },
        }
    }
}

/// A segment that is open for writing.
#[derive(Debug)]
pub(super) struct OpenSegment {
    pub(super) number: SegmentNumber,
    /// Where the next frame goes. Zero: not even its header is written yet.
    pub(super) end: usize,
    /// How large the file is.
    pub(super) capacity: usize,
    file: File,
}

impl OpenSegment {
    pub(super) fn write(&self, offset: usize, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, offset as u64)
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        fail::fail_point!("store::journal_sync", |_| Err(io::Error::from_raw_os_error(5)));
        self.file.sync_data()
    }

    /// Whether the file was deleted.
    pub(super) fn is_deleted(&self) -> io::Result<bool> {
        Ok(self.file.metadata()?.nlink() == 0)
    }
}

/// What a file in the journal's folder is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum SegmentFileKind {
    Segment,
    Spare,
    Part,
}

impl SegmentFileKind {
    fn ending(self) -> &'static str {
        match self {
            Self::Segment => "segment",
            Self::Spare => "spare",
            Self::Part => "part",
        }
    }

    fn of(path: &Path) -> Option<(Self, SegmentNumber)> {
        let stem = path.file_stem()?.to_str().filter(|stem| stem.len() == 16)?;
        // Written in one way only; and no journal counts that far, so that numbers behind it never overflow.
        let number = SegmentNumber(u64::from_str_radix(stem, 16).ok()?);
        if number.0 > MAX_SEGMENT_NUMBER || number.to_string() != stem {
            return None;
        }
        let kind = [Self::Segment, Self::Spare, Self::Part].into_iter();
        let kind = kind.into_iter().find(|kind| path.extension().is_some_and(|ending| ending == kind.ending()))?;
        Some((kind, number))
    }
}

/// The files that a folder of segments holds, each list in the order of the numbers.
#[derive(Debug, Default)]
pub(super) struct SegmentFiles {
    pub(super) segments: Vec<SegmentNumber>,
    pub(super) spares: Vec<SegmentNumber>,
    parts: Vec<SegmentNumber>,
}

/// What is done to the blocks of a new file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum SpareBlocks {
    /// They are written once: a later sync of a few bytes in them writes these bytes only.
    Zeroed,
    /// They are the file's, and read as zeros. The first sync of each also writes what the file system notes of it, which
    /// is little beside a large commit; zeros would be as many bytes again.
    Allocated,
}

/// The bytes of a segment, as the disk has them.
#[derive(Debug)]
pub(super) struct SegmentBytes {
    pub(super) bytes: Vec<u8>,
    /// How many of them the disk could not read; zeros stand in their place.
    pub(super) unreadable: u64,
}

/// The folder of the segments.
#[derive(Debug)]
pub(super) struct SegmentFolder {
    path: PathBuf,
    folder: File,
}

impl SegmentFolder {
    /// Opens the folder; makes it, durably, if there is none.
    pub(super) fn open_or_make(path: &Path) -> Result<Self, StoreError> {
        let in_directory = |problem| StoreError::Directory { directory: path.to_owned(), problem };
        match fs::create_dir(path) {
            Err(problem) if problem.kind() != io::ErrorKind::AlreadyExists => return Err(in_directory(problem)),
            _ => {}
        }
        let folder = Self::open(path)?;
        folder.folder.sync_all().map_err(in_directory)?;
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(parent).and_then(|parent| parent.sync_all()).map_err(in_directory)?;
        Ok(folder)
    }

    /// Opens the folder to read it.
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let in_directory = |problem| StoreError::Directory { directory: path.to_owned(), problem };
        Ok(Self { folder: File::open(path).map_err(in_directory)?, path: path.to_owned() })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn segment_path(&self, number: SegmentNumber) -> PathBuf {
        self.path_of(SegmentFileKind::Segment, number)
    }

    fn path_of(&self, kind: SegmentFileKind, number: SegmentNumber) -> PathBuf {
        self.path.join(format!("{:016x}.{}", number.0, kind.ending()))
    }

    /// The files that are there. Anything else in the folder is left alone.
    pub(super) fn files(&self) -> Result<SegmentFiles, StoreError> {
        let mut files = SegmentFiles::default();
        for entry in fs::read_dir(&self.path).map_err(|problem| self.failure(problem))? {
            let entry = entry.map_err(|problem| self.failure(problem))?;
            // A link or a pipe in the place of a segment is not followed and not waited for.
            if !entry.file_type().is_ok_and(|kind| kind.is_file()) {
                continue;
            }
            match SegmentFileKind::of(&entry.path()) {
                Some((SegmentFileKind::Segment, number)) => files.segments.push(number),
                Some((SegmentFileKind::Spare, number)) => files.spares.push(number),
                Some((SegmentFileKind::Part, number)) => files.parts.push(number),
                None => {}
            }
        }
        files.segments.sort_unstable();
        files.spares.sort_unstable();
        Ok(files)
    }

    /// Removes files that were never finished.
    pub(super) fn remove_parts(&self, files: &SegmentFiles) -> Result<(), StoreError> {
        for number in &files.parts {
            fs::remove_file(self.path_of(SegmentFileKind::Part, *number)).map_err(|problem| self.failure(problem))?;
        }
        Ok(())
    }

    /// Reads a segment from the disk itself: what an earlier process wrote and could not sync may still be in memory, and
    /// would be taken for durable.
    pub(super) fn read_from_disk(&self, number: SegmentNumber) -> Result<SegmentBytes, StoreError> {
        let file = File::open(self.segment_path(number)).map_err(|problem| self.failure(problem))?;
        match file.sync_all().and_then(|()| Ok(fadvise(&file, 0, None, Advice::DontNeed)?)) {
            // What cannot be synced, such as a file system that is read-only, holds nothing that is not on the disk.
            Err(problem) if !matches!(Errno::from_io_error(&problem), Some(Errno::INVAL | Errno::ROFS)) => {
                return Err(StoreError::Sync(problem));
            }
            _ => {}
        }
        // Pages that are read one by one are kept one by one: see ZEROED_BYTES. It is a hint, and may be refused.
        let _ = fadvise(&file, 0, None, Advice::Random);
        self.read_file(&file)
    }

    /// Reads a segment that was read from the disk before.
    pub(super) fn read(&self, number: SegmentNumber) -> Result<SegmentBytes, StoreError> {
        let file = File::open(self.segment_path(number)).map_err(|problem| self.failure(problem))?;
        self.read_file(&file)
    }

    fn read_file(&self, file: &File) -> Result<SegmentBytes, StoreError> {
        let length = file.metadata().map_err(|problem| self.failure(problem))?.len().min(MAX_SEGMENT_BYTES);
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
        let mut unreadable = 0;
        for (at, piece) in (0_u64..).step_by(PIECE_BYTES).zip(bytes.chunks_mut(PIECE_BYTES)) {
            match file.read_exact_at(piece, at) {
                Ok(()) => {}
                // A bad block costs the frames in it, and no others.
                Err(problem) if Errno::from_io_error(&problem) == Some(Errno::IO) => {
                    unreadable += read_blocks(file, at, piece);
                }
                Err(problem) => return Err(self.failure(problem)),
            }
        }
        Ok(SegmentBytes { bytes, unreadable })
    }

    /// Opens a segment to write on at `end`.
    pub(super) fn open_segment(&self, number: SegmentNumber, end: usize) -> Result<OpenSegment, StoreError> {
        let path = self.segment_path(number);
        let file = File::options().read(true).write(true).open(path).map_err(|problem| self.failure(problem))?;
        let length = file.metadata().map_err(|problem| self.failure(problem))?.len();
        Ok(OpenSegment { number, end, capacity: usize::try_from(length).unwrap_or(0), file })
    }

    /// Makes a spare file of `size` bytes, durably. Returns how many bytes were written to it.
    ///
    /// # Errors
    /// [`StoreError::DiskFull`] when there is no room for it, and nothing of it is left then.
    pub(super) fn make_spare(
        &self,
        number: SegmentNumber,
        size: usize,
        blocks: SpareBlocks,
    ) -> Result<u64, StoreError> {
        let part = self.path_of(SegmentFileKind::Part, number);
        let made = make_file(&part, size, blocks).and_then(|written| {
            fs::rename(&part, self.path_of(SegmentFileKind::Spare, number))?;
            self.folder.sync_all()?;
            Ok(written)
        });
        made.map_err(|problem| {
            // What cannot be removed now is removed by the next start.
            let _ = fs::remove_file(&part);
            self.write_failure(problem, size as u64)
        })
    }

    /// Gives spare files the names of segments, durably.
    pub(super) fn use_spares(
        &self,
        spares_and_segments: &[(SegmentNumber, SegmentNumber)],
    ) -> Result<Vec<OpenSegment>, StoreError> {
        let rename = |(spare, segment): &(SegmentNumber, SegmentNumber)| {
            fs::rename(self.path_of(SegmentFileKind::Spare, *spare), self.segment_path(*segment))
        };
        let named = spares_and_segments.iter().try_for_each(rename).and_then(|()| self.folder.sync_all());
        if let Err(problem) = named {
            // A full disk may refuse a name too. The next attempt finds the spare files where they were.
            for (spare, segment) in spares_and_segments {
                let _ = fs::rename(self.segment_path(*segment), self.path_of(SegmentFileKind::Spare, *spare));
            }
            return Err(self.write_failure(problem, 0));
        }
        spares_and_segments.iter().map(|(_, segment)| self.open_segment(*segment, 0)).collect()
    }

    /// Makes a spare file of a segment.
    pub(super) fn retire(&self, number: SegmentNumber) -> io::Result<()> {
        fs::rename(self.segment_path(number), self.path_of(SegmentFileKind::Spare, number))
    }

    /// Whether a segment's file is as large as a new one: a backup has no more of it than its records.
    pub(super) fn is_of_size(&self, number: SegmentNumber, size: usize) -> bool {
        is_of_size(&self.segment_path(number), size)
    }

    /// Removes a segment.
    pub(super) fn remove(&self, number: SegmentNumber) -> io::Result<()> {
        fs::remove_file(self.segment_path(number))
    }

    /// Removes a spare file if it is not as large as a new segment; returns whether it stays.
    pub(super) fn keep_spare(&self, number: SegmentNumber, size: usize) -> bool {
        let path = self.path_of(SegmentFileKind::Spare, number);
        let fits = is_of_size(&path, size);
        if !fits {
            // A file that stays is found again by the next start.
            let _ = fs::remove_file(path);
        }
        fits
    }

    /// Whether the folder was deleted.
    pub(super) fn is_deleted(&self) -> io::Result<bool> {
        Ok(self.folder.metadata()?.nlink() == 0)
    }

    /// The error of a write that was to take `needed` more bytes of the disk.
    pub(super) fn write_failure(&self, problem: io::Error, needed: u64) -> StoreError {
        match Errno::from_io_error(&problem) {
            Some(Errno::NOSPC | Errno::DQUOT) => StoreError::DiskFull { directory: self.path.clone(), needed, problem },
            Some(Errno::NOENT) if self.is_deleted().unwrap_or(false) => {
                StoreError::Gone { directory: self.path.clone() }
            }
            _ => StoreError::Sync(problem),
        }
    }

    fn failure(&self, problem: io::Error) -> StoreError {
        StoreError::Directory { directory: self.path.clone(), problem }
    }
}

fn is_of_size(path: &Path, size: usize) -> bool {
    fs::symlink_metadata(path).is_ok_and(|file| file.len() == size as u64)
}

/// Makes a file of zeros whose blocks are all allocated. Returns how many bytes were written.
fn make_file(path: &Path, size: usize, blocks: SpareBlocks) -> io::Result<u64> {
    fail::fail_point!(&format!("store::journal_room {}", path.parent().unwrap_or(path).display()), |_| Err(
        Errno::NOSPC.into()
    ));
    let mut file = File::options().write(true).create(true).truncate(true).open(path)?;
    let is_allocated = match fallocate(file.as_fd(), FallocateFlags::empty(), 0, size as u64) {
        Ok(()) => true,
        // Where that is not known, the zeros allocate.
        Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => false,
        Err(problem) => return Err(problem.into()),
    };
    let mut written = 0;
    if blocks == SpareBlocks::Zeroed || !is_allocated {
        for at in (0..size).step_by(ZEROED_BYTES) {
            file.write_all(&[0; ZEROED_BYTES][..ZEROED_BYTES.min(size - at)])?;
        }
        written = size as u64;
    }
    file.sync_all()?;
    Ok(written)
}

/// Reads what can be read of a piece, block by block; returns how many bytes cannot.
fn read_blocks(file: &File, at: u64, piece: &mut [u8]) -> u64 {
    const BLOCK_BYTES: usize = 4 << 10;
    let mut unreadable = 0;
    for (at, block) in (at..).step_by(BLOCK_BYTES).zip(piece.chunks_mut(BLOCK_BYTES)) {
        if file.read_exact_at(block, at).is_err() {
            block.fill(0);
            unreadable += block.len() as u64;
        }
    }
    unreadable
}
