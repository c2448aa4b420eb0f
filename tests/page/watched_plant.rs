//! A daemon that has the history of the demo's plant behind it, and serves the page.

use anomalyd::cli::demo::simulation::SimulatedReading;
use anomalyd::time::Timestamp;

use crate::support::daemon::Daemon;
use crate::support::plant;
use crate::support::site::{Site, free_port};

/// A daemon with 35 windows of the plant. Seed 7 makes the same faults in each run.
pub(crate) struct WatchedPlant {
    daemon: Daemon,
    _site: Site,
    port: u16,
}

impl WatchedPlant {
    /// With all of its history: the faults are over.
    pub(crate) fn start() -> Self {
        Self::start_with(&plant::readings(7), plant::LAST_WINDOW)
    }

    /// At 11:25, while a valve is stuck.
    pub(crate) fn start_in_trouble() -> Self {
        let now = Timestamp::parse("2026-03-02T11:25:00Z").unwrap();
        let readings: Vec<_> = plant::readings(7).into_iter().take_while(|reading| reading.time < now).collect();
        Self::start_with(&readings, "2026-03-02T11:10:00Z")
    }

    fn start_with(readings: &[SimulatedReading], last_window: &str) -> Self {
        let port = free_port();
        let settings = plant::settings().with("http.listen", &format!("\"127.0.0.1:{port}\""));
        let site = Site::new(&settings);
        let mut daemon = site.start();
        plant::publish_all(site.port(), readings);
        daemon.wait_until_published("files", last_window);
        Self { daemon, _site: site, port }
    }

    /// The address of a view, such as `now`.
    pub(crate) fn view(&self, name: &str) -> String {
        format!("http://127.0.0.1:{}/#/{name}", self.port)
    }

    /// Ends the daemon as a crash would.
    pub(crate) fn kill(&mut self) {
        self.daemon.kill();
    }
}
