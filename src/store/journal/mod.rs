//! The journal: everything on the way of a reading, durable before it is acknowledged.
//!
//! Records are appended in memory, and a commit writes them: one write and one `fdatasync` for each segment that it
//! touches, which is one for nearly all commits. Records are numbered without gaps and the ends of commits are marked,
//! so that a start tells a torn tail, damage in the middle and a missing piece apart (`recovery.rs`), each with what it
//! cost. A segment is freed when the database holds all that follows from it, and could be read since; before that its
//! readings can be passed on.
//!
//! The journal knows records as values, and nothing of the database. It survives the death of the process at any
//! instant and the loss of power: what a commit returned for is on the disk. It does not survive a disk that lies about
//! a sync.
//!
//! | file | what |
//! | --- | --- |
//! | `segment.rs` | the files |
//! | `frame.rs` | a record as it lies in a segment |
//! | `record.rs` | what is recorded |
//! | `readings.rs`, `columns.rs` | readings in few bytes |
//! | `recovery.rs` | what a start finds |
//! | `any_bytes.rs` | what holds of any bytes, for the fuzz target |

mod any_bytes;
mod columns;
mod frame;
mod readings;
mod record;
mod recovery;
mod segment;

use std::collections::VecDeque;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::codec::Encoder;
use crate::reading::Reading;
use crate::store::StoreError;
use crate::time::Timestamp;

use frame::CommitPlace;
use readings::{MAX_READINGS, ReadingsCodec};
use record::RecordKind;
use recovery::{Frames, NewerContent, Recovery, SegmentRecords};
use segment::{HEADER_BYTES, OpenSegment, SegmentFolder, SpareBlocks};

pub use any_bytes::go_through_segment;
pub(in crate::store) use record::{Record, RecordRef};
pub(in crate::store) use recovery::{JournalFindings, TornTail};

/// The size of a segment. A commit of the largest size takes one or two. A gateway with a few sensors fills one in a day
/// or two, and has zeroed no more than that.
const SEGMENT_BYTES: usize = 2 << 20;
/// The most names of sensors in one record.
const MAX_SENSORS: usize = 1_000;
/// The most spare files that are kept, two megabytes each. What a busy hour needs beyond them is made anew.
const MAX_SPARES: usize = 8;
/// A commit of this size needs no zeros in the segment that it begins: they would be more bytes than they save.
const BULK_BYTES: usize = 64 << 10;
/// What the disk writes at least.
const PAGE_BYTES: usize = 4 << 10;

/// The number of a record. The first one is 1, and none is left out.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Hash)]
pub(in crate::store) struct RecordNumber(pub(in crate::store) u64);

impl RecordNumber {
    fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    fn before(self) -> Self {
        Self(self.0.saturating_sub(1))
    }
}

impl fmt::Display for RecordNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The number of a segment. It is never given twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(in crate::store) struct SegmentNumber(pub(in crate::store) u64);

impl fmt::Display for SegmentNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// With what a journal is opened.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct JournalSettings {
    /// The last record whose effects the database holds; zero if it holds none. Records are numbered beyond it, and a
    /// journal that ends before it has lost records.
    pub(in crate::store) settled: RecordNumber,
    /// The size of new segments.
    pub(in crate::store) segment_bytes: usize,
}

impl Default for JournalSettings {
    fn default() -> Self {
        Self { settled: RecordNumber(0), segment_bytes: SEGMENT_BYTES }
    }
}

/// The journal. It belongs to one thread.
#[derive(Debug)]
pub(in crate::store) struct Journal {
    folder: SegmentFolder,
    /// The segments that hold records, the oldest first. The last one is written on.
    segments: VecDeque<SegmentRecords>,
    /// The last of `segments`.
    active: Option<OpenSegment>,
    /// Segments that are ready and hold no committed record yet.
    ready: VecDeque<OpenSegment>,
    /// The files that can become segments.
    spares: Vec<SegmentNumber>,
    next_segment: SegmentNumber,
    segment_bytes: usize,
    /// The frames that the next commit writes, without their checksums.
    pending: Vec<u8>,
    pending_frames: Vec<PendingFrame>,
    last_committed: RecordNumber,
    /// The number of the next record.
    next: RecordNumber,
    /// What the database held at the last settling, and at the one before.
    settled: Option<Settled>,
    settled_before: Option<Settled>,
    /// How many of the first segments go with the next commit.
    freeing: usize,
    /// Whether the disk has refused a write or a sync: nothing more is written then.
    has_failed: bool,
    codec: ReadingsCodec,
    written_bytes: u64,
    syncs: u64,
}

