//! Which thread does which evaluation: pure, and told the time.
//!
//! There are two lanes. What has been short so far waits in the *quick* lane, for as many threads as there are cores.
//! What is known to take long waits in the *slow* lane, for as many threads of its own, so that nothing short ever waits
//! behind it. A quick evaluation that turns out to take long makes its thread a slow one, and another thread takes its
//! place in the quick lane. An evaluation that goes on past its deadline is given up: its thread is hung, is not waited
//! for any more, and what it says in the end is not taken. So a thread shows that it lives by coming to its next
//! evaluation.
//!
//! The number of threads is bounded: once for the quick lane, twice for the slow one, with those that came from the quick
//! one, and by [`LaneBounds::max_hung`] for those that hang. Beyond that bound a hung thread is not replaced.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// The bounds of the lanes.
#[derive(Clone, Copy, Debug)]
pub struct LaneBounds {
    /// How many threads each lane has.
    pub threads: usize,
    /// How many threads may hang before one that hangs is not replaced any more.
    pub max_hung: usize,
    /// A quick evaluation that goes on for longer is a slow one.
    pub patience: Duration,
}

/// Where an evaluation waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lane {
    /// With those that have been short so far.
    Quick,
    /// With those that are known to take long.
    Slow,
}

/// A thread's place. No two threads ever have the same.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct DeskId(u64);

/// What a thread does next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Turn<J> {
    /// This evaluation.
    Evaluate(J),
    /// It waits for one.
    Wait,
    /// It ends: there is nothing for it to do.
    Leave,
}

/// What a look at the threads found.
#[derive(Clone, Debug)]
pub struct Watched<J> {
    /// Evaluations that were given up, each with how long it had gone on.
    pub late: Vec<(J, Duration)>,
    /// Threads whose evaluation turned out to take long.
    pub slowed: Vec<DeskId>,
    /// When to look again; `None` while nothing is done and nothing waits.
    pub look_again: Option<Instant>,
}

/// Evaluations that wait, and threads with what each of them does.
#[derive(Debug)]
pub struct Lanes<J> {
    bounds: LaneBounds,
    quick: VecDeque<J>,
    slow: VecDeque<J>,
    desks: BTreeMap<DeskId, Desk<J>>,
    hung: BTreeMap<DeskId, Evaluation<J>>,
    next: u64,
}

#[derive(Debug)]
struct Desk<J> {
    lane: Lane,
    evaluation: Option<Evaluation<J>>,
}

/// An evaluation that goes on.
#[derive(Clone, Debug)]
struct Evaluation<J> {
    job: J,
    since: Instant,
}

impl<J: Clone> Lanes<J> {
    /// Lanes without threads.
    pub fn new(bounds: LaneBounds) -> Self {
        let (quick, slow) = (VecDeque::new(), VecDeque::new());
        Self { bounds, quick, slow, desks: BTreeMap::new(), hung: BTreeMap::new(), next: 0 }
    }

    /// Has an evaluation wait.
    pub fn push(&mut self, job: J, lane: Lane) {
        match lane {
            Lane::Quick => self.quick.push_back(job),
            Lane::Slow => self.slow.push_back(job),
        }
    }

    /// A desk for one more thread, if one is needed and allowed.
    pub fn hire(&mut self) -> Option<DeskId> {
        if self.hung.len() > self.bounds.max_hung {
            return None;
        }
        let count = |lane| self.desks.values().filter(|desk| desk.lane == lane).count();
        let free_slow = self.desks.values().filter(|desk| desk.lane == Lane::Slow && desk.evaluation.is_none()).count();
        let lane = if count(Lane::Quick) < self.bounds.threads {
            Lane::Quick
        } else if self.slow.len() > free_slow && count(Lane::Slow) < self.bounds.threads {
            Lane::Slow
        } else {
            return None;
        };
        let id = DeskId(self.next);
        self.next += 1;
        self.desks.insert(id, Desk { lane, evaluation: None });
        Some(id)
    }

    /// Gives a desk up whose thread could not be started.
    pub fn dismiss(&mut self, desk: DeskId) {
        self.desks.remove(&desk);
    }

    /// What the thread at a desk does next.
    pub fn next(&mut self, desk: DeskId, now: Instant) -> Turn<J> {
        let Some(at) = self.desks.get_mut(&desk) else { return Turn::Leave };
        let job = match at.lane {
            Lane::Quick => self.quick.pop_front(),
            Lane::Slow => self.slow.pop_front(),
        };
        match (job, at.lane) {
            (Some(job), _) => {
                at.evaluation = Some(Evaluation { job: job.clone(), since: now });
                Turn::Evaluate(job)
            }
            (None, Lane::Quick) => Turn::Wait,
            (None, Lane::Slow) => {
                self.desks.remove(&desk);
                Turn::Leave
            }
        }
    }

