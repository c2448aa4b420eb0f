//! The demo's simulated plant and its models, as a history for a daemon with an event clock.

use std::path::PathBuf;
use std::time::Duration;

use anomalyd::cli::demo::simulation::{SimulatedReading, Simulation};
use anomalyd::cli::publish::{Publisher, Settings as PublisherSettings, json_payload};

use super::PATIENCE;
use super::settings::Settings;

/// The demo's models.
pub(crate) fn models() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "examples/demo/models"].iter().collect()
}

/// Settings for a history of the plant: an event clock, and windows of ten minutes, scored as soon as they are over.
pub(crate) fn settings() -> Settings {
    Settings::shipped()
        .with("clock", "\"event\"")
        .with("window.length", "\"10m\"")
        .with("schedule.cron", "\"0 */10 * * * *\"")
        .with("schedule.event_idle", "\"never\"")
        .with("store.keep_intervals", "\"640m\"")
        .with("publish.files.decisions", "true")
        .with_text("models.directory", models())
}

/// The readings of six hours and ten minutes: 36 windows, and what makes the clock pass them.
pub(crate) fn readings(seed: u64) -> Vec<SimulatedReading> {
    Simulation::new(seed).readings().collect()
}

/// The readings of so many plants, one after the other, each for six hours, and what makes the clock pass their windows.
pub(crate) fn readings_of(seed: u64, shifts: u32) -> Vec<SimulatedReading> {
    let mut readings = Vec::new();
    for shift in 0..shifts {
        let simulation = Simulation::new(seed + u64::from(shift));
        let (start, end) = simulation.span();
        let later = end.since(start).times(i64::from(shift));
        let own = simulation.readings().take_while(|reading| reading.time < end || shift + 1 == shifts);
        readings.extend(own.map(|reading| SimulatedReading { time: reading.time + later, ..reading }));
    }
    readings
}

/// The end of the last of their windows, as in the names of prediction files.
pub(crate) fn last_window_end(shifts: u32) -> String {
    let (start, end) = Simulation::new(0).span();
    let end = start + end.since(start).times(i64::from(shifts));
    end.to_string().chars().filter(char::is_ascii_digit).skip(2).collect()
}

/// The start of the last of those windows.
pub(crate) const LAST_WINDOW: &str = "2026-03-02T11:50:00Z";
/// Its end, as in the names of prediction files.
pub(crate) const LAST_WINDOW_END: &str = "260302120000";

/// A device that survives restarts of its server.
pub(crate) async fn connect(port: u16) -> Publisher {
    let server = anomalyd::cli::publish::url::ServerUrl::local(port);
    let settings = PublisherSettings { patience: 2 * PATIENCE, ..PublisherSettings::new(server, "plant") };
    Publisher::connect(settings, PATIENCE).await.unwrap()
}

/// Hands readings over.
pub(crate) async fn publish(publisher: &Publisher, readings: &[SimulatedReading]) {
    for SimulatedReading { sensor, time, value } in readings {
        publisher.publish(&sensor.fill("plant/{device}/{sensor}"), json_payload(*time, *value)).await.unwrap();
    }
}

/// Waits until everything is acknowledged.
pub(crate) async fn drain(publisher: Publisher) {
    let summary = publisher.drain(PATIENCE).await;
    assert_eq!((summary.unacknowledged(), &summary.failure), (0, &None), "{summary:?}");
}

/// Publishes readings to a port, and waits until all are acknowledged.
pub(crate) fn publish_all(port: u16, readings: &[SimulatedReading]) {
    block_on(async {
        let publisher = connect(port).await;
        publish(&publisher, readings).await;
        drain(publisher).await;
    });
}

/// Runs a client to its end.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(Duration::from_secs(180), future).await.unwrap() })
}
