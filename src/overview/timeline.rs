//! The anomaly timeline: rows of sensors, devices or the whole plant, a column a window.
//!
//! A page shows few of many rows. So rows are made for the part that is asked for only, from what finished runs said as
//! it is remembered (`run_scores.rs`).

use std::collections::HashMap;

use super::Overview;
use super::run_scores::ScoredWindow;
use super::score_code::ScoreCode;
use super::sensor_index::SortedSensors;
use super::series::seconds;
use super::whole_windows::AskedRange;
use crate::answers::{Cell, SensorState, Timeline, TimelineRow};
use crate::group::{Group, GroupName};
use crate::interval::Window;
use crate::sensor::{SensorId, SensorName};
use crate::sensor_pattern::SensorPattern;
use crate::store::StoreError;
use crate::time::Timestamp;

/// Which rows of the timeline are wanted.
#[derive(Clone, Debug)]
pub struct TimelineSelection {
    /// The sensors of which group.
    pub group: GroupName,
    /// What a row stands for.
    pub rows: RowKind,
    /// Only these sensors.
    pub pattern: Option<SensorPattern>,
    /// Which windows.
    pub range: AskedRange,
    /// Which row comes first.
    pub order: RowOrder,
    /// How many rows are passed over.
    pub offset: usize,
    /// How many rows at most.
    pub limit: usize,
}

/// What a row stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RowKind {
    /// All sensors.
    Plant,
    /// The sensors of a device.
    Device,
    /// A sensor.
    Sensor,
}

/// Which row comes first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RowOrder {
    /// The first by its name.
    Name,
    /// The one whose state is worst now; of equals the first by its name.
    Worst,
}

/// The most columns.
const MOST_COLUMNS: u32 = 1_000;
/// The most cells of an answer; there are fewer rows than asked for when the columns are many.
const MOST_CELLS: usize = 50_000;
/// The name of the row that stands for all sensors.
const PLANT: &str = "plant";

/// What finished runs said of a window; `None` when there was none.
type Column = Option<ScoredWindow>;

/// The sensors of a row.
type RowSensors<'a> = &'a [&'a (SensorName, SensorId)];

impl Overview {
    /// Rows of the timeline. There are fewer than asked for where they would have too many cells together, and columns
    /// begin later where what the runs said does not fit into memory.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn timeline(&self, selection: &TimelineSelection) -> Result<Timeline, StoreError> {
        let group = self.group_named(&selection.group);
        let windows = self.whole_windows(group, selection.range, MOST_COLUMNS)?;
        let (columns, windows) = self.columns(&group.name, &windows)?;
        let sorted = self.index.sorted(&self.sensors);
        let is_in_group = |sensor: SensorId| self.groups.at(sorted.group_place(sensor)).name == group.name;
        let conditions = self.live.conditions.read();
        let has_condition = |sensor| self.has_condition(&conditions, sensor);
        let states = self.state_of_sensors()?;
        let (rows, total) = page(selection, &sorted, &is_in_group, &states, &has_condition, &columns);
        let [window_seconds, hop_seconds] = [group.grid.length(), group.grid.hop()].map(seconds);
        let (group, total, offset) = (group.name.to_string(), total as u64, selection.offset as u64);
        Ok(Timeline { group, windows, window_seconds, hop_seconds, total, offset, rows })
    }

    /// A group by its name; the default group when there is no such group.
    pub(super) fn group_named(&self, name: &GroupName) -> &Group {
        self.groups.find(name).unwrap_or(self.groups.at(usize::MAX))
    }

    /// The windows of a group in a range that are over; see [`AskedRange::windows`].
    pub(super) fn whole_windows(&self, group: &Group, range: AskedRange, most: u32) -> Result<Vec<Window>, StoreError> {
        let extent = self.scores.extent(&self.reader, &group.name)?;
        Ok(range.windows(group.grid, self.now(), extent, most))
    }

    /// What runs said of each of these windows, which follow each other, and their starts; of the newest if not all of
    /// that fits into memory.
    fn columns(&self, group: &GroupName, windows: &[Window]) -> Result<(Vec<Column>, Vec<Timestamp>), StoreError> {
        let (Some(first), Some(last)) = (windows.first(), windows.last()) else { return Ok(Default::default()) };
        let scored = self.scores.between(&self.reader, group, first.start(), last.end())?;
        let since = scored.complete_since.unwrap_or(first.start());
        // Runs of an earlier configuration may have scored other windows.
        let mut found: HashMap<Window, ScoredWindow> =
            scored.windows.into_iter().map(|scored| (scored.window, scored)).collect();
        let shown = windows.iter().filter(|window| window.start() >= since);
        Ok(shown.map(|window| (found.remove(window), window.start())).unzip())
    }
}

