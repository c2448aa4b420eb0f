//! The committer: the one thread that writes the journal.
//!
//! It gathers what the sources submitted and what runs and sinks have to store, hands it to the [`Pipeline`], commits
//! once for all of it, and only then keeps its promises. A promise about the database is kept when the store's keeper,
//! which is a thread of its own, reports that it has got so far. The committer is a thread rather than an actor because a
//! commit blocks.
//!
//! It commits what is there. It waits for more only as long as its pace (`pace.rs`) says, which mostly is not at all:
//! a broker with a small in-flight window sends nothing more before it has its acknowledgements. A commit does not wait
//! when a device or a part of the daemon stands still for it (a session that is opened, a command, the end), nor while a
//! closing goes on, because there are commits anyway.
//!
//! Its queues: submissions are bounded by the bytes of the [`Intake`](crate::actors::sources::intake::Intake). Commands come
//! from the scheduler, the recorder and the publisher; these wait for their answers, so that no more than a run's
//! chunks of verdicts are queued. Requests ask about open windows, so many at a time. What is handed to the database is bounded too ([`Backlog`]): where it is too much, runs
//! wait first, and then the sources. At a full disk everything waits but the answers to probes and to questions.

mod pace;
mod stored_events;

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, select};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};

use crate::actors::sources::intake::{MessagesHeard, SessionPresent, Submission};
use crate::actors::system_clock::SystemClock;
use crate::condition::SensorConditions;
use crate::group::GroupName;
use crate::ingest::batch::Batch;
use crate::ingest::trial::TriedReading;
use crate::pipeline::{BatchProgress, Pipeline, Position};
use crate::reading::Forecast;
use crate::run::{Run, RunId, RunLog};
use crate::run_order::OrderId;
use crate::sensor::SensorId;
use crate::store::{Backlog, ChunkId, Committed, JournalExtent, KeeperProgress, StoreError, StoredChunks, Ticket};
use crate::telemetry::metrics;
use crate::time::{Span, Timestamp};
use crate::verdict::Verdict;
use crate::window::OpenCopy;

pub use pace::{MAX_STRETCH, PaceSettings};

use pace::{CommitPace, Gathered, PaceNews};
use stored_events::StoredEvents;

