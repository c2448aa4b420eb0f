//! Whatever is killed, whenever: nothing acknowledged is lost, and the verdicts are those of an undisturbed run.
//!
//! `ANOMALYD_KILLS` sets how often each daemon is killed, `ANOMALYD_SEED` repeats a run.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test says what is wrong by failing")]

mod support;

use std::collections::BTreeMap;
use std::env;
use std::ops::Range;
use std::thread;
use std::time::{Duration, Instant};

use anomalyd::cli::demo::simulation::SimulatedReading;
use fastrand::Rng;
use support::daemon::Daemon;
use support::mosquitto::Mosquitto;
use support::plant;
use support::site::Site;
use tokio::sync::mpsc;

const PLANT_SEED: u64 = 7;
/// When a daemon is killed, after it has become ready, in milliseconds.
const LIFE: Range<u64> = 0..150;

/// What a daemon leaves behind.
#[derive(PartialEq)]
struct Legacy {
    verdicts: String,
    runs: String,
    rejects: String,
    predictions: BTreeMap<String, String>,
}

impl Legacy {
    /// Waits for the last window, stops the daemon in order, and reads what it left.
    fn of(site: &Site, daemon: Daemon) -> Self {
        site.wait_for_predictions(15, plant::LAST_WINDOW_END);
        daemon.stop();
        let [verdicts, runs, rejects] = ["verdicts", "runs", "rejects"].map(|what| site.dump(what));
        Self { verdicts, runs, rejects, predictions: site.predictions() }
    }

    /// That of a daemon that nothing happened to.
    fn undisturbed(readings: &[SimulatedReading]) -> Self {
        let site = Site::new(&plant::settings());
        let daemon = site.start();
        plant::publish_all(site.port(), readings);
        let legacy = Self::of(&site, daemon);
        // The first reading leaves room for late ones in the window before it, which gets a run without data.
        assert_eq!(legacy.runs.lines().count(), 1 + 36, "{}", legacy.runs);
        assert_eq!(legacy.predictions.len(), 36 * 15);
        assert_eq!(legacy.rejects, "");
        legacy
    }

    fn assert_equals(&self, undisturbed: &Self) {
        // What is sent again after its window has closed is told apart from a first arrival no more. It must be the only
        // kind, and the verdicts show that nothing was missed for it.
        assert!(self.rejects.lines().all(|line| line.contains("\"kind\":\"late\"")), "{}", self.rejects);
        for (name, [found, expected]) in
            [("runs", [&self.runs, &undisturbed.runs]), ("verdicts", [&self.verdicts, &undisturbed.verdicts])]
        {
            assert_eq!(found.lines().count(), expected.lines().count(), "{name}");
            for (found, expected) in found.lines().zip(expected.lines()) {
                assert_eq!(found, expected, "{name}");
            }
        }
        assert!(self.predictions.keys().eq(undisturbed.predictions.keys()), "{:?}", self.predictions.keys());
        for (name, found) in &self.predictions {
            assert_eq!(found, &undisturbed.predictions[name], "{name}");
        }
    }
}

fn seed() -> u64 {
    let seed = env::var("ANOMALYD_SEED").map_or_else(|_| fastrand::u64(..), |seed| seed.parse().unwrap());
    println!("ANOMALYD_SEED={seed}");
    seed
}

fn kills() -> usize {
    env::var("ANOMALYD_KILLS").map_or(12, |kills| kills.parse().unwrap())
}

/// Publishes the readings to `port` while daemons are killed, each after a random while; the last one lives.
fn publish_under_kills(site: &Site, port: u16, readings: &[SimulatedReading], seed: u64) -> Daemon {
    let mut rng = Rng::with_seed(seed);
    let kills = kills();
    let mut daemon = site.start();
    let (parts, mut load) = mpsc::unbounded_channel();
    thread::scope(|scope| {
        let device = scope.spawn(move || {
            plant::block_on(async {
                let publisher = plant::connect(port).await;
                while let Some(part) = load.recv().await {
                    plant::publish(&publisher, part).await;
                }
                println!("killed {kills} times; {:?}", publisher.progress());
                plant::drain(publisher).await;
            });
        });
        // Each daemon gets its part of the load, and whatever the ones before it did not acknowledge.
        let (last, others) = split(readings, kills);
        for part in others {
            parts.send(part).unwrap();
            thread::sleep(Duration::from_millis(rng.u64(LIFE)));
            daemon.kill();
            daemon = site.start();
        }
        parts.send(last).unwrap();
        drop(parts);
        device.join().unwrap();
    });
    daemon
}

/// The last hour and what comes after it, for the daemon that lives to publish it, and so many parts before.
fn split(readings: &[SimulatedReading], others: usize) -> (&[SimulatedReading], Vec<&[SimulatedReading]>) {
    let (others_readings, last) = readings.split_at(readings.len() * 5 / 6);
    let at = |part: usize| others_readings.len() * part / others;
    (last, (0..others).map(|part| &others_readings[at(part)..at(part + 1)]).collect())
}

#[test]
fn a_daemon_with_a_listener_that_is_killed_again_and_again_says_what_an_undisturbed_one_says() {
    let readings = plant::readings(PLANT_SEED);
    let site = Site::new(&plant::settings());
    let daemon = publish_under_kills(&site, site.port(), &readings, seed());
    Legacy::of(&site, daemon).assert_equals(&Legacy::undisturbed(&readings));
}

#[test]
fn a_daemon_behind_a_broker_that_is_killed_again_and_again_says_what_an_undisturbed_one_says() {
    let Some(broker) = Mosquitto::start("max_queued_messages 0") else { return };
    let readings = plant::readings(PLANT_SEED);
    let connect = format!("{{ port = {} }}", broker.port());
    let site = Site::new(&plant::settings().without_listener().with("mqtt.connect", &connect));
    // From here on the broker keeps what comes while we are away.
    let mut first = site.start();
    first.wait_for("subscribed", |line| line["message"] == "subscribed");
    first.stop();
    let daemon = publish_under_kills(&site, broker.port(), &readings, seed());
    Legacy::of(&site, daemon).assert_equals(&Legacy::undisturbed(&readings));
}

#[test]
fn sigterm_under_load_ends_in_order_within_the_deadline_and_loses_nothing() {
    let readings = plant::readings(PLANT_SEED);
    let site = Site::new(&plant::settings().with("stop.deadline", "\"10s\""));
    let mut daemon = site.start();
    thread::scope(|scope| {
        let device = scope.spawn(|| plant::publish_all(site.port(), &readings));
        for _ in 0..3 {
            daemon.wait_for("a run", |line| line["message"] == "run finished");
            let told = Instant::now();
            daemon.terminate();
            let status = daemon.wait_until_ended();
            assert!(
                status.success() && told.elapsed() < Duration::from_secs(10),
                "{status} after {:?}",
                told.elapsed()
            );
            daemon = site.start();
        }
        device.join().unwrap();
    });
    Legacy::of(&site, daemon).assert_equals(&Legacy::undisturbed(&readings));
}

#[test]
fn a_second_signal_while_it_stops_ends_it_at_once() {
    let site = Site::new(&plant::settings());
    let mut daemon = site.start();
    // Both are there when it goes on: it begins to stop, and finds the second.
    for signal in ["STOP", "TERM", "INT", "CONT"] {
        daemon.signal(signal);
    }
    let status = daemon.wait_until_ended();
    assert_eq!(status.code(), Some(1), "{}", daemon.text());
    assert!(daemon.text().contains("stopped at once by a second signal"), "{}", daemon.text());
}
