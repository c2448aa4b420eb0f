//! Threads for work that may never end: reading a file on a dead mount, or proving a model at great cost.
//!
//! Each piece of work has a deadline. A thread that misses it is abandoned: the caller gets an answer without it,
//! another thread takes its place, and its own result is dropped. Only a bounded number of threads may be abandoned at
//! a time; beyond that, no work is begun until one of them returns. These threads are not the runtime's, so that the
//! end of the process waits for none of them. They end when there is nothing left to do.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{RecvTimeoutError, Sender, bounded};

use crate::telemetry::metrics;
use crate::telemetry::panics::{self, Caught};
use crate::time::Span;

/// Threads that do work which may never end.
#[derive(Clone, Debug)]
pub struct Workers {
    threads: usize,
    abandoned: Arc<AtomicUsize>,
}

/// Why a piece of work came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum Undone {
    /// It goes on past its deadline.
    #[error("was not read within {}", Span::from(*.after))]
    Late {
        /// The deadline.
        after: Duration,
        /// The thread that still works on it.
        thread: Abandoned,
    },
    /// Too much of the work that was begun earlier goes on.
    #[error(
        "was not read: {abandoned} threads are still at files that took too long, and no more are begun until one of \
         them comes to its end"
    )]
    NotBegun {
        /// How many threads do not end.
        abandoned: usize,
    },
    /// The system refused a thread.
    #[error("was not read: the system refused a thread: {0}")]
    Refused(String),
    /// It found a defect of ours.
    #[error("reading it panicked: {0}; please report this file")]
    Panicked(Caught),
}

/// A thread that its caller no longer waits for.
#[derive(Clone, Debug)]
pub struct Abandoned(Arc<Desk>);

impl Abandoned {
    /// Whether the thread has ended after all.
    pub fn has_ended(&self) -> bool {
        *self.0.state() == State::Ended
    }
}

/// What one thread works on.
#[derive(Debug)]
struct Desk(Mutex<State>);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// Between two pieces of work.
    Free,
    /// The thread works on the item with this number.
    AtWork { index: usize, since: Instant },
    /// The thread's work is no longer waited for.
    Abandoned,
    /// It was abandoned, and has ended.
    Ended,
}

impl Desk {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the threads share.
struct Shared<T, W> {
    items: Vec<T>,
    next: AtomicUsize,
    work: W,
    abandoned: Arc<AtomicUsize>,
}

impl Workers {
    /// How many threads may be abandoned before further ones are not replaced. Each may hold as much memory as reading
    /// one model takes.
    pub const MAX_ABANDONED: usize = 4;

    /// How often threads are checked for a missed deadline.
    const ROUND: Duration = Duration::from_millis(50);

    /// At most this many threads at a time, besides those that are abandoned.
    pub fn new(threads: usize) -> Self {
        Self { threads: threads.max(1), abandoned: Arc::default() }
    }

    /// As many threads as there are cores.
    pub fn on_all_cores() -> Self {
        Self::new(thread::available_parallelism().map_or(1, std::num::NonZero::get))
    }