/// What the committer is asked to do beyond taking in readings.
#[derive(Debug)]
pub enum Command {
    /// Close every window that ends at `until` or before.
    Close {
        /// The end of the last window to close.
        until: Timestamp,
        /// Told when the closing is durable, and readers see the windows.
        done: oneshot::Sender<Committed>,
    },
    /// No more readings will come: close what is open, unless readings have come meanwhile. Sent with an event clock
    /// only.
    EndHistory,
    /// Judge the readings that wait for the clock.
    JudgeHeld {
        /// Told when what came of it is durable.
        done: oneshot::Sender<Committed>,
    },
    /// Write into the ledger that a run begins.
    BeginRun {
        /// The run.
        run: Run,
        /// Which chunks of the run that are stored already stay.
        stored: StoredChunks,
        /// Told when that is durable, if somebody waits for it.
        done: Option<oneshot::Sender<Committed>>,
    },
    /// Write a run into the ledger.
    PutRun {
        /// The run.
        run: Run,
        /// All before this is scored once the run is there; `None` when that stays as it is.
        done_until: Option<Timestamp>,
        /// Told when the run is durable, and with it all verdicts sent before.
        done: oneshot::Sender<Committed>,
    },
    /// Write a run that has ended once more, with what became known since, and what was logged of it.
    NoteRun {
        /// The run.
        run: Run,
        /// Its log.
        log: RunLog,
    },
    /// Note that an id was given to an order of an operator.
    NoteOrder {
        /// The id.
        id: OrderId,
        /// Told when the note is durable.
        done: oneshot::Sender<Committed>,
    },
    /// Store a chunk of a run's verdicts.
    PutVerdicts {
        /// The run.
        run: RunId,
        /// Which chunk.
        chunk: ChunkId,
        /// All its verdicts, in the order of their sensors.
        verdicts: Vec<Verdict>,
    },
    /// Note that the windows of a group before `until` are scored or given up.
    Mark {
        /// Which group.
        group: GroupName,
        /// The end of the last of these windows.
        until: Timestamp,
        /// Told when the note is durable.
        done: oneshot::Sender<Committed>,
    },
    /// Store the conditions of sensors.
    PutConditions {
        /// What changed.
        changed: Vec<(SensorId, SensorConditions)>,
        /// The time before which windows were looked at, once these are stored; `None` when more of them follow.
        until: Option<Timestamp>,
        /// Told when they are handed to the database; the last ones, when they are settled.
        done: oneshot::Sender<Committed>,
    },
    /// A sink has taken every run before this one.
    Published {
        /// The sink.
        sink: &'static str,
        /// The first run that it has not taken.
        next: RunId,
        /// Told when it is durable.
        done: oneshot::Sender<Committed>,
    },
    /// Answer, and write nothing: the answer shows that the committer still comes to its commands.
    Probe {
        /// Told in its turn, behind whatever goes on.
        done: oneshot::Sender<()>,
    },
    /// Tell which files hold the journal, and up to which byte they hold committed records.
    JournalExtents {
        /// Told in its turn, between two commits.
        done: oneshot::Sender<Vec<JournalExtent>>,
    },
    /// Tell what would become of readings, and change nothing.
    Forecast {
        /// The readings.
        readings: Vec<TriedReading>,
        /// Told in its turn.
        done: oneshot::Sender<Vec<Forecast>>,
        /// One of the few questions that may wait.
        permit: OwnedSemaphorePermit,
    },
    /// Tell what is open of a sensor, and write nothing.
    CopyOpenWindow {
        /// The sensor.
        sensor: SensorId,
        /// Told in its turn.
        done: Sender<OpenCopy>,
        /// One of the few questions that may wait.
        permit: OwnedSemaphorePermit,
    },
    /// Commit what is there, and end.
    Stop {
        /// When what the database does not hold yet is left to the journal.
        leave_at: Instant,
    },
}

impl Command {
    /// Whether it stores what may be large and can wait.
    fn is_of_run(&self) -> bool {
        matches!(
            self,
            Self::BeginRun { .. }
                | Self::PutRun { .. }
                | Self::NoteRun { .. }
                | Self::PutVerdicts { .. }
                | Self::PutConditions { .. }
        )
    }
}

/// The way to the committer for everything but readings.
#[derive(Clone, Debug)]
pub struct Commands {
    sender: Sender<Command>,
    position: watch::Receiver<Position>,
    /// The questions that may wait for an answer.
    questions: Arc<Semaphore>,
}

/// The most questions about open windows that wait at a time: what answering them takes from the intake is bounded.
const MAX_QUESTIONS: usize = 8;
/// How long an answer to such a question is awaited.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);

/// The committer has ended, so nothing can be made durable any more.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the committer has stopped")]
pub struct CommitterStopped;

impl Commands {
    /// Sends a command without waiting for its answer.
    pub fn send(&self, command: Command) {
        // A failure is ignored: a committer that ended has said why, and the daemon ends with it.
        let _ = self.sender.send(command);
    }

    /// Sends a command and waits until it is durable.
    ///
    /// # Errors
    /// When the committer is gone.
    pub async fn commit(
        &self,
        command: impl FnOnce(oneshot::Sender<Committed>) -> Command,
    ) -> Result<Committed, CommitterStopped> {
        let (done, committed) = oneshot::channel();
        self.send(command(done));
        committed.await.map_err(|_| CommitterStopped)
    }

    /// Waits until the committer has handled the commands before this one.
    ///
    /// # Errors
    /// When the committer is gone.
    pub async fn probe(&self) -> Result<(), CommitterStopped> {
        let (done, answered) = oneshot::channel();
        self.send(Command::Probe { done });
        answered.await.map_err(|_| CommitterStopped)
    }

