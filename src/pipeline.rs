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
//!
//! Below: `recovery` is how it begins, `admission` judges readings, `run_progress` knows what is scored and published, and
//! `event_clock` how fast a history may go. `sessions` are those of MQTT clients, `told_rejects` what is said of rejects.

mod admission;
mod clock_witness;
mod event_clock;
mod forecast;
mod held;
mod recovery;
mod run_progress;
mod sessions;
mod told_rejects;

use std::sync::Arc;
use std::time::Instant;

use crossbeam_channel::Receiver;

use crate::condition::SensorConditions;
use crate::group::GroupName;
use crate::ingest::session::{SessionSettings, Sessions};
use crate::live::{Events, Live};
use crate::reading::{Reading, Rejects};
use crate::run::{Run, RunId, RunLog, RunState};
use crate::run_order::OrderId;
use crate::schedule::agenda::GroupPlan;
use crate::schedule::clock_trust::ClockReading;
use crate::sensor::{SensorDirectory, SensorId};
use crate::store::{
    Backlog, ChunkId, Committed, JournalExtent, KeeperProgress, Progress, StoreError, StoredChunks, Ticket, Writer,
};
use crate::telemetry::log_limit::LogLimit;
use crate::telemetry::metrics;
use crate::time::{Clock, Timestamp};
use crate::verdict::Verdict;
use crate::window::{ClosedWindow, ClosingProgress, ClosingSlice, OpenCopy, OpenWindows, WindowSettings};

use clock_witness::ClockWitness;
use event_clock::EventClock;
use held::{HeldReadings, StoredPiece};
use run_progress::RunProgress;
use told_rejects::ToldRejects;

pub use event_clock::Pace;
pub use held::HeldSettings;
pub use run_progress::ScoredMarks;

/// Tells a sensor's deadband.
pub type Deadbands = Box<dyn Fn(SensorId) -> Option<f64> + Send>;

/// The most readings that are summarised for a copy of a sensor's open window.
const MAX_SUMMARISED: usize = 1 << 18;

/// What the pipeline is made of.
pub struct PipelineSettings {
    /// How readings become windows.
    pub windows: WindowSettings,
    /// All groups, and when the windows of each are scored: with an event clock, readings wait for the runs that they make
    /// due.
    pub plans: Vec<GroupPlan>,
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
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Position {
    /// The time before which windows are closed for all sensors: what comes for them is late. They may not be stored yet.
    pub closed: Timestamp,
    /// The time before which the windows of each group are scored, and their runs settled.
    pub scored: ScoredMarks,
    /// The id of the run that begins next, once the last one has ended and is settled.
    pub runs: RunId,
    /// Whether readings wait for runs that are due, or for a sink.
    pub pace: Pace,
    /// With an event clock: when more may be due. So the position changes whenever that clock has passed a firing, also
    /// when readings waited for a sink before and wait for a run now.
    pub next_due: Timestamp,
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
    runs: RunProgress,
    event_clock: EventClock,

    // What the next commit writes.
    accepted: Vec<Reading>,
    /// How many of the accepted readings are in the journal, though not on the disk yet.
    appended: usize,
    over: Vec<ClosedWindow>,
    rejects: Rejects,
    /// The time before which all windows are handed to the store.
    put: Timestamp,

    told_rejects: ToldRejects,
    held_logs: LogLimit,
}

impl Pipeline {
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
        let settled = self.runs.settled();
        Position {
            closed: self.windows.closed(),
            scored: settled.marks.clone(),
            runs: settled.next_run,
            pace: self.event_clock.pace(),
            next_due: self.event_clock.next_due(),
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
        self.begin_scoring(until);
        self.update_pace();
    }

    /// Has the scoring of groups that have not begun begin with the windows that end behind `closed`.
    fn begin_scoring(&mut self, closed: Timestamp) {
        let groups = self.settings.plans.iter().map(|plan| &plan.name);
        let new: Vec<_> = groups.filter(|group| self.runs.scored(group) == Timestamp::MIN).cloned().collect();
        for group in new {
            self.set_scored(&group, closed);
            self.runs.begin_at(&group, closed);
        }
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

    /// Nothing more will come: closes every window that has readings, and moves the event clock past them, so that the
    /// last windows of all groups are scored. Once more it changes nothing.
    pub fn end_history(&mut self) {
        // What a closing has yet to finish is not open.
        self.windows.finish_closing(&mut self.over);
        let plans = &self.settings.plans;
        let Some(end) = self.event_clock.end_of_history(plans).filter(|_| self.event_clock.pace() == Pace::Free) else {
            return;
        };
        self.event_clock.end_history(end, plans);
        self.close(end);
        self.update_pace();
    }

    /// Writes a run into the ledger. With a finished one, all before `done_until` counts as scored; `None` when that stays
    /// as it is.
    pub fn put_run(&mut self, run: &Run, done_until: Option<Timestamp>) {
        self.writer.put_run(run);
        if let RunState::Finished(_) = run.state {
            self.runs.end_run(run.id);
            if let Some(until) = done_until {
                self.set_scored(&run.group, until);
            }
        }
    }

    /// Stores what was logged of a run.
    pub fn put_run_log(&mut self, run: RunId, log: &RunLog) {
        self.writer.put_run_log(run, log);
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

    /// Notes that this id was given to an order.
    pub fn put_order(&mut self, id: OrderId) {
        self.writer.put_order(id);
    }

    /// Notes the first run that a sink has not taken.
    pub fn put_cursor(&mut self, sink: &'static str, next: RunId) {
        self.runs.put_cursor(sink, next);
        self.update_pace();
        self.writer.put_cursor(sink, next);
    }

    /// Moves on what counts as scored of a group.
    pub fn set_scored(&mut self, group: &GroupName, until: Timestamp) {
        let scored = self.runs.move_to(group, until);
        self.update_pace();
        self.writer.put_progress(&Progress::Scored(group.clone()), scored);
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
        self.told_rejects.tell(&rejects, block, &self.settings.live.events, self.clock.instant);
        let committed = self.writer.commit()?;
        self.put = finished;
        self.runs.hand_over(self.writer.handed_over());

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
            time.advance(self.event_clock.now());
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
        self.runs.settle(|ticket| kept.settled(ticket).is_some());
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

    fn update_pace(&mut self) {
        if let Clock::Event(_) = self.settings.clock {
            let PipelineSettings { plans, max_unpublished, .. } = &self.settings;
            self.event_clock.decide_pace(plans, &self.runs, self.windows.closed(), *max_unpublished);
        }
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
