//! The events of one kind that listeners may still take: pure. Bounded by bytes; the oldest give way.

use std::collections::VecDeque;

/// The events of one kind that are still there. Some that happened at once are one entry.
#[derive(Debug)]
pub(super) struct EventRing<T> {
    entries: VecDeque<RingEntry<T>>,
    /// How many events there have been.
    events: u64,
    bytes: usize,
    max_bytes: usize,
}

#[derive(Debug)]
struct RingEntry<T> {
    /// How many events there had been before these.
    before: u64,
    events: u64,
    bytes: usize,
    /// Tells what happened first, among rings as well.
    order: u64,
    happening: T,
}

/// What a listener finds.
#[derive(Debug, PartialEq)]
pub(super) enum Next<T> {
    /// Nothing new.
    Nothing,
    /// So many events are gone that it has not taken.
    Missed(u64),
    /// The next entry.
    Entry {
        /// What happened first, among rings as well, has the lower number.
        order: u64,
        /// How many events there have been with these.
        taken: u64,
        /// What happened.
        happening: T,
    },
}

impl<T: Clone> EventRing<T> {
    pub(super) fn new(max_bytes: usize) -> Self {
        Self { entries: VecDeque::new(), events: 0, bytes: 0, max_bytes }
    }

    /// How many events there have been.
    pub(super) fn events(&self) -> u64 {
        self.events
    }

    /// Adds events that happened at once, and gives up the oldest entries for them. One that is larger than the bound
    /// stays alone.
    pub(super) fn push(&mut self, order: u64, events: u64, bytes: usize, happening: T) {
        self.entries.push_back(RingEntry { before: self.events, events, bytes, order, happening });
        self.events += events;
        self.bytes += bytes;
        while self.bytes > self.max_bytes
            && self.entries.len() > 1
            && let Some(oldest) = self.entries.pop_front()
        {
            self.bytes -= oldest.bytes;
        }
    }

    /// What a listener finds that has taken so many events.
    pub(super) fn next(&self, taken: u64) -> Next<T> {
        if taken >= self.events {
            return Next::Nothing;
        }
        match self.entries.front().map(|oldest| oldest.before.saturating_sub(taken)) {
            None => Next::Nothing,
            Some(0) => {
                let place = self.entries.partition_point(|entry| entry.before < taken);
                self.entries.get(place).map_or(Next::Nothing, |entry| Next::Entry {
                    order: entry.order,
                    taken: entry.before + entry.events,
                    happening: entry.happening.clone(),
                })
            }
            Some(missed) => Next::Missed(missed),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_listener_takes_or_misses_every_event_once_and_in_order(
            steps in prop::collection::vec((1..5_u64, 1..40_usize, 0..4_usize), 1..80),
            max_bytes in 1..200_usize,
        ) {
            let mut ring = EventRing::new(max_bytes);
            let (mut taken, mut accounted) = (0, 0);
            let mut pushed = Vec::new();
            let mut take = |ring: &EventRing<usize>, pushed: &[u64]| match ring.next(taken) {
                Next::Nothing => false,
                Next::Missed(missed) => {
                    assert!(missed > 0);
                    (taken, accounted) = (taken + missed, accounted + missed);
                    true
                }
                Next::Entry { order, taken: with, happening } => {
                    assert_eq!(order, happening as u64);
                    let before: u64 = pushed[..happening].iter().sum();
                    assert_eq!((accounted, with), (before, before + pushed[happening]));
                    (taken, accounted) = (with, with);
                    true
                }
            };
            for (events, bytes, takes) in steps {
                let number = pushed.len();
                pushed.push(events);
                ring.push(number as u64, events, bytes, number);
                prop_assert!(ring.bytes <= max_bytes || ring.entries.len() == 1);
                prop_assert_eq!(ring.bytes, ring.entries.iter().map(|entry| entry.bytes).sum::<usize>());
                for _ in 0..takes {
                    take(&ring, &pushed);
                }
            }
            while take(&ring, &pushed) {}
            prop_assert_eq!(accounted, pushed.iter().sum::<u64>());
        }
    }
}
