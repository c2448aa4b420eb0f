//! The history as a whole, on a real folder, beside a plain list of readings.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

const DAY: i64 = 86_400_000_000_000;
const MINUTE: i64 = 60_000_000_000;

fn history(folder: &TempDir, keep_days: u32) -> History {
    let keep = (keep_days > 0).then(|| Span::from_secs(keep_days * 86_400));
    History::open(folder.path(), HistorySettings { keep }).unwrap()
}

fn name(sensor: u32) -> SensorName {
    // By name, the order is another than by number.
    SensorName::new("press", &format!("s{}", 9 - sensor % 10)).unwrap()
}

fn reading(sensor: u32, nanos: i64, value: f64) -> Reading {
    Reading { sensor: SensorId(sensor), time: Timestamp::from_nanos(nanos), value }
}

fn take(history: &mut History, readings: &[Reading]) {
    history.take(readings, |sensor| Some(name(sensor.0))).unwrap();
    history.sync().unwrap();
}

fn tidy(history: &mut History, closed: i64) {
    while history.tidy(Timestamp::from_nanos(closed)).unwrap() {}
}

fn at(nanos: i64) -> Timestamp {
    Timestamp::from_nanos(nanos)
}

/// What is read between two times, and how many entries could not be.
fn read_between(folder: &TempDir, from: i64, until: i64) -> (Vec<(String, i64, u64)>, usize) {
    let reader = HistoryReader::new(folder.path());
    let found = reader.readings(at(from), at(until), |_| true).unwrap();
    let found = found.map(|reading| {
        let HistoryReading { sensor, time, value } = reading.unwrap();
        (sensor.to_string(), time.nanos(), value.to_bits())
    });
    (found.collect(), reader.unreadable())
}

fn read(folder: &TempDir) -> Vec<(String, i64, u64)> {
    let (found, unreadable) = read_between(folder, i64::MIN, i64::MAX);
    assert_eq!(unreadable, 0);
    found
}

fn files(folder: &TempDir) -> BTreeSet<String> {
    let entries = fs::read_dir(folder.path().join(FOLDER)).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// A reading a minute of some sensors, from one minute to another.
fn minutes(sensors: u32, range: std::ops::Range<i64>) -> Vec<Reading> {
    let value = |minute: i64| (minute * 7919 % 97) as f64 / 10.0;
    let each = |minute: i64| (0..sensors).map(move |sensor| reading(sensor, minute * MINUTE, value(minute)));
    range.flat_map(each).collect()
}

#[test]
fn nothing_is_kept_unless_it_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let mut history = history(&folder, 0);
    take(&mut history, &minutes(2, 0..10));
    assert_eq!((history.days(), history.bytes(), folder.path().join(FOLDER).exists()), (0, 0, false));
    assert_eq!(read(&folder), []);
    assert_eq!(history.shed_oldest_day().unwrap(), None);
}

#[test]
fn a_day_that_is_over_becomes_one_file_with_a_block_a_sensor_and_two_bytes_a_reading() {
    let folder = tempfile::tempdir().unwrap();
    let mut history = history(&folder, 7);
    for hour in 0..30 {
        take(&mut history, &minutes(3, hour * 60..(hour + 1) * 60));
    }
    let before = read(&folder);
    assert_eq!(before.len(), 3 * 30 * 60);
    assert_eq!(files(&folder), BTreeSet::from(["1970-01-01.open".to_owned(), "1970-01-02.open".to_owned()]));
    let open = history.bytes();
    tidy(&mut history, DAY - 1);
    assert_eq!(history.bytes(), open, "the day is not over");
    tidy(&mut history, DAY);
    assert_eq!(files(&folder), BTreeSet::from(["1970-01-01.merged".to_owned(), "1970-01-02.open".to_owned()]));
    assert_eq!(read(&folder), before);
    let merged = fs::metadata(folder.path().join("history/1970-01-01.merged")).unwrap().len();
    assert!(merged < 3 * 1440 * 2, "{merged} bytes for {} readings", 3 * 1440);
    assert!(history.bytes() < open);
    // A late reading makes the day no larger than it must be.
    take(&mut history, &[reading(0, 17, 5.0)]);
    assert_eq!(files(&folder).len(), 3);
    tidy(&mut history, DAY);
    assert_eq!(files(&folder).len(), 3, "one reading is not worth writing the day again, as more may come");
    take(&mut history, &minutes(1, 2000..2001));
    tidy(&mut history, DAY);
    assert_eq!(files(&folder).len(), 2, "nothing came for the day any more");
    assert_eq!(read(&folder).len(), before.len() + 2);
}

