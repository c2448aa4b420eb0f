//! The messages that were handed over for publishing and are not acknowledged yet.

use std::collections::VecDeque;
use std::num::NonZeroU16;

use rumqttc::Publish;

/// Messages in the order in which they were handed over, each with its packet id.
///
/// Ids go round from 1 to the size of the window. Messages leave from the front only, so an id is free again in its
/// turn, even if the server acknowledges out of order.
#[derive(Debug)]
pub(super) struct Unacknowledged {
    entries: VecDeque<Entry>,
    window: NonZeroU16,
    last_id: u16,
}

#[derive(Debug)]
struct Entry {
    publish: Publish,
    acknowledged: bool,
}

impl Unacknowledged {
    pub(super) fn new(window: NonZeroU16) -> Self {
        Self { entries: VecDeque::new(), window, last_id: 0 }
    }

    /// How many more messages fit into the window.
    pub(super) fn room(&self) -> usize {
        usize::from(self.window.get()).saturating_sub(self.entries.len())
    }

    /// Whether everything is acknowledged.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Takes a message in, with the next id. There must be room.
    pub(super) fn push(&mut self, mut publish: Publish) {
        self.last_id = self.last_id % self.window.get() + 1;
        publish.pkid = self.last_id;
        self.entries.push_back(Entry { publish, acknowledged: false });
    }

    /// Notes an acknowledgement. Returns whether it was the first for its message.
    pub(super) fn acknowledge(&mut self, id: u16) -> bool {
        // Servers acknowledge in order, so the search nearly always ends at the first entry.
        let entry = self.entries.iter_mut().find(|entry| entry.publish.pkid == id);
        let first = entry.is_some_and(|entry| !std::mem::replace(&mut entry.acknowledged, true));
        while self.entries.front().is_some_and(|entry| entry.acknowledged) {
            self.entries.pop_front();
        }
        first
    }

    /// The last `count` messages, in their order.
    pub(super) fn latest(&self, count: usize) -> impl Iterator<Item = &Publish> {
        self.entries.iter().skip(self.entries.len().saturating_sub(count)).map(|entry| &entry.publish)
    }

    /// Marks all unacknowledged messages as sent before, and returns them in order.
    pub(super) fn mark_for_resend(&mut self) -> impl Iterator<Item = &Publish> {
        self.entries.iter_mut().filter(|entry| !entry.acknowledged).map(|entry| {
            entry.publish.dup = true;
            &entry.publish
        })
    }
}

#[cfg(test)]
mod tests {
    use rumqttc::QoS;

    use super::*;

    fn window_of(size: u16) -> Unacknowledged {
        Unacknowledged::new(NonZeroU16::new(size).unwrap())
    }

    fn message(number: usize) -> Publish {
        Publish::new("a", QoS::AtLeastOnce, number.to_string())
    }

    #[test]
    fn ids_go_round_and_are_never_in_use_twice_whatever_the_order_of_acknowledgements() {
        let mut queue = window_of(5);
        let (mut handed_over, mut acknowledged) = (0, 0);
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..2_000 {
            while queue.room() > 0 {
                queue.push(message(handed_over));
                handed_over += 1;
            }
            let mut ids: Vec<_> = queue.mark_for_resend().map(|publish| publish.pkid).collect();
            let id = ids[random.usize(..ids.len())];
            assert!(queue.acknowledge(id));
            acknowledged += 1;
            ids.sort_unstable();
            ids.dedup();
            assert!(ids.iter().all(|id| (1..=5).contains(id)));
            assert_eq!(queue.mark_for_resend().count(), handed_over - acknowledged);
        }
    }

    #[test]
    fn only_the_first_acknowledgement_of_a_known_message_counts() {
        let mut queue = window_of(5);
        queue.push(message(0));
        queue.push(message(1));
        assert!(queue.acknowledge(2));
        assert!(!queue.acknowledge(2));
        assert!(!queue.acknowledge(3));
        assert!(queue.acknowledge(1));
        assert!(queue.is_empty());
    }

    #[test]
    fn what_is_sent_again_keeps_its_order_and_is_marked() {
        let mut queue = window_of(5);
        (0..4).for_each(|number| queue.push(message(number)));
        queue.acknowledge(2);
        let again: Vec<_> = queue.mark_for_resend().map(|publish| (publish.pkid, publish.dup)).collect();
        assert_eq!(again, [(1, true), (3, true), (4, true)]);
    }
}