    /// Which files hold the journal, and up to which byte they hold committed records. Blocks.
    ///
    /// # Errors
    /// When the committer is gone.
    pub fn journal_extents(&self) -> Result<Vec<JournalExtent>, CommitterStopped> {
        let (done, extents) = oneshot::channel();
        self.send(Command::JournalExtents { done });
        extents.blocking_recv().map_err(|_| CommitterStopped)
    }

    /// What would become of each reading, if it came alone now.
    ///
    /// # Errors
    /// When the committer is gone.
    pub async fn forecast(&self, readings: &[TriedReading]) -> Result<Vec<Forecast>, CommitterStopped> {
        let mut forecasts = Vec::with_capacity(readings.len());
        // Few at a time, so that no acknowledgement waits for a message of many readings.
        for readings in readings.chunks(FORECAST_AT_ONCE) {
            let permit = Arc::clone(&self.questions).acquire_owned().await.map_err(|_| CommitterStopped)?;
            let (done, forecast) = oneshot::channel();
            self.send(Command::Forecast { readings: readings.to_vec(), done, permit });
            forecasts.extend(forecast.await.map_err(|_| CommitterStopped)?);
        }
        Ok(forecasts)
    }

    /// What is open of a sensor. Blocks for a second at the most; `None` when the committer does not come to it by then, or
    /// as many questions wait as may.
    pub fn open_window(&self, sensor: SensorId) -> Option<OpenCopy> {
        let permit = Arc::clone(&self.questions).try_acquire_owned().ok()?;
        let (done, answer) = crossbeam_channel::bounded(1);
        self.send(Command::CopyOpenWindow { sensor, done, permit });
        answer.recv_timeout(ANSWER_WITHIN).ok()
    }

    /// Where the pipeline is, and when it moves on.
    pub fn position(&self) -> watch::Receiver<Position> {
        self.position.clone()
    }
}

/// The committer's result. Resolves when it has ended; fails when it panicked.
pub type Ended = oneshot::Receiver<Result<(), StoreError>>;

/// The most bytes of readings that one commit gathers. A commit takes one sync, however much is in it. Beyond this size
/// the writing takes longer than the sync, and gathering more would only delay the first readings.
const MAX_COMMIT_BYTES: usize = 4 << 20;
/// How many readings are forecast between two commits.
const FORECAST_AT_ONCE: usize = 256;
/// How often a commit is tried again while the disk is full.
const TRY_AGAIN: Duration = Duration::from_millis(500);

/// Starts the committer.
///
/// # Errors
/// When the system has no thread to give.
pub fn start(
    pipeline: Pipeline,
    submissions: Receiver<Submission>,
    heard: MessagesHeard,
    pace: PaceSettings,
    clock: SystemClock,
) -> std::io::Result<(Commands, Ended)> {
    let (sender, commands) = crossbeam_channel::unbounded();
    let (position, position_receiver) = watch::channel(pipeline.position());
    let (end, ended) = oneshot::channel();
    let mut committer = Committer {
        news: pipeline.news(),
        stored_events: StoredEvents::new(pipeline.events()),
        pace: CommitPace::new(pace, Instant::now()),
        written: pipeline.journal_written_bytes(),
        pipeline,
        submissions,
        commands,
        later: VecDeque::new(),
        heard,
        clock,
        position,
        parked: None,
        promises: Promises::default(),
        leave_at: None,
    };
    thread::Builder::new().name("committer".to_owned()).spawn(move || {
        // The result is sent before the committer is dropped: the drop closes the store, which may take long, and ends
        // the parts that wait for the store. A failure is ignored: no receiver is left while the daemon is being torn
        // down.
        let _ = end.send(committer.run());
    })?;
    let questions = Arc::new(Semaphore::new(MAX_QUESTIONS));
    Ok((Commands { sender, position: position_receiver, questions }, ended))
}