#[derive(Clone, Copy, Debug)]
struct PendingFrame {
    /// Where in `pending` it is.
    start: usize,
    end: usize,
    latest: Timestamp,
}

#[derive(Clone, Copy, Debug)]
struct Settled {
    through: RecordNumber,
    closed: Timestamp,
}

/// Frames of one commit that go into one segment, one behind the other.
#[derive(Debug)]
struct SegmentWrite {
    /// Which of the pending frames.
    frames: Range<usize>,
    /// Where the first of them goes.
    offset: usize,
}

/// A segment whose records the database holds. Its readings can be passed on, and then it can be freed.
#[derive(Debug)]
pub(in crate::store) struct FreeableSegment {
    path: PathBuf,
    records: SegmentRecords,
}

impl FreeableSegment {
    /// Hands over the segment's readings, record by record. To be called from any thread.
    ///
    /// # Errors
    /// When the segment cannot be read, or `each` fails.
    pub(in crate::store) fn readings(
        &self,
        mut each: impl FnMut(&[Reading]) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let folder = SegmentFolder::open(self.path.parent().unwrap_or(Path::new(".")))?;
        let bytes = folder.read(self.records.number)?.bytes;
        let mut codec = ReadingsCodec::default();
        for (_, frame) in Frames::of(self.records.number, &bytes, self.records.first) {
            if frame.number > self.records.last {
                break;
            }
            if RecordKind::of(&bytes[frame.record.clone()]) == RecordKind::Windows
                && let Ok(Some(Record::Readings(readings))) = record::decode(&bytes[frame.record], &mut codec)
            {
                each(&readings)?;
            }
        }
        Ok(())
    }
}

impl Journal {
    /// Opens the journal in a folder, or makes one; reads all of it, from the disk itself, and says what was found. A
    /// commit at the end that is not whole is cut off.
    ///
    /// # Errors
    /// When the folder cannot be used, or a later version wrote into it what this version does not know.
    pub(in crate::store) fn open(
        path: &Path,
        settings: JournalSettings,
    ) -> Result<(Self, JournalFindings), StoreError> {
        let folder = SegmentFolder::open_or_make(path)?;
        let files = folder.files()?;
        folder.remove_parts(&files)?;
        let mut recovery = Recovery::new();
        let newer = |content| newer(&folder, &content);
        for number in &files.segments {
            let segment = folder.read_from_disk(*number)?;
            recovery.segment(*number, &segment.bytes, segment.unreadable).map_err(newer)?;
        }
        let recovered = recovery.finish(settings.settled).map_err(newer)?;
        let findings = recovered.findings;
        let last = findings.last.max(settings.settled).max(recovered.freed_before.before());
        let highest = files.segments.iter().chain(&files.spares).max().copied().unwrap_or_default();
        let mut spares = files.spares;
        spares.retain(|spare| folder.keep_spare(*spare, settings.segment_bytes));
        let mut journal = Self {
            segments: recovered.segments.into(),
            active: None,
            ready: VecDeque::new(),
            spares,
            next_segment: SegmentNumber(highest.0.saturating_add(1)),
            segment_bytes: settings.segment_bytes,
            pending: Vec::new(),
            pending_frames: Vec::new(),
            last_committed: last,
            next: last.next(),
            settled: None,
            settled_before: None,
            freeing: 0,
            has_failed: false,
            codec: ReadingsCodec::default(),
            written_bytes: 0,
            syncs: 0,
            folder,
        };
        journal.set_end(&files.segments)?;
        Ok((journal, findings))
    }

