//! What a batch does to the windows and the store: the order of steps on which every guarantee rests.
//!
//! A reading is first judged (is it late, repeated, contradictory?), what is accepted goes into the journal, windows
//! that are over go into the window store behind it, and one commit makes it all durable. Only then do the caller's
//! acknowledgements leave, does the event clock move on, and do runs learn what may be scored. No thread and no clock of
//! its own: the caller drives it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Instant;

use crate::ingest::batch::Batch;
use crate::ingest::session::{
    SessionChange, SessionLifetime, SessionMoment, SessionPresent, SessionSettings, Sessions,
};
use crate::interval::Window;
use crate::reading::{Reading, Reject, RejectReason, Rejects};
use crate::run::Run;
use crate::schedule::Schedule;
use crate::sensor::{SensorDirectory, SensorId};
use crate::store::{ChunkId, Committed, Progress, Record, Store, StoreError, Writer};
use crate::telemetry::log_limit::LogLimit;
use crate::telemetry::metrics;
use crate::time::{Clock, Span, Timestamp};
use crate::verdict::Verdict;
use crate::window::{Admission, ClosedWindow, OpenWindows, WindowSettings};

/// Tells a sensor's deadband.
pub type Deadbands = Box<dyn Fn(SensorId) -> Option<f64> + Send>;

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
    /// When the process began, by the wall clock.
    pub started: Timestamp,
    /// The sinks that verdicts are published to.
    pub sinks: Vec<&'static str>,
    /// How far a sink may be behind. With an event clock, readings wait for one that is further.
    pub max_unpublished: Span,
}

/// Where the pipeline is in event time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Position {
    /// The time before which windows are closed for all sensors.
    pub closed: Timestamp,
    /// The time before which windows are scored.
    pub scored: Timestamp,
    /// Whether readings wait for runs that are due, or for a sink.
    pub pace: Pace,
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
    /// History comes in faster than it is scored or published: what is due goes first.
    Held,
}

/// Windows and store, and the order between them.
pub struct Pipeline {
    settings: PipelineSettings,
    directory: Arc<SensorDirectory>,
    writer: Writer,
    windows: OpenWindows,
    sessions: Sessions,
    scored: Timestamp,
    /// The latest reading's time, where the clock follows the readings.
    event_now: Timestamp,
    pace: Pace,
    /// The event time at which more may be due.
    pace_again: Timestamp,
    /// The time before which each sink has published.
    published: BTreeMap<&'static str, Timestamp>,

    // What the next commit writes.
    accepted: Vec<Reading>,
    /// How many accepted readings are in the journal since the last commit.
    appended: usize,
    over: Vec<ClosedWindow>,
    rejects: Rejects,

    /// What is said of rejects, limited by kind: a flood of one must not hide another.
    reject_logs: HashMap<&'static str, LogLimit>,
}