struct Committer {
    pipeline: Pipeline,
    submissions: Receiver<Submission>,
    commands: Receiver<Command>,
    /// Commands that came and wait for room, in their order.
    later: VecDeque<Command>,
    /// Says that the keeper of the store has got further, or has failed.
    news: Receiver<()>,
    /// The messages that sources have read, be they submitted yet or not.
    heard: MessagesHeard,
    pace: CommitPace,
    /// How many bytes the commits have written.
    written: u64,
    clock: SystemClock,
    position: watch::Sender<Position>,
    /// A batch whose readings wait for runs to end; nothing else is taken in before it.
    parked: Option<Parked>,
    promises: Promises,
    stored_events: StoredEvents,
    /// When a stop leaves to the journal what the database does not hold yet; none before there is a stop.
    leave_at: Option<Instant>,
}

struct Parked {
    batch: Batch,
    from: usize,
    done: oneshot::Sender<Committed>,
    permit: OwnedSemaphorePermit,
}

/// Promises that are not kept yet.
#[derive(Default)]
struct Promises {
    /// Kept when the next commit returns.
    committed: Vec<oneshot::Sender<Committed>>,
    /// Closings, by the end of the last window to close, until all these windows are handed over.
    closings: Vec<(Timestamp, oneshot::Sender<Committed>)>,
    /// Kept when what the next commit hands over is settled.
    settled: Vec<oneshot::Sender<Committed>>,
    /// Promises of earlier commits, by the tickets that they wait for.
    visible_behind: VecDeque<(Ticket, oneshot::Sender<Committed>)>,
    settled_behind: VecDeque<(Ticket, oneshot::Sender<Committed>)>,
    sessions: Vec<(oneshot::Sender<SessionPresent>, SessionPresent)>,
    /// Whether somebody stands still until the commit: a device that opens a session, or a part of the daemon.
    are_urgent: bool,
    /// The bytes of the intake that the commit gives back.
    permits: Vec<OwnedSemaphorePermit>,
}

/// Whether the committer goes on.
#[derive(PartialEq, Eq)]
enum Next {
    /// There is something to commit.
    GoOn,
    /// There is nothing: a sync for nothing would wear the disk.
    Wait,
    Stop,
}

impl Committer {
    fn run(&mut self) -> Result<(), StoreError> {
        loop {
            let next = self.gather()?;
            if next == Next::Wait {
                continue;
            }
            if self.commit()? == Next::Stop || next == Next::Stop {
                return self.pipeline.stop(self.leave_at.unwrap_or_else(Instant::now));
            }
            // Behind the promises, and before the next commit: no acknowledgement waits for more than a slice.
            if self.may_close_slice() {
                self.pipeline.close_slice();
            }
        }
    }

    fn commit(&mut self) -> Result<Next, StoreError> {
        let committed = loop {
            match self.pipeline.commit() {
                Err(StoreError::DiskFull { .. }) => {
                    if self.wait_for_room()? == Next::Stop {
                        return Ok(Next::Stop);
                    }
                }
                committed => break committed?,
            }
        };
        self.note_written();
        self.tell_position();
        self.promises.keep(committed, self.pipeline.windows_put(), self.pipeline.handed_over());
        self.stored_events.handed_over(self.pipeline.handed_over());
        // What was handed over may be kept already, or there may have been nothing.
        self.note_kept()?;
        Ok(Next::GoOn)
    }

    /// Tells the pace what the last commit wrote.
    fn note_written(&mut self) {
        let written = self.pipeline.journal_written_bytes();
        let by_this = written - std::mem::replace(&mut self.written, written);
        if let Some(PaceNews::Stretches) = self.pace.committed(by_this, Instant::now()) {
            tracing::warn!(
                at_most = %Span::from(MAX_STRETCH),
                "the commits of the last hour wrote more than store.daily_write_budget allows: acknowledgements wait for \
                 company, so that fewer commits are needed (said once, until the savings of half an hour are back)"
            );
        }
        metrics::COMMIT_DELAY.set(u64::try_from(self.pace.delay().as_micros()).unwrap_or(u64::MAX));
    }

    /// Whether more windows of a closing may be finished now: readings need the room of a larger backlog.
    fn may_close_slice(&self) -> bool {
        self.pipeline.is_closing() && self.pipeline.backlog() == Backlog::Little
    }