/// The rows that are wanted, and how many there are in all. States are by the sensors' numbers.
fn page(
    selection: &TimelineSelection,
    sorted: &SortedSensors,
    is_in_group: &dyn Fn(SensorId) -> bool,
    states: &[Option<SensorState>],
    has_condition: &dyn Fn(SensorId) -> bool,
    columns: &[Column],
) -> (Vec<TimelineRow>, usize) {
    let state_of = |(_, sensor): &&(SensorName, SensorId)| {
        states.get(sensor.index()).copied().flatten().unwrap_or(SensorState::NoModel)
    };
    let worst = |row: RowSensors<'_>| row.iter().map(state_of).min().unwrap_or(SensorState::NoModel);
    let of_group = sorted.sensors.iter().filter(|(_, sensor)| is_in_group(*sensor));
    let sensors: Vec<_> = match &selection.pattern {
        None => of_group.collect(),
        Some(pattern) => of_group.filter(|(name, _)| pattern.fits(&name.to_string())).collect(),
    };
    let mut rows: Vec<RowSensors<'_>> = rows_of(selection.rows, &sensors).collect();
    if selection.order == RowOrder::Worst {
        // The sort is stable, and the rows are in the order of their names.
        rows.sort_by_cached_key(|row| worst(row));
    }
    let limit = selection.limit.min((MOST_CELLS / columns.len().max(1)).max(1));
    let shown = rows.iter().skip(selection.offset).take(limit).map(|row| TimelineRow {
        name: row_name(selection.rows, row),
        sensors: row.len() as u64,
        state: worst(row),
        with_conditions: row.iter().filter(|(_, sensor)| has_condition(*sensor)).count() as u64,
        cells: columns.iter().map(|column| cell(column.as_ref(), row)).collect(),
    });
    (shown.collect(), rows.len())
}

