//! Acknowledgements that wait for their batch to be durable.

use crate::actors::intake::Promise;
use crate::store::Committed;

/// The acknowledgements of a batch, locked away until the batch is on the disk.
///
/// They come out only against a [`Committed`], and only a commit makes one.
#[derive(Debug)]
pub(crate) struct Held<A> {
    acks: A,
    promise: Promise,
}

/// The batch was not made durable: what it held must not be acknowledged, so that it is sent again.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the messages could not be stored; they are left unacknowledged, to be sent again")]
pub(crate) struct NotCommitted;

impl<A> Held<A> {
    /// Holds the acknowledgements of the batch whose commit was promised.
    pub(crate) fn new(acks: A, promise: Promise) -> Self {
        Self { acks, promise }
    }

    /// Waits for the commit. Nothing is lost when the future is dropped before it is ready.
    pub(crate) async fn committed(&mut self) -> Result<Committed, NotCommitted> {
        (&mut self.promise).await.map_err(|_| NotCommitted)
    }

    /// The proof if it is there already; `None` while the commit goes on.
    pub(crate) fn try_committed(&mut self) -> Option<Result<Committed, NotCommitted>> {
        match self.promise.try_recv() {
            Ok(committed) => Some(Ok(committed)),
            Err(tokio::sync::oneshot::error::TryRecvError::Empty) => None,
            Err(tokio::sync::oneshot::error::TryRecvError::Closed) => Some(Err(NotCommitted)),
        }
    }

    /// Locks away more along with them.
    pub(crate) fn add(&mut self, add: impl FnOnce(&mut A)) {
        add(&mut self.acks);
    }

    /// The acknowledgements, against proof that they may be sent.
    pub(crate) fn release(self, _proof: Committed) -> A {
        self.acks
    }
}
