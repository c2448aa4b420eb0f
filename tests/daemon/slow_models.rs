//! Files that do not come to their end, and models that are slow: they cost the others little, and are named.
//!
//! The daemon runs in the test's own process, so that fail points can hold it up. They are global: one test at a time.

use std::fs;
use std::net::TcpStream;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::device::Device;
use crate::support::in_process::InProcess;
use crate::support::settings::Settings;
use crate::support::site::Site;
use crate::support::{PATIENCE, alone, eventually, plant};
use anomalyd::config::Config;
use anomalyd::daemon::Daemon;
use anomalyd::telemetry::metrics;
use fail::FailScenario;

/// A daemon's place with two models, of which one does not come to its end.
struct Held {
    site: Site,
    config: Config,
}

const HELD: &str = "pump-2/flow";
const GOOD: &str = "press-1/flow";

impl Held {
    fn new() -> Self {
        let settings = plant::settings()
            .with("models.settle", "\"10ms\"")
            .with("models.look_every", "\"10ms\"")
            .with("models.deadline", "\"100ms\"");
        let site = Site::new(&settings);
        fs::create_dir(site.path("models")).unwrap();
        site.configure(&Settings::with_text(settings, "models.directory", site.path("models")));
        let config = Config::read(&site.config()).unwrap();
        let held = Self { site, config };
        held.put(HELD, "p2_scale_1d.pkl");
        held.put(GOOD, "p2_scale_1d.pkl");
        held
    }

    fn path(&self, sensor: &str) -> PathBuf {
        self.site.path("models").join(format!("model_{}.pkl", sensor.replace('/', "_")))
    }

    fn put(&self, sensor: &str, sample: &str) {
        let beside = self.site.path("models/.new");
        fs::copy(format!("{}/tests/samples/{sample}", env!("CARGO_MANIFEST_DIR")), &beside).unwrap();
        fs::rename(&beside, self.path(sensor)).unwrap();
    }
}

