//! Which QoS 2 messages a sender may still send again.
//!
//! Until the sender releases a message's id, a message with that id is the same one again: it must not count twice. The
//! content is compared as well, for a device that lost its power, or a broker that lost its session in a crash, may use an
//! id anew without a word: such a message must not be lost.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::ingest::packet::PacketId;

/// The QoS 2 messages of a session that were taken in and are not released yet, eight bytes each.
#[derive(Debug)]
pub(crate) struct UnreleasedMessages {
    max: usize,
    /// Each id with a digest of its message, in the order of the ids.
    digests: Vec<(PacketId, u32)>,
}

impl UnreleasedMessages {
    /// None yet, and at most so many: what is beyond them is not known again when it comes again.
    pub(crate) fn up_to(max: usize) -> Self {
        Self { max, digests: Vec::new() }
    }

    /// Notes a message; true when it was taken in already.
    pub(crate) fn is_repeated(&mut self, id: PacketId, content: impl Hash) -> bool {
        let mut hasher = DefaultHasher::new();
        content.hash(&mut hasher);
        let [a, b, c, d, ..] = hasher.finish().to_le_bytes();
        let digest = u32::from_le_bytes([a, b, c, d]);
        match self.place(id) {
            Ok(place) => std::mem::replace(&mut self.digests[place].1, digest) == digest,
            Err(place) => {
                if self.digests.len() < self.max {
                    self.digests.insert(place, (id, digest));
                }
                false
            }
        }
    }

    /// The sender knows that the message was taken in, and will use the id for another.
    pub(crate) fn release(&mut self, id: PacketId) {
        if let Ok(place) = self.place(id) {
            self.digests.remove(place);
        }
    }

    /// Forgets all: the session is gone, or what was taken in is in doubt.
    pub(crate) fn forget(&mut self) {
        self.digests.clear();
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.digests.len()
    }

    fn place(&self, id: PacketId) -> Result<usize, usize> {
        self.digests.binary_search_by_key(&id, |(noted, _)| *noted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u16) -> PacketId {
        PacketId::new(number).unwrap()
    }

    #[test]
    fn a_message_is_repeated_until_its_id_is_released_or_used_for_another() {
        let mut unreleased = UnreleasedMessages::up_to(10);
        let (first, second) = (("plant/a", "1"), ("plant/a", "2"));
        assert!(!unreleased.is_repeated(id(7), first));
        assert!(unreleased.is_repeated(id(7), first));
        assert!(!unreleased.is_repeated(id(6), first));
        assert!(!unreleased.is_repeated(id(7), second), "a sender that lost its memory uses the id anew");
        unreleased.release(id(7));
        assert!(!unreleased.is_repeated(id(7), second));
        unreleased.forget();
        assert!(!unreleased.is_repeated(id(7), second));
    }

    #[test]
    fn each_id_is_noted_by_itself_up_to_the_bound() {
        let mut unreleased = UnreleasedMessages::up_to(1000);
        let ids = || (1..=u16::MAX).rev().filter_map(PacketId::new);
        assert!(!ids().any(|id| unreleased.is_repeated(id, "1")));
        assert_eq!(unreleased.len(), 1000);
        assert_eq!(ids().filter(|id| unreleased.is_repeated(*id, "1")).count(), 1000);
        ids().step_by(2).for_each(|id| unreleased.release(id));
        assert_eq!(unreleased.len(), 500);
        assert_eq!(ids().take(1000).filter(|id| unreleased.is_repeated(*id, "1")).count(), 500);
    }
}
