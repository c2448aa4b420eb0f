//! The sensors: a list in the order of their names, and all about one.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::sync::Arc;

use super::Overview;
use super::run_scores::ScoredWindows;
use super::sensor_index::SortedSensors;
use super::sensor_states::{ModelFact, VerdictClass, WINDOWS_BACK, state_of};
use super::series::seconds;
use super::verdicts::verdict_of;
use crate::answers::{self, Condition, ConditionKind, List, SensorDetail, SensorState};
use crate::group::GroupName;
use crate::live::{NewestReading, Origin, ShownConditions};
use crate::run::{Run, RunId};
use crate::sensor::{SensorId, SensorName};
use crate::sensor_pattern::SensorPattern;
use crate::store::{Progress, StoreError, StoredIntervals};
use crate::time::{Clock, Span, Timestamp};

/// The most neighbours that are told of a sensor.
const MOST_NEIGHBOURS: usize = 1000;

/// Which sensors are wanted.
#[derive(Clone, Debug, Default)]
pub struct SensorSelection {
    /// Those that fit a pattern; `None` for all.
    pub pattern: Option<SensorPattern>,
    /// Those in a state.
    pub state: Option<SensorState>,
    /// Those in a group.
    pub group: Option<GroupName>,
}

/// A place in the list of sensors: behind this one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SensorCursor(SensorName);

impl SensorCursor {
    /// What separates the device from the sensor: no name holds it.
    const SEPARATOR: char = '#';

    /// Reads what [`Display`](fmt::Display) writes.
    pub fn parse(text: &str) -> Option<Self> {
        let (device, sensor) = text.split_once(Self::SEPARATOR)?;
        SensorName::new(device, sensor).ok().map(Self)
    }
}

impl fmt::Display for SensorCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{}", self.0.device(), Self::SEPARATOR, self.0.sensor())
    }
}

impl Overview {
    /// The sensors that are wanted, in the order of their devices' and their own names, behind a place.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn list_sensors(
        &self,
        wanted: &SensorSelection,
        after: Option<&SensorCursor>,
        limit: usize,
    ) -> Result<List<answers::Sensor>, StoreError> {
        let sorted = self.index.sorted(&self.sensors);
        let states = match wanted.state {
            Some(state) => Some((state, self.state_of_sensors()?)),
            None => None,
        };
        let place_of = |name: &GroupName| self.groups.iter().position(|group| group.name == *name);
        // No sensor is in a group that there is not.
        let group = wanted.group.as_ref().map(|name| place_of(name).unwrap_or(usize::MAX));
        let is_wanted = |(name, sensor): &&(SensorName, SensorId)| {
            let state_fits = states.as_ref().is_none_or(|(state, all)| all.get(sensor.index()) == Some(&Some(*state)));
            let group_fits = || group.is_none_or(|group| group == sorted.group_place(*sensor));
            state_fits && group_fits() && wanted.pattern.as_ref().is_none_or(|pattern| pattern.fits(&name.to_string()))
        };
        let is_all = wanted.state.is_none() && wanted.pattern.is_none() && group.is_none();
        let total = if is_all { sorted.sensors.len() } else { sorted.sensors.iter().filter(is_wanted).count() };
        let first = after.map_or(0, |SensorCursor(after)| sorted.sensors.partition_point(|(name, _)| name <= after));
        let mut rest = sorted.sensors[first..].iter().filter(is_wanted);
        let mut asked = self.sensor_answers()?;
        let page = rest.by_ref().take(limit);
        let items = page.map(|(name, sensor)| asked.sensor(name, *sensor)).collect::<Result<Vec<_>, _>>()?;
        let last = rest.next().and(items.last());
        let next = last.and_then(|last| SensorName::new(&last.device, &last.sensor).ok());
        let next = next.map(|name| SensorCursor(name).to_string());
        Ok(List { items, next, total: Some(total as u64) })
    }

    /// All about a sensor.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn sensor_detail(&self, name: &SensorName, sensor: SensorId) -> Result<SensorDetail, StoreError> {
        let sorted = self.index.sorted(&self.sensors);
        let of_device = |sensors: &[(SensorName, SensorId)]| {
            let first = sensors.partition_point(|(other, _)| other.device() < name.device());
            let same = sensors[first..].iter().take_while(|(other, _)| other.device() == name.device());
            let others = same.filter(|(other, _)| other != name).take(MOST_NEIGHBOURS);
            others.map(|(other, _)| other.to_string()).collect()
        };
        let watermark = self.watermark(sensor)?;
        let grid = self.groups.of(name).grid;
        Ok(SensorDetail {
            sensor: self.sensor_answers()?.sensor(name, sensor)?,
            model: self.model_answer(sensor),
            neighbours: of_device(&sorted.sensors),
            interval_seconds: seconds(grid.interval()),
            window_seconds: seconds(grid.length()),
            watermark,
            oldest: watermark
                .map(|watermark| self.base.window_of(watermark).earlier(self.reader.ring_windows()).start()),
        })
    }

    /// The time before which a sensor's intervals are closed.
    fn watermark(&self, sensor: SensorId) -> Result<Option<Timestamp>, StoreError> {
        let open = self.questions.open_window(sensor).map(|open| open.watermark);
        Ok(self.closed_until(sensor)?.max(open.filter(|watermark| *watermark > Timestamp::MIN)))
    }

    /// The time before which a sensor's windows are closed, as the store says.
    pub(super) fn closed_until(&self, sensor: SensorId) -> Result<Option<Timestamp>, StoreError> {
        let head = self.reader.head(sensor)?.map(|head| head.closed);
        Ok(head.max(self.reader.progress(&Progress::Closed)?))
    }

    /// What answers about several sensors share.
    pub(super) fn sensor_answers(&self) -> Result<SensorAnswers<'_>, StoreError> {
        let scored = self.scores.newest(&self.reader, &self.groups, WINDOWS_BACK)?;
        let sorted = self.index.sorted(&self.sensors);
        let conditions = self.live.conditions.read();
        Ok(SensorAnswers { overview: self, sorted, scored, conditions, runs: HashMap::new() })
    }
}

