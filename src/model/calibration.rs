//! Setting a detector's offset: given, or such that a given share of rows are anomalies.

use ndarray::ArrayView2;

use super::formats::printable::printable;
use super::{Detector, EvaluateError, Invalid, Model};

/// The share of rows that the offset makes anomalies.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Contamination(f64);

/// The text is no share of rows.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("not a share of rows; write it as 0.01, above 0 and at most 0.5")]
pub struct ContaminationError;

impl Contamination {
    /// The share.
    pub fn share(self) -> f64 {
        self.0
    }

    /// Reads a share above 0 and at most a half, as scikit-learn bounds it.
    ///
    /// # Errors
    /// When the text is no such share.
    pub fn parse(text: &str) -> Result<Self, ContaminationError> {
        let share = text.parse().map_err(|_| ContaminationError)?;
        if share > 0.0 && share <= 0.5 { Ok(Self(share)) } else { Err(ContaminationError) }
    }
}

/// Why an offset cannot be set.
#[derive(Debug, thiserror::Error)]
pub enum CalibrateError {
    /// There are no rows to set the offset from.
    #[error("no rows to calibrate with")]
    NoRows,
    /// The model cannot evaluate a row.
    #[error(transparent)]
    Evaluate(#[from] EvaluateError),
    /// The detector cannot have the offset.
    #[error(transparent)]
    Invalid(#[from] Invalid),
}

impl Model {
    /// This model with another offset, as scikit-learn defines it: a decision value is the row's score less the offset.
    /// For a network that gives one number, `offset` is the number from which on it is anomalous. The hash remains that
    /// of the file.
    ///
    /// # Errors
    /// When the detector cannot have this offset, because every row would be an anomaly.
    pub fn with_offset(&self, offset: f64) -> Result<Self, CalibrateError> {
        let offset = match &self.detector {
            Detector::Network(network) => network.offset_of(offset),
            _ => offset,
        };
        self.with_offset_or_none(Some(offset))
    }

    /// This model with the offset by which `contamination` of the rows are anomalies. The offset is that quantile of
    /// the rows' scores (scikit-learn's `score_samples`).
    ///
    /// # Errors
    /// When there are no rows, or the model cannot evaluate them.
    pub fn calibrated(
        &self,
        rows: ArrayView2<'_, f64>,
        Contamination(share): Contamination,
    ) -> Result<Self, CalibrateError> {
        let scores = self.with_offset_or_none(None)?.evaluate(rows)?;
        let mut scores = scores.iter().map(|evaluation| evaluation.decision).collect::<Vec<_>>();
        scores.sort_by(f64::total_cmp);
        self.with_offset_or_none(Some(quantile(&scores, share).ok_or(CalibrateError::NoRows)?))
    }

    /// This model with other names for its columns.
    pub fn with_columns(mut self, columns: Vec<String>) -> Self {
        // The names in the form in which they are read back from a file.
        self.metadata.columns = Some(columns.iter().map(|name| printable(name)).collect());
        self
    }

    fn with_offset_or_none(&self, offset: Option<f64>) -> Result<Self, CalibrateError> {
        Ok(Self { detector: self.detector.with_offset(offset)?, ..self.clone() })
    }
}

/// A quantile of sorted numbers, interpolated between neighbours like `numpy.quantile` (Hyndman & Fan, *Sample
/// quantiles in statistical packages*, The American Statistician 50, 1996, definition 7). `None` without numbers.
pub(super) fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let place = share * (sorted.len().checked_sub(1)? as f64);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "from 0 to the last place, and `get` looks again"
    )]
    let below = place.floor() as usize;
    let low = *sorted.get(below)?;
    let high = *sorted.get(below + 1).unwrap_or(&low);
    let weight = place - place.floor();
    // numpy starts from the nearer neighbour.
    Some(if weight < 0.5 { low + (high - low) * weight } else { high - (high - low) * (1.0 - weight) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_numpys() {
        let sorted = [-3.0, -1.0, 0.5, 2.0, 10.0];
        // numpy.quantile([-3, -1, 0.5, 2, 10], [0, 0.01, 0.1, 0.33, 0.5, 0.9, 1]).
        let expected = [-3.0, -2.92, -2.2, -0.519_999_999_999_999_9, 0.5, 6.800000000000001, 10.0];
        for (share, expected) in [0.0, 0.01, 0.1, 0.33, 0.5, 0.9, 1.0].into_iter().zip(expected) {
            assert_eq!(quantile(&sorted, share), Some(expected), "{share}");
        }
        assert_eq!((quantile(&[], 0.5), quantile(&[7.0], 0.3)), (None, Some(7.0)));
    }

    #[test]
    fn a_share_is_above_nothing_and_at_most_a_half() {
        assert!(["0.01", "0.5", "1e-4"].iter().all(|text| Contamination::parse(text).is_ok()));
        assert!(
            ["0", "-0.1", "0.51", "1", "NaN", "inf", "", "1%"].iter().all(|text| Contamination::parse(text).is_err())
        );
    }
}
