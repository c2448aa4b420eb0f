//! The journal against a plain list: random work, restarts, cuts, flipped bits and files that are gone.

use std::fs;
use std::os::unix::fs::FileExt;

use proptest::prelude::*;

use super::recovery::{JournalLoss, LossCause};
use super::*;
use crate::sensor::{SensorId, SensorName};

/// Small, so that a few records fill a segment.
const SEGMENT: usize = 1_024;

fn open_settled(path: &Path, settled: u64) -> (Journal, JournalFindings) {
    let settings = JournalSettings { settled: RecordNumber(settled), segment_bytes: SEGMENT };
    Journal::open(path, settings).unwrap()
}

fn open(path: &Path) -> (Journal, JournalFindings) {
    open_settled(path, 0)
}

fn reading(sensor: u32, second: i64) -> Reading {
    Reading {
        sensor: SensorId(sensor),
        time: Timestamp::from_nanos(second * 1_000_000_000),
        value: f64::from(sensor) / 4.0,
    }
}

fn readings(from: i64, count: i64) -> Record {
    Record::Readings(
        (from..from + count)
            .map(|second| reading(u32::try_from(second % 7).unwrap(), second * 977 % 100_000))
            .collect(),
    )
}

/// All records, by both replays, in order.
fn replayed(journal: &mut Journal) -> Vec<(u64, Record)> {
    let mut records = Vec::new();
    assert_eq!(journal.replay_tables(|number, record| records.push((number.0, record))).unwrap(), 0);
    assert_eq!(journal.replay_windows(|number, record| records.push((number.0, record))).unwrap(), 0);
    records.sort_by_key(|(number, _)| *number);
    records
}

/// A record of each kind.
pub(super) fn one_of_each_kind() -> Vec<Record> {
    let time = Timestamp::from_nanos(-5);
    let readings = vec![Reading { sensor: SensorId(7), time, value: 2.5 }];
    let name = SensorName::new("device", "sensor").unwrap();
    vec![
        Record::Readings(readings.clone()),
        Record::Closed(time),
        Record::Sensors(vec![(SensorId(7), name)]),
        Record::SensorsFreed(vec![SensorId(8)]),
        Record::SessionPut { client: "client".to_owned(), used: time },
        Record::SessionRemoved { client: "client".to_owned() },
        Record::HeldPut { number: 3, readings },
        Record::HeldRemoved { number: 3 },
        Record::Rejects { number: 9, block: vec![1, 2] },
        Record::Progress { key: b"key".to_vec(), value: b"value".to_vec() },
        Record::Settled { through: RecordNumber(4), closed: time },
        Record::Freed { before: RecordNumber(2) },
    ]
}

fn append(journal: &mut Journal, record: &Record) {
    journal.append(&record.as_record_ref()).unwrap();
}

/// A journal of so many commits of two records each, and its records.
fn filled(path: &Path, commits: i64) -> Vec<(u64, Record)> {
    let (mut journal, _) = open(path);
    let mut all = Vec::new();
    for commit in 0..commits {
        for record in [readings(commit * 30, 30), Record::Progress { key: b"commit".to_vec(), value: vec![1; 20] }] {
            append(&mut journal, &record);
            all.push((all.len() as u64 + 1, record));
        }
        assert_eq!(journal.commit().unwrap(), RecordNumber(all.len() as u64));
    }
    all
}

fn segments(path: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files.filter(|path| path.extension().is_some_and(|ending| ending == "segment")).collect();
    files.sort();
    files
}

fn flip(path: &Path, bit: u64) {
    let file = fs::File::options().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, bit / 8).unwrap();
    byte[0] ^= 1 << (bit % 8);
    file.write_all_at(&byte, bit / 8).unwrap();
}

fn copied(from: &Path) -> tempfile::TempDir {
    let to = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.path().join(entry.file_name())).unwrap();
    }
    to
}

#[test]
fn what_was_committed_comes_back_and_what_was_not_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let all = filled(folder.path(), 40);
    let (mut journal, findings) = open(folder.path());
    assert!(findings.is_whole() && findings.segments > 2, "{findings:?}");
    assert_eq!((findings.last, findings.records), (RecordNumber(80), 80));
    assert_eq!(replayed(&mut journal), all);
    append(&mut journal, &readings(0, 5));
    drop(journal);
    let (mut journal, findings) = open(folder.path());
    assert!(findings.is_whole());
    assert_eq!(replayed(&mut journal), all, "it was never committed");
    append(&mut journal, &readings(7, 5));
    assert_eq!(journal.commit().unwrap(), RecordNumber(81));
    assert_eq!(journal.records(), 81);
}