/// Answers about sensors, at one moment.
pub(super) struct SensorAnswers<'a> {
    overview: &'a Overview,
    sorted: Arc<SortedSensors>,
    /// What the newest runs of each group said.
    scored: Vec<ScoredWindows>,
    conditions: Arc<ShownConditions>,
    /// The runs that were read.
    runs: HashMap<RunId, Option<Run>>,
}

impl SensorAnswers<'_> {
    /// A sensor as a list shows it.
    pub(super) fn sensor(&mut self, name: &SensorName, sensor: SensorId) -> Result<answers::Sensor, StoreError> {
        let overview = self.overview;
        let entry = overview.live.models.of(sensor);
        let place = self.sorted.group_place(sensor);
        let group = overview.groups.at(place);
        let model = ModelFact::of(entry.as_ref());
        let facts = overview.facts(sensor, model, self.scored(place), &self.conditions);
        let state = state_of(facts);
        let newest = overview.live.activity.newest(sensor);
        let (last_seen, last_value) = self.last_seen(sensor, newest)?;
        let last = self.scored(place).windows.last().and_then(|window| window.run_of(sensor));
        let verdict = match last {
            Some(run) => self.verdict(run, sensor)?,
            None => None,
        };
        let conditions = overview.conditions_of(&self.conditions, sensor, name);
        let is_silence = |condition: &&Condition| condition.condition == ConditionKind::Silent;
        let silent_since = conditions.iter().find(is_silence).map(|condition| condition.since);
        let since = match state {
            SensorState::Silent => last_seen.or(silent_since),
            SensorState::Waiting | SensorState::NoModel => None,
            SensorState::Failed if facts.verdict != Some(VerdictClass::Failed) => None,
            SensorState::Anomalous | SensorState::Failed | SensorState::Sparse | SensorState::Healthy => {
                self.since(sensor, place)?
            }
        };
        Ok(answers::Sensor {
            name: name.to_string(),
            device: name.device().to_owned(),
            sensor: name.sensor().to_owned(),
            group: group.name.to_string(),
            state,
            since,
            last_seen,
            last_value,
            lag_seconds: newest.and_then(|newest| lag(newest, &overview.clock)),
            has_model: facts.model != ModelFact::None,
            verdict,
            conditions,
        })
    }

    /// What the newest runs of a group said.
    fn scored(&self, group_place: usize) -> &ScoredWindows {
        // There are as many as groups, and every sensor is in one.
        const NONE: &ScoredWindows = &ScoredWindows { windows: Vec::new(), complete_since: None };
        self.scored.get(group_place).unwrap_or(NONE)
    }

    /// The time and value of a sensor's newest reading. Of one from before the start the store has the interval.
    fn last_seen(
        &self,
        sensor: SensorId,
        newest: Option<NewestReading>,
    ) -> Result<(Option<Timestamp>, Option<f64>), StoreError> {
        let Some(NewestReading { time, value, origin }) = newest else { return Ok((None, None)) };
        if origin != Origin::Head {
            return Ok((Some(time), Some(value)));
        }
        let window = self.overview.base.window_of(time - Span::from_nanos(1));
        Ok(match self.overview.reader.intervals(sensor, window)? {
            StoredIntervals::Kept(intervals) => {
                intervals.last().map_or((Some(time), None), |last| (Some(last.start), Some(last.last)))
            }
            StoredIntervals::Overwritten | StoredIntervals::Unreadable => (Some(time), None),
        })
    }

    /// Since when a sensor's verdicts have been like its last one: the first anomaly, or the start of the first window.
    fn since(&mut self, sensor: SensorId, group_place: usize) -> Result<Option<Timestamp>, StoreError> {
        let class = |window: &super::ScoredWindow| window.of(sensor).map(VerdictClass::of);
        let windows = &self.scored(group_place).windows;
        let Some(last) = windows.last().and_then(class) else { return Ok(None) };
        let alike = windows.iter().rev().take_while(|window| class(window) == Some(last)).last();
        let Some((window, run)) = alike.map(|window| (window.window, window.run_of(sensor))) else { return Ok(None) };
        let first = match run.filter(|_| last == VerdictClass::Anomalous) {
            Some(run) => self.verdict(run, sensor)?.and_then(|verdict| Some(verdict.anomalous.first()?.start)),
            None => None,
        };
        Ok(Some(first.unwrap_or(window.start())))
    }

    /// What a run said of a sensor.
    fn verdict(&mut self, id: RunId, sensor: SensorId) -> Result<Option<answers::Verdict>, StoreError> {
        let reader = &self.overview.reader;
        let run = match self.runs.entry(id) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => place.insert(reader.run(id)?),
        };
        let Some(run) = run else { return Ok(None) };
        let verdict = verdict_of(reader, id, sensor)?;
        Ok(verdict.and_then(|verdict| self.overview.verdict_answer(run, &verdict)))
    }
}

