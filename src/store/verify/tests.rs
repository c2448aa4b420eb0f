use super::*;
use crate::condition::SensorConditions;
use crate::group::GroupName;
use crate::interval::{Cut, Interval};
use crate::reading::{Reading, Reject, RejectReason, Rejects};
use crate::store::db::Table;
use crate::store::{Store, StoreSettings, StoredChunks};
use crate::time::Span;
use crate::verdict::{Outcome, Verdict};
use crate::window::{BlockBuilder, ClosedWindow, SensorHead};

pub(in crate::store) fn settings(directory: &std::path::Path) -> StoreSettings {
    StoreSettings {
        directory: directory.to_owned(),
        windows: 4,
        runs: 4,
        reject_blocks: 3,
        cache_bytes: 1 << 20,
        cut: Cut::new(Span::from_secs(60), Span::from_secs(3600)).unwrap(),
        verdict_runs: 4,
        verdict_rows: crate::verdict::VerdictRows::Worst,
        keep_raw: None,
        shed: crate::store::ShedSettings::NEVER,
    }
}

pub(in crate::store) fn window(index: i64) -> Window {
    let cut = Cut::new(Span::from_secs(60), Span::from_secs(3600)).unwrap();
    cut.window_of(Timestamp::from_nanos(index * 3_600_000_000_000))
}

/// A store with an entry of each kind, and one of several parts.
pub(in crate::store) fn filled(directory: &std::path::Path) -> Store {
    let settings = settings(directory);
    let mut store = Store::open(settings.clone()).unwrap();
    let writer = &mut store.writer;
    writer.replay_journal(|_| {}).unwrap();
    let names = [0, 1].map(|id| (SensorId(id), SensorName::new("press-1", &format!("flow-{id}")).unwrap()));
    writer.add_sensors(&names);
    for (sensor, index) in [(0, 4), (0, 5), (1, 5)] {
        let window = window(index);
        let mut block = BlockBuilder::new(window);
        block.push(&Interval::aggregate(window.start(), [1.5, 2.5].into_iter()).unwrap(), settings.cut);
        let head = SensorHead { sensor: SensorId(sensor), closed: window.end(), last_value: 2.5 };
        writer.put_window(&ClosedWindow { window, block: block.finish(), head });
    }
    let verdict = |sensor, outcome| Verdict { sensor: SensorId(sensor), outcome };
    let verdicts = [verdict(0, Outcome::Failed { reason: "x".repeat(60_000) }), verdict(1, Outcome::NoData)];
    let mut tally = Tally::default();
    verdicts.iter().for_each(|verdict| tally.add(&verdict.outcome));
    let state = RunState::Finished(tally);
    let run = Run { scope: (0..2).collect(), ..Run::for_test(5, window(5)) };
    writer.begin_run(&run, &StoredChunks::OfEarlierRuns);
    writer.put_run(&Run { state, ..run });
    writer.put_verdicts(RunId(5), ChunkId::of(SensorId(0)), &verdicts);
    writer.put_run_log(RunId(5), &crate::run::RunLog::default());
    let reading = |time| Reading { sensor: SensorId(1), time, value: 1.0 };
    writer.put_held(7, &[reading(window(9).start())]);
    writer.append_readings(&[reading(window(6).start())]);
    writer.close(window(6).start());
    writer.windows_put(window(6).start());
    let mut rejects = Rejects::default();
    rejects.push(RejectReason::NoRoute.kind(), || {
        let (received, origin, excerpt) = (Timestamp::default(), "topic".to_owned(), "x".to_owned());
        Reject { excerpt, ..Reject::of_payload(received, &origin, b"", RejectReason::NoRoute) }
    });
    writer.put_rejects(&rejects);
    writer.put_session("press-1", window(5).end());
    writer.put_subscriptions(&["plant/#".to_owned()]);
    writer.put_lateness(Span::from_secs(60));
    writer.put_kept_per_interval(100);
    writer.put_progress(&Progress::Scored(GroupName::default()), window(5).end());
    writer.put_cursor("files", RunId(6));
    writer.put_conditions(&[(SensorId(0), SensorConditions::default())]);
    writer.put_conditions_until(window(5).end());
    writer.commit().unwrap();
    writer.settle().unwrap();
    store
}

pub(in crate::store) fn findings(reader: &Reader) -> Vec<Finding> {
    let mut findings = Vec::new();
    let add = &mut |finding| {
        findings.push(finding);
        Ok::<_, StoreError>(())
    };
    let checked = verify(reader, add).unwrap();
    assert_eq!(checked.findings + checked.remarks, findings.len() as u64);
    findings
}

pub(in crate::store) fn entries(table: &Table) -> Vec<(Vec<u8>, Vec<u8>)> {
    table.iter().map(|entry| entry.unwrap()).collect()
}

#[test]
fn a_sound_store_has_no_findings() {
    let directory = tempfile::tempdir().unwrap();
    let store = filled(directory.path());
    assert_eq!(findings(&store.reader), []);
    for (name, table) in store.reader.tables.named() {
        assert!(!entries(table).is_empty(), "no entry of {name} is checked");
    }
}

