//! A daemon that has the history of the demo's plant behind it, and serves the page.

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
    pub(crate) fn start() -> Self {
        let port = free_port();
        let settings = plant::settings().with("http.listen", &format!("\"127.0.0.1:{port}\""));
        let site = Site::new(&settings);
        let mut daemon = site.start();
        plant::publish_all(site.port(), &plant::readings(7));
        daemon.wait_until_published("files", plant::LAST_WINDOW);
        Self { daemon: daemon, _site: site, port }
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
