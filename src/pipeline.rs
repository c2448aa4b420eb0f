//! What a batch does to the windows and the store: the order of steps on which every guarantee rests.
//!
//! A reading is first judged (is it late, repeated, contradictory?). What is accepted goes into the open windows and into
//! the journal, and one commit makes it durable. Only after the commit do the caller's acknowledgements leave, and does the
//! event clock move on. Windows that are over, runs and verdicts go to the database behind the commit, in the order in which
//! they came; a part that has to wait for them waits for a [`Ticket`]. The pipeline has no thread and no clock of its own:
//! its caller drives it, and tells it the time.
//!
//! A closing for all sensors takes effect at once. Its windows are finished in slices between the commits
//! ([`Pipeline::close_slice`]), so that acknowledgements do not wait for all of them. All of them are handed over when the
//! commit behind the last slice has returned ([`Pipeline::windows_put`]).

mod clock_witness;
mod forecast;
mod held;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use crossbeam_channel::Receiver;

use crate::condition::SensorConditions;
use crate::ingest::batch::{AheadReading, AheadSuspect, Batch};
use crate::ingest::batch_account::BatchOutcome;
use crate::ingest::passed_over::{PassedOver, Shape, ShapeNews, ShapesTold};
use crate::ingest::session::{
    SessionChange, SessionLifetime, SessionMoment, SessionPresent, SessionSettings, Sessions,
};
use crate::ingest::zone::Zone;
use crate::live::{EventKind, Events, Happening, Live, NewestReading, Origin};
use crate::reading::{Reading, Reject, RejectId, RejectReason, RejectScope, RejectedReading, Rejects};
use crate::run::{Run, RunId, RunState};
use crate::schedule::Schedule;
use crate::schedule::clock_trust::ClockReading;
use crate::sensor::{SensorDirectory, SensorId};
use crate::store::{
    Backlog, ChunkId, Committed, JournalExtent, KeeperProgress, Progress, Reader, Store, StoreError, StoredChunks,
    StoredIntervals, StoredReject, Ticket, WindowRecord, Writer,
};
use crate::telemetry::log_limit::LogLimit;
use crate::telemetry::metrics;
use crate::time::{Clock, Timestamp};
use crate::verdict::Verdict;
use crate::window::{
    Admission, ClosedWindow, ClosingProgress, ClosingSlice, OpenCopy, OpenWindows, ReplayBounds, SensorHead,
    WindowSettings,
};

use clock_witness::ClockWitness;
use held::{HeldJudgement, HeldReadings, StoredPiece};

pub use held::HeldSettings;

/// How many runs are looked at for the last one that has ended: of those behind it, the newest was cut off, and some may
/// be unreadable.
const LAST_RUNS: u32 = 4;

/// The time before which windows are scored. What counts is the later of the note of it and the last run that has ended:
/// a crash may come between the two.
fn scored(reader: &Reader) -> Result<Timestamp, StoreError> {
    let noted = reader.progress(Progress::Scored)?.unwrap_or(Timestamp::MIN);
    let mut before = reader.next_run()?;
    for _ in 0..LAST_RUNS {
        before = before.earlier(1);
        if let Some(Run { state: RunState::Finished(_), window, .. }) = reader.run(before)? {
            return Ok(noted.max(window.end()));
        }
    }
    Ok(noted)
}

/// Tells a sensor's deadband.
pub type Deadbands = Box<dyn Fn(SensorId) -> Option<f64> + Send>;

/// The most readings that are summarised for a copy of a sensor's open window.
const MAX_SUMMARISED: usize = 1 << 18;

/// The most readings of an interval that could be configured in versions whose stores did not note that bound.
const KEPT_BEFORE_IT_WAS_NOTED: usize = 1_000_000;

