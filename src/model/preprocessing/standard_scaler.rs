//! Centring and scaling: z = (x − mean) / scale, feature by feature.

use std::mem::size_of;

use ndarray::ArrayViewMut2;

use crate::model::invalid::{Invalid, parameter};

const NAME: &str = "StandardScaler";

/// scikit-learn's `StandardScaler`, fitted.
#[derive(Clone, PartialEq, Debug)]
pub struct StandardScaler {
    width: usize,
    mean: Option<Box<[f64]>>,
    scale: Option<Box<[f64]>>,
}

impl StandardScaler {
    /// A scaler of rows of `width` features that subtracts `mean` and divides by `scale`, one number a feature, where
    /// given.
    ///
    /// # Errors
    /// When there are too few or too many numbers, one is not finite, or a scale is not above 0.
    pub(in crate::model) fn new(
        width: usize,
        mean: Option<Vec<f64>>,
        scale: Option<Vec<f64>>,
    ) -> Result<Self, Invalid> {
        let (means, scales) = (parameter(NAME, "mean_"), parameter(NAME, "scale_"));
        if let Some(mean) = &mean {
            means.length(mean.len(), width, "features")?;
            means.all_finite(mean)?;
        }
        if let Some(scale) = &scale {
            scales.length(scale.len(), width, "features")?;
            scales.all_positive(scale)?;
        }
        Ok(Self { width, mean: mean.map(Vec::into_boxed_slice), scale: scale.map(Vec::into_boxed_slice) })
    }

    /// How many features a row has.
    pub fn width(&self) -> usize {
        self.width
    }

    /// What is subtracted from each feature.
    pub fn mean(&self) -> Option<&[f64]> {
        self.mean.as_deref()
    }

    /// What each feature is then divided by.
    pub fn scale(&self) -> Option<&[f64]> {
        self.scale.as_deref()
    }

    pub(super) fn heap_bytes(&self) -> usize {
        [&self.mean, &self.scale].into_iter().flatten().map(|numbers| size_of::<f64>() * numbers.len()).sum()
    }

    /// Divides, as scikit-learn does: a multiplication by the inverse would round differently.
    pub(super) fn apply(&self, mut rows: ArrayViewMut2<'_, f64>) {
        // One feature is the common case, and a loop over rows would cost it more than the arithmetic.
        if let (1, Some(column)) = (self.width, rows.as_slice_mut()) {
            if let Some([mean]) = self.mean.as_deref() {
                column.iter_mut().for_each(|x| *x -= mean);
            }
            if let Some([scale]) = self.scale.as_deref() {
                column.iter_mut().for_each(|x| *x /= scale);
            }
            return;
        }
        for mut row in rows.rows_mut() {
            for (x, mean) in row.iter_mut().zip(self.mean.iter().flatten()) {
                *x -= mean;
            }
            for (x, scale) in row.iter_mut().zip(self.scale.iter().flatten()) {
                *x /= scale;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};

    use super::*;

    fn scaled(mean: Option<Vec<f64>>, scale: Option<Vec<f64>>) -> Array2<f64> {
        let mut rows = array![[10.0, 1.0], [20.0, 3.0]];
        StandardScaler::new(2, mean, scale).unwrap().apply(rows.view_mut());
        rows
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
}
