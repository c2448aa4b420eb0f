//! The scheduler: has complete windows closed, and has due windows scored, one run after the other.
//!
//! The pure [`Agenda`] says what is scored next, the pure [`ClosingGate`] what may be closed, and the pure [`IdleWatch`]
//! when a history is over. This actor is only woken, asks them, and does what they say. It is woken by
//! tokio-cron-scheduler when the next firing of a group becomes due, by the pipeline when an event clock has moved past a
//! window, and in any case every half minute, because a cron scheduler that polls the wall clock goes silent when that
//! clock steps back; that is noticed, and mended. While windows are held open, or readings wait for the clock, it looks every second.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::*;
use actix_rt::ArbiterHandle;
use futures_util::FutureExt;
use tokio::sync::oneshot::error::TryRecvError;
use tokio::sync::{Notify, oneshot, watch};

use crate::actors::committer::{Command, Commands, CommitterStopped};
use crate::actors::scoring::commanded::CommandedRuns;
use crate::actors::scoring::recorder::{Recorder, RunError, ScoreRun};
use crate::actors::scoring::waker::{WakeSight, WakeWatch, wake_in_time};
use crate::actors::sources::intake::Intake;
use crate::actors::sources::source::{SourceCounters, SourceLink};
use crate::actors::system_clock::SystemClock;
use crate::error_limited;
use crate::group::GroupName;
use crate::interval::Window;
use crate::live::{Live, OrderedWindow};
use crate::pipeline::{Position, ScoredMarks};
use crate::run::{Closing, Run};
use crate::schedule::agenda::{Agenda, AgendaStep, DueRun, GivenUp, GroupPlan, Order, next_wake};
use crate::schedule::closing::{ClosingDecision, ClosingGate, ClosingSettings, HoldReason};
use crate::schedule::idle::{History, IdleWatch, SourceActivity, Waits};
use crate::store::Committed;
use crate::telemetry::metrics;
use crate::time::{Clock, Span, Timestamp};
use crate::warn_limited;

/// Looks for what is due.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Wake;

/// Begins no more runs. Answered when the current run has ended.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct StopScheduling;

/// The scheduler's settings.
#[derive(Clone, Debug)]
pub struct SchedulerSettings {
    /// All groups, and when each is scored.
    pub plans: Vec<GroupPlan>,
    /// The clock that it goes by.
    pub clock: Clock,
    /// When windows may be closed, with a wall clock. With an event clock, the readings decide it.
    pub closing: ClosingSettings,
    /// With an event clock: after this long without readings the history is over, and open windows are scored.
    pub event_idle: Option<Duration>,
}

/// The parts through which readings come in, as the scheduler sees them.
pub struct SchedulerSources {
    /// What each source counts.
    pub counters: Vec<Arc<SourceCounters>>,
    /// The source that can be away, if there is one.
    pub link: Option<Arc<SourceLink>>,
    /// The way from the sources to the disk.
    pub intake: Intake,
    /// The threads that serve connections.
    pub threads: Vec<ArbiterHandle>,
}