/// What the pipeline is made of.
pub struct PipelineSettings {
    /// How readings become windows.
    pub windows: WindowSettings,
    /// When windows are scored: with an event clock, readings wait for the runs that they make due.
    pub schedule: Schedule,
    /// The clock; an event clock is moved on by the pipeline.
    pub clock: Clock,
    /// The deadbands.
    pub deadbands: Deadbands,
    /// Which MQTT sessions are remembered, and for how long.
    pub sessions: SessionSettings,
    /// The sinks that verdicts are published to.
    pub sinks: Vec<&'static str>,
    /// By how many runs a sink may be behind. With an event clock, readings wait for one that is further.
    pub max_unpublished: u64,
    /// How readings from ahead of the clock are held while the clock may be wrong.
    pub held: HeldSettings,
    /// Where it shows which readings count.
    pub live: Arc<Live>,
}

/// Where the pipeline is in event time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Position {
    /// The time before which windows are closed for all sensors: what comes for them is late. They may not be stored yet.
    pub closed: Timestamp,
    /// The time before which windows are scored, and their runs settled.
    pub scored: Timestamp,
    /// The id of the run that begins next, once the last one has ended and is settled.
    pub runs: RunId,
    /// Whether readings wait for runs that are due, or for a sink.
    pub pace: Pace,
    /// How many readings came for windows that were over by the wall clock and still open, since the start.
    pub behind: u64,
    /// How many readings wait for the clock.
    pub held: usize,
}

/// How far a batch got.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BatchProgress {
    /// All of it is taken in.
    Whole,
    /// The reading at this place, and those behind it, wait until the runs that are due have ended.
    UpTo(usize),
}

/// Whether readings may come in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pace {
    /// They may.
    Free,
    /// Readings come in faster than they are scored or published: the runs that are due, and the sinks, go first.
    Held,
}

/// Windows and store, and the order between them.
///
/// Only a commit reaches the store, so that only it can fail.
pub struct Pipeline {
    settings: PipelineSettings,
    directory: Arc<SensorDirectory>,
    writer: Writer,
    /// The last reading of the clocks, as the caller told it.
    clock: ClockReading,
    witness: ClockWitness,
    windows: OpenWindows,
    held: HeldReadings,
    /// The time before which windows are over by a wall clock.
    over_by_clock: Timestamp,
    behind: u64,
    sessions: Sessions,
    scored: Timestamp,
    /// What is scored, as far as it is settled.
    scored_settled: Timestamp,
    /// The run behind the last one that has ended, as far as that is settled.
    runs_settled: RunId,
    /// What is scored, and the run behind it, by the tickets that they wait for to be settled.
    scored_behind: VecDeque<(Ticket, Timestamp, RunId)>,
    /// The latest reading's time, where the clock follows the readings.
    event_now: Timestamp,
    pace: Pace,
    /// The event time at which more may be due.
    pace_again: Timestamp,
    /// The id behind the last run that has ended.
    runs: RunId,
    /// The first run that each sink has not taken.
    cursors: BTreeMap<&'static str, RunId>,

    // What the next commit writes.
    accepted: Vec<Reading>,
    /// How many of the accepted readings are in the journal, though not on the disk yet.
    appended: usize,
    over: Vec<ClosedWindow>,
    rejects: Rejects,
    /// The time before which all windows are handed to the store.
    put: Timestamp,

    /// Limits the log lines on rejects, separately for each kind: many rejects of one kind must not hide another kind.
    reject_logs: HashMap<&'static str, LogLimit>,
    held_logs: LogLimit,
    /// The shapes of payloads that the log has named already.
    shapes_told: ShapesTold,
}

