//! The sensors.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::conditions::Condition;
use super::models::Model;
use super::verdicts::Verdict;
use crate::time::Timestamp;

/// A sensor as a list shows it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Sensor {
    /// `device/sensor`.
    pub name: String,
    /// The device.
    pub device: String,
    /// The sensor.
    pub sensor: String,
    /// The group that it is in.
    pub group: String,
    /// How it is.
    pub state: SensorState,
    /// Since when it has been so, as far as the stored runs tell.
    pub since: Option<Timestamp>,
    /// The time of its newest reading; `null` when none is known.
    pub last_seen: Option<Timestamp>,
    /// The value of that reading; `null` when it came before the start.
    pub last_value: Option<f64>,
    /// How long after its own time that reading came, negative when it came before it: what the device's clock is behind,
    /// or how late the reading was sent. `null` when it came before the start, or when the readings are the clock.
    pub lag_seconds: Option<f64>,
    /// Whether it has a model.
    pub has_model: bool,
    /// Its last verdict.
    pub verdict: Option<Verdict>,
    /// Its conditions that stand.
    pub conditions: Vec<Condition>,
}

/// How a sensor is. The states exclude each other; the first that holds counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SensorState {
    /// Its last verdict has anomalies.
    Anomalous,
    /// Its last window could not be scored, or its model's file cannot be used.
    Failed,
    /// It sends nothing any more: the condition `silent` stands.
    Silent,
    /// Its last window had no readings, or too few.
    Sparse,
    /// Its last verdict has no anomaly.
    Healthy,
    /// It has a model and no verdict yet.
    Waiting,
    /// It has no model.
    NoModel,
}

/// How many sensors are in which state.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct SensorCounts {
    /// All sensors that are known.
    pub known: u64,
    /// Those with a model.
    pub with_model: u64,
    /// In each state.
    pub anomalous: u64,
    /// Their last window could not be scored.
    pub failed: u64,
    /// They send nothing any more: the condition `silent` stands.
    pub silent: u64,
    /// Their last window had no readings, or too few.
    pub sparse: u64,
    /// Their last verdict has no anomaly.
    pub healthy: u64,
    /// They have a model and no verdict yet.
    pub waiting: u64,
    /// They have no model.
    pub no_model: u64,
}

/// All about one sensor.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct SensorDetail {
    /// The sensor.
    #[serde(flatten)]
    pub sensor: Sensor,
    /// Its model.
    pub model: Option<Model>,
    /// The other sensors of its device, as `device/sensor`, in order.
    pub neighbours: Vec<String>,
    /// The length of an interval.
    pub interval_seconds: f64,
    /// The length of a window.
    pub window_seconds: f64,
    /// The time before which its intervals are closed.
    pub watermark: Option<Timestamp>,
    /// The oldest interval that may still be stored.
    pub oldest: Option<Timestamp>,
}
