//! What a start finds in the journal: pure, over the bytes of the segments.
//!
//! A commit is written only after the commit before it was synced. So when a valid frame that begins a commit follows,
//! all before it was on the disk once, and may have been acknowledged: what is missing there is *damage*, or a *missing
//! piece* where a whole segment is not there. Where none follows, the last commit was not whole: it is a *torn tail*,
//! which nobody was promised (or, which cannot be told apart, it was damaged later), and is cut.
//!
//! Damage costs the records in it and no others: behind it, the next frame is looked for at every byte. Leftovers of
//! an earlier use of a file have other checksums and lower numbers.

use std::fmt;

use crate::store::journal::frame::{self, Frame};
use crate::store::journal::readings::ReadingsCodec;
use crate::store::journal::record::{self, Record, RecordKind};
use crate::store::journal::segment::{HEADER_BYTES, SegmentHeader};
use crate::store::journal::{RecordNumber, SegmentNumber};
use crate::time::Timestamp;

/// The most losses that are listed one by one; all are counted.
const MAX_LISTED: usize = 100;
/// How far the numbers of a segment may lie behind those of the segment before: more than a disk holds records.
const MAX_JUMP: u64 = 1 << 40;

/// What was found in the journal.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(in crate::store) struct JournalFindings {
    /// How many segments hold records.
    pub(in crate::store) segments: usize,
    /// How many records can be read.
    pub(in crate::store) records: u64,
    /// The last record's number; zero for none.
    pub(in crate::store) last: RecordNumber,
    /// What was lost, in order; no more than the first hundred.
    pub(in crate::store) losses: Vec<JournalLoss>,
    /// How many records were lost, those that are not listed included.
    pub(in crate::store) records_lost: u64,
    /// In how many places, those that are not listed included.
    pub(in crate::store) places_lost: u64,
    /// The commit at the end that is not whole.
    pub(in crate::store) torn: Option<TornTail>,
    /// Segments whose headers are damaged, which costs nothing.
    pub(in crate::store) damaged_headers: Vec<SegmentNumber>,
    /// How many bytes the disk could not read.
    pub(in crate::store) unreadable_bytes: u64,
    /// What the database holds, synced, as the journal was told last.
    pub(in crate::store) settled: Option<(RecordNumber, Timestamp)>,
}

/// Records that were written and are not there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::store) struct JournalLoss {
    /// The first of them.
    pub(in crate::store) first: RecordNumber,
    /// The last of them.
    pub(in crate::store) last: RecordNumber,
    /// Why they are not there.
    pub(in crate::store) cause: LossCause,
}

/// Why records are lost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::store) enum LossCause {
    /// Their bytes are damaged, from here on.
    Damaged { segment: SegmentNumber, offset: u64 },
    /// The segments that held them are not there.
    Missing,
}

/// A commit at the end of the journal that is not whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::store) struct TornTail {
    /// How many bytes of it there are, as far as that can be told.
    pub(in crate::store) bytes: u64,
    /// How many of its records could be read, and are dropped with it.
    pub(in crate::store) records: u64,
}

impl JournalFindings {
    /// Whether everything that was ever acknowledged is there, as far as the journal can tell.
    #[cfg(test)]
    pub(in crate::store) fn is_whole(&self) -> bool {
        self.records_lost == 0 && self.torn.is_none() && self.damaged_headers.is_empty() && self.unreadable_bytes == 0
    }

    /// What a crash or a power cut left at the end, in a sentence for the log.
    pub(in crate::store) fn torn_line(&self) -> Option<String> {
        let TornTail { bytes, records } = self.torn?;
        Some(format!(
            "the journal ends with a commit that is not whole ({bytes} bytes, {records} of its records are), and it is cut off \
             behind record {}: a crash or a power cut came before that commit was on the disk, so nothing in it was \
             acknowledged; only if the daemon was stopped in order last, the disk has damaged it",
            self.last
        ))
    }

