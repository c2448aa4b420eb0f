//! A store goes on under another interval, another window, and rings of other sizes.

use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use anomalyd::cli::demo::simulation::SimulatedReading;

use crate::support::plant;
use crate::support::settings::Settings;
use crate::support::site::{Site, anomalyd};

/// Windows of half an hour, of intervals of five minutes.
fn longer() -> Settings {
    plant::settings()
        .with("window.interval", "\"5m\"")
        .with("window.length", "\"30m\"")
        .with("schedule.cron", "\"0 */30 * * * *\"")
        .with("store.keep_intervals", "\"1920m\"")
}

fn command(site: &Site, arguments: &[&str]) -> (bool, String) {
    let config = site.config();
    let output = anomalyd(&[arguments, &["--config", config.to_str().unwrap()]].concat());
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.success(), text)
}

/// The stored intervals by sensor and start, with their numbers.
fn intervals(site: &Site) -> BTreeMap<String, Vec<f64>> {
    let (is_exported, text) = command(site, &["export", "intervals", "--format", "csv"]);
    assert!(is_exported, "{text}");
    let rows = text.lines().skip(1).map(|line| line.split(',').collect::<Vec<_>>());
    rows.map(|row| (row[..4].join(","), row[4..].iter().filter_map(|number| number.parse().ok()).collect())).collect()
}

fn stop_after(site: &Site, readings: &[SimulatedReading], last_window: &str) {
    let mut daemon = site.start();
    plant::publish_all(site.port(), readings);
    daemon.wait_until_published("files", last_window);
    daemon.stop();
}

#[test]
fn intervals_become_longer_and_the_open_window_goes_on() {
    let all = plant::readings(7);
    // The store is cut anew within a window of the new length.
    let half = all.iter().position(|reading| reading.time.to_string().as_str() > "2026-03-02T08:47").unwrap();

    let site = Site::new(&plant::settings());
    stop_after(&site, &all[..half], "2026-03-02T08:20:00Z");
    site.configure(&longer());
    let (is_right, said) = command(&site, &["check"]);
    assert!(!is_right && said.contains("store.recut = true"), "{said}");
    let (is_started, said) = command(&site, &["run"]);
    assert!(!is_started && said.contains("store.recut = true"), "{said}");

    site.configure(&longer().with("store.recut", "true"));
    let (is_right, said) = command(&site, &["check"]);
    assert!(is_right && said.contains("become intervals of 5m") && said.contains("old store is kept"), "{said}");
    stop_after(&site, &all[half..], "2026-03-02T11:00:00Z");

    let undisturbed = Site::new(&longer());
    stop_after(&undisturbed, &all, "2026-03-02T11:00:00Z");
    let (found, wanted) = (intervals(&site), intervals(&undisturbed));
    assert!(wanted.len() > 200, "{}", wanted.len());
    assert_eq!(found.keys().collect::<Vec<_>>(), wanted.keys().collect::<Vec<_>>());
    for (interval, numbers) in &wanted {
        for (found, wanted) in found[interval].iter().zip(numbers) {
            assert!((found - wanted).abs() <= 1e-9 * (1.0 + wanted.abs()), "{interval}: {found:?} {numbers:?}");
        }
    }

    // The old store can be read with its own settings.
    let folders = fs::read_dir(site.path("store")).unwrap().map(|entry| entry.unwrap().path());
    let old: Vec<_> = folders.filter(|path| path.join("data/db").exists()).collect();
    assert_eq!(old.len(), 1);
    let before = Site::new(&plant::settings());
    fs::rename(&old[0], before.path("store")).unwrap();
    assert!(before.dump("runs").lines().count() > 10);
    assert!(intervals(&before).len() > 500);
}

#[test]
fn rings_of_other_sizes_keep_what_fits() {
    let site = Site::new(&plant::settings());
    stop_after(&site, &plant::readings(7), "2026-03-02T11:40:00Z");
    let (runs, verdicts) = (site.dump("runs"), site.dump("verdicts"));
    let before = intervals(&site);
    // More room for windows, less for runs.
    let other = plant::settings().with("store.keep_intervals", "\"900m\"").with("store.keep_runs", "\"100m\"");
    site.configure(&other);
    let (is_started, said) = command(&site, &["run"]);
    assert!(!is_started && said.contains("store.keep_") && said.contains("store.recut"), "{said}");
    site.configure(&other.with("store.recut", "true"));
    site.start().stop();
    assert_eq!(intervals(&site), before);
    let last = |text: &str, lines: usize| text.lines().rev().take(lines).map(str::to_owned).collect::<Vec<_>>();
    let kept = site.dump("runs").lines().count();
    assert!((10..36).contains(&kept), "{kept}");
    assert_eq!(last(&site.dump("runs"), kept), last(&runs, kept));
    let kept = site.dump("verdicts").lines().count();
    assert!(kept > 10, "{kept}");
    assert_eq!(last(&site.dump("verdicts"), kept), last(&verdicts, kept));
}

#[test]
fn a_recut_that_is_killed_anywhere_leaves_the_old_store_or_the_new_one() {
    let site = Site::new(&plant::settings());
    stop_after(&site, &plant::readings(7), "2026-03-02T11:40:00Z");
    let before = intervals(&site);
    let undisturbed = Site::new(&longer().with("store.recut", "true"));
    let copied = Command::new("cp").arg("-r").arg(site.path("store")).arg(undisturbed.path("store")).status().unwrap();
    assert!(copied.success());
    undisturbed.start().stop();
    let after = intervals(&undisturbed);
    assert!(!after.is_empty() && after != before);

    site.configure(&longer().with("store.recut", "true"));
    // Later each time, until one comes to its end.
    for attempt in 1_u32.. {
        let mut start = Command::new(env!("CARGO_BIN_EXE_anomalyd"));
        start.args(["run", "--config"]).arg(site.config()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut start = start.spawn().unwrap();
        thread::sleep(Duration::from_millis(20) * attempt);
        start.kill().unwrap();
        start.wait().unwrap();
        let (is_new, said) = command(&site, &["export", "intervals", "--format", "csv"]);
        if is_new {
            break;
        }
        let is_pending = said.contains("was cut off");
        assert!(is_pending || said.contains("was made with an interval of 1m"), "{attempt}: {said}");
        if !is_pending {
            site.configure(&plant::settings());
            assert_eq!(intervals(&site), before, "{attempt}");
            site.configure(&longer().with("store.recut", "true"));
        }
    }
    assert_eq!(intervals(&site), after);
    site.start().stop();
    assert_eq!(intervals(&site), after);
    assert!(command(&site, &["store", "check"]).0);
}
