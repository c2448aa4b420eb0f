use super::*;
use crate::store::Store;
use crate::store::verify::tests::{entries, filled, findings, settings};

/// Everything in a folder but the lock: paths with their bytes.
fn seen(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(seen(&path));
        } else if !path.ends_with("lock") {
            files.push((path.clone(), fs::read(&path).unwrap()));
        }
    }
    files.sort();
    files
}

type Entries = Vec<(&'static str, Vec<(Vec<u8>, Vec<u8>)>)>;

fn all_entries(reader: &Reader) -> Entries {
    reader.tables.named().into_iter().map(|(name, table)| (name, entries(table))).collect()
}

/// A folder with a store that no process has open, its backup, and what the store held.
fn backed_up() -> (tempfile::TempDir, Entries) {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    let held = all_entries(&filled(&store).reader);
    for (piece, length) in [("history/2026/day", 600_000), ("history/empty", 0), ("models/abc", 10)] {
        let path = store.join(piece);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, vec![7; length]).unwrap();
    }
    let before = seen(&store);
    let backup = back_up(settings(&store), &folder.path().join("backup")).unwrap();
    // The journal is in it, too.
    assert!(backup.file_bytes > 600_010, "{backup:?}");
    assert_eq!(seen(&store), before, "a backup changes nothing");
    (folder, held)
}

#[test]
fn a_restored_store_is_the_one_that_was_backed_up() {
    let (folder, held) = backed_up();
    let [backup, other] = ["backup", "other"].map(|name| folder.path().join(name));
    let restored = restore(&backup, &settings(&other), Existing::Keep).unwrap();
    assert_eq!(restored.replaced, None);
    assert_eq!(fs::read(other.join("history/2026/day")).unwrap(), vec![7; 600_000]);
    assert!(other.join("history/empty").exists() && other.join("models/abc").exists());
    let store = Store::open(settings(&other)).unwrap();
    assert_eq!(all_entries(&store.reader), held);
    assert_eq!(findings(&store.reader), []);
}

#[test]
fn a_store_that_is_there_makes_way_only_when_that_is_wanted() {
    let (folder, held) = backed_up();
    let [backup, store] = ["backup", "store"].map(|name| folder.path().join(name));
    let before = seen(&store);
    let refused = restore(&backup, &settings(&store), Existing::Keep).unwrap_err();
    assert!(matches!(refused, BackupError::StoreExists { .. }) && refused.to_string().contains("--replace"));
    assert_eq!(seen(&store), before);

    let restored = restore(&backup, &settings(&store), Existing::SetAside).unwrap();
    let replaced = restored.replaced.unwrap();
    assert!(replaced.join("data/db").exists() && replaced.join("history/2026/day").exists());
    let store = Store::open(settings(&store)).unwrap();
    assert_eq!(all_entries(&store.reader), held);
    let refused = restore(&backup, &store.reader.settings, Existing::SetAside).unwrap_err();
    assert!(matches!(refused, BackupError::Store(StoreError::InUse { .. })), "{refused}");
}

#[test]
fn a_damaged_backup_is_refused_and_changes_nothing() {
    let (folder, _) = backed_up();
    let [backup, store] = ["backup", "store"].map(|name| folder.path().join(name));
    let before = seen(&store);
    for name in [ARCHIVE, MANIFEST] {
        let path = backup.join(name);
        let whole = fs::read(&path).unwrap();
        let flipped = |at: usize| {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            bytes
        };
        let length = whole.len();
        let damages = [flipped(length / 3), flipped(length - 40), whole[..length / 2].to_vec(), Vec::new()];
        for (number, damage) in damages.iter().enumerate() {
            fs::write(&path, damage).unwrap();
            let refused = restore(&backup, &settings(&store), Existing::SetAside);
            assert!(refused.is_err(), "{name}, damage {number}");
        }
        fs::remove_file(&path).unwrap();
        assert!(restore(&backup, &settings(&store), Existing::SetAside).is_err(), "{name} is missing");
        fs::write(&path, whole).unwrap();
    }
    assert_eq!(seen(&store), before);
    assert!(restore(&backup, &settings(&store), Existing::SetAside).is_ok());
}

#[test]
fn a_backup_of_a_store_with_other_settings_is_refused_with_both() {
    let (folder, _) = backed_up();
    let other = StoreSettings { windows: 5, ..settings(&folder.path().join("other")) };
    let refused = restore(&folder.path().join("backup"), &other, Existing::Keep).unwrap_err();
    assert!(matches!(refused, BackupError::Store(StoreError::OtherRing { .. })), "{refused}");
    assert!(!other.directory.exists());
}

#[test]
fn a_backup_that_was_killed_is_none_and_is_written_over() {
    let (folder, _) = backed_up();
    let [store, killed] = ["store", "killed"].map(|name| folder.path().join(name));
    fs::create_dir(&killed).unwrap();
    fs::write(killed.join(ARCHIVE_IN_THE_MAKING), "a beginning").unwrap();
    let refused = restore(&killed, &settings(&store), Existing::SetAside).unwrap_err();
    assert!(matches!(refused, BackupError::NoManifest { .. }), "{refused}");
    back_up(settings(&store), &killed).unwrap();
    let refused = back_up(settings(&store), &killed).unwrap_err();
    assert!(matches!(refused, BackupError::NotEmpty { .. }), "{refused}");
}

#[test]
fn an_archive_that_breaks_off_leaves_no_backup() {
    let (folder, _) = backed_up();
    let archive = fs::read(folder.path().join("backup").join(ARCHIVE)).unwrap();
    let into = folder.path().join("into");
    for length in [0, 10, archive.len() / 2, archive.len() - 1] {
        let error = receive(&archive[..length], &into).unwrap_err();
        assert!(matches!(error, BackupError::Archive { problem: ArchiveError::CutShort { .. }, .. }), "{error}");
        assert_eq!(fs::read_dir(&into).unwrap().count(), 0, "nothing is left of it");
    }
    receive(&archive[..], &into).unwrap();
    assert_eq!(fs::read(into.join(ARCHIVE)).unwrap(), archive);
}