#[test]
fn an_entry_that_is_cut_short_is_found_in_every_table() {
    let directory = tempfile::tempdir().unwrap();
    let store = filled(directory.path());
    for (name, table) in store.reader.tables.named() {
        for (key, value) in entries(table) {
            // A list of filters may be as short as it likes, and an earlier version's format is shorter.
            if key.starts_with(SUBSCRIPTIONS_KEY) || key == format::KEY {
                continue;
            }
            table.put(&key, &value[..value.len() - 1]).unwrap();
            let found = findings(&store.reader);
            table.put(&key, &value).unwrap();
            let place = StorePlace::entry(name, &key);
            let whole = StorePlace::entry(name, &key[..key.len() - 2]);
            assert!(found.iter().any(|found| found.place == place || found.place == whole), "{place}: {found:?}");
        }
    }
    assert_eq!(findings(&store.reader), [], "all is as it was");
}

#[test]
fn an_entry_that_others_speak_of_is_missed() {
    let directory = tempfile::tempdir().unwrap();
    let store = filled(directory.path());
    let said = |table: &str, key: &[u8]| {
        let (_, table) = store.reader.tables.named().into_iter().find(|(name, _)| *name == table).unwrap();
        let value = table.get(key).unwrap().unwrap();
        table.remove(key).unwrap();
        let found = findings(&store.reader);
        table.put(key, &value).unwrap();
        found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    let verdicts = said("verdicts", &[&ChunkId::of(SensorId(0)).key(ring_slot(window(5), 4))[..], &[0, 0]].concat());
    assert!(verdicts.contains("parts of the entry are missing"), "{verdicts}");
    assert!(said("heads", &[0, 0, 0, 1]).contains("nothing says until when press-1/flow-1 is closed"));
    let name = said("sensors", &[0, 0, 0, 1]);
    for place in ["sensors/00000001", "windows/0000000100000001", "held/", "verdicts/"] {
        assert!(name.contains(place), "{place} is not in {name}");
    }
    assert!(said("progress", b"format").contains("what the store was made with is missing"));
}

#[test]
fn what_is_stored_in_anothers_place_is_found() {
    let directory = tempfile::tempdir().unwrap();
    let store = filled(directory.path());
    let tables = &store.reader.tables;
    for (name, table, places) in [
        ("windows", &tables.windows, vec![7, 3]),
        ("runs", &tables.runs, vec![3]),
        ("verdicts", &tables.verdicts, vec![3, 7]),
        ("rejects", &tables.rejects, vec![7]),
    ] {
        let (key, value) = entries(table).remove(0);
        for place in places {
            let mut elsewhere = key.clone();
            elsewhere[place] ^= 2;
            table.put(&elsewhere, &value).unwrap();
            assert!(!findings(&store.reader).is_empty(), "{name} {elsewhere:?}");
            table.remove(&elsewhere).unwrap();
        }
    }
    assert_eq!(findings(&store.reader), []);
}

#[test]
fn a_kept_model_that_is_not_what_its_name_tells_is_found() {
    let directory = tempfile::tempdir().unwrap();
    let store = filled(directory.path());
    let folder = directory.path().join("models");
    fs::create_dir_all(&folder).unwrap();
    let model = b"a model";
    let hash = ModelHash(Sha256::digest(model).into());
    let mut file = crate::codec::Encoder::default();
    file.unsigned(1);
    file.blob(model);
    let whole = checksum::around(&hash.0, &file.into_bytes());
    let path = folder.join(hash.to_string());
    fs::write(&path, &whole).unwrap();
    fs::write(folder.join("writing"), "what a kill left").unwrap();
    assert_eq!(findings(&store.reader), []);
    for at in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[at] ^= 1;
        for damaged in [&flipped[..], &whole[..at]] {
            fs::write(&path, damaged).unwrap();
            let [found] = &findings(&store.reader)[..] else { panic!("byte {at} is damaged silently") };
            assert_eq!(found.place.to_string(), format!("models/{hash}"));
        }
    }
}

#[test]
fn damage_of_the_journal_is_found_at_its_records() {
    let directory = tempfile::tempdir().unwrap();
    drop(filled(directory.path()));
    let sound = || crate::store::read(settings(directory.path())).unwrap();
    assert_eq!(findings(&sound()), []);
    let folder = directory.path().join("journal");
    let mut files = fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path());
    let segment = files.find(|file| file.extension().is_some_and(|ending| ending == "segment")).unwrap();
    let whole = fs::read(&segment).unwrap();
    let mut damaged = whole.clone();
    let middle = whole.iter().rposition(|byte| *byte != 0).unwrap() / 2;
    damaged[middle] ^= 1;
    fs::write(&segment, damaged).unwrap();
    let found = findings(&sound());
    assert!(found.iter().any(|finding| finding.place.to_string().starts_with("journal/")), "{found:?}");
    assert!(!found.iter().any(Finding::is_remark), "{found:?}");
}

#[test]
fn a_last_commit_that_a_crash_cut_off_is_a_remark_and_no_damage() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = filled(directory.path());
    store.writer.append_readings(&[Reading { sensor: SensorId(1), time: window(7).start(), value: 2.0 }]);
    store.writer.commit().unwrap();
    drop(store);
    let folder = directory.path().join("journal");
    let mut files = fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path());
    let segment = files.find(|file| file.extension().is_some_and(|ending| ending == "segment")).unwrap();
    let mut cut = fs::read(&segment).unwrap();
    let end = cut.iter().rposition(|byte| *byte != 0).unwrap();
    cut[end - 3..=end].fill(0);
    fs::write(&segment, cut).unwrap();
    let reader = crate::store::read(settings(directory.path())).unwrap();
    let found = findings(&reader);
    assert!(found.len() == 1 && found[0].is_remark(), "{found:?}");
    let text = found[0].to_string();
    assert!(text.contains("remark: the last commit is not whole") && text.contains("nothing need be done"), "{text}");
}
