//! Which QoS 2 messages a client may still send again.

use crate::ingest::packet::PacketId;

/// The ids of QoS 2 messages that came and were not released yet: a bit each, once there is one.
#[derive(Default)]
pub(super) struct Unreleased(Option<Box<[u64; 1 << 10]>>);

impl Unreleased {
    /// Notes an id; false when it was noted already.
    pub(super) fn insert(&mut self, id: PacketId) -> bool {
        let words = self.0.get_or_insert_with(|| Box::new([0; 1 << 10]));
        let (word, bit) = Self::place(id);
        let new = words[word] & bit == 0;
        words[word] |= bit;
        new
    }

    pub(super) fn remove(&mut self, id: PacketId) {
        if let Some(words) = &mut self.0 {
            let (word, bit) = Self::place(id);
            words[word] &= !bit;
        }
    }

    fn place(id: PacketId) -> (usize, u64) {
        (usize::from(id.get() >> 6), 1 << (id.get() & 63))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_id_is_noted_by_itself_until_it_is_released() {
        let mut unreleased = Unreleased::default();
        let ids = || (1..=u16::MAX).filter_map(PacketId::new);
        assert!(ids().all(|id| unreleased.insert(id)));
        assert!(!ids().any(|id| unreleased.insert(id)));
        ids().step_by(3).for_each(|id| unreleased.remove(id));
        assert!(ids().enumerate().all(|(index, id)| unreleased.insert(id) == (index % 3 == 0)));
    }
}
