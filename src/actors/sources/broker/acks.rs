//! Acknowledgements to the broker.

use rumqttc::{Packet, PubAck, PubRec};

use crate::ingest::packet::Delivery;
use crate::store::Committed;

/// A connection's number, counted from the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Epoch(u64);

impl Epoch {
    pub(super) fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// Acknowledgements of messages that came on one connection, in the order of the messages.
///
/// On another connection they would acknowledge other messages with the same ids.
#[derive(Debug)]
pub(super) struct BrokerAcks {
    epoch: Epoch,
    acks: Vec<Ack>,
}

#[derive(Clone, Copy, Debug)]
enum Ack {
    PubAck(u16),
    PubRec(u16),
}

impl BrokerAcks {
    pub(super) fn of(epoch: Epoch) -> Self {
        Self { epoch, acks: Vec::new() }
    }

    /// Adds what a message asks for: PUBACK, PUBREC or nothing.
    pub(super) fn message(&mut self, delivery: Delivery) {
        self.acks.extend(match delivery {
            Delivery::AtMostOnce => None,
            Delivery::AtLeastOnce(id) => Some(Ack::PubAck(id.get())),
            Delivery::ExactlyOnce(id) => Some(Ack::PubRec(id.get())),
        });
    }

    /// About how much memory the acknowledgements take.
    pub(super) fn size_bytes(&self) -> usize {
        self.acks.len() * size_of::<Ack>()
    }

    /// The packets to send on the connection `now`; none when the messages came on an earlier connection. `_proof`
    /// shows that the messages are on the disk.
    pub(super) fn into_packets(self, now: Epoch, _proof: Committed) -> impl ExactSizeIterator<Item = Packet> {
        let acks = if self.epoch == now { self.acks } else { Vec::new() };
        acks.into_iter().map(|ack| match ack {
            Ack::PubAck(id) => Packet::PubAck(PubAck::new(id)),
            Ack::PubRec(id) => Packet::PubRec(PubRec::new(id)),
        })
    }
}
