//! The score from which on an interval is an anomaly, where that is not left to the model.

use std::fmt;

use super::Label;

/// The score from which on an interval is an anomaly: above 0 and below 1.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct AnomalyScore(f64);

/// No score is NaN.
impl Eq for AnomalyScore {}

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
    /// [`score`](super::score).
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
    fn the_models_own_boundary_is_a_half_and_no_score_is_out_of_reach() {
        assert_eq!(AnomalyScore::new(0.5).unwrap().threshold(7.0), 0.0);
        assert!([0.0, 1.0, f64::NAN, -0.5].into_iter().all(|score| AnomalyScore::new(score).is_none()));
    }
}
