//! The threads that evaluate, and one that watches them.
//!
//! Every evaluation is answered once: by its thread with the outcome, or by the watching thread with `timed_out`. What is
//! answered goes straight to the recorder, so that a model that scores costs no message to its actor; what went wrong
//! goes to the supervisor first. The threads are not the runtime's, so that the end of the process waits for none.

use std::collections::BTreeMap;
use std::iter;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use actix::prelude::Recipient;
use rustix::process::Pid;

use crate::actors::aside::yield_to_others;
use crate::actors::scoring::assignment::Assignment;
use crate::actors::scoring::evaluation::lanes::{DeskId, Lane, LaneBounds, Lanes, Turn, Watched};
use crate::actors::scoring::evaluation::{
    BroadcastId, Evaluated, Evaluator, EvaluatorsExhausted, Fault, ScoringReport, WindowRequest,
};
use crate::run::{ScoringTime, Trigger};
use crate::scoring::Judgement;
use crate::sensor::SensorId;
use crate::supervision::FailureKind;
use crate::telemetry::{metrics, panics};
use crate::time::Span;
use crate::verdict::{Outcome, TimeLimit};

/// What a pool is asked to do within.
#[derive(Clone, Copy, Debug)]
pub struct PoolSettings {
    /// How many threads evaluate what is short, and how many what takes long.
    pub threads: usize,
    /// How many threads may hang before one that hangs is not replaced any more.
    pub max_hung: usize,
}

/// An evaluation that goes on for longer holds no others up: its thread is replaced, and gets less of the processor.
pub const PATIENCE: Duration = Duration::from_millis(10);

/// Threads that all hang for this long are not waited for any more.
const EXHAUSTED_AFTER: Duration = Duration::from_secs(30);

/// How long after its run's deadline an evaluation still waits, so that whoever asks then why it is missing is told that it
/// waits.
const ASKED_WITHIN: Duration = Duration::from_secs(5);

/// How long to wait after the system has refused a thread.
const HIRE_AGAIN: Duration = Duration::from_secs(1);

/// Who is told how evaluations go.
#[derive(Clone, Debug)]
pub struct PoolSupervisor {
    /// Of each model.
    pub reports: Recipient<ScoringReport>,
    /// That there will be none any more.
    pub exhausted: Recipient<EvaluatorsExhausted>,
}

/// The threads that evaluate. They end when this is dropped, except those that hang.
#[derive(Debug)]
pub struct EvaluatorPool(EvaluationQueue);

/// Takes evaluations for a pool.
#[derive(Clone, Debug)]
pub struct EvaluationQueue(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    evaluator: Evaluator,
    supervisor: PoolSupervisor,
    state: Mutex<PoolState>,
    /// Told when something waits that a thread which waits may take.
    ready: Condvar,
    /// Told when the watching thread has to look before it meant to.
    watch: Condvar,
}

#[derive(Debug)]
struct PoolState {
    lanes: Lanes<Job>,
    /// How many threads wait and were not told.
    idle: usize,
    /// When the watching thread looks next by itself.
    watcher: NextLook,
    is_over: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum NextLook {
    /// It is about to look.
    Soon,
    At(Instant),
    /// When it is told.
    Told,
}

/// A window of a sensor to be evaluated.
#[derive(Clone, Debug)]
struct Job {
    assignment: Arc<Assignment>,
    request: Arc<WindowRequest>,
}

/// How far the evaluation of a sensor has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EvaluationProgress {
    /// No thread has come to it.
    Waiting,
    /// It goes on for that long.
    AtWork(Duration),
}

/// What is evaluated, or is to be.
#[derive(Clone, Debug, Default)]
pub struct EvaluationsUnderWay {
    /// Those that were asked about.
    pub of_sensors: BTreeMap<SensorId, EvaluationProgress>,
    /// How many threads hang.
    pub hung_threads: usize,
}

impl EvaluatorPool {
    /// Starts the threads.
    ///
    /// # Errors
    /// When the system refuses a thread.
    pub fn start(settings: PoolSettings, evaluator: Evaluator, supervisor: PoolSupervisor) -> std::io::Result<Self> {
        let PoolSettings { threads, max_hung } = settings;
        let bounds =
            LaneBounds { threads: threads.max(1), max_hung, exhausted_after: EXHAUSTED_AFTER, patience: PATIENCE };
        let state = PoolState { lanes: Lanes::new(bounds), idle: 0, watcher: NextLook::Soon, is_over: false };
        let shared = Arc::new(Shared {
            evaluator,
            supervisor,
            state: Mutex::new(state),
            ready: Condvar::new(),
            watch: Condvar::new(),
        });
        let pool = Self(EvaluationQueue(Arc::clone(&shared)));
        thread::Builder::new().name("scoring watcher".to_owned()).spawn(move || watch(&shared))?;
        Ok(pool)
    }

    /// Takes evaluations for it.
    pub fn queue(&self) -> EvaluationQueue {
        self.0.clone()
    }
}

