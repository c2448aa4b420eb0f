//! The scheduler: has what is due scored, one run after the other.
//!
//! What is due is decided by the pure [`Schedule`]; this actor only gets woken: by tokio-cron-scheduler when the pattern
//! fires, by the pipeline when an event clock has moved past a window, and in any case every half minute, because a
//! cron scheduler that polls the wall clock goes silent when that clock steps back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::*;
use tokio::sync::{Notify, watch};
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

use crate::actors::committer::{Command, Commands, CommitterStopped};
use crate::actors::recorder::{Recorder, RunError, ScoreRun};
use crate::pipeline::Position;
use crate::schedule::{Due, Schedule};
use crate::telemetry::metrics;
use crate::telemetry::metrics::{READINGS_ACCEPTED, READINGS_REPEATED};
use crate::time::{Clock, Span, Timestamp};

/// Looks for what is due.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Wake;

/// Begins no more runs. Answered when the one that goes on has ended.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct StopScheduling;

/// The scheduler's settings.
#[derive(Clone, Debug)]
pub struct SchedulerSettings {
    /// What is due.
    pub schedule: Schedule,
    /// The clock that it goes by.
    pub clock: Clock,
    /// After a start: how long devices and brokers may take to send again what was not acknowledged, before windows are
    /// closed. With an event clock the readings themselves say how far they are.
    pub settle: Duration,
    /// With an event clock: after so long without readings the history is over, and what is open is scored.
    pub event_idle: Option<Duration>,
}

/// Has what is due scored.
pub struct Scheduler {
    settings: SchedulerSettings,
    commands: Commands,
    recorder: Addr<Recorder>,
    position: watch::Receiver<Position>,
    state: SchedulerState,
    trust: ClockTrust,
    /// Told whenever a run has ended.
    ended: Arc<Notify>,
    idle: Idle,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum SchedulerState {
    Waiting,
    /// Runs go on. Nothing overlaps: what becomes due meanwhile follows.
    Running,
    Stopped,
}

/// Since when no readings have come.
struct Idle {
    taken_in: u64,
    since: Instant,
}

const WATCHDOG: Duration = Duration::from_secs(30);
const IDLE_CHECK: Duration = Duration::from_millis(250);

impl Scheduler {
    /// A scheduler that has the recorder score.
    pub fn new(settings: SchedulerSettings, commands: Commands, recorder: Addr<Recorder>) -> Self {
        let position = commands.position();
        let idle = Idle { taken_in: 0, since: Instant::now() };
        let trust = ClockTrust::new(settings.clock.now(), Instant::now(), settings.settle);
        Self {
            settings,
            commands,
            recorder,
            position,
            state: SchedulerState::Waiting,
            trust,
            ended: Arc::default(),
            idle,
        }
    }

    fn start_due(&mut self, context: &mut Context<Self>) {
        if self.state != SchedulerState::Waiting {
            return;
        }
        if let Clock::Wall = self.settings.clock {
            let schedule = &self.settings.schedule;
            let now = self.settings.clock.now();
            if !self.trust.check(now, Instant::now(), schedule.cut.window()) {
                return;
            }
            // Windows are closed when they are over, however seldom they are scored: the journal holds what is open.
            let over = schedule.cut.window_of(now - schedule.lateness).start();
            if over > self.position.borrow().closed {
                let (done, _) = tokio::sync::oneshot::channel();
                self.commands.send(Command::Close { until: over, done });
            }
        }
        let Some(due) = self.due() else { return };
        self.state = SchedulerState::Running;
        let run = score_first(due, self.commands.clone(), self.recorder.clone());
        context.spawn(run.into_actor(self).map(|result, scheduler, context| {
            scheduler.idle.since = Instant::now();
            scheduler.ended.notify_waiters();
            if scheduler.state == SchedulerState::Running {
                scheduler.state = SchedulerState::Waiting;
            }
            match result {
                // What else is due follows.
                Ok(()) => scheduler.start_due(context),
                Err(error) => tracing::error!("the run did not end: {error}"),
            }
        }));
    }

    fn due(&self) -> Option<Due> {
        let scored = self.position.borrow().scored;
        self.settings.schedule.due(scored, self.settings.clock.now())
    }

    /// Ends a history that no more readings come of.
    fn check_idle(&mut self, idle: Duration) {
        let taken_in = READINGS_ACCEPTED.get() + READINGS_REPEATED.get();
        if taken_in != self.idle.taken_in {
            self.idle = Idle { taken_in, since: Instant::now() };
        } else if self.state == SchedulerState::Waiting && self.idle.since.elapsed() >= idle {
            self.commands.send(Command::EndHistory);
            self.idle.since = Instant::now();
        }
    }
}

/// Whether the system's clock is believed.
///
/// A window that was closed stays closed. So a clock that jumps ahead, as that of a gateway without a battery may, must
/// not close what is yet to come: time is compared with a clock that only counts, and a jump is believed when it lasts.
#[derive(Debug)]
struct ClockTrust {
    last: (Timestamp, Instant),
    believed_from: Instant,
}

/// How long a jump ahead must last to be believed.
const JUMP_PATIENCE: Duration = Duration::from_secs(600);

impl ClockTrust {
    fn new(now: Timestamp, instant: Instant, settle: Duration) -> Self {
        Self { last: (now, instant), believed_from: instant + settle }
    }