    /// Waits before a commit is tried again. Commands that write something wait too.
    fn wait_for_room(&mut self) -> Result<Next, StoreError> {
        let again = Instant::now() + TRY_AGAIN;
        while let Ok(command) = self.commands.recv_deadline(again) {
            match command {
                Command::Probe { .. } | Command::Forecast { .. } | Command::CopyOpenWindow { .. } => {
                    _ = self.obey(command)?;
                }
                Command::Stop { .. } => return self.obey(command),
                command => self.later.push_back(command),
            }
        }
        Ok(Next::GoOn)
    }

    /// Keeps the promises that the keeper has made true.
    fn note_kept(&mut self) -> Result<(), StoreError> {
        let kept = self.pipeline.kept()?;
        self.tell_position();
        self.promises.keep_behind(kept);
        self.stored_events.tell(|ticket| kept.visible(ticket).is_some());
        Ok(())
    }

    /// The position is sent before promises are kept, so that a part whose promise is kept finds the position that it led
    /// to.
    fn tell_position(&self) {
        let position = self.pipeline.position();
        self.position.send_if_modified(|last| {
            let is_modified = *last != position;
            *last = position;
            is_modified
        });
    }

    /// Waits for something to do, and takes all that is there.
    fn gather(&mut self) -> Result<Next, StoreError> {
        let mut bytes = 0;
        if let Some(command) = self.take_later() {
            match self.obey(command)? {
                Next::GoOn => {}
                end => return Ok(end),
            }
        } else {
            let never = crossbeam_channel::never();
            let takes_in = self.takes_in();
            let submissions = if takes_in { &self.submissions } else { &never };
            // With a closing under way there is something to commit in any case.
            let patience = if self.may_close_slice() { Duration::ZERO } else { Duration::MAX };
            select! {
                recv(self.commands) -> command => {
                    let Ok(command) = command else { return Ok(Next::Stop) };
                    match self.obey_in_turn(command)? {
                        Next::GoOn => {}
                        end => return Ok(end),
                    }
                }
                recv(self.news) -> _ => {
                    self.note_kept()?;
                    return Ok(Next::Wait);
                }
                recv(submissions) -> submission => match submission {
                    Ok(submission) => bytes += self.take(submission),
                    // All sources are gone: from here on there are only commands.
                    Err(_) => self.submissions = crossbeam_channel::never(),
                },
                default(patience) => {}
            }
        }
        let since = Instant::now();
        loop {
            while let Ok(command) = self.commands.try_recv() {
                if self.obey_in_turn(command)? == Next::Stop {
                    return Ok(Next::Stop);
                }
            }
            if let Some(parked) = self.parked.take() {
                self.take_from(parked);
            }
            while self.takes_in()
                && bytes < MAX_COMMIT_BYTES
                && let Ok(submission) = self.submissions.try_recv()
            {
                bytes += self.take(submission);
            }
            let now = Instant::now();
            self.pace.heard(self.heard.since_last(), now);
            if self.is_urgent() {
                return Ok(Next::GoOn);
            }
            let Some(until) = self.pace.wait_until(Gathered { since, bytes }, now) else { return Ok(Next::GoOn) };
            select! {
                recv(self.commands) -> command => match command {
                    Ok(command) => match self.obey_in_turn(command)? {
                        Next::GoOn => return Ok(Next::GoOn),
                        Next::Wait => {}
                        Next::Stop => return Ok(Next::Stop),
                    },
                    Err(_) => return Ok(Next::Stop),
                },
                recv(self.news) -> _ => self.note_kept()?,
                recv(self.submissions) -> submission => match submission {
                    Ok(submission) => bytes += self.take(submission),
                    Err(_) => self.submissions = crossbeam_channel::never(),
                },
                default(until.saturating_duration_since(now)) => {}
            }
        }
    }

    /// Whether readings may come in.
    fn takes_in(&self) -> bool {
        self.parked.is_none() && self.pipeline.backlog() != Backlog::Full
    }