#[test]
fn a_commit_larger_than_a_segment_is_whole_or_not_there() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), 3);
    let (mut journal, _) = open(folder.path());
    for commit in 0..60 {
        append(&mut journal, &readings(commit, 60));
    }
    journal.commit().unwrap();
    let files = segments(folder.path());
    assert!(files.len() > 4, "{files:?}");
    let (mut journal, findings) = open(folder.path());
    assert_eq!((findings.is_whole(), findings.last), (true, RecordNumber(66)));
    assert_eq!(replayed(&mut journal).len(), 66);
    // The power goes before the last segment of that commit is there.
    drop(journal);
    fs::write(files.last().unwrap(), vec![0; SEGMENT]).unwrap();
    let (mut journal, findings) = open(folder.path());
    assert_eq!(findings.last, RecordNumber(6), "{findings:?}");
    assert!(findings.torn.is_some() && findings.records_lost == 0, "{findings:?}");
    append(&mut journal, &readings(9, 1));
    assert_eq!(journal.commit().unwrap(), RecordNumber(7));
    let (mut journal, findings) = open(folder.path());
    assert!(findings.is_whole(), "{findings:?}");
    assert_eq!(replayed(&mut journal).len(), 7);
}

#[test]
fn a_flipped_bit_anywhere_costs_at_most_its_commit_and_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let all = filled(folder.path(), 14);
    let files = segments(folder.path());
    assert!(files.len() >= 2, "{files:?}");
    let (_, whole) = open(folder.path());
    let ends: Vec<_> = open(folder.path()).0.extents();
    for (path, end) in ends {
        let name = path.file_name().unwrap();
        for bit in (0..end * 8).step_by(5) {
            let damaged = copied(folder.path());
            flip(&damaged.path().join(name), bit);
            let (mut journal, findings) = open(damaged.path());
            assert!(!findings.is_whole(), "bit {bit} of {name:?} passed unnoticed");
            assert!(!findings.lines().is_empty() || findings.torn_line().is_some());
            let kept = replayed(&mut journal);
            let lost: Vec<_> =
                all.iter().filter(|record| !kept.contains(record)).map(|(number, _)| number - 1).collect();
            assert!(kept.iter().all(|record| all.contains(record)), "bit {bit} of {name:?}");
            assert!(lost.iter().all(|number| number / 2 == lost[0] / 2), "bit {bit} of {name:?} costs {lost:?}");
            let cut = u64::from(findings.torn.is_some()) * (whole.last.0 - findings.last.0);
            assert_eq!(findings.records_lost + cut, lost.len() as u64, "bit {bit} of {name:?}: {findings:?}");
        }
    }
}

#[test]
fn a_damaged_middle_costs_its_records_and_is_told_apart_from_a_torn_tail() {
    let folder = tempfile::tempdir().unwrap();
    let all = filled(folder.path(), 14);
    // The length of the second frame.
    let first = &segments(folder.path())[0];
    let length = frame::length(&fs::read(first).unwrap()[HEADER_BYTES..]).unwrap();
    flip(first, (HEADER_BYTES + length + 5) as u64 * 8);
    let (mut journal, findings) = open(folder.path());
    let cause = LossCause::Damaged { segment: SegmentNumber(2), offset: (HEADER_BYTES + length) as u64 };
    assert_eq!(findings.losses, [JournalLoss { first: RecordNumber(2), last: RecordNumber(2), cause }]);
    assert_eq!((findings.torn, findings.records), (None, 27));
    let kept: Vec<_> = all.iter().filter(|(number, _)| *number != 2).cloned().collect();
    assert_eq!(replayed(&mut journal), kept);
    append(&mut journal, &readings(0, 1));
    assert_eq!(journal.commit().unwrap(), RecordNumber(29), "numbers go on");
}

#[test]
fn a_missing_segment_is_told_with_its_records() {
    let folder = tempfile::tempdir().unwrap();
    let all = filled(folder.path(), 40);
    let files = segments(folder.path());
    for gone in &files {
        let copy = copied(folder.path());
        fs::remove_file(copy.path().join(gone.file_name().unwrap())).unwrap();
        let (mut journal, findings) = open_settled(copy.path(), 80);
        let kept = replayed(&mut journal);
        assert_eq!(findings.losses.len(), 1, "{findings:?}");
        assert_eq!(findings.losses[0].cause, LossCause::Missing);
        assert_eq!(findings.records_lost, (all.len() - kept.len()) as u64, "{}", gone.display());
        append(&mut journal, &readings(0, 1));
        assert_eq!(journal.commit().unwrap(), RecordNumber(81), "a number is never given twice");
    }
}

