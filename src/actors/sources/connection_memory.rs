//! Bounds the memory that all connections of the listener hold for incomplete packets.
//!
//! Each connection has a small buffer of its own, which `max_connections` bounds. What its buffer takes beyond that is
//! claimed here: for speed while there is plenty, and for a packet that does not fit otherwise. A packet that finds no room
//! waits for a moment, in which the packets of others come whole. Then, or at once if somebody has kept the others waiting
//! for longer than that, the connection that has waited longest for the rest of its packet is closed, and the others go on.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::time::timeout;

use crate::telemetry::metrics;

/// The memory that all connections share.
#[derive(Debug)]
pub(crate) struct ConnectionMemory {
    limit: usize,
    patience: Duration,
    began: Instant,
    state: Mutex<State>,
    /// Told whenever memory is given back.
    freed: Notify,
}

#[derive(Debug, Default)]
struct State {
    held: usize,
    shares: HashMap<u64, Arc<Standing>>,
    next: u64,
}

/// The state of a connection, which the other connections see.
#[derive(Debug, Default)]
struct Standing {
    held: AtomicUsize,
    /// When its last packet came whole, in milliseconds since this memory was made.
    progressed: AtomicU64,
    told_to_go: AtomicBool,
    go: Notify,
}

/// A connection's share of the memory. Gives back all that it holds when it is dropped.
#[derive(Debug)]
pub(crate) struct MemoryShare {
    memory: Arc<ConnectionMemory>,
    number: u64,
    standing: Arc<Standing>,
}

/// The connection has to close: of all connections it has waited longest for the rest of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MemoryFull;

impl ConnectionMemory {
    /// Memory of so many bytes. A packet that is under way for no longer than `patience` is not broken off for another,
    /// unless that has waited for as long.
    pub(crate) fn new(limit: usize, patience: Duration) -> Self {
        Self { limit, patience, began: Instant::now(), state: Mutex::default(), freed: Notify::new() }
    }

    /// For how long a connection has waited for the rest of a packet.
    fn waited(&self, standing: &Standing) -> Duration {
        let progressed = Duration::from_millis(standing.progressed.load(Ordering::Relaxed));
        self.began.elapsed().saturating_sub(progressed)
    }

