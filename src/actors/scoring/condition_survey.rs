//! Looks for conditions: takes in each closed window of all sensors, in one pass over the store, and what was noted of
//! them since the last look. Blocks; [`condition_watch`](super::condition_watch) calls it on a thread that may.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::actors::system_clock::SystemClock;
use crate::condition::{
    ConditionChange, ConditionKind, ConditionSettings, ModelSight, SensorConditions, SummaryInProgress, WindowFacts,
    Witness,
};
use crate::interval::{Cut, Interval, Window};
use crate::live::{Live, Origin, TakenClockNotes, nearer};
use crate::sensor::{SensorDirectory, SensorId};
use crate::store::{Progress, Reader, StoreError, WindowScan};
use crate::time::{Clock, Span, Timestamp};

/// What conditions are looked for in.
#[derive(Clone)]
pub struct ConditionSources {
    /// When conditions are raised and cleared.
    pub settings: Arc<ConditionSettings>,
    /// How the store cuts event time. A window that is looked at is a whole number of these windows.
    pub base: Cut,
    /// Reads the closed windows.
    pub reader: Reader,
    /// The names of the sensors.
    pub directory: Arc<SensorDirectory>,
    /// The newest readings, the models, the broker, what was noted of sensors; and where what stands is shown.
    pub live: Arc<Live>,
    /// The clock that the daemon goes by.
    pub clock: Clock,
    /// The system's clocks.
    pub system_clock: SystemClock,
    /// Since when readings are taken in.
    pub started: Timestamp,
}

/// The conditions of all sensors.
pub struct ConditionSurvey {
    sources: ConditionSources,
    /// The sensors that are expected to send, because they have sent.
    sensors: BTreeMap<SensorId, SensorConditions>,
    /// For which kinds each sensor is watched, by its number, as far as that was looked up: a bit a kind.
    watched: Vec<u8>,
    /// The time before which windows were looked at.
    until: Timestamp,
    /// When the last look was, by the system's clock.
    looked: Timestamp,
}

/// What a look found.
#[derive(Clone, PartialEq, Debug)]
pub struct Look {
    /// The time before which windows are looked at, with this look.
    pub until: Timestamp,
    /// The sensors of which anything changed: to be stored.
    pub changed: Vec<(SensorId, SensorConditions)>,
    /// The conditions that were raised or cleared.
    pub changes: Vec<(SensorId, ConditionChange)>,
}

/// The most windows that are caught up on: conditions are about what is so now.
const MOST_BEHIND: u32 = 96;