/// Has due windows scored.
pub struct Scheduler {
    settings: SchedulerSettings,
    sources: SchedulerSources,
    clock: SystemClock,
    commands: Commands,
    recorder: Addr<Recorder>,
    /// What operators have asked for.
    commanded: CommandedRuns,
    position: watch::Receiver<Position>,
    state: SchedulerState,
    agenda: Agenda,
    gate: ClosingGate,
    /// Whether windows that are over are held open, or may be.
    holding: bool,
    /// The reason for holding windows open that was logged last.
    told: Option<HoldReason>,
    /// The time before which windows are closed, or about to be.
    closed: Timestamp,
    /// The windows that were not closed on time and not scored yet, by their ends.
    closings: BTreeMap<Timestamp, Closing>,
    /// The answer to the last demand to judge readings that wait for the clock.
    judging: Option<oneshot::Receiver<Committed>>,
    /// Notices when nobody wakes the scheduler; `None` with an event clock.
    watch: Option<WakeWatch>,
    /// Has the next wake prepared anew.
    wake_anew: Arc<Notify>,
    /// Whether what wakes has ended, of an error or because nothing was due any more.
    is_waker_over: bool,
    live: Arc<Live>,
    /// Told whenever a run has ended.
    ended: Arc<Notify>,
    idle: Option<IdleWatch>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum SchedulerState {
    Waiting,
    /// Runs go on. Runs never overlap: windows that become due meanwhile follow.
    Running,
    /// A run did not end. It is tried again after a pause: what kept it may pass.
    Resting,
    Stopped,
}

/// Of how many windows it is remembered until they are scored that they were not closed on time: as many as can be caught
/// up on.
const MAX_CLOSINGS: usize = 10_000;
const WATCHDOG: Duration = Duration::from_secs(30);
/// The pause after a run that did not end.
const REST: Duration = Duration::from_secs(5);
/// How often the scheduler looks while it waits for a source or for the clock.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
const IDLE_CHECK: Duration = Duration::from_millis(250);

impl Scheduler {
    /// A scheduler that has the recorder score. The ledger holds these runs, the oldest first.
    pub fn new(
        settings: SchedulerSettings,
        sources: SchedulerSources,
        clock: SystemClock,
        commands: Commands,
        recorder: Addr<Recorder>,
        commanded: CommandedRuns,
        ledger: &[Run],
    ) -> Self {
        let (position, live) = (commands.position(), Arc::clone(&commanded.live));
        let now = Instant::now();
        let order = match settings.clock {
            Clock::Wall => Order::LiveFirst,
            Clock::Event(_) => Order::OldestFirst,
        };
        // History has no pauses of its own.
        let began = match settings.clock {
            Clock::Wall => clock.read().believed,
            Clock::Event(_) => Timestamp::MIN,
        };
        let mut agenda = Agenda::new(order, began, settings.plans.clone());
        note_marks(&mut agenda, &settings.plans, &position.borrow().scored);
        agenda.read_ledger(ledger);
        Self {
            agenda,
            gate: ClosingGate::new(settings.closing, now),
            idle: settings.event_idle.map(|idle| IdleWatch::new(idle, now)),
            settings,
            sources,
            clock,
            commands,
            recorder,
            commanded,
            position,
            state: SchedulerState::Waiting,
            holding: false,
            told: None,
            closed: Timestamp::MIN,
            closings: BTreeMap::new(),
            judging: None,
            watch: None,
            wake_anew: Arc::default(),
            is_waker_over: false,
            live,
            ended: Arc::default(),
        }
    }

    /// Does what the agenda says comes next, unless a run goes on.
    fn start_next(&mut self, context: &mut Context<Self>) {
        self.live.schedule.note_look(Instant::now());
        if self.state != SchedulerState::Waiting {
            return;
        }
        // Windows are closed when they are over, however seldom they are scored, because the journal keeps the readings
        // of open windows.
        let (now, closable) = match self.settings.clock {
            Clock::Wall => (self.close_complete(), self.closed),
            // The end of a history may put the clock past firings whose windows are not over.
            Clock::Event(_) => (self.settings.clock.now(), self.position.borrow().closed),
        };
        note_marks(&mut self.agenda, &self.settings.plans, &self.position.borrow().scored);
        let step = loop {
            match self.agenda.next(now, closable) {
                Some(AgendaStep::GiveUp(given_up)) => {
                    tell(&given_up);
                    self.live.schedule.note_given_up(given_up);
                }
                Some(AgendaStep::Mark { group, until }) => {
                    break mark(group, until, self.commands.clone()).boxed_local();
                }
                Some(AgendaStep::Run(run)) => {
                    let closing = self.closing_of(&run);
                    break score(run, closing, self.commands.clone(), self.recorder.clone()).boxed_local();
                }
                None => {
                    let Some(ordered) = self.commanded.orders().next_window() else { return };
                    break score_ordered(ordered, self.commanded.clone(), self.recorder.clone()).boxed_local();
                }
            }
        };
        self.state = SchedulerState::Running;
        context.spawn(step.into_actor(self).map(|result, scheduler, context| {
            if let Some(idle) = &mut scheduler.idle {
                idle.restart(Instant::now());
            }
            scheduler.ended.notify_waiters();
            if scheduler.state == SchedulerState::Running {
                scheduler.state = SchedulerState::Waiting;
            }
            match result {
                // Whatever else is due follows.
                Ok(run) => {
                    if let Some(run) = run {
                        let now = scheduler.now();
                        scheduler.agenda.ended(&run, now);
                    }
                    scheduler.start_next(context);
                }
                Err(error) => {
                    error_limited!("the run did not end, and is tried again: {error}");
                    scheduler.rest(context);
                }
            }
        }));
    }

