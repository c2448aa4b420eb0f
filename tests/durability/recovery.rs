//! What every one of these tests ends with: a daemon recovers, the device sends again what was not acknowledged, and all
//! is as if nothing had happened.

use std::env;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;
use serde_json::Value;

use super::disk::{Disk, NameRule};
use super::history::History;
use super::support::daemon::Daemon;
use super::support::legacy::Legacy;
use super::support::site::Site;

/// How many cuts a test makes.
pub(crate) fn cuts() -> usize {
    env::var("ANOMALYD_CUTS").map_or(6, |cuts| cuts.parse().unwrap())
}

pub(crate) fn seed() -> u64 {
    let seed = env::var("ANOMALYD_SEED").map_or_else(|_| fastrand::u64(..), |seed| seed.parse().unwrap());
    println!("ANOMALYD_SEED={seed}");
    seed
}

/// Stops a daemon and takes what it leaves. It must have met nothing that is wrong, but for a full disk.
pub(crate) fn leave(site: &Site, daemon: Daemon) -> Legacy {
    let said = daemon.text();
    let is_full = |line: &Value| line["message"].as_str().is_some_and(|text| text.starts_with("the disk is full"));
    let is_sound = daemon.lines().iter().all(|line| line["level"] != "ERROR" || is_full(line));
    assert!(!said.contains("panicked") && is_sound, "{said}");
    let legacy = Legacy::of(site, daemon);
    let names = fs::read_dir(site.path("store")).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(names.into_iter().all(|name| !name.to_str().unwrap().starts_with("damaged")), "{said}");
    legacy
}

/// Waits until a daemon that took in the rest of a history has published what an undisturbed daemon publishes, and
/// compares all that it leaves.
pub(crate) fn assert_recovers(site: &Site, mut daemon: Daemon, undisturbed: &Legacy) {
    const ATTEMPTS: u64 = 2;
    for attempt in 1..=ATTEMPTS {
        let end = Instant::now() + Duration::from_secs(12 / attempt);
        while site.predictions_so_far() != undisturbed.predictions && Instant::now() < end {
            thread::sleep(Duration::from_millis(10));
        }
        let legacy = leave(site, daemon);
        // Files may be there that the daemon did not write yet when it was told to stop.
        if attempt == ATTEMPTS || legacy.is_that_of(undisturbed) {
            return legacy.assert_equals(undisturbed);
        }
        daemon = site.start();
    }
}

/// A site whose disk holds what it may hold after a cut.
pub(crate) fn site_after_cut(history: &History, disk: &Disk, rng: &mut Rng) -> (Site, NameRule) {
    let site = Site::new(&history.settings);
    let rule = if rng.u8(..3) == 0 { NameRule::ByFolder } else { NameRule::Journalled };
    fs::remove_file(site.config()).unwrap();
    disk.image(rule, rng, &site.path(""));
    site.configure(&history.settings);
    (site, rule)
}

/// How tests of cuts ended.
#[derive(Default)]
pub(crate) struct Tally {
    cuts: usize,
    failures: Vec<String>,
}

impl Tally {
    /// Makes one test, and goes on whatever comes of it.
    pub(crate) fn count(&mut self, what: String, test: impl FnOnce()) {
        self.cuts += 1;
        if catch_unwind(AssertUnwindSafe(test)).is_err() {
            println!("FAILED: {what}");
            self.failures.push(what);
        }
    }

    pub(crate) fn assert_none_failed(&self) {
        println!("{} cuts, {} of them failed", self.cuts, self.failures.len());
        assert!(self.failures.is_empty(), "{} of {} cuts: {:#?}", self.failures.len(), self.cuts, self.failures);
    }
}
