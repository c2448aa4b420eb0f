//! What must hold of any bytes in the place of a segment. The fuzz target of the journal checks it.

use super::frame::{self, CommitPlace};
use super::readings::ReadingsCodec;
use super::record::{self, RecordKind};
use super::recovery::{Frames, Recovered, Recovery};
use super::segment::{HEADER_BYTES, header};
use super::{RecordNumber, SegmentNumber};
use crate::codec::Encoder;

const SEGMENT: SegmentNumber = SegmentNumber(1);
const FIRST: RecordNumber = RecordNumber(1);

/// Goes through bytes as a start goes through a segment: as they are, and with their numbers and checksums put right.
///
/// # Panics
/// When something does not hold.
pub fn go_through_segment(bytes: &[u8]) {
    go_through(bytes);
    go_through(&mended(bytes));
}

fn go_through(bytes: &[u8]) {
    let mut recovery = Recovery::new();
    let recovered = recovery.segment(SEGMENT, bytes, 0).and_then(|()| recovery.finish(RecordNumber(0)));
    if let Ok(Recovered { findings, segments, .. }) = recovered {
        let held = |segment: &super::SegmentRecords| segment.first <= segment.last && segment.end <= bytes.len();
        assert!(segments.iter().all(held), "{segments:?}");
        assert!(findings.last.0 == 0 || findings.records + findings.records_lost > 0, "{findings:?}");
        assert!(findings.lines().iter().all(|line| !line.is_empty()));
    }
    let mut codec = ReadingsCodec::default();
    let mut before = RecordNumber(0);
    for (_, frame) in Frames::of(SEGMENT, bytes, FIRST) {
        assert!(frame.number > before, "{} behind {before}", frame.number);
        before = frame.number;
        let kind = RecordKind::of(&bytes[frame.record.clone()]);
        let Ok(Some(record)) = record::decode(&bytes[frame.record], &mut codec) else { continue };
        assert!(matches!(kind, RecordKind::Windows | RecordKind::Small));
        let mut encode = |record: &record::Record| {
            let mut encoder = Encoder::default();
            record::encode(&record.as_record_ref(), &mut codec, &mut encoder);
            encoder.into_bytes()
        };
        let written = encode(&record);
        let again = record::decode(&written, &mut ReadingsCodec::default()).ok().flatten();
        let again = again.map(|record| encode(&record));
        assert_eq!(again, Some(written), "what was written can be read, and is written in one way");
    }
}

/// The bytes as a segment whose frames have right checksums, and numbers without gaps.
fn mended(bytes: &[u8]) -> Vec<u8> {
    let mut segment = header(SEGMENT, FIRST).to_vec();
    let mut number = FIRST;
    let mut rest = bytes.get(HEADER_BYTES..).unwrap_or_default();
    while let Some(length) = frame::length(rest) {
        let (whole, behind) = rest.split_at(length.min(rest.len()));
        let Some(record) = whole.get(frame::HEADER_BYTES..).filter(|record| !record.is_empty()) else { break };
        let start = segment.len();
        if frame::append(&mut segment, number, |bytes| bytes.extend_from_slice(record)).is_ok() {
            // The bits that mark the ends of a commit.
            let place = CommitPlace { is_first: whole[7] & 1 != 0, is_last: whole[7] & 2 != 0 };
            frame::seal(&mut segment[start..], SEGMENT, place);
            number = number.next();
        }
        rest = behind;
    }
    segment
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use proptest::prelude::*;

    use super::super::tests::one_of_each_kind;
    use super::super::{Journal, JournalSettings};
    use super::*;

    /// A segment with a record of each kind, each in a commit of its own.
    fn seed() -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let (mut journal, _) = Journal::open(folder.path(), JournalSettings::default()).unwrap();
        for record in one_of_each_kind() {
            journal.append(&record.as_record_ref()).unwrap();
            journal.commit().unwrap();
        }
        let (path, end) = journal.extents().remove(0);
        let mut bytes = fs::read(path).unwrap();
        bytes.truncate(usize::try_from(end).unwrap());
        bytes
    }

    #[test]
    fn what_was_mended_has_all_records() {
        let (bytes, kinds) = (seed(), one_of_each_kind().len());
        assert_eq!(Frames::of(SEGMENT, &mended(&bytes), FIRST).count(), kinds);
        go_through_segment(&bytes);
    }

    #[test]
    fn bytes_that_look_like_many_beginnings_are_gone_through_soon() {
        // Each begins a frame as long as the rest.
        let bytes: Vec<u8> = [1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 12, 0].into_iter().cycle().take(2 << 20).collect();
        assert_eq!(Frames::of(SEGMENT, &bytes, FIRST).count(), 0);
    }

    #[test]
    #[ignore = "writes the seed of the fuzz target"]
    fn the_seed_of_the_fuzz_target() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/journal_segment");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("one_of_each_kind"), seed()).unwrap();
    }

    proptest! {
        #[test]
        fn any_bytes_are_gone_through(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            go_through_segment(&bytes);
        }
    }
}
