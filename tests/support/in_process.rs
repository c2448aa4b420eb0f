//! A daemon in the test's own process, so that fail points reach it.

use std::fs::File;
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anomalyd::config::Config;
use anomalyd::daemon::Daemon;

use super::PATIENCE;
use super::site::Site;

/// A daemon on a thread of its own. Stopped when it is dropped.
pub(crate) struct InProcess {
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
    /// The store's lock.
    lock: PathBuf,
}

impl InProcess {
    pub(crate) fn start(site: &Site) -> Self {
        let config = Config::read(&site.config()).unwrap();
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let (ready, started) = mpsc::channel();
        let thread = thread::spawn(move || {
            actix_rt::System::new().block_on(async {
                let daemon = Daemon::start(&config).await.unwrap();
                ready.send(()).unwrap();
                let _ = stopped.await;
                // A disk that is held lets nothing stop in time; that is as good as a kill.
                let _ = daemon.stop().await;
                actix_rt::System::current().stop();
            });
        });
        started.recv_timeout(PATIENCE).unwrap();
        Self { stop: Some(stop), thread: Some(thread), lock: site.path("store/lock") }
    }
}

impl Drop for InProcess {
    fn drop(&mut self) {
        drop(self.stop.take());
        let _ = self.thread.take().map(thread::JoinHandle::join);
        // A thread that looks at the store for the daemon may outlive it by a moment, which the end of a process does not allow.
        let end = Instant::now() + PATIENCE;
        let is_locked = || File::open(&self.lock).is_ok_and(|lock| lock.try_lock().is_err());
        while is_locked() && Instant::now() < end {
            thread::sleep(Duration::from_millis(5));
        }
    }
}