#[test]
fn a_segment_is_freed_one_settling_after_its_windows_were_stored_and_used_again() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), 40);
    let (mut journal, _) = open(folder.path());
    replayed(&mut journal);
    let before = journal.segments.len();
    let end = Timestamp::MAX;
    journal.settled(RecordNumber(80), end).unwrap();
    journal.commit().unwrap();
    assert!(journal.freeable().is_none(), "nobody could read yet what was synced only now");
    journal.settled(RecordNumber(81), end).unwrap();
    journal.commit().unwrap();
    let mut passed_on = 0;
    while let Some(segment) = journal.freeable() {
        segment
            .readings(|readings| {
                passed_on += readings.len();
                Ok(())
            })
            .unwrap();
        journal.free(&segment).unwrap();
    }
    assert_eq!(journal.segments.len(), before, "before the commit all are there");
    assert_eq!(segments(folder.path()).len(), before);
    journal.commit().unwrap();
    assert_eq!((journal.segments.len(), segments(folder.path()).len()), (1, 1));
    assert!(passed_on >= 1_000, "{passed_on}");
    let files = || fs::read_dir(folder.path()).unwrap().count();
    let made = files();
    assert!(made <= 1 + MAX_SPARES, "{made} files");
    for round in 0..20 {
        append(&mut journal, &readings(round, 30));
        journal.commit().unwrap();
    }
    assert_eq!(files(), made, "spare files are used before new ones are made");
    let kept = replayed(&mut journal);
    drop(journal);
    let (mut journal, findings) = open(folder.path());
    assert!(findings.is_whole(), "what was freed is not missing: {findings:?}");
    assert_eq!(replayed(&mut journal), kept);
}

#[test]
fn a_commit_without_room_writes_nothing_and_is_made_when_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let mut all = filled(folder.path(), 3);
    let (mut journal, _) = open(folder.path());
    let on_disk = || segments(folder.path()).iter().map(|path| fs::read(path).unwrap()).collect::<Vec<_>>();
    let before = on_disk();
    let no_room = format!("store::journal_room {}", folder.path().display());
    fail::cfg(&no_room, "return").unwrap();
    // Each is larger than what is left of the segment.
    for attempt in 0..3 {
        let record = Record::Progress { key: b"large".to_vec(), value: vec![attempt; 900] };
        append(&mut journal, &record);
        all.push((all.len() as u64 + 1, record));
        assert!(matches!(journal.commit(), Err(StoreError::DiskFull { .. })), "{attempt}");
        assert_eq!((on_disk() == before, journal.last_committed()), (true, RecordNumber(6)), "nothing is promised");
        assert_eq!(open(folder.path()).1.last, RecordNumber(6));
    }
    fail::remove(&no_room);
    assert_eq!(journal.commit().unwrap(), RecordNumber(9));
    drop(journal);
    let (mut journal, findings) = open(folder.path());
    assert!(findings.is_whole(), "{findings:?}");
    assert_eq!(replayed(&mut journal), all);
}

#[test]
fn damage_in_many_places_is_told_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), 14);
    // Every other record of the first segment.
    let first = &segments(folder.path())[0];
    let bytes = fs::read(first).unwrap();
    let mut at = HEADER_BYTES;
    let mut damaged = 0;
    while let Some(length) = frame::at(SegmentNumber(2), &bytes, at).map(|frame| frame.record.end - at) {
        if damaged % 2 == 1 {
            flip(first, (at + 5) as u64 * 8);
        }
        (at, damaged) = (at + length, damaged + 1);
    }
    let (_, findings) = open(folder.path());
    assert!(damaged > 5 && findings.places_lost > 2, "{damaged} {findings:?}");
    let [line] = &findings.lines()[..] else { panic!("{:?}", findings.lines()) };
    assert!(line.starts_with("record 2 of the journal is damaged"), "{line}");
    assert!(line.contains(&format!("{} more such places", findings.places_lost - 1)), "{line}");
}

