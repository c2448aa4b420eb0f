//! `anomalyd store`: what it says of a store, beside a daemon and without one, and a store that was backed up and
//! restored.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::support::plant;
use crate::support::settings::Settings;
use crate::support::site::{Site, anomalyd};

/// What the command says, and how it ends.
fn store(site: &Site, arguments: &[&str]) -> (Option<i32>, String) {
    let config = site.config();
    let output: Output = anomalyd(&[&["store"], arguments, &["--config", config.to_str().unwrap()]].concat());
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&said).into_owned())
}

/// What the command says when it ends well.
fn well(site: &Site, arguments: &[&str]) -> String {
    let (code, said) = store(site, arguments);
    assert_eq!(code, Some(0), "{arguments:?}: {said}");
    said
}

fn settings() -> Settings {
    plant::settings().with("schedule.event_idle", "\"500ms\"")
}

/// A place whose daemon has stored some verdicts, and has ended.
fn site_with_a_store() -> Site {
    let site = Site::new(&settings());
    let mut daemon = site.start();
    plant::publish_all(site.port(), &plant::readings(7)[..900]);
    daemon.wait_until_published("files", "2026-03-02T06:00:00Z");
    assert!(well(&site, &["check"]).contains("the store is sound"), "beside the daemon");
    let stat = well(&site, &["stat"]);
    for word in ["windows", "verdicts", "free on this disk", "; ask again after"] {
        assert!(stat.contains(word), "{word} is not in {stat}");
    }
    daemon.stop();
    site
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_sound_store_is_called_sound_and_told_of_with_and_without_a_daemon() {
    let site = site_with_a_store();
    let said = well(&site, &["check"]);
    assert!(said.contains("the store is sound\nlooked at: ") && said.contains(" journal records"), "{said}");
    let stat = well(&site, &["stat", "--endurance", "8 TB"]);
    for word in ["data", "2026-03-02T06:00:00Z", "ask while it runs"] {
        assert!(stat.contains(word), "{word} is not in {stat}");
    }
    let (code, said) = store(&site, &["stat", "--endurance", "8 TiB"]);
    assert_eq!(code, Some(2));
    assert!(said.contains("as 30 TB or 800 GB"), "{said}");
}

#[test]
fn a_store_with_flipped_bits_is_called_damaged_or_reads_as_before() {
    let site = site_with_a_store();
    let tables = ["runs", "verdicts", "sensors"];
    let before = tables.map(|what| site.dump(what));
    let journal = fs::read_dir(site.path("store/journal")).unwrap().map(|file| file.unwrap().path());
    let segments = journal.filter(|file| file.extension().is_some_and(|ending| ending == "segment"));
    // What of a segment holds records is at its beginning.
    let files = segments.map(|file| (file, 4096)).chain([(site.path("store/data/db"), u64::MAX)]).collect::<Vec<_>>();
    for (path, length) in files {
        let length = fs::metadata(&path).unwrap().len().min(length);
        let mut found = 0;
        for place in 0..8 {
            let at = length * (2 * place + 1) / 16;
            let file = File::options().read(true).write(true).open(&path).unwrap();
            let mut byte = [0];
            file.read_exact_at(&mut byte, at).unwrap();
            file.write_all_at(&[byte[0] ^ 8], at).unwrap();
            let (code, said) = store(&site, &["check"]);
            match code {
                Some(0) => {
                    let now = tables.map(|what| site.dump(what));
                    assert_eq!(now, before, "byte {at} of {} is damaged silently", path.display());
                }
                Some(1) => found += 1,
                other => panic!("{other:?}: {said}"),
            }
            file.write_all_at(&byte, at).unwrap();
        }
        println!("{found} of 8 were found in {}", path.display());
    }
    assert!(well(&site, &["check"]).contains("the store is sound"));
}

/// A power cut leaves a commit in the journal that is not whole. That is no damage, and the next start goes on from it.
#[test]
fn a_commit_that_was_cut_off_is_a_remark() {
    let site = site_with_a_store();
    let journal = fs::read_dir(site.path("store/journal")).unwrap().map(|file| file.unwrap().path());
    let segment = journal.filter(|file| file.extension().is_some_and(|ending| ending == "segment")).max().unwrap();
    let mut bytes = fs::read(&segment).unwrap();
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    bytes[end - 3..=end].fill(0);
    fs::write(&segment, bytes).unwrap();
    let said = well(&site, &["check"]);
    assert!(said.contains("remark: the last commit is not whole") && said.contains("sound, with 1 remark"), "{said}");
    let daemon = site.start();
    daemon.stop();
    let said = well(&site, &["check"]);
    assert!(said.contains("the store is sound\n"), "{said}");
}

#[test]
fn nothing_is_repaired_that_nobody_named_or_beside_a_daemon() {
    let site = site_with_a_store();
    let (code, said) = store(&site, &["repair", "--yes", "heads/00000000"]);
    assert_eq!(code, Some(1));
    assert!(said.contains("nothing is wrong at heads/00000000"), "{said}");
    let (code, said) = store(&site, &["repair", "everything"]);
    assert_eq!(code, Some(2));
    assert!(said.contains("as anomalyd store check writes it"), "{said}");
    let daemon = site.start();
    let (code, said) = store(&site, &["repair", "heads/00000000"]);
    assert_eq!(code, Some(1));
    assert!(said.contains("in use by another anomalyd"), "{said}");
    daemon.stop();
}

#[test]
fn a_backup_under_load_restores_to_a_store_that_goes_on_as_the_other_did() {
    let readings = plant::readings(7);
    let (early, late) = readings.split_at(readings.len() / 3);
    let (during, after) = late.split_at(late.len() / 2);
    let settings = plant::settings();
    let site = Site::new(&settings);
    let mut daemon = site.start();
    plant::publish_all(site.port(), early);
    let backup = site.path("backup");
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        let load = scope.spawn(|| {
            let mut pieces = during.chunks(50);
            // The backup meets readings, closings and runs, however long it takes.
            pieces.by_ref().take(3).for_each(|piece| plant::publish_all(site.port(), piece));
            for piece in pieces {
                if !is_done.load(Ordering::Relaxed) {
                    thread::sleep(Duration::from_millis(20));
                }
                plant::publish_all(site.port(), piece);
            }
        });
        let said = well(&site, &["backup", text(&backup)]);
        assert!(said.contains("the backup is complete"), "{said}");
        is_done.store(true, Ordering::Relaxed);
        load.join().unwrap();
    });
    plant::publish_all(site.port(), after);
    daemon.wait_until_published("files", plant::LAST_WINDOW);
    daemon.stop();

    // The spare gateway has the same settings, and a store of its own from a trial.
    let spare = Site::new(&settings);
    spare.start().stop();
    let (code, said) = store(&spare, &["restore", text(&backup)]);
    assert_eq!(code, Some(1));
    assert!(said.contains("--replace"), "{said}");
    let said = well(&spare, &["restore", "--replace", text(&backup)]);
    assert!(said.contains("restored as it was at") && said.contains("replaced-"), "{said}");
    assert!(well(&spare, &["check"]).contains("the store is sound"));

    // Devices send everything once more: what the store has counts once, and what it lacks is taken.
    let mut daemon = spare.start();
    plant::publish_all(spare.port(), &readings);
    daemon.wait_until_published("files", plant::LAST_WINDOW);
    daemon.stop();
    for what in ["verdicts", "sensors"] {
        assert_eq!(spare.dump(what), site.dump(what), "{what}");
    }
}

#[test]
fn a_backup_of_a_store_at_rest_restores_to_the_same() {
    let site = site_with_a_store();
    let backup: PathBuf = site.path("backup");
    well(&site, &["backup", text(&backup)]);
    let (code, said) = store(&site, &["backup", text(&backup)]);
    assert_eq!(code, Some(1));
    assert!(said.contains("is not empty"), "{said}");
    let spare = Site::new(&settings());
    well(&spare, &["restore", text(&backup)]);
    for what in ["runs", "verdicts", "sensors", "models"] {
        assert_eq!(spare.dump(what), site.dump(what), "{what}");
    }
    let daemon = spare.start();
    assert!(!daemon.text().contains("WARN"), "{}", daemon.text());
    daemon.stop();

    fs::write(backup.join("manifest.json"), "{}").unwrap();
    let (code, said) = store(&spare, &["restore", "--replace", text(&backup)]);
    assert_eq!(code, Some(1));
    assert!(said.contains("damaged"), "{said}");
}