async fn until(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[test]
fn a_file_that_does_not_end_holds_up_neither_start_nor_change_nor_stop_and_is_tried_again_once_it_has_ended() {
    let _alone = alone();
    let scenario = FailScenario::setup();
    let held = Held::new();
    // Once: what follows is not held up.
    fail::cfg(format!("model::load {HELD}"), "1*sleep(4000)->off").unwrap();
    let (changed, late) = (metrics::MODELS_CHANGED.get(), metrics::READS_LATE.get());
    actix_rt::System::new().block_on(async {
        let began = Instant::now();
        let daemon = Daemon::start(&held.config).await.unwrap();
        assert!(began.elapsed() < Duration::from_secs(2), "the start waited: {:?}", began.elapsed());
        until("models are counted", || metrics::MODELS_LOADED.get() == 1).await;
        assert_eq!(metrics::MODELS_BROKEN.get(), 1);
        assert_eq!((metrics::READS_LATE.get() - late, metrics::READERS_ABANDONED.get()), (1, 1));

        held.put(GOOD, "p4_bare_1d.pkl");
        until("a good model is put to work", || metrics::MODELS_CHANGED.get() - changed == 1).await;
        assert!(began.elapsed() < Duration::from_secs(3), "the change waited: {:?}", began.elapsed());
        assert_eq!(metrics::READERS_ABANDONED.get(), 1);

        until("the file is read at last", || metrics::MODELS_LOADED.get() == 2).await;
        assert_eq!((metrics::MODELS_BROKEN.get(), metrics::READERS_ABANDONED.get()), (0, 0));
        assert_eq!(metrics::READS_LATE.get() - late, 1, "while it was held up it was not tried again");

        fail::cfg(format!("model::load {HELD}"), "1*sleep(4000)->off").unwrap();
        held.put(HELD, "p4_bare_1d.pkl");
        until("the changed file holds up its reader", || metrics::READERS_ABANDONED.get() == 1).await;
        let stopping = Instant::now();
        daemon.stop().await.unwrap();
        assert!(stopping.elapsed() < Duration::from_secs(2), "the stop waited: {:?}", stopping.elapsed());
        actix_rt::System::current().stop();
    });
    scenario.teardown();
    // The thread is at it still: the next test counts such threads.
    crate::support::eventually("the thread ends", || (metrics::READERS_ABANDONED.get() == 0).then_some(()));
}

#[test]
fn what_cannot_be_read_for_want_of_a_descriptor_is_tried_again_though_nothing_changes() {
    let _alone = alone();
    let scenario = FailScenario::setup();
    let held = Held::new();
    actix_rt::System::new().block_on(async {
        // The folder at the start, and then a file.
        fail::cfg("model::folder", "1*return->off").unwrap();
        fail::cfg(format!("model::load {HELD}"), "1*return->off").unwrap();
        let looks = metrics::MODEL_LOOKS.get();
        let daemon = Daemon::start(&held.config).await.unwrap();
        assert_eq!(metrics::MODEL_LOOKS.get() - looks, 1, "the start went on without models");
        until("the folder is read, and one of its files", || metrics::MODELS_LOADED.get() == 1).await;
        until("the other is read", || (metrics::MODELS_LOADED.get(), metrics::MODELS_BROKEN.get()) == (2, 0)).await;

        // A file that has changed: the model before stays at work until it can be read.
        let changed = metrics::MODELS_CHANGED.get();
        fail::cfg(format!("model::load {GOOD}"), "2*return->off").unwrap();
        held.put(GOOD, "p4_bare_1d.pkl");
        until("the changed file is read", || metrics::MODELS_CHANGED.get() - changed == 1).await;
        assert_eq!((metrics::MODELS_LOADED.get(), metrics::MODELS_BROKEN.get()), (2, 0));
        daemon.stop().await.unwrap();
        actix_rt::System::current().stop();
    });
    scenario.teardown();
}

#[test]
fn a_file_that_does_not_end_does_not_hold_up_the_check_which_says_what_to_do() {
    let _alone = alone();
    let scenario = FailScenario::setup();
    let held = Held::new();
    fail::cfg(format!("model::load {HELD}"), "1*sleep(2000)->off").unwrap();
    let (began, mut said) = (Instant::now(), Vec::new());
    anomalyd::cli::check::run(&anomalyd::cli::check::Args { config: held.site.config(), groups: false }, &mut said)
        .unwrap();
    assert!(began.elapsed() < Duration::from_millis(1500), "{:?}", began.elapsed());
    let said = String::from_utf8(said).unwrap();
    assert!(said.contains("model_pump-2_flow.pkl: was not read within 100ms; raise models.deadline"), "{said}");
    assert!(said.contains("1 usable model"), "{said}");
    crate::support::eventually("the thread ends", || (metrics::READERS_ABANDONED.get() == 0).then_some(()));
    scenario.teardown();
}

#[test]
fn a_reading_is_acknowledged_while_the_models_are_still_being_read() {
    let _alone = alone();
    let scenario = FailScenario::setup();
    let held = Held::new();
    held.site.configure(
        &plant::settings().with("models.deadline", "\"1m\"").with_text("models.directory", held.site.path("models")),
    );
    fail::cfg(format!("model::load {HELD}"), "pause").unwrap();
    thread::scope(|scope| {
        let daemon = scope.spawn(|| InProcess::start(&held.site));
        let device = eventually("the port is open", || TcpStream::connect(("127.0.0.1", held.site.port())).ok());
        device.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut device = Device(device);
        device.say(b"\x10\x10\x00\x04MQTT\x04\x02\x00\x00\x00\x04pump");
        device.expect(b"\x20\x02\x00\x00");
        device.publish("plant/pump-2/flow", br#"{"ts":"2026-03-02T06:00:00Z","value":145.5}"#);
        assert!(!daemon.is_finished(), "the models were read already");
        fail::remove(format!("model::load {HELD}"));
        drop(daemon.join().unwrap());
    });
    scenario.teardown();
}
