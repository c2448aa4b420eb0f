//! Who is started again when: pure, and told the time.
//!
//! Each actor has its own pause. Beyond that, so many at the most are started again in a second, so that ten thousand
//! models that failed together do not take the processor from what works.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::actors::scoring::assignment::Generation;
use crate::sensor::SensorId;

/// The actors that wait to be started again.
#[derive(Debug)]
pub struct RestartQueue {
    waiting: BTreeSet<(Instant, SensorId, Generation)>,
    /// The time between two starts when many are due.
    spacing: Duration,
    /// No actor is started before.
    free_at: Option<Instant>,
}

impl RestartQueue {
    /// How many may be started at once after a time without any.
    const BURST: u32 = 10;

    /// A queue that starts so many a second at the most.
    pub fn new(per_second: u32) -> Self {
        Self { waiting: BTreeSet::new(), spacing: Duration::from_secs(1) / per_second.max(1), free_at: None }
    }

    /// Has an actor wait.
    pub fn push(&mut self, due: Instant, sensor: SensorId, generation: Generation) {
        self.waiting.insert((due, sensor, generation));
    }

    /// Takes out those that may be started now, the one that is due for longest first.
    pub fn take(&mut self, now: Instant) -> Vec<(SensorId, Generation)> {
        let mut taken = Vec::new();
        // Time that was not used counts only as far as a burst goes.
        let earliest = now.checked_sub(self.spacing * Self::BURST).unwrap_or(now);
        let mut free_at = self.free_at.map_or(earliest, |free_at| free_at.max(earliest));
        while free_at <= now
            && let Some((_, sensor, generation)) = self.waiting.first().copied().filter(|(due, ..)| *due <= now)
        {
            self.waiting.pop_first();
            taken.push((sensor, generation));
            free_at += self.spacing;
        }
        self.free_at = Some(free_at);
        taken
    }

    /// When the next may be started; `None` when none waits.
    pub fn next(&self) -> Option<Instant> {
        let (due, ..) = self.waiting.first()?;
        Some(self.free_at.map_or(*due, |free_at| free_at.max(*due)))
    }

    /// How many wait.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_alone_is_started_as_soon_as_it_is_due() {
        let now = Instant::now();
        let mut queue = RestartQueue::new(100);
        assert_eq!(queue.next(), None);
        queue.push(now + Duration::from_secs(3), SensorId(7), Generation::default());
        assert_eq!((queue.take(now).len(), queue.next()), (0, Some(now + Duration::from_secs(3))));
        assert_eq!(queue.take(now + Duration::from_secs(3)), [(SensorId(7), Generation::default())]);
        assert_eq!(queue.waiting(), 0);
    }

    proptest! {
        #[test]
        fn all_are_started_none_too_early_and_never_too_many_in_a_second(
            pauses in proptest::collection::vec(0..3000_u64, 1..400),
            per_second in 1..200_u32,
        ) {
            let begin = Instant::now();
            let mut queue = RestartQueue::new(per_second);
            let at = |millis| begin + Duration::from_millis(millis);
            for (sensor, pause) in (0..).zip(&pauses) {
                queue.push(at(*pause), SensorId(sensor), Generation::default());
            }
            let mut started: Vec<Instant> = Vec::new();
            let mut now = begin;
            while let Some(next) = queue.next() {
                now = now.max(next);
                for (sensor, _) in queue.take(now) {
                    prop_assert!(at(pauses[sensor.index()]) <= now);
                    started.push(now);
                }
            }
            prop_assert_eq!(started.len(), pauses.len());
            let most = (per_second + RestartQueue::BURST + 1) as usize;
            for (place, first) in started.iter().enumerate() {
                let within = started[place..].iter().take_while(|time| **time < *first + Duration::from_secs(1)).count();
                prop_assert!(within <= most, "{within} in a second");
            }
        }
    }
}
