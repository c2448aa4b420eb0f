//! What would become of readings now, told without changing anything: for whoever tests a message, or replays a reject.

use super::Pipeline;
use crate::ingest::trial::{TimeSource, TriedReading};
use crate::reading::{Forecast, Reading, RejectReason};
use crate::window::Admission;

impl Pipeline {
    /// What would become of each reading, if it came alone.
    pub fn forecast(&self, readings: &[TriedReading]) -> Vec<Forecast> {
        readings.iter().map(|reading| self.forecast_one(reading)).collect()
    }

    fn forecast_one(&self, tried: &TriedReading) -> Forecast {
        let latest = self.held.latest(&self.clock);
        let sensor = match self.directory.would_intern(&tried.name) {
            Ok(sensor) => sensor,
            Err(full) => return Forecast::Rejected(RejectReason::TooManySensors(full.to_string())),
        };
        let is_ahead = match (&tried.ahead, tried.time_source) {
            (_, TimeSource::Arrival) => false,
            (Some(_), TimeSource::Reading) => tried.time > latest,
            (None, TimeSource::Reading) => tried.time > self.believed_until(),
        };
        if is_ahead {
            return match &tried.ahead {
                Some(reason) if self.clock.is_certain() => Forecast::Rejected(reason.clone()),
                _ => Forecast::Held,
            };
        }
        let Some(sensor) = sensor else {
            let time = match tried.time_source {
                TimeSource::Arrival => tried.time.max(self.windows.closed()),
                TimeSource::Reading => tried.time,
            };
            return self.forecast_of(self.windows.forecast_new(time), tried);
        };
        let time = match tried.time_source {
            TimeSource::Arrival => self.windows.arrival(sensor, self.clock.believed_at(tried.time)),
            TimeSource::Reading => tried.time,
        };
        let reading = Reading { sensor, time, value: tried.value };
        let deadbands = &self.settings.deadbands;
        self.forecast_of(self.windows.forecast(reading, || deadbands(sensor)), tried)
    }

    fn forecast_of(&self, admission: Admission, tried: &TriedReading) -> Forecast {
        match admission {
            Admission::Accepted => Forecast::Accepted,
            Admission::Repeated => Forecast::Repeated,
            Admission::Suppressed => Forecast::Suppressed,
            refused => self
                .refusal(refused, tried.time, tried.value, tried.zone)
                .map_or(Forecast::Accepted, Forecast::Rejected),
        }
    }
}
