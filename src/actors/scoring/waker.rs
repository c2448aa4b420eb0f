//! Wakes the scheduler when the runs of a firing may begin, and notices when that did not happen.
//!
//! tokio-cron-scheduler polls the wall clock and goes silent when that clock steps back. So it only wakes: what is due is
//! asked of the agenda, and a watch that is looked at by a timer of the clock that only counts ([`WakeWatch`]) has the job
//! made anew. There is one scheduler of the library for the whole life of the daemon, since its tasks never end.

use std::sync::Arc;

use actix::prelude::*;
use tokio::sync::Notify;
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

use super::scheduler::Wake;
use crate::actors::system_clock::SystemClock;
use crate::schedule::agenda::{GroupPlan, next_wake};
use crate::time::Timestamp;

/// Notices when the scheduler was not woken, or will not be: pure, is told what is due.
#[derive(Debug, Default)]
pub(super) struct WakeWatch {
    /// When it is to be woken next, as of the last time that it was.
    next: Option<Timestamp>,
    /// Whether something else was due next at the last look.
    was_off: bool,
}

/// What a look at the watch has shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum WakeSight {
    /// The wake is on its way.
    InTime,
    /// It is not, for the clock was set, or the machine was held up.
    Missed,
}

impl WakeWatch {
    /// The scheduler is woken, or a wake is prepared anew; `next` is due next.
    pub(super) fn note_wake(&mut self, next: Option<Timestamp>) {
        *self = Self { next, was_off: false };
    }

    /// Looks, when `next` is due next.
    pub(super) fn look(&mut self, next: Option<Timestamp>) -> WakeSight {
        let is_off = next != self.next;
        // Once may be chance: the wake is on its way.
        let sight = if is_off && self.was_off { WakeSight::Missed } else { WakeSight::InTime };
        self.was_off = is_off;
        sight
    }
}

/// Wakes the scheduler whenever the runs of a firing may begin. `anew` is told when the clock was set meanwhile.
pub(super) async fn wake_in_time(
    plans: Vec<GroupPlan>,
    clock: SystemClock,
    scheduler: Recipient<Wake>,
    anew: Arc<Notify>,
) -> Result<(), JobSchedulerError> {
    let cron = JobScheduler::new().await?;
    cron.start().await?;
    while let Some(wake) = next_wake(&plans, clock.read().believed) {
        let left = || wake.since(clock.read().believed).to_std();
        // The library counts in whole seconds and knows no zones, so a job is made for each firing.
        let near = Arc::new(Notify::new());
        let notify = Arc::clone(&near);
        let job = Job::new_one_shot_async(left(), move |_, _| {
            let notify = Arc::clone(&notify);
            Box::pin(async move { notify.notify_one() })
        })?;
        let job = cron.add(job).await?;
        let in_time = async {
            near.notified().await;
            tokio::time::sleep(left()).await;
        };
        tokio::select! {
            () = in_time => scheduler.do_send(Wake),
            () = anew.notified() => cron.remove(&job).await?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::runtime::Handle;

    use super::*;
    use crate::group::GroupName;
    use crate::interval::Cut;
    use crate::schedule::Schedule;
    use crate::schedule::clock_trust::ClockTrustSettings;
    use crate::time::Span;

    fn hourly() -> Vec<GroupPlan> {
        let cut = Cut::new(Span::from_secs(60), Span::from_secs(3600)).unwrap();
        vec![GroupPlan { name: GroupName::default(), schedule: Schedule::for_test("@hourly", cut.into()) }]
    }

    #[test]
    fn a_clock_that_steps_back_is_noticed_at_the_second_look_and_a_late_wake_is_not_held_against_it() {
        let next = |time: &str| next_wake(&hourly(), Timestamp::parse(time).unwrap());
        let mut watch = WakeWatch::default();
        watch.note_wake(next("2026-03-01 10:10"));
        assert_eq!(watch.look(next("2026-03-01 10:59")), WakeSight::InTime);
        // The firing has passed; the wake comes between two looks.
        assert_eq!(watch.look(next("2026-03-01 11:00:01Z")), WakeSight::InTime);
        watch.note_wake(next("2026-03-01 11:00:02Z"));
        assert_eq!(watch.look(next("2026-03-01 11:30")), WakeSight::InTime);
        // The clock is set back by a day: the library would wait that long.
        assert_eq!(watch.look(next("2026-02-28 11:31")), WakeSight::InTime);
        assert_eq!(watch.look(next("2026-02-28 11:32")), WakeSight::Missed);
        watch.note_wake(next("2026-02-28 11:32"));
        assert_eq!(watch.look(next("2026-02-28 11:33")), WakeSight::InTime);
    }

    struct Sleeper;

    impl Actor for Sleeper {
        type Context = Context<Self>;
    }

    impl Handler<Wake> for Sleeper {
        type Result = ();

        fn handle(&mut self, _: Wake, _: &mut Context<Self>) {}
    }

    #[actix_rt::test]
    async fn a_wake_that_is_prepared_anew_leaves_nothing_behind() {
        let alive = || Handle::current().metrics().num_alive_tasks();
        let trust = ClockTrustSettings { tolerance: Span::from_secs(5), patience: Duration::from_secs(600) };
        let (anew, scheduler) = (Arc::new(Notify::new()), Sleeper.start().recipient());
        actix_rt::spawn(wake_in_time(hourly(), SystemClock::new(trust), scheduler, Arc::clone(&anew)));
        tokio::time::sleep(Duration::from_millis(200)).await;
        let before = alive();
        for _ in 0..20 {
            anew.notify_one();
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        for _ in 0..500 {
            if alive() <= before {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{} tasks more than before", alive() - before);
    }
}
