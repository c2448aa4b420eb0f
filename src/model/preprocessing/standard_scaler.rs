//! Centring and scaling: z = (x − mean) / scale, feature by feature.

use ndarray::Array2;

use super::shift::Shift;
use crate::model::invalid::{Invalid, parameter};

const NAME: &str = "StandardScaler";

/// scikit-learn's `StandardScaler`, fitted.
#[derive(Clone, PartialEq, Debug)]
pub struct StandardScaler(Shift);

impl StandardScaler {
    /// A scaler of rows with `width` features that subtracts `mean` and divides by `scale`. Each of the two may be
    /// absent, and has one number a feature.
    ///
    /// # Errors
    /// When there are too few or too many numbers, one is not finite, or a scale is not above 0.
    pub(in crate::model) fn new(
        width: usize,
        mean: Option<Vec<f64>>,
        scale: Option<Vec<f64>>,
    ) -> Result<Self, Invalid> {
        Shift::new(width, mean, scale, [parameter(NAME, "mean_"), parameter(NAME, "scale_")]).map(Self)
    }

    /// How many features a row has.
    pub fn width(&self) -> usize {
        self.0.width
    }

    /// Subtracted from each feature.
    pub fn mean(&self) -> Option<&[f64]> {
        self.0.centre.as_deref()
    }

    /// The divisor of each feature after that: its standard deviation in training, or 1 when it did not vary.
    pub fn scale(&self) -> Option<&[f64]> {
        self.0.scale.as_deref()
    }

    /// Two standard deviations to both sides of the mean.
    pub(super) fn usual(&self) -> Option<Vec<(f64, f64)>> {
        self.0.around(2.0)
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
    use ndarray::{Array2, array};

    use super::*;

    fn scaled(mean: Option<Vec<f64>>, scale: Option<Vec<f64>>) -> Array2<f64> {
        StandardScaler::new(2, mean, scale).unwrap().apply(array![[10.0, 1.0], [20.0, 3.0]])
    }

    #[test]
    fn each_feature_is_centred_and_then_scaled() {
        assert_eq!(scaled(Some(vec![10.0, 2.0]), Some(vec![5.0, 0.5])), array![[0.0, -2.0], [2.0, 2.0]]);
    }

    #[test]
    fn what_was_switched_off_is_left_out() {
        assert_eq!(scaled(None, Some(vec![5.0, 0.5])), array![[2.0, 2.0], [4.0, 6.0]]);
        assert_eq!(scaled(Some(vec![10.0, 2.0]), None), array![[0.0, -1.0], [10.0, 1.0]]);
        assert_eq!(scaled(None, None), array![[10.0, 1.0], [20.0, 3.0]]);
    }

    #[test]
    fn a_scale_that_cannot_be_divided_by_is_refused() {
        for scale in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(StandardScaler::new(1, None, Some(vec![scale])).is_err(), "{scale}");
        }
        assert!(StandardScaler::new(2, Some(vec![1.0]), None).is_err());
    }

    #[test]
    fn two_standard_deviations_around_the_mean_are_usual() {
        let scaler = StandardScaler::new(1, Some(vec![10.0]), Some(vec![3.0])).unwrap();
        assert_eq!(scaler.usual(), Some(vec![(4.0, 16.0)]));
        assert_eq!(StandardScaler::new(1, None, Some(vec![3.0])).unwrap().usual(), None);
    }
}