    /// Does the work on each item, and hands the results over in the order in which they are done. Returns when all are
    /// handed over, which is never later than the deadline of the last.
    pub fn each<T, R, W>(&self, items: Vec<T>, deadline: Duration, work: W, mut take: impl FnMut(&T, Result<R, Undone>))
    where
        T: Send + Sync + 'static,
        R: Send + 'static,
        W: Fn(&T) -> R + Send + Sync + 'static,
    {
        let threads = self.threads.min(items.len());
        let shared =
            Arc::new(Shared { items, next: AtomicUsize::new(0), work, abandoned: Arc::clone(&self.abandoned) });
        // Results are received at once: a thread waits here only if the receiver is slow.
        let (results, done) = bounded(256);
        let mut desks = Vec::new();
        let mut refused = None;
        let mut hire = |desks: &mut Vec<Arc<Desk>>| {
            if self.abandoned.load(Ordering::Relaxed) <= Self::MAX_ABANDONED {
                match start(&shared, &results) {
                    Ok(desk) => desks.push(desk),
                    Err(error) => refused = Some(error.to_string()),
                }
            }
        };
        (0..threads).for_each(|_| hire(&mut desks));
        let mut left = shared.items.len();
        let mut looked = Instant::now();
        while left > 0 && !desks.is_empty() {
            match done.recv_timeout(Self::ROUND.min(deadline)) {
                Ok((index, result)) => {
                    left -= 1;
                    take(&shared.items[index], result);
                }
                // The sender is here.
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
            if looked.elapsed() < Self::ROUND.min(deadline) {
                continue;
            }
            looked = Instant::now();
            for at in (0..desks.len()).rev() {
                if let Some(index) = self.abandon(&desks[at], deadline) {
                    left -= 1;
                    let thread = Abandoned(desks.swap_remove(at));
                    take(&shared.items[index], Err(Undone::Late { after: deadline, thread }));
                    hire(&mut desks);
                }
            }
        }
        for (index, result) in done.try_iter() {
            left -= 1;
            take(&shared.items[index], result);
        }
        // The receiver is gone, so the remaining items are not begun.
        let begun = shared.next.load(Ordering::Relaxed);
        for item in shared.items.iter().skip(begun).take(left) {
            let undone = match &refused {
                Some(problem) => Undone::Refused(problem.clone()),
                None => Undone::NotBegun { abandoned: self.abandoned.load(Ordering::Relaxed) },
            };
            take(item, Err(undone));
        }
    }

    /// Does one piece of work.
    ///
    /// # Errors
    /// When there is no result within the deadline.
    pub fn one<R: Send + 'static>(
        &self,
        deadline: Duration,
        work: impl Fn() -> R + Send + Sync + 'static,
    ) -> Result<R, Undone> {
        let mut result = None;
        self.each(vec![()], deadline, move |()| work(), |(), done| result = Some(done));
        // There is exactly one item, and its result is always handed over.
        result.unwrap_or(Err(Undone::NotBegun { abandoned: 0 }))
    }

