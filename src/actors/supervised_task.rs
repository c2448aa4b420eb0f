//! Tasks that begin anew when they end, or panic: what they do goes on where it was, because it is on the disk or in what
//! they share. Of those that fail again and again, some give up, and their end brings the daemon down with the reason: what
//! the daemon is there for does not work without them. The others go on after a long pause, and never bring it down.

use std::collections::VecDeque;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;

use crate::live::PartBook;
use crate::telemetry::metrics;
use crate::telemetry::panics;
use crate::time::Timestamp;

/// What a task does that fails again and again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Persistence {
    /// It ends for good.
    GivesUp,
    /// It goes on after a long pause, until it has held for a while.
    GoesOn,
}

/// How often a task may begin anew: pure, and told the time.
#[derive(Debug)]
struct RestartBudget {
    persistence: Persistence,
    failures: VecDeque<Instant>,
    /// When the last long pause began.
    paused: Option<Instant>,
}

impl RestartBudget {
    /// So many times within [`WITHIN`](Self::WITHIN), in quick succession.
    const MOST: usize = 5;
    const WITHIN: Duration = Duration::from_secs(60);
    /// The first pause; it doubles with each failure within that time.
    const PAUSE: Duration = Duration::from_millis(100);
    /// The pause of a task that goes on beyond that.
    const LONG_PAUSE: Duration = Duration::from_secs(50);

    fn new(persistence: Persistence) -> Self {
        Self { persistence, failures: VecDeque::new(), paused: None }
    }

    /// The pause before the task begins anew; `None` when it has failed too often.
    fn spend(&mut self, now: Instant) -> Option<Duration> {
        while self.failures.front().is_some_and(|failure| now.saturating_duration_since(*failure) >= Self::WITHIN) {
            self.failures.pop_front();
        }
        let failures = self.failures.len();
        let has_not_held = |paused| now.saturating_duration_since(paused) < Self::LONG_PAUSE + Self::WITHIN;
        if failures >= Self::MOST || self.paused.is_some_and(has_not_held) {
            self.paused = Some(now);
            return (self.persistence == Persistence::GoesOn).then_some(Self::LONG_PAUSE);
        }
        self.failures.push_back(now);
        Some(Self::PAUSE * 2_u32.saturating_pow(u32::try_from(failures).unwrap_or(u32::MAX)))
    }
}

/// Does what `begin` begins, again and again. Resolves when a task that [gives up](Persistence::GivesUp) failed too often;
/// the book of parts has the reason then.
///
/// The first time is begun before this returns, so that whoever waits for a start finds what is made there, such as a
/// socket's file.
pub fn supervised<F: Future<Output = ()>>(
    part: &'static str,
    persistence: Persistence,
    parts: Arc<PartBook>,
    begin: impl FnMut() -> F,
) -> impl Future<Output = ()> {
    supervised_within(RestartBudget::new(persistence), part, parts, begin)
}

fn supervised_within<F: Future<Output = ()>>(
    mut budget: RestartBudget,
    part: &'static str,
    parts: Arc<PartBook>,
    mut begin: impl FnMut() -> F,
) -> impl Future<Output = ()> {
    let mut begun = panics::catch(&mut begin);
    parts.began(part, Timestamp::now());
    async move {
        loop {
            let reason = match begun {
                Ok(task) => match AssertUnwindSafe(task).catch_unwind().await {
                    Ok(()) => "it ended".to_owned(),
                    Err(panic) => format!("it panicked: {}", panics::message(&*panic)),
                },
                Err(panic) => format!("it panicked: {panic}"),
            };
            let Some(pause) = budget.spend(Instant::now()) else {
                tracing::error!(part, "a part of the daemon failed too often, and is not begun anew: {reason}");
                parts.gave_up(part, &reason, Timestamp::now());
                return;
            };
            parts.failed(part, &reason, Timestamp::now());
            metrics::PARTS_RESTARTED.add(1);
            let pause_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
            tracing::error!(part, pause_ms, "a part of the daemon is begun anew: {reason}");
            tokio::time::sleep(pause).await;
            begun = panics::catch(&mut begin);
            parts.began(part, Timestamp::now());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn a_task_that_fails_now_and_then_goes_on_and_one_that_fails_at_once_gives_up() {
        let begin = Instant::now();
        let mut budget = RestartBudget::new(Persistence::GivesUp);
        for minute in 0..100 {
            assert_eq!(budget.spend(begin + RestartBudget::WITHIN * minute), Some(RestartBudget::PAUSE));
        }
        let mut budget = RestartBudget::new(Persistence::GivesUp);
        let pauses: Vec<_> = std::iter::from_fn(|| budget.spend(begin)).map(|pause| pause.as_millis()).collect();
        assert_eq!(pauses, [100, 200, 400, 800, 1600]);
    }

    #[test]
    fn a_task_that_goes_on_waits_longer() {
        let mut now = Instant::now();
        let mut budget = RestartBudget::new(Persistence::GoesOn);
        let mut fail = |now: &mut Instant| {
            let pause = budget.spend(*now).unwrap();
            *now += pause;
            pause.as_millis()
        };
        let pauses: Vec<_> = (0..9).map(|_| fail(&mut now)).collect();
        assert_eq!(pauses, [100, 200, 400, 800, 1600, 50_000, 50_000, 50_000, 50_000]);
        // It holds for a while.
        now += RestartBudget::WITHIN;
        assert_eq!(fail(&mut now), RestartBudget::PAUSE.as_millis());
    }

    #[tokio::test]
    async fn the_book_of_parts_has_the_last_word_of_a_task_that_gives_up() {
        let (parts, mut budget) = (Arc::new(PartBook::default()), RestartBudget::new(Persistence::GivesUp));
        while budget.spend(Instant::now()).is_some() {}
        supervised_within(budget, "kettle", Arc::clone(&parts), || async { panic!("out of tea") }).await;
        assert_eq!(parts.reason("kettle").as_deref(), Some("it panicked: out of tea"));
    }

    #[tokio::test]
    async fn a_task_that_panics_begins_anew_and_what_it_shares_stays() {
        let (parts, begun) = (Arc::new(PartBook::default()), Cell::new(0));
        let third = tokio::sync::Notify::new();
        let task = || async {
            begun.set(begun.get() + 1);
            match begun.get() {
                1 => panic!("out of tea"),
                2 => {}
                _ => {
                    third.notify_one();
                    std::future::pending::<()>().await;
                }
            }
        };
        let shown = Arc::clone(&parts);
        tokio::select! {
            () = supervised("kettle", Persistence::GivesUp, parts, task) => panic!("it gave up"),
            () = third.notified() => {}
        }
        let [("kettle", entry)] = &shown.list()[..] else { panic!("{shown:?}") };
        assert_eq!((entry.is_running, entry.restarts, entry.reason.as_deref()), (true, 2, Some("it ended")));
    }
}
