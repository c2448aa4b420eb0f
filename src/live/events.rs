//! What happens, as it happens, for those who listen. When nobody does, telling costs a look at a counter.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::broadcast;

use crate::reading::Reading;
use crate::run::{Run, RunId};
use crate::sensor::SensorId;
use crate::store::StoredReject;
use crate::verdict::Verdict;

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Happening {
    /// Readings count, and are on the disk.
    Readings(Arc<[Reading]>),
    /// Verdicts of a run were handed over to the store.
    Verdicts(RunId, Arc<[Verdict]>),
    /// A run began or ended.
    Run(Arc<Run>),
    /// Inputs were not accepted.
    Rejects(Arc<[StoredReject]>),
    /// What is known of a sensor's model changed.
    Model(SensorId),
}

/// Tells what happens to those who listen.
#[derive(Debug)]
pub struct Events {
    sender: broadcast::Sender<Happening>,
    listening: Arc<AtomicUsize>,
}

/// Somebody who listens.
#[derive(Debug)]
pub struct Listening {
    receiver: broadcast::Receiver<Happening>,
    listening: Arc<AtomicUsize>,
}

/// How many happenings wait for the slowest listener; then it misses the oldest.
const WAITING: usize = 256;

impl Default for Events {
    fn default() -> Self {
        Self { sender: broadcast::Sender::new(WAITING), listening: Arc::default() }
    }
}

impl Events {
    /// Whether anybody listens.
    pub fn is_heard(&self) -> bool {
        self.listening.load(Ordering::Relaxed) > 0
    }

    /// Tells those who listen; `happening` is made only when somebody does.
    pub fn tell(&self, happening: impl FnOnce() -> Happening) {
        if self.is_heard() {
            // Nobody may be left by now.
            let _ = self.sender.send(happening());
        }
    }

    /// Listens from now on.
    pub fn listen(&self) -> Listening {
        self.listening.fetch_add(1, Ordering::Relaxed);
        Listening { receiver: self.sender.subscribe(), listening: Arc::clone(&self.listening) }
    }
}

impl Listening {
    /// The next happening, or how many were missed; `None` when the daemon ends.
    pub async fn next(&mut self) -> Option<Result<Happening, u64>> {
        match self.receiver.recv().await {
            Ok(happening) => Some(Ok(happening)),
            Err(broadcast::error::RecvError::Lagged(missed)) => Some(Err(missed)),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.listening.fetch_sub(1, Ordering::Relaxed);
    }
}
