//! Whatever is killed, whenever: nothing acknowledged is lost, and the verdicts are those of an undisturbed run.
//!
//! `ANOMALYD_KILLS` sets how often each daemon is killed, `ANOMALYD_SEED` repeats a run.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::at_once;
use crate::support::daemon::Daemon;
use crate::support::legacy::Legacy;
use crate::support::mosquitto::Mosquitto;
use crate::support::plant;
use crate::support::settings::Settings;
use crate::support::site::Site;
use anomalyd::cli::demo::simulation::SimulatedReading;
use anomalyd::cli::publish::Progress;
use fastrand::Rng;

const PLANT_SEED: u64 = 7;
/// The windows of a shift of the plant.
const WINDOWS: usize = 36;
/// The readings of a window, each a message.
const READINGS_PER_WINDOW: u64 = 900;

/// Waits for the last window, and takes what the daemon leaves.
fn legacy_of(site: &Site, daemon: Daemon, shifts: u32) -> Legacy {
    site.wait_for_predictions(15, &plant::last_window_end(shifts));
    Legacy::of(site, daemon)
}

/// What a daemon leaves that nothing happened to.
fn undisturbed(readings: &[SimulatedReading], shifts: u32) -> Legacy {
    let site = Site::new(&settings());
    let daemon = site.start();
    plant::publish_all(site.port(), readings);
    let legacy = legacy_of(&site, daemon, shifts);
    // The first reading leaves room for late ones in the window before it, which gets a run without data.
    assert_eq!(legacy.runs.lines().count(), 1 + windows(shifts), "{}", legacy.runs);
    assert_eq!(legacy.predictions.len(), windows(shifts) * 15);
    assert_eq!(legacy.rejects, "");
    legacy
}

fn seed() -> u64 {
    let seed = env::var("ANOMALYD_SEED").map_or_else(|_| fastrand::u64(..), |seed| seed.parse().unwrap());
    println!("ANOMALYD_SEED={seed}");
    seed
}

fn kills() -> usize {
    env::var("ANOMALYD_KILLS").map_or(12, |kills| kills.parse().unwrap())
}

/// So many shifts that every daemon gets a few windows before it is killed.
fn shifts() -> u32 {
    1 + u32::try_from(kills() / 10).unwrap()
}

/// The windows of so many shifts.
fn windows(shifts: u32) -> usize {
    WINDOWS * usize::try_from(shifts).unwrap()
}

/// All runs are kept, for the comparison; intervals and raw readings are not.
fn settings() -> Settings {
    plant::settings().with("store.keep_runs", "\"680h\"").with("store.keep_raw", "\"1d\"")
}

/// How a daemon is killed.
#[derive(Clone, Copy)]
enum Death {
    /// While it opens its store, replays its journal and resumes runs: so soon after it was spawned.
    Starting(Duration),
    /// When so many messages are done in all, and a moment later, so that no step of the work is spared.
    Working(u64, Duration),
    /// So soon after a run has finished: its verdicts are on their way to the sinks.
    Publishing(Duration),
    /// So soon after a backup of its store was begun.
    BackingUp(Duration),
}

/// Whom the device publishes to.
#[derive(Clone, Copy)]
enum Server {
    Daemon,
    Broker,
}

impl Server {
    /// How many messages the daemons are done with.
    fn done(self, progress: Progress, site: &Site) -> u64 {
        match self {
            Self::Daemon => progress.acknowledged,
            // What a broker acknowledges says nothing about us; nor does the log, which a kill cuts off.
            Self::Broker => site.windows_with_predictions() as u64 * READINGS_PER_WINDOW,
        }
    }

    /// Whether the daemon has work: a message that it owes an acknowledgement, or behind a broker messages that still
    /// come, or make more runs due than have left their predictions.
    fn keeps_busy(self, progress: Progress, total: u64, done: u64) -> bool {
        match self {
            Self::Daemon => progress.sent > progress.acknowledged,
            Self::Broker => progress.acknowledged < total || progress.acknowledged > done + 2 * READINGS_PER_WINDOW,
        }
    }

    /// How long after its cause a daemon is killed that is at work, at most: about as long as a batch, or a window.
    fn jitter(self) -> Duration {
        match self {
            Self::Daemon => Duration::from_millis(3),
            // Longer, and those who are killed first have done it all.
            Self::Broker => Duration::from_millis(6),
        }
    }
}

/// A backup that goes on while its daemon is killed.
struct Backup {
    folder: PathBuf,
    command: Child,
}

impl Backup {
    fn begin(site: &Site, number: u64) -> Self {
        let folder = site.path(&format!("backup-{number}"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_anomalyd"));
        command.args(["store", "backup", "--config"]).arg(site.config()).arg(&folder);
        let command = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        Self { folder, command }
    }

    /// Waits for its end. Whether it is complete; then a sound store can be made of it. What is not complete must be
    /// refused.
    fn ends_whole_or_not_at_all(mut self) -> bool {
        let is_complete = self.command.wait().unwrap().success();
        let restored = Site::new(&settings());
        let run = |arguments: &[&str], last: Option<&Path>| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_anomalyd"));
            command.args(arguments).arg("--config").arg(restored.config()).args(last).output().unwrap()
        };
        let restore = run(&["store", "restore"], Some(&self.folder));
        assert_eq!(restore.status.success(), is_complete, "{}", String::from_utf8_lossy(&restore.stderr));
        if is_complete {
            let check = run(&["store", "check"], None);
            assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stdout));
        }
        is_complete
    }
}