    /// Takes note of the time, and tells whether to go by it. A jump is more than `tolerance` ahead.
    fn check(&mut self, now: Timestamp, instant: Instant, tolerance: Span) -> bool {
        let (last, then) = std::mem::replace(&mut self.last, (now, instant));
        let ahead = now.since(last + Span::from(instant.saturating_duration_since(then)));
        if ahead > tolerance {
            tracing::error!(
                "the system's clock jumped {ahead} ahead; windows stay open until that has lasted for {JUMP_PATIENCE:?}"
            );
            self.believed_from = instant + JUMP_PATIENCE;
        }
        instant >= self.believed_from
    }
}

/// Scores the oldest window that is due.
async fn score_first(due: Due, commands: Commands, recorder: Addr<Recorder>) -> Result<(), RunError> {
    let Due { first: window, skipped, .. } = due;
    if skipped > 0 {
        metrics::WINDOWS_SKIPPED.add(skipped);
        tracing::warn!(skipped, "more windows were missed than schedule.catch_up; the oldest are not scored");
        commands.commit(|done| Command::GiveUp { until: window.start(), done }).await?;
    }
    commands.commit(|done| Command::Close { until: window.end(), done }).await?;
    let report = recorder.send(ScoreRun { window }).await.map_err(|_| CommitterStopped)??;
    report.log();
    Ok(())
}

impl Actor for Scheduler {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Context<Self>) {
        context.run_interval(WATCHDOG, |scheduler, context| scheduler.start_due(context));
        match self.settings.clock {
            Clock::Wall => {
                let now = self.settings.clock.now();
                let closed = self.position.borrow().closed;
                if closed == Timestamp::MIN {
                    // The first start of all: windows count from here.
                    let (done, _) = tokio::sync::oneshot::channel();
                    let until = self.settings.schedule.cut.window_of(now).start();
                    self.commands.send(Command::Close { until, done });
                } else if closed > now {
                    tracing::error!(%closed, %now, "the system's clock is behind the store: readings before the time closed are late, and \
                        nothing is scored until then; set the clock right, or move store.directory away to begin anew");
                }
                context.run_later(self.settings.settle, |scheduler, context| scheduler.start_due(context));
                let wake = wake_on_cron(self.settings.schedule.clone(), context.address());
                context.spawn(wake.into_actor(self).map(|result, _, _| {
                    if let Err(error) = result {
                        tracing::error!("the cron scheduler failed, runs begin up to {WATCHDOG:?} late: {error}");
                    }
                }));
            }
            Clock::Event(_) => {
                let mut position = self.position.clone();
                let scheduler = context.address();
                let follow = async move {
                    while position.changed().await.is_ok() {
                        scheduler.do_send(Wake);
                    }
                };
                context.spawn(follow.into_actor(self));
                if let Some(idle) = self.settings.event_idle {
                    context.run_interval(IDLE_CHECK.min(idle), move |scheduler, _| scheduler.check_idle(idle));
                }
            }
        }
        context.notify(Wake);
    }
}

/// Wakes the scheduler whenever a firing's lateness has passed.
async fn wake_on_cron(schedule: Schedule, scheduler: Addr<Scheduler>) -> Result<(), JobSchedulerError> {
    let cron = JobScheduler::new().await?;
    let lateness = schedule.lateness.to_std();
    cron.add(Job::new_async(schedule.cron.as_str(), move |_, _| {
        let scheduler = scheduler.clone();
        Box::pin(async move {
            tokio::time::sleep(lateness).await;
            scheduler.do_send(Wake);
        })
    })?)
    .await?;
    cron.start().await?;
    // The jobs end when the scheduler is dropped.
    std::future::pending().await
}

impl Handler<Wake> for Scheduler {
    type Result = ();

    fn handle(&mut self, _: Wake, context: &mut Context<Self>) {
        self.start_due(context);
    }
}

impl Handler<StopScheduling> for Scheduler {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: StopScheduling, _: &mut Context<Self>) -> Self::Result {
        let running = self.state == SchedulerState::Running;
        self.state = SchedulerState::Stopped;
        // Listening begins here: the run may end before the answer is first asked for.
        let ended = Arc::clone(&self.ended).notified_owned();
        Box::pin(async move {
            if running {
                ended.await;
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Span = Span::from_secs(3600);

    #[test]
    fn a_clock_is_believed_once_the_start_has_settled() {
        let start = Instant::now();
        let mut trust = ClockTrust::new(Timestamp::default(), start, Duration::from_secs(30));
        let after =
            |secs: u32| (Timestamp::default() + Span::from_secs(secs), start + Duration::from_secs(secs.into()));
        let (now, instant) = after(29);
        assert!(!trust.check(now, instant, HOUR));
        let (now, instant) = after(30);
        assert!(trust.check(now, instant, HOUR));
    }

    #[test]
    fn a_jump_ahead_is_believed_when_it_lasts_and_forgotten_when_it_is_taken_back() {
        let start = Instant::now();
        let year = HOUR.times(24 * 365);
        let at = |minutes: u32| start + Duration::from_secs(60 * u64::from(minutes));
        let wall = |minutes: u32| Timestamp::default() + Span::from_secs(60 * minutes);
        let mut trust = ClockTrust::new(wall(0), at(0), Duration::ZERO);
        assert!(trust.check(wall(1), at(1), HOUR));
        assert!(!trust.check(wall(2) + year, at(2), HOUR));
        assert!(!trust.check(wall(11) + year, at(11), HOUR));
        assert!(trust.check(wall(12) + year, at(12), HOUR), "it has lasted for ten minutes");
        let mut trust = ClockTrust::new(wall(0), at(0), Duration::ZERO);
        assert!(!trust.check(wall(2) + year, at(2), HOUR));
        assert!(!trust.check(wall(3), at(3), HOUR), "back again");
        assert!(trust.check(wall(12), at(12), HOUR));
    }
}