impl Drop for EvaluatorPool {
    fn drop(&mut self) {
        let Shared { ready, watch, .. } = &*self.0.0;
        self.0.0.lock().is_over = true;
        ready.notify_all();
        watch.notify_all();
    }
}

impl EvaluationQueue {
    /// Has a window evaluated. A model whose last evaluation was given up and has not ended is not given another thread:
    /// it is answered at once. That is no further failure of it: the evaluation that hangs was counted when it was given
    /// up.
    pub fn push(&self, assignment: &Arc<Assignment>, request: &Arc<WindowRequest>) {
        let job = Job { assignment: Arc::clone(assignment), request: Arc::clone(request) };
        let lane = if assignment.is_slow() { Lane::Slow } else { Lane::Quick };
        let mut state = self.0.lock();
        let is_same = |hung: &Assignment| hung.sensor == assignment.sensor && hung.model.hash == assignment.model.hash;
        let hung_since = state.lanes.hung().find(|(hung, _)| is_same(&hung.assignment)).map(|(_, since)| since);
        if let Some(since) = hung_since {
            drop(state);
            let after = Span::from(since.elapsed()).rounded();
            return request.answer(assignment.sensor, Outcome::TimedOut { after, limit: TimeLimit::Sensor });
        }
        state.lanes.push(job, lane);
        if lane == Lane::Quick || state.lanes.refuses_to_hire() {
            state.tell_one(&self.0);
        } else {
            // A thread may have to be hired for it.
            state.look_by(Instant::now(), &self.0);
        }
    }

    /// How far the evaluations have come that are not over, of those that a broadcast asked for, by sensor.
    pub fn progress(&self, broadcast: BroadcastId) -> EvaluationsUnderWay {
        let state = self.0.lock();
        let is_meant = |job: &&Job| job.request.broadcast == broadcast;
        let waiting = state.lanes.waiting().filter(is_meant);
        let waiting = waiting.map(|job| (job.assignment.sensor, EvaluationProgress::Waiting));
        let at_work = state.lanes.at_work().filter(|(job, _)| is_meant(job));
        let at_work = at_work.map(|(job, since)| (job.assignment.sensor, EvaluationProgress::AtWork(since.elapsed())));
        EvaluationsUnderWay { of_sensors: waiting.chain(at_work).collect(), hung_threads: state.lanes.hung().count() }
    }
}

impl PoolState {
    /// Wakes a thread that waits, if one does.
    fn tell_one(&mut self, shared: &Shared) {
        if self.idle > 0 {
            self.idle -= 1;
            shared.ready.notify_one();
        }
    }

