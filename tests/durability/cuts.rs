//! The power fails. At any point of what the daemon wrote, the disk may hold less than it was told; the daemon is started
//! on that, the device sends again what was not acknowledged and nothing else, and everything is as if nothing had
//! happened.

use std::fs;

use fastrand::Rng;

use super::disk::Disk;
use super::entry::{Entry, entries, entries as parse};
use super::history::{History, acknowledged};
use super::recorder::Recorder;
use super::recovery::{Tally, assert_recovers, cuts, leave, seed, site_after_cut};
use super::support::daemon::Daemon;
use super::support::format_1;
use super::support::legacy::Legacy;
use super::support::site::{Site, anomalyd};

/// What a daemon did that was recorded until its power was cut.
struct InterruptedRecording {
    before: Disk,
    log: Vec<u8>,
}

/// What a recorded daemon did, and what it left.
struct Recording {
    /// The disk before its start.
    before: Disk,
    log: Vec<u8>,
    legacy: Legacy,
}

impl Recording {
    /// Records a daemon that takes in some of these messages, and is killed.
    fn interrupted(history: &History, site: &Site, numbers: &[u16], rng: &mut Rng) -> InterruptedRecording {
        let before = Disk::of(&site.path(""));
        let mut recorder = Recorder::new();
        let mut daemon = recorder.spawn(site);
        daemon.wait_until_ready();
        assert!(history.send(site.port(), &numbers[..rng.usize(..=numbers.len())], 40, rng));
        daemon.kill();
        InterruptedRecording { before, log: recorder.read_log() }
    }

    /// Records a daemon that takes in these messages of a history, and has all of it scored.
    fn of(history: &History, site: &Site, numbers: &[u16], at_most_at_once: usize, rng: &mut Rng) -> Self {
        let before = Disk::of(&site.path(""));
        let mut recorder = Recorder::new();
        let daemon = recorder.spawn(site);
        assert!(history.send(site.port(), numbers, at_most_at_once, rng));
        site.wait_for_predictions(history.sensors, &history.last_end);
        let legacy = leave(site, daemon);
        let recording = Self { before, log: recorder.read_log(), legacy };
        recording.assert_complete(site);
        recording
    }

    /// Every change was recorded: what follows from the entries is what is there.
    fn assert_complete(&self, site: &Site) {
        let mut disk = self.before.clone();
        entries(&self.log).iter().for_each(|entry| disk.apply(entry));
        let rebuilt = tempfile::tempdir().unwrap();
        disk.write_cached(rebuilt.path());
        let comparison = std::process::Command::new("diff").arg("-r").arg(rebuilt.path()).arg(site.path("")).output();
        let comparison = comparison.unwrap();
        assert!(comparison.status.success(), "{}", String::from_utf8_lossy(&comparison.stdout));
    }