    /// A share that holds nothing yet.
    pub(crate) fn share(self: &Arc<Self>, now: Instant) -> MemoryShare {
        let standing = Arc::new(Standing::default());
        let mut state = self.lock();
        let number = state.next;
        state.next += 1;
        state.shares.insert(number, Arc::clone(&standing));
        drop(state);
        let share = MemoryShare { memory: Arc::clone(self), number, standing };
        share.progressed(now);
        share
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The connection that has waited longest for the rest of a packet, of those that hold memory.
    fn longest_waiting(&self) -> Option<(u64, &Arc<Standing>)> {
        let holders = self.shares.iter().filter(|(_, standing)| standing.held.load(Ordering::Relaxed) > 0);
        holders
            .min_by_key(|(number, standing)| (standing.progressed.load(Ordering::Relaxed), **number))
            .map(|(number, standing)| (*number, standing))
    }
}

impl MemoryShare {
    /// Notes that a packet came whole.
    pub(crate) fn progressed(&self, now: Instant) {
        let since = now.saturating_duration_since(self.memory.began).as_millis();
        self.standing.progressed.store(u64::try_from(since).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Claims `bytes` more for speed. Only half of the memory may be used for that.
    pub(crate) fn try_claim(&self, bytes: usize) -> bool {
        let mut state = self.memory.lock();
        let fits = state.held + bytes <= self.memory.limit / 2;
        if fits {
            self.hold(&mut state, bytes);
        }
        fits
    }

    /// Claims so many bytes more for a packet. When they do not become free in time, the connection that has waited longest
    /// is told to go, and awaited; if that is this one, it gets nothing.
    pub(crate) async fn claim(&self, bytes: usize) -> Result<(), MemoryFull> {
        let began = Instant::now();
        loop {
            let freed = self.memory.freed.notified();
            let patience = {
                let mut state = self.memory.lock();
                if state.held + bytes <= self.memory.limit {
                    self.hold(&mut state, bytes);
                    return Ok(());
                }
                let Some((number, standing)) = state.longest_waiting() else { return Err(MemoryFull) };
                let waited = self.memory.waited(standing).max(began.elapsed());
                let patience = self.memory.patience.saturating_sub(waited);
                if patience.is_zero() {
                    if number == self.number {
                        return Err(MemoryFull);
                    }
                    if !standing.told_to_go.swap(true, Ordering::Relaxed) {
                        standing.go.notify_one();
                    }
                }
                patience
            };
            if patience.is_zero() {
                freed.await;
            } else {
                // Whether memory was freed or the patience is over shows on the next round.
                let _ = timeout(patience, freed).await;
            }
        }
    }

    /// Gives back so many bytes.
    pub(crate) fn give_back(&self, bytes: usize) {
        let mut state = self.memory.lock();
        let held = self.standing.held.load(Ordering::Relaxed);
        let bytes = bytes.min(held);
        self.standing.held.store(held - bytes, Ordering::Relaxed);
        state.held -= bytes;
        drop(state);
        metrics::CONNECTION_MEMORY_BYTES.subtract(bytes as u64);
        self.memory.freed.notify_waiters();
    }

    /// Notes that this connection made room without closing, and may be told again.
    pub(crate) fn stay(&self) {
        self.standing.told_to_go.store(false, Ordering::Relaxed);
    }

    /// Waits until this connection is told to make room for others.
    pub(crate) async fn told_to_go(&self) {
        self.standing.go.notified().await;
    }

    fn hold(&self, state: &mut State, bytes: usize) {
        state.held += bytes;
        self.standing.held.fetch_add(bytes, Ordering::Relaxed);
        metrics::CONNECTION_MEMORY_BYTES.add(bytes as u64);
    }
}

impl Drop for MemoryShare {
    fn drop(&mut self) {
        self.give_back(usize::MAX);
        self.memory.lock().shares.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn a_packet_that_is_under_way_is_not_broken_off_at_once() {
        let memory = Arc::new(ConnectionMemory::new(100, Duration::from_secs(3600)));
        let [first, second] = [0, 0].map(|_| memory.share(Instant::now()));
        assert_eq!(first.claim(60).now_or_never(), Some(Ok(())));
        let mut claim = Box::pin(second.claim(50));
        assert_eq!(claim.as_mut().now_or_never(), None);
        assert!(first.told_to_go().now_or_never().is_none(), "its packet may come whole in a moment");
        first.give_back(60);
        assert_eq!(claim.now_or_never(), Some(Ok(())));
    }

    #[test]
    fn whoever_has_waited_longest_for_the_rest_of_a_packet_makes_room() {
        let memory = Arc::new(ConnectionMemory::new(100, Duration::ZERO));
        let now = Instant::now();
        let [first, second, third] = [0, 0, 0].map(|_| memory.share(now));
        assert_eq!(first.claim(50).now_or_never(), Some(Ok(())));
        assert_eq!(second.claim(40).now_or_never(), Some(Ok(())));
        first.progressed(now + Duration::from_secs(2));
        second.progressed(now + Duration::from_secs(1));
        // This connection holds nothing, so it cannot be told to give memory back.
        let mut claim = Box::pin(third.claim(20));
        assert_eq!(claim.as_mut().now_or_never(), None);
        assert!(first.told_to_go().now_or_never().is_none());
        assert!(second.told_to_go().now_or_never().is_some());
        drop(second);
        assert_eq!(claim.now_or_never(), Some(Ok(())));
        assert_eq!(memory.lock().held, 70);
        third.progressed(now + Duration::from_secs(3));
        assert_eq!(first.claim(40).now_or_never(), Some(Err(MemoryFull)), "it is the one that has waited longest");
        drop((first, third));
        let state = memory.lock();
        assert_eq!((state.held, state.shares.len()), (0, 0));
    }

    #[test]
    fn memory_for_speed_alone_is_half_of_it() {
        let memory = Arc::new(ConnectionMemory::new(100, Duration::ZERO));
        let [first, second] = [0, 0].map(|_| memory.share(Instant::now()));
        assert!(first.try_claim(50));
        assert!(!second.try_claim(1));
        first.give_back(10);
        assert!(second.try_claim(10));
        assert_eq!(second.claim(50).now_or_never(), Some(Ok(())));
    }
}
