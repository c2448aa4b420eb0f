//! Centring and scaling by statistics that outliers do not move: z = (x − median) / (quantile range), feature by
//! feature.

use ndarray::Array2;

use super::shift::Shift;
use crate::model::invalid::{Invalid, parameter};

const NAME: &str = "RobustScaler";

/// scikit-learn's `RobustScaler`, fitted.
#[derive(Clone, PartialEq, Debug)]
pub struct RobustScaler(Shift);

impl RobustScaler {
    /// A scaler of rows with `width` features that subtracts `center` and divides by `scale`. Each of the two may be
    /// absent, and has one number a feature.
    ///
    /// # Errors
    /// When there are too few or too many numbers, one is not finite, or a scale is not above 0.
    pub(in crate::model) fn new(
        width: usize,
        center: Option<Vec<f64>>,
        scale: Option<Vec<f64>>,
    ) -> Result<Self, Invalid> {
        Shift::new(width, center, scale, [parameter(NAME, "center_"), parameter(NAME, "scale_")]).map(Self)
    }

    /// How many features a row has.
    pub fn width(&self) -> usize {
        self.0.width
    }

    /// Subtracted from each feature: its median in training.
    pub fn center(&self) -> Option<&[f64]> {
        self.0.centre.as_deref()
    }

    /// The divisor of each feature after that: the distance of its quantiles, from the first to the third quartile
    /// unless set otherwise.
    pub fn scale(&self) -> Option<&[f64]> {
        self.0.scale.as_deref()
    }

    /// One quantile range to both sides of the median.
    pub(super) fn usual(&self) -> Option<Vec<(f64, f64)>> {
        self.0.around(1.0)
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.0.heap_bytes()
    }

    pub(super) fn apply(&self, rows: Array2<f64>) -> Array2<f64> {
        self.0.apply(rows)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn each_feature_is_centred_by_its_median_and_scaled_by_its_quantiles() {
        let scaler = RobustScaler::new(2, Some(vec![10.0, 2.0]), Some(vec![5.0, 0.5])).unwrap();
        assert_eq!(scaler.apply(array![[10.0, 1.0], [20.0, 3.0]]), array![[0.0, -2.0], [2.0, 2.0]]);
        assert_eq!(scaler.usual(), Some(vec![(5.0, 15.0), (1.5, 2.5)]));
    }

    #[test]
    fn an_error_names_the_scaler_and_its_parameter() {
        let error = RobustScaler::new(1, None, Some(vec![0.0])).unwrap_err().to_string();
        assert_eq!(error, "scale_ of RobustScaler is 0, expected a finite number above 0");
    }
}
