use super::*;
use crate::store::Store;
use crate::store::verify::tests::{entries, filled, findings, settings};

/// What the journal does not redo.
const NOT_IN_THE_JOURNAL: [&str; 4] = ["windows", "heads", "runs", "verdicts"];

#[test]
fn what_is_found_in_any_table_is_mended_by_its_name_and_costs_itself_alone() {
    let folder = tempfile::tempdir().unwrap();
    let tables = filled(&folder.path().join("sample")).reader.tables;
    for (name, table) in tables.named().into_iter().filter(|(name, _)| NOT_IN_THE_JOURNAL.contains(name)) {
        let (key, value) = entries(table).remove(0);
        let directory = folder.path().join(name);
        let store = filled(&directory);
        let (_, table) = store.reader.tables.named().into_iter().find(|(other, _)| *other == name).unwrap();
        table.put(&key, &value[..value.len() - 1]).unwrap();
        let before = entries(table);
        let place = findings(&store.reader).remove(0).place;
        assert_eq!(place.table, name);
        drop(store);

        let repair = Repair::plan(settings(&directory), std::slice::from_ref(&place)).unwrap();
        assert_eq!((repair.mended.len(), repair.left_out.len()), (1, 0), "{name}");
        // What is stored of a sensor stays without its name, and a run without its verdicts.
        assert_eq!(repair.staying.is_empty(), !["sensors", "verdicts"].contains(&name), "{name}: {:?}", repair.staying);
        let replaced = repair.make().unwrap().unwrap();
        assert!(replaced.join("data/db").exists());
        let store = Store::open(settings(&directory)).unwrap();
        let (_, table) = store.reader.tables.named().into_iter().find(|(other, _)| *other == name).unwrap();
        let of_place = |key: &[u8]| key.starts_with(&place.key);
        assert!(
            before.iter().filter(|(key, _)| !of_place(key)).eq(&entries(table)),
            "{name}: the others are as they were"
        );
    }
}

#[test]
fn nothing_is_repaired_that_is_sound_or_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let store = filled(folder.path());
    let place: StorePlace = "heads/00000000".parse().unwrap();
    let in_use = Repair::plan(settings(folder.path()), std::slice::from_ref(&place)).unwrap_err();
    assert!(matches!(in_use, RepairError::Store(StoreError::InUse { .. })), "{in_use}");
    drop(store);
    let sound = Repair::plan(settings(folder.path()), std::slice::from_ref(&place)).unwrap_err();
    assert!(matches!(&sound, RepairError::Sound(sound) if *sound == place), "{sound}");
    let none = Repair::plan(settings(&folder.path().join("none")), &[place]).unwrap_err();
    assert!(matches!(none, RepairError::Store(StoreError::None { .. })), "{none}");
}
