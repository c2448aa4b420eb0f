//! The models that failed since they last scored: how each stands, when it is tried again, and what the log says of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::actors::scoring::assignment::{Assignment, Generation};
use crate::actors::scoring::evaluation::Fault;
use crate::actors::scoring::fault_news::FaultNews;
use crate::actors::scoring::restart_queue::RestartQueue;
use crate::group::GroupName;
use crate::sensor::SensorId;
use crate::supervision::{Consequence, Standing, Trouble};
use crate::telemetry::metrics;
use crate::time::Timestamp;

/// The models that failed since they last scored.
#[derive(Debug)]
pub struct TroubleBook {
    troubles: BTreeMap<SensorId, Trouble>,
    /// Those that wait out a pause.
    restarts: RestartQueue,
    /// Those that wait for their release from quarantine.
    releases: RestartQueue,
    news: FaultNews,
}

/// Whose time has come.
#[derive(Clone, Debug)]
pub struct DueModels {
    /// Their pauses are over.
    pub restarts: Vec<(SensorId, Generation)>,
    /// Their time in quarantine is over.
    pub releases: Vec<(SensorId, Generation)>,
}

impl TroubleBook {
    /// No model has failed; of those that will, so many a second are tried again at the most.
    pub fn new(restarts_per_second: u32) -> Self {
        Self {
            troubles: BTreeMap::new(),
            restarts: RestartQueue::new(restarts_per_second),
            releases: RestartQueue::new(restarts_per_second),
            news: FaultNews::default(),
        }
    }

    /// Adds a failure, and has the model wait for what follows. Returns what that is.
    pub fn fail(&mut self, assignment: &Assignment, group: &GroupName, fault: &Fault) -> Consequence {
        let Assignment { sensor, generation, ref name, ref settings, .. } = *assignment;
        let policy = &settings.supervision;
        let now = Timestamp::now();
        let trouble = self.troubles.entry(sensor).or_insert_with(|| Trouble::new(now));
        let was = trouble.standing;
        let consequence = trouble.fail(fault.kind, &fault.reason, policy, fastrand::f64(), now);
        match consequence {
            Consequence::Pause(pause) => self.restarts.push(Instant::now() + pause, sensor, generation),
            Consequence::NextWindow => {}
            Consequence::Quarantine => {
                metrics::ACTORS_QUARANTINED.add(u64::from(was != Standing::Quarantined));
                if let Some(after) = policy.release_after {
                    self.releases.push(Instant::now() + after, sensor, generation);
                }
            }
        }
        self.news.add((sensor, name), group, &fault.reason, consequence);
        self.count_waiting();
        consequence
    }

    /// Forgets a model's failures, because it scores again, or another has taken its place. Returns what was known.
    pub fn forget(&mut self, sensor: SensorId) -> Option<Trouble> {
        let trouble = self.troubles.remove(&sensor)?;
        self.wait_no_more(sensor);
        metrics::ACTORS_QUARANTINED.subtract(u64::from(trouble.standing == Standing::Quarantined));
        Some(trouble)
    }

    /// Ends the pause of a model, or puts it on probation if it is quarantined. Returns whether it was one of these.
    pub fn release(&mut self, sensor: SensorId) -> bool {
        let Some(trouble) = self.troubles.get_mut(&sensor).filter(|trouble| trouble.standing != Standing::Probation)
        else {
            return false;
        };
        metrics::ACTORS_QUARANTINED.subtract(u64::from(trouble.standing == Standing::Quarantined));
        trouble.release(Timestamp::now());
        self.wait_no_more(sensor);
        true
    }

    fn wait_no_more(&mut self, sensor: SensorId) {
        self.restarts.remove(sensor);
        self.releases.remove(sensor);
        self.count_waiting();
    }

    /// Those whose pause is over by then.
    pub fn resumed_by(&self, time: Instant) -> BTreeSet<SensorId> {
        self.restarts.started_by(time, Instant::now())
    }

    /// What is known of a model's failures.
    pub fn of(&self, sensor: SensorId) -> Option<&Trouble> {
        self.troubles.get(&sensor)
    }

    /// Takes out those whose time has come.
    pub fn take_due(&mut self, now: Instant) -> DueModels {
        let due = DueModels { restarts: self.restarts.take(now), releases: self.releases.take(now) };
        self.count_waiting();
        due
    }

    /// When the next one's time has come.
    pub fn next_due(&self) -> Option<Instant> {
        [self.restarts.next(), self.releases.next()].into_iter().flatten().min()
    }

    /// How long until there is something to log; `None` when there is nothing.
    pub fn next_news(&self) -> Option<Duration> {
        (!self.news.is_empty()).then_some(FaultNews::GATHERED_FOR)
    }

    /// Logs the failures that were not logged yet.
    pub fn tell(&mut self) {
        self.news.tell();
    }

    fn count_waiting(&self) {
        metrics::ACTORS_PAUSED.set(self.restarts.waiting() as u64);
    }
}
