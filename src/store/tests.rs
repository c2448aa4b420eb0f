use super::*;
use crate::group::GroupName;
use crate::interval::{Interval, Window};
use crate::reading::{Reading, Reject, RejectReason, Rejects};
use crate::run::{Run, RunId, RunState, Tally};
use crate::sensor::{NumberedSensor, SensorId, SensorName};
use crate::store::journal::RecordRef;
use crate::store::keys::{LATENESS_KEY, NEXT_RUN_KEY, SETTLED_KEY, cursor_key, progress_key, run_slot, window_key};
use crate::telemetry::metrics;
use crate::time::{Span, Timestamp};
use crate::verdict::{Outcome, Verdict, VerdictRows};
use crate::window::{BlockBuilder, ClosedWindow, SensorHead};

fn settings(directory: &std::path::Path) -> StoreSettings {
    StoreSettings {
        directory: directory.to_owned(),
        windows: 4,
        runs: 4,
        verdict_runs: 4,
        keep_raw: None,
        shed: ShedSettings::NEVER,
        verdict_rows: VerdictRows::Worst,
        reject_blocks: 3,
        cache_bytes: 1 << 20,
        cut: Cut::new(Span::from_secs(60), Span::from_secs(3600)).unwrap(),
    }
}

fn window(index: i64) -> Window {
    Cut::new(Span::from_secs(60), Span::from_secs(3600)).unwrap().window_of(Timestamp::default() + hours(index))
}

fn hours(count: i64) -> Span {
    Span::from_secs(3600).times(count)
}

fn closed_window(sensor: u32, index: i64, value: f64) -> ClosedWindow {
    let window = window(index);
    let mut block = BlockBuilder::new(window);
    let cut = Cut::new(Span::from_secs(60), Span::from_secs(3600)).unwrap();
    block.push(&Interval::aggregate(window.start(), [value].into_iter()).unwrap(), cut);
    let head = SensorHead { sensor: SensorId(sensor), closed: window.end(), last_value: value };
    ClosedWindow { window, block: block.finish(), head }
}

fn is_overwritten(reader: &Reader, sensor: SensorId, window: Window) -> bool {
    reader.intervals(sensor, window).unwrap() == StoredIntervals::Overwritten
}

fn reading(hour: i64, value: f64) -> Reading {
    Reading { sensor: SensorId(1), time: Timestamp::default() + hours(hour), value }
}

impl Writer {
    /// Commits, and waits until all of it is in the database.
    fn commit_and_settle(&mut self) {
        self.commit().unwrap();
        self.settle().unwrap();
    }
}

/// What a new process finds in the store.
fn reopened(settings: &StoreSettings) -> (Store, Vec<WindowRecord>) {
    let mut store = Store::open(settings.clone()).unwrap();
    let mut records = vec![];
    store.writer.replay_journal(|record| records.push(record)).unwrap();
    (store, records)
}

/// Notes that the windows before `until` are closed, and were put.
fn close(writer: &mut Writer, until: Timestamp) {
    writer.close(until);
    writer.windows_put(until);
}

#[test]
fn the_subscriptions_noted_last_are_there_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(directory.path());
    let many = (0..2_000).map(|number| format!("plant/of-a-name-that-is-long/{number}/+")).collect();
    for noted in [vec![], vec!["plant/+/+".to_owned(), "old/#".to_owned()], many, vec!["plant/+/+".to_owned()]] {
        let (mut store, _) = reopened(&settings);
        store.writer.put_subscriptions(&noted);
        store.writer.commit_and_settle();
        drop(store);
        assert_eq!(reopened(&settings).0.reader.subscriptions().unwrap(), noted);
    }
}

#[test]
fn what_was_committed_is_there_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(directory.path());
    let run = finished(5);
    let verdict = Verdict { sensor: SensorId(17), outcome: Outcome::NoData };
    {
        let (mut store, _) = reopened(&settings);
        let writer = &mut store.writer;
        writer.add_sensors(&[(SensorId(0), name("a")), (SensorId(1), name("b"))]);
        writer.append_readings(&[reading(5, 1.5)]);
        writer.put_window(&closed_window(0, 4, 2.5));
        writer.put_run(&run);
        writer.put_verdicts(RunId(5), ChunkId::of(SensorId(17)), std::slice::from_ref(&verdict));
        writer.put_session("press-1", window(5).end());
        writer.put_cursor("files", RunId(6));
        writer.commit_and_settle();
    }
    let (store, records) = reopened(&settings);
    let reader = &store.reader;
    assert_eq!(records, [WindowRecord::Readings(vec![reading(5, 1.5)])]);
    assert_eq!(reader.sensors().unwrap(), [named("a"), named("b")]);
    assert_eq!(reader.heads().unwrap(), [closed_window(0, 4, 2.5).head]);
    assert_eq!(reader.window(SensorId(0), window(4)).unwrap(), Some(closed_window(0, 4, 2.5).block));
    assert_eq!(reader.run(RunId(5)).unwrap(), Some(run.clone()));
    assert_eq!(reader.run_of(&GroupName::default(), window(5)).unwrap(), Some(run.clone()));
    assert_eq!(reader.run_of(&GroupName::default(), window(4)).unwrap(), None);
    assert_eq!(reader.runs().unwrap(), [run]);
    assert_eq!(reader.next_run().unwrap(), RunId(6));
    assert_eq!(reader.verdicts(RunId(5), ChunkId::of(SensorId(17))).unwrap(), [verdict]);
    assert_eq!(reader.sessions().unwrap(), [("press-1".to_owned(), Some(window(5).end()))]);
    assert_eq!((reader.cursor("files").unwrap(), reader.cursor("mqtt").unwrap()), (Some(RunId(6)), None));
    assert_eq!(reader.progress(&Progress::Scored(GroupName::default())).unwrap(), None);
}

