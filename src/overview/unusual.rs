//! What was most unusual in a range of time, and what changed together.
//!
//! Which sensors are looked at is decided by what is remembered of runs (`run_scores.rs`); of these the verdicts are read
//! from the store, so that what one answer reads is bounded.

use std::cmp::Reverse;
use std::ops::Range;

use super::Overview;
use super::run_scores::{RunScores, ScoredWindow, ScoredWindows};
use super::score_code::ScoreCode;
use super::sensor_index::SortedSensors;
use super::together::{Onset, beginnings, sets};
use super::verdicts::explanation_answer;
use super::whole_windows::AskedRange;
use crate::answers::{self, DeviceShare, Explanation, Together, Unusual, UnusualSensor};
use crate::group::{Group, GroupName};
use crate::interval::{Cut, Window, WindowGrid};
use crate::run::RunId;
use crate::sensor::{SensorId, SensorName};
use crate::store::{ChunkId, Reader, StoreError};
use crate::time::Timestamp;
use crate::verdict::{Label, Outcome, Scored, Verdict};

/// What is asked about unusual sensors.
#[derive(Clone, Debug)]
pub struct UnusualSelection {
    /// The sensors of which group.
    pub group: GroupName,
    /// Which windows.
    pub range: AskedRange,
    /// How many sensors, sets and devices at most.
    pub limit: usize,
}

/// The most windows: a month of hours.
const MOST_WINDOWS: u32 = 750;
/// The most chunks of verdicts that an answer reads; with many windows it looks at fewer sensors.
const MOST_CHUNKS: usize = 20_000;
/// The most intervals whose labels an answer looks at.
const MOST_INTERVALS: usize = 20_000_000;
/// The most shares of all devices together.
const MOST_SHARES: usize = 50_000;

/// The runs that are stored.
struct StoredRuns<'a> {
    scores: &'a RunScores,
    reader: &'a Reader,
    group: &'a Group,
}

/// A sensor while its verdicts are read.
struct Course<'a> {
    name: &'a SensorName,
    sensor: SensorId,
    intervals: u64,
    /// The anomalous intervals, counted from the epoch, in order.
    anomalies: Vec<i64>,
    score: Option<f64>,
    explanation: Option<Explanation>,
}

/// Verdicts of a run, as they were read last.
#[derive(Default)]
struct LastChunk {
    of: Option<(RunId, ChunkId)>,
    verdicts: Vec<Verdict>,
}

impl Overview {
    /// What was most unusual.
    ///
    /// Sensors are ranked by their highest score and then by their anomalies. They are chosen by the highest score as it is
    /// remembered, to within 1/248, and then by how many windows have anomalies. Sets of sensors that began together are
    /// found among them (`together.rs`).
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn unusual(&self, selection: &UnusualSelection) -> Result<Unusual, StoreError> {
        let group = self.group_named(&selection.group);
        let windows = self.whole_windows(group, selection.range, MOST_WINDOWS)?;
        if windows.is_empty() {
            let now = self.now();
            let start = selection.range.since.or(selection.range.until).unwrap_or(now);
            let range = answers::Span { start, end: selection.range.until.unwrap_or(now).max(start) };
            let group = group.name.to_string();
            return Ok(Unusual { group, range, sensors: Vec::new(), together: Vec::new(), devices: Vec::new() });
        }
        let stored = StoredRuns { scores: &self.scores, reader: &self.reader, group };
        stored.unusual(&self.index.sorted(&self.sensors), &windows, selection.limit)
    }
}

