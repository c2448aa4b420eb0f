//! The state of the demo, which the screen shows and from which the summary is made.

use std::path::Path;

use super::daemon_process::RunFigures;
use super::findings::{Judgement, Minute, Verdicts, fault_at};
use super::predictions::{self, PredictionError};
use super::simulation::{Fault, Simulation};
use crate::cli::publish::Progress;
use crate::sensor::SensorName;
use crate::time::{Span, Timestamp};

/// The length of a window.
pub const HOUR: Span = Span::from_secs(3600);

/// What the daemon reported of a sensor's window.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cell {
    /// Nothing yet.
    Pending,
    /// No minute was flagged.
    Healthy,
    /// This many minutes were flagged, at least one of them during a fault.
    Fault(usize),
    /// So many minutes were flagged, and nothing was wrong.
    FalseAlarm(usize),
    /// The window was published without a verdict that can be read.
    Missing,
}

impl Cell {
    fn of(minutes: &[Minute], sensor: &SensorName, faults: &[Fault]) -> Self {
        let flagged: Vec<_> = minutes.iter().filter(|minute| minute.judgement == Judgement::Flagged).collect();
        if flagged.is_empty() {
            Self::Healthy
        } else if flagged.iter().any(|minute| fault_at(faults, sensor, minute).is_some()) {
            Self::Fault(flagged.len())
        } else {
            Self::FalseAlarm(flagged.len())
        }
    }
}

/// A sensor's line: its windows, and what was reported of them.
#[derive(Clone, Debug)]
pub struct Row {
    /// The sensor.
    pub sensor: SensorName,
    /// A cell for each window.
    pub cells: Vec<Cell>,
}

/// A window, and the daemon's figures for it.
#[derive(Clone, Debug)]
pub struct Hour {
    /// When it begins.
    pub start: Timestamp,
    /// The daemon's figures; `None` until the window is scored.
    pub figures: Option<RunFigures>,
}

/// The state of the demo.
#[derive(Debug)]
pub struct Board {
    /// The windows to be scored.
    pub hours: Vec<Hour>,
    /// The sensors, device by device.
    pub rows: Vec<Row>,
    /// The injected faults.
    pub faults: Vec<Fault>,
    /// All verdicts that were read from the prediction files.
    pub verdicts: Verdicts,
    /// The prediction files that are missing or cannot be read.
    pub unreadable: Vec<PredictionError>,
    /// The plant's clock.
    pub now: Timestamp,
    /// How many messages the devices sent.
    pub progress: Progress,
}

impl Board {
    /// The board before the first reading.
    pub fn new(simulation: &Simulation) -> Self {
        let (start, end) = simulation.span();
        let (hours, _) = end.since(start).divide(HOUR);
        let hours: Vec<_> = (0..hours).map(|hour| Hour { start: start + HOUR.times(hour), figures: None }).collect();
        let row = |sensor: &SensorName| Row { sensor: sensor.clone(), cells: vec![Cell::Pending; hours.len()] };
        Self {
            rows: simulation.sensors().iter().map(row).collect(),
            hours,
            faults: simulation.faults(),
            verdicts: Verdicts::new(),
            unreadable: Vec::new(),
            now: start,
            progress: Progress::default(),
        }
    }

    /// Takes in a run's figures. A run over a window that is not on the board, such as the one before the first
    /// reading, is ignored.
    pub fn scored(&mut self, figures: RunFigures) {
        if let Some(hour) = self.hours.iter_mut().find(|hour| hour.start == figures.window) {
            hour.figures = Some(figures);
        }
    }

    /// Reads the verdicts of a window from the daemon's folder of predictions.
    pub fn published(&mut self, window: Timestamp, directory: &Path) {
        let Some(index) = self.hours.iter().position(|hour| hour.start == window) else { return };
        for row in &mut self.rows {
            match predictions::read(directory, &row.sensor, window + HOUR) {
                Ok(minutes) => {
                    row.cells[index] = Cell::of(&minutes, &row.sensor, &self.faults);
                    self.verdicts.entry(row.sensor.clone()).or_default().extend(minutes);
                }
                Err(error) => {
                    row.cells[index] = Cell::Missing;
                    self.unreadable.push(error);
                }
            }
        }
    }

    /// Whether every window was scored and published.
    pub fn is_complete(&self) -> bool {
        self.rows.iter().all(|row| !row.cells.contains(&Cell::Pending))
            && self.hours.iter().all(|hour| hour.figures.is_some())
    }

    /// How many windows of single sensors have their verdict.
    pub fn verdict_count(&self) -> usize {
        let cells = self.rows.iter().flat_map(|row| &row.cells);
        cells.filter(|cell| !matches!(cell, Cell::Pending | Cell::Missing)).count()
    }

    /// How many there will be.
    pub fn verdicts_expected(&self) -> usize {
        self.rows.len() * self.hours.len()
    }

    /// The fault that a sensor has at the present time of the plant.
    pub fn present_fault(&self, sensor: &SensorName) -> Option<&Fault> {
        self.faults.iter().find(|fault| fault.sensor == *sensor && fault.covers(self.now))
    }
}
