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
//! one, and by [`LaneBounds::max_hung`] for those that hang. Beyond that bound no thread is hired. Those that are left stay
//! then, and take from both lanes, until hung threads end: so whatever waits is done as long as one thread does not hang.
//! When none is left for [`LaneBounds::exhausted_after`], nothing is evaluated any more, and only another process helps.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// The bounds of the lanes.
#[derive(Clone, Copy, Debug)]
pub struct LaneBounds {
    /// How many threads each lane has.
    pub threads: usize,
    /// How many threads may hang before one that hangs is not replaced any more.
    pub max_hung: usize,
    /// After this long with nothing but hung threads the lanes are exhausted.
    pub exhausted_after: Duration,
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
    /// Threads of the quick lane whose evaluation turned out to take long.
    pub slowed: Vec<DeskId>,
    /// When to look again; `None` when only a thread that begins or ends an evaluation, or one more evaluation, can change
    /// anything.
    pub look_again: Option<Instant>,
    /// Whether every thread hangs, and has for so long that nothing will be evaluated any more.
    pub is_exhausted: bool,
}

/// Evaluations that wait, and threads with what each of them does.
#[derive(Clone, Debug)]
pub struct Lanes<J> {
    bounds: LaneBounds,
    quick: VecDeque<J>,
    slow: VecDeque<J>,
    desks: BTreeMap<DeskId, Desk<J>>,
    hung: BTreeMap<DeskId, Evaluation<J>>,
    next: u64,
    /// Since when every thread hangs.
    deserted: Option<Instant>,
}

