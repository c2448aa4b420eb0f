//! How a pipeline goes on where the last process ended.

use std::sync::Arc;

use crate::ingest::session::Sessions;
use crate::live::{NewestReading, Origin};
use crate::pipeline::clock_witness::ClockWitness;
use crate::pipeline::event_clock::EventClock;
use crate::pipeline::held::HeldReadings;
use crate::pipeline::run_progress::RunProgress;
use crate::pipeline::told_rejects::ToldRejects;
use crate::pipeline::{Pipeline, PipelineSettings};
use crate::reading::Rejects;
use crate::schedule::clock_trust::ClockReading;
use crate::sensor::SensorDirectory;
use crate::store::{Progress, Store, StoreError, StoredIntervals, WindowRecord};
use crate::telemetry::log_limit::LogLimit;
use crate::time::{Span, Timestamp};
use crate::window::{OpenWindows, ReplayBounds, SensorHead};

/// The most readings of an interval that could be configured in versions whose stores did not note that bound.
const KEPT_BEFORE_IT_WAS_NOTED: usize = 1_000_000;

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
        let closed = reader.progress(&Progress::Closed)?.unwrap_or(Timestamp::MIN);
        let heads = reader.heads()?;
        // A sensor's last window ends there.
        let newest_closed = heads.iter().map(|head| head.closed - Span::from_nanos(1)).max().unwrap_or(Timestamp::MIN);
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
        let newest = newest_closed.max(event_now);
        // The event clock has come at least so far: otherwise these windows would not be closed.
        event_now = event_now.max(match windows.closed() {
            Timestamp::MIN => Timestamp::MIN,
            closed => closed + settings.windows.lateness,
        });
        let runs = RunProgress::recover(&reader, settings.plans.iter().map(|plan| &plan.name), &settings.sinks)?;
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
            runs,
            event_clock: EventClock::at(event_now, newest),
            accepted: Vec::new(),
            appended: 0,
            over,
            rejects: Rejects::default(),
            put: closed,
            told_rejects: ToldRejects::default(),
            held_logs: LogLimit::default(),
        };
        pipeline.write_sessions(session_changes);
        if pipeline.windows.closed() != Timestamp::MIN {
            // If nothing was settled since the first closing, the journal still has it: windows that were closed before it
            // do not count as missed, and windows that were closed since do.
            let first_closed = first_closed.filter(|_| closed == Timestamp::MIN);
            let begin = first_closed.unwrap_or(pipeline.windows.closed());
            pipeline.begin_scoring(begin);
        }
        match pipeline.commit() {
            // The next commit writes it.
            Err(StoreError::DiskFull { .. }) => {}
            committed => drop(committed?),
        }
        pipeline.update_pace();
        Ok(pipeline)
    }
}
