//! The disk fails while the daemon runs. No acknowledgement goes out for what is not stored, the log says what is wrong,
//! nothing panics, and when the disk is well again everything goes on.

use std::fs;
use std::net::TcpStream;

use fastrand::Rng;

use super::disk::Disk;
use super::entry::entries;
use super::history::{History, acknowledged};
use super::recorder::{Faults, Recorder};
use super::recovery::{Tally, assert_recovers, cuts, leave, seed, site_after_cut};
use super::support::daemon::Daemon;
use super::support::eventually;
use super::support::legacy::Legacy;
use super::support::site::Site;

/// What a daemon leaves that takes in a history undisturbed.
fn undisturbed(history: &History, rng: &mut Rng) -> Legacy {
    let site = Site::new(&history.settings);
    let daemon = site.spawn();
    let all: Vec<u16> = history.numbers().collect();
    assert!(history.send(site.port(), &all, 40, rng));
    site.wait_for_predictions(history.sensors, &history.last_end);
    leave(&site, daemon)
}

/// The lines of the log that warn or worse.
fn complaints(daemon: &Daemon) -> Vec<String> {
    let lines = daemon.lines().into_iter();
    let lines = lines.filter(|line| line["level"] == "WARN" || line["level"] == "ERROR");
    lines.map(|line| line.to_string()).collect()
}

/// After a write-back error the page cache shows what the disk does not hold, and no later sync tells of it.
#[test]
fn a_write_back_error_that_passes_costs_nothing_acknowledged_even_if_a_power_cut_follows() {
    let history = History::of_plant(3, 3);
    let mut rng = Rng::with_seed(seed());
    let undisturbed = undisturbed(&history, &mut rng);
    let mut tally = Tally::default();
    for attempt in 0..cuts().div_ceil(3) {
        let site = Site::new(&history.settings);
        let mut disk = Disk::of(&site.path(""));
        let mut recorder = Recorder::new();
        let mut daemon = recorder.spawn(&site);
        daemon.wait_until_ready();
        let sync_passes = rng.i32(0..40);
        recorder.set(Faults { sync: libc::EIO, sync_passes, sync_fails: 1, ..Faults::NONE });
        let all: Vec<u16> = history.numbers().collect();
        let taken = history.send_and_count(site.port(), &all, 20, &mut rng);
        if taken == all.len() {
            println!("attempt {attempt}: no sync failed");
            continue;
        }
        let status = daemon.wait_until_ended();
        assert!(!status.success() && !daemon.text().contains("panicked"), "{status}: {}", daemon.text());
        assert!(!complaints(&daemon).is_empty() || daemon.text().contains("os error 5"), "{}", daemon.text());
        let log = recorder.read_log();
        let first = entries(&log);
        first.iter().for_each(|entry| disk.apply(entry));
        let mut known = acknowledged(&first);

        // The process begins anew, on the same page cache, takes in more, and then the power fails.
        fs::create_dir(recorder.shadow()).unwrap();
        disk.write_durable(&recorder.shadow());
        disk.begin_process();
        recorder.set(Faults::NONE);
        let mut daemon = recorder.spawn(&site);
        daemon.wait_until_ready();
        let rest = history.without(&known);
        assert!(history.send(site.port(), &rest[..rest.len() / 2], 20, &mut rng));
        daemon.kill();
        let log = recorder.read_log();
        let second = entries(&log);
        second.iter().for_each(|entry| disk.apply(entry));
        known.extend(acknowledged(&second));
        let (site, rule) = site_after_cut(&history, &disk, &mut rng);
        let rest = history.without(&known);
        tally.count(format!("the sync after {sync_passes} failed, names {rule:?}"), || {
            let daemon = site.spawn();
            assert!(history.send(site.port(), &rest, 200, &mut rng));
            assert_recovers(&site, daemon, &undisturbed);
        });
    }
    tally.assert_none_failed();
}

/// The disk refuses until it is well again, and the daemon is started again if it ended meanwhile.
fn refuses_for_a_while(faults: Faults) {
    let history = History::of_plant(3, 3);
    let mut rng = Rng::with_seed(seed());
    let undisturbed = undisturbed(&history, &mut rng);
    let site = Site::new(&history.settings);
    let before = Disk::of(&site.path(""));
    let mut recorder = Recorder::new();
    let mut daemon = recorder.spawn(&site);
    let all: Vec<u16> = history.numbers().collect();
    let (early, late) = all.split_at(all.len() / 2);
    assert!(history.send(site.port(), early, 40, &mut rng));
    recorder.set(faults);
    let taken = history.send_and_count(site.port(), late, 40, &mut rng);
    if taken < late.len() {
        let status = daemon.wait_until_ended();
        assert!(!status.success(), "{status}");
        assert!(!complaints(&daemon).is_empty() || daemon.text().contains("os error"), "{}", daemon.text());
    }
    assert!(!daemon.text().contains("panicked"), "{}", daemon.text());
    println!("{taken} of {} acknowledged; {}", late.len(), complaints(&daemon).join("\n"));
    // The daemon notes what it sent when the device may have it already.
    let log = eventually("what the device got is noted, and nothing else", || {
        let log = recorder.read_log();
        (acknowledged(&entries(&log)).len() == early.len() + taken).then_some(log)
    });
    let entries = entries(&log);
    drop(daemon);

    // On what the disk held when the daemon ended, if the power failed then; and on the disk as it is.
    let mut disk = before;
    entries.iter().for_each(|entry| disk.apply(entry));
    let (after_cut, _) = site_after_cut(&history, &disk, &mut rng);
    for site in [after_cut, site] {
        let daemon = site.spawn();
        assert!(history.send(site.port(), &late[taken..], 200, &mut rng));
        assert_recovers(&site, daemon, &undisturbed);
    }
}

