//! Filters: which values and times are believed.

use std::sync::Arc;

use crate::reading::RejectReason;
use crate::sensor::SensorName;
use crate::sensor_pattern::SensorPattern;
use crate::time::{Span, Timestamp};

/// One `[[filter]]`: what is accepted of the sensors whose `device/sensor` matches a pattern.
#[derive(Clone, Debug, PartialEq)]
pub struct FilterSettings {
    /// The sensors.
    pub sensors: SensorPattern,
    /// The filter for these sensors.
    pub filter: Filter,
}

/// Which values of a sensor are accepted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Filter {
    min: f64,
    max: f64,
    deadband: Option<f64>,
}

/// Why a filter was refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum FilterError {
    /// The range holds no value.
    #[error("the range from {min} to {max} accepts nothing; the lowest value must not be above the highest")]
    Range {
        /// The lowest value.
        min: f64,
        /// The highest value.
        max: f64,
    },
    /// The deadband is not a distance.
    #[error("a deadband of {0} is no distance; a number from 0 on is accepted")]
    Deadband(f64),
}

impl Filter {
    /// Accepts every finite value.
    pub const ALL: Self = Self { min: f64::MIN, max: f64::MAX, deadband: None };

    /// A filter that accepts values from `min` to `max`, both included.
    ///
    /// # Errors
    /// When the filter could accept no value.
    pub fn new(min: f64, max: f64, deadband: Option<f64>) -> Result<Self, FilterError> {
        if min.is_nan() || max.is_nan() || min > max {
            return Err(FilterError::Range { min, max });
        }
        match deadband {
            Some(deadband) if !(deadband.is_finite() && deadband >= 0.0) => Err(FilterError::Deadband(deadband)),
            _ => Ok(Self { min, max, deadband }),
        }
    }

    /// The lowest value accepted.
    pub fn min(&self) -> f64 {
        self.min
    }

    /// The highest value accepted.
    pub fn max(&self) -> f64 {
        self.max
    }

    /// The distance from the last kept value below which a value is suppressed. The pipeline does so, because it knows
    /// that value.
    pub fn deadband(&self) -> Option<f64> {
        self.deadband
    }

    /// Checks a value.
    pub(super) fn check(&self, value: f64) -> Result<(), RejectReason> {
        if !value.is_finite() {
            return Err(RejectReason::NotFinite);
        }
        if (self.min..=self.max).contains(&value) {
            return Ok(());
        }
        Err(RejectReason::OutOfRange { value, min: self.min, max: self.max })
    }
}

/// All filters. The first whose pattern matches a sensor decides; without one, every finite value is accepted.
#[derive(Clone, Debug)]
pub struct Filters(Arc<[FilterSettings]>);

impl Filters {
    /// The filters in their order.
    pub fn new(settings: Arc<[FilterSettings]>) -> Self {
        Self(settings)
    }

    /// The filter of a sensor.
    pub fn of(&self, name: &SensorName) -> Filter {
        if self.0.is_empty() {
            return Filter::ALL;
        }
        let name = name.to_string();
        self.0.iter().find(|settings| settings.sensors.fits(&name)).map_or(Filter::ALL, |settings| settings.filter)
    }
}

/// The times that are plausible for a reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlausibleTimes {
    /// The earliest.
    pub earliest: Timestamp,
    /// The latest.
    pub latest: Timestamp,
    /// How far ahead of the wall clock; `None` when the clock follows the readings.
    pub max_ahead: Option<Span>,
}

/// The result of checking a reading's time.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum TimeCheck {
    /// It is believed.
    Plausible,
    /// The time is too far ahead of the system's clock. If that clock is right, the reading is refused for this reason.
    Ahead(RejectReason),
    /// It is refused, whatever the clock says.
    Refused(RejectReason),
}

impl PlausibleTimes {
    /// Checks the time of a reading that came in at `received`.
    pub(super) fn check(&self, time: Timestamp, received: Timestamp) -> TimeCheck {
        let latest = self.max_ahead.map_or(self.latest, |ahead| self.latest.min(received + ahead));
        if (self.earliest..=latest).contains(&time) {
            return TimeCheck::Plausible;
        }
        let reason = RejectReason::ImplausibleTime { time, earliest: self.earliest, latest };
        if (self.earliest..=self.latest).contains(&time) {
            TimeCheck::Ahead(reason)
        } else {
            TimeCheck::Refused(reason)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_filter_that_fits_decides() {
        let filter = |pattern, max| FilterSettings {
            sensors: SensorPattern::parse(pattern).unwrap(),
            filter: Filter::new(0.0, max, Some(0.5)).unwrap(),
        };
        let filters = Filters::new([filter("*/temp", 1.0), filter("press/*", 2.0)].into());
        let max = |device, sensor| filters.of(&SensorName::new(device, sensor).unwrap()).max();
        assert_eq!(max("press", "temp"), 1.0);
        assert_eq!(max("press", "oil"), 2.0);
        assert_eq!(filters.of(&SensorName::new("pump", "oil").unwrap()), Filter::ALL);
        assert_eq!(filters.of(&SensorName::new("press", "oil").unwrap()).deadband(), Some(0.5));
    }

    #[test]
    fn a_range_includes_its_ends_and_nothing_that_is_not_finite() {
        let filter = Filter::new(-1.0, 1.0, None).unwrap();
        for value in [-1.0, 0.0, 1.0] {
            assert_eq!(filter.check(value), Ok(()));
        }
        let refused = Err(RejectReason::OutOfRange { value: 1.5, min: -1.0, max: 1.0 });
        assert_eq!(filter.check(1.5), refused);
        let open = Filter::new(f64::NEG_INFINITY, f64::INFINITY, None).unwrap();
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(open.check(value), Err(RejectReason::NotFinite));
            assert_eq!(Filter::ALL.check(value), Err(RejectReason::NotFinite));
        }
        assert_eq!(Filter::ALL.check(f64::MAX), Ok(()));
    }

    #[test]
    fn a_filter_that_accepts_nothing_is_refused() {
        assert!(Filter::new(1.0, 0.0, None).is_err());
        assert!(Filter::new(f64::NAN, 0.0, None).is_err());
        assert!(Filter::new(0.0, 1.0, Some(-1.0)).is_err());
        assert!(Filter::new(0.0, 1.0, Some(f64::NAN)).is_err());
    }

    #[test]
    fn a_time_is_believed_within_the_span_and_not_too_far_ahead_of_the_clock() {
        let at = |secs: u32| Timestamp::default() + Span::from_secs(secs);
        let times = PlausibleTimes { earliest: at(100), latest: at(1000), max_ahead: Some(Span::from_secs(10)) };
        for (time, received) in [(100, 500), (510, 500)] {
            assert_eq!(times.check(at(time), at(received)), TimeCheck::Plausible, "{time}");
        }
        for (time, received) in [(99, 500), (1001, 500), (1001, 2000)] {
            assert!(matches!(times.check(at(time), at(received)), TimeCheck::Refused(_)), "{time}");
        }
        assert!(matches!(times.check(at(511), at(500)), TimeCheck::Ahead(_)));
        let event = PlausibleTimes { max_ahead: None, ..times };
        assert_eq!(event.check(at(900), at(0)), TimeCheck::Plausible);
    }
}