    /// Chooses cuts: half of them anywhere, half of them right behind a sync, a change of names or an acknowledgement.
    /// Calls `then` with the disk as it is at each, and with the entries before it.
    fn cut(&self, count: usize, rng: &mut Rng, mut then: impl FnMut(&Disk, &[Entry<'_>], &mut Rng)) {
        let entries = entries(&self.log);
        let is_turn = |place: &usize| {
            let is_data = matches!(entries[*place], Entry::Write { .. } | Entry::Open { .. } | Entry::Close { .. });
            !is_data
        };
        let turns: Vec<usize> = (0..entries.len()).filter(is_turn).collect();
        let mut places: Vec<usize> = (0..count)
            .map(|place| match place % 2 {
                0 => rng.usize(..=entries.len()),
                _ => *rng.choice(&turns).unwrap() + rng.usize(0..2),
            })
            .collect();
        places.sort_unstable();
        let mut disk = self.before.clone();
        let mut applied = 0;
        for place in places {
            entries[applied..place].iter().for_each(|entry| disk.apply(entry));
            applied = place;
            then(&disk, &entries[..place], rng);
        }
    }
}

/// Cuts the power at `cuts` points of a daemon's life that begins on a new disk.
fn cut_and_recover(history: &History, at_most_at_once: usize, cuts: usize) {
    let mut rng = Rng::with_seed(seed());
    let all: Vec<u16> = history.numbers().collect();
    cut_and_recover_on(&Site::new(&history.settings), history, &all, at_most_at_once, cuts, &mut rng);
}

/// Cuts the power at `cuts` points of a daemon's life on a disk that may hold what it was sent before `rest`.
fn cut_and_recover_on(
    site: &Site,
    history: &History,
    rest: &[u16],
    at_most_at_once: usize,
    cuts: usize,
    rng: &mut Rng,
) {
    let recording = Recording::of(history, site, rest, at_most_at_once, rng);
    let mut tally = Tally::default();
    recording.cut(cuts, rng, |disk, entries, rng| {
        let (site, rule) = site_after_cut(history, disk, rng);
        let known = acknowledged(entries);
        let rest: Vec<u16> = rest.iter().copied().filter(|number| !known.contains(number)).collect();
        let what = format!("before entry {}, {} to send again, names {rule:?}", entries.len(), rest.len());
        tally.count(what, || {
            let daemon = site.spawn();
            assert!(history.send(site.port(), &rest, 200, rng));
            assert_recovers(&site, daemon, &recording.legacy);
        });
    });
    tally.assert_none_failed();
}

#[test]
fn at_the_first_start_and_the_first_readings() {
    let mut history = History::of_plant(3, 1);
    // One window, most of which comes in one message after the other.
    history.messages.truncate(190);
    cut_and_recover(&history, 2, cuts());
}

/// Nothing but readings, each in a message of its own and most in a commit of their own, on a store with a past.
#[test]
fn while_readings_come_steadily() {
    let history = History::of_plant(3, 3);
    let mut rng = Rng::with_seed(seed());
    let all: Vec<u16> = history.numbers().collect();
    let (early, late) = all.split_at(all.len() * 5 / 8);
    let site = Site::new(&history.settings);
    let daemon = site.spawn();
    assert!(history.send(site.port(), early, 40, &mut rng));
    leave(&site, daemon);
    cut_and_recover_on(&site, &history, late, 1, cuts(), &mut rng);
}

#[test]
fn while_windows_close_and_runs_are_scored_and_rings_wrap() {
    cut_and_recover(&History::of_plant(3, 7), 40, cuts());
}

#[test]
fn while_a_commit_holds_the_windows_of_many_sensors() {
    cut_and_recover(&History::of_plant(3, 4).beside_a_crowd_of(4_000), 40, cuts() / 2);
}

#[test]
fn while_a_daemon_recovers_from_a_cut_that_came_while_one_recovered() {
    let history = History::of_plant(3, 5);
    let mut rng = Rng::with_seed(seed());
    let site = Site::new(&history.settings);
    let all: Vec<u16> = history.numbers().collect();
    let first = Recording::of(&history, &site, &all, 40, &mut rng);
    let mut tally = Tally::default();
    // Each first cut is followed by a second, and that by a third.
    first.cut(cuts().div_ceil(2), &mut rng, |disk, entries, rng| {
        let mut known = acknowledged(entries);
        let (mut site, rule) = site_after_cut(&history, disk, rng);
        let mut what = format!("before entry {}, names {rule:?}", entries.len());
        for _ in 0..2 {
            let rest = history.without(&known);
            let again = Recording::interrupted(&history, &site, &rest, rng);
            let entries = parse(&again.log);
            // Soon after the start, where recovery is.
            let place = rng.usize(..=entries.len()) * rng.usize(0..=4) / 4;
            let mut disk = again.before.clone();
            entries[..place].iter().for_each(|entry| disk.apply(entry));
            known.extend(acknowledged(&entries[..place]));
            let (next, rule) = site_after_cut(&history, &disk, rng);
            site = next;
            what += &format!(", then before entry {place}, names {rule:?}");
        }
        let rest = history.without(&known);
        tally.count(what, || {
            let daemon = site.spawn();
            assert!(history.send(site.port(), &rest, 200, rng));
            assert_recovers(&site, daemon, &first.legacy);
        });
    });
    tally.assert_none_failed();
}

/// Before the cut or after it, the store becomes what it becomes undisturbed.
#[test]
fn while_a_store_of_the_first_format_is_brought_up() {
    let history = History::of_payloads(format_1::settings(), "", std::iter::empty());
    let mut rng = Rng::with_seed(seed());
    let site = format_1::unpacked();
    // None of its runs is published again.
    fs::create_dir_all(site.path("predictions")).unwrap();
    let before = Disk::of(&site.path(""));
    let mut recorder = Recorder::new();
    let wait_for_a_run = |daemon: &mut Daemon| {
        daemon.wait_for("a run", |line| line["message"] == "run finished");
    };
    let mut daemon = recorder.spawn(&site);
    wait_for_a_run(&mut daemon);
    let legacy = leave(&site, daemon);
    let recording = Recording { before, log: recorder.read_log(), legacy };
    recording.assert_complete(&site);
    assert!(!format_1::has_moved_on(&site));
    let counted = format_1::counted(&site);
    let mut tally = Tally::default();
    recording.cut(cuts().div_ceil(3), &mut rng, |disk, entries, rng| {
        let (site, rule) = site_after_cut(&history, disk, rng);
        tally.count(format!("before entry {}, names {rule:?}", entries.len()), || {
            let mut daemon = site.start();
            wait_for_a_run(&mut daemon);
            let said = daemon.text();
            leave(&site, daemon);
            format_1::assert_same_answers(&site);
            if !format_1::has_moved_on(&site) {
                assert_eq!(format_1::counted(&site), counted, "{said}");
            }
        });
    });
    tally.assert_none_failed();
}

/// Before the cut or after it, the store becomes what it becomes undisturbed.
#[test]
fn while_a_store_is_cut_anew() {
    let mut history = History::of_plant(3, 4);
    let mut rng = Rng::with_seed(seed());
    let site = site_with(&history, &mut rng);
    history.settings = history
        .settings
        .with("store.recut", "true")
        .with("store.keep_intervals", "\"80m\"")
        .with("window.interval", "\"2m\"")
        .with("window.length", "\"20m\"")
        .with("schedule.cron", "\"0 */20 * * * *\"");
    site.configure(&history.settings);
    let before = Disk::of(&site.path(""));
    let mut recorder = Recorder::new();
    let mut daemon = recorder.spawn(&site);
    daemon.wait_until_ready();
    let legacy = leave(&site, daemon);
    let recording = Recording { before, log: recorder.read_log(), legacy };
    let intervals = exported_intervals(&site);
    assert!(intervals.lines().count() > 10, "{intervals}");
    let mut tally = Tally::default();
    recording.cut(cuts().div_ceil(3), &mut rng, |disk, entries, rng| {
        let (site, rule) = site_after_cut(&history, disk, rng);
        tally.count(format!("before entry {}, names {rule:?}", entries.len()), || {
            leave(&site, site.start());
            assert_eq!(exported_intervals(&site), intervals);
        });
    });
    tally.assert_none_failed();
}

/// After the cut there is no store, and it can be restored; or there is one, which the next start completes.
#[test]
fn while_a_backup_is_restored() {
    let history = History::of_plant(3, 4);
    let mut rng = Rng::with_seed(seed());
    let original = site_with(&history, &mut rng);
    let elsewhere = tempfile::tempdir().unwrap();
    let backup = elsewhere.path().join("backup");
    let run = |site: &Site, arguments: &[&str]| {
        let config = site.config();
        anomalyd(&[arguments, &["--config", config.to_str().unwrap()]].concat())
    };
    let backup = backup.to_str().unwrap();
    assert!(run(&original, &["store", "backup", backup]).status.success());
    let verdicts = original.dump("verdicts");

    let site = Site::new(&history.settings);
    // None of its runs is published again.
    fs::create_dir_all(site.path("predictions")).unwrap();
    let before = Disk::of(&site.path(""));
    let mut recorder = Recorder::new();
    let restored = recorder.run(&site, &["store", "restore", backup]);
    assert!(restored.status.success(), "{}", String::from_utf8_lossy(&restored.stderr));
    assert_eq!(site.dump("verdicts"), verdicts);
    let legacy = leave(&site, site.start());
    let recording = Recording { before, log: recorder.read_log(), legacy };
    let mut tally = Tally::default();
    recording.cut(cuts().div_ceil(3), &mut rng, |disk, entries, rng| {
        let (site, rule) = site_after_cut(&history, disk, rng);
        tally.count(format!("before entry {}, names {rule:?}", entries.len()), || {
            let again = run(&site, &["store", "restore", backup]);
            let says = String::from_utf8_lossy(&again.stderr);
            assert!(again.status.success() || says.contains("there is a store in"), "{says}");
            leave(&site, site.start());
            assert_eq!(site.dump("verdicts"), verdicts);
        });
    });
    tally.assert_none_failed();
}

/// A site whose store holds the whole of a history, and whose daemon has stopped.
fn site_with(history: &History, rng: &mut Rng) -> Site {
    let site = Site::new(&history.settings);
    let daemon = site.spawn();
    assert!(history.send(site.port(), &history.numbers().collect::<Vec<_>>(), 40, rng));
    site.wait_for_predictions(history.sensors, &history.last_end);
    leave(&site, daemon);
    site
}

fn exported_intervals(site: &Site) -> String {
    let config = site.config();
    let output = anomalyd(&["export", "intervals", "--format", "csv", "--config", config.to_str().unwrap()]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