impl StoredRuns<'_> {
    /// What was most unusual in windows of the group that follow each other. Where they overlap, each counts for the time
    /// by which it ends behind the one before.
    fn unusual(&self, sorted: &SortedSensors, windows: &[Window], most: usize) -> Result<Unusual, StoreError> {
        let Self { scores, reader, group: Group { name, grid, .. } } = *self;
        let cut = grid.cut();
        let range = windows.first().map_or(Timestamp::MAX, |first| first.start())
            ..windows.last().map_or(Timestamp::MIN, |last| last.end());
        let scored = scores.between(reader, name, range.start, range.end)?;
        let range = scored.complete_since.unwrap_or(range.start)..range.end;
        let windows: Vec<Window> = windows.iter().copied().filter(|window| window.start() >= range.start).collect();
        let intervals = usize::try_from(cut.intervals_per_window()).unwrap_or(usize::MAX);
        let readable = MOST_CHUNKS.min(MOST_INTERVALS / intervals.max(1)) / scored.windows.len().max(1);
        let mut courses = chosen(sorted, &scored.windows, most.min(readable.max(1)));
        // An anomaly that goes on from before the range does not begin in it.
        let before = scores.between(reader, name, range.start - grid.hop(), range.start)?;
        for window in before.windows.iter().chain(&scored.windows) {
            read_window(reader, *grid, window, &range, &mut courses)?;
        }
        Ok(Unusual {
            group: name.to_string(),
            range: answers::Span { start: range.start, end: range.end },
            together: together(&courses, cut, range.start, most),
            devices: device_shares(sorted, &scored, &windows, most),
            sensors: ranked(courses, cut, range.start),
        })
    }
}

/// The sensors that are looked at: those with the highest score, and of these those with the most anomalous windows.
fn chosen<'a>(sorted: &'a SortedSensors, windows: &[ScoredWindow], most: usize) -> Vec<Course<'a>> {
    let mut ranks: Vec<(Reverse<(ScoreCode, u32)>, usize)> = Vec::new();
    for (place, (_, sensor)) in sorted.sensors.iter().enumerate() {
        let codes = windows.iter().map(|window| window.code(*sensor)).filter(|code| code.is_scored());
        let anomalous = codes.clone().filter(|code| code.is_anomalous()).count();
        if let Some(highest) = codes.map(ScoreCode::or_boundary).max() {
            ranks.push((Reverse((highest, u32::try_from(anomalous).unwrap_or(u32::MAX))), place));
        }
    }
    ranks.sort_unstable();
    let mut places: Vec<usize> = ranks.into_iter().take(most).map(|(_, place)| place).collect();
    // Neighbours by number share chunks.
    places.sort_unstable_by_key(|place| sorted.sensors[*place].1);
    let course = |place: usize| {
        let (name, sensor) = &sorted.sensors[place];
        Course { name, sensor: *sensor, intervals: 0, anomalies: Vec::new(), score: None, explanation: None }
    };
    places.into_iter().map(course).collect()
}

/// Reads what a window's runs say of each course. What lies before the range is only known as anomalies.
fn read_window(
    reader: &Reader,
    grid: WindowGrid,
    window: &ScoredWindow,
    range: &Range<Timestamp>,
    courses: &mut [Course<'_>],
) -> Result<(), StoreError> {
    let is_before = window.window.start() < range.start;
    let mut last = LastChunk::default();
    for course in courses {
        let code = window.code(course.sensor);
        let is_wanted = if is_before { code.is_anomalous() } else { code.is_scored() };
        if let Some(run) = window.run_of(course.sensor).filter(|_| is_wanted)
            && let Some(Outcome::Scored(scored)) = last.read(reader, run, course.sensor)?
        {
            if !is_before {
                course.count(scored, window.window, grid);
            }
            course.note_anomalies(scored, window.window, grid);
        }
    }
    Ok(())
}

impl LastChunk {
    fn read(&mut self, reader: &Reader, run: RunId, sensor: SensorId) -> Result<Option<&Outcome>, StoreError> {
        let wanted = (run, ChunkId::of(sensor));
        if self.of != Some(wanted) {
            self.verdicts = reader.verdicts(wanted.0, wanted.1)?;
            self.of = Some(wanted);
        }
        Ok(self.verdicts.iter().find(|verdict| verdict.sensor == sensor).map(|verdict| &verdict.outcome))
    }
}

impl Course<'_> {
    fn count(&mut self, scored: &Scored, window: Window, grid: WindowGrid) {
        let own = first_own_place(grid);
        self.intervals += match own {
            0 => scored.rows.len() as u64,
            own => scored.rows.iter().filter(|(place, ..)| *place >= own).count() as u64,
        };
        let score = scored.worst().and_then(|worst| scored.score(worst));
        if score > self.score || (score == self.score && self.explanation.is_none()) {
            let explanation = scored.explanation.as_ref();
            self.explanation = explanation
                .map(|explanation| explanation_answer(&self.name.to_string(), explanation, window, grid.interval()));
        }
        self.score = match (self.score, score) {
            (Some(before), Some(score)) => Some(before.max(score)),
            (before, score) => before.or(score),
        };
    }

    fn note_anomalies(&mut self, scored: &Scored, window: Window, grid: WindowGrid) {
        let first = window.start().index(grid.interval());
        let own = first_own_place(grid);
        let anomalies = scored.rows.iter().filter(|(place, label, _)| *place >= own && *label == Label::Anomaly);
        self.anomalies.extend(anomalies.map(|(place, ..)| first + i64::from(place)));
    }

    /// The anomalies within the range.
    fn within(&self, first: i64) -> &[i64] {
        &self.anomalies[self.anomalies.partition_point(|interval| *interval < first)..]
    }
}