    /// Abandons a thread that has missed its deadline. Returns the number of its item; `None` when it is in time.
    fn abandon(&self, desk: &Desk, deadline: Duration) -> Option<usize> {
        let mut state = desk.state();
        let State::AtWork { index, since } = *state else { return None };
        (since.elapsed() >= deadline).then(|| {
            *state = State::Abandoned;
            self.abandoned.fetch_add(1, Ordering::Relaxed);
            metrics::READERS_ABANDONED.add(1);
            metrics::READS_LATE.add(1);
            index
        })
    }
}

/// Starts a thread.
fn start<T, R, W>(
    shared: &Arc<Shared<T, W>>,
    results: &Sender<(usize, Result<R, Undone>)>,
) -> std::io::Result<Arc<Desk>>
where
    T: Send + Sync + 'static,
    R: Send + 'static,
    W: Fn(&T) -> R + Send + Sync + 'static,
{
    let desk = Arc::new(Desk(Mutex::new(State::Free)));
    let (shared, results, own) = (Arc::clone(shared), results.clone(), Arc::clone(&desk));
    thread::Builder::new().name("model reader".to_owned()).spawn(move || serve(&shared, &own, &results))?;
    Ok(desk)
}

/// Takes one item after the other, until there are no more or the thread is abandoned.
fn serve<T, R, W: Fn(&T) -> R>(shared: &Shared<T, W>, desk: &Desk, results: &Sender<(usize, Result<R, Undone>)>) {
    loop {
        let index = shared.next.fetch_add(1, Ordering::Relaxed);
        let Some(item) = shared.items.get(index) else { return };
        *desk.state() = State::AtWork { index, since: Instant::now() };
        let result = panics::catch(|| (shared.work)(item)).map_err(Undone::Panicked);
        let mut state = desk.state();
        if *state == State::Abandoned {
            *state = State::Ended;
            shared.abandoned.fetch_sub(1, Ordering::Relaxed);
            metrics::READERS_ABANDONED.subtract(1);
            return;
        }
        *state = State::Free;
        drop(state);
        if results.send((index, result)).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use crossbeam_channel::{Receiver, unbounded};

    use super::*;

    const DEADLINE: Duration = Duration::from_millis(100);

    /// The results for items; each item that is `Some` waits until its sender speaks or is dropped.
    fn each(workers: &Workers, items: Vec<Option<Receiver<()>>>) -> Vec<(usize, Result<usize, Undone>)> {
        let items: Vec<_> = items.into_iter().enumerate().collect();
        let mut found = Vec::new();
        let work = |(index, told): &(usize, Option<Receiver<()>>)| {
            if let Some(told) = told {
                // Its end is the sender's.
                let _ = told.recv();
            }
            *index
        };
        workers.each(items, DEADLINE, work, |(index, _), result| found.push((*index, result)));
        found.sort_by_key(|(index, _)| *index);
        found
    }

    fn eventually(what: impl Fn() -> bool) {
        let began = Instant::now();
        while !what() {
            assert!(began.elapsed() < Duration::from_secs(30), "waited in vain");
            thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn all_is_done_and_handed_over_once() {
        let found = each(&Workers::new(3), (0..1000).map(|_| None).collect());
        let indices: Vec<_> = found.into_iter().map(|(index, result)| (index, result.unwrap())).collect();
        assert_eq!(indices, (0..1000).map(|index| (index, index)).collect::<Vec<_>>());
        assert!(each(&Workers::new(3), Vec::new()).is_empty());
    }

    #[test]
    fn what_does_not_end_is_late_alone_and_its_thread_counts_until_it_returns() {
        let (tell, told) = unbounded();
        let workers = Workers::new(1);
        let found = each(&workers, vec![None, Some(told), None, None]);
        let [(_, Ok(0)), (_, Err(late)), (_, Ok(2)), (_, Ok(3))] = &found[..] else { panic!("{found:?}") };
        assert_eq!(late.to_string(), "was not read within 100ms");
        let Undone::Late { thread, .. } = late else { panic!("{late:?}") };
        assert!(!thread.has_ended());
        assert_eq!(workers.abandoned.load(Ordering::Relaxed), 1);
        drop(tell);
        eventually(|| thread.has_ended());
        assert_eq!(workers.abandoned.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn beyond_the_bound_nothing_is_begun_until_a_thread_returns() {
        let (tell, told) = unbounded();
        let workers = Workers::new(1);
        let endless = Workers::MAX_ABANDONED + 1;
        let items = (0..endless).map(|_| Some(told.clone())).chain([None, None]).collect();
        let found = each(&workers, items);
        assert!(found[..endless].iter().all(|(_, result)| matches!(result, Err(Undone::Late { .. }))), "{found:?}");
        let not_begun = |(_, result): &(usize, Result<usize, Undone>)| matches!(result, Err(Undone::NotBegun { abandoned }) if *abandoned == endless);
        assert!(found.len() == endless + 2 && found[endless..].iter().all(not_begun), "{found:?}");
        let began = Instant::now();
        assert!(each(&workers, vec![None, None]).iter().all(not_begun));
        assert!(began.elapsed() < DEADLINE, "it waits for nobody");
        drop(tell);
        eventually(|| workers.abandoned.load(Ordering::Relaxed) == 0);
        assert!(each(&workers, vec![None]).iter().all(|(_, result)| result.is_ok()));
    }

    #[test]
    fn a_panic_is_that_of_its_item_alone() {
        let mut found = Vec::new();
        let work = |item: &u32| if *item == 1 { panic!("out of tea") } else { *item };
        Workers::new(1).each(vec![0, 1, 2], DEADLINE, work, |_, result| found.push(result));
        let [Ok(0), Err(undone), Ok(2)] = &found[..] else { panic!("{found:?}") };
        assert!(undone.to_string().starts_with("reading it panicked: out of tea"), "{undone}");
    }
}
