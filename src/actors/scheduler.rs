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
use crate::time::{Clock, Timestamp};

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
    /// With an event clock: after so long without readings the history is over, and what is open is scored.
    pub event_idle: Option<Duration>,
}

/// Has what is due scored.
pub struct Scheduler {
    settings: SchedulerSettings,
    commands: Commands,
    recorder: Addr<Recorder>,
    position: watch::Receiver<Position>,
    phase: Phase,
    /// Told whenever a run has ended.
    ended: Arc<Notify>,
    idle: Idle,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    Waiting,
    /// Runs go on. Nothing overlaps: what becomes due meanwhile follows.
    Running,
    Stopped,
}

/// Since when the event clock has stood still.
struct Idle {
    time: Timestamp,
    since: Instant,
}

const WATCHDOG: Duration = Duration::from_secs(30);
const IDLE_CHECK: Duration = Duration::from_millis(250);

impl Scheduler {
    /// A scheduler that has the recorder score.
    pub fn new(settings: SchedulerSettings, commands: Commands, recorder: Addr<Recorder>) -> Self {
        let position = commands.position();
        let idle = Idle { time: settings.clock.now(), since: Instant::now() };
        Self { settings, commands, recorder, position, phase: Phase::Waiting, ended: Arc::default(), idle }
    }

    fn start_due(&mut self, context: &mut Context<Self>) {
        if self.phase != Phase::Waiting {
            return;
        }
        let Some(due) = self.due() else { return };
        self.phase = Phase::Running;
        let run = score_first(due, self.commands.clone(), self.recorder.clone());
        context.spawn(run.into_actor(self).map(|result, scheduler, context| {
            scheduler.idle.since = Instant::now();
            scheduler.ended.notify_waiters();
            if scheduler.phase == Phase::Running {
                scheduler.phase = Phase::Waiting;
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
        let now = self.settings.clock.now();
        if now != self.idle.time {
            self.idle = Idle { time: now, since: Instant::now() };
        } else if self.phase == Phase::Waiting && self.idle.since.elapsed() >= idle {
            self.commands.send(Command::EndHistory);
            self.idle.since = Instant::now();
        }
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
                // The first start of all: windows count from here.
                let now = self.settings.clock.now();
                if self.position.borrow().closed == Timestamp::MIN {
                    let (done, _) = tokio::sync::oneshot::channel();
                    let until = self.settings.schedule.cut.window_of(now).start();
                    self.commands.send(Command::Close { until, done });
                }
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
        let running = self.phase == Phase::Running;
        self.phase = Phase::Stopped;
        let ended = Arc::clone(&self.ended);
        Box::pin(async move {
            if running {
                ended.notified().await;
            }
        })
    }
}
