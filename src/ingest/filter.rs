//! Filters: which values are believed.

/// One `[[filter]]`: what is accepted of the sensors whose `device/sensor` fits a pattern.
#[derive(Clone, Debug, PartialEq)]
pub struct FilterSettings {
    /// `device/sensor`, where `*` stands for any characters.
    pub sensors: String,
    /// The lowest value accepted.
    pub min: f64,
    /// The highest value accepted.
    pub max: f64,
    /// A value that differs from the last kept one by less than this is passed over.
    pub deadband: Option<f64>,
}

/// The times that are believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlausibleTimes {
    /// The earliest.
    pub earliest: crate::time::Timestamp,
    /// The latest.
    pub latest: crate::time::Timestamp,
    /// How far ahead of the wall clock; `None` when the clock follows the readings.
    pub max_ahead: Option<crate::time::Span>,
}