/// How many seconds after its own time a reading came; `None` when that says nothing of the device's clock.
fn lag(NewestReading { time, origin, .. }: NewestReading, clock: &Clock) -> Option<f64> {
    match (origin, clock) {
        (Origin::Live { arrived }, Clock::Wall) => Some(arrived.nanos().saturating_sub(time.nanos()) as f64 / 1e9),
        (Origin::Live { .. }, Clock::Event(_)) | (Origin::Replayed | Origin::Head, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_clock_is_judged_by_readings_that_came_live() {
        let at = |seconds| Timestamp::default() + Span::from_secs(seconds);
        let of = |origin| lag(NewestReading { time: at(100), value: 1.0, origin }, &Clock::Wall);
        assert_eq!(of(Origin::Live { arrived: at(103) }), Some(3.0));
        assert_eq!(of(Origin::Live { arrived: at(10) }), Some(-90.0));
        assert_eq!(of(Origin::Replayed), None);
        assert_eq!(of(Origin::Head), None);
    }

    #[test]
    fn a_place_in_the_list_can_be_read_back_whatever_the_name_holds() {
        for (device, sensor) in [("press-1", "flow"), ("line/press", "a/b"), ("line", "press/a/b"), ("ü ", "%23")] {
            let cursor = SensorCursor(SensorName::new(device, sensor).unwrap());
            assert_eq!(SensorCursor::parse(&cursor.to_string()), Some(cursor));
        }
        assert_eq!(SensorCursor::parse("press-1/flow"), None);
    }
}