#[test]
fn a_disk_that_became_read_only() {
    refuses_for_a_while(Faults { write: libc::EROFS, create: libc::EROFS, ..Faults::NONE });
}

#[test]
fn a_disk_that_fails_to_write() {
    refuses_for_a_while(Faults { write: libc::EIO, ..Faults::NONE });
}

#[test]
fn a_disk_that_fails_to_sync() {
    refuses_for_a_while(Faults { sync: libc::EIO, sync_fails: i32::MAX, ..Faults::NONE });
}

#[test]
fn a_permission_that_was_lost() {
    refuses_for_a_while(Faults { write: libc::EACCES, create: libc::EACCES, ..Faults::NONE });
}

#[test]
fn a_disk_without_inodes() {
    refuses_for_a_while(Faults { create: libc::ENOSPC, ..Faults::NONE });
}

/// A sync of five seconds, when the daemon is at work: devices wait for their acknowledgements, and get them.
#[test]
fn a_disk_that_takes_its_time() {
    let history = History::of_plant(3, 2);
    let mut rng = Rng::with_seed(seed());
    let undisturbed = undisturbed(&history, &mut rng);
    let site = Site::new(&history.settings);
    let mut recorder = Recorder::new();
    let mut daemon = recorder.spawn(&site);
    daemon.wait_until_ready();
    let all: Vec<u16> = history.numbers().collect();
    let (early, late) = all.split_at(100);
    recorder.set(Faults { sync_milliseconds: 5_000, ..Faults::NONE });
    assert!(history.send(site.port(), early, 100, &mut rng));
    recorder.set(Faults::NONE);
    assert!(history.send(site.port(), late, 40, &mut rng));
    assert_recovers(&site, daemon, &undisturbed);
}

/// Nothing more is acknowledged than what was before the folder went, and the process says why it ends.
#[test]
fn a_store_that_is_deleted_under_a_daemon_gets_no_more_acknowledgements() {
    let history = History::of_plant(3, 1);
    let mut rng = Rng::with_seed(seed());
    for what in ["store", "store/data", "store/journal"] {
        let site = Site::new(&history.settings);
        let mut daemon = site.start();
        if !site.path(what).exists() {
            continue;
        }
        let all: Vec<u16> = history.numbers().collect();
        let (early, late) = all.split_at(50);
        assert!(history.send(site.port(), early, 10, &mut rng));
        // The daemon may make a file there while its folder is being emptied.
        while let Err(error) = fs::remove_dir_all(site.path(what)) {
            assert_eq!(error.kind(), std::io::ErrorKind::DirectoryNotEmpty, "{error}");
        }
        // The daemon may have noticed it by itself, and have ended.
        let connection = TcpStream::connect(("127.0.0.1", site.port()));
        let acknowledged = connection.map_or(0, |stream| history.send_over(stream, late, 1, &mut rng));
        assert_eq!(acknowledged, 0, "{what} was deleted");
        let status = daemon.wait_until_ended();
        let store = site.path("store");
        let said = daemon.text();
        assert!(!status.success() && said.contains(store.to_str().unwrap()), "{what}: {status}: {said}");
        assert!(!said.contains("panicked"), "{said}");
    }
}

/// A full disk presses back on devices; when there is room again, all goes on in the same process.
#[test]
fn a_full_disk_holds_acknowledgements_back_until_there_is_room() {
    let history = History::of_plant(3, 4).beside_a_crowd_of(1_000);
    let mut rng = Rng::with_seed(seed());
    let undisturbed = undisturbed(&history, &mut rng);
    let site = Site::new(&history.settings);
    let before = Disk::of(&site.path(""));
    let mut recorder = Recorder::new();
    let mut daemon = recorder.spawn(&site);
    daemon.wait_until_ready();
    let all: Vec<u16> = history.numbers().collect();
    recorder.set(Faults { write: libc::ENOSPC, create: libc::ENOSPC, free_kib: 0, ..Faults::NONE });
    let mut dice = rng.fork();
    std::thread::scope(|scope| {
        let device = scope.spawn(|| history.send(site.port(), &all, 20, &mut dice));
        let said = daemon.wait_for("the disk is full", |line| {
            line["message"].as_str().is_some_and(|text| text.contains("full") || text.contains("space"))
        });
        println!("{said}");
        // The power may fail while it waits.
        let log = recorder.read_log();
        let entries = entries(&log);
        let mut disk = before.clone();
        entries.iter().for_each(|entry| disk.apply(entry));
        let (after_cut, _) = site_after_cut(&history, &disk, &mut rng);
        let recovered = after_cut.spawn();
        assert!(history.send(after_cut.port(), &history.without(&acknowledged(&entries)), 200, &mut rng));
        assert_recovers(&after_cut, recovered, &undisturbed);
        recorder.set(Faults::NONE);
        assert!(device.join().unwrap(), "{}", daemon.text());
    });
    let told = complaints(&daemon).len();
    assert!(told <= 4, "{}", complaints(&daemon).join("\n"));
    assert_recovers(&site, daemon, &undisturbed);
}