/// How many verdicts are stored of each of three chunks, under a run.
fn stored_chunks(reader: &Reader, id: u64) -> [usize; 3] {
    [1, 17, 33].map(|sensor| reader.verdicts(RunId(id), ChunkId::of(SensorId(sensor))).unwrap().len())
}

#[test]
fn a_run_that_begins_again_keeps_of_its_stored_chunks_those_that_count() {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(directory.path());
    let run = Run { state: RunState::Started, ..finished(5) };
    let (mut store, _) = reopened(&settings);
    let put = |writer: &mut Writer, id, sensor| {
        // So long that the outcome is stored in parts.
        let outcome = Outcome::Failed { reason: "x".repeat(60_000) };
        let verdict = Verdict { sensor: SensorId(sensor), outcome };
        writer.put_verdicts(RunId(id), ChunkId::of(verdict.sensor), &[verdict]);
    };
    // Another run has a slot of its own in the ring; run 1 had the slot of run 5.
    for (id, sensor) in [(1, 33), (4, 1), (5, 1), (5, 17)] {
        put(&mut store.writer, id, sensor);
    }
    store.writer.begin_run(&run, &StoredChunks::OfEarlierRuns);
    store.writer.commit_and_settle();
    assert_eq!([1, 4, 5].map(|id| stored_chunks(&store.reader, id)), [[0, 0, 1], [1, 0, 0], [1, 1, 0]]);

    let kept = [ChunkId::of(SensorId(17))].into();
    store.writer.begin_run(&run, &StoredChunks::Keep(kept));
    store.writer.commit_and_settle();
    drop(store);
    let (store, _) = reopened(&settings);
    assert_eq!([1, 4, 5].map(|id| stored_chunks(&store.reader, id)), [[0, 0, 0], [1, 0, 0], [0, 1, 0]]);
    assert_eq!(store.reader.run(RunId(5)).unwrap(), Some(run));
}

#[test]
fn an_id_that_a_power_cut_left_without_a_run_is_given_again_and_one_with_verdicts_is_not() {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(directory.path());
    let (mut store, _) = reopened(&settings);
    let next_is = |store: &Store, id| assert_eq!(store.reader.next_run().unwrap(), RunId(id));
    store.writer.begin_run(&finished(4), &StoredChunks::OfEarlierRuns);
    store.writer.commit_and_settle();
    let note = |store: &Store, id: u64| store.reader.tables.progress.put(NEXT_RUN_KEY, &id.to_be_bytes()).unwrap();
    note(&store, 6);
    drop(store);
    let (mut store, _) = reopened(&settings);
    next_is(&store, 5);

    note(&store, 6);
    let verdict = Verdict { sensor: SensorId(1), outcome: Outcome::NoData };
    store.writer.put_verdicts(RunId(5), ChunkId::of(verdict.sensor), &[verdict]);
    store.writer.commit_and_settle();
    drop(store);
    let (store, _) = reopened(&settings);
    next_is(&store, 6);
}