    /// Whether something was taken in that the next commit must not wait with.
    fn is_urgent(&self) -> bool {
        self.promises.are_urgent || !self.takes_in() || self.pipeline.is_closing()
    }

    fn take(&mut self, submission: Submission) -> usize {
        self.pipeline.set_clock(self.clock.read());
        match submission {
            Submission::Batch { batch, done, permit } => {
                let bytes = batch.size_bytes();
                self.take_from(Parked { batch, from: 0, done, permit });
                bytes
            }
            Submission::SessionUse { client, now } => {
                self.pipeline.touch_session(&client, now);
                client.len()
            }
            Submission::SessionLeft { client, now } => {
                self.pipeline.leave_session(&client, now);
                client.len()
            }
            Submission::Session { client, now, lifetime, done } => {
                let present = self.pipeline.open_session(&client, lifetime, now);
                self.promises.sessions.push((done, present));
                self.promises.are_urgent = true;
                client.len()
            }
            Submission::Subscriptions { filters, done } => {
                self.pipeline.put_subscriptions(&filters);
                self.promises.are_urgent = true;
                self.promises.committed.push(done);
                filters.iter().map(String::len).sum()
            }
        }
    }

    fn take_from(&mut self, mut waiting: Parked) {
        match self.pipeline.take(&mut waiting.batch, waiting.from) {
            BatchProgress::Whole => {
                self.promises.committed.push(waiting.done);
                self.promises.permits.push(waiting.permit);
            }
            BatchProgress::UpTo(from) => self.parked = Some(Parked { from, ..waiting }),
        }
    }

    /// Takes in the batches that came before a closing and still wait: they must not become late by waiting.
    fn take_waiting(&mut self) -> Result<Next, StoreError> {
        let mut bytes = 0;
        for _ in 0..self.submissions.len() {
            if self.parked.is_some() {
                break;
            }
            if bytes >= MAX_COMMIT_BYTES {
                if self.commit()? == Next::Stop {
                    return Ok(Next::Stop);
                }
                bytes = 0;
            }
            let Ok(submission) = self.submissions.try_recv() else { break };
            bytes += self.take(submission);
        }
        Ok(Next::GoOn)
    }

    /// The next of the commands that waited, if it waits no longer.
    fn take_later(&mut self) -> Option<Command> {
        let waits = self.later.front()?.is_of_run() && self.pipeline.backlog() != Backlog::Little;
        if waits { None } else { self.later.pop_front() }
    }

    /// Obeys a command, or has it wait: while much waits for the database, a run does, so that readings find room.
    fn obey_in_turn(&mut self, command: Command) -> Result<Next, StoreError> {
        if command.is_of_run() && (!self.later.is_empty() || self.pipeline.backlog() != Backlog::Little) {
            self.later.push_back(command);
            return Ok(Next::Wait);
        }
        self.obey(command)
    }

