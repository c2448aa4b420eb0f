//! How the daemon and the plant are, in one answer.

use std::convert::Infallible;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use super::health_facts::ConditionProblem;
use super::lately::Counts;
use super::models::TroubledModels;
use super::remembered::Remembered;
use super::runs::run_answer;
use super::{HealthFacts, Overview, health};
use crate::answers::{Clock, ConfigurationState, Disk, Health, Run, Sensor, Severity, Status};
use crate::run::{RunId, RunState, Trigger};
use crate::schedule::clock_trust::{ClockReading, ClockSync};
use crate::store::StoreError;
use crate::telemetry::metrics;
use crate::time::{self, Timestamp};

/// The last status, and what of it is looked at more seldom.
#[derive(Debug, Default)]
pub struct RememberedStatus {
    status: Remembered<Status>,
    disk: Remembered<Disk>,
    configuration: Remembered<ConfigurationState>,
}

/// How old a status may be.
const STATUS_FOR: Duration = Duration::from_secs(1);
/// The same of what takes a look at many files, or parses one.
const FILES_FOR: Duration = Duration::from_secs(5);
/// How many runs are looked at, at most, for the last one that was due and has ended. Those of orders may lie between.
const RUNS_LOOKED_AT: usize = 1_000;

impl Overview {
    /// How the daemon and the plant are; at most a second old.
    pub fn status(&self) -> Result<Status, StoreError> {
        let mut remembered = self.surroundings.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        let RememberedStatus { status, disk, configuration } = &mut *remembered;
        status.get(STATUS_FOR, || {
            let disk = disk.get(FILES_FOR, || self.disk())?;
            let make = || Ok::<_, Infallible>((self.surroundings.configuration)().state);
            let Ok(configuration) = configuration.get(FILES_FOR, make);
            self.status_with(disk, configuration)
        })
    }

    /// Notes what has come in by now. To be called about once a minute.
    pub fn note_counts(&self) {
        let mut lately = self.surroundings.lately.lock().unwrap_or_else(PoisonError::into_inner);
        lately.note(Instant::now(), counts());
    }

    fn status_with(&self, disk: Disk, configuration: ConfigurationState) -> Result<Status, StoreError> {
        let next = self.reader.next_run()?;
        let (running, last_run) = self.newest_runs(next)?;
        let now = match self.clock.now() {
            // Before the first reading, an event clock has no time.
            Timestamp::MIN => Timestamp::now(),
            now => now,
        };
        let counts = counts();
        let (sensors, unhealthy) = self.sensor_states()?;
        let conditions = self.live.conditions.read();
        let mut status = Status {
            health: Health { severity: Severity::Ok, sentence: String::new(), problems: Vec::new() },
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started: self.started,
            now,
            clock: self.clock_answer(),
            sensors,
            conditions: self.condition_counts(&conditions),
            readings: counts.readings,
            readings_per_second: self.live.activity.readings_per_second(),
            last_reading: self.live.activity.last_accepted(),
            rejects: counts.rejects,
            running,
            last_run,
            next_run: self.next_runs(1)?.pop(),
            windows_skipped: metrics::WINDOWS_SKIPPED.get(),
            sinks: self.sinks(next)?,
            disk,
        };
        status.health =
            health(&self.health_facts(&status, unhealthy, self.condition_problems(&conditions), configuration));
        Ok(status)
    }

    fn health_facts(
        &self,
        status: &Status,
        unhealthy: Vec<Sensor>,
        conditions: Vec<ConditionProblem>,
        configuration: ConfigurationState,
    ) -> HealthFacts {
        // Not held any longer: the daemon's own threads note counts.
        let lately = {
            let noted = self.surroundings.lately.lock().unwrap_or_else(PoisonError::into_inner);
            noted.since(Instant::now(), counts())
        };
        let TroubledModels { quarantined, unusable } = self.troubled_models(SENSORS_TOLD);
        HealthFacts {
            now: status.now,
            started: status.started,
            sensors: status.sensors,
            unhealthy,
            conditions,
            clock: status.clock.clone(),
            broker: self.live.connections.list(0).broker,
            last_run: status.last_run.clone(),
            sinks: status.sinks.clone(),
            disk: status.disk.clone(),
            is_disk_full: metrics::DISK_FULL.get() > 0,
            windows_skipped: status.windows_skipped,
            readings_lately: lately.readings,
            rejects_lately: lately.rejects,
            quarantined,
            hung_threads: metrics::EVALUATORS_HUNG.get(),
            unusable_models: unusable,
            configuration,
            entries_lost: metrics::ENTRIES_UNREADABLE.get() + metrics::JOURNAL_RECORDS_LOST.get(),
            stores_set_aside: metrics::STORES_SET_ASIDE.get(),
        }
    }

    /// The run that goes on, and the last one that was due and has ended, when the next run has the id `next`. What an
    /// operator has had scored again says nothing of how the daemon keeps up.
    fn newest_runs(&self, next: RunId) -> Result<(Option<Run>, Option<Run>), StoreError> {
        let running = self.live.running.get();
        let goes_on = running.map(|id| self.reader.run(id)).transpose()?.flatten();
        let goes_on = goes_on.filter(|run| run.state == RunState::Started).map(|run| run_answer(&run, running));
        let ids = (self.reader.oldest_run(next).0..next.0).rev().map(RunId);
        for id in ids.take(RUNS_LOOKED_AT) {
            let run = self.reader.run(id)?;
            let was_due = |run: &crate::run::Run| run.trigger != Trigger::Command;
            if let Some(run) = run.filter(|run| was_due(run) && matches!(run.state, RunState::Finished(_))) {
                return Ok((goes_on, Some(run_answer(&run, running))));
            }
        }
        Ok((goes_on, None))
    }

    fn clock_answer(&self) -> Clock {
        let held_readings = metrics::READINGS_HELD.get();
        match self.clock {
            time::Clock::Event(_) => Clock {
                source: "event".to_owned(),
                is_trusted: true,
                held_readings,
                words: "the time of the latest reading (clock = \"event\")".to_owned(),
            },
            time::Clock::Wall => {
                let reading = self.questions.clock();
                Clock {
                    source: "wall".to_owned(),
                    is_trusted: !reading.is_in_doubt(),
                    held_readings,
                    words: clock_words(&reading),
                }
            }
        }
    }
}

/// How many sensors are named of those with a kind of problem.
const SENSORS_TOLD: usize = 20;

fn counts() -> Counts {
    Counts { readings: metrics::READINGS_ACCEPTED.get(), rejects: metrics::REJECTS.get() }
}

fn clock_words(reading: &ClockReading) -> String {
    if reading.is_in_doubt() {
        let by = reading.wall.since(reading.believed).rounded();
        return format!(
            "the system's clock jumped {by} ahead and is not believed: windows are closed as if it had not, until a time \
             server confirms it or it has lasted (schedule.jump_patience)"
        );
    }
    match reading.sync {
        ClockSync::Synchronised => "the system's clock, which is synchronised",
        ClockSync::Unsynchronised => {
            "the system's clock, which the system does not call synchronised; have a time server keep it right"
        }
        ClockSync::Unknown => "the system's clock; the system does not say whether it is synchronised",
    }
    .to_owned()
}
