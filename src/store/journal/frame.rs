//! A frame: one record as it lies in a segment.
//!
//! | bytes | what |
//! | --- | --- |
//! | 4 | CRC-32 over the segment's number and all that follows |
//! | 4 | the payload's length; the two bits above 24 mark the first and the last frame of a commit |
//! | 8 | the record's number |
//! | | the record |
//!
//! All numbers are little-endian. The segment's number is in the checksum, so that what an earlier use of a file left
//! behind is never taken for a frame of the present one.

use std::ops::Range;

use crate::store::journal::{RecordNumber, SegmentNumber};

/// The bytes in front of a record.
pub(super) const HEADER_BYTES: usize = 16;
/// The largest record. Its frame fits every segment.
pub(super) const MAX_RECORD_BYTES: usize = 1 << 20;

/// How often a search for a frame may read all bytes of a segment.
const MAX_READ: usize = 64;

const LENGTH_MASK: u32 = (1 << 24) - 1;
const FIRST_OF_COMMIT: u32 = 1 << 24;
const LAST_OF_COMMIT: u32 = 1 << 25;

/// Where in its commit a frame is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct CommitPlace {
    pub(super) is_first: bool,
    pub(super) is_last: bool,
}

/// A frame whose checksum is right.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Frame {
    pub(super) number: RecordNumber,
    pub(super) place: CommitPlace,
    /// Where in the segment its record is.
    pub(super) record: Range<usize>,
}

/// Appends a frame that has yet to be [sealed](seal): room for its header, and then what `record` appends.
///
/// # Errors
/// When the record has more bytes than a frame may hold, which is returned; nothing is appended then.
pub(super) fn append(
    bytes: &mut Vec<u8>,
    number: RecordNumber,
    record: impl FnOnce(&mut Vec<u8>),
) -> Result<(), usize> {
    let start = bytes.len();
    bytes.extend_from_slice(&[0; HEADER_BYTES]);
    record(bytes);
    let length = bytes.len() - start - HEADER_BYTES;
    let Some(short) = u32::try_from(length).ok().filter(|_| length <= MAX_RECORD_BYTES) else {
        bytes.truncate(start);
        return Err(length);
    };
    bytes[start + 4..start + 8].copy_from_slice(&short.to_le_bytes());
    bytes[start + 8..start + HEADER_BYTES].copy_from_slice(&number.0.to_le_bytes());
    Ok(())
}

/// The length of the frame that begins with `bytes`; `None` when they are too few.
pub(super) fn length(bytes: &[u8]) -> Option<usize> {
    Some(HEADER_BYTES + (word(bytes)? & LENGTH_MASK) as usize)
}

/// Completes the header of the frame that `frame` is, for its place in a commit and in a segment.
pub(super) fn seal(frame: &mut [u8], segment: SegmentNumber, place: CommitPlace) {
    let Some(word) = word(frame) else { return };
    let flag = |is: bool, flag: u32| if is { flag } else { 0 };
    let flags = flag(place.is_first, FIRST_OF_COMMIT) | flag(place.is_last, LAST_OF_COMMIT);
    frame[4..8].copy_from_slice(&(word & LENGTH_MASK | flags).to_le_bytes());
    let checksum = checksum(segment, &[&frame[4..]]);
    frame[..4].copy_from_slice(&checksum.to_le_bytes());
}

/// The frame at `offset`, if there is one.
pub(super) fn at(segment: SegmentNumber, bytes: &[u8], offset: usize) -> Option<Frame> {
    let frame = bytes.get(offset..)?;
    let number = number(frame)?;
    let word = word(frame)?;
    let length = (word & LENGTH_MASK) as usize;
    let known = LENGTH_MASK | FIRST_OF_COMMIT | LAST_OF_COMMIT;
    if number.0 == 0 || length == 0 || length > MAX_RECORD_BYTES || word & !known != 0 {
        return None;
    }
    let frame = frame.get(..HEADER_BYTES + length)?;
    if frame[..4] != checksum(segment, &[&frame[4..]]).to_le_bytes() {
        return None;
    }
    let place = CommitPlace { is_first: word & FIRST_OF_COMMIT != 0, is_last: word & LAST_OF_COMMIT != 0 };
    let start = offset + HEADER_BYTES;
    Some(Frame { number, place, record: start..start + length })
}

