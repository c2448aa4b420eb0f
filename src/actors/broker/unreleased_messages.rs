//! Which QoS 2 messages the broker may still send again.
//!
//! Until the broker releases a message's id, a message with that id is the same message, and must not count twice. The
//! content is compared as well, because a broker that lost its session in a crash may use the id for another message.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::packets::{Message, Payload};
use crate::ingest::packet::PacketId;

/// The QoS 2 messages of a session that were taken in and not released yet: at most one for each of 65,535 ids.
#[derive(Debug, Default)]
pub(super) struct UnreleasedMessages {
    contents: HashMap<PacketId, u64>,
}

impl UnreleasedMessages {
    /// Notes a message. `true` when it was taken in already.
    pub(super) fn is_repeated(&mut self, id: PacketId, message: &Message) -> bool {
        let mut hasher = DefaultHasher::new();
        message.topic.hash(&mut hasher);
        match &message.payload {
            Payload::Whole(payload) => payload.hash(&mut hasher),
            Payload::TooLarge { beginning, packet_bytes } => (beginning, packet_bytes).hash(&mut hasher),
        }
        let content = hasher.finish();
        self.contents.insert(id, content) == Some(content)
    }

    /// The broker knows that the message was taken in, and will use the id for another.
    pub(super) fn release(&mut self, id: u16) {
        if let Some(id) = PacketId::new(id) {
            self.contents.remove(&id);
        }
    }

    /// Forgets all messages: the session is gone, or it is in doubt whether they were stored.
    pub(super) fn forget(&mut self) {
        self.contents.clear();
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::ingest::packet::Delivery;

    #[test]
    fn a_message_is_repeated_until_its_id_is_released_or_used_for_another() {
        let id = PacketId::new(7).unwrap();
        let message = |payload: &'static str| Message {
            topic: Bytes::from_static(b"plant/a"),
            delivery: Delivery::ExactlyOnce(id),
            retained: false,
            payload: Payload::Whole(Bytes::from_static(payload.as_bytes())),
        };
        let mut unreleased = UnreleasedMessages::default();
        assert!(!unreleased.is_repeated(id, &message("1")));
        assert!(unreleased.is_repeated(id, &message("1")));
        assert!(!unreleased.is_repeated(id, &message("2")));
        unreleased.release(7);
        assert!(!unreleased.is_repeated(id, &message("2")));
        unreleased.forget();
        assert!(!unreleased.is_repeated(id, &message("2")));
    }
}
