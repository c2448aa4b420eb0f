//! How a reading would be judged, without taking it in.

use super::{Admission, Deadband, OpenWindows};
use crate::reading::Reading;
use crate::time::Timestamp;
use crate::window::open_interval::Insertion;

impl OpenWindows {
    /// How [`admit`](Self::admit) would judge a reading now. While a closing goes on it may yet make room, so that
    /// [`Admission::MemoryFull`] is told only when none does.
    pub fn forecast(&self, reading: Reading, deadband: impl FnOnce() -> Option<f64>) -> Admission {
        let settings = self.settings;
        let sensor = self.sensors.get(reading.sensor.index());
        let watermark = sensor.map_or(Timestamp::MIN, |sensor| sensor.watermark).max(self.closed);
        if reading.time < watermark {
            return Admission::Late { watermark };
        }
        let stored = sensor.and_then(|sensor| sensor.stored(reading.time));
        if let Some((newest, last)) = sensor.and_then(|sensor| sensor.newest) {
            let width = match sensor.map_or(Deadband::Unknown, |sensor| sensor.deadband) {
                Deadband::Unknown => deadband(),
                Deadband::Off => None,
                Deadband::Width(width) => Some(width),
            };
            if let Some(width) = width {
                let is_in_order = reading.time > newest;
                if (!is_in_order && stored.is_none()) || (is_in_order && (reading.value - last).abs() < width) {
                    return Admission::Suppressed;
                }
            }
        }
        let is_closing = self.finished < self.closed;
        if self.open_readings >= settings.max_open_readings && stored.is_none() && !is_closing {
            return Admission::MemoryFull;
        }
        let start = settings.cut.interval_of(reading.time);
        let interval = sensor.and_then(|sensor| sensor.intervals.iter().find(|interval| interval.start() == start));
        match interval.map(|interval| interval.place(reading)) {
            None | Some(Ok(_)) => Admission::Accepted,
            Some(Err(Insertion::Repeated)) => Admission::Repeated,
            Some(Err(Insertion::Conflict { stored })) => Admission::Conflict { stored },
            Some(Err(Insertion::Indistinct { until })) => Admission::Indistinct { until },
            Some(Err(Insertion::Inserted { .. })) => Admission::Accepted,
        }
    }

    /// How a reading at `time` of a sensor that is not known yet would be judged.
    pub fn forecast_new(&self, time: Timestamp) -> Admission {
        if time < self.closed {
            return Admission::Late { watermark: self.closed };
        }
        let is_full = self.open_readings >= self.settings.max_open_readings && self.finished >= self.closed;
        if is_full { Admission::MemoryFull } else { Admission::Accepted }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::interval::Cut;
    use crate::sensor::SensorId;
    use crate::time::Span;
    use crate::window::WindowSettings;

    fn at(secs: u32) -> Timestamp {
        Timestamp::default() + Span::from_secs(secs)
    }

    proptest! {
        #[test]
        fn what_is_forecast_is_what_happens(
            steps in prop::collection::vec((0..3_u32, 0..400_u32, 0..4_i32, prop::bool::weighted(0.05)), 1..120),
            lateness in 0..90_u32,
            deadband in prop::option::of(0..3_i32),
            max_open_readings in 5..60_usize,
        ) {
            let cut = Cut::new(Span::from_secs(10), Span::from_secs(60)).unwrap();
            let lateness = Span::from_secs(lateness);
            let settings = WindowSettings { cut, lateness, kept_per_interval: 2, max_open_readings };
            let mut windows = OpenWindows::new(settings, Timestamp::MIN, []);
            let deadband = || deadband.map(f64::from);
            let mut over = Vec::new();
            for (sensor, secs, value, closes) in steps {
                let time = at(secs);
                if closes {
                    windows.close_until(cut.window_of(time).start(), &mut over);
                }
                let reading = Reading { sensor: SensorId(sensor), time, value: f64::from(value) };
                let is_new = windows.sensors.get(reading.sensor.index()).is_none_or(|sensor| sensor.newest.is_none());
                let forecast = windows.forecast(reading, deadband);
                let forecast_new = windows.forecast_new(time);
                let happened = windows.admit(reading, deadband, &mut over);
                prop_assert_eq!(forecast, happened);
                prop_assert!(!is_new || forecast_new == happened);
            }
        }
    }
}