/// Copies the files of a folder.
fn copy(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for file in std::fs::read_dir(from).unwrap().map(Result::unwrap).filter(|file| file.path().is_file()) {
        std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

#[test]
fn what_the_database_has_lost_is_noticed_and_put_back_from_the_journal() {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(directory.path());
    let (mut store, _) = reopened(&settings);
    store.writer.add_sensors(&[(SensorId(0), name("a"))]);
    store.writer.commit_and_settle();
    drop(store);
    let [data, earlier] = ["data", "earlier"].map(|folder| directory.path().join(folder));
    copy(&data, &earlier);

    let (mut store, _) = reopened(&settings);
    let mut rejects = Rejects::default();
    let reason = RejectReason::NoRoute;
    rejects.push(reason.kind(), || Reject::of_payload(Timestamp::default(), "plant/x", b"oops", reason));
    let writer = &mut store.writer;
    writer.add_sensors(&[(SensorId(1), name("b"))]);
    writer.append_readings(&[reading(1, 1.0), reading(2, 3.0)]);
    writer.put_held(7, &[reading(9, 1.0)]);
    writer.put_held(8, &[reading(9, 2.0)]);
    writer.remove_held(8);
    writer.put_session("press-1", window(5).end());
    writer.put_rejects(&rejects);
    writer.put_subscriptions(&["plant/#".to_owned()]);
    writer.put_lateness(Span::from_secs(7));
    close(writer, window(1).end());
    writer.commit_and_settle();
    // The journal learns of a settling, and says so with the next commit.
    writer.kept().unwrap();
    writer.commit_and_settle();
    drop(store);

    let lost = metrics::SETTLED_RECORDS_LOST.get();
    std::fs::remove_dir_all(&data).unwrap();
    copy(&earlier, &data);
    let (store, records) = reopened(&settings);
    assert!(metrics::SETTLED_RECORDS_LOST.get() > lost);
    let reader = &store.reader;
    assert_eq!(reader.sensors().unwrap(), [named("a"), named("b")]);
    assert_eq!(reader.held().unwrap(), [(7, vec![reading(9, 1.0)])]);
    assert_eq!(reader.sessions().unwrap(), [("press-1".to_owned(), Some(window(5).end()))]);
    assert_eq!(reader.rejects().unwrap().len(), 1);
    assert_eq!(reader.subscriptions().unwrap(), ["plant/#"]);
    assert_eq!(reader.lateness().unwrap(), Span::from_secs(7));
    let readings = WindowRecord::Readings(vec![reading(1, 1.0), reading(2, 3.0)]);
    assert_eq!(records, [readings, WindowRecord::Closed(window(1).end())]);
}

#[test]
fn what_was_committed_and_is_in_the_journal_alone_is_read_from_a_copy_too() {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(directory.path());
    drop(reopened(&settings));
    let [data, earlier] = ["data", "earlier"].map(|folder| directory.path().join(folder));
    copy(&data, &earlier);
    let (mut store, _) = reopened(&settings);
    store.writer.add_sensors(&[(SensorId(0), name("a"))]);
    store.writer.append_readings(&[Reading { sensor: SensorId(0), ..reading(1, 1.0) }]);
    store.writer.commit().unwrap();
    drop(store);
    std::fs::remove_dir_all(&data).unwrap();
    copy(&earlier, &data);
    let reader = read(settings).unwrap();
    assert_eq!(reader.sensors().unwrap(), [named("a")]);
    let mut count = 0;
    reader
        .journal_readings(&mut |readings| {
            count += readings.len();
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(count, 1);
}

#[test]
fn readings_of_a_number_whose_name_is_lost_are_dropped_and_become_no_other_sensors() {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(directory.path());
    let (mut store, _) = reopened(&settings);
    store.writer.append_readings(&[reading(1, 1.0)]);
    store.writer.commit_and_settle();
    drop(store);
    assert_eq!(reopened(&settings).1, [WindowRecord::Readings(vec![])]);
}

#[test]
fn nothing_is_promised_once_the_store_was_removed() {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(directory.path());
    let (mut store, _) = reopened(&settings);
    store.writer.append_readings(&[reading(1, 1.0)]);
    std::fs::rename(directory.path().join("journal"), directory.path().join("elsewhere")).unwrap();
    std::fs::remove_dir_all(directory.path().join("elsewhere")).unwrap();
    assert!(matches!(store.writer.commit(), Err(StoreError::Gone { .. })));

    let (mut store, _) = reopened(&StoreSettings { directory: directory.path().join("other"), ..settings });
    store.writer.put_session("press-1", Timestamp::MIN);
    std::fs::remove_dir_all(directory.path().join("other")).unwrap();
    assert!(matches!(store.writer.commit(), Err(StoreError::Gone { .. })));
}

#[test]
fn the_ring_gives_the_place_of_an_old_window_to_a_new_one() {
    let directory = tempfile::tempdir().unwrap();
    let (mut store, _) = reopened(&settings(directory.path()));
    for index in 0..6 {
        store.writer.put_window(&closed_window(0, index, index as f64));
    }
    store.writer.commit_and_settle();
    let kept: Vec<_> =
        (2..7).filter(|index| store.reader.window(SensorId(0), window(*index)).unwrap().is_some()).collect();
    assert_eq!(kept, [2, 3, 4, 5]);
    for index in 0..2 {
        let gone = store.reader.window(SensorId(0), window(index));
        assert!(matches!(gone, Err(StoreError::Overwritten)), "what is overwritten was not empty");
    }
    let overwritten: Vec<_> =
        (0..10).filter(|index| is_overwritten(&store.reader, SensorId(0), window(*index))).collect();
    assert_eq!(overwritten, [0, 1], "the others are there, or held nothing yet");
    assert!(!is_overwritten(&store.reader, SensorId(1), window(0)), "it was never there");
}

#[test]
fn rejects_are_kept_up_to_the_bound_the_oldest_going_first() {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(directory.path());
    for number in 0..5 {
        let (mut store, _) = reopened(&settings);
        let mut rejects = Rejects::default();
        let reason = RejectReason::Payload(format!("number {number}"));
        rejects.push(reason.kind(), || Reject::of_payload(Timestamp::default(), "plant/x", b"oops\n", reason));
        store.writer.put_rejects(&rejects);
        store.writer.commit_and_settle();
    }
    let (store, _) = reopened(&settings);
    let stored = store.reader.rejects().unwrap();
    assert_eq!(stored[0].counts, [("payload".to_owned(), 1)]);
    let kept: Vec<_> = stored.into_iter().flat_map(|commit| commit.kept).collect();
    assert_eq!(
        kept.iter().map(|reject| reject.reason.as_str()).collect::<Vec<_>>(),
        ["number 2", "number 3", "number 4"]
    );
    assert_eq!(
        (kept[0].origin.as_str(), kept[0].kind.as_str(), kept[0].excerpt.as_str()),
        ("plant/x", "payload", "oops·")
    );
}

#[test]
fn a_store_made_with_rings_of_other_sizes_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(directory.path());
    assert!(matches!(read(settings.clone()), Err(StoreError::None { .. })));
    drop(Store::open(settings.clone()).unwrap());
    let error = read(StoreSettings { windows: 5, ..settings }).unwrap_err().to_string();
    assert!(error.contains("the last 4 windows (store.keep_intervals)") && error.contains("the last 5"), "{error}");
}

#[test]
fn a_store_made_with_other_windows_is_refused_with_both() {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(directory.path());
    drop(Store::open(settings.clone()).unwrap());
    let cut = Cut::new(Span::from_secs(5), Span::from_secs(3600)).unwrap();
    let error = Store::open(StoreSettings { cut, ..settings }).unwrap_err().to_string();
    assert!(error.contains("interval of 1m and a window of 1h") && error.contains("says 5s and 1h"), "{error}");
}

/// Overwrites what is stored at a key.
fn damage(store: &Store, table: impl Fn(&Tables) -> &Table, key: &[u8]) {
    let table = table(&store.reader.tables);
    assert!(table.get(key).unwrap().is_some(), "there is nothing at {key:?}");
    table.put(key, b"\xff\xff\xff").unwrap();
}

/// The key under which `put_parts` keeps its first part.
fn first_part(key: [u8; 8]) -> Vec<u8> {
    [&key[..], &[0, 0]].concat()
}

/// The run over a window, which has the window's number as its id.
fn finished(index: u32) -> Run {
    Run {
        scope: [17].into_iter().collect(),
        settings: 9,
        state: RunState::Finished(Tally::default()),
        ..Run::for_test(index.into(), window(index.into()))
    }
}

fn name(sensor: &str) -> SensorName {
    SensorName::new("press-1", sensor).unwrap()
}

fn named(sensor: &str) -> NumberedSensor {
    NumberedSensor::Named(name(sensor))
}

#[test]
fn an_entry_that_cannot_be_read_costs_itself_alone() {
    let directory = tempfile::tempdir().unwrap();
    let (mut store, _) = reopened(&settings(directory.path()));
    let verdict = |sensor| Verdict { sensor: SensorId(sensor), outcome: Outcome::NoData };
    let writer = &mut store.writer;
    writer.add_sensors(&[(SensorId(0), name("a")), (SensorId(1), name("b")), (SensorId(2), name("c"))]);
    for sensor in 0..3 {
        writer.put_window(&closed_window(sensor, 4, 2.5));
    }
    for index in 4..7 {
        writer.begin_run(&finished(index), &StoredChunks::OfEarlierRuns);
        writer.put_verdicts(RunId(index.into()), ChunkId::of(SensorId(0)), &[verdict(0), verdict(1)]);
        writer.put_verdicts(RunId(index.into()), ChunkId::of(SensorId(16)), &[verdict(16)]);
    }
    writer.put_cursor("files", RunId(6));
    let progresses = [Progress::Closed, Progress::Scored(GroupName::default())];
    for progress in &progresses {
        writer.put_progress(progress, window(6).end());
    }
    writer.put_lateness(Span::from_secs(7));
    writer.commit_and_settle();

    let reader = &store.reader;
    damage(&store, |tables| &tables.sensors, &1_u32.to_be_bytes());
    assert_eq!(reader.sensors().unwrap(), [named("a"), NumberedSensor::Unreadable, named("c")]);

    damage(&store, |tables| &tables.heads, &1_u32.to_be_bytes());
    let heads: Vec<_> = reader.heads().unwrap().iter().map(|head| head.sensor.0).collect();
    assert_eq!(heads, [0, 2]);

    damage(&store, |tables| &tables.windows, &first_part(window_key(SensorId(1), window(4), 4)));
    assert!(matches!(reader.window(SensorId(1), window(4)), Err(StoreError::Damaged)), "its scoring fails");
    assert_eq!(reader.intervals(SensorId(1), window(4)).unwrap(), StoredIntervals::Unreadable);
    assert!(reader.window(SensorId(2), window(4)).unwrap().is_some());

    damage(&store, |tables| &tables.runs, &[&run_slot(RunId(5), 4).to_be_bytes()[..], &[0, 0]].concat());
    assert_eq!(reader.runs().unwrap(), [finished(4), finished(6)]);
    assert_eq!(reader.run(RunId(5)).unwrap(), None, "its window gets another run");

    damage(&store, |tables| &tables.verdicts, &first_part(ChunkId::of(SensorId(0)).key(run_slot(RunId(6), 4))));
    assert_eq!(reader.verdicts(RunId(6), ChunkId::of(SensorId(0))).unwrap(), []);
    assert_eq!(reader.verdicts(RunId(6), ChunkId::of(SensorId(16))).unwrap(), [verdict(16)]);
    assert_eq!(reader.verdicts(RunId(4), ChunkId::of(SensorId(0))).unwrap().len(), 2);
    let summed_up = |index| {
        let mut sensors = Vec::new();
        reader.verdict_summaries(&finished(index), &mut |sensor, _| sensors.push(sensor.0)).unwrap();
        sensors
    };
    assert_eq!((summed_up(6), summed_up(4)), (vec![16], vec![0, 1, 16]));

    for progress in &progresses {
        damage(&store, |tables| &tables.progress, &progress_key(progress));
    }
    let read = progresses.map(|progress| reader.progress(&progress).unwrap());
    assert_eq!(read, [Some(window(6).end()); 2], "the ledger tells");
    damage(&store, |tables| &tables.progress, &cursor_key("files"));
    assert_eq!(reader.cursor("files").unwrap(), None, "the sink begins again");
    damage(&store, |tables| &tables.progress, NEXT_RUN_KEY);
    assert_eq!(reader.next_run().unwrap(), RunId(7), "no id is given again");

    damage(&store, |tables| &tables.progress, LATENESS_KEY);
    assert_eq!(reader.lateness().unwrap(), hours(4));

    assert_eq!(reader.unreadable.len(), 10);
    reader.runs().unwrap();
    assert_eq!(reader.unreadable.len(), 10, "each is counted once");
}

#[test]
fn a_store_with_bytes_that_have_changed_is_read_without_an_error_or_not_opened() {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(directory.path());
    let (mut store, _) = reopened(&settings);
    for number in 0..40_u32 {
        store.writer.add_sensors(&[(SensorId(number), name(&format!("s{number}")))]);
        store.writer.put_window(&closed_window(number, 4, 2.5));
        store.writer.append_readings(&[Reading { sensor: SensorId(number), ..reading(5, 1.5) }]);
        store.writer.put_session(&format!("client-{number}"), Timestamp::MIN);
        let index = number % 4;
        store.writer.put_run(&finished(index));
        let verdict = Verdict { sensor: SensorId(number), outcome: Outcome::NoData };
        store.writer.put_verdicts(RunId(index.into()), ChunkId::of(SensorId(number)), &[verdict]);
        store.writer.commit_and_settle();
    }
    store.writer.put_progress(&Progress::Closed, window(3).end());
    store.writer.commit_and_settle();
    drop(store);

    let db = directory.path().join("data/db");
    let sound = std::fs::read(&db).unwrap();
    // Most of the file is free room that is not used yet.
    let used: Vec<_> = (0..sound.len()).filter(|place| sound[*place] != 0).collect();
    let mut opened = 0;
    for round in 0..40 {
        let mut bytes = sound.clone();
        bytes[used[used.len() * round / 40]] ^= 0x10;
        std::fs::write(&db, &bytes).unwrap();
        let reader = match read(settings.clone()) {
            Ok(reader) => reader,
            Err(StoreError::DamagedStore { .. } | StoreError::Damaged) => continue,
            Err(error) => panic!("{round}: {error}"),
        };
        opened += 1;
        let sensors = reader.sensors().unwrap();
        for (number, sensor) in (0..).zip(sensors) {
            let expected = named(&format!("s{number}"));
            assert!(
                sensor == NumberedSensor::Unreadable || sensor == expected,
                "{round}: number {number} is {sensor:?}"
            );
            reader.intervals(SensorId(number), window(4)).unwrap();
        }
        reader.heads().unwrap();
        reader.sessions().unwrap();
        reader.rejects().unwrap();
        reader.progress(&Progress::Closed).unwrap();
        for run in reader.runs().unwrap() {
            reader.run_of(&run.group, run.window).unwrap();
            reader.verdicts(run.id, ChunkId::of(SensorId(0))).unwrap();
        }
    }
    assert!(opened > 0, "not one could be opened");
}

#[test]
fn a_store_that_does_not_say_what_it_was_made_with_is_set_aside_by_a_start_alone() {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(directory.path());
    let (mut store, _) = reopened(&settings);
    damage(&store, |tables| &tables.progress, format::KEY);
    store.writer.commit_and_settle();
    drop(store);
    std::fs::remove_file(directory.path().join("format")).unwrap();
    assert!(matches!(read(settings.clone()), Err(StoreError::DamagedStore { .. })));
    assert_eq!(set_aside(directory.path()).unwrap(), []);
    let (store, _) = reopened(&settings);
    assert_eq!(store.reader.sensors().unwrap(), []);
    assert_eq!(set_aside(directory.path()).unwrap().len(), 1);
}

#[test]
fn what_a_store_was_made_with_is_known_as_long_as_the_entry_or_its_copy_can_be_read() {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(directory.path());
    let (mut store, _) = reopened(&settings);
    store.writer.add_sensors(&[(SensorId(0), name("a"))]);
    store.writer.commit_and_settle();
    let other = StoreSettings { windows: 5, ..settings.clone() };
    for damaged in [true, false] {
        match damaged {
            true => damage(&store, |tables| &tables.progress, format::KEY),
            false => store.reader.tables.progress.remove(format::KEY).unwrap(),
        }
        store.reader.db.sync().unwrap();
        drop(store);
        assert!(read(settings.clone()).is_ok());
        assert!(matches!(Store::open(other.clone()), Err(StoreError::OtherRing { .. })), "nothing is misread");
        store = reopened(&settings).0;
        assert_eq!(store.reader.sensors().unwrap(), [named("a")]);
    }
    drop(store);

    let copy = directory.path().join("format");
    side_file::tests::each_in_its_place(&copy, |kind| {
        assert!(matches!(fit(&settings), Ok(StoreFit::Unknown { .. })), "{kind}");
        drop(reopened(&settings));
        assert_eq!(fit(&settings).unwrap() == StoreFit::Fits, kind != "folder", "{kind}");
    });
    std::fs::write(&copy, b"\xff\xff").unwrap();
    assert!(matches!(fit(&settings), Ok(StoreFit::Unknown { .. })), "it is no word on the store itself");
    drop(reopened(&settings));
    assert_eq!(set_aside(directory.path()).unwrap(), []);
}

#[test]
fn whatever_stands_in_the_place_of_a_file_beside_the_store_is_neither_waited_for_nor_followed() {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(directory.path());
    drop(reopened(&settings));
    side_file::tests::each_in_its_place(&directory.path().join("lock"), |kind| {
        let is_file = ["huge", "empty"].contains(&kind);
        assert_eq!(read(settings.clone()).is_ok(), is_file, "{kind}");
        assert!(!is_in_use(directory.path()) && !matches!(signalled(directory.path()), Ok(Some(_))), "{kind}");
        match Store::open(settings.clone()) {
            Ok(_) => assert!(is_file, "{kind}"),
            Err(error) => assert!(!is_file && error.is_lasting() && error.to_string().contains("lock is a"), "{error}"),
        }
    });
    side_file::tests::each_in_its_place(&directory.path().join("damaged"), |kind| {
        drop(reopened(&settings));
        let aside = set_aside(directory.path()).unwrap().len();
        assert_eq!(aside, usize::from(kind == "empty"), "{kind}: only a note of ours condemns the store");
        set_aside::condemn(directory.path(), "a test");
    });
    side_file::tests::each_in_its_place(&directory.path().join("data/conf"), |kind| {
        if kind == "pipe" {
            let error = Store::open(settings.clone()).unwrap_err();
            assert!(error.to_string().contains("conf is a"), "{error}");
        }
    });
}

#[test]
fn readings_held_of_a_number_that_nobody_has_are_no_other_sensors() {
    let directory = tempfile::tempdir().unwrap();
    let (mut store, _) = reopened(&settings(directory.path()));
    store.writer.add_sensors(&[(SensorId(0), name("a")), (SensorId(1), name("b"))]);
    let beyond = Reading { sensor: SensorId(2), ..reading(1, 2.0) };
    store.writer.put_held(7, &[reading(1, 1.0), beyond]);
    store.writer.commit_and_settle();
    assert_eq!(store.reader.held().unwrap(), [(7, vec![reading(1, 1.0)])]);
    assert_eq!(store.reader.unreadable.len(), 1);
}

#[test]
fn a_number_of_rejects_that_no_store_can_have_stops_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(directory.path());
    let (mut store, _) = reopened(&settings);
    let mut block = crate::codec::Encoder::default();
    block.unsigned(u64::MAX);
    store.reader.tables.rejects.put_parts(&0_u64.to_be_bytes(), &block.into_bytes()).unwrap();
    store.writer.commit_and_settle();
    drop(store);
    let (mut store, _) = reopened(&settings);
    let mut rejects = Rejects::default();
    let reason = RejectReason::NoRoute;
    rejects.push(reason.kind(), || Reject::of_payload(Timestamp::default(), "plant/x", b"oops", reason));
    store.writer.put_rejects(&rejects);
    store.writer.commit_and_settle();
    assert_eq!(store.reader.rejects().unwrap().len(), 1);
}

#[test]
fn nobody_is_forgotten_while_it_cannot_be_told_who_is_silent() {
    let directory = tempfile::tempdir().unwrap();
    let (mut store, _) = reopened(&settings(directory.path()));
    store.writer.add_sensors(&[(SensorId(0), name("a")), (SensorId(1), name("b"))]);
    store.writer.put_held(7, &[reading(1, 1.0)]);
    close(&mut store.writer, window(9).end());
    store.writer.commit_and_settle();
    damage(&store, |tables| &tables.held, &7_u64.to_be_bytes());
    store.reader.held().unwrap();
    store.free_silent_sensors(2).unwrap();
    assert_eq!(store.reader.sensors().unwrap(), [named("a"), named("b")], "though it was found damaged before");
}

#[test]
fn verdicts_of_another_chunk_are_not_taken_for_its_own() {
    let directory = tempfile::tempdir().unwrap();
    let (mut store, _) = reopened(&settings(directory.path()));
    let [own, other] = [0, 16].map(|sensor| ChunkId::of(SensorId(sensor)));
    let verdict = Verdict { sensor: SensorId(16), outcome: Outcome::NoData };
    store.writer.put_verdicts(RunId(1), other, &[verdict]);
    store.writer.commit_and_settle();
    let verdicts = &store.reader.tables.verdicts;
    let chunk = verdicts.get_parts(&other.key(1)).unwrap().unwrap();
    verdicts.put_parts(&own.key(1), &chunk).unwrap();
    assert_eq!(store.reader.verdicts(RunId(1), other).unwrap().len(), 1);
    assert_eq!(store.reader.verdicts(RunId(1), own).unwrap(), []);
}

#[test]
fn a_number_whose_row_is_lost_is_no_other_sensors() {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(directory.path());
    let (mut store, _) = reopened(&settings);
    let names = ["a", "b", "c", "d"].map(name);
    let numbered: Vec<_> = (0..).map(SensorId).zip(names).collect();
    store.writer.add_sensors(&numbered);
    store.writer.commit_and_settle();
    for number in [1_u32, 3] {
        store.reader.tables.sensors.remove(&number.to_be_bytes()).unwrap();
    }
    drop(store);
    // The journal would put them back.
    std::fs::remove_dir_all(directory.path().join("journal")).unwrap();

    let (store, _) = reopened(&settings);
    let lost = NumberedSensor::Unreadable;
    assert_eq!(store.reader.sensors().unwrap(), [named("a"), lost.clone(), named("c"), lost], "also the last");
    assert_eq!(store.reader.unreadable.len(), 2);
}

#[test]
fn silent_sensors_are_forgotten_when_hardly_any_numbers_are_left() {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(directory.path());
    let (mut store, _) = reopened(&settings);
    let names = ["silent", "speaks", "has a verdict", "in the journal", "never stored"].map(name);
    let numbered: Vec<_> = (0..).map(SensorId).zip(names).collect();
    store.writer.add_sensors(&numbered);
    for (sensor, index) in [(0, 2), (0, 5), (1, 9), (2, 5)] {
        store.writer.put_window(&closed_window(sensor, index, 1.0));
    }
    let verdict = Verdict { sensor: SensorId(2), outcome: Outcome::NoData };
    // Its slot in the ring of runs is not that of its window in the ring of windows.
    store.writer.put_run(&Run { id: RunId(5), scope: [2].into_iter().collect(), ..finished(8) });
    store.writer.put_verdicts(RunId(5), ChunkId::of(SensorId(2)), &[verdict]);
    store.writer.append_readings(&[Reading { sensor: SensorId(3), ..reading(10, 1.0) }]);
    close(&mut store.writer, window(9).end());
    store.writer.commit_and_settle();

    let known = |store: &Store| {
        let sensors = store.reader.sensors().unwrap();
        sensors.iter().map(|sensor| *sensor != NumberedSensor::Freed).collect::<Vec<_>>()
    };
    store.free_silent_sensors(6).unwrap();
    assert_eq!(known(&store), [true; 5], "there is room");
    store.free_silent_sensors(5).unwrap();
    assert_eq!(known(&store), [false, true, true, true, false]);
    drop(store);

    let (mut store, _) = reopened(&settings);
    assert_eq!(known(&store), [false, true, true, true, false]);
    store.writer.add_sensors(&[(SensorId(0), name("new"))]);
    store.writer.commit_and_settle();
    assert_eq!(store.reader.sensors().unwrap()[0], named("new"));
    assert_eq!(store.reader.window(SensorId(0), window(5)).unwrap(), None, "what was the other's is not the new one's");
    assert!(store.reader.heads().unwrap().iter().all(|head| head.sensor != SensorId(0)));
    assert!(store.reader.window(SensorId(1), window(9)).unwrap().is_some());
}

/// Writes until the journal has freed the segment with its first records; the windows before `hour` are closed then.
fn forget_the_first_records(writer: &mut Writer, mut hour: i64) -> i64 {
    let first = |writer: &Writer| writer.journal_extents()[0].path.clone();
    let beginning = first(writer);
    while first(writer) == beginning {
        let time = |place: i64| Timestamp::default() + hours(hour) + Span::from_nanos(1_000_003).times(place);
        // Values that do not compress.
        let value = |place: i64| (place as f64 * 0.37 + hour as f64).sin();
        let readings = (0..8_000).map(|place| Reading { sensor: SensorId(1), time: time(place), value: value(place) });
        writer.append_readings(&readings.collect::<Vec<_>>());
        hour += 1;
        close(writer, Timestamp::default() + hours(hour));
        writer.commit_and_settle();
        writer.kept().unwrap();
    }
    hour
}

#[test]
fn readings_of_open_windows_outlive_the_loss_of_the_whole_database() {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(directory.path());
    let (mut store, _) = reopened(&settings);
    store.writer.add_sensors(&[(SensorId(0), name("a")), (SensorId(1), name("b"))]);
    store.writer.commit().unwrap();
    let hour = forget_the_first_records(&mut store.writer, 0);
    // This name is in the journal only.
    store.writer.add_sensors(&[(SensorId(2), name("c"))]);
    let open: Vec<_> = [0, 1, 2].map(|sensor| Reading { sensor: SensorId(sensor), ..reading(hour, 1.5) }).into();
    store.writer.append_readings(&open);
    store.writer.commit().unwrap();
    drop(store);
    std::fs::remove_dir_all(directory.path().join("data")).unwrap();
    let lost = metrics::SETTLED_RECORDS_LOST.get();
    let (store, records) = reopened(&settings);
    assert!(metrics::SETTLED_RECORDS_LOST.get() > lost, "the loss is noticed");
    assert_eq!(records.last(), Some(&WindowRecord::Readings(open)));
    assert_eq!(store.reader.sensors().unwrap(), [named("a"), named("b"), named("c")]);
    assert_eq!(store.writer.must_be_closed(), Timestamp::default() + hours(hour));
}

#[test]
fn windows_of_a_number_that_was_given_again_outlive_a_start_that_redoes_the_freeing() {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(directory.path());
    let (mut store, _) = reopened(&settings);
    store.writer.add_sensors(&[(SensorId(0), name("old"))]);
    store.writer.put_window(&closed_window(0, 1, 1.0));
    store.writer.commit_and_settle();
    // What a freeing does: the windows go first, and the record of it comes behind.
    store.reader.tables.remove_windows(SensorId(0), settings.windows).unwrap();
    store.writer.journal.append(&RecordRef::SensorsFreed(&[SensorId(0)])).unwrap();
    store.writer.add_sensors(&[(SensorId(0), name("new"))]);
    store.writer.put_window(&closed_window(0, 2, 2.0));
    store.writer.commit_and_settle();
    // A crash came when the database had all of it, and had not yet said so.
    store.reader.tables.progress.put(SETTLED_KEY, &1_u64.to_be_bytes()).unwrap();
    store.reader.db.sync().unwrap();
    drop(store);
    let (store, _) = reopened(&settings);
    assert_eq!(store.reader.sensors().unwrap(), [named("new")]);
    assert_eq!(store.reader.heads().unwrap(), [closed_window(0, 2, 2.0).head]);
    assert_eq!(store.reader.window(SensorId(0), window(2)).unwrap(), Some(closed_window(0, 2, 2.0).block));
}

#[test]
fn windows_of_before_a_freeing_go_with_a_database_that_went_back_behind_it() {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(directory.path());
    let (mut store, _) = reopened(&settings);
    store.writer.add_sensors(&[(SensorId(0), name("old"))]);
    store.writer.put_window(&closed_window(0, 1, 1.0));
    store.writer.commit_and_settle();
    store.writer.journal.append(&RecordRef::SensorsFreed(&[SensorId(0)])).unwrap();
    store.writer.journal.append(&RecordRef::Sensors(&[(SensorId(0), name("new"))])).unwrap();
    store.writer.commit().unwrap();
    drop(store);
    let (store, _) = reopened(&settings);
    assert_eq!((store.reader.sensors().unwrap(), store.reader.heads().unwrap()), (vec![named("new")], vec![]));
}

#[test]
fn a_database_without_room_fills_the_backlog_and_a_stop_leaves_it_to_the_journal() {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(directory.path());
    let full = ShedSettings { max_bytes: u64::MAX, reserve_bytes: u64::MAX };
    let (mut store, _) = reopened(&StoreSettings { shed: full, ..settings.clone() });
    store.writer.put_session("press-1", window(5).end());
    let mut backlogs = vec![];
    for _ in 0..20 {
        // A commit waits for no room in the database.
        store.writer.put_subscriptions(&["x".repeat(900_000)]);
        store.writer.commit().unwrap();
        backlogs.push(store.writer.backlog());
        backlogs.dedup();
    }
    assert_eq!(backlogs, [Backlog::Little, Backlog::Much, Backlog::Full]);
    assert_eq!(store.reader.sessions().unwrap(), [], "the database was given nothing");
    store.writer.stop(std::time::Instant::now() + std::time::Duration::from_secs(3_600)).unwrap();
    drop(store);
    let (store, _) = reopened(&settings);
    assert_eq!(store.reader.sessions().unwrap(), [("press-1".to_owned(), Some(window(5).end()))]);
    assert_eq!(store.reader.subscriptions().unwrap(), ["x".repeat(900_000)]);
}
