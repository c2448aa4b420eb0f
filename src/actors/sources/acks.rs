//! Acknowledgements that wait for their batch to be durable.
//!
//! The types enforce the rule that nothing is acknowledged before it is durable: acknowledgements can be collected at
//! any time, but become bytes to send only against a [`Committed`], and only a commit makes a [`Committed`].

use crate::actors::sources::intake::Promise;
use crate::ingest::packet::{Delivery, PacketId, puback, pubcomp, pubrec};
use crate::store::Committed;

/// The acknowledgements of a batch, together with the promise that the batch will be on the disk.
#[derive(Debug)]
pub(crate) struct Held<A> {
    acks: A,
    promise: Promise,
}

/// The batch was not made durable: its messages must not be acknowledged, so that they are sent again.
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

    /// The result of the commit; `None` while the commit goes on.
    pub(crate) fn try_committed(&mut self) -> Option<Result<Committed, NotCommitted>> {
        match self.promise.try_recv() {
            Ok(committed) => Some(Ok(committed)),
            Err(tokio::sync::oneshot::error::TryRecvError::Empty) => None,
            Err(tokio::sync::oneshot::error::TryRecvError::Closed) => Some(Err(NotCommitted)),
        }
    }

    /// Gives up waiting. The acknowledgements ask for the proof themselves.
    pub(crate) fn into_acks(self) -> A {
        self.acks
    }
}

/// Acknowledgements to a device, in the order in which they will be written.
#[derive(Debug, Default)]
pub(crate) struct DeviceAcks {
    bytes: Vec<u8>,
    messages: usize,
}

impl DeviceAcks {
    /// Adds what a message asks for: PUBACK, PUBREC or nothing.
    pub(crate) fn message(&mut self, delivery: Delivery) {
        let bytes = match delivery {
            Delivery::AtMostOnce => return,
            Delivery::AtLeastOnce(id) => puback(id),
            Delivery::ExactlyOnce(id) => pubrec(id),
        };
        self.bytes.extend(bytes);
        self.messages += 1;
    }

    /// Adds a PUBCOMP that must not overtake the PUBREC before it.
    pub(crate) fn release(&mut self, id: PacketId) {
        self.bytes.extend(pubcomp(id));
    }

    /// Whether there is nothing to write.
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// How many messages are acknowledged.
    pub(crate) fn messages(&self) -> usize {
        self.messages
    }

    /// The acknowledgements as bytes to write. `_proof` shows that their batch is on the disk.
    pub(crate) fn into_bytes(self, _proof: Committed) -> Vec<u8> {
        self.bytes
    }
}