    /// Makes the segments what recovery says that they are.
    fn set_end(&mut self, files: &[SegmentNumber]) -> Result<(), StoreError> {
        let [oldest, newest] = [self.segments.front(), self.segments.back()].map(|segment| segment.map(|s| s.number));
        for number in files {
            if oldest.is_none_or(|oldest| *number < oldest) || newest.is_none_or(|newest| *number > newest) {
                self.retire(*number);
            }
        }
        let Some(newest) = self.segments.back() else { return Ok(()) };
        let active = self.folder.open_segment(newest.number, newest.end)?;
        // What is left of a commit that was cut must not be taken for the end of one that is written over it.
        let bytes = self.folder.read(newest.number)?.bytes;
        let remnants = frame::is_remnant_of(newest.number, &bytes, newest.end, newest.last.next())
            || Frames::of(newest.number, bytes.get(newest.end - HEADER_BYTES..).unwrap_or(&[]), newest.last.next())
                .next()
                .is_some();
        if remnants {
            let zeros = vec![0; bytes.len().saturating_sub(newest.end)];
            let cut = active.write(newest.end, &zeros).and_then(|()| active.sync());
            cut.map_err(|problem| self.folder.write_failure(problem, 0))?;
        }
        self.active = Some(active);
        Ok(())
    }