    /// Does nothing for a while after a failure.
    fn rest(&mut self, context: &mut Context<Self>) {
        if self.state == SchedulerState::Waiting {
            self.state = SchedulerState::Resting;
            context.run_later(REST, |scheduler, context| {
                if scheduler.state == SchedulerState::Resting {
                    scheduler.state = SchedulerState::Waiting;
                    scheduler.start_next(context);
                }
            });
        }
    }

    /// Has this actor woken when the next firing of a group becomes due.
    fn start_waker(&mut self, context: &mut Context<Self>) {
        let (plans, anew) = (self.settings.plans.clone(), Arc::clone(&self.wake_anew));
        let wake = wake_in_time(plans, self.clock.clone(), context.address().recipient(), anew);
        self.is_waker_over = false;
        context.spawn(wake.into_actor(self).map(|result, scheduler, _| {
            scheduler.is_waker_over = true;
            if let Err(error) = result {
                tracing::error!("the cron scheduler failed, runs begin up to {WATCHDOG:?} late: {error}");
            }
        }));
        self.watch = Some(WakeWatch::default());
        self.note_wake();
    }

    fn note_wake(&mut self) {
        let next = next_wake(&self.settings.plans, self.now());
        if let Some(watch) = &mut self.watch {
            watch.note_wake(next);
        }
    }

    /// Notices when the scheduler was not woken, or will not be: a clock that steps back silences what goes by it. The
    /// watchdog's timer goes by a clock that only counts.
    fn watch_waker(&mut self, context: &mut Context<Self>) {
        let next = next_wake(&self.settings.plans, self.now());
        if self.watch.as_mut().is_some_and(|watch| watch.look(next) == WakeSight::Missed) {
            metrics::WAKES_MISSED.add(1);
            warn_limited!(
                "the scheduler was not woken on time, because the clock was set or the machine was held up; it goes on"
            );
            if self.is_waker_over {
                return self.start_waker(context);
            }
            self.wake_anew.notify_one();
            self.note_wake();
        }
    }

    /// The time by which windows become due.
    fn now(&self) -> Timestamp {
        match self.settings.clock {
            Clock::Wall => self.clock.read().believed,
            Clock::Event(_) => self.settings.clock.now(),
        }
    }

    /// Closes the windows that are over and complete. Returns the time that is believed.
    fn close_complete(&mut self) -> Timestamp {
        let now = self.clock.read();
        let position = self.position.borrow().clone();
        if position.held > 0 {
            self.judge_held();
        }
        self.closed = self.closed.max(position.closed);
        let source = self.sources.link.as_ref().map(|link| link.sight());
        let decision = self.gate.decide(&now, source, position.behind, self.closed);
        // Also after a closing: later windows may stay open.
        self.holding = decision != ClosingDecision::Nothing;
        match decision {
            ClosingDecision::Nothing => self.told = None,
            ClosingDecision::Close { until, closing } => {
                self.log_closing(until, closing);
                self.note_closing(until, closing);
                let (done, _) = oneshot::channel();
                self.commands.send(Command::Close { until, done });
                self.closed = until;
            }
            ClosingDecision::Hold { reason, at_most } => {
                let left = Span::from(at_most.saturating_duration_since(now.instant));
                self.log_hold(reason, (now.wall + left).floor(Span::from_secs(1)));
            }
        }
        now.believed
    }

    /// Has readings judged that wait for the clock. A slow disk is not asked again before it has answered.
    fn judge_held(&mut self) {
        if self.judging.as_mut().is_some_and(|judging| matches!(judging.try_recv(), Err(TryRecvError::Empty))) {
            return;
        }
        let (done, judging) = oneshot::channel();
        self.judging = Some(judging);
        self.commands.send(Command::JudgeHeld { done });
    }

    /// Remembers how the windows up to `until` were closed, for their runs.
    fn note_closing(&mut self, until: Timestamp, closing: Closing) {
        if closing == Closing::OnTime {
            return;
        }
        let window = self.settings.closing.cut.window();
        let ends = std::iter::successors(Some(until), |end| Some(*end - window)).take(MAX_CLOSINGS);
        self.closings.extend(ends.take_while(|end| *end > self.closed).map(|end| (end, closing)));
        while self.closings.len() > MAX_CLOSINGS {
            self.closings.pop_first();
        }
    }