/// The first frame at `from` or behind it whose number is one of `numbers`, with its offset. Bytes may look like many
/// beginnings of frames: the search ends when it has read the segment so often as [`MAX_READ`] says.
pub(super) fn find(
    segment: SegmentNumber,
    bytes: &[u8],
    from: usize,
    numbers: &Range<RecordNumber>,
) -> Option<(usize, Frame)> {
    let mut left = bytes.len().saturating_mul(MAX_READ);
    for offset in from..bytes.len().saturating_sub(HEADER_BYTES) {
        // Only this is looked at for most bytes.
        if number(&bytes[offset..]).is_some_and(|number| numbers.contains(&number)) {
            if let Some(frame) = at(segment, bytes, offset) {
                return Some((offset, frame));
            }
            let length = length(&bytes[offset..]).filter(|length| *length <= bytes.len() - offset);
            left = left.checked_sub(length.unwrap_or(0))?;
        }
    }
    None
}

/// Whether the bytes at `offset` were written as the frame of `number`, whole or in part, and do not hold it any more.
/// What an earlier use of the file left behind has lower numbers.
pub(super) fn is_remnant_of(segment: SegmentNumber, bytes: &[u8], offset: usize, expected: RecordNumber) -> bool {
    let Some(frame) = bytes.get(offset..).filter(|frame| frame.len() >= HEADER_BYTES) else { return false };
    if number(frame) == Some(expected) {
        return true;
    }
    // The damage may be in the number.
    let Some(frame) = length(frame).and_then(|length| frame.get(..length)) else { return false };
    let parts = [&frame[4..8], &expected.0.to_le_bytes(), &frame[HEADER_BYTES..]];
    frame[..4] == checksum(segment, &parts).to_le_bytes()
}

fn word(frame: &[u8]) -> Option<u32> {
    frame.get(4..8)?.try_into().ok().map(u32::from_le_bytes)
}

fn number(frame: &[u8]) -> Option<RecordNumber> {
    frame.get(8..HEADER_BYTES)?.try_into().ok().map(|bytes| RecordNumber(u64::from_le_bytes(bytes)))
}

fn checksum(segment: SegmentNumber, parts: &[&[u8]]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&segment.0.to_le_bytes());
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEGMENT: SegmentNumber = SegmentNumber(3);
    const ALONE: CommitPlace = CommitPlace { is_first: true, is_last: true };

    fn frame(number: u64, record: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        append(&mut bytes, RecordNumber(number), |bytes| bytes.extend_from_slice(record)).unwrap();
        seal(&mut bytes, SEGMENT, ALONE);
        bytes
    }

    #[test]
    fn a_frame_comes_back_in_its_own_segment_only() {
        let bytes = frame(7, b"record");
        let read = at(SEGMENT, &bytes, 0).unwrap();
        assert_eq!((read.number, read.place, &bytes[read.record]), (RecordNumber(7), ALONE, &b"record"[..]));
        assert_eq!(at(SegmentNumber(4), &bytes, 0), None);
        assert_eq!(at(SEGMENT, &bytes[..bytes.len() - 1], 0), None);
    }

    #[test]
    fn every_flipped_bit_is_noticed_and_known_for_what_it_is() {
        let whole = frame(7, b"record");
        for bit in 0..whole.len() * 8 {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(at(SEGMENT, &bytes, 0), None, "bit {bit}");
            assert!(is_remnant_of(SEGMENT, &bytes, 0, RecordNumber(7)), "bit {bit}");
        }
        assert!(!is_remnant_of(SEGMENT, &[0; 64], 0, RecordNumber(7)));
        assert!(!is_remnant_of(SEGMENT, &frame(6, b"record"), 0, RecordNumber(7)), "an earlier use of the file");
    }

    #[test]
    fn a_frame_is_found_behind_damage_if_its_number_may_follow() {
        let bytes = [&b"damage of any length"[..], &frame(9, b"record")].concat();
        let found = |from, to| find(SEGMENT, &bytes, 0, &(RecordNumber(from)..RecordNumber(to))).map(|(at, _)| at);
        assert_eq!(found(8, 20), Some(20));
        assert_eq!(found(10, 20), None);
        assert_eq!(found(1, 9), None);
    }

    #[test]
    fn a_record_that_is_too_large_is_refused_and_leaves_nothing() {
        let mut bytes = vec![1, 2];
        let record = |bytes: &mut Vec<u8>| bytes.resize(bytes.len() + MAX_RECORD_BYTES + 1, 0);
        assert_eq!(append(&mut bytes, RecordNumber(1), record), Err(MAX_RECORD_BYTES + 1));
        assert_eq!(bytes, [1, 2]);
    }
}
