//! What a thread of sensor actors is scoring now. The sensor's actor writes it; the supervisor reads it at a run's
//! deadline.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::actors::scoring::assignment::Generation;
use crate::sensor::SensorId;

/// What one thread is scoring.
#[derive(Clone, Debug, Default)]
pub struct AtWork(Arc<Mutex<Option<Work>>>);

/// A scoring that goes on.
#[derive(Clone, Copy, Debug)]
pub struct Work {
    /// The sensor whose window is scored.
    pub sensor: SensorId,
    /// With which of its models.
    pub generation: Generation,
    since: Instant,
    blamed: bool,
}

/// A scoring that has ended.
#[derive(Clone, Copy, Debug)]
pub struct Worked {
    /// How long it took.
    pub took: Duration,
    /// Whether it has been counted as a failure already: it held up a run past its deadline.
    pub blamed: bool,
}

/// Says that the thread is at work, until it is dropped.
#[derive(Debug)]
pub struct Working<'a> {
    at_work: &'a AtWork,
    since: Instant,
}

impl AtWork {
    /// Says that the thread scores a sensor from now on.
    pub fn begin(&self, sensor: SensorId, generation: Generation) -> Working<'_> {
        let since = Instant::now();
        *self.work() = Some(Work { sensor, generation, since, blamed: false });
        Working { at_work: self, since }
    }

    /// What is being scored, and for how long already; `None` when nothing is.
    pub fn now(&self) -> Option<(Work, Duration)> {
        self.work().map(|work| (work, work.since.elapsed()))
    }

    /// Marks the scoring at work as blamed if it has gone on for longer than `bound`. Returns it with its length so
    /// far; `None` when there is no such scoring.
    pub fn blame(&self, bound: Duration) -> Option<(Work, Duration)> {
        let mut work = self.work();
        let work = work.as_mut()?;
        let took = work.since.elapsed();
        (took > bound).then(|| {
            work.blamed = true;
            (*work, took)
        })
    }

    fn work(&self) -> MutexGuard<'_, Option<Work>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Working<'_> {
    /// Notes that the scoring has ended.
    pub fn end(self) -> Worked {
        let blamed = self.at_work.work().take().is_some_and(|work| work.blamed);
        Worked { took: self.since.elapsed(), blamed }
    }
}

impl Drop for Working<'_> {
    fn drop(&mut self) {
        *self.at_work.work() = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_scored_for_too_long_is_blamed_and_told_so_and_what_comes_after_it_is_not() {
        let thread = AtWork::default();
        assert!(thread.now().is_none() && thread.blame(Duration::ZERO).is_none());
        let working = thread.begin(SensorId(3), Generation::default());
        assert!(thread.blame(Duration::from_secs(3600)).is_none());
        assert_eq!(thread.now().unwrap().0.sensor, SensorId(3));
        std::thread::sleep(Duration::from_millis(2));
        assert_eq!(thread.blame(Duration::from_millis(1)).unwrap().0.sensor, SensorId(3));
        assert!(working.end().blamed);
        assert!(thread.now().is_none());
        assert!(!thread.begin(SensorId(4), Generation::default()).end().blamed);
    }
}