    /// What was found to be wrong, in sentences for the log: one for each kind of finding, because damage is told at each
    /// start until its segment is freed.
    pub(in crate::store) fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if let [loss, more @ ..] = &self.losses[..] {
            let mut line = loss.to_string();
            if !more.is_empty() {
                let (places, all) = (self.places_lost - 1, self.records_lost);
                line.push_str(&format!("; with {places} more such places, {all} records of the journal are lost"));
            }
            lines.push(line);
        }
        if let [segment, more @ ..] = &self.damaged_headers[..] {
            let others = if more.is_empty() { String::new() } else { format!(" (and {} more)", more.len()) };
            lines.push(format!(
                "the header of the journal's segment {segment}{others} is damaged, which costs no record"
            ));
        }
        if self.unreadable_bytes > 0 {
            lines.push(format!("the disk cannot read {} bytes of the journal; see to the disk", self.unreadable_bytes));
        }
        lines
    }
}

impl fmt::Display for JournalLoss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { first, last, cause } = self;
        let (records, are, they) = if first == last {
            (format!("record {first}"), "is", "it")
        } else {
            (format!("records {first} to {last}"), "are", "they")
        };
        match cause {
            LossCause::Damaged { segment, offset } => write!(
                f,
                "{records} of the journal {are} damaged (segment {segment}, byte {offset}): what {they} held is lost, unless \
                 its windows were stored, and nothing else is"
            ),
            LossCause::Missing => write!(
                f,
                "{records} of the journal {are} missing, with the files that held them: what {they} held is lost, unless its \
                 windows were stored"
            ),
        }
    }
}

/// The records of a segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct SegmentRecords {
    pub(super) number: SegmentNumber,
    pub(super) first: RecordNumber,
    pub(super) last: RecordNumber,
    /// Where the last record's frame ends.
    pub(super) end: usize,
    /// The latest time of its readings and closings; the end of time as long as nobody has looked.
    pub(super) latest: Timestamp,
}

/// The journal as it is to be used.
#[derive(Debug)]
pub(super) struct Recovered {
    pub(super) findings: JournalFindings,
    /// The segments that hold records, the oldest first.
    pub(super) segments: Vec<SegmentRecords>,
    /// The records before this one were freed.
    pub(super) freed_before: RecordNumber,
}

/// A record of a later version, without which the journal cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NewerContent {
    Format(u32),
    Record { number: RecordNumber, kind: u8 },
}

/// The frames of a segment, in the order of their numbers, with what lies between them passed over.
pub(super) struct Frames<'a> {
    segment: SegmentNumber,
    bytes: &'a [u8],
    /// Where the next frame is expected.
    offset: usize,
    next: RecordNumber,
    /// Whether no frame was returned yet: segments may be missing before the first one.
    is_first: bool,
}

impl<'a> Frames<'a> {
    /// The frames of a segment, with numbers from `next` on.
    pub(super) fn of(segment: SegmentNumber, bytes: &'a [u8], next: RecordNumber) -> Self {
        Self { segment, bytes, offset: HEADER_BYTES, next, is_first: true }
    }

    /// Where the frame behind those that were returned is expected.
    fn offset(&self) -> usize {
        self.offset
    }
}

impl Iterator for Frames<'_> {
    /// The frame with its offset.
    type Item = (usize, Frame);

    fn next(&mut self) -> Option<Self::Item> {
        let Self { segment, bytes, offset, next, .. } = *self;
        let jump = if self.is_first { MAX_JUMP } else { (bytes.len() / frame::HEADER_BYTES) as u64 };
        let numbers = next..RecordNumber(next.0.saturating_add(jump));
        let expected = frame::at(segment, bytes, offset).filter(|frame| numbers.contains(&frame.number));
        let (at, frame) = match expected {
            Some(frame) => (offset, frame),
            None => frame::find(segment, bytes, offset, &numbers)?,
        };
        self.is_first = false;
        self.offset = frame.record.end;
        self.next = frame.number.next();
        Some((at, frame))
    }
}

/// Goes through the segments in their order.
pub(super) struct Recovery {
    findings: JournalFindings,
    /// What is missing among what stays.
    losses: Vec<JournalLoss>,
    segments: Vec<SegmentRecords>,
    /// The number that the next record should have.
    next: RecordNumber,
    /// The segment that was gone through last.
    before: Option<SegmentNumber>,
    /// Where damage begins, if there is any before the next frame.
    next_place: Option<(SegmentNumber, usize)>,
    /// Where the first frame was.
    first_place: Option<(SegmentNumber, usize)>,
    /// The last record that stays whatever follows: its commit is whole, or a later commit was found.
    kept_through: RecordNumber,
    /// Where the last frame that stays ends.
    kept_end: Option<(SegmentNumber, usize)>,
    /// The commit behind that record. It is not known yet whether it stays.
    open: OpenCommit,
    settled: Vec<(RecordNumber, RecordNumber, Timestamp)>,
    freed: Vec<(RecordNumber, RecordNumber)>,
    newer: Option<(RecordNumber, u8)>,
}

