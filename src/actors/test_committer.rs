//! A committer for tests of the sources: it stores nothing, and commits when the test says so.

use std::collections::HashSet;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crossbeam_channel::Receiver;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::actors::sources::intake::{Intake, SessionLifetime, SessionPresent, Submission};
use crate::actors::sources::source::DecoderFactory;
use crate::ingest::decoder::Decoder;
use crate::ingest::filter::PlausibleTimes;
use crate::ingest::topic_memory::TopicMemory;
use crate::sensor::SensorDirectory;
use crate::store::Committed;
use crate::time::Timestamp;

/// Longer than any step of a test that succeeds.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) struct TestCommitter(pub(crate) Receiver<Submission>);

/// A commit that waits until the test releases it.
pub(crate) struct HeldCommit {
    done: oneshot::Sender<Committed>,
    _permit: OwnedSemaphorePermit,
}

impl HeldCommit {
    pub(crate) fn commit(self) {
        let _ = self.done.send(Committed::for_test());
    }
}

impl TestCommitter {
    pub(crate) fn new(capacity_bytes: u32) -> (Intake, Self) {
        let (intake, submissions) = Intake::new(capacity_bytes);
        (intake, Self(submissions))
    }

    /// The next batch, with its commit held back. Sessions that are opened before it are confirmed as new.
    pub(crate) fn next(&self) -> HeldCommit {
        loop {
            match self.0.recv_timeout(PATIENCE).expect("nothing was submitted") {
                Submission::Batch { done, permit, .. } => return HeldCommit { done, _permit: permit },
                Submission::Session { done, .. } => drop(done.send(SessionPresent::No)),
                Submission::Subscriptions { done, .. } => drop(done.send(Committed::for_test())),
                Submission::SessionUse { .. } | Submission::SessionLeft { .. } => {}
            }
        }
    }

    /// Opens the next session as the store would.
    pub(crate) fn open_session(&self, present: SessionPresent) -> (String, SessionLifetime) {
        loop {
            match self.0.recv_timeout(PATIENCE).expect("nothing was submitted") {
                Submission::SessionUse { .. } => panic!("a session is in use that was not opened"),
                Submission::SessionLeft { .. } => {}
                Submission::Session { client, lifetime, done, .. } => {
                    let _ = done.send(present);
                    return (client, lifetime);
                }
                Submission::Batch { .. } | Submission::Subscriptions { .. } => {
                    panic!("something came before the session")
                }
            }
        }
    }

    /// From here on commits everything at once, and remembers sessions.
    pub(crate) fn commit_all(self) {
        thread::spawn(move || {
            let mut sessions = HashSet::new();
            for submission in self.0 {
                match submission {
                    Submission::Batch { done, .. } | Submission::Subscriptions { done, .. } => {
                        let _ = done.send(Committed::for_test());
                    }
                    Submission::SessionUse { .. } | Submission::SessionLeft { .. } => {}
                    Submission::Session { client, lifetime, done, .. } => {
                        let known = match lifetime {
                            SessionLifetime::Persistent => !sessions.insert(client),
                            SessionLifetime::Connection => sessions.remove(&client),
                        };
                        let _ = done.send(if known { SessionPresent::Yes } else { SessionPresent::No });
                    }
                }
            }
        });
    }
}

/// Decoders without routes: whatever comes is a reject.
pub(crate) fn decoders() -> DecoderFactory {
    let times = PlausibleTimes { earliest: Timestamp::MIN, latest: Timestamp::MAX, max_ahead: None };
    let directory = Arc::new(SensorDirectory::new(100, Vec::new()));
    let memory = TopicMemory::new(1 << 20);
    Arc::new(move || Decoder::new([].into(), [].into(), times, Arc::clone(&directory), &memory))
}
