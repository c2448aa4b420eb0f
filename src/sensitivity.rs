//! How strange an interval must be to be called an anomaly, where that is not left to its model.
//!
//! A model's own boundary has the score 0.5, whatever the detector ([`score`](crate::verdict::score)). A sensor may be given
//! another one, without training its model anew: a higher one calls less an anomaly, a lower one more. The decision values
//! of the model stay as they are.

use std::fmt;
use std::sync::Arc;

use crate::sensor::SensorName;
use crate::sensor_pattern::SensorPattern;
use crate::verdict::Label;

/// The score from which on an interval is an anomaly: above 0 and below 1.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct AnomalyScore(f64);

impl AnomalyScore {
    /// The lowest and the highest that are accepted. Beyond them the threshold is more than one and a half times the
    /// natural size of a model's decision values away from its own boundary.
    pub const RANGE: std::ops::RangeInclusive<f64> = 0.002..=0.998;

    /// A score; `None` when it is out of range.
    pub fn new(score: f64) -> Option<Self> {
        Self::RANGE.contains(&score).then_some(Self(score))
    }

    /// The score.
    pub fn get(self) -> f64 {
        self.0
    }

    /// The decision value at which an interval has this score, when decisions have this natural size: the inverse of
    /// [`score`](crate::verdict::score).
    pub fn threshold(self, unit: f64) -> f64 {
        unit / 4.0 * (1.0 / self.0 - 1.0).ln()
    }

    /// The label of a decision value.
    pub fn label(self, decision: f64, unit: f64) -> Label {
        if decision <= self.threshold(unit) { Label::Anomaly } else { Label::Normal }
    }
}

impl fmt::Display for AnomalyScore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

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
    use proptest::prelude::*;

    use super::*;
    use crate::verdict::score;

    proptest! {
        #[test]
        fn the_threshold_is_where_the_score_is(wanted in 0.002..0.998, exponent in -9..9) {
            let unit = 10.0_f64.powi(exponent);
            let threshold = AnomalyScore::new(wanted).unwrap().threshold(unit);
            prop_assert!((score(threshold, unit) - wanted).abs() < 1e-9);
        }

        #[test]
        fn a_higher_score_never_makes_more_anomalies(
            low in 0.002..0.998, high in 0.002..0.998, decision in -3.0..3.0, unit in 0.1..3.0,
        ) {
            let [low, high] = [f64::min(low, high), f64::max(low, high)].map(|score| AnomalyScore::new(score).unwrap());
            let is_anomaly = |score: AnomalyScore| score.label(decision, unit) == Label::Anomaly;
            prop_assert!(!is_anomaly(high) || is_anomaly(low));
        }
    }

    #[test]
    fn the_first_setting_that_fits_counts_and_others_are_left_to_their_models() {
        let setting = |sensors: &str, score| SensitivitySettings {
            sensors: SensorPattern::parse(sensors).unwrap(),
            score: AnomalyScore::new(score).unwrap(),
        };
        let sensitivities = Sensitivities::new([setting("press-1/flow", 0.8), setting("press-1/*", 0.6)].into());
        let of = |device, sensor| sensitivities.of(&SensorName::new(device, sensor).unwrap()).map(AnomalyScore::get);
        assert_eq!((of("press-1", "flow"), of("press-1", "heat"), of("press-2", "flow")), (Some(0.8), Some(0.6), None));
        assert_eq!(AnomalyScore::new(0.5).unwrap().threshold(7.0), 0.0);
        assert!([0.0, 1.0, f64::NAN, -0.5].into_iter().all(|score| AnomalyScore::new(score).is_none()));
    }
}
