//! What the answers are made from, and how many long ones go on.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::sync::Notify;

use super::peer::Peer;
use crate::actors::committer::Commands;
use crate::actors::scoring::release::ModelRelease;
use crate::actors::sources::importer::Importer;
use crate::overview::Overview;
use crate::telemetry::metrics::Metric;

/// What the answers are made from.
pub struct Api {
    /// The folder of the store: a command looks for the daemon that has this store.
    pub store: PathBuf,
    /// Knows the answers that are read from the store, and from what the running parts show.
    pub overview: Overview,
    /// When the process began to count what it writes.
    pub started: Instant,
    /// The commands of the committer.
    pub commands: Commands,
    /// Told to look at the model files at once.
    pub look_at_models: Arc<Notify>,
    /// Has models released.
    pub release: ModelRelease,
    /// Takes imported readings in.
    pub importer: Importer,
}

/// The long answers that go on over the socket, or over the port.
#[derive(Debug)]
pub(super) struct LongAnswers {
    max: usize,
    /// The key that bounds them.
    key: &'static str,
    gauge: &'static Metric,
    peers: Mutex<HashSet<Peer>>,
}

/// The right to one long answer, until this is dropped.
#[derive(Debug)]
pub(super) struct AnswerPermit {
    answers: Arc<LongAnswers>,
    peer: Peer,
}

/// Why there is no long answer now.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(super) enum Busy {
    #[error("another long answer to this client goes on; wait for its end")]
    SameClient,
    #[error("{max} long answers go on, the most at once ({key}); wait for the end of one")]
    Full { max: usize, key: &'static str },
}

impl LongAnswers {
    pub(super) fn new(max: usize, key: &'static str, gauge: &'static Metric) -> Arc<Self> {
        Arc::new(Self { max, key, gauge, peers: Mutex::default() })
    }

    /// Begins a long answer.
    pub(super) fn begin(self: &Arc<Self>, peer: Peer) -> Result<AnswerPermit, Busy> {
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        if peers.len() >= self.max {
            return Err(Busy::Full { max: self.max, key: self.key });
        }
        if !peers.insert(peer) {
            return Err(Busy::SameClient);
        }
        self.gauge.set(peers.len() as u64);
        Ok(AnswerPermit { answers: Arc::clone(self), peer })
    }
}

impl Drop for AnswerPermit {
    fn drop(&mut self) {
        let mut peers = self.answers.peers.lock().unwrap_or_else(PoisonError::into_inner);
        peers.remove(&self.peer);
        self.answers.gauge.set(peers.len() as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::metrics;

    #[test]
    fn a_client_has_one_long_answer_and_all_together_have_so_many() {
        let answers = LongAnswers::new(2, "socket.max_answers", &metrics::LONG_ANSWERS);
        let [first, second, third] = [1, 2, 3].map(|process| Peer::Process(Some(process)));
        let permit = answers.begin(first).unwrap();
        assert_eq!(answers.begin(first).unwrap_err(), Busy::SameClient);
        let other = answers.begin(second).unwrap();
        assert_eq!(answers.begin(third).unwrap_err(), Busy::Full { max: 2, key: "socket.max_answers" });
        drop(permit);
        let _third = answers.begin(first).unwrap();
        drop(other);
    }
}