impl ConditionSurvey {
    /// Goes on where the last process ended.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn open(sources: ConditionSources) -> Result<Self, StoreError> {
        let ConditionSources { reader, live, settings, system_clock, .. } = &sources;
        let sensors: BTreeMap<_, _> = reader.conditions()?.into_iter().collect();
        let until = reader.conditions_until()?.unwrap_or(Timestamp::MIN);
        live.conditions.set_notices(ConditionKind::ALL.map(|kind| settings.policy(kind).notice));
        let standing = sensors.iter().map(|(sensor, of_sensor)| (*sensor, of_sensor.standing().cloned().collect()));
        live.conditions.show(standing, until);
        let looked = system_clock.read().wall;
        Ok(Self { sources, sensors, watched: Vec::new(), until, looked })
    }

    /// The time before which windows were looked at.
    pub fn until(&self) -> Timestamp {
        self.until
    }

    /// Takes in what was noted, and the next window that readers see; `None` when there is neither.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn look(&mut self) -> Result<Option<Look>, StoreError> {
        let mut look = Look { until: self.until, changed: Vec::new(), changes: Vec::new() };
        let closed = self.sources.reader.progress(&Progress::Closed)?.unwrap_or(Timestamp::MIN);
        if let Some(window) = self.next_window(closed) {
            if window.start() > self.until {
                self.expect_those_heard_before(window)?;
            }
            // What was noticed since the last look is of the newest window.
            let clocks = if window.next().end() > closed { self.clocks() } else { BTreeMap::new() };
            self.take_in(window, &clocks, &mut look)?;
            look.until = window.end();
        }
        self.take_notes(&mut look);
        let is_new = look.until > self.until || !look.changed.is_empty();
        self.until = look.until;
        Ok(is_new.then_some(look))
    }

    /// The oldest window that is closed and was not looked at.
    fn next_window(&self, closed: Timestamp) -> Option<Window> {
        if self.until >= closed {
            return None;
        }
        let ConditionSources { settings, base, reader, .. } = &self.sources;
        let cut = settings.cut;
        let (parts, _) = cut.window().divide(base.window());
        let kept = i64::from(reader.ring_windows()) / parts.max(1);
        let most = MOST_BEHIND.min(u32::try_from(kept).unwrap_or(MOST_BEHIND)).max(1);
        let next = cut.window_of(self.until).max(cut.window_of(closed).earlier(most));
        (next.end() <= closed).then_some(next)
    }

    /// Windows before this one were not looked at. The sensors that sent in them are expected to send, too.
    fn expect_those_heard_before(&mut self, window: Window) -> Result<(), StoreError> {
        for head in self.sources.reader.heads()?.into_iter().filter(|head| head.closed <= window.start()) {
            self.sensors.entry(head.sensor).or_default();
        }
        Ok(())
    }

    fn take_in(&mut self, window: Window, clocks: &BTreeMap<SensorId, i64>, look: &mut Look) -> Result<(), StoreError> {
        let sights = self.sights(window)?;
        for (sensor, _) in &sights {
            self.sensors.entry(*sensor).or_default();
        }
        let models = self.models(window);
        let witness = self.witness(window);
        let settings = Arc::clone(&self.sources.settings);
        let mut sights = sights.into_iter().peekable();
        let sensors: Vec<SensorId> = self.sensors.keys().copied().collect();
        for sensor in sensors {
            let summary = match sights.next_if(|(of, _)| *of == sensor) {
                Some((_, WindowSight::Readings(summary))) => Some(summary.finish()),
                // Nobody knows what is in it.
                Some((_, WindowSight::Unreadable)) => continue,
                None => None,
            };
            let facts = WindowFacts {
                window,
                interval: settings.cut.interval(),
                summary,
                witness,
                model: if models.get(sensor.index()) == Some(&true) { ModelSight::Present } else { ModelSight::Absent },
                clock_off_nanos: clocks.get(&sensor).copied(),
            };
            let is_expected = facts.model == ModelSight::Present || self.sources.live.activity.newest(sensor).is_some();
            let silent = if is_expected { 0 } else { bit(ConditionKind::Silent) };
            let watched = self.watched(sensor) & !silent;
            let Some(conditions) = self.sensors.get_mut(&sensor) else { continue };
            let before = conditions.changed_by;
            let changes = conditions.observe(&facts, &settings, |kind| watched & bit(kind) != 0);
            if conditions.changed_by != before {
                look.changed.push((sensor, conditions.clone()));
            }
            look.changes.extend(changes.into_iter().map(|change| (sensor, change)));
        }
        Ok(())
    }

    /// What each sensor has of a window, in the order of the sensors' numbers: put together from the store's windows.
    fn sights(&self, window: Window) -> Result<Vec<(SensorId, WindowSight)>, StoreError> {
        let ConditionSources { settings, base, reader, .. } = &self.sources;
        let length = settings.cut.interval();
        let mut sights: Vec<(SensorId, WindowSight)> = Vec::new();
        let parts = std::iter::successors(Some(base.window_of(window.start())), |part| Some(part.next()));
        for part in parts.take_while(|part| part.end() <= window.end()) {
            let (mut place, mut last, mut news) = (0, None, Vec::new());
            let scan = reader.scan_window(part, &mut |sensor, intervals| {
                last = Some(sensor);
                while sights.get(place).is_some_and(|(before, _)| *before < sensor) {
                    place += 1;
                }
                match sights.get_mut(place).filter(|(before, _)| *before == sensor) {
                    Some((_, sight)) => sight.push(intervals, length),
                    None => news.extend(WindowSight::begin(intervals, length).map(|sight| (sensor, sight))),
                }
            })?;
            if sights.is_empty() {
                sights = news;
            } else {
                sights.extend(news);
                sights.sort_by_key(|(sensor, _)| *sensor);
            }
            if scan == WindowScan::InPart {
                // Behind the damage, sensors would pass for silent.
                sights.retain(|(sensor, _)| Some(*sensor) <= last);
                let unseen = self.sensors.keys().filter(|sensor| Some(**sensor) > last);
                sights.extend(unseen.map(|sensor| (*sensor, WindowSight::Unreadable)));
            }
        }
        Ok(sights)
    }

    /// Whether each sensor has a model, by its number. With a wall clock, one that has had a model for the whole window is
    /// expected to send, too: the model was trained on what it sent.
    fn models(&mut self, window: Window) -> Vec<bool> {
        let mut models = vec![false; self.sources.directory.numbers()];
        let mut expected = Vec::new();
        let is_wall = matches!(self.sources.clock, Clock::Wall);
        self.sources.live.models.for_each(|sensor, entry| {
            if entry.model.is_some()
                && let Some(model) = models.get_mut(sensor.index())
            {
                *model = true;
                if is_wall && entry.since <= window.start() {
                    expected.push(sensor);
                }
            }
        });
        for sensor in expected {
            self.sensors.entry(sensor).or_default();
        }
        models
    }

    /// Whether readings could be taken in for all of a window. With an event clock they are what makes the window.
    fn witness(&self, window: Window) -> Witness {
        let ConditionSources { clock, started, live, .. } = &self.sources;
        let broker = live.connections.list(0).broker;
        let is_connected =
            broker.is_none_or(|broker| broker.is_up && broker.since.is_none_or(|since| since <= window.start()));
        match clock {
            Clock::Wall if *started > window.start() || !is_connected => Witness::InPart,
            Clock::Wall | Clock::Event(_) => Witness::Whole,
        }
    }

    /// By how much the time of each sensor's reading that came nearest to its own time was off, of those since the last
    /// look. Of no sensor, when the system's clock may be wrong or does not count.
    fn clocks(&mut self) -> BTreeMap<SensorId, i64> {
        let TakenClockNotes { nearest, imported } = self.sources.live.clocks.take();
        let mut clocks: BTreeMap<_, _> = nearest.into_iter().collect();
        let now = self.sources.system_clock.read();
        let looked = std::mem::replace(&mut self.looked, now.wall);
        if matches!(self.sources.clock, Clock::Event(_)) || now.is_in_doubt() {
            return BTreeMap::new();
        }
        for sensor in self.sensors.keys() {
            if let Some(newest) = self.sources.live.activity.newest(*sensor)
                && let Origin::Live { arrived } = newest.origin
                && arrived >= looked
                // What was imported says nothing of a clock, and may be what is newest.
                && !imported.contains(sensor)
            {
                let off = arrived.nanos().saturating_sub(newest.time.nanos());
                clocks.entry(*sensor).and_modify(|nearest| *nearest = nearer(*nearest, off)).or_insert(off);
            }
        }
        clocks
    }

    /// Takes in what was noted of scored windows.
    fn take_notes(&mut self, look: &mut Look) {
        let settings = Arc::clone(&self.sources.settings);
        let mut notes: Vec<_> = self.sources.live.training.take().into_iter().collect();
        notes.sort_unstable_by_key(|(sensor, _)| *sensor);
        for (sensor, note) in notes {
            let watched = self.watched(sensor);
            let conditions = self.sensors.entry(sensor).or_default();
            let before = conditions.states.clone();
            let change = conditions
                .observe_training(note.window, note.unlike.as_deref(), &settings, |kind| watched & bit(kind) != 0);
            if conditions.states != before {
                match look.changed.binary_search_by_key(&sensor, |(changed, _)| *changed) {
                    Ok(place) => look.changed[place].1 = conditions.clone(),
                    Err(place) => look.changed.insert(place, (sensor, conditions.clone())),
                }
            }
            look.changes.extend(change.map(|change| (sensor, change)));
        }
    }

    /// For which kinds a sensor is watched.
    fn watched(&mut self, sensor: SensorId) -> u8 {
        const UNKNOWN: u8 = u8::MAX;
        if sensor.index() >= self.watched.len() {
            self.watched.resize(self.sources.directory.numbers().max(sensor.index() + 1), UNKNOWN);
        }
        if self.watched[sensor.index()] == UNKNOWN {
            // One that lost its name is not watched.
            let name = self.sources.directory.name(sensor).map(|name| name.to_string());
            let of_kind = |kind| name.as_ref().is_some_and(|name| self.sources.settings.watches(kind, name));
            self.watched[sensor.index()] =
                ConditionKind::ALL.into_iter().filter(|kind| of_kind(*kind)).map(bit).fold(0, |all, kind| all | kind);
        }
        self.watched[sensor.index()]
    }
}

/// What the store has of a sensor's window.
enum WindowSight {
    Readings(SummaryInProgress),
    Unreadable,
}

impl WindowSight {
    /// Takes in what a part of the window has; `None` when it cannot be read.
    fn push(&mut self, intervals: Option<&[Interval]>, length: Span) {
        match (self, intervals) {
            (Self::Readings(summary), Some(intervals)) => {
                intervals.iter().for_each(|interval| summary.push(interval, length));
            }
            (this, None) => *this = Self::Unreadable,
            (Self::Unreadable, Some(_)) => {}
        }
    }

    /// What the first part of the window that the store has says; `None` when it says nothing.
    fn begin(intervals: Option<&[Interval]>, length: Span) -> Option<Self> {
        let Some(intervals) = intervals else { return Some(Self::Unreadable) };
        let (first, others) = intervals.split_first()?;
        let mut sight = Self::Readings(SummaryInProgress::begin(first, length));
        sight.push(Some(others), length);
        Some(sight)
    }
}

fn bit(kind: ConditionKind) -> u8 {
    1 << kind.place()
}

#[cfg(test)]
mod tests;
