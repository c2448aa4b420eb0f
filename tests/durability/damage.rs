//! A bit flips at rest. The daemon finds it, or it does no harm: never is there silently another answer.
//!
//! `ANOMALYD_FLIPS` sets how many bits.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;

use super::history::History;
use super::recovery::{leave, seed};
use super::support::daemon::Daemon;
use super::support::eventually;
use super::support::legacy::Legacy;
use super::support::site::{Site, anomalyd};

/// What came of a flipped bit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Consequence {
    /// The answers are those of an undisturbed daemon.
    Harmless,
    /// `store check` finds it; or the answers are others, or the daemon does not start, and the log says why.
    Told,
    /// They are others, and nothing says so.
    Silent,
}

fn flips() -> usize {
    env::var("ANOMALYD_FLIPS").map_or(8, |flips| flips.parse().unwrap())
}

#[test]
fn a_bit_that_flips_at_rest_is_found_or_does_no_harm() {
    let flips = flips();
    let history = History::of_plant(3, 4);
    let mut rng = Rng::with_seed(seed());
    let all: Vec<u16> = history.numbers().collect();
    let site = Site::new(&history.settings);
    let daemon = site.spawn();
    assert!(history.send(site.port(), &all, 40, &mut rng));
    site.wait_for_predictions(history.sensors, &history.last_end);
    let undisturbed = leave(&site, daemon);

    // A store at rest that holds windows, runs, and a journal of a window that is open: its daemon was killed.
    let original = Site::new(&history.settings);
    let mut daemon = original.spawn();
    let (early, late) = all.split_at(all.len() * 5 / 6);
    assert!(history.send(original.port(), early, 40, &mut rng));
    daemon.kill();

    let copy_of_original = || {
        let site = Site::new(&history.settings);
        for folder in ["store", "predictions"] {
            copy(&original.path(folder), &site.path(folder));
        }
        site
    };
    // Whatever is told after a bit was flipped is not told before.
    let sound = copy_of_original();
    assert_eq!(check(&sound), Ok(()));
    assert_eq!(consequence(&history, &sound, late, &undisturbed, &mut rng), Consequence::Harmless);

    let mut found: Vec<(Consequence, String)> = Vec::new();
    for _ in 0..flips {
        let site = copy_of_original();
        let what = flip(&site.path("store"), &mut rng);
        let consequence = consequence(&history, &site, late, &undisturbed, &mut rng);
        println!("{consequence:?}: {what}");
        found.push((consequence, what));
    }
    let count = |wanted| found.iter().filter(|(consequence, _)| *consequence == wanted).count();
    println!(
        "{flips} flipped bits: {} harmless, {} told of, {} silent",
        count(Consequence::Harmless),
        count(Consequence::Told),
        count(Consequence::Silent)
    );
    let silent: Vec<_> = found.iter().filter(|(consequence, _)| *consequence == Consequence::Silent).collect();
    assert!(silent.is_empty(), "{silent:#?}");
}

#[test]
fn a_bit_that_flips_in_the_raw_history_is_found_or_does_no_harm() {
    let mut history = History::of_plant(3, 4).beside_a_crowd_of(2_000).and_on_the_next_day();
    history.settings = history.settings.with("store.keep_raw", "\"7d\"");
    let mut rng = Rng::with_seed(seed());
    let original = Site::new(&history.settings);
    let daemon = original.spawn();
    assert!(history.send(original.port(), &history.numbers().collect::<Vec<_>>(), 40, &mut rng));
    let history_of = |site: &Site| {
        let mut files = Vec::new();
        list(&site.path("store/history"), &mut files);
        files.iter().filter_map(|file| Some(file.extension()?.to_str()?.to_owned())).collect::<BTreeSet<_>>()
    };
    eventually("readings in the history", || history_of(&original).contains("open").then_some(()));
    leave(&original, daemon);
    // The next daemon merges the day that is over, once it has synced what it freed.
    let daemon = original.start();
    eventually("a day that is merged", || history_of(&original).contains("merged").then_some(()));
    leave(&original, daemon);
    let export = |site: &Site| {
        let config = site.config();
        let output = anomalyd(&["export", "readings", "--format", "csv", "--config", config.to_str().unwrap()]);
        (output.status.success() && output.stderr.is_empty()).then_some(output.stdout)
    };
    let readings = export(&original).unwrap();
    let silent: Vec<_> = (0..flips().div_ceil(4))
        .filter_map(|_| {
            let site = Site::new(&history.settings);
            copy(&original.path("store"), &site.path("store"));
            let what = flip(&site.path("store/history"), &mut rng);
            let is_silent = check(&site).is_ok() && export(&site).is_some_and(|found| found != readings);
            println!("{}: {what}", if is_silent { "silent" } else { "harmless or told of" });
            is_silent.then_some(what)
        })
        .collect();
    assert!(silent.is_empty(), "{silent:#?}");
}

