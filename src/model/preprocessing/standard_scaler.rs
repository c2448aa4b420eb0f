//! Centring and scaling: z = (x − mean) / scale, feature by feature.

/// scikit-learn's `StandardScaler`, fitted.
#[derive(Clone, PartialEq, Debug)]
pub struct StandardScaler {
    mean: Option<Box<[f64]>>,
    scale: Option<Box<[f64]>>,
}

impl StandardScaler {
    /// A scaler that subtracts `mean` and divides by `scale`, one number a feature, where given.
    pub(in crate::model) fn new(mean: Option<Vec<f64>>, scale: Option<Vec<f64>>) -> Self {
        Self { mean: mean.map(Vec::into_boxed_slice), scale: scale.map(Vec::into_boxed_slice) }
    }

    /// What is subtracted from each feature.
    pub fn mean(&self) -> Option<&[f64]> {
        self.mean.as_deref()
    }

    /// What each feature is then divided by.
    pub fn scale(&self) -> Option<&[f64]> {
        self.scale.as_deref()
    }

    /// Divides, as scikit-learn does: a multiplication by the inverse would round differently.
    pub(super) fn apply(&self, rows: &mut [f64], width: usize) {
        for row in rows.chunks_exact_mut(width) {
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
    use super::*;

    fn scaled(mean: Option<Vec<f64>>, scale: Option<Vec<f64>>) -> [f64; 4] {
        let mut rows = [10.0, 1.0, 20.0, 3.0];
        StandardScaler::new(mean, scale).apply(&mut rows, 2);
        rows
    }

    #[test]
    fn each_feature_is_centred_and_then_scaled() {
        assert_eq!(scaled(Some(vec![10.0, 2.0]), Some(vec![5.0, 0.5])), [0.0, -2.0, 2.0, 2.0]);
    }

    #[test]
    fn what_was_switched_off_is_left_out() {
        assert_eq!(scaled(None, Some(vec![5.0, 0.5])), [2.0, 2.0, 4.0, 6.0]);
        assert_eq!(scaled(Some(vec![10.0, 2.0]), None), [0.0, -1.0, 10.0, 1.0]);
        assert_eq!(scaled(None, None), [10.0, 1.0, 20.0, 3.0]);
    }
}