impl Pipeline {
    /// Takes up where the last process left off: replays the journal over the windows that are stored.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn recover(
        store: Store,
        directory: Arc<SensorDirectory>,
        settings: PipelineSettings,
    ) -> Result<Self, StoreError> {
        let Store { mut writer, reader, .. } = store;
        let closed = reader.progress(Progress::Closed)?.unwrap_or(Timestamp::MIN);
        let scored = reader.progress(Progress::Scored)?.unwrap_or(Timestamp::MIN);
        let mut windows = OpenWindows::new(settings.windows, closed, reader.heads()?);
        // The journal may hold what only an earlier configuration accepts.
        let lateness = reader.lateness()?.max(settings.windows.lateness);
        writer.put_lateness(lateness)?;
        let mut over = Vec::new();
        let mut event_now = Timestamp::MIN;
        writer.replay_journal(|record| match record {
            Record::Readings(readings) => {
                for reading in readings {
                    event_now = event_now.max(reading.time);
                    windows.replay(reading, lateness, &mut over);
                }
            }
            Record::Closed(until) => windows.close_until(until, &mut over),
        })?;
        // Only a clock that had come so far can have closed these.
        event_now = event_now.max(match windows.closed() {
            Timestamp::MIN => Timestamp::MIN,
            closed => closed + settings.windows.lateness,
        });
        let mut published = BTreeMap::new();
        for sink in settings.sinks.iter().copied() {
            published.insert(sink, reader.progress(Progress::Published { sink })?.unwrap_or(scored));
        }
        let mut session_changes = Vec::new();
        let sessions = Sessions::new(settings.sessions, reader.sessions()?, settings.started, &mut session_changes);
        let mut pipeline = Self {
            settings,
            directory,
            writer,
            windows,
            sessions,
            scored,
            event_now,
            pace: Pace::Free,
            pace_again: Timestamp::MIN,
            published,
            accepted: Vec::new(),
            appended: 0,
            over,
            rejects: Rejects::default(),
            reject_logs: HashMap::new(),
        };
        pipeline.write_sessions(session_changes)?;
        if pipeline.scored == Timestamp::MIN && pipeline.windows.closed() != Timestamp::MIN {
            pipeline.set_scored(pipeline.windows.closed())?;
        }
        pipeline.commit()?;
        pipeline.update_pace();
        Ok(pipeline)
    }

    /// Where it is, as of the last commit.
    pub fn position(&self) -> Position {
        Position { closed: self.windows.closed(), scored: self.scored, pace: self.pace }
    }

    /// Takes in a batch from the reading at `from` on.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn take(&mut self, batch: &mut Batch, from: usize) -> Result<BatchProgress, StoreError> {
        self.rejects.append(std::mem::take(&mut batch.rejects));
        metrics::MESSAGES_PASSED_OVER.add(std::mem::take(&mut batch.passed_over));
        let mut is_arrival = batch.arrivals.in_order();
        for (place, reading) in batch.readings.iter().enumerate().skip(from) {
            if let Clock::Event(_) = self.settings.clock {
                self.follow(reading.time)?;
                if self.pace == Pace::Held {
                    return Ok(BatchProgress::UpTo(place));
                }
            }
            let mut reading = *reading;
            if is_arrival(place) {
                reading.time = self.windows.arrival(reading.sensor, reading.time);
            }
            self.admit(reading);
        }
        Ok(BatchProgress::Whole)
    }

    /// Closes every window that ends at `until` or before.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn close(&mut self, until: Timestamp) -> Result<(), StoreError> {
        if until <= self.windows.closed() {
            return Ok(());
        }
        // In the journal, a closing comes after the readings that were accepted before it.
        self.append_accepted()?;
        self.writer.close(until)?;
        self.windows.close_until(until, &mut self.over);
        if self.scored == Timestamp::MIN {
            self.set_scored(until)?;
        }
        self.update_pace();
        Ok(())
    }

    /// Nothing more will come: closes every window that has readings, and moves the event clock past them.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn end_history(&mut self) -> Result<(), StoreError> {
        if self.windows.is_empty() || self.pace == Pace::Held {
            return Ok(());
        }
        let end = self.settings.windows.cut.window_of(self.event_now).end();
        self.event_now = end + self.settings.windows.lateness;
        self.close(end)
    }

    /// Writes a run into the ledger; a finished one moves on what counts as scored.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn put_run(&mut self, run: &Run) -> Result<(), StoreError> {
        self.writer.put_run(run)?;
        if let crate::run::RunState::Finished(_) = run.state {
            self.set_scored(run.window.end())?;
        }
        Ok(())
    }

    /// Stores a chunk of a run's verdicts.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn put_verdicts(&mut self, window: Window, chunk: ChunkId, verdicts: &[Verdict]) -> Result<(), StoreError> {
        self.writer.put_verdicts(window, chunk, verdicts)
    }

    /// Notes that a sink has published everything before `until`.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn put_published(&mut self, sink: &'static str, until: Timestamp) -> Result<(), StoreError> {
        self.published.insert(sink, until);
        self.update_pace();
        self.writer.put_progress(Progress::Published { sink }, until)
    }

    /// Moves on what counts as scored.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn set_scored(&mut self, until: Timestamp) -> Result<(), StoreError> {
        if self.scored == Timestamp::MIN {
            self.published.values_mut().for_each(|published| *published = until);
        }
        self.scored = self.scored.max(until);
        self.update_pace();
        self.writer.put_progress(Progress::Scored, self.scored)
    }

    /// Remembers or forgets an MQTT session; tells whether an earlier one is taken up.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn open_session(
        &mut self,
        client: &str,
        lifetime: SessionLifetime,
        now: SessionMoment,
    ) -> Result<SessionPresent, StoreError> {
        let mut changes = Vec::new();
        let present = self.sessions.open(client, lifetime, now, &mut changes);
        self.write_sessions(changes)?;
        Ok(present)
    }

    /// Notes that an MQTT session is in use.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn touch_session(&mut self, client: &str, now: SessionMoment) -> Result<(), StoreError> {
        let mut changes = Vec::new();
        self.sessions.touch(client, now, &mut changes);
        self.write_sessions(changes)
    }

    fn write_sessions(&mut self, changes: Vec<SessionChange>) -> Result<(), StoreError> {
        for change in changes {
            match change {
                SessionChange::Used(client, at) => self.writer.put_session(&client, at)?,
                SessionChange::Gone(client) => {
                    metrics::SESSIONS_FORGOTTEN.add(1);
                    self.writer.remove_session(&client)?;
                }
            }
        }
        metrics::SESSIONS.set(self.sessions.len() as u64);
        Ok(())
    }

    /// Makes everything durable that was done since the last commit.
    ///
    /// # Errors
    /// When the store refuses. What was taken in since the last commit must then not be acknowledged, and the process
    /// should end: the windows in memory are ahead of the disk.
    pub fn commit(&mut self) -> Result<Committed, StoreError> {
        let unsaved = self.directory.unsaved();
        self.writer.add_sensors(&unsaved)?;
        self.append_accepted()?;
        for window in &self.over {
            self.writer.put_window(window)?;
        }
        self.writer.put_rejects(&self.rejects)?;
        let committed = self.writer.commit()?;

        if let Some((last, _)) = unsaved.last() {
            self.directory.mark_saved(last.index() + 1);
        }
        metrics::READINGS_ACCEPTED.add(std::mem::take(&mut self.appended) as u64);
        metrics::SENSORS.set(self.directory.len() as u64);
        metrics::COMMITS.add(1);
        metrics::OPEN_READINGS.set(self.windows.open_readings() as u64);
        metrics::JOURNAL_RECORDS.set(self.writer.journal_records() as u64);
        metrics::WINDOWS_STORED.add(self.over.len() as u64);
        metrics::REJECTS.add(&self.rejects);
        self.over.clear();
        let rejects = std::mem::take(&mut self.rejects);
        for reject in rejects.kept() {
            let Reject { origin, reason, .. } = reject;
            let kind = reason.kind();
            let Some(suppressed) = self.reject_logs.entry(kind).or_default().admit(Instant::now()) else { continue };
            tracing::warn!(origin, kind, suppressed, "rejected: {reason}");
        }
        if let Clock::Event(time) = &self.settings.clock {
            time.advance(self.event_now);
        }
        Ok(committed)
    }

    /// Moves the event clock on, and closes what it passes.
    fn follow(&mut self, time: Timestamp) -> Result<(), StoreError> {
        if time <= self.event_now {
            return Ok(());
        }
        self.event_now = time;
        if time >= self.pace_again {
            self.update_pace();
        }
        let over = self.settings.windows.cut.window_of(time - self.settings.windows.lateness).start();
        self.close(over)
    }

    fn update_pace(&mut self) {
        self.pace_again = self.settings.schedule.next_wake(self.event_now).unwrap_or(Timestamp::MAX);
        let due = || self.settings.schedule.due(self.scored, self.event_now).is_some();
        let oldest_kept = self.scored - self.settings.max_unpublished;
        let lags = || self.published.values().any(|published| *published < oldest_kept);
        let follows = matches!(self.settings.clock, Clock::Event(_));
        self.pace = if follows && (due() || lags()) { Pace::Held } else { Pace::Free };
    }

    fn admit(&mut self, reading: Reading) {
        let Reading { sensor, time, value } = reading;
        let deadbands = &self.settings.deadbands;
        let reason = match self.windows.admit(reading, || deadbands(sensor), &mut self.over) {
            Admission::Accepted => {
                self.accepted.push(reading);
                return;
            }
            Admission::Repeated => return metrics::READINGS_REPEATED.add(1),
            Admission::Suppressed => return metrics::READINGS_SUPPRESSED.add(1),
            Admission::Conflict { stored } => RejectReason::Conflict { time, value, stored },
            Admission::Late { watermark } => RejectReason::Late { time, watermark },
            Admission::IntervalFull => {
                RejectReason::IntervalFull { max: self.settings.windows.max_readings_per_interval }
            }
            Admission::MemoryFull => RejectReason::MemoryFull { max: self.settings.windows.max_open_readings },
        };
        let directory = &self.directory;
        self.rejects.push(reason.kind(), || Reject {
            received: Timestamp::now(),
            origin: directory.name(sensor).map_or_else(String::new, |name| name.to_string()),
            excerpt: value.to_string(),
            reason,
        });
    }

    fn append_accepted(&mut self) -> Result<(), StoreError> {
        self.writer.append_readings(&self.accepted)?;
        self.appended += self.accepted.len();
        self.accepted.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests;
