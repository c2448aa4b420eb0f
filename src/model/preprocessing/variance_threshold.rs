//! Leaves out the features that hardly varied in training.

use ndarray::{Array2, Axis};

use crate::model::invalid::{Invalid, parameter};

const NAME: &str = "VarianceThreshold";

/// scikit-learn's `VarianceThreshold`, fitted.
#[derive(Clone, PartialEq, Debug)]
pub struct VarianceThreshold {
    width: usize,
    kept: Box<[usize]>,
}

impl VarianceThreshold {
    /// Keeps these features of `width`, counted from zero.
    ///
    /// # Errors
    /// When no feature is kept, one does not exist, they do not ascend, or there are more than rows may have.
    pub(in crate::model) fn new(width: usize, kept: Vec<usize>) -> Result<Self, Invalid> {
        parameter(NAME, "n_features_in_").width(width)?;
        let features = parameter(NAME, "kept");
        if kept.is_empty() {
            return Err(features.invalid("nothing", "at least one feature"));
        }
        if let Some(beyond) = kept.iter().find(|feature| **feature >= width) {
            return Err(features.invalid(beyond, format!("one of the {width} features, counted from 0")));
        }
        if !kept.is_sorted_by(|a, b| a < b) {
            return Err(features.invalid("in another order", "ascending features, each there once"));
        }
        Ok(Self { width, kept: kept.into() })
    }

    /// The number of features of an input row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The features that are kept, ascending, counted from zero.
    pub fn kept(&self) -> &[usize] {
        &self.kept
    }

    pub(super) fn heap_bytes(&self) -> usize {
        size_of_val(&*self.kept)
    }

    /// What is known of the input features, from what is known of the output features; `untaken` for one that is left
    /// out.
    pub(super) fn spread<T: Clone>(&self, known: &[T], untaken: T) -> Vec<T> {
        let mut spread = vec![untaken; self.width];
        for (feature, known) in self.kept.iter().zip(known) {
            spread[*feature] = known.clone();
        }
        spread
    }

    pub(super) fn apply(&self, rows: Array2<f64>) -> Array2<f64> {
        rows.select(Axis(1), &self.kept)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn the_features_that_are_kept_stand_in_their_order() {
        let step = VarianceThreshold::new(3, vec![0, 2]).unwrap();
        assert_eq!(step.apply(array![[1.0, 2.0, 3.0], [4.0, f64::NAN, 6.0]]), array![[1.0, 3.0], [4.0, 6.0]]);
        assert_eq!(step.spread(&['a', 'b'], '-'), ['a', '-', 'b']);
    }

    #[test]
    fn features_that_are_not_there_are_refused() {
        for kept in [vec![], vec![3], vec![1, 0], vec![1, 1]] {
            assert!(VarianceThreshold::new(3, kept).is_err());
        }
    }
}