    /// Hands the records of which readings and closings come, in order: what the open windows are made of. To be called
    /// once, before anything is appended. Returns how many records could not be decoded; they are passed over.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub(in crate::store) fn replay_windows(
        &mut self,
        mut each: impl FnMut(RecordNumber, Record),
    ) -> Result<u64, StoreError> {
        let mut segments = std::mem::take(&mut self.segments);
        let mut undecoded = 0;
        for segment in &mut segments {
            let mut latest = Timestamp::MIN;
            undecoded += self.walk(segment, RecordKind::Windows, |number, record| {
                latest = latest.max(match &record {
                    Record::Readings(readings) => record::latest(&RecordRef::Readings(readings)),
                    Record::Closed(until) => record::latest(&RecordRef::Closed(*until)),
                    _ => Timestamp::MIN,
                });
                each(number, record);
            })?;
            segment.latest = latest;
        }
        self.segments = segments;
        Ok(undecoded)
    }

    /// Hands all other records, in order. Returns how many could not be decoded; they are passed over.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub(in crate::store) fn replay_tables(
        &mut self,
        mut each: impl FnMut(RecordNumber, Record),
    ) -> Result<u64, StoreError> {
        let segments = std::mem::take(&mut self.segments);
        let mut undecoded = 0;
        for segment in &segments {
            undecoded += self.walk(segment, RecordKind::Small, &mut each)?;
        }
        self.segments = segments;
        Ok(undecoded)
    }

    fn walk(
        &mut self,
        segment: &SegmentRecords,
        kind: RecordKind,
        mut each: impl FnMut(RecordNumber, Record),
    ) -> Result<u64, StoreError> {
        let bytes = self.folder.read(segment.number)?.bytes;
        let mut undecoded = 0;
        let frames = Frames::of(segment.number, &bytes, segment.first);
        for (_, frame) in frames.take_while(|(_, frame)| frame.number <= segment.last) {
            let record = &bytes[frame.record];
            if RecordKind::of(record) != kind {
                continue;
            }
            match record::decode(record, &mut self.codec) {
                Ok(Some(record)) => each(frame.number, record),
                Ok(None) => {}
                Err(_) => undecoded += 1,
            }
        }
        Ok(undecoded)
    }

    /// Appends a record, in memory: the next commit writes it.
    ///
    /// # Errors
    /// When the record is larger than any that this program makes.
    pub(in crate::store) fn append(&mut self, record: &RecordRef<'_>) -> Result<(), StoreError> {
        match record {
            RecordRef::Readings(readings) => {
                readings.chunks(MAX_READINGS).try_for_each(|part| self.append_one(&RecordRef::Readings(part)))
            }
            RecordRef::Sensors(sensors) => {
                sensors.chunks(MAX_SENSORS).try_for_each(|part| self.append_one(&RecordRef::Sensors(part)))
            }
            RecordRef::SensorsFreed(sensors) => {
                sensors.chunks(MAX_SENSORS).try_for_each(|part| self.append_one(&RecordRef::SensorsFreed(part)))
            }
            record => self.append_one(record),
        }
    }

    fn append_one(&mut self, record: &RecordRef<'_>) -> Result<(), StoreError> {
        let start = self.pending.len();
        let codec = &mut self.codec;
        let appended = frame::append(&mut self.pending, self.next, |bytes| {
            let mut encoder = Encoder::after(std::mem::take(bytes));
            record::encode(record, codec, &mut encoder);
            *bytes = encoder.into_bytes();
        });
        appended.map_err(|length| {
            StoreError::Database(format!("a record of {length} bytes is too large for the journal"))
        })?;
        self.pending_frames.push(PendingFrame { start, end: self.pending.len(), latest: record::latest(record) });
        self.next = self.next.next();
        Ok(())
    }

    /// Makes everything that was appended durable; returns the last record's number. Writes nothing when nothing was
    /// appended.
    ///
    /// # Errors
    /// [`StoreError::DiskFull`] when there is no room for another segment: what was appended is kept, and the commit can
    /// be tried again. [`StoreError::Gone`] when the journal was deleted. After any other error it is in doubt what the
    /// disk holds, every later commit fails too, and the process should end.
    pub(in crate::store) fn commit(&mut self) -> Result<RecordNumber, StoreError> {
        if self.has_failed {
            return Err(StoreError::Sync(std::io::Error::other("an earlier write has failed")));
        }
        if self.pending_frames.is_empty() {
            return Ok(self.last_committed);
        }
        let written = self.write_pending();
        self.has_failed = matches!(&written, Err(problem) if !matches!(problem, StoreError::DiskFull { .. }));
        written?;
        self.last_committed = self.next.before();
        self.pending.clear();
        self.pending_frames.clear();
        self.remove_freed();
        Ok(self.last_committed)
    }

    fn write_pending(&mut self) -> Result<(), StoreError> {
        let writes = self.plan();
        let fresh = writes.iter().filter(|write| write.offset == HEADER_BYTES).count();
        self.make_ready(fresh)?;
        let last = self.pending_frames.len() - 1;
        let first_number = self.next.0 - self.pending_frames.len() as u64;
        // Only when all is written do the segments count as holding it.
        let mut held = Vec::new();
        let mut ready = 0;
        for write in &writes {
            let is_fresh = write.offset == HEADER_BYTES;
            let open = if is_fresh { self.ready.get(ready) } else { self.active.as_ref() };
            ready += usize::from(is_fresh);
            let Some(segment) = open else { continue };
            for index in write.frames.clone() {
                let PendingFrame { start, end, .. } = self.pending_frames[index];
                let place = CommitPlace { is_first: index == 0, is_last: index == last };
                frame::seal(&mut self.pending[start..end], segment.number, place);
            }
            let frames = &self.pending_frames[write.frames.clone()];
            let bytes = &self.pending[frames[0].start..frames[frames.len() - 1].end];
            let first = RecordNumber(first_number + write.frames.start as u64);
            let failure = |problem| self.folder.write_failure(problem, 0);
            let length = if is_fresh {
                let whole = [&segment::header(segment.number, first)[..], bytes].concat();
                segment.write(0, &whole).map_err(failure)?;
                write.offset + bytes.len()
            } else {
                segment.write(write.offset, bytes).map_err(failure)?;
                bytes.len()
            };
            // The earlier segment of a commit is durable before the later one is begun.
            segment.sync().map_err(StoreError::Sync)?;
            if segment.is_deleted().unwrap_or(true) || self.folder.is_deleted().unwrap_or(true) {
                return Err(StoreError::Gone { directory: self.folder.path().to_owned() });
            }
            let end = write.offset + bytes.len();
            self.syncs += 1;
            self.written_bytes += pages(end - length..end);
            held.push(SegmentRecords {
                number: segment.number,
                first,
                last: RecordNumber(first_number + write.frames.end as u64 - 1),
                end,
                latest: frames.iter().map(|frame| frame.latest).max().unwrap_or(Timestamp::MIN),
            });
        }
        for records in held {
            self.hold(records);
        }
        Ok(())
    }

    /// Which frames go where.
    fn plan(&self) -> Vec<SegmentWrite> {
        let (mut offset, mut capacity) = self.active.as_ref().map_or((0, 0), |segment| (segment.end, segment.capacity));
        let mut writes = Vec::<SegmentWrite>::new();
        let mut ready = self.ready.iter();
        for (index, frame) in self.pending_frames.iter().enumerate() {
            let length = frame.end - frame.start;
            if offset + length > capacity || writes.is_empty() {
                if offset + length > capacity {
                    capacity = ready.next().map_or(self.segment_bytes, |segment| segment.capacity);
                    offset = HEADER_BYTES;
                }
                writes.push(SegmentWrite { frames: index..index, offset });
            }
            if let Some(write) = writes.last_mut() {
                write.frames.end = index + 1;
            }
            offset += length;
        }
        writes
    }

    /// Has at least so many segments ready.
    fn make_ready(&mut self, count: usize) -> Result<(), StoreError> {
        let missing = count.saturating_sub(self.ready.len());
        let blocks = if self.pending.len() < BULK_BYTES { SpareBlocks::Zeroed } else { SpareBlocks::Allocated };
        while self.spares.len() < missing {
            self.written_bytes += self.folder.make_spare(self.next_segment, self.segment_bytes, blocks)?;
            self.syncs += 2;
            self.spares.push(self.next_segment);
            self.next_segment.0 += 1;
        }
        if missing == 0 {
            return Ok(());
        }
        let segments = (self.next_segment.0..).map(SegmentNumber);
        let named: Vec<_> = self.spares[..missing].iter().copied().zip(segments).collect();
        self.ready.extend(self.folder.use_spares(&named)?);
        self.syncs += 1;
        self.spares.drain(..missing);
        self.next_segment.0 += missing as u64;
        Ok(())
    }

    /// Notes which records a segment holds by now.
    fn hold(&mut self, records: SegmentRecords) {
        match self.segments.back_mut().filter(|segment| segment.number == records.number) {
            Some(segment) => {
                segment.last = records.last;
                segment.end = records.end;
                segment.latest = segment.latest.max(records.latest);
            }
            None => {
                self.segments.push_back(records);
                self.active = self.ready.pop_front();
            }
        }
        if let Some(active) = &mut self.active {
            active.end = records.end;
        }
    }

    /// Tells that the database holds, synced, all that follows from the records up to `through`, and all windows before
    /// `closed`. The next commit records that. It alone is no reason to settle again.
    ///
    /// # Errors
    /// As [`append`](Self::append).
    pub(in crate::store) fn settled(&mut self, through: RecordNumber, closed: Timestamp) -> Result<(), StoreError> {
        self.settled_before = self.settled;
        self.settled = Some(Settled { through, closed });
        self.append(&RecordRef::Settled { through, closed })
    }

    /// The oldest segment that is needed no more: the database held all that follows from it at the settling before the
    /// last one, so that it could be read since. What its readings are passed on to must be durable before it is
    /// [freed](Self::free).
    pub(in crate::store) fn freeable(&self) -> Option<FreeableSegment> {
        let Settled { through, closed } = self.settled_before?;
        let records = *self.segments.get(self.freeing)?;
        let is_active = self.freeing + 1 == self.segments.len();
        let is_settled = records.last <= through && records.latest < closed;
        let path = self.folder.segment_path(records.number);
        (is_settled && !is_active).then_some(FreeableSegment { path, records })
    }

    /// Frees a segment. Its file goes after the next commit, which records that.
    ///
    /// # Errors
    /// As [`append`](Self::append).
    pub(in crate::store) fn free(&mut self, segment: &FreeableSegment) -> Result<(), StoreError> {
        let records = segment.records;
        let is_next = self.segments.get(self.freeing).is_some_and(|next| next.number == records.number);
        if !is_next {
            return Ok(());
        }
        self.freeing += 1;
        let before = self.segments.get(self.freeing).map_or(records.last.next(), |segment| segment.first);
        self.append(&RecordRef::Freed { before })
    }

    fn remove_freed(&mut self) {
        for _ in 0..std::mem::take(&mut self.freeing) {
            let Some(segment) = self.segments.pop_front() else { return };
            self.retire(segment.number);
        }
    }

    /// Makes a segment a spare file, or removes it when there are enough of them or it is of another size. A failure is ignored: the next start
    /// does it.
    fn retire(&mut self, number: SegmentNumber) {
        if self.spares.len() >= MAX_SPARES || !self.folder.is_of_size(number, self.segment_bytes) {
            let _ = self.folder.remove(number);
        } else if self.folder.retire(number).is_ok() {
            self.spares.push(number);
        }
    }

    /// The files with the committed records, each with how many of its bytes hold them.
    pub(in crate::store) fn extents(&self) -> Vec<(PathBuf, u64)> {
        let extent = |segment: &SegmentRecords| (self.folder.segment_path(segment.number), segment.end as u64);
        self.segments.iter().map(extent).collect()
    }

    /// How many bytes the files with records take on the disk.
    pub(in crate::store) fn bytes(&self) -> u64 {
        (self.segments.len() * self.segment_bytes) as u64
    }

    /// How many records they hold.
    pub(in crate::store) fn records(&self) -> u64 {
        self.segments.iter().map(|segment| segment.last.0 - segment.first.0 + 1).sum()
    }

    /// The last record that was committed.
    pub(in crate::store) fn last_committed(&self) -> RecordNumber {
        self.last_committed
    }

    /// How many bytes were written since the start, in whole pages.
    pub(in crate::store) fn written_bytes(&self) -> u64 {
        self.written_bytes
    }

    /// How many times the disk was asked to sync since the start.
    pub(in crate::store) fn syncs(&self) -> u64 {
        self.syncs
    }
}