#[test]
fn what_a_power_cut_left_of_segments_that_were_freed_together_is_no_loss() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), 40);
    let before = segments(folder.path());
    let (mut journal, _) = open(folder.path());
    replayed(&mut journal);
    for _ in 0..2 {
        journal.settled(RecordNumber(80), Timestamp::MAX).unwrap();
        journal.commit().unwrap();
    }
    let saved = copied(folder.path());
    while let Some(segment) = journal.freeable() {
        journal.free(&segment).unwrap();
    }
    journal.commit().unwrap();
    drop(journal);
    // Of their new names, not all came to the disk.
    for path in before[..before.len() - 1].iter().step_by(2) {
        let name = path.file_name().unwrap();
        fs::copy(saved.path().join(name), folder.path().join(name)).unwrap();
    }
    let (mut journal, findings) = open(folder.path());
    assert!(findings.is_whole(), "{findings:?}");
    assert!(replayed(&mut journal).iter().all(|(number, _)| *number > 70));
    assert_eq!(journal.segments.len(), 1);
}

#[test]
fn a_file_of_another_size_becomes_no_segment() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), 40);
    // A backup has no more of a segment than its records.
    for (path, end) in open(folder.path()).0.extents() {
        fs::File::options().write(true).open(path).unwrap().set_len(end).unwrap();
    }
    fs::write(folder.path().join("00000000000000aa.spare"), "short").unwrap();
    let (mut journal, _) = open(folder.path());
    replayed(&mut journal);
    for _ in 0..2 {
        journal.settled(RecordNumber(80), Timestamp::MAX).unwrap();
        journal.commit().unwrap();
    }
    while let Some(segment) = journal.freeable() {
        journal.free(&segment).unwrap();
    }
    journal.commit().unwrap();
    let sizes = || fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len());
    assert!(sizes().all(|size| size == SEGMENT as u64), "{:?}", sizes().collect::<Vec<_>>());
}

#[test]
fn a_segment_with_open_windows_stays() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), 40);
    let (mut journal, _) = open(folder.path());
    replayed(&mut journal);
    for _ in 0..3 {
        journal.settled(RecordNumber(80), Timestamp::from_nanos(0)).unwrap();
    }
    assert!(journal.freeable().is_none());
    for _ in 0..2 {
        journal.settled(RecordNumber(0), Timestamp::MAX).unwrap();
    }
    assert!(journal.freeable().is_none(), "the database does not hold its other records");
    for _ in 0..2 {
        journal.settled(RecordNumber(80), Timestamp::MAX).unwrap();
    }
    assert!(journal.freeable().is_some());
}

#[test]
fn a_journal_that_is_deleted_is_noticed_by_the_next_commit() {
    for what in ["segment", "folder"] {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("journal");
        let (mut journal, _) = open(&folder);
        append(&mut journal, &readings(0, 1));
        journal.commit().unwrap();
        match what {
            "segment" => fs::remove_file(&segments(&folder)[0]).unwrap(),
            _ => fs::remove_dir_all(&folder).unwrap(),
        }
        append(&mut journal, &readings(1, 1));
        assert!(matches!(journal.commit(), Err(StoreError::Gone { .. })), "{what}");
        assert!(journal.commit().is_err(), "{what}: and it stays so");
    }
}

#[test]
fn a_newer_journal_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), 2);
    let path = &segments(folder.path())[0];
    let bytes = fs::read(path).unwrap();
    let mut newer = bytes.clone();
    newer[8] = 2;
    let checksum = crc32fast::hash(&newer[..28]);
    newer[28..32].copy_from_slice(&checksum.to_le_bytes());
    fs::write(path, &newer).unwrap();
    let error = Journal::open(folder.path(), JournalSettings::default()).unwrap_err();
    assert!(error.is_lasting() && error.to_string().contains("format 2"), "{error}");
    assert_eq!(fs::read(path).unwrap(), newer);

    // A record of an unknown kind, as a commit of its own.
    for (kind, is_refused) in [(100, true), (200, false)] {
        let mut newer = bytes.clone();
        let end = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
        let mut frame = Vec::new();
        frame::append(&mut frame, RecordNumber(5), |bytes| bytes.push(kind)).unwrap();
        frame::seal(&mut frame, SegmentNumber(2), CommitPlace { is_first: true, is_last: true });
        newer[end..end + frame.len()].copy_from_slice(&frame);
        fs::write(path, &newer).unwrap();
        let opened = Journal::open(folder.path(), JournalSettings::default());
        assert_eq!(opened.is_err(), is_refused, "{opened:?}");
    }
}