    /// Has the watching thread look by then.
    fn look_by(&mut self, time: Instant, shared: &Shared) {
        let is_late = match self.watcher {
            NextLook::Soon => false,
            NextLook::At(next) => time < next,
            NextLook::Told => true,
        };
        if is_late {
            self.watcher = NextLook::Soon;
            shared.watch.notify_one();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, PoolState> {
        // Lanes are whole after each of their steps.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Job {
    /// Whether nobody waits for it any more.
    fn is_stale(&self, now: Instant) -> bool {
        now >= self.request.deadline
    }

    /// Answers with what came out. A window without enough data says nothing of how the model is.
    fn conclude(&self, judged: Result<Judgement, String>, took: ScoringTime, reports: &Recipient<ScoringReport>) {
        let assignment = &self.assignment;
        let outcome = match judged {
            Ok(judgement) => {
                // A window of the past says nothing of how the model is now.
                if self.request.trigger != Trigger::Command {
                    assignment.observe(self.request.window, &judgement);
                }
                if assignment.is_troubled() && matches!(judgement.outcome, Outcome::Scored(_)) {
                    self.report(Ok(()), reports);
                }
                judgement.outcome
            }
            Err(reason) => {
                self.report(Err(Fault { kind: FailureKind::Failed, reason: reason.clone() }), reports);
                Outcome::Failed { reason }
            }
        };
        self.request.answer_after(assignment.sensor, outcome, took);
    }

    /// Answers that the evaluation was given up.
    fn time_out(&self, after: Duration, reports: &Recipient<ScoringReport>) {
        metrics::SCORINGS_SLOW.add(1);
        let outcome = Outcome::TimedOut { after: Span::from(after).rounded(), limit: TimeLimit::Sensor };
        let reason = outcome.fault().unwrap_or_default().into_owned();
        self.report(Err(Fault { kind: FailureKind::Hung, reason }), reports);
        let took = ScoringTime { score: after.into(), ..ScoringTime::default() };
        self.request.answer_after(self.assignment.sensor, outcome, took);
    }

    /// Tells the supervisor; before the recorder is told, so that the next run finds the model's standing. What an operator
    /// has scored changes nothing of how the model stands: it may be a dry run, and is of the past.
    fn report(&self, result: Result<(), Fault>, reports: &Recipient<ScoringReport>) {
        if self.request.trigger == Trigger::Command {
            return;
        }
        let Assignment { sensor, generation, .. } = *self.assignment;
        reports.do_send(ScoringReport { sensor, generation, result });
    }
}

/// Evaluates for the desk, until there is nothing for it to do.
fn evaluate(shared: &Shared, desk: DeskId) {
    let reports = &shared.supervisor.reports;
    let mut state = shared.lock();
    while !state.is_over {
        let now = Instant::now();
        let job = match state.lanes.next(desk, now) {
            Turn::Leave => {
                // It may have been woken for what another thread is to take.
                shared.ready.notify_one();
                return;
            }
            Turn::Wait => {
                state.idle += 1;
                state = shared.ready.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            Turn::Evaluate(job) => job,
        };
        state.look_by(now + job.assignment.settings.deadline.min(PATIENCE), shared);
        drop(state);
        let result = (!job.is_stale(now)).then(|| shared.evaluator.evaluate(&job.assignment, job.request.window));
        state = shared.lock();
        let Some(took) = state.lanes.finish(desk, Instant::now()) else {
            metrics::EVALUATORS_HUNG.subtract(1);
            // Threads may be hired again, and those that stayed in their place may leave.
            state.look_by(now, shared);
            state.idle = 0;
            shared.ready.notify_all();
            return;
        };
        drop(state);
        if let Some(Evaluated { judged, read }) = result {
            let times = ScoringTime { read: read.into(), score: took.saturating_sub(read).into() };
            job.assignment.note_pace(took > PATIENCE);
            // A defect in the bookkeeping of a model costs the model's answer, and no thread.
            if let Err(panic) = panics::catch(|| job.conclude(judged, times, reports)) {
                tracing::error!(sensor = %job.assignment.name, "what a model said could not be taken in: {panic}");
            }
        }
        state = shared.lock();
    }
}

/// Starts the threads that are needed, replaces those that take long, and gives up what goes on past the deadline.
fn watch(shared: &Arc<Shared>) {
    let PoolSupervisor { reports, exhausted } = &shared.supervisor;
    // Those that share the processor as others do.
    let mut quick: BTreeMap<DeskId, Pid> = BTreeMap::new();
    let mut state = shared.lock();
    while !state.is_over {
        let now = Instant::now();
        let deadline = |job: &Job| job.assignment.settings.deadline;
        let Watched { late, slowed, look_again, is_exhausted } =
            state.lanes.watch(now, deadline, |job| job.request.deadline + ASKED_WITHIN);
        if is_exhausted {
            let hung_threads = state.lanes.hung().count();
            drop(state);
            return exhausted.do_send(EvaluatorsExhausted { hung_threads });
        }
        let hired: Vec<(DeskId, Lane)> = iter::from_fn(|| state.lanes.hire()).collect();
        if late.is_empty() && slowed.is_empty() && hired.is_empty() {
            state = match look_again {
                Some(next) => {
                    state.watcher = NextLook::At(next);
                    let left = next.saturating_duration_since(now);
                    shared.watch.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
                }
                None => {
                    state.watcher = NextLook::Told;
                    shared.watch.wait(state).unwrap_or_else(PoisonError::into_inner)
                }
            };
            continue;
        }
        state.watcher = NextLook::Soon;
        if !late.is_empty() {
            // Threads that wait in their lane may be allowed more than that now.
            state.idle = 0;
            shared.ready.notify_all();
        }
        drop(state);
        metrics::EVALUATORS_HUNG.add(late.len() as u64);
        for (job, after) in late {
            job.time_out(after, reports);
        }
        slowed.iter().filter_map(|desk| quick.remove(desk)).for_each(|thread| yield_to_others(Some(thread)));
        let mut refused = Vec::new();
        for (desk, lane) in hired {
            let (told, thread) = std::sync::mpsc::sync_channel(1);
            let own = Arc::clone(shared);
            let started = thread::Builder::new().name("evaluator".to_owned()).spawn(move || {
                if lane == Lane::Slow {
                    yield_to_others(None);
                }
                // The watcher may be gone.
                let _ = told.send(own_thread());
                evaluate(&own, desk);
            });
            match started {
                Ok(_) if lane == Lane::Slow => {}
                Ok(_) => quick.extend(thread.recv().ok().flatten().map(|thread| (desk, thread))),
                Err(error) => {
                    tracing::error!("the system refused a thread for scoring: {error}");
                    refused.push(desk);
                }
            }
        }
        state = shared.lock();
        if !refused.is_empty() {
            refused.into_iter().for_each(|desk| state.lanes.dismiss(desk));
            state = shared.watch.wait_timeout(state, HIRE_AGAIN).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// The number of the thread that asks, as Linux counts threads.
fn own_thread() -> Option<Pid> {
    let link = std::fs::read_link(Path::new("/proc/thread-self")).ok()?;
    Pid::from_raw(link.file_name()?.to_str()?.parse().ok()?)
}