#[test]
fn days_older_than_is_kept_are_deleted_and_not_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut history = history(&folder, 2);
    take(&mut history, &minutes(1, 0..5 * 1440));
    tidy(&mut history, 5 * DAY);
    assert_eq!((history.days(), history.oldest_day()), (2, Some(at(3 * DAY))));
    take(&mut history, &minutes(1, 0..1440));
    assert_eq!(history.days(), 2, "what is too old already is not added");
    assert!(read(&folder).iter().all(|(_, time, _)| *time >= 3 * DAY));
    let bytes = history.bytes();
    let freed = history.shed_oldest_day().unwrap().unwrap();
    assert_eq!((history.days(), history.bytes()), (1, bytes - freed));
}

#[test]
fn a_sensor_keeps_its_readings_when_its_number_is_given_to_another() {
    let folder = tempfile::tempdir().unwrap();
    let mut history = history(&folder, 7);
    for (device, value) in [("old", 1.0), ("new", 2.0)] {
        history.take(&[reading(0, 5, value)], |_| SensorName::new(device, "flow").ok()).unwrap();
        history.sync().unwrap();
    }
    history.take(&[reading(7, 6, 3.0)], |_| None).unwrap();
    history.sync().unwrap();
    tidy(&mut history, DAY);
    assert_eq!(
        read(&folder),
        [("new/flow".to_owned(), 5, 2_f64.to_bits()), ("old/flow".to_owned(), 5, 1_f64.to_bits())]
    );
}

#[test]
fn only_what_is_asked_for_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let mut history = history(&folder, 7);
    take(&mut history, &minutes(3, 0..3000));
    let reader = HistoryReader::new(folder.path());
    let wanted = name(1);
    let found = reader.readings(at(10 * MINUTE), at(2000 * MINUTE), |sensor| *sensor == wanted).unwrap();
    let found: Vec<_> = found.map(|reading| reading.unwrap().time.nanos() / MINUTE).collect();
    assert_eq!(found, (10..2000).collect::<Vec<_>>());
}

#[test]
fn an_append_that_was_cut_short_is_no_damage_and_what_comes_behind_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history/1970-01-01.open");
    take(&mut history(&folder, 7), &minutes(2, 0..100));
    let whole = fs::read(&path).unwrap();
    take(&mut history(&folder, 7), &minutes(2, 100..200));
    let longer = fs::read(&path).unwrap();
    for length in (whole.len()..longer.len()).step_by(7) {
        // What was never written may be there as zeros.
        for zeros in [0, 600] {
            let mut cut = longer[..length].to_vec();
            cut.resize(length + zeros, 0);
            fs::write(&path, &cut).unwrap();
            let mut history = history(&folder, 7);
            assert!(read(&folder).len() >= 200);
            // The segment was not freed, so all of it comes again.
            take(&mut history, &minutes(2, 100..200));
            assert_eq!(read(&folder).len(), 400, "cut at {length} of {}", longer.len());
            assert_eq!(history.unreadable.len(), 0);
        }
    }
}

#[test]
fn a_damaged_byte_costs_the_readings_of_one_block_at_the_most_and_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let mut history = history(&folder, 7);
    for start in 0..5 {
        take(&mut history, &minutes(2, start * 40..(start + 1) * 40));
    }
    each_byte_damaged(&folder, "open", 40);
    tidy(&mut history, DAY);
    each_byte_damaged(&folder, "merged", 200);
}

fn each_byte_damaged(folder: &TempDir, kind: &str, readings_a_block: usize) {
    let path = folder.path().join(format!("history/1970-01-01.{kind}"));
    let (sound, all) = (fs::read(&path).unwrap(), read(folder));
    let last = sound.windows(4).rposition(|bytes| bytes == block::MARKER).unwrap();
    for place in (0..sound.len()).step_by(3) {
        let mut damaged = sound.clone();
        damaged[place] ^= 1 << (place % 8);
        fs::write(&path, &damaged).unwrap();
        let (found, unreadable) = read_between(folder, i64::MIN, i64::MAX);
        assert!(found.iter().all(|reading| all.contains(reading)), "byte {place} made up a reading");
        assert_eq!(all.len() - found.len(), readings_a_block, "byte {place} of {kind}");
        // At the very end of a file that is appended to, it looks like an append that was cut short.
        assert!(unreadable == 1 || kind == "open" && place >= last, "byte {place} of {kind}: {unreadable}");
    }
    fs::write(&path, &sound).unwrap();
}

#[test]
fn a_merge_that_was_killed_loses_nothing_and_gives_nothing_twice() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = history(&folder, 7);
    take(&mut first, &minutes(3, 0..700));
    take(&mut first, &minutes(3, 600..1440));
    let open = folder.path().join("history/1970-01-01.open");
    let (all, before) = (read(&folder), fs::read(&open).unwrap());
    tidy(&mut first, DAY);
    // Killed behind the rename: both files are there.
    fs::write(&open, before).unwrap();
    // Killed before the rename of another merge.
    fs::write(folder.path().join("history/1970-01-01.part"), "half a file").unwrap();
    assert_eq!(read(&folder), all);
    let mut second = history(&folder, 7);
    assert_eq!(files(&folder).len(), 2);
    tidy(&mut second, DAY);
    assert_eq!((files(&folder).len(), read(&folder)), (1, all));
}