#[test]
fn a_lone_reading_takes_one_page_and_less_than_a_hundred_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let (mut journal, _) = Journal::open(folder.path(), JournalSettings::default()).unwrap();
    append(&mut journal, &readings(0, 1));
    journal.commit().unwrap();
    let (before, syncs, end) = (journal.written_bytes(), journal.syncs(), journal.extents()[0].1);
    append(&mut journal, &readings(1, 1));
    journal.commit().unwrap();
    assert_eq!((journal.written_bytes() - before, journal.syncs() - syncs), (4_096, 1));
    assert!(journal.extents()[0].1 - end < 50, "{}", journal.extents()[0].1 - end);
}

#[test]
fn commits_that_fill_segments_write_their_content_and_no_zeros_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let (mut journal, _) = Journal::open(folder.path(), JournalSettings::default()).unwrap();
    for commit in 0..4 {
        for record in 0..60 {
            append(&mut journal, &readings((commit * 60 + record) * 4_000, 4_000));
        }
        journal.commit().unwrap();
    }
    let content: u64 = journal.extents().iter().map(|(_, end)| end).sum();
    assert!(content > 4 * BULK_BYTES as u64);
    assert!(journal.written_bytes() < content + 5 * PAGE_BYTES as u64, "{} of {content}", journal.written_bytes());
}

/// What the kernel counts as written by this thread; nothing where it does not count.
fn kernel_written_bytes() -> u64 {
    let counts = fs::read_to_string("/proc/thread-self/io").unwrap_or_default();
    let written = counts.lines().find_map(|line| line.strip_prefix("write_bytes: "));
    written.map_or(0, |bytes| bytes.parse().unwrap())
}

/// Linux takes all pages that it keeps together for written when one of them is.
#[test]
fn a_small_commit_counts_as_one_page_also_after_a_start() {
    let folder = tempfile::tempdir().unwrap();
    // So many that a start reads far ahead.
    let (mut journal, _) = Journal::open(folder.path(), JournalSettings::default()).unwrap();
    for commit in 0..30 {
        append(&mut journal, &readings(commit * 4_000, 4_000));
        journal.commit().unwrap();
    }
    for _ in 0..2 {
        let [counted, kernel] = [journal.written_bytes(), kernel_written_bytes()];
        for second in 0..20 {
            append(&mut journal, &readings(second, 1));
            journal.commit().unwrap();
        }
        let [counted, kernel] = [journal.written_bytes() - counted, kernel_written_bytes() - kernel];
        assert!(kernel <= 2 * counted, "{kernel} of {counted}");
        drop(journal);
        (journal, _) = Journal::open(folder.path(), JournalSettings::default()).unwrap();
    }
}

#[test]
fn what_is_no_segment_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), 2);
    for name in ["notes.txt", "0.segment", "zzzzzzzzzzzzzzzz.segment"] {
        fs::write(folder.path().join(name), "another's").unwrap();
    }
    fs::create_dir(folder.path().join("00000000000000ff.segment")).unwrap();
    fs::write(folder.path().join("00000000000000fe.part"), "never finished").unwrap();
    let (_, findings) = open(folder.path());
    assert!(findings.is_whole());
    assert!(folder.path().join("notes.txt").exists());
    assert!(!folder.path().join("00000000000000fe.part").exists());
}

#[test]
fn names_of_many_sensors_are_several_records() {
    let folder = tempfile::tempdir().unwrap();
    let (mut journal, _) = open(folder.path());
    let names: Vec<_> = (0..2_500).map(|id| (SensorId(id), SensorName::new("d", &id.to_string()).unwrap())).collect();
    append(&mut journal, &Record::Sensors(names.clone()));
    assert_eq!(journal.commit().unwrap(), RecordNumber(3));
    let (mut journal, _) = open(folder.path());
    let mut back = Vec::new();
    journal
        .replay_tables(|_, record| match record {
            Record::Sensors(sensors) => back.extend(sensors),
            other => panic!("{other:?}"),
        })
        .unwrap();
    assert_eq!(back, names);
}