    /// How the windows of the store that a run's window consists of were closed: as the worst of them.
    fn closing_of(&mut self, run: &DueRun) -> Closing {
        let lengths = self.settings.plans.iter().map(|plan| plan.schedule.windows.length());
        // The windows that are scored next reach back so far.
        let needed_from = self.agenda.done_until() - lengths.max().unwrap_or_default();
        self.closings.retain(|end, _| *end > needed_from);
        worst_closing(&self.closings, run.window)
    }

    fn log_hold(&mut self, reason: HoldReason, at_most: Timestamp) {
        match (self.told, reason) {
            // A source that is heard of only now and then holds windows open often: this is not logged.
            (_, HoldReason::SourceSilent) => {
                tracing::debug!(%at_most, "windows stay open until the broker is heard of");
                return;
            }
            (None, HoldReason::Started) => {
                tracing::info!(%at_most, "windows that are over stay open until devices have sent again (schedule.settle)");
            }
            // Once, however often the line comes and goes.
            (None | Some(HoldReason::Started), HoldReason::SourceAway) => tracing::warn!(
                %at_most,
                "the broker is away: windows that are over stay open for what it keeps for us (schedule.hold)"
            ),
            (None, HoldReason::SourceReturned) => tracing::info!(
                %at_most,
                "the broker is back: windows that are over stay open until it has sent what it kept (schedule.settle)"
            ),
            _ => {}
        }
        self.told = Some(reason);
    }

    fn log_closing(&mut self, until: Timestamp, closing: Closing) {
        match closing {
            Closing::AtBound(held) => {
                tracing::warn!(
                    %until,
                    %held,
                    "windows are closed although their source is still away, or still sends what it kept (schedule.hold): \
                     their readings that come later are late"
                );
                return;
            }
            Closing::Held(held) if self.told.is_some() => {
                tracing::info!(%until, %held, "windows are closed that were held open");
            }
            Closing::OnTime | Closing::Held(_) => {}
        }
        self.told = None;
    }

    fn activity(&self) -> SourceActivity {
        let SchedulerSources { counters, intake, .. } = &self.sources;
        SourceActivity {
            bytes_read: counters.iter().map(|source| source.bytes.get()).sum(),
            acknowledged: counters.iter().map(|source| source.acks.get()).sum(),
            waits: if intake.is_waited_for() { Waits::Something } else { Waits::Nothing },
        }
    }