/// The sensors of each row; `sensors` are in the order of their names.
fn rows_of<'a>(kind: RowKind, sensors: &'a [&'a (SensorName, SensorId)]) -> impl Iterator<Item = RowSensors<'a>> {
    sensors.chunk_by(move |(a, _), (b, _)| match kind {
        RowKind::Plant => true,
        RowKind::Device => a.device() == b.device(),
        RowKind::Sensor => false,
    })
}

fn row_name(kind: RowKind, sensors: RowSensors<'_>) -> String {
    match (kind, sensors.first()) {
        (RowKind::Plant, _) | (_, None) => PLANT.to_owned(),
        (RowKind::Device, Some((name, _))) => name.device().to_owned(),
        (RowKind::Sensor, Some((name, _))) => name.to_string(),
    }
}

/// What the runs over a window say of some sensors together.
fn cell(window: Option<&ScoredWindow>, sensors: RowSensors<'_>) -> Cell {
    let mut cell = Cell { score: None, anomalous: 0, scored: 0, failed: 0 };
    let Some(window) = window else { return cell };
    let mut highest = ScoreCode::default();
    for (_, sensor) in sensors {
        let code = window.code(*sensor);
        cell.anomalous += u32::from(code.is_anomalous());
        cell.scored += u32::from(code.is_scored());
        cell.failed += u32::from(code.is_failure());
        highest = highest.max(code);
    }
    cell.score = highest.summary().and_then(|summary| summary.score).map(|score| (score * 1e3).round() / 1e3);
    cell
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::overview::run_scores::RunScores;
    use crate::overview::sensor_index::SensorIndex;
    use crate::overview::test_runs::{RunStore, groups, hour, scored};
    use crate::sensor::SensorDirectory;
    use crate::verdict::Outcome;

    fn all() -> TimelineSelection {
        TimelineSelection {
            group: GroupName::default(),
            rows: RowKind::Sensor,
            pattern: None,
            range: AskedRange { since: None, until: None },
            order: RowOrder::Name,
            offset: 0,
            limit: 100,
        }
    }

    /// A plant of two presses with two sensors each, and an oven with one: what runs said in hours 3 and 5, hour 4
    /// without a run, and the states now.
    fn shown(selection: &TimelineSelection) -> (Vec<String>, usize) {
        let names =
            [("press-2", "flow"), ("press-1", "flow"), ("press-1", "heat"), ("press-2", "heat"), ("oven", "heat")];
        let directory = SensorDirectory::new(9, vec![]);
        for (device, sensor) in names {
            directory.intern(&SensorName::new(device, sensor).unwrap()).unwrap();
        }
        let mut store = RunStore::new(9);
        let (usual, strange) = (scored(&[], 1.0), scored(&[7], -5.0));
        store.finish(1, hour(3), vec![(0, usual.clone()), (1, strange), (2, usual.clone()), (3, Outcome::Quarantined)]);
        let failed = Outcome::Failed { reason: "a row is infinite".to_owned() };
        store.finish(2, hour(5), vec![(0, usual), (1, Outcome::NoData), (2, failed)]);
        let scores = RunScores::new(1 << 20);
        let said = scores.between(store.reader(), &GroupName::default(), Timestamp::MIN, Timestamp::MAX).unwrap();
        let [third, fifth] = said.windows.try_into().unwrap();
        let states = [SensorState::Healthy, SensorState::Sparse, SensorState::Anomalous, SensorState::Healthy];
        let sorted = SensorIndex::new(groups()).sorted(&directory);
        let columns = [Some(third), None, Some(fifth)];
        let has_condition = |sensor| sensor == SensorId(1);
        let (rows, total) = page(selection, &sorted, &|_| true, &states.map(Some), &has_condition, &columns);
        let cell = |Cell { score, anomalous, scored, failed }: &Cell| {
            let score = score.map_or("-".to_owned(), |score| score.to_string());
            format!("{score} {anomalous}/{scored}+{failed}")
        };
        let row = |TimelineRow { name, sensors, state, with_conditions, cells }: &TimelineRow| {
            let cells = cells.iter().map(cell).collect::<Vec<_>>().join(" | ");
            let marks = "!".repeat(usize::try_from(*with_conditions).unwrap());
            format!("{name} ({sensors} {state:?}{marks}) {cells}")
        };
        (rows.iter().map(row).collect(), total)
    }

    #[test]
    fn a_row_of_a_sensor_says_what_each_run_said() {
        let rows = [
            "oven/heat (1 NoModel) - 0/0+0 | - 0/0+0 | - 0/0+0",
            "press-1/flow (1 Sparse!) 1 1/1+0 | - 0/0+0 | - 0/0+0",
            "press-1/heat (1 Anomalous) 0.016 0/1+0 | - 0/0+0 | - 0/0+1",
            "press-2/flow (1 Healthy) 0.016 0/1+0 | - 0/0+0 | 0.016 0/1+0",
            "press-2/heat (1 Healthy) - 0/0+1 | - 0/0+0 | - 0/0+0",
        ];
        assert_eq!(shown(&all()), (rows.map(str::to_owned).to_vec(), 5));
    }

    #[test]
    fn a_row_of_a_device_or_of_the_plant_sums_its_sensors_up() {
        let devices = [
            "oven (1 NoModel) - 0/0+0 | - 0/0+0 | - 0/0+0",
            "press-1 (2 Anomalous!) 1 1/2+0 | - 0/0+0 | - 0/0+1",
            "press-2 (2 Healthy) 0.016 0/1+1 | - 0/0+0 | 0.016 0/1+0",
        ];
        let by_device = TimelineSelection { rows: RowKind::Device, ..all() };
        assert_eq!(shown(&by_device), (devices.map(str::to_owned).to_vec(), 3));
        let plant = TimelineSelection { rows: RowKind::Plant, ..all() };
        let all = "plant (5 Anomalous!) 1 1/3+1 | - 0/0+0 | 0.016 0/1+1";
        assert_eq!(shown(&plant), (vec![all.to_owned()], 1));
        let some = SensorPattern::parse("*/heat").unwrap();
        let heat = "plant (3 Anomalous) 0.016 0/1+1 | - 0/0+0 | - 0/0+1";
        assert_eq!(shown(&TimelineSelection { pattern: Some(some), ..plant }), (vec![heat.to_owned()], 1));
    }

    #[test]
    fn a_page_is_a_part_of_the_rows_in_their_order() {
        let names = |selection: TimelineSelection| {
            let (rows, total) = shown(&selection);
            let names: Vec<_> = rows.iter().map(|row| row.split_once(' ').unwrap().0.to_owned()).collect();
            (names.join(" "), total)
        };
        let page = |offset, limit| names(TimelineSelection { offset, limit, ..all() });
        assert_eq!(page(1, 2), ("press-1/flow press-1/heat".to_owned(), 5));
        assert_eq!(page(4, 2), ("press-2/heat".to_owned(), 5));
        assert_eq!(page(9, 2), (String::new(), 5));
        let worst = TimelineSelection { rows: RowKind::Device, order: RowOrder::Worst, ..all() };
        assert_eq!(names(worst), ("press-1 press-2 oven".to_owned(), 3));
        let none = TimelineSelection { pattern: Some(SensorPattern::parse("mill/*").unwrap()), ..all() };
        assert_eq!(names(none), (String::new(), 0));
    }
}