/// A random while up to `longest`.
fn up_to(rng: &mut Rng, longest: Duration) -> Duration {
    longest.mul_f64(rng.f64())
}

/// Publishes the readings to `port` as fast as they are taken while daemons are killed; the last one lives.
fn publish_under_kills(site: &Site, server: Server, port: u16, readings: &[SimulatedReading], seed: u64) -> Daemon {
    let mut rng = Rng::with_seed(seed);
    let (kills, total) = (kills(), readings.len() as u64);
    let [mut starting, mut working, mut busy] = [0; 3];
    let mut backups = 0;
    let mut daemon = site.start();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let publisher = runtime.block_on(plant::connect(port));
    thread::scope(|scope| {
        let device = scope.spawn(|| runtime.block_on(plant::publish(&publisher, readings)));
        for left in (1..=kills as u64).rev() {
            let done = || server.done(publisher.progress(), site);
            // Those who were before may have done it all.
            let nothing_is_left = || site.windows_with_predictions() >= windows(shifts());
            let before = done();
            // A share of what is left, so that there is work for those who come after.
            let share = (total.saturating_sub(before) * 3 / 2 / (left + 1)).max(1);
            let death = match rng.u8(0..4) {
                0 => Death::Starting(up_to(&mut rng, Duration::from_millis(30))),
                1 => Death::Working(before + rng.u64(1..=share), up_to(&mut rng, server.jitter())),
                2 => Death::Publishing(up_to(&mut rng, Duration::from_millis(5))),
                _ => Death::BackingUp(up_to(&mut rng, Duration::from_millis(300))),
            };
            let mut backup = None;
            match death {
                Death::Starting(while_) => thread::sleep(while_),
                Death::Working(target, while_) => {
                    at_once("more is done", || (done() >= target || nothing_is_left()).then_some(()));
                    thread::sleep(while_);
                }
                Death::Publishing(while_) => {
                    at_once("a run", || (daemon.said("run finished") > 0 || nothing_is_left()).then_some(()));
                    thread::sleep(while_);
                }
                Death::BackingUp(while_) => {
                    daemon.wait_until_ready();
                    backup = Some(Backup::begin(site, left));
                    thread::sleep(while_);
                }
            }
            let at_the_end = publisher.progress();
            daemon.kill();
            backups += usize::from(backup.is_some_and(|backup| backup.ends_whole_or_not_at_all()));
            match death {
                Death::Starting(_) => starting += usize::from(daemon.said("ready") == 0),
                _ => {
                    working += 1;
                    busy += usize::from(server.keeps_busy(at_the_end, total, done()));
                }
            }
            daemon = site.spawn();
        }
        println!(
            "killed {kills} times: {working} at work, {busy} of them with work left; {starting} before they were \
             ready; {backups} backups were complete; {:?}",
            publisher.progress()
        );
        // How many depends on how fast the machine is for each of three processes just then.
        assert!(busy > 0, "all were killed when they had nothing to do");
        device.join().unwrap();
    });
    runtime.block_on(plant::drain(publisher));
    // Those who were killed may have left it nothing to do, and before it is ready it does not stop in order.
    daemon.wait_until_ready();
    daemon
}

#[test]
fn a_daemon_with_a_listener_that_is_killed_again_and_again_says_what_an_undisturbed_one_says() {
    let readings = plant::readings_of(PLANT_SEED, shifts());
    let site = Site::new(&settings());
    let daemon = publish_under_kills(&site, Server::Daemon, site.port(), &readings, seed());
    legacy_of(&site, daemon, shifts()).assert_equals(&undisturbed(&readings, shifts()));
}

#[test]
fn a_daemon_behind_a_broker_that_is_killed_again_and_again_says_what_an_undisturbed_one_says() {
    let Some(broker) = Mosquitto::start("max_queued_messages 0") else { return };
    let readings = plant::readings_of(PLANT_SEED, shifts());
    let connect = format!("{{ port = {} }}", broker.port());
    let site = Site::new(&settings().without_listener().with("mqtt.connect", &connect));
    // From here on the broker keeps what comes while we are away.
    let mut first = site.start();
    first.wait_for("subscribed", |line| line["message"] == "subscribed");
    first.stop();
    let daemon = publish_under_kills(&site, Server::Broker, broker.port(), &readings, seed());
    legacy_of(&site, daemon, shifts()).assert_equals(&undisturbed(&readings, shifts()));
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
    legacy_of(&site, daemon, 1).assert_equals(&undisturbed(&readings, 1));
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