/// Starts a daemon on a damaged store, sends the rest of a history, and compares what comes of it.
fn consequence(history: &History, site: &Site, rest: &[u16], undisturbed: &Legacy, rng: &mut Rng) -> Consequence {
    if check(site).is_err() {
        return Consequence::Told;
    }
    let mut daemon = site.spawn();
    let is_up = wait_until_up_or_ended(&mut daemon);
    if is_up && history.send(site.port(), rest, 200, rng) {
        let end = Instant::now() + Duration::from_secs(6);
        while site.predictions_so_far() != undisturbed.predictions && Instant::now() < end && !is_told(&daemon) {
            thread::sleep(Duration::from_millis(10));
        }
        if is_told(&daemon) {
            return Consequence::Told;
        }
        daemon.terminate();
        daemon.wait_until_ended();
        let is_told_at_the_end = is_told(&daemon);
        let dump = |what| anomalyd(&["dump", "--config", site.config().to_str().unwrap(), what]);
        let dumps = ["verdicts", "runs", "rejects"].map(dump);
        let is_told_by_dump = dumps.iter().any(|output| !output.stderr.is_empty() || !output.status.success());
        let [verdicts, runs, rejects] = dumps.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        let legacy = Legacy { verdicts, runs, rejects, predictions: site.predictions() };
        return match (legacy.is_that_of(undisturbed), is_told_at_the_end || is_told_by_dump) {
            (true, _) => Consequence::Harmless,
            (false, true) => Consequence::Told,
            (false, false) => {
                println!("found {}\nexpected {}\n{}", legacy.runs, undisturbed.runs, daemon.text());
                Consequence::Silent
            }
        };
    }
    assert!(!daemon.text().contains("panicked"), "{}", daemon.text());
    if is_told(&daemon) || daemon.text().contains("store") { Consequence::Told } else { Consequence::Silent }
}

/// What `store check` finds.
fn check(site: &Site) -> Result<(), String> {
    let output = anomalyd(&["store", "check", "--config", site.config().to_str().unwrap()]);
    let said = [output.stdout, output.stderr].concat();
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&said).into_owned()) }
}

fn wait_until_up_or_ended(daemon: &mut Daemon) -> bool {
    eventually("the daemon is ready or ends", || {
        if daemon.said("ready") > 0 {
            return Some(true);
        }
        daemon.has_ended().then_some(false)
    })
}

/// Whether the log warns of something.
fn is_told(daemon: &Daemon) -> bool {
    daemon.lines().iter().any(|line| line["level"] == "WARN" || line["level"] == "ERROR")
}

/// Flips one bit in a file of the store, and says which. Most of them where there is something.
fn flip(store: &Path, rng: &mut Rng) -> String {
    let mut files = Vec::new();
    list(store, &mut files);
    files.retain(|file| fs::metadata(file).unwrap().len() > 0);
    files.sort();
    // Most of them where readings, windows and runs are.
    let is_small = |file: &&PathBuf| fs::metadata(file).unwrap().len() < 4096;
    let (notes, data): (Vec<_>, Vec<_>) = files.iter().partition(is_small);
    let [wanted, other] = if rng.u8(..5) == 0 { [notes, data] } else { [data, notes] };
    let file = rng.choice(if wanted.is_empty() { other } else { wanted }).unwrap();
    let mut bytes = fs::read(file).unwrap();
    let used: Vec<usize> = (0..bytes.len()).filter(|place| bytes[*place] != 0).collect();
    let place =
        if rng.u8(..8) > 0 && !used.is_empty() { *rng.choice(&used).unwrap() } else { rng.usize(..bytes.len()) };
    let bit = rng.u8(..8);
    bytes[place] ^= 1 << bit;
    fs::write(file, bytes).unwrap();
    format!("bit {bit} of byte {place} of {}", file.strip_prefix(store).unwrap().display())
}

fn list(folder: &Path, into: &mut Vec<PathBuf>) {
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            list(&path, into);
        } else if path.is_file() {
            into.push(path);
        }
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    let mut files = Vec::new();
    list(from, &mut files);
    for file in files {
        let target = to.join(file.strip_prefix(from).unwrap());
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(file, target).unwrap();
    }
}
