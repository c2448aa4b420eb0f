//! Bounds what all decoders together remember of topics.
//!
//! The memory only makes decoders faster: one that may remember no more forgets all topics, and learns them again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::telemetry::metrics;

/// The memory that all decoders share.
#[derive(Debug)]
pub struct TopicMemory {
    limit: usize,
    held: AtomicUsize,
}

/// One decoder's share of the memory. Gives it back when it is dropped.
#[derive(Debug)]
pub(super) struct TopicShare {
    memory: Arc<TopicMemory>,
    held: usize,
}

impl TopicMemory {
    /// Memory of so many bytes.
    pub fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit, held: AtomicUsize::new(0) })
    }

    pub(super) fn share(self: &Arc<Self>) -> TopicShare {
        TopicShare { memory: Arc::clone(self), held: 0 }
    }
}

impl TopicShare {
    /// Makes the share `bytes` large. `false`, and no change, when the memory has not so much left.
    pub(super) fn hold(&mut self, bytes: usize) -> bool {
        if bytes <= self.held {
            let less = self.held - bytes;
            self.memory.held.fetch_sub(less, Ordering::Relaxed);
            metrics::TOPIC_MEMORY_BYTES.subtract(less as u64);
            self.held = bytes;
            return true;
        }
        let more = bytes - self.held;
        let fits = |held: usize| held.checked_add(more).filter(|held| *held <= self.memory.limit);
        let held = self.memory.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok();
        if held {
            metrics::TOPIC_MEMORY_BYTES.add(more as u64);
            self.held = bytes;
        }
        held
    }
}

impl Drop for TopicShare {
    fn drop(&mut self) {
        self.hold(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decoders_hold_no_more_than_there_is_and_give_it_back() {
        let memory = TopicMemory::new(100);
        let [mut first, mut second] = [memory.share(), memory.share()];
        assert!(first.hold(70));
        assert!(!second.hold(31));
        assert!(first.hold(60) && second.hold(40));
        assert!(!first.hold(61));
        drop(first);
        assert!(second.hold(100));
        drop(second);
        assert_eq!(memory.held.load(Ordering::Relaxed), 0);
    }
}
