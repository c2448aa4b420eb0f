//! The anomaly timeline: rows of sensors, devices or the whole plant, a column a window.
//!
//! A page shows few of many rows. So rows are made for the part that is asked for only, from what finished runs said as
//! it is remembered (`run_scores.rs`).

use super::Overview;
use super::run_scores::ScoredWindow;
use super::score_code::ScoreCode;
use super::whole_windows::AskedRange;
use crate::answers::{Cell, SensorState, Timeline, TimelineRow};
use crate::interval::Window;
use crate::sensor::{SensorId, SensorName};
use crate::sensor_pattern::SensorPattern;
use crate::store::StoreError;
use crate::time::Timestamp;

/// Which rows of the timeline are wanted.
#[derive(Clone, Debug)]
pub struct TimelineSelection {
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

/// The sensors of a row.
type RowSensors<'a> = &'a [&'a (SensorName, SensorId)];

impl Overview {
    /// Rows of the timeline. There are fewer than asked for where they would have too many cells together, and columns
    /// begin later where what the runs said does not fit into memory.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn timeline(&self, selection: &TimelineSelection) -> Result<Timeline, StoreError> {
        let windows = self.whole_windows(selection.range, MOST_COLUMNS)?;
        let (scored, windows) = self.scored(&windows)?;
        let states = self.state_of_sensors()?;
        let state_of = |(_, sensor): &(SensorName, SensorId)| {
            states.get(sensor.index()).copied().flatten().unwrap_or(SensorState::NoModel)
        };
        let sorted = self.index.sorted(&self.sensors);
        let sensors: Vec<_> = match &selection.pattern {
            None => sorted.sensors.iter().collect(),
            Some(pattern) => sorted.sensors.iter().filter(|(name, _)| pattern.fits(&name.to_string())).collect(),
        };
        let mut rows: Vec<(SensorState, RowSensors<'_>)> = rows_of(selection.rows, &sensors)
            .map(|row| (row.iter().map(|sensor| state_of(sensor)).min().unwrap_or(SensorState::NoModel), row))
            .collect();
        if selection.order == RowOrder::Worst {
            // The sort is stable, and the rows are in the order of their names.
            rows.sort_by_key(|(state, _)| *state);
        }
        let limit = selection.limit.min((MOST_CELLS / windows.len().max(1)).max(1));
        let shown = rows.iter().skip(selection.offset).take(limit).map(|(state, sensors)| TimelineRow {
            name: row_name(selection.rows, sensors),
            sensors: sensors.len() as u64,
            state: *state,
            cells: scored.iter().map(|window| cell(window.as_ref(), sensors)).collect(),
        });
        Ok(Timeline {
            rows: shown.collect(),
            total: rows.len() as u64,
            offset: selection.offset as u64,
            window_seconds: self.cut.window().to_std().as_secs_f64(),
            windows,
        })
    }

    /// The windows of a range that are over; see [`AskedRange::windows`].
    pub(super) fn whole_windows(&self, range: AskedRange, most: u32) -> Result<Vec<Window>, StoreError> {
        let extent = self.scores.extent(&self.reader)?;
        Ok(range.windows(self.cut, self.now(), extent, most))
    }

    /// What runs said of each of these windows, which follow each other, and their starts; of the newest if not all of
    /// that fits into memory.
    fn scored(&self, windows: &[Window]) -> Result<(Vec<Option<ScoredWindow>>, Vec<Timestamp>), StoreError> {
        let (Some(first), Some(last)) = (windows.first(), windows.last()) else { return Ok(Default::default()) };
        let scored = self.scores.between(&self.reader, first.start(), last.end())?;
        let since = scored.complete_since.unwrap_or(first.start());
        let mut found = scored.windows.into_iter().peekable();
        let shown = windows.iter().filter(|window| window.start() >= since);
        Ok(shown.map(|window| (found.next_if(|found| found.window == *window), window.start())).unzip())
    }
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