/// The frames since the last one that is certain to stay.
#[derive(Debug, Default)]
struct OpenCommit {
    /// Whether its beginning and all behind it are there so far.
    is_whole: bool,
    records: u64,
    bytes: u64,
    losses: Vec<JournalLoss>,
}

impl OpenCommit {
    /// No commit is open.
    fn none() -> Self {
        Self::default()
    }

    fn is_there(&self) -> bool {
        self.bytes > 0
    }
}

impl Recovery {
    pub(super) fn new() -> Self {
        Self {
            findings: JournalFindings::default(),
            losses: Vec::new(),
            segments: Vec::new(),
            next: RecordNumber(1),
            before: None,
            next_place: None,
            first_place: None,
            kept_through: RecordNumber(0),
            kept_end: None,
            open: OpenCommit::none(),
            settled: Vec::new(),
            freed: Vec::new(),
            newer: None,
        }
    }

    /// Takes the next segment.
    ///
    /// # Errors
    /// When it is of a newer format.
    pub(super) fn segment(&mut self, number: SegmentNumber, bytes: &[u8], unreadable: u64) -> Result<(), NewerContent> {
        self.findings.unreadable_bytes += unreadable;
        let header = SegmentHeader::of(number, bytes);
        if let SegmentHeader::Newer { format } = header {
            return Err(NewerContent::Format(format));
        }
        if self.before.replace(number).is_some_and(|before| before.0 + 1 != number.0) {
            self.next_place = None;
        }
        let mut frames = Frames::of(number, bytes, self.next);
        let mut expected_at = frames.offset();
        let mut found = 0_u64;
        while let Some((offset, frame)) = frames.next() {
            // Damage begins where the frame before ends, and that may be in the segment before.
            let damage = if offset > expected_at || found > 0 { Some((number, expected_at)) } else { self.next_place };
            self.frame(number, offset, &frame, &bytes[frame.record.clone()], damage);
            expected_at = frames.offset();
            found += 1;
        }
        let is_own = matches!(header, SegmentHeader::Own { .. });
        if found > 0 && !is_own || found == 0 && header == SegmentHeader::Damaged {
            self.findings.damaged_headers.push(number);
        }
        let expected = match header {
            SegmentHeader::Own { first } if found == 0 => first.max(self.next),
            _ => self.next,
        };
        if frame::is_remnant_of(number, bytes, expected_at, expected) {
            let length = frame::length(&bytes[expected_at..]).unwrap_or(0).min(bytes.len() - expected_at);
            self.open.bytes += length.max(frame::HEADER_BYTES) as u64;
            self.open.is_whole = false;
        }
        self.next_place = Some((number, expected_at));
        Ok(())
    }

    fn frame(
        &mut self,
        segment: SegmentNumber,
        offset: usize,
        frame: &Frame,
        record: &[u8],
        damage: Option<(SegmentNumber, usize)>,
    ) {
        // What the first segment begins with is judged at the end, when it is known what was freed.
        let has_gap = self.first_place.is_some() && frame.number > self.next;
        if has_gap {
            let cause = match damage {
                Some((segment, offset)) => LossCause::Damaged { segment, offset: offset as u64 },
                None => LossCause::Missing,
            };
            let last = frame.number.before();
            self.open.losses.push(JournalLoss { first: self.next, last, cause });
        }
        self.first_place.get_or_insert((segment, offset));
        if frame.place.is_first {
            // All before it was synced.
            self.keep(frame.number.before());
            self.open.is_whole = true;
        } else if has_gap || !self.open.is_there() {
            self.open.is_whole = false;
        }
        self.open.records += 1;
        self.open.bytes += (frame.record.end - offset) as u64;
        self.next = frame.number.next();
        self.note(frame.number, record);
        match self.segments.last_mut().filter(|records| records.number == segment) {
            Some(records) => (records.last, records.end) = (frame.number, frame.record.end),
            None => self.segments.push(SegmentRecords {
                number: segment,
                first: frame.number,
                last: frame.number,
                end: frame.record.end,
                latest: Timestamp::MAX,
            }),
        }
        if frame.place.is_last && self.open.is_whole {
            self.keep(frame.number);
        }
    }