impl Pipeline {
    /// Goes on where the last process ended: replays the journal over the windows that are stored.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn recover(
        store: Store,
        directory: Arc<SensorDirectory>,
        settings: PipelineSettings,
        clock: ClockReading,
    ) -> Result<Self, StoreError> {
        let Store { mut writer, reader, .. } = store;
        let closed = reader.progress(Progress::Closed)?.unwrap_or(Timestamp::MIN);
        let scored = scored(&reader)?;
        let heads = reader.heads()?;
        let mut windows = OpenWindows::new(settings.windows, closed, heads.iter().copied());
        for SensorHead { sensor, closed, last_value } in heads.iter().copied() {
            let newest = NewestReading { time: closed, value: last_value, origin: Origin::Head };
            settings.live.activity.seed(sensor, newest);
        }
        for head in heads {
            // Only a store that was cut anew has windows that are closed in part.
            let window = settings.windows.cut.window_of(head.closed);
            if window.start() < head.closed
                && let StoredIntervals::Kept(intervals) = reader.intervals(head.sensor, window)?
                && !intervals.is_empty()
            {
                windows.take_up(head.sensor, window, &intervals);
            }
        }
        // The journal may hold what only an earlier configuration accepts.
        let lateness = reader.lateness()?.max(settings.windows.lateness);
        let kept = settings.windows.kept_per_interval;
        let kept_per_interval = reader.kept_per_interval()?.unwrap_or(KEPT_BEFORE_IT_WAS_NOTED).max(kept);
        let bounds = ReplayBounds { lateness, kept_per_interval };
        let mut over = Vec::new();
        let mut event_now = Timestamp::MIN;
        let mut first_closed = None;
        let mut is_replayed = false;
        writer.replay_journal(|record| match record {
            WindowRecord::Readings(readings) => {
                is_replayed |= !readings.is_empty();
                for reading in readings {
                    event_now = event_now.max(reading.time);
                    windows.replay(reading, bounds, &mut over);
                }
            }
            WindowRecord::Closed(until) => {
                first_closed.get_or_insert(until);
                windows.begin_closing(until, &mut over);
            }
        })?;
        // A database that was lost with all that it held may leave no closing in the journal: what comes for the windows
        // before stays late.
        let must_be_closed = writer.must_be_closed();
        if must_be_closed > windows.closed() {
            first_closed.get_or_insert(must_be_closed);
            windows.begin_closing(must_be_closed, &mut over);
        }
        for (sensor, time, value) in windows.newest().filter(|(_, time, _)| *time > Timestamp::MIN) {
            settings.live.activity.seed(sensor, NewestReading { time, value, origin: Origin::Replayed });
        }
        // Under a smaller lateness than before, more intervals are closed: now, and not by the next reading only.
        windows.end_replay(&mut over);
        writer.put_lateness(if is_replayed { lateness } else { settings.windows.lateness });
        writer.put_kept_per_interval(if is_replayed { kept_per_interval } else { kept });
        // The event clock has come at least so far: otherwise these windows would not be closed.
        event_now = event_now.max(match windows.closed() {
            Timestamp::MIN => Timestamp::MIN,
            closed => closed + settings.windows.lateness,
        });
        let runs = reader.next_run()?;
        let mut cursors = BTreeMap::new();
        for sink in settings.sinks.iter().copied() {
            // One that begins now is not waited for.
            cursors.insert(sink, reader.cursor(sink)?.unwrap_or(runs));
        }
        let mut session_changes = Vec::new();
        let sessions = Sessions::new(settings.sessions, reader.sessions()?, clock.wall, &mut session_changes);
        let held = HeldReadings::new(settings.held, reader.held()?, clock.instant);
        let mut pipeline = Self {
            settings,
            directory,
            writer,
            clock,
            witness: ClockWitness::new(clock),
            windows,
            held,
            over_by_clock: Timestamp::MIN,
            behind: 0,
            sessions,
            scored,
            scored_settled: scored,
            runs_settled: runs,
            scored_behind: VecDeque::new(),
            event_now,
            pace: Pace::Free,
            pace_again: Timestamp::MIN,
            runs,
            cursors,
            accepted: Vec::new(),
            appended: 0,
            over,
            rejects: Rejects::default(),
            put: closed,
            reject_logs: HashMap::new(),
            held_logs: LogLimit::default(),
            shapes_told: ShapesTold::default(),
        };
        pipeline.write_sessions(session_changes);
        if pipeline.scored == Timestamp::MIN && pipeline.windows.closed() != Timestamp::MIN {
            // If nothing was settled since the first closing, the journal still has it: windows that were closed before it
            // do not count as missed, and windows that were closed since do.
            let first_closed = first_closed.filter(|_| closed == Timestamp::MIN);
            pipeline.set_scored(first_closed.unwrap_or(pipeline.windows.closed()));
            pipeline.scored_settled = pipeline.scored;
        }
        match pipeline.commit() {
            // The next commit writes it.
            Err(StoreError::DiskFull { .. }) => {}
            committed => drop(committed?),
        }
        pipeline.update_pace();
        Ok(pipeline)
    }

    /// The files of the journal, with what of them is committed.
    pub fn journal_extents(&self) -> Vec<JournalExtent> {
        self.writer.journal_extents()
    }

    /// How many bytes commits have written into the journal since the start.
    pub fn journal_written_bytes(&self) -> u64 {
        self.writer.journal_written_bytes()
    }

    /// A copy of what is open of a sensor, made in some hundred microseconds at the most.
    pub fn open_copy(&self, sensor: SensorId) -> OpenCopy {
        self.windows.copy_of(sensor, MAX_SUMMARISED)
    }

    /// How far the pipeline is, as of the last commit.
    pub fn position(&self) -> Position {
        Position {
            closed: self.windows.closed(),
            scored: self.scored_settled,
            runs: self.runs_settled,
            pace: self.pace,
            behind: self.behind,
            held: self.held.len(),
        }
    }

    /// Notes what the clocks say. The caller must do so before it hands over anything that came later.
    pub fn set_clock(&mut self, clock: ClockReading) {
        self.clock = clock;
        self.witness.observe(clock);
        if let Clock::Wall = self.settings.clock {
            let WindowSettings { cut, lateness, .. } = self.settings.windows;
            self.over_by_clock = cut.window_of(clock.believed - lateness).start();
        }
        self.judge_held();
    }

    /// Takes in a batch from the reading at `from` on, and fills in its account.
    pub fn take(&mut self, batch: &mut Batch, from: usize) -> BatchProgress {
        let Some(account) = batch.account.clone() else { return self.take_in(batch, from) };
        let before = self.counted();
        let progress = self.take_in(batch, from);
        account.add(&self.counted().since(&before));
        progress
    }

    /// What became of the readings since the last commit.
    fn counted(&self) -> BatchOutcome {
        BatchOutcome {
            accepted: self.accepted.len() as u64,
            held: self.held.len() as u64,
            rejected: self.rejects.counts().collect(),
        }
    }

    fn take_in(&mut self, batch: &mut Batch, from: usize) -> BatchProgress {
        self.rejects.append(std::mem::take(&mut batch.rejects));
        self.count_passed_over(&std::mem::take(&mut batch.members_passed_over));
        metrics::MESSAGES_PASSED_OVER.add(std::mem::take(&mut batch.messages_passed_over));
        if let Some(reject) = batch.replayed.take() {
            self.writer.put_replayed(reject);
        }
        let believed = self.believed_until();
        let mut ahead = std::mem::take(&mut batch.ahead).into_iter().peekable();
        let mut is_arrival = batch.arrivals.in_order();
        for (place, reading) in batch.readings.iter().enumerate().skip(from) {
            while let Some(ahead) = ahead.next_if(|ahead| ahead.behind <= place) {
                self.take_ahead(ahead);
            }
            let mut reading = *reading;
            let is_arrival = is_arrival(place);
            if is_arrival {
                reading.time = self.windows.arrival(reading.sensor, self.clock.believed_at(reading.time));
            } else {
                self.witness.hear(reading.time);
            }
            if let Clock::Event(_) = self.settings.clock {
                self.follow(reading.time);
                if self.pace == Pace::Held {
                    batch.ahead = ahead.collect();
                    return BatchProgress::UpTo(place);
                }
            }
            if reading.time > believed && !is_arrival {
                let Reading { time, .. } = reading;
                let why = RejectReason::ImplausibleTime { time, earliest: Timestamp::MIN, latest: believed };
                self.hold(reading, &why);
            } else {
                self.admit(reading, batch.zones.of(place));
            }
        }
        ahead.for_each(|ahead| self.take_ahead(ahead));
        BatchProgress::Whole
    }

    /// While a jump of the clock is in doubt: the latest time that is not ahead of the time believed. A device may have
    /// its time from the doubtful clock, and what it sends is no reason to close its sensor's intervals.
    fn believed_until(&self) -> Timestamp {
        if self.clock.is_in_doubt() { self.held.latest(&self.clock) } else { Timestamp::MAX }
    }

    /// Refuses a reading that is too far ahead of a clock that is right, and holds it otherwise. It counts if the clock
    /// was set right since it came.
    fn take_ahead(&mut self, AheadReading { reading, reason, suspect, .. }: AheadReading) {
        let is_zone = suspect == AheadSuspect::ZoneOrClock && self.witness.is_borne_out();
        if reading.time <= self.held.latest(&self.clock) {
            self.admit(reading, None);
        } else if self.clock.is_certain() || is_zone {
            self.reject(reading, reason);
        } else {
            self.hold(reading, &reason);
        }
    }

    /// Holds a reading that is ahead of a clock that may be wrong; `why` is the reason for the log.
    fn hold(&mut self, reading: Reading, why: &RejectReason) {
        if let Err(reason) = self.held.hold(reading, &self.clock) {
            return self.reject(reading, reason);
        }
        metrics::READINGS_HELD_EVER.add(1);
        if let Some(suppressed) = self.held_logs.admit(self.clock.instant) {
            let sensor = self.directory.name(reading.sensor).map_or_else(String::new, |name| name.to_string());
            tracing::warn!(
                sensor,
                now = %self.clock.wall,
                suppressed,
                "a reading is ahead of the system's clock, which is not synchronised: the reading is held until the clock is \
                 synchronised or has come up to it, or until limits.held_for has passed: {why}"
            );
        }
    }

    /// Judges the held readings that can be judged now.
    fn judge_held(&mut self) {
        let HeldJudgement { due, refused } = self.held.judge(&self.clock);
        due.into_iter().for_each(|reading| self.admit(reading, None));
        refused.into_iter().for_each(|(reading, reason)| self.reject(reading, reason));
    }

    /// Closes every window that ends at `until` or before: what comes later for them is late. The first slice of these
    /// windows is finished at once; [`close_slice`](Self::close_slice) finishes the others.
    pub fn close(&mut self, until: Timestamp) {
        if until <= self.windows.closed() {
            return;
        }
        // In the journal, a closing comes after the readings that were accepted before it.
        self.append_accepted();
        self.writer.close(until);
        self.windows.begin_closing(until, &mut self.over);
        self.windows.close_slice(ClosingSlice::SHORT, &mut self.over);
        if self.scored == Timestamp::MIN {
            self.set_scored(until);
            // The journal's first closing says the same.
            self.scored_settled = until;
        }
        self.update_pace();
    }

    /// Finishes some more windows of a closing. The next commit stores them.
    pub fn close_slice(&mut self) -> ClosingProgress {
        self.windows.close_slice(ClosingSlice::SHORT, &mut self.over)
    }

    /// Whether windows of a closing are not handed to the store yet: that needs more slices, or a commit.
    pub fn is_closing(&self) -> bool {
        self.put < self.windows.closed()
    }

    /// The time before which all windows are handed to the store, with the last commit.
    pub fn windows_put(&self) -> Timestamp {
        self.put
    }

    /// Nothing more will come: closes every window that has readings, and moves the event clock past them.
    pub fn end_history(&mut self) {
        // What a closing has yet to finish is not open.
        self.windows.finish_closing(&mut self.over);
        if self.windows.is_empty() || self.pace == Pace::Held {
            return;
        }
        let end = self.settings.windows.cut.window_of(self.event_now).end();
        self.event_now = end + self.settings.windows.lateness;
        self.close(end);
    }

    /// Writes a run into the ledger; a finished one moves on what counts as scored.
    pub fn put_run(&mut self, run: &Run) {
        self.writer.put_run(run);
        if let RunState::Finished(_) = run.state {
            self.runs = self.runs.max(run.id.next());
            self.set_scored(run.window.end());
        }
    }

    /// Begins a run, or an interrupted one anew.
    pub fn begin_run(&mut self, run: &Run, stored: &StoredChunks) {
        self.writer.begin_run(run, stored);
    }

    /// Stores a chunk of a run's verdicts.
    pub fn put_verdicts(&mut self, run: RunId, chunk: ChunkId, verdicts: &[Verdict]) {
        self.write_names();
        self.writer.put_verdicts(run, chunk, verdicts);
    }

    /// Stores the conditions of sensors, and the time before which windows were looked at for them, once no more follow.
    pub fn put_conditions(&mut self, changed: &[(SensorId, SensorConditions)], until: Option<Timestamp>) {
        self.write_names();
        self.writer.put_conditions(changed);
        if let Some(until) = until {
            self.writer.put_conditions_until(until);
        }
    }

    /// Notes the first run that a sink has not taken.
    pub fn put_cursor(&mut self, sink: &'static str, next: RunId) {
        self.cursors.insert(sink, next);
        self.update_pace();
        self.writer.put_cursor(sink, next);
    }

    /// Moves on what counts as scored.
    pub fn set_scored(&mut self, until: Timestamp) {
        self.scored = self.scored.max(until);
        self.update_pace();
        self.writer.put_progress(Progress::Scored, self.scored);
    }

    /// Remembers or forgets an MQTT session; tells whether an earlier one is taken up.
    pub fn open_session(&mut self, client: &str, lifetime: SessionLifetime, now: SessionMoment) -> SessionPresent {
        let mut changes = Vec::new();
        let present = self.sessions.open(client, lifetime, now, &mut changes);
        self.write_sessions(changes);
        present
    }

    /// Notes that an MQTT session is in use.
    pub fn touch_session(&mut self, client: &str, now: SessionMoment) {
        let mut changes = Vec::new();
        self.sessions.touch(client, now, &mut changes);
        self.write_sessions(changes);
    }

    /// Notes that the connection of an MQTT session has ended.
    pub fn leave_session(&mut self, client: &str, now: SessionMoment) {
        let mut changes = Vec::new();
        self.sessions.leave(client, now, &mut changes);
        self.write_sessions(changes);
    }

    fn write_sessions(&mut self, changes: Vec<SessionChange>) {
        for change in changes {
            match change {
                SessionChange::Used(client, at) => self.writer.put_session(&client, at),
                SessionChange::Gone(client) => {
                    metrics::SESSIONS_FORGOTTEN.add(1);
                    self.writer.remove_session(&client);
                }
            }
        }
        metrics::SESSIONS.set(self.sessions.len() as u64);
    }

    /// Notes which subscriptions a broker holds for us.
    pub fn put_subscriptions(&mut self, filters: &[String]) {
        self.writer.put_subscriptions(filters);
    }

    /// Makes everything durable that was taken in since the last commit, and has the keeper store what lies behind it.
    ///
    /// # Errors
    /// When the store refuses. What was taken in since the last commit must then not be acknowledged. At a full disk
    /// ([`StoreError::DiskFull`]) another commit goes on where this one failed; otherwise the process should end: the
    /// windows in memory are ahead of the disk.
    pub fn commit(&mut self) -> Result<Committed, StoreError> {
        self.append_accepted();
        metrics::WINDOWS_STORED.add(self.over.len() as u64);
        for window in self.over.drain(..) {
            self.writer.put_window(&window);
        }
        let finished = self.windows.finished();
        if finished > self.put {
            self.writer.windows_put(finished);
        }
        for (number, piece) in self.held.changed() {
            match piece {
                StoredPiece::Readings(readings) => self.writer.put_held(number, readings),
                StoredPiece::Gone => self.writer.remove_held(number),
            }
        }
        self.held.mark_stored();
        let rejects = std::mem::take(&mut self.rejects);
        let block = self.writer.put_rejects(&rejects);
        self.tell_of(&rejects, block);
        let committed = self.writer.commit()?;
        self.put = finished;
        let settled = (self.scored_settled, self.runs_settled);
        let last = self.scored_behind.back().map_or(settled, |(_, scored, runs)| (*scored, *runs));
        if last != (self.scored, self.runs) {
            self.scored_behind.push_back((self.writer.handed_over(), self.scored, self.runs));
        }

        metrics::READINGS_ACCEPTED.add(self.accepted.len() as u64);
        let Live { activity, events, .. } = &*self.settings.live;
        activity.note(&self.accepted, self.clock.wall, self.clock.instant);
        events.tell_readings(&self.accepted);
        self.accepted.clear();
        self.appended = 0;
        metrics::READINGS_HELD.set(self.held.len() as u64);
        metrics::SENSORS.set(self.directory.len() as u64);
        metrics::COMMITS.add(1);
        metrics::OPEN_READINGS.set(self.windows.open_readings() as u64);
        metrics::JOURNAL_WRITTEN_BYTES.set(self.writer.journal_written_bytes());
        if let Clock::Event(time) = &self.settings.clock {
            time.advance(self.event_now);
        }
        Ok(committed)
    }

    /// Where it tells what happens.
    pub fn events(&self) -> Arc<Events> {
        Arc::clone(&self.settings.live.events)
    }

    /// Has what the next commit hands to the keeper settled as soon as it is stored.
    pub fn settle_soon(&mut self) {
        self.writer.settle_soon();
    }

    /// The ticket of what the last commit handed to the keeper.
    pub fn handed_over(&self) -> Ticket {
        self.writer.handed_over()
    }

    /// How far the keeper is; the position moves on with it.
    ///
    /// # Errors
    /// When the keeper has failed. The process should end.
    pub fn kept(&mut self) -> Result<KeeperProgress, StoreError> {
        let kept = self.writer.kept()?;
        while let Some(&(ticket, scored, runs)) = self.scored_behind.front()
            && kept.settled(ticket).is_some()
        {
            (self.scored_settled, self.runs_settled) = (scored, runs);
            self.scored_behind.pop_front();
        }
        Ok(kept)
    }

    /// Waits until everything that was committed is settled.
    ///
    /// # Errors
    /// When the keeper has failed.
    pub fn settle(&mut self) -> Result<(), StoreError> {
        self.writer.settle()?;
        self.kept().map(drop)
    }

    /// Holds a message when the keeper has got further, or has failed.
    pub fn news(&self) -> Receiver<()> {
        self.writer.news()
    }

    /// How much waits for the keeper.
    pub fn backlog(&self) -> Backlog {
        self.writer.backlog()
    }

    /// Ends the keeper, which settles what it was handed. What is not stored at `leave_at` is left to the journal.
    ///
    /// # Errors
    /// When the keeper has failed.
    pub fn stop(&mut self, leave_at: Instant) -> Result<(), StoreError> {
        self.writer.stop(leave_at)
    }

    /// Counts rejects, tells those who listen of them, and logs them. `block` is the number under which they are stored.
    fn tell_of(&mut self, rejects: &Rejects, block: Option<u64>) {
        metrics::REJECTS.add(rejects.counts());
        if let Some(block) = block {
            let ids = (0..).map(|place| RejectId { block, place });
            let stored = rejects.kept().iter().map(StoredReject::of);
            self.settings.live.events.tell(EventKind::Reject, || Happening::Rejects(ids.zip(stored).collect()));
        }
        for reject in rejects.kept() {
            let Reject { origin, reason, .. } = reject;
            let kind = reason.kind();
            self.note_clock(reject, kind);
            let Some(suppressed) = self.reject_logs.entry(kind).or_default().admit(self.clock.instant) else {
                continue;
            };
            tracing::warn!(origin, kind, suppressed, "rejected: {reason}");
        }
    }

    /// Notes what a reject says of the clock of its sensor.
    fn note_clock(&self, reject: &Reject, kind: &str) {
        if matches!(kind, "late" | "implausible_time")
            && let Some(RejectedReading { sensor, time, .. }) = &reject.reading
            && let Some(sensor) = self.directory.find(sensor)
        {
            self.settings.live.clocks.note(sensor, *time, reject.received);
        }
    }

    /// Counts the members that are no numbers, and tells of each shape once.
    fn count_passed_over(&mut self, passed_over: &PassedOver) {
        metrics::MEMBERS_PASSED_OVER.add(passed_over.counts());
        for shape in passed_over.shapes() {
            let news = self.shapes_told.news(shape);
            let Shape { topic, member, kind } = shape;
            if news != ShapeNews::Nothing {
                let kind = kind.word();
                tracing::warn!(
                    topic,
                    member,
                    kind,
                    "a member is no number and is not read (counted by kind; said once for each topic and kind)"
                );
            }
            if news == ShapeNews::Last {
                tracing::warn!("no more is said of members that are no numbers until the next start; they are counted");
            }
        }
    }

    /// Moves the event clock on, and closes what it passes.
    fn follow(&mut self, time: Timestamp) {
        if time <= self.event_now {
            return;
        }
        self.event_now = time;
        if time >= self.pace_again {
            self.update_pace();
        }
        let over = self.settings.windows.cut.window_of(time - self.settings.windows.lateness).start();
        self.close(over);
    }

    fn update_pace(&mut self) {
        self.pace_again = self.settings.schedule.next_wake(self.event_now).unwrap_or(Timestamp::MAX);
        let due = || self.settings.schedule.due(self.scored, self.event_now, Timestamp::MAX).is_some();
        let oldest_kept = self.runs.earlier(self.settings.max_unpublished);
        let lags = || self.cursors.values().any(|cursor| *cursor < oldest_kept);
        let follows = matches!(self.settings.clock, Clock::Event(_));
        self.pace = if follows && (due() || lags()) { Pace::Held } else { Pace::Free };
    }

    /// Judges a reading. Without a zone of its own its time is taken as one of `zone`.
    fn admit(&mut self, reading: Reading, zone: Option<Zone>) {
        let Reading { sensor, time, value } = reading;
        let deadbands = &self.settings.deadbands;
        match self.windows.admit(reading, || deadbands(sensor), &mut self.over) {
            Admission::Accepted => {
                self.behind += u64::from(time < self.over_by_clock);
                self.accepted.push(reading);
            }
            Admission::Repeated => metrics::READINGS_REPEATED.add(1),
            Admission::Suppressed => metrics::READINGS_SUPPRESSED.add(1),
            refused => {
                if let Some(reason) = self.refusal(refused, time, value, zone) {
                    self.reject(reading, reason);
                }
            }
        }
    }

    /// Why a reading does not count that was judged so; `None` when it is no reject.
    fn refusal(&self, admission: Admission, time: Timestamp, value: f64, zone: Option<Zone>) -> Option<RejectReason> {
        Some(match admission {
            Admission::Accepted | Admission::Repeated | Admission::Suppressed => return None,
            Admission::Conflict { stored } => RejectReason::Conflict { time, value, stored },
            Admission::Late { watermark } => {
                let late = RejectReason::Late { time, watermark };
                match (zone, &self.settings.clock) {
                    (None, _) => late,
                    (Some(zone), Clock::Wall) => late.noted(zone.note(time, self.clock.wall)),
                    (Some(zone), Clock::Event(_)) => late.noted(zone.assumed()),
                }
            }
            Admission::Indistinct { until } => RejectReason::IntervalFull { time, until },
            Admission::MemoryFull => RejectReason::MemoryFull { max: self.settings.windows.max_open_readings },
        })
    }

    fn reject(&mut self, reading: Reading, reason: RejectReason) {
        let Reading { sensor, time, value } = reading;
        let (directory, received) = (&self.directory, self.clock.wall);
        self.rejects.push(reason.kind(), || {
            let name = directory.name(sensor);
            Reject {
                received,
                origin: name.as_ref().map_or_else(String::new, ToString::to_string),
                excerpt: value.to_string(),
                reason,
                message: None,
                scope: RejectScope::Reading,
                reading: name.map(|sensor| RejectedReading { sensor, time, value }),
            }
        });
    }

    /// Writes the names of new sensors. A power cut loses the end of what was written, so a name is written before the
    /// data that is stored under its number. Otherwise the next new sensor would get that number, and the data with it.
    fn write_names(&mut self) {
        self.writer.add_sensors(&self.directory.take_unsaved());
    }

    fn append_accepted(&mut self) {
        self.write_names();
        self.writer.append_readings(&self.accepted[self.appended..]);
        self.appended = self.accepted.len();
    }
}

#[cfg(test)]
mod tests;