    /// Notes that the thread at a desk has come to the end of its evaluation. Returns how long it took; `None` when it
    /// was given up, and nobody takes what it says.
    pub fn finish(&mut self, desk: DeskId, now: Instant) -> Option<Duration> {
        self.hung.remove(&desk);
        let evaluation = self.desks.get_mut(&desk)?.evaluation.take()?;
        Some(now.saturating_duration_since(evaluation.since))
    }

    /// Looks at all threads. `deadline` says how long an evaluation may go on before it is given up.
    pub fn watch(&mut self, now: Instant, deadline: impl Fn(&J) -> Duration) -> Watched<J> {
        let LaneBounds { threads, patience, .. } = self.bounds;
        let mut slow = self.desks.values().filter(|desk| desk.lane == Lane::Slow).count();
        let (mut late, mut slowed, mut over) = (Vec::new(), Vec::new(), Vec::new());
        let waits = !self.quick.is_empty() || !self.slow.is_empty();
        let mut look_again = waits.then(|| now + patience);
        for (id, desk) in &mut self.desks {
            let Some(evaluation) = &desk.evaluation else { continue };
            let age = now.saturating_duration_since(evaluation.since);
            let deadline = deadline(&evaluation.job);
            if age >= deadline {
                late.push((evaluation.job.clone(), age));
                over.push(*id);
                continue;
            }
            if desk.lane == Lane::Quick && age >= patience && slow < 2 * threads {
                desk.lane = Lane::Slow;
                slow += 1;
                slowed.push(*id);
            }
            let left = match desk.lane {
                Lane::Quick if age < patience => patience - age,
                _ => deadline - age,
            };
            look_again = Some(look_again.map_or(now + left, |look| look.min(now + left)));
        }
        for id in over {
            if let Some(Desk { evaluation: Some(evaluation), .. }) = self.desks.remove(&id) {
                self.hung.insert(id, evaluation);
            }
        }
        Watched { late, slowed, look_again }
    }

    /// The evaluations that threads are at, each with since when.
    pub fn at_work(&self) -> impl Iterator<Item = (&J, Instant)> {
        self.desks
            .values()
            .filter_map(|desk| desk.evaluation.as_ref())
            .map(|evaluation| (&evaluation.job, evaluation.since))
    }

    /// The evaluations that were given up and have not ended, each with since when.
    pub fn hung(&self) -> impl Iterator<Item = (&J, Instant)> {
        self.hung.values().map(|evaluation| (&evaluation.job, evaluation.since))
    }

