//! What the answers are made from, and how many long ones go on.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::sync::Notify;

use crate::actors::committer::Commands;
use crate::actors::importer::Importer;
use crate::overview::Overview;
use crate::telemetry::metrics;

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
    /// Takes imported readings in.
    pub importer: Importer,
}

/// The long answers that go on.
#[derive(Debug)]
pub(super) struct LongAnswers {
    max: usize,
    /// The processes that they go to.
    processes: Mutex<HashSet<Option<i32>>>,
}

/// The right to one long answer, until this is dropped.
#[derive(Debug)]
pub(super) struct AnswerPermit {
    answers: Arc<LongAnswers>,
    process: Option<i32>,
}

/// Why there is no long answer now.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(super) enum Busy {
    #[error("another long answer to this process goes on; wait for its end")]
    SameProcess,
    #[error("{max} long answers go on, the most at once (socket.max_answers); wait for the end of one")]
    Full { max: usize },
}

impl LongAnswers {
    pub(super) fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { max, processes: Mutex::default() })
    }

    /// Begins a long answer to a process.
    pub(super) fn begin(self: &Arc<Self>, process: Option<i32>) -> Result<AnswerPermit, Busy> {
        let mut processes = self.processes.lock().unwrap_or_else(PoisonError::into_inner);
        if processes.len() >= self.max {
            return Err(Busy::Full { max: self.max });
        }
        if !processes.insert(process) {
            return Err(Busy::SameProcess);
        }
        metrics::LONG_ANSWERS.set(processes.len() as u64);
        Ok(AnswerPermit { answers: Arc::clone(self), process })
    }
}

impl Drop for AnswerPermit {
    fn drop(&mut self) {
        let mut processes = self.answers.processes.lock().unwrap_or_else(PoisonError::into_inner);
        processes.remove(&self.process);
        metrics::LONG_ANSWERS.set(processes.len() as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_one_long_answer_and_all_together_have_so_many() {
        let answers = LongAnswers::new(2);
        let first = answers.begin(Some(1)).unwrap();
        assert_eq!(answers.begin(Some(1)).unwrap_err(), Busy::SameProcess);
        let second = answers.begin(Some(2)).unwrap();
        assert_eq!(answers.begin(Some(3)).unwrap_err(), Busy::Full { max: 2 });
        drop(first);
        let _third = answers.begin(Some(1)).unwrap();
        drop(second);
    }
}