    /// Everything up to this record stays, and what is missing before it is lost.
    fn keep(&mut self, through: RecordNumber) {
        let open = std::mem::replace(&mut self.open, OpenCommit::none());
        self.findings.records += open.records;
        self.losses.extend(open.losses);
        self.kept_through = through;
        self.kept_end = self.segments.last().map(|segment| (segment.number, segment.end));
    }

    /// Notes what the journal says of itself.
    fn note(&mut self, number: RecordNumber, bytes: &[u8]) {
        match RecordKind::of(bytes) {
            RecordKind::Newer => {
                self.newer.get_or_insert((number, bytes.first().copied().unwrap_or(0)));
            }
            RecordKind::Small => match record::decode(bytes, &mut ReadingsCodec::default()) {
                Ok(Some(Record::Settled { through, closed })) => self.settled.push((number, through, closed)),
                Ok(Some(Record::Freed { before })) => self.freed.push((number, before)),
                _ => {}
            },
            RecordKind::Windows | RecordKind::Skipped => {}
        }
    }

    /// Tells what was found, when all segments were gone through. The database says that it holds what follows from the
    /// records up to `settled`.
    ///
    /// # Errors
    /// When a record of a later version cannot be passed over.
    pub(super) fn finish(mut self, settled: RecordNumber) -> Result<Recovered, NewerContent> {
        let through = self.kept_through;
        if let Some((number, kind)) = self.newer.filter(|(number, _)| *number <= through) {
            return Err(NewerContent::Record { number, kind });
        }
        if self.open.is_there() {
            self.findings.torn = Some(TornTail { bytes: self.open.bytes, records: self.open.records });
        }
        let freed = self.freed.iter().filter(|(number, _)| *number <= through).map(|(_, before)| *before).max();
        let freed_before = freed.unwrap_or(RecordNumber(1)).max(RecordNumber(1));
        self.segments.retain(|segment| segment.first <= through && segment.last >= freed_before);
        for segment in &mut self.segments {
            segment.last = segment.last.min(through);
        }
        if let (Some(segment), Some((number, end))) = (self.segments.last_mut(), self.kept_end)
            && segment.number == number
        {
            segment.end = end;
        }
        // Of segments that were freed together, a power cut may have left some: what is missing between them was freed.
        self.losses.retain(|loss| loss.last >= freed_before);
        for loss in &mut self.losses {
            loss.first = loss.first.max(freed_before);
        }
        let first = self.segments.first().map_or(through.next(), |segment| segment.first);
        if first > freed_before {
            let last = first.before();
            let cause = match self.first_place {
                Some((segment, offset)) if offset > HEADER_BYTES => {
                    LossCause::Damaged { segment, offset: HEADER_BYTES as u64 }
                }
                _ => LossCause::Missing,
            };
            self.losses.insert(0, JournalLoss { first: freed_before, last, cause });
        }
        if settled > through {
            let first = through.next().max(freed_before);
            self.losses.push(JournalLoss { first, last: settled, cause: LossCause::Missing });
        }
        for loss in std::mem::take(&mut self.losses) {
            self.findings.add(loss);
        }
        self.findings.segments = self.segments.len();
        self.findings.last = through;
        self.findings.settled = self
            .settled
            .iter()
            .filter(|(number, ..)| *number <= through)
            .map(|(_, through, closed)| (*through, *closed))
            .max();
        Ok(Recovered { findings: self.findings, segments: self.segments, freed_before })
    }
}

impl JournalFindings {
    fn add(&mut self, loss: JournalLoss) {
        let records = loss.last.0.saturating_sub(loss.first.0).saturating_add(1);
        self.records_lost = self.records_lost.saturating_add(records);
        self.places_lost += 1;
        if self.losses.len() < MAX_LISTED {
            self.losses.push(loss);
        }
    }
}