#[test]
fn what_comes_while_a_day_is_merged_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let mut history = history(&folder, 7);
    // More sensors than a slice takes.
    let name = |sensor: SensorId| SensorName::new("press", &format!("s{}", sensor.0)).ok();
    let many: Vec<_> = (0..3000).map(|sensor| reading(sensor, 5, 1.0)).collect();
    history.take(&many, name).unwrap();
    history.sync().unwrap();
    assert!(history.tidy(at(DAY)).unwrap(), "there is more to do");
    history.take(&[reading(3, 6, 2.0)], name).unwrap();
    history.sync().unwrap();
    tidy(&mut history, DAY);
    assert_eq!(files(&folder), BTreeSet::from(["1970-01-01.merged".to_owned()]));
    assert_eq!(read(&folder).len(), 3001);
}

#[test]
fn a_file_that_cannot_be_written_keeps_what_was_taken() {
    let folder = tempfile::tempdir().unwrap();
    let mut history = history(&folder, 7);
    // A folder in the place of the file, for which also root is refused.
    let path = folder.path().join("history/1970-01-01.open");
    fs::create_dir_all(&path).unwrap();
    history.take(&minutes(1, 0..10), |sensor| Some(name(sensor.0))).unwrap();
    history.sync().unwrap_err();
    fs::remove_dir(path).unwrap();
    history.sync().unwrap();
    assert_eq!(read(&folder).len(), 10);
}

#[derive(Clone, Debug)]
enum Step {
    Take(Vec<(u32, i64, i8)>),
    Tidy(i64),
    Restart,
    /// A crash that loses what was not synced, in part.
    Crash(Vec<(u32, i64, i8)>, prop::sample::Index),
}

fn some_readings() -> impl Strategy<Value = Vec<(u32, i64, i8)>> {
    // Few times of few sensors, so that most come again.
    proptest::collection::vec(
        (0..4_u32, (0..3_i64, 0..60_i64).prop_map(|(day, place)| day * DAY + place * 7), any::<i8>()),
        0..80,
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn it_holds_what_a_plain_map_holds(
        steps in proptest::collection::vec(
            prop_oneof![
                4 => some_readings().prop_map(Step::Take),
                2 => (0..4_i64).prop_map(|day| Step::Tidy(day * DAY)),
                1 => Just(Step::Restart),
                2 => (some_readings(), any::<prop::sample::Index>()).prop_map(|(readings, cut)| Step::Crash(readings, cut)),
            ],
            1..12,
        ),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut history = history(&folder, 100);
        let mut expected = BTreeMap::new();
        let made = |readings: &[(u32, i64, i8)]| -> Vec<Reading> {
            readings.iter().map(|(sensor, time, value)| reading(*sensor, *time, f64::from(*value))).collect()
        };
        for step in &steps {
            match step {
                Step::Take(readings) => {
                    let readings = made(readings);
                    take(&mut history, &readings);
                    for Reading { sensor, time, value } in readings {
                        let key = (Day::of(time), name(sensor.0).to_string(), time.nanos());
                        expected.entry(key).or_insert(value.to_bits());
                    }
                }
                Step::Tidy(closed) => tidy(&mut history, *closed),
                Step::Restart => history = self::history(&folder, 100),
                Step::Crash(readings, cut) => {
                    let before: BTreeMap<_, _> = history.days.iter().map(|(day, bytes)| (*day, bytes.open)).collect();
                    let readings = made(readings);
                    history.take(&readings, |sensor| Some(name(sensor.0))).unwrap();
                    history.write_gathered().unwrap();
                    let after = history.days.clone();
                    history = self::history(&folder, 100);
                    for (day, bytes) in after {
                        let synced = before.get(&day).copied().unwrap_or(0);
                        let lost = cut.index(usize::try_from(bytes.open - synced).unwrap() + 1) as u64;
                        let path = day.path(&history.folder, DayFile::Open);
                        if let Ok(file) = OpenOptions::new().write(true).open(path) {
                            file.set_len(bytes.open - lost).unwrap();
                        }
                    }
                    history = self::history(&folder, 100);
                    // The segment was not freed: it comes again.
                    take(&mut history, &readings);
                    for Reading { sensor, time, value } in readings {
                        let key = (Day::of(time), name(sensor.0).to_string(), time.nanos());
                        expected.entry(key).or_insert(value.to_bits());
                    }
                }
            }
            let expected: Vec<_> =
                expected.iter().map(|((_, sensor, time), value)| (sensor.clone(), *time, *value)).collect();
            prop_assert_eq!(read(&folder), expected);
        }
    }
}