    fn obey(&mut self, command: Command) -> Result<Next, StoreError> {
        match command {
            Command::Close { until, done } => {
                if self.take_waiting()? == Next::Stop {
                    return Ok(Next::Stop);
                }
                // What waits for the clock must not become late by a closing that the same clock brought about.
                self.pipeline.set_clock(self.clock.read());
                self.pipeline.close(until);
                self.promises.closings.push((until, done));
            }
            // Batches that wait here or in the intake were not seen when the scheduler found that no more readings
            // come.
            Command::EndHistory if self.parked.is_some() || !self.submissions.is_empty() => {}
            Command::EndHistory => self.pipeline.end_history(),
            Command::JudgeHeld { done } => {
                self.pipeline.set_clock(self.clock.read());
                self.promises.committed.push(done);
            }
            Command::BeginRun { run, stored, done } => {
                self.pipeline.begin_run(&run, &stored);
                self.stored_events.begin_run(run);
                if let Some(done) = done {
                    self.pipeline.settle_soon();
                    self.promises.settled.push(done);
                }
            }
            Command::PutRun { run, done_until, done } => {
                self.pipeline.put_run(&run, done_until);
                self.stored_events.end_run(run);
                self.pipeline.settle_soon();
                self.promises.settled.push(done);
            }
            Command::NoteRun { run, log } => {
                self.pipeline.put_run(&run, None);
                self.pipeline.put_run_log(run.id, &log);
            }
            Command::NoteOrder { id, done } => {
                self.pipeline.put_order(id);
                self.promises.are_urgent = true;
                self.promises.committed.push(done);
            }
            Command::PutVerdicts { run, chunk, verdicts } => {
                self.pipeline.put_verdicts(run, chunk, &verdicts);
                self.stored_events.verdicts(run, verdicts);
            }
            Command::Mark { group, until, done } => {
                self.pipeline.set_scored(&group, until);
                self.pipeline.settle_soon();
                self.promises.settled.push(done);
            }
            Command::PutConditions { changed, until, done } => {
                self.pipeline.put_conditions(&changed, until);
                if until.is_some() && !changed.is_empty() {
                    // What was told must not be told again after a crash.
                    self.pipeline.settle_soon();
                    self.promises.settled.push(done);
                } else {
                    self.promises.committed.push(done);
                }
            }
            Command::Published { sink, next, done } => {
                self.pipeline.put_cursor(sink, next);
                self.pipeline.settle_soon();
                self.promises.settled.push(done);
            }
            Command::Probe { done } => {
                // A failure is ignored: the asker may have been stopped meanwhile.
                let _ = done.send(());
                return Ok(Next::Wait);
            }
            Command::JournalExtents { done } => {
                // A failure is ignored: the asker may have been stopped meanwhile.
                let _ = done.send(self.pipeline.journal_extents());
                return Ok(Next::Wait);
            }
            Command::Forecast { readings, done, permit } => {
                // A failure is ignored: the asker may have gone meanwhile.
                let _ = done.send(self.pipeline.forecast(&readings));
                drop(permit);
                return Ok(Next::Wait);
            }
            Command::CopyOpenWindow { sensor, done, permit } => {
                // A failure is ignored: the asker may have given up.
                let _ = done.send(self.pipeline.open_copy(sensor));
                drop(permit);
                return Ok(Next::Wait);
            }
            Command::Stop { leave_at } => {
                self.leave_at = Some(leave_at);
                return Ok(Next::Stop);
            }
        }
        self.promises.are_urgent = true;
        Ok(Next::GoOn)
    }
}

impl Promises {
    /// Keeps the promises of a commit that has handed over what it leaves to the keeper under `ticket`, with all windows
    /// before `put`.
    fn keep(&mut self, committed: Committed, put: Timestamp, ticket: Ticket) {
        let closings = self.closings.extract_if(.., |(until, _)| *until <= put);
        self.visible_behind.extend(closings.map(|(_, done)| (ticket, done)));
        self.settled_behind.extend(self.settled.drain(..).map(|done| (ticket, done)));
        for done in self.committed.drain(..) {
            // A failure is ignored: a source that has ended acknowledges nothing.
            let _ = done.send(committed);
        }
        for (done, present) in self.sessions.drain(..) {
            // A failure is ignored: a client that has disconnected needs no answer.
            let _ = done.send(present);
        }
        self.permits.clear();
        self.are_urgent = false;
    }

    /// Keeps the promises of earlier commits that the keeper has made true.
    fn keep_behind(&mut self, kept: KeeperProgress) {
        keep_while(&mut self.visible_behind, |ticket| kept.visible(ticket));
        keep_while(&mut self.settled_behind, |ticket| kept.settled(ticket));
    }
}

/// Keeps the promises in front as long as there is a proof for them.
fn keep_while(
    promises: &mut VecDeque<(Ticket, oneshot::Sender<Committed>)>,
    proof: impl Fn(Ticket) -> Option<Committed>,
) {
    while let Some(committed) = promises.front().and_then(|(ticket, _)| proof(*ticket)) {
        // A failure is ignored: whoever asked may have been stopped meanwhile.
        promises.pop_front().map(|(_, done)| done.send(committed));
    }
}