    /// Ends a history of which no more readings come.
    fn check_idle(&mut self, context: &mut Context<Self>) {
        let activity = self.activity();
        let Some(idle) = &mut self.idle else { return };
        let now = Instant::now();
        if self.state != SchedulerState::Waiting {
            idle.restart(now);
        } else if idle.look(activity, now) == History::IsOver {
            // On a busy machine, a source's thread may not have come to read the bytes that are there.
            let looked = all_have_looked(self.sources.threads.clone());
            context.spawn(looked.into_actor(self).map(move |(), scheduler, _| {
                if scheduler.state == SchedulerState::Waiting && scheduler.activity() == activity {
                    scheduler.commands.send(Command::EndHistory);
                }
            }));
        }
    }
}

/// Waits until each thread that serves sources, the current one too, has looked for bytes to read.
async fn all_have_looked(threads: Vec<ArbiterHandle>) {
    let looks: Vec<_> = threads
        .iter()
        .map(|thread| {
            let (done, looked) = oneshot::channel();
            thread.spawn(async move {
                look_around().await;
                // The scheduler may be gone.
                let _ = done.send(());
            });
            looked
        })
        .collect();
    look_around().await;
    for looked in looks {
        // A thread that is gone reads nothing.
        let _ = looked.await;
    }
}

/// A timer fires only after the thread has asked the system for events, which include sockets that can be read. So such
/// sockets were read before the second timer fires.
async fn look_around() {
    for _ in 0..2 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Tells the agenda what is scored of each group.
fn note_marks(agenda: &mut Agenda, plans: &[GroupPlan], scored: &ScoredMarks) {
    for plan in plans {
        agenda.note_mark(&plan.name, scored.of(&plan.name));
    }
}

/// The worst way in which a window of the store within `window` was closed; those that were closed on time are not known.
fn worst_closing(closings: &BTreeMap<Timestamp, Closing>, window: Window) -> Closing {
    let within = (Bound::Excluded(window.start()), Bound::Included(window.end()));
    closings.range(within).map(|(_, closing)| *closing).max().unwrap_or_default()
}

/// Tells that windows are given up.
fn tell(given_up: &GivenUp) {
    let GivenUp { group, first_end, last_end, windows, why, .. } = given_up;
    metrics::WINDOWS_SKIPPED.add(*windows);
    tracing::warn!(%group, windows, %first_end, %last_end, "windows are not scored: {why}");
}

/// Notes that all of a group before a time is done.
async fn mark(group: GroupName, until: Timestamp, commands: Commands) -> Result<Option<DueRun>, RunError> {
    commands.commit(|done| Command::Mark { group, until, done }).await?;
    Ok(None)
}

/// Scores a window that an operator has asked for. What is due is not concerned.
async fn score_ordered(
    ordered: OrderedWindow,
    commanded: CommandedRuns,
    recorder: Addr<Recorder>,
) -> Result<Option<DueRun>, RunError> {
    commanded.score(ordered, recorder).await;
    Ok(None)
}

/// Scores a window.
async fn score(
    run: DueRun,
    closing: Closing,
    commands: Commands,
    recorder: Addr<Recorder>,
) -> Result<Option<DueRun>, RunError> {
    let DueRun { window, trigger, done_until, .. } = run;
    commands.commit(|done| Command::Close { until: window.end(), done }).await?;
    let score = ScoreRun { group: run.group.clone(), window, trigger, closing, done_until: Some(done_until) };
    recorder.send(score).await.map_err(|_| CommitterStopped)??;
    Ok(Some(run))
}

impl Actor for Scheduler {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Context<Self>) {
        context.run_interval(WATCHDOG, |scheduler, context| {
            scheduler.watch_waker(context);
            scheduler.start_next(context);
        });
        let (live, scheduler) = (Arc::clone(&self.live), context.address());
        let follow_orders = async move {
            loop {
                live.orders.added().await;
                scheduler.do_send(Wake);
            }
        };
        context.spawn(follow_orders.into_actor(self));
        match self.settings.clock {
            Clock::Wall => {
                let now = self.clock.read().believed;
                self.closed = self.position.borrow().closed;
                let closed = self.closed;
                if closed > now {
                    tracing::error!(
                        %closed,
                        %now,
                        "the system's clock is behind the store: nothing is scored before it has come to the time closed; set \
                         the clock right, or move store.directory away to begin anew. Readings that get their time on arrival \
                         count meanwhile, in the first interval that is open; those with a time of their own are held (see \
                         limits.held_for)"
                    );
                }
                context.run_interval(LOOK_AGAIN, |scheduler, context| {
                    if scheduler.holding || scheduler.position.borrow().held > 0 {
                        scheduler.start_next(context);
                    }
                });
                self.start_waker(context);
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
                    context.run_interval(IDLE_CHECK.min(idle), |scheduler, context| scheduler.check_idle(context));
                }
            }
        }
        context.notify(Wake);
    }
}

impl Handler<Wake> for Scheduler {
    type Result = ();

    fn handle(&mut self, _: Wake, context: &mut Context<Self>) {
        self.note_wake();
        self.start_next(context);
    }
}

impl Handler<StopScheduling> for Scheduler {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: StopScheduling, _: &mut Context<Self>) -> Self::Result {
        let running = self.state == SchedulerState::Running;
        self.state = SchedulerState::Stopped;
        // Listening begins here, because the run may end before the returned future is first polled.
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

    #[test]
    fn a_run_says_the_worst_that_any_part_of_its_window_has_met() {
        let minute = Span::from_secs(60);
        let at = |minutes: i64| Timestamp::default() + minute.times(minutes);
        let held = |minutes| Closing::Held(minute.times(minutes));
        let closings = BTreeMap::from([
            (at(10), Closing::AtBound(minute)),
            (at(11), held(2)),
            (at(12), Closing::AtBound(minute)),
            (at(13), held(9)),
        ]);
        let worst = |start, end| worst_closing(&closings, Window::new(at(start), minute.times(end - start)));
        assert_eq!(worst(10, 14), Closing::AtBound(minute));
        assert_eq!(worst(12, 14), held(9));
        assert_eq!(worst(10, 11), held(2), "what ends where it begins is no part of it");
        assert_eq!(worst(13, 20), Closing::OnTime);
    }
}
