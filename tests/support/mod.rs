//! What the integration tests share: a daemon as a child process, a broker, the shipped configuration.

#![allow(dead_code, reason = "each test binary uses its part")]

pub(crate) mod daemon;
pub(crate) mod device;
pub(crate) mod format_1;
pub(crate) mod http;
pub(crate) mod in_process;
pub(crate) mod legacy;
pub(crate) mod line;
pub(crate) mod mosquitto;
pub(crate) mod plant;
pub(crate) mod reference;
pub(crate) mod settings;
pub(crate) mod site;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How long a test waits for what must come: far longer than it takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Held by a test that runs a daemon in this process: fail points count for all of the process.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits until `poll` has something.
pub(crate) fn eventually<T>(what: &str, poll: impl FnMut() -> Option<T>) -> T {
    poll_every(Duration::from_millis(5), what, poll)
}

/// Waits until `poll` has something, and looks so often that what follows comes right after it.
pub(crate) fn at_once<T>(what: &str, poll: impl FnMut() -> Option<T>) -> T {
    poll_every(Duration::from_micros(50), what, poll)
}

fn poll_every<T>(pause: Duration, what: &str, mut poll: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = poll() {
            return found;
        }
        assert!(Instant::now() < end, "waited for {} s in vain: {what}", PATIENCE.as_secs());
        thread::sleep(pause);
    }
}