#[derive(Clone, Debug)]
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
        Self { bounds, quick, slow, desks: BTreeMap::new(), hung: BTreeMap::new(), next: 0, deserted: None }
    }

    /// Has an evaluation wait.
    pub fn push(&mut self, job: J, lane: Lane) {
        match lane {
            Lane::Quick => self.quick.push_back(job),
            Lane::Slow => self.slow.push_back(job),
        }
    }

    /// Whether so many threads hang that no thread is hired.
    pub fn refuses_to_hire(&self) -> bool {
        self.hung.len() > self.bounds.max_hung
    }

    /// A desk for one more thread, with its lane, if one is needed and allowed.
    pub fn hire(&mut self) -> Option<(DeskId, Lane)> {
        if self.refuses_to_hire() {
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
        Some((id, lane))
    }

    /// Gives a desk up whose thread could not be started.
    pub fn dismiss(&mut self, desk: DeskId) {
        self.desks.remove(&desk);
    }

    /// What the thread at a desk does next.
    pub fn next(&mut self, desk: DeskId, now: Instant) -> Turn<J> {
        let takes_any = self.refuses_to_hire();
        let Some(at) = self.desks.get_mut(&desk) else { return Turn::Leave };
        let job = match at.lane {
            // What is short waits for nothing else.
            _ if takes_any => self.quick.pop_front().or_else(|| self.slow.pop_front()),
            Lane::Quick => self.quick.pop_front(),
            Lane::Slow => self.slow.pop_front(),
        };
        match (job, at.lane) {
            (Some(job), _) => {
                at.evaluation = Some(Evaluation { job: job.clone(), since: now });
                Turn::Evaluate(job)
            }
            (None, Lane::Slow) if !takes_any => {
                self.desks.remove(&desk);
                Turn::Leave
            }
            (None, _) => Turn::Wait,
        }
    }

    /// Notes that the thread at a desk has come to the end of its evaluation. Returns how long it took; `None` when it
    /// was given up, and nobody takes what it says.
    pub fn finish(&mut self, desk: DeskId, now: Instant) -> Option<Duration> {
        self.hung.remove(&desk);
        let evaluation = self.desks.get_mut(&desk)?.evaluation.take()?;
        Some(now.saturating_duration_since(evaluation.since))
    }

    /// Looks at all threads, and drops evaluations that nobody waits for any more. `deadline` says how long an evaluation
    /// may go on before it is given up, and `expiry` until when somebody waits for it.
    pub fn watch(
        &mut self,
        now: Instant,
        deadline: impl Fn(&J) -> Duration,
        expiry: impl Fn(&J) -> Instant,
    ) -> Watched<J> {
        let LaneBounds { threads, patience, exhausted_after, .. } = self.bounds;
        let (mut late, mut slowed, mut over) = (Vec::new(), Vec::new(), Vec::new());
        let mut look_again: Option<Instant> = None;
        let mut look_at = |time: Instant| look_again = Some(look_again.map_or(time, |look| look.min(time)));
        for waiting in [&mut self.quick, &mut self.slow] {
            waiting.retain(|job| {
                let expiry = expiry(job);
                let is_wanted = now < expiry;
                if is_wanted {
                    look_at(expiry);
                }
                is_wanted
            });
        }
        let mut slow = self.desks.values().filter(|desk| desk.lane == Lane::Slow).count();
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
                Lane::Quick if age < patience => (deadline - age).min(patience - age),
                _ => deadline - age,
            };
            look_at(now + left);
        }
        for id in over {
            if let Some(Desk { evaluation: Some(evaluation), lane }) = self.desks.remove(&id) {
                self.hung.insert(id, evaluation);
                slowed.extend((lane == Lane::Quick).then_some(id));
            }
        }
        self.deserted = (self.refuses_to_hire() && self.desks.is_empty()).then(|| self.deserted.unwrap_or(now));
        let exhausted_at = self.deserted.map(|since| since + exhausted_after);
        exhausted_at.into_iter().for_each(look_at);
        let is_exhausted = exhausted_at.is_some_and(|at| at <= now);
        Watched { late, slowed, look_again, is_exhausted }
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

    const BOUNDS: LaneBounds = LaneBounds {
        threads: 2,
        max_hung: 2,
        exhausted_after: Duration::from_secs(30),
        patience: Duration::from_millis(10),
    };
    const DEADLINE: Duration = Duration::from_secs(1);

    fn hire_all(lanes: &mut Lanes<u32>) -> Vec<DeskId> {
        std::iter::from_fn(|| lanes.hire()).map(|(desk, _)| desk).collect()
    }

    /// A look, with evaluations that somebody waits for as long as a test takes.
    fn watch(lanes: &mut Lanes<u32>, now: Instant) -> Watched<u32> {
        lanes.watch(now, |_| DEADLINE, |_| now + DEADLINE * 1000)
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
        let early = watch(&mut lanes, now + BOUNDS.patience / 2);
        assert_eq!((early.slowed.len(), early.look_again), (0, Some(now + BOUNDS.patience)));
        assert_eq!(watch(&mut lanes, now + BOUNDS.patience).slowed, [quick[0]]);
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
        assert_eq!(watch(&mut lanes, end).late, [(7, DEADLINE)]);
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
        /// Every evaluation goes on past its deadline.
        HangAll,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            1 => Just(Step::HangAll),
            3 => Just(Step::Push(Lane::Quick)),
            1 => Just(Step::Push(Lane::Slow)),
            4 => any::<prop::sample::Index>().prop_map(Step::Next),
            2 => any::<prop::sample::Index>().prop_map(Step::Finish),
            3 => Just(Step::Watch),
            2 => (0..1200_u64).prop_map(Step::Pass),
        ]
    }

    #[test]
    fn while_no_thread_is_hired_those_that_are_left_stay_and_take_from_both_lanes() {
        let mut now = Instant::now();
        let mut lanes = Lanes::new(BOUNDS);
        let quick = hire_all(&mut lanes);
        (0..4).for_each(|job| lanes.push(job, Lane::Slow));
        let slow = hire_all(&mut lanes);
        for desk in &slow {
            assert!(matches!(lanes.next(*desk, now), Turn::Evaluate(_)));
        }
        lanes.push(4, Lane::Quick);
        assert_eq!(lanes.next(quick[0], now), Turn::Evaluate(4));
        now += DEADLINE;
        assert_eq!(watch(&mut lanes, now).late.len(), 3);
        assert_eq!(lanes.hire(), None, "three threads hang");
        assert_eq!(lanes.next(quick[1], now), Turn::Evaluate(2), "what is slow waits for no thread of its own");
        now += BOUNDS.patience;
        assert_eq!(watch(&mut lanes, now).slowed, [quick[1]]);
        lanes.push(5, Lane::Quick);
        lanes.finish(quick[1], now);
        assert_eq!(lanes.next(quick[1], now), Turn::Evaluate(5), "a slow thread is the only one left");
        lanes.finish(quick[1], now);
        assert_eq!(lanes.next(quick[1], now), Turn::Evaluate(3));
        lanes.finish(quick[1], now);
        assert_eq!(lanes.next(quick[1], now), Turn::Wait);
        assert_eq!(lanes.finish(slow[0], now), None);
        assert_eq!(hire_all(&mut lanes).len(), 2, "a hung thread has ended");
        assert_eq!(lanes.next(quick[1], now), Turn::Leave);
    }

    #[test]
    fn lanes_are_exhausted_when_every_thread_has_hung_for_long() {
        let bounds = LaneBounds { threads: 1, max_hung: 0, ..BOUNDS };
        let begin = Instant::now();
        let hang_all = || {
            let mut lanes = Lanes::new(bounds);
            let desk = hire_all(&mut lanes)[0];
            lanes.push(1, Lane::Quick);
            assert_eq!(lanes.next(desk, begin), Turn::Evaluate(1));
            let now = begin + DEADLINE;
            let watched = watch(&mut lanes, now);
            assert_eq!((watched.is_exhausted, watched.look_again), (false, Some(now + bounds.exhausted_after)));
            (lanes, desk, now + bounds.exhausted_after)
        };
        let (mut lanes, _, later) = hang_all();
        assert!(watch(&mut lanes, later).is_exhausted);
        let (mut lanes, desk, later) = hang_all();
        lanes.finish(desk, later);
        assert!(!watch(&mut lanes, later).is_exhausted);
        assert_eq!(hire_all(&mut lanes).len(), 1);
    }

    #[test]
    fn what_nobody_waits_for_any_more_is_dropped_and_is_looked_at_no_sooner() {
        let now = Instant::now();
        let mut lanes = Lanes::new(BOUNDS);
        lanes.push(1, Lane::Quick);
        lanes.push(2, Lane::Slow);
        let expiry = |job: &u32| now + DEADLINE * *job;
        assert_eq!(lanes.watch(now, |_| DEADLINE, expiry).look_again, Some(now + DEADLINE));
        assert_eq!(lanes.watch(now + DEADLINE, |_| DEADLINE, expiry).look_again, Some(now + DEADLINE * 2));
        assert_eq!(lanes.waiting().collect::<Vec<_>>(), [&2]);
        lanes.watch(now + DEADLINE * 2, |_| DEADLINE, expiry);
        assert_eq!(lanes.waiting().count(), 0);
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
                        for (job, took) in watch(&mut lanes, now).late {
                            prop_assert!(took >= DEADLINE);
                            prop_assert!(ended.insert(job), "{job} ended twice");
                        }
                        threads.extend(std::iter::from_fn(|| lanes.hire()).map(|(desk, _)| (desk, None)));
                    }
                    Step::HangAll => now += DEADLINE,
                    Step::Pass(millis) => now += Duration::from_millis(millis),
                    Step::Next(_) | Step::Finish(_) => {}
                }
                let at_work = lanes.at_work().count();
                prop_assert_eq!(ended.len() + at_work + lanes.waiting().count(), pushed as usize);
                // Whatever waits is done by the next thread that is at nothing else.
                let mut next = lanes.clone();
                hire_all(&mut next);
                let takes_any = next.refuses_to_hire();
                for (lane, waiting) in [(Lane::Quick, &next.quick), (Lane::Slow, &next.slow)] {
                    let has_desk = next.desks.values().any(|desk| desk.lane == lane);
                    prop_assert!(waiting.is_empty() || takes_any || has_desk);
                }
                let free = next.desks.iter().filter(|(_, desk)| desk.evaluation.is_none());
                for (desk, lane) in free.map(|(id, desk)| (*id, desk.lane)).collect::<Vec<_>>() {
                    let waiting = if lane == Lane::Quick { &next.quick } else { &next.slow };
                    let waits = !waiting.is_empty() || (takes_any && next.waiting().count() > 0);
                    prop_assert_eq!(matches!(next.next(desk, now), Turn::Evaluate(_)), waits);
                }
                prop_assert!(lanes.desks.len() + lanes.hung.len() <= 3 * BOUNDS.threads + BOUNDS.max_hung);
            }
        }
    }
}
