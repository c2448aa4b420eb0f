//! How strange an interval must be to be called an anomaly, where that is not left to its model.
//!
//! A model's own boundary has the score 0.5, whatever the detector ([`score`](crate::verdict::score)). A sensor may be given
//! another one, without training its model anew: a higher one calls less an anomaly, a lower one more. The decision values
//! of the model stay as they are.

use std::sync::Arc;

use crate::sensor::SensorName;
use crate::sensor_pattern::SensorPattern;
use crate::verdict::AnomalyScore;

/// One `[[sensitivity]]`: from which score on intervals of some sensors are anomalies.
#[derive(Clone, Debug, PartialEq)]
pub struct SensitivitySettings {
    /// The sensors.
    pub sensors: SensorPattern,
    /// The score.
    pub score: AnomalyScore,
}

/// Knows the sensors whose threshold is shifted.
#[derive(Clone, Debug, Default)]
pub struct Sensitivities(Arc<[SensitivitySettings]>);

impl Sensitivities {
    /// Of several settings that fit a sensor, the first counts.
    pub fn new(settings: Arc<[SensitivitySettings]>) -> Self {
        Self(settings)
    }

    /// The score from which on intervals of a sensor are anomalies; `None` when its model decides.
    pub fn of(&self, sensor: &SensorName) -> Option<AnomalyScore> {
        if self.0.is_empty() {
            return None;
        }
        let name = sensor.to_string();
        self.0.iter().find(|settings| settings.sensors.fits(&name)).map(|settings| settings.score)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_setting_that_fits_counts_and_others_are_left_to_their_models() {
        let setting = |sensors: &str, score| SensitivitySettings {
            sensors: SensorPattern::parse(sensors).unwrap(),
            score: AnomalyScore::new(score).unwrap(),
        };
        let sensitivities = Sensitivities::new([setting("press-1/flow", 0.8), setting("press-1/*", 0.6)].into());
        let of = |device, sensor| sensitivities.of(&SensorName::new(device, sensor).unwrap()).map(AnomalyScore::get);
        assert_eq!((of("press-1", "flow"), of("press-1", "heat"), of("press-2", "flow")), (Some(0.8), Some(0.6), None));
    }
}
