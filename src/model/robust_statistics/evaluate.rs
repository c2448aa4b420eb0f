//! The error of each row: the error of its strangest feature.

use ndarray::{ArrayView1, ArrayView2};

use super::params::{RobustStatistics, Rule};

/// The factor that makes a median absolute deviation a standard deviation, for normal data: 1 / Φ⁻¹(¾).
const CONSISTENCY: f64 = 1.4826;

impl RobustStatistics {
    /// The decision values of rows of [`width`](Self::width) features.
    pub(in crate::model) fn decide(&self, rows: ArrayView2<'_, f64>) -> Vec<f64> {
        rows.rows().into_iter().map(|row| self.boundary.decision(self.rule.error(row))).collect()
    }
}

impl Rule {
    fn error(&self, row: ArrayView1<'_, f64>) -> f64 {
        let worst = f64::NEG_INFINITY;
        match self {
            Self::Mad { median, mad } => row
                .iter()
                .zip(median.iter().zip(mad))
                .map(|(x, (median, mad))| (x - median).abs() / (CONSISTENCY * mad))
                .fold(worst, f64::max),
            Self::Quantiles { low, high } => row
                .iter()
                .zip(low.iter().zip(high))
                .map(|(x, (low, high))| (low - x).max(x - high) / (high - low))
                .fold(worst, f64::max),
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::super::Params;
    use super::*;
    use crate::verdict::Label;

    fn mad(median: Vec<f64>, mad: Vec<f64>) -> Params {
        Params { rule: Rule::Mad { median, mad }, offset: Some(-3.5) }
    }

    fn quantiles(low: Vec<f64>, high: Vec<f64>) -> Params {
        Params { rule: Rule::Quantiles { low, high }, offset: Some(0.0) }
    }

    #[test]
    fn by_deviation_the_strangest_feature_counts() {
        let detector = RobustStatistics::new(mad(vec![10.0, 0.0], vec![1.0, 2.0])).unwrap();
        let decisions = detector.decide(array![[10.0, 0.0], [10.0, -2.9652], [11.4826, 29.652]].view());
        for (decision, error) in decisions.iter().zip([0.0, 1.0, 10.0]) {
            assert!((decision - (3.5 - error)).abs() < 1e-12, "{decision}");
        }
        assert_eq!((detector.unit(), detector.centre()), (3.5, vec![10.0, 0.0]));
    }

    #[test]
    fn by_quantiles_the_edges_of_the_range_are_normal() {
        let detector = RobustStatistics::new(quantiles(vec![0.1, -1.0], vec![0.7, 1.0])).unwrap();
        let decisions = detector.decide(array![[0.1, 0.0], [0.7, 0.0], [0.3, 2.0], [0.0, 0.0], [0.3, 0.5]].view());
        let labels = [Label::Normal, Label::Normal, Label::Anomaly, Label::Anomaly, Label::Normal];
        assert_eq!(decisions.iter().copied().map(Label::anomaly_below_zero).collect::<Vec<_>>(), labels);
        // As far above the range as half of its width.
        assert_eq!(decisions[2], -0.5);
        assert_eq!((detector.unit(), detector.centre()[1]), (0.5, 0.0));
    }

    #[test]
    fn parameters_that_do_not_fit_are_refused() {
        let refused = [
            mad(vec![], vec![]),
            mad(vec![1.0], vec![]),
            mad(vec![1.0], vec![0.0]),
            mad(vec![f64::NAN], vec![1.0]),
            quantiles(vec![1.0], vec![1.0]),
            quantiles(vec![2.0], vec![1.0]),
            quantiles(vec![-f64::MAX], vec![f64::MAX]),
            quantiles(vec![0.0, 0.0], vec![1.0]),
        ];
        for params in refused {
            assert!(RobustStatistics::new(params.clone()).is_err(), "{params:?}");
        }
    }
}
