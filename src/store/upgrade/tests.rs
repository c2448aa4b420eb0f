//! The sample of a store of the first format, brought up.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use super::*;
use crate::reading::Reading;
use crate::sensor::NumberedSensor;
use crate::store::{ShedSettings, Store, StoreFit, WindowRecord, fit, read, recut};
use crate::time::Span;

/// The sample, with the settings that it was made with.
fn sample() -> (tempfile::TempDir, StoreSettings) {
    let folder = tempfile::tempdir().unwrap();
    let archive = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples/stores/format-1/store.tar.gz");
    assert!(Command::new("tar").arg("-xzf").arg(archive).arg("-C").arg(folder.path()).status().unwrap().success());
    let settings = StoreSettings {
        directory: folder.path().join("store"),
        windows: 8,
        runs: 12,
        verdict_runs: 12,
        keep_raw: None,
        shed: ShedSettings::NEVER,
        verdict_rows: VerdictRows::Worst,
        reject_blocks: 16,
        cache_bytes: 1 << 20,
        cut: Cut::new(Span::from_secs(1), Span::from_secs(5)).unwrap(),
    };
    (folder, settings)
}

/// What lies in a store's folder, without its lock.
fn names(directory: &Path) -> BTreeSet<PathBuf> {
    let names = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    names.filter(|path| !path.ends_with("lock")).collect()
}

#[test]
fn sessions_held_readings_and_open_windows_are_taken_over() {
    let (_folder, settings) = sample();
    let upgraded = match upgrade(&settings).unwrap() {
        Upgrade::Done(upgraded) => upgraded,
        other => panic!("{other:?}"),
    };
    assert_eq!((upgraded.sensors, upgraded.runs, upgraded.unreadable, upgraded.outdated), (3, 5, 0, 0));
    let mut store = Store::open(settings.clone()).unwrap();
    let sessions = store.reader.sessions().unwrap();
    let [(client, Some(used))] = &sessions[..] else { panic!("{sessions:?}") };
    assert_eq!(client, "boiler-gateway");
    let names: Vec<_> = store.reader.sensors().unwrap();
    let name = |sensor: SensorId| match &names[sensor.index()] {
        NumberedSensor::Named(name) => name.to_string(),
        other => panic!("{other:?}"),
    };
    // Readings from a day ahead.
    let held: Vec<Reading> = store.reader.held().unwrap().into_iter().flat_map(|(_, readings)| readings).collect();
    let told: Vec<_> = held.iter().map(|reading| (name(reading.sensor), reading.value)).collect();
    assert_eq!(told, [("boiler/temperature".to_owned(), 0.25), ("mill/speed".to_owned(), 1500.0)]);
    for reading in held {
        let ahead = reading.time.since(*used);
        assert!(ahead > Span::from_secs(23 * 3600) && ahead < Span::from_secs(25 * 3600), "{ahead}");
    }
    let mut open = 0;
    let each = |record| {
        if let WindowRecord::Readings(readings) = record {
            open += readings.len();
        }
    };
    store.writer.replay_journal(each).unwrap();
    assert!(open > 0, "the windows that were open are in the journal");
}

#[test]
fn a_store_for_which_there_is_no_room_is_refused_and_stays_as_it_was() {
    let (_folder, settings) = sample();
    let before = names(&settings.directory);
    let room = format!("store::room_beside {}", settings.directory.display());
    fail::cfg(&room, "return(1000)").unwrap();
    for refused in [upgrade(&settings).map(drop), Store::open(settings.clone()).map(drop)] {
        let error = refused.unwrap_err();
        assert!(matches!(error, StoreError::NoRoomBeside { free: 1000, .. }), "{error}");
        assert!(error.to_string().contains("nothing was changed"), "{error}");
    }
    assert_eq!(names(&settings.directory), before);
    fail::remove(&room);
    assert!(matches!(upgrade(&settings), Ok(Upgrade::Done(_))));
}

#[test]
fn a_store_of_a_later_format_is_refused_with_what_reads_it() {
    let (_folder, settings) = sample();
    upgrade(&settings).unwrap();
    let mut later = format::record(&settings);
    later[0] += 1;
    let store = Store::open(settings.clone()).unwrap();
    store.reader.tables.progress.put(format::KEY, &later).unwrap();
    store.reader.db.sync().unwrap();
    drop(store);
    fs::write(settings.directory.join(format::FILE), &later).unwrap();
    let refused = [
        Store::open(settings.clone()).map(drop),
        read(settings.clone()).map(drop),
        fit(&settings).map(drop),
        upgrade(&settings).map(drop),
    ];
    for refused in refused {
        let error = refused.unwrap_err();
        let later = format::FORMAT + 1;
        assert!(matches!(error, StoreError::OtherFormat { found, .. } if found == later) && error.is_lasting());
        assert!(error.to_string().contains("run the version that made it or a later one"), "{error}");
    }
    let other = StoreSettings { runs: 6, ..settings.clone() };
    assert_eq!((recut(&other).unwrap(), recut::plan(&other)), (None, None));
    assert!(!matches!(fit(&settings), Ok(StoreFit::Fits)));
    let progress = Db::open(&settings.directory, 1 << 20, Arc::new(lock::for_writing(&settings.directory).unwrap()));
    assert_eq!(progress.unwrap().table("progress").unwrap().get(format::KEY).unwrap(), Some(later), "it stays");
}

#[test]
fn no_more_than_three_replaced_stores_are_kept_and_all_are_told_with_their_size() {
    let (_folder, mut settings) = sample();
    upgrade(&settings).unwrap();
    for runs in [11, 10] {
        settings.runs = runs;
        assert!(recut(&settings).unwrap().is_some());
    }
    let aside = crate::store::set_aside(&settings.directory).unwrap();
    assert_eq!(aside.len(), 3);
    for aside in &aside {
        assert!(aside.bytes > 10_000, "{aside}");
        assert!(aside.to_string().contains("was replaced") && aside.to_string().contains("MiB"), "{aside}");
    }
    settings.runs = 9;
    let error = recut(&settings).unwrap_err();
    assert!(matches!(error, StoreError::ReplacedAgain { times: 3, .. }) && error.is_lasting(), "{error}");
    settings.runs = 10;
    drop(Store::open(settings.clone()).unwrap());
    settings.runs = 9;
    fs::remove_dir_all(&aside[0].directory).unwrap();
    assert!(recut(&settings).unwrap().is_some());
}
