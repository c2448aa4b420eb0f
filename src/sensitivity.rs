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

/// Knows the threshold of each sensor of a group.
#[derive(Clone, Debug, Default)]
pub struct Sensitivities {
    sensors: Arc<[SensitivitySettings]>,
    /// That of the group's sensors for which none is set.
    group: Option<AnomalyScore>,
}

impl Sensitivities {
    /// Of several settings that fit a sensor, the first counts; of sensors that none fits, what is set for the group.
    pub fn new(sensors: Arc<[SensitivitySettings]>, group: Option<AnomalyScore>) -> Self {
        Self { sensors, group }
    }

    /// The score from which on intervals of a sensor are anomalies; `None` when its model decides.
    pub fn of(&self, sensor: &SensorName) -> Option<AnomalyScore> {
        if self.sensors.is_empty() {
            return self.group;
        }
        let name = sensor.to_string();
        let of_sensor = self.sensors.iter().find(|settings| settings.sensors.fits(&name));
        of_sensor.map(|settings| settings.score).or(self.group)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_setting_that_fits_counts_and_others_are_left_to_their_group_or_model() {
        let setting = |sensors: &str, score| SensitivitySettings {
            sensors: SensorPattern::parse(sensors).unwrap(),
            score: AnomalyScore::new(score).unwrap(),
        };
        let settings = [setting("press-1/flow", 0.8), setting("press-1/*", 0.6)];
        let sensitivities = Sensitivities::new(settings.clone().into(), None);
        let of = |device, sensor| sensitivities.of(&SensorName::new(device, sensor).unwrap()).map(AnomalyScore::get);
        assert_eq!((of("press-1", "flow"), of("press-1", "heat"), of("press-2", "flow")), (Some(0.8), Some(0.6), None));
        let of_group = Sensitivities::new(settings.into(), AnomalyScore::new(0.7));
        let other = SensorName::new("press-2", "flow").unwrap();
        assert_eq!(of_group.of(&other).map(AnomalyScore::get), Some(0.7));
        assert_eq!(Sensitivities::default().of(&other), None);
    }
}
