//! Tasks that begin anew when they end, or panic: what they do goes on where it was, because it is on the disk or in what
//! they share. One that fails again and again gives up, and its end brings the daemon down with the reason.

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

/// How often a task may begin anew: pure, and told the time.
#[derive(Debug, Default)]
struct RestartBudget(VecDeque<Instant>);

impl RestartBudget {
    /// So many times within [`WITHIN`](Self::WITHIN).
    const MOST: usize = 5;
    const WITHIN: Duration = Duration::from_secs(60);
    /// The first pause; it doubles with each failure within that time.
    const PAUSE: Duration = Duration::from_millis(100);

    /// The pause before the task begins anew; `None` when it has failed too often.
    fn spend(&mut self, now: Instant) -> Option<Duration> {
        while self.0.front().is_some_and(|failure| now.saturating_duration_since(*failure) >= Self::WITHIN) {
            self.0.pop_front();
        }
        if self.0.len() >= Self::MOST {
            return None;
        }
        let pause = Self::PAUSE * 2_u32.saturating_pow(u32::try_from(self.0.len()).unwrap_or(u32::MAX));
        self.0.push_back(now);
        Some(pause)
    }
}

/// Does what `begin` begins, again and again. Resolves when that failed too often.
///
/// The first time is begun before this returns, so that whoever waits for a start finds what is made there, such as a
/// socket's file.
pub fn supervised<F: Future<Output = ()>>(
    part: &'static str,
    parts: Arc<PartBook>,
    mut begin: impl FnMut() -> F,
) -> impl Future<Output = ()> {
    let mut begun = panics::catch(&mut begin);
    parts.began(part, Timestamp::now());
    async move {
        let mut budget = RestartBudget::default();
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
        let mut budget = RestartBudget::default();
        for minute in 0..100 {
            assert_eq!(budget.spend(begin + RestartBudget::WITHIN * minute), Some(RestartBudget::PAUSE));
        }
        let mut budget = RestartBudget::default();
        let pauses: Vec<_> = std::iter::from_fn(|| budget.spend(begin)).map(|pause| pause.as_millis()).collect();
        assert_eq!(pauses, [100, 200, 400, 800, 1600]);
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
            () = supervised("kettle", parts, task) => panic!("it gave up"),
            () = third.notified() => {}
        }
        let [("kettle", entry)] = &shown.list()[..] else { panic!("{shown:?}") };
        assert_eq!((entry.is_running, entry.restarts, entry.reason.as_deref()), (true, 2, Some("it ended")));
    }
}