/// Looks at the journal in a folder, and hands over its records in order; changes nothing. Beside a process that writes
/// to it, the end may look torn.
///
/// # Errors
/// When the folder cannot be read, or a later version wrote into it what this version does not know.
pub(in crate::store) fn inspect(
    path: &Path,
    mut each: impl FnMut(RecordNumber, Record),
) -> Result<JournalFindings, StoreError> {
    let folder = SegmentFolder::open(path)?;
    let mut recovery = Recovery::new();
    let newer = |content| newer(&folder, &content);
    for number in &folder.files()?.segments {
        let segment = folder.read(*number)?;
        recovery.segment(*number, &segment.bytes, segment.unreadable).map_err(newer)?;
    }
    let recovered = recovery.finish(RecordNumber(0)).map_err(newer)?;
    let mut codec = ReadingsCodec::default();
    for segment in &recovered.segments {
        let bytes = folder.read(segment.number)?.bytes;
        let frames = Frames::of(segment.number, &bytes, segment.first);
        for (_, frame) in frames.take_while(|(_, frame)| frame.number <= segment.last) {
            if let Ok(Some(record)) = record::decode(&bytes[frame.record], &mut codec) {
                each(frame.number, record);
            }
        }
    }
    Ok(recovered.findings)
}

fn newer(folder: &SegmentFolder, content: &NewerContent) -> StoreError {
    let what = match content {
        NewerContent::Format(format) => format!("a segment of format {format}"),
        NewerContent::Record { number, kind } => format!("record {number} of kind {kind}"),
    };
    StoreError::NewerJournal { directory: folder.path().to_owned(), what }
}

/// The size of the pages that a write touches.
fn pages(bytes: Range<usize>) -> u64 {
    let pages = bytes.end.div_ceil(PAGE_BYTES) - bytes.start / PAGE_BYTES;
    (pages * PAGE_BYTES) as u64
}

#[cfg(test)]
mod tests;