/// The place of the first interval of a window that no window before has.
fn first_own_place(grid: WindowGrid) -> u16 {
    let hop = grid.hop().divide(grid.interval()).0;
    // A window has at most 32,768 intervals.
    u16::try_from(grid.cut().intervals_per_window() - hop).unwrap_or(u16::MAX)
}

/// The sensors, the most unusual first.
fn ranked(courses: Vec<Course<'_>>, cut: Cut, start: Timestamp) -> Vec<UnusualSensor> {
    let first = start.index(cut.interval());
    let time = |interval: &i64| Timestamp::default() + cut.interval().times(*interval);
    let mut sensors: Vec<UnusualSensor> = courses
        .into_iter()
        .map(|course| {
            let anomalies = course.within(first);
            UnusualSensor {
                sensor: course.name.to_string(),
                intervals: course.intervals,
                anomalies: anomalies.len() as u64,
                score: course.score,
                first: anomalies.first().map(time),
                last: anomalies.last().map(time),
                explanation: course.explanation,
            }
        })
        .collect();
    // One that was anomalous when scores were not stored yet is beyond the boundary.
    let rank = |sensor: &UnusualSensor| sensor.score.unwrap_or(if sensor.anomalies > 0 { 0.5 } else { 0.0 });
    sensors.sort_by(|a, b| {
        rank(b).total_cmp(&rank(a)).then(b.anomalies.cmp(&a.anomalies)).then_with(|| a.sensor.cmp(&b.sensor))
    });
    sensors
}

