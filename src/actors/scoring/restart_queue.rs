//! Who is started again when: pure, and told the time.
//!
//! Each actor has its own pause. Beyond that, so many at the most are started again in a second, so that ten thousand
//! models that failed together do not take the processor from what works.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::actors::scoring::assignment::Generation;
use crate::sensor::SensorId;

/// The actors that wait to be started again, each once.
#[derive(Debug)]
pub struct RestartQueue {
    waiting: BTreeMap<SensorId, (Instant, Generation)>,
    order: BTreeSet<(Instant, SensorId)>,
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
        let spacing = Duration::from_secs(1) / per_second.max(1);
        Self { waiting: BTreeMap::new(), order: BTreeSet::new(), spacing, free_at: None }
    }

    /// Has an actor wait, from now on for this.
    pub fn push(&mut self, due: Instant, sensor: SensorId, generation: Generation) {
        self.remove(sensor);
        self.waiting.insert(sensor, (due, generation));
        self.order.insert((due, sensor));
    }

    /// Has an actor wait no more.
    pub fn remove(&mut self, sensor: SensorId) {
        if let Some((due, _)) = self.waiting.remove(&sensor) {
            self.order.remove(&(due, sensor));
        }
    }

    /// Takes out those that may be started now, the one that is due for longest first.
    pub fn take(&mut self, now: Instant) -> Vec<(SensorId, Generation)> {
        let mut taken = Vec::new();
        let mut free_at = self.free_at.map_or(self.earliest(now), |free_at| free_at.max(self.earliest(now)));
        while free_at <= now
            && let Some((_, sensor)) = self.order.first().copied().filter(|(due, _)| *due <= now)
        {
            self.order.pop_first();
            taken.extend(self.waiting.remove(&sensor).map(|(_, generation)| (sensor, generation)));
            free_at += self.spacing;
        }
        self.free_at = Some(free_at);
        taken
    }

    /// Time that was not used counts only as far as a burst goes: from here on.
    fn earliest(&self, now: Instant) -> Instant {
        now.checked_sub(self.spacing * Self::BURST).unwrap_or(now)
    }

    /// Those that are started from now until then, when none comes to them.
    pub fn started_by(&self, time: Instant, now: Instant) -> BTreeSet<SensorId> {
        let mut free_at = self.free_at;
        let starts = self.order.iter().map_while(|(due, sensor)| {
            let start = free_at.map_or(now, |free_at| free_at.max(now)).max(*due);
            let earliest = self.earliest(start);
            free_at = Some(free_at.map_or(earliest, |free_at| free_at.max(earliest)) + self.spacing);
            (start <= time).then_some(*sensor)
        });
        starts.collect()
    }

    /// When the next may be started; `None` when none waits.
    pub fn next(&self) -> Option<Instant> {
        let (due, _) = self.order.first()?;
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

    #[test]
    fn one_that_waits_no_more_is_not_started_and_one_that_waits_anew_is_started_once() {
        let now = Instant::now();
        let mut queue = RestartQueue::new(100);
        let later = Generation::default().next();
        (0..3).for_each(|sensor| queue.push(now, SensorId(sensor), Generation::default()));
        queue.remove(SensorId(0));
        queue.push(now, SensorId(1), later);
        assert_eq!(queue.waiting(), 2);
        assert_eq!(queue.take(now), [(SensorId(1), later), (SensorId(2), Generation::default())]);
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
                let later = now + Duration::from_millis(300);
                let mut copy = RestartQueue { waiting: queue.waiting.clone(), order: queue.order.clone(), ..queue };
                let mut by_then = BTreeSet::new();
                while let Some(next) = copy.next().filter(|next| *next <= later) {
                    by_then.extend(copy.take(next.max(now)).into_iter().map(|(sensor, _)| sensor));
                }
                prop_assert_eq!(queue.started_by(later, now), by_then);
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
