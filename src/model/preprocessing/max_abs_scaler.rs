//! Scaling by the largest magnitude: y = x / scale, feature by feature, clipped to −1 to 1 if so set.

use ndarray::Array2;

use crate::model::invalid::{Invalid, parameter};

const NAME: &str = "MaxAbsScaler";

/// The rule for values beyond the range seen in training.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Beyond {
    /// They stay outside of the range.
    Kept,
    /// They become the end of the range.
    Clipped,
}

/// scikit-learn's `MaxAbsScaler`, fitted.
#[derive(Clone, PartialEq, Debug)]
pub struct MaxAbsScaler {
    scale: Box<[f64]>,
    beyond: Beyond,
}

impl MaxAbsScaler {
    /// A scaler that divides by `scale`, which holds for each feature its largest magnitude in training, or 1 when that
    /// was 0.
    ///
    /// # Errors
    /// When a number is not finite, or not above 0.
    pub(in crate::model) fn new(scale: Vec<f64>, beyond: Beyond) -> Result<Self, Invalid> {
        parameter(NAME, "scale_").all_positive(&scale)?;
        Ok(Self { scale: scale.into(), beyond })
    }

    /// How many features a row has.
    pub fn width(&self) -> usize {
        self.scale.len()
    }

    /// The divisor of each feature.
    pub fn scale(&self) -> &[f64] {
        &self.scale
    }

    /// How values outside of the training's range are treated.
    pub fn beyond(&self) -> Beyond {
        self.beyond
    }

    pub(super) fn heap_bytes(&self) -> usize {
        size_of_val(&*self.scale)
    }

    /// An infinity stays infinite: clipped, it would look like a reading at the end of the range.
    pub(super) fn apply(&self, mut rows: Array2<f64>) -> Array2<f64> {
        for mut row in rows.rows_mut() {
            for (x, scale) in row.iter_mut().zip(&self.scale) {
                *x /= scale;
                if self.beyond == Beyond::Clipped && !x.is_infinite() {
                    *x = x.clamp(-1.0, 1.0);
                }
            }
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn the_largest_magnitude_of_training_becomes_one() {
        let rows = array![[-4.0, 1.0], [8.0, f64::INFINITY]];
        let kept = MaxAbsScaler::new(vec![4.0, 2.0], Beyond::Kept).unwrap();
        assert_eq!(kept.apply(rows.clone()), array![[-1.0, 0.5], [2.0, f64::INFINITY]]);
        let clipped = MaxAbsScaler::new(vec![4.0, 2.0], Beyond::Clipped).unwrap();
        assert_eq!(clipped.apply(rows), array![[-1.0, 0.5], [1.0, f64::INFINITY]]);
    }

    #[test]
    fn a_scale_that_cannot_be_divided_by_is_refused() {
        assert!(MaxAbsScaler::new(vec![0.0], Beyond::Kept).is_err());
    }
}
