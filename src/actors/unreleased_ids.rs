//! Which QoS 2 messages a sender may still send again.

use crate::ingest::packet::PacketId;

/// The ids of QoS 2 messages that were taken in and are not released yet: one bit an id, allocated with the first id.
#[derive(Debug, Default)]
pub(crate) struct UnreleasedIds(Option<Box<[u64; 1 << 10]>>);

impl UnreleasedIds {
    /// Notes an id. `false` when it was noted already.
    pub(crate) fn insert(&mut self, id: PacketId) -> bool {
        let words = self.0.get_or_insert_with(|| Box::new([0; 1 << 10]));
        let (word, bit) = Self::place(id);
        let new = words[word] & bit == 0;
        words[word] |= bit;
        new
    }

    pub(crate) fn remove(&mut self, id: PacketId) {
        if let Some(words) = &mut self.0 {
            let (word, bit) = Self::place(id);
            words[word] &= !bit;
        }
    }

    /// The ids, in their order.
    pub(crate) fn ids(&self) -> impl Iterator<Item = PacketId> {
        let words = self.0.iter().flat_map(|words| (0_u16..).zip(words.iter()));
        words.filter(|(_, word)| **word != 0).flat_map(|(index, word)| {
            (0..64).filter(move |bit| word >> bit & 1 == 1).filter_map(move |bit| PacketId::new(index << 6 | bit))
        })
    }

    fn place(id: PacketId) -> (usize, u64) {
        (usize::from(id.get() >> 6), 1 << (id.get() & 63))
    }
}

impl FromIterator<PacketId> for UnreleasedIds {
    fn from_iter<I: IntoIterator<Item = PacketId>>(ids: I) -> Self {
        let mut unreleased = Self::default();
        for id in ids {
            unreleased.insert(id);
        }
        unreleased
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_id_is_noted_by_itself_until_it_is_released() {
        let mut unreleased = UnreleasedIds::default();
        let ids = || (1..=u16::MAX).filter_map(PacketId::new);
        assert!(ids().all(|id| unreleased.insert(id)));
        assert!(!ids().any(|id| unreleased.insert(id)));
        ids().step_by(3).for_each(|id| unreleased.remove(id));
        let left: Vec<_> = ids().enumerate().filter(|(index, _)| index % 3 != 0).map(|(_, id)| id).collect();
        assert_eq!(unreleased.ids().collect::<Vec<_>>(), left);
        assert_eq!(left.into_iter().collect::<UnreleasedIds>().ids().count(), 43_690);
        assert!(ids().enumerate().all(|(index, id)| unreleased.insert(id) == (index % 3 == 0)));
    }
}
