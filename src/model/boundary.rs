//! The boundary between normal and anomalous rows of a detector that measures an error.
//!
//! As in scikit-learn's outlier detectors, the decision value is −error − offset, so `offset_` is minus the greatest
//! error that is normal: below 0 a row is an anomaly, and a tie is normal.

use super::invalid::{Invalid, parameter};

/// The boundary; without an offset when it is not known. scikit-learn sets one for its outlier detectors only; PCA and
/// k-means have none.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Boundary {
    offset: Option<f64>,
    lowest_error: f64,
}

impl Boundary {
    /// The boundary of the detector `of`, whose error is nowhere below `lowest_error`.
    ///
    /// # Errors
    /// When every row would be an anomaly: most often because the minus sign was forgotten.
    pub(super) fn new(of: &'static str, offset: Option<f64>, lowest_error: f64) -> Result<Self, Invalid> {
        let highest = -lowest_error;
        match offset.filter(|offset| !(offset.is_finite() && *offset <= highest)) {
            None => Ok(Self { offset, lowest_error }),
            Some(offset) => {
                let expected =
                    format!("minus the greatest error that is normal, a finite number not above {}", highest + 0.0);
                Err(parameter(of, "offset_").invalid(offset, expected))
            }
        }
    }

    /// scikit-learn's `offset_`.
    pub(super) fn offset(self) -> Option<f64> {
        self.offset
    }

    /// The decision value of a row with this error. Without an offset it is minus the error, scikit-learn's
    /// `score_samples`.
    pub(super) fn decision(self, error: f64) -> f64 {
        -error - self.offset.unwrap_or(0.0)
    }

    /// How far the boundary is from the lowest error.
    pub(super) fn unit(self) -> f64 {
        -self.offset.unwrap_or(0.0) - self.lowest_error
    }

    /// The offset as a parameter to show.
    pub(super) fn shown(self) -> Option<(&'static str, String)> {
        self.offset.map(|offset| ("offset", offset.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boundary(offset: f64, lowest_error: f64) -> Result<Boundary, Invalid> {
        Boundary::new("PCA", Some(offset), lowest_error)
    }

    #[test]
    fn a_decision_is_what_is_left_until_the_greatest_normal_error() {
        let boundary = boundary(-3.0, 0.0).unwrap();
        assert_eq!([0.0, 3.0, 5.0].map(|error| boundary.decision(error)), [3.0, 0.0, -2.0]);
        assert_eq!(boundary.unit(), 3.0);
    }

    #[test]
    fn without_an_offset_a_decision_is_minus_the_error() {
        let boundary = Boundary::new("PCA", None, 0.0).unwrap();
        assert_eq!((boundary.offset(), boundary.decision(2.5), boundary.unit()), (None, -2.5, 0.0));
    }

    #[test]
    fn an_offset_by_which_everything_is_an_anomaly_is_refused() {
        for offset in [0.1, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert!(boundary(offset, 0.0).is_err(), "{offset}");
        }
        assert_eq!(
            boundary(0.5, 0.0).unwrap_err().to_string(),
            "offset_ of PCA is 0.5, expected minus the greatest error that is normal, a finite number not above 0"
        );
        assert!(boundary(0.0, 0.0).is_ok());
        assert_eq!(boundary(0.25, -0.5).unwrap().unit(), 0.25);
    }
}
