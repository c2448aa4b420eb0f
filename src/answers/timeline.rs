//! The anomaly timeline: rows of devices or sensors, a column a window, a colour a cell.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::sensors::SensorState;
use crate::time::Timestamp;

/// Rows of the timeline.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Timeline {
    /// The group whose sensors these are.
    pub group: String,
    /// The start of each column's window, the oldest first.
    pub windows: Vec<Timestamp>,
    /// How long a window is.
    pub window_seconds: f64,
    /// How far a window begins behind the one before; windows overlap where this is shorter than a window.
    pub hop_seconds: f64,
    /// How many rows there are in all.
    pub total: u64,
    /// The number of the first of these rows.
    pub offset: u64,
    /// These rows, in the order of their names.
    pub rows: Vec<TimelineRow>,
}

/// A device's or a sensor's row.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct TimelineRow {
    /// The device, or `device/sensor`.
    pub name: String,
    /// How many sensors it stands for.
    pub sensors: u64,
    /// The worst state of these now.
    pub state: SensorState,
    /// How many of them have a condition that stands.
    pub with_conditions: u64,
    /// A cell a window.
    pub cells: Vec<Cell>,
}

/// A cell: one window of the sensors of a row.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Cell {
    /// The highest score, from 0 to 1; `null` when none was scored.
    pub score: Option<f32>,
    /// How many of the row's sensors had anomalies.
    pub anomalous: u32,
    /// How many were scored.
    pub scored: u32,
    /// How many could not be scored although they should have been.
    pub failed: u32,
}