    /// The evaluations that wait.
    pub fn waiting(&self) -> impl Iterator<Item = &J> {
        self.quick.iter().chain(&self.slow)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    const BOUNDS: LaneBounds = LaneBounds { threads: 2, max_hung: 2, patience: Duration::from_millis(10) };
    const DEADLINE: Duration = Duration::from_secs(1);

    fn hire_all(lanes: &mut Lanes<u32>) -> Vec<DeskId> {
        std::iter::from_fn(|| lanes.hire()).collect()
    }

    #[test]
    fn what_is_known_to_take_long_has_threads_of_its_own_that_leave_when_it_is_done() {
        let now = Instant::now();
        let mut lanes = Lanes::new(BOUNDS);
        let quick = hire_all(&mut lanes);
        assert_eq!(quick.len(), 2);
        lanes.push(7, Lane::Slow);
        assert_eq!(lanes.next(quick[0], now), Turn::Wait);
        let slow = hire_all(&mut lanes);
        assert_eq!(slow.len(), 1, "as many as have something to do");
        assert_eq!(lanes.next(slow[0], now), Turn::Evaluate(7));
        assert_eq!(lanes.finish(slow[0], now + BOUNDS.patience), Some(BOUNDS.patience));
        assert_eq!(lanes.next(slow[0], now), Turn::Leave);
    }

    #[test]
    fn a_quick_evaluation_that_takes_long_gives_its_place_to_another_thread() {
        let now = Instant::now();
        let mut lanes = Lanes::new(BOUNDS);
        let quick = hire_all(&mut lanes);
        (0..3).for_each(|job| lanes.push(job, Lane::Quick));
        assert_eq!(lanes.next(quick[0], now), Turn::Evaluate(0));
        let early = lanes.watch(now + BOUNDS.patience / 2, |_| DEADLINE);
        assert_eq!((early.slowed.len(), early.look_again), (0, Some(now + BOUNDS.patience)));
        assert_eq!(lanes.watch(now + BOUNDS.patience, |_| DEADLINE).slowed, [quick[0]]);
        let more = hire_all(&mut lanes);
        assert_eq!(more.len(), 1);
        assert_eq!(lanes.next(more[0], now), Turn::Evaluate(1));
        assert_eq!(lanes.finish(quick[0], now + DEADLINE / 2), Some(DEADLINE / 2));
        assert_eq!(lanes.next(quick[0], now), Turn::Leave, "nothing slow waits");
    }

    #[test]
    fn past_the_deadline_a_thread_is_replaced_and_what_it_says_is_not_taken() {
        let now = Instant::now();
        let mut lanes = Lanes::new(BOUNDS);
        let desk = hire_all(&mut lanes)[0];
        lanes.push(7, Lane::Quick);
        assert_eq!(lanes.next(desk, now), Turn::Evaluate(7));
        let end = now + DEADLINE;
        assert_eq!(lanes.watch(end, |_| DEADLINE).late, [(7, DEADLINE)]);
        assert_eq!(lanes.hung().map(|(job, since)| (*job, since)).collect::<Vec<_>>(), [(7, now)]);
        assert_eq!(hire_all(&mut lanes).len(), 1);
        assert_eq!(lanes.finish(desk, end), None);
        assert_eq!((lanes.hung().count(), lanes.next(desk, end)), (0, Turn::Leave));
    }

    /// What may happen at one moment.
    #[derive(Clone, Debug)]
    enum Step {
        Push(Lane),
        Next(prop::sample::Index),
        Finish(prop::sample::Index),
        Watch,
        Pass(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => Just(Step::Push(Lane::Quick)),
            1 => Just(Step::Push(Lane::Slow)),
            4 => any::<prop::sample::Index>().prop_map(Step::Next),
            2 => any::<prop::sample::Index>().prop_map(Step::Finish),
            3 => Just(Step::Watch),
            2 => (0..1200_u64).prop_map(Step::Pass),
        ]
    }

    proptest! {
        /// Whatever threads do, every evaluation is done once, is given up once, or waits; and threads are bounded.
        #[test]
        fn every_evaluation_has_one_end_and_threads_are_bounded(steps in proptest::collection::vec(step(), 0..300)) {
            let mut now = Instant::now();
            let mut lanes = Lanes::new(BOUNDS);
            let mut threads: Vec<(DeskId, Option<u32>)> = Vec::new();
            let (mut pushed, mut ended) = (0, BTreeSet::new());
            for step in steps {
                match step {
                    Step::Push(lane) => {
                        lanes.push(pushed, lane);
                        pushed += 1;
                    }
                    Step::Next(which) if !threads.is_empty() => {
                        let which = which.index(threads.len());
                        let (desk, at) = threads[which];
                        if at.is_some() { continue }
                        match lanes.next(desk, now) {
                            Turn::Evaluate(job) => threads[which].1 = Some(job),
                            Turn::Wait => {}
                            Turn::Leave => drop(threads.swap_remove(which)),
                        }
                    }
                    Step::Finish(which) if !threads.is_empty() => {
                        let which = which.index(threads.len());
                        let (desk, at) = threads[which];
                        let Some(job) = at else { continue };
                        threads[which].1 = None;
                        if lanes.finish(desk, now).is_some() {
                            prop_assert!(ended.insert(job), "{job} ended twice");
                        }
                    }
                    Step::Watch => {
                        for (job, took) in lanes.watch(now, |_| DEADLINE).late {
                            prop_assert!(took >= DEADLINE);
                            prop_assert!(ended.insert(job), "{job} ended twice");
                        }
                        threads.extend(std::iter::from_fn(|| lanes.hire()).map(|desk| (desk, None)));
                    }
                    Step::Pass(millis) => now += Duration::from_millis(millis),
                    Step::Next(_) | Step::Finish(_) => {}
                }
                let at_work = lanes.at_work().count();
                prop_assert_eq!(ended.len() + at_work + lanes.waiting().count(), pushed as usize);
                let most = 3 * BOUNDS.threads + BOUNDS.max_hung + 1;
                prop_assert!(lanes.desks.len() <= 3 * BOUNDS.threads && lanes.desks.len() + lanes.hung.len() <= most + 3 * BOUNDS.threads);
            }
        }
    }
}