/// The sets of sensors whose anomalies began together within the range.
fn together(courses: &[Course<'_>], cut: Cut, start: Timestamp, most: usize) -> Vec<Together> {
    let first = start.index(cut.interval());
    let onsets = courses.iter().enumerate().flat_map(|(sensor, course)| {
        let begun = beginnings(&course.anomalies).filter(move |interval| *interval >= first);
        begun.map(move |interval| Onset { interval, sensor })
    });
    let mut devices: Vec<&str> = courses.iter().map(|course| course.name.device()).collect();
    devices.sort_unstable();
    devices.dedup();
    let device_of = courses.iter().map(|course| devices.partition_point(|device| *device < course.name.device()));
    let sets = sets(onsets.collect(), &device_of.collect::<Vec<_>>());
    let set = sets.into_iter().take(most).map(|set| Together {
        time: Timestamp::default() + cut.interval().times(set.interval),
        sensors: set.sensors.into_iter().map(|sensor| courses[sensor].name.to_string()).collect(),
    });
    set.collect()
}

/// The devices, the one with the largest share of unusual sensors first.
fn device_shares(sorted: &SortedSensors, scored: &ScoredWindows, windows: &[Window], most: usize) -> Vec<DeviceShare> {
    let mut shares: Vec<(usize, usize, &Range<usize>)> = Vec::new();
    for device in &sorted.devices {
        let sensors = &sorted.sensors[device.clone()];
        let said = |is: fn(ScoreCode) -> bool| {
            let says = |sensor: SensorId| scored.windows.iter().any(|window| is(window.code(sensor)));
            sensors.iter().filter(|(_, sensor)| says(*sensor)).count()
        };
        let judged = said(|code| code != ScoreCode::default());
        if judged > 0 {
            shares.push((judged, said(ScoreCode::is_anomalous), device));
        }
    }
    shares.sort_by(|(judged_a, unusual_a, a), (judged_b, unusual_b, b)| {
        // The larger fraction first, and of equals the device with more of them.
        let by_share = (unusual_b * judged_a).cmp(&(unusual_a * judged_b));
        by_share.then(unusual_b.cmp(unusual_a)).then(a.start.cmp(&b.start))
    });
    let most = most.min((MOST_SHARES / windows.len().max(1)).max(1));
    let share = |(judged, unusual, device): (usize, usize, &Range<usize>)| {
        let sensors = &sorted.sensors[device.clone()];
        DeviceShare {
            device: sensors.first().map_or(String::new(), |(name, _)| name.device().to_owned()),
            sensors: judged as u64,
            unusual: unusual as u64,
            windows: windows.iter().map(|window| window.start()).collect(),
            share: windows.iter().map(|window| share_in(scored, *window, sensors)).collect(),
        }
    };
    shares.into_iter().take(most).map(share).collect()
}

/// The share of the scored sensors that have an anomaly in a window; `None` when none was scored.
fn share_in(scored: &ScoredWindows, window: Window, sensors: &[(SensorName, SensorId)]) -> Option<f32> {
    let at = scored.windows.binary_search_by_key(&window, |scored| scored.window).ok()?;
    let codes = sensors.iter().map(|(_, sensor)| scored.windows[at].code(*sensor)).filter(|code| code.is_scored());
    let (mut judged, mut anomalous) = (0.0_f32, 0.0_f32);
    for code in codes {
        judged += 1.0;
        anomalous += if code.is_anomalous() { 1.0 } else { 0.0 };
    }
    (judged > 0.0).then(|| (anomalous / judged * 1e3).round() / 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::overview::sensor_index::SensorIndex;
    use crate::overview::test_runs::{RunStore, groups, hour, scored};
    use crate::sensor::SensorDirectory;

    /// Two presses with two sensors each, and an oven that is never scored.
    fn sorted() -> std::sync::Arc<SortedSensors> {
        let directory = SensorDirectory::new(9, vec![]);
        let names =
            [("press-1", "flow"), ("press-1", "heat"), ("press-2", "flow"), ("press-2", "heat"), ("oven", "heat")];
        for (device, sensor) in names {
            directory.intern(&SensorName::new(device, sensor).unwrap()).unwrap();
        }
        SensorIndex::new(groups()).sorted(&directory)
    }

    fn usual() -> Outcome {
        scored(&[], 1.0)
    }

    fn unusual(store: &RunStore, hours: Range<u32>, most: usize) -> Unusual {
        let groups = groups();
        let stored = StoredRuns { scores: &RunScores::new(1 << 20), reader: store.reader(), group: groups.at(0) };
        stored.unusual(&sorted(), &hours.map(hour).collect::<Vec<_>>(), most).unwrap()
    }

    fn sensors(unusual: &Unusual) -> Vec<String> {
        let minute = |time: Option<Timestamp>| time.map_or("-".to_owned(), |time| time.format("%H:%M"));
        let sensor = |sensor: &UnusualSensor| {
            let UnusualSensor { sensor: name, intervals, anomalies, score, first, last, explanation } = sensor;
            let words = explanation.as_ref().map_or("-", |explanation| &explanation.words);
            let score = score.map_or("-".to_owned(), |score| format!("{score:.3}"));
            format!("{name} {score} {anomalies}/{intervals} {} {} {words}", minute(*first), minute(*last))
        };
        unusual.sensors.iter().map(sensor).collect()
    }

    fn together(unusual: &Unusual) -> Vec<String> {
        let set = |set: &Together| format!("{} {}", set.time.format("%H:%M"), set.sensors.join(" "));
        unusual.together.iter().map(set).collect()
    }

    /// Three hours: a press whose flow and heat go off together in hour 4, after another press.
    fn store() -> RunStore {
        let mut store = RunStore::new(9);
        store.finish(1, hour(3), vec![(0, usual()), (1, usual()), (2, scored(&[50, 51], -0.1)), (3, usual())]);
        store.finish(
            2,
            hour(4),
            vec![(0, scored(&[20, 21], -5.0)), (1, scored(&[22, 40], -0.2)), (2, usual()), (3, usual())],
        );
        store.finish(3, hour(5), vec![(0, scored(&[0], -0.3)), (1, usual()), (2, Outcome::NoData), (3, usual())]);
        store
    }

    #[test]
    fn sensors_are_ranked_by_score_and_told_with_their_reason() {
        let store = store();
        let expected = [
            "press-1/flow 1.000 3/120 04:20 05:00 flow mean -5 at 04:20, usually 0.2 to 0.9",
            "press-1/heat 0.690 2/120 04:22 04:40 flow mean -0.2 at 04:22, usually 0.2 to 0.9",
            "press-2/heat 0.018 0/120 - - -",
            "press-2/flow 0.018 0/60 - - -",
        ];
        let mut shown = sensors(&unusual(&store, 4..6, 9));
        // The last two have equal scores and anomalies.
        assert_eq!(shown.split_off(2).len(), 2);
        assert_eq!(shown, expected[..2]);
        assert_eq!(sensors(&unusual(&store, 3..6, 1)), [expected[0].replace("/120", "/180")]);
        assert_eq!(unusual(&store, 4..6, 9).range, answers::Span { start: hour(4).start(), end: hour(5).end() });
    }

    #[test]
    fn of_equal_scores_more_anomalies_are_more_unusual() {
        let mut store = RunStore::new(9);
        store.finish(1, hour(3), vec![(0, scored(&[5], -90.0)), (1, scored(&[5, 6], -90.0)), (2, scored(&[5], -0.5))]);
        let names: Vec<_> = unusual(&store, 3..4, 2).sensors.into_iter().map(|sensor| sensor.sensor).collect();
        assert_eq!(names, ["press-1/flow", "press-1/heat"].map(str::to_owned).into_iter().rev().collect::<Vec<_>>());
    }

    #[test]
    fn what_began_together_is_told_and_what_goes_on_from_before_is_not() {
        let store = store();
        assert_eq!(together(&unusual(&store, 3..6, 9)), ["04:20 press-1/flow press-1/heat"]);
        let mut store = RunStore::new(9);
        store.finish(1, hour(3), vec![(0, scored(&[58], -5.0)), (2, usual()), (3, usual())]);
        store.finish(2, hour(4), vec![(0, scored(&[1], -5.0)), (2, scored(&[1], -5.0)), (3, scored(&[3], -5.0))]);
        let later = unusual(&store, 4..5, 9);
        assert_eq!(together(&later), ["04:01 press-2/flow press-2/heat"], "press-1/flow began before");
        assert_eq!(later.sensors[0].anomalies, 1, "what lies before the range is not counted");
    }

    #[test]
    fn devices_are_told_with_the_share_of_their_unusual_sensors() {
        let store = store();
        let devices = |hours| {
            let device = |device: DeviceShare| {
                let shares = device.share.iter().map(|share| share.map_or("-".to_owned(), |share| share.to_string()));
                let shares = shares.collect::<Vec<_>>().join(" ");
                format!("{} {}/{}: {shares}", device.device, device.unusual, device.sensors)
            };
            unusual(&store, hours, 9).devices.into_iter().map(device).collect::<Vec<_>>()
        };
        assert_eq!(devices(2..6), ["press-1 2/2: - 0 1 0.5", "press-2 1/2: - 0.5 0 0"]);
        assert_eq!(devices(5..6), ["press-1 1/2: 0.5", "press-2 0/2: 0"]);
    }

    #[test]
    fn nothing_scored_is_nothing_unusual() {
        let told = unusual(&RunStore::new(9), 3..5, 9);
        assert!(told.sensors.is_empty() && told.together.is_empty() && told.devices.is_empty());
    }
}