/// What a random test does next.
#[derive(Clone, Debug)]
enum Step {
    Append {
        records: usize,
        readings: i64,
    },
    Commit,
    Settle,
    Free,
    Restart,
    /// The power goes in the middle of a commit: of what was written since the sync before, each 512 bytes are on the
    /// disk or not, as the bits say.
    PowerCut {
        sectors: u64,
    },
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..4_usize, 1..60_i64).prop_map(|(records, readings)| Step::Append { records, readings }),
        4 => Just(Step::Commit),
        2 => Just(Step::Settle),
        2 => Just(Step::Free),
        1 => Just(Step::Restart),
        2 => any::<u64>().prop_map(|sectors| Step::PowerCut { sectors }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn the_journal_is_a_list_of_what_was_committed(steps in proptest::collection::vec(any_step(), 1..50)) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let (mut journal, _) = open(path);
        let mut committed: Vec<Record> = Vec::new();
        let mut appended: Vec<Record> = Vec::new();
        for step in steps {
            match step {
                Step::Append { records, readings: count } => {
                    for index in 0..records {
                        let record = readings(index as i64, count);
                        append(&mut journal, &record);
                        appended.push(record);
                    }
                }
                Step::Commit => {
                    committed.append(&mut appended);
                    prop_assert_eq!(journal.commit().unwrap().0, committed.len() as u64);
                }
                Step::Settle => {
                    let settled = Record::Settled { through: journal.last_committed(), closed: Timestamp::MAX };
                    journal.settled(journal.last_committed(), Timestamp::MAX).unwrap();
                    appended.push(settled);
                }
                Step::Free => {
                    while let Some(segment) = journal.freeable() {
                        let before = RecordNumber(segment.records.last.0 + 1);
                        journal.free(&segment).unwrap();
                        appended.push(Record::Freed { before });
                    }
                }
                Step::Restart | Step::PowerCut { .. } => {
                    let last = journal.last_committed().0;
                    if let Step::PowerCut { sectors } = step {
                        let before: Vec<_> = journal.extents();
                        let saved: Vec<_> = before.iter().map(|(path, _)| fs::read(path).unwrap()).collect();
                        if !appended.is_empty() {
                            journal.commit().unwrap();
                        }
                        drop(journal);
                        // Files that the commit began hold what comes to the disk of it.
                        let mut sector = 0;
                        let mut is_whole = true;
                        for path in segments(path) {
                            let after = fs::read(&path).unwrap();
                            let old = before.iter().position(|(old, _)| *old == path);
                            let old = old.map_or_else(|| vec![0; after.len()], |old| saved[old].clone());
                            let mut mixed = after.clone();
                            for (at, (new, old)) in (0..).zip(after.chunks(512).zip(old.chunks(512))) {
                                if new != old {
                                    let is_there = sectors >> (sector % 64) & 1 == 1;
                                    sector += 1;
                                    is_whole &= is_there;
                                    mixed[at * 512..at * 512 + new.len()].copy_from_slice(if is_there { new } else { old });
                                }
                            }
                            fs::write(&path, mixed).unwrap();
                        }
                        // Files are removed behind the sync of the commit that says so.
                        for ((path, _), bytes) in before.iter().zip(saved).filter(|((path, _), _)| !is_whole && !path.exists()) {
                            fs::write(path, bytes).unwrap();
                        }
                    } else {
                        drop(journal);
                    }
                    let mut findings;
                    (journal, findings) = open(path);
                    prop_assert_eq!(findings.records_lost, 0, "{:?}", findings);
                    prop_assert!(findings.damaged_headers.len() <= 1);
                    if findings.last.0 > last {
                        // All of the commit came to the disk.
                        committed.append(&mut appended);
                    }
                    appended.clear();
                    prop_assert_eq!(findings.last.0, committed.len() as u64);
                    for (number, record) in replayed(&mut journal) {
                        prop_assert_eq!(&record, &committed[usize::try_from(number).unwrap() - 1]);
                    }
                    let kept = journal.records();
                    prop_assert_eq!(replayed(&mut journal).len() as u64, kept);
                    drop(journal);
                    (journal, findings) = open(path);
                    prop_assert!(findings.is_whole(), "a second start finds nothing more: {:?}", findings);
                    replayed(&mut journal);
                }
            }
        }
    }

    #[test]
    fn any_bytes_are_gone_through_without_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..300), cut in 0..3_000_usize, flips in proptest::collection::vec(any::<u64>(), 0..4),
    ) {
        let folder = tempfile::tempdir().unwrap();
        filled(folder.path(), 6);
        let path = segments(folder.path())[0].clone();
        let mut whole = fs::read(&path).unwrap();
        for flip in flips {
            let at = usize::try_from(flip).unwrap() % whole.len();
            whole[at] ^= 1 << (flip % 8);
        }
        whole.truncate(cut);
        whole.extend(bytes);
        fs::write(&path, whole).unwrap();
        if let Ok((mut journal, _)) = Journal::open(folder.path(), JournalSettings { segment_bytes: SEGMENT, ..JournalSettings::default() }) {
            replayed(&mut journal);
            append(&mut journal, &readings(0, 3));
            journal.commit().unwrap();
        }
    }
}
