use super::*;
use crate::interval::{Interval, Window};
use crate::reading::{Reading, Reject, RejectReason, Rejects};
use crate::run::{Run, RunState, Tally};
use crate::sensor::{SensorId, SensorName};
use crate::time::{Span, Timestamp};
use crate::verdict::{Outcome, Verdict};
use crate::window::{BlockBuilder, ClosedWindow, SensorHead};

fn settings(directory: &std::path::Path) -> StoreSettings {
    StoreSettings {
        directory: directory.to_owned(),
        windows: 4,
        runs: 4,
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

fn reading(hour: i64, value: f64) -> Reading {
    Reading { sensor: SensorId(1), time: Timestamp::default() + hours(hour), value }
}

/// What a new process finds.
fn reopened(settings: &StoreSettings) -> (Store, Vec<Record>) {
    let mut store = Store::open(settings.clone()).unwrap();
    let mut records = vec![];
    store.writer.replay_journal(|record| records.push(record)).unwrap();
    (store, records)
}

#[test]
fn what_was_committed_is_there_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(directory.path());
    let name = SensorName::new("press-1", "vibration").unwrap();
    let run = Run { window: window(5), scope: 1, settings: 9, state: RunState::Finished(Tally::default()) };
    let verdict = Verdict { sensor: SensorId(17), outcome: Outcome::NoData };
    {
        let (mut store, _) = reopened(&settings);
        let writer = &mut store.writer;
        writer.add_sensors(&[(SensorId(0), name.clone())]).unwrap();
        writer.append_readings(&[reading(5, 1.5)]).unwrap();
        writer.put_window(&closed_window(0, 4, 2.5)).unwrap();
        writer.put_run(&run).unwrap();
        writer.put_verdicts(window(5), ChunkId::of(SensorId(17)), std::slice::from_ref(&verdict)).unwrap();
        writer.put_session("press-1", window(5).end()).unwrap();
        writer.put_progress(Progress::Published { sink: "files" }, window(5).end()).unwrap();
        writer.commit().unwrap();
    }
    let (store, records) = reopened(&settings);
    let reader = &store.reader;
    assert_eq!(records, [Record::Readings(vec![reading(5, 1.5)])]);
    assert_eq!(reader.sensors().unwrap(), [name]);
    assert_eq!(reader.heads().unwrap(), [closed_window(0, 4, 2.5).head]);
    assert_eq!(reader.window(SensorId(0), window(4)).unwrap(), Some(closed_window(0, 4, 2.5).block));
    assert_eq!(reader.run(window(5)).unwrap(), Some(run.clone()));
    assert_eq!(reader.runs().unwrap(), [run]);
    assert_eq!(reader.verdicts(window(5), ChunkId::of(SensorId(17))).unwrap(), [verdict]);
    assert_eq!(reader.sessions().unwrap(), [("press-1".to_owned(), Some(window(5).end()))]);
    assert_eq!(reader.progress(Progress::Published { sink: "files" }).unwrap(), Some(window(5).end()));
    assert_eq!(reader.progress(Progress::Scored).unwrap(), None);
}

#[test]
fn the_journal_forgets_what_stored_windows_cover_and_no_more() {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(directory.path());
    let (mut store, _) = reopened(&settings);
    let writer = &mut store.writer;
    writer.append_readings(&[reading(1, 1.0)]).unwrap();
    writer.append_readings(&[reading(1, 2.0), reading(2, 3.0)]).unwrap();
    writer.append_readings(&[reading(1, 4.0)]).unwrap();
    writer.close(window(1).end()).unwrap();
    writer.commit().unwrap();
    assert_eq!(writer.journal_records(), 3, "from the record that reaches beyond the closed window on");
    writer.commit().unwrap();
    drop(store);

    let (store, records) = reopened(&settings);
    assert_eq!(records[0], Record::Readings(vec![reading(1, 2.0), reading(2, 3.0)]));
    assert_eq!(records[2], Record::Closed(window(1).end()));
    assert_eq!(store.reader.progress(Progress::Closed).unwrap(), Some(window(1).end()));
}

#[test]
fn the_ring_gives_the_place_of_an_old_window_to_a_new_one() {
    let directory = tempfile::tempdir().unwrap();
    let (mut store, _) = reopened(&settings(directory.path()));
    for index in 0..6 {
        store.writer.put_window(&closed_window(0, index, index as f64)).unwrap();
    }
    let kept: Vec<_> =
        (0..7).filter(|index| store.reader.window(SensorId(0), window(*index)).unwrap().is_some()).collect();
    assert_eq!(kept, [2, 3, 4, 5]);
    let overwritten: Vec<_> =
        (0..10).filter(|index| store.reader.is_overwritten(SensorId(0), window(*index)).unwrap()).collect();
    assert_eq!(overwritten, [0, 1], "the others are there, or held nothing yet");
    assert!(!store.reader.is_overwritten(SensorId(1), window(0)).unwrap(), "it was never there");
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
        store.writer.put_rejects(&rejects).unwrap();
        store.writer.commit().unwrap();
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
    assert!(matches!(Store::open_existing(settings.clone()), Err(StoreError::None { .. })));
    drop(Store::open(settings.clone()).unwrap());
    let error = Store::open_existing(StoreSettings { windows: 5, ..settings }).unwrap_err().to_string();
    assert!(error.contains("store.windows = 4") && error.contains("says 5"), "{error}");
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
