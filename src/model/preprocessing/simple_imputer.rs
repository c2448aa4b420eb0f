//! Replaces missing numbers by a number of their feature. If so set, additional features say which were missing.

use ndarray::Array2;

use super::refusing_nan;
use crate::model::invalid::{Invalid, parameter};

const NAME: &str = "SimpleImputer";

/// The marker of a missing number.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum MissingMarker {
    /// NaN.
    NaN,
    /// A number of its own, such as −999.
    Number(f64),
}

impl MissingMarker {
    /// Whether both mark the same numbers as missing.
    pub(in crate::model) fn is_same(self, other: Self) -> bool {
        match (self, other) {
            (Self::NaN, Self::NaN) => true,
            (Self::Number(number), other @ Self::Number(_)) => other.is(number),
            _ => false,
        }
    }

    /// The output for a number that is not replaced. When NaN is not the marker, NaN becomes an infinity.
    fn keep(self, x: f64) -> f64 {
        match self {
            Self::NaN => x,
            Self::Number(_) => refusing_nan(x),
        }
    }

    fn is(self, x: f64) -> bool {
        match self {
            Self::NaN => x.is_nan(),
            Self::Number(number) => x - number == 0.0,
        }
    }
}

/// The source of the numbers that replace missing ones.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Replacement {
    /// The middle of the training data: a feature's mean, median or most frequent number.
    Middle,
    /// A constant that the model's author set.
    Constant,
}

/// The parameters as files hold them.
#[derive(Clone, PartialEq, Debug)]
pub struct Params {
    /// The marker of missing numbers.
    pub missing: MissingMarker,
    /// Where the replacements come from.
    pub strategy: Replacement,
    /// The replacement of each feature. `None`: the feature had no numbers in training, and is left out.
    pub replacements: Vec<Option<f64>>,
    /// The features whose indicators follow all other features: 1 when the number was missing, 0 otherwise.
    pub indicators: Vec<usize>,
}

/// scikit-learn's `SimpleImputer`, fitted.
#[derive(Clone, PartialEq, Debug)]
pub struct SimpleImputer {
    missing: MissingMarker,
    strategy: Replacement,
    replacements: Box<[Option<f64>]>,
    indicators: Box<[usize]>,
}

impl SimpleImputer {
    /// Checks the parameters.
    ///
    /// # Errors
    /// When a number is not finite, or indicators are of a feature that does not exist, or are not in the order of the
    /// features.
    pub(in crate::model) fn new(params: Params) -> Result<Self, Invalid> {
        let Params { missing, strategy, replacements, indicators } = params;
        replacements.iter().flatten().try_for_each(|number| parameter(NAME, "statistics_").finite(*number))?;
        if let MissingMarker::Number(number) = missing {
            parameter(NAME, "missing_values").finite(number)?;
        }
        let features = parameter(NAME, "indicator_.features_");
        if let Some(beyond) = indicators.iter().find(|feature| **feature >= replacements.len()) {
            return Err(features.invalid(beyond, format!("one of the {} features", replacements.len())));
        }
        if !indicators.is_sorted_by(|feature, next| feature < next) {
            return Err(features.invalid("in another order", "features in their order, each at most once"));
        }
        Ok(Self { missing, strategy, replacements: replacements.into(), indicators: indicators.into() })
    }

    /// The parameters from which this was made.
    pub fn params(&self) -> Params {
        Params {
            missing: self.missing,
            strategy: self.strategy,
            replacements: self.replacements.to_vec(),
            indicators: self.indicators.to_vec(),
        }
    }

    /// The number of features of an input row.
    pub fn width(&self) -> usize {
        self.replacements.len()
    }

    /// The number of features of an output row.
    pub fn output_width(&self) -> usize {
        self.replacements.iter().flatten().count() + self.indicators.len()
    }

    /// The marker of missing numbers.
    pub fn missing(&self) -> MissingMarker {
        self.missing
    }

    /// The replacement of each feature; `None` for a feature that is left out.
    pub fn replacements(&self) -> &[Option<f64>] {
        &self.replacements
    }

    /// Whether all input features are in the output at their places, and no others.
    pub(super) fn keeps_features(&self) -> bool {
        self.output_width() == self.width() && self.indicators.is_empty()
    }

    pub(super) fn heap_bytes(&self) -> usize {
        size_of_val(&*self.replacements) + size_of_val(&*self.indicators)
    }

    /// The replacements, when they are the middle of the training data. A feature that is left out may be anything.
    pub(super) fn centre(&self) -> Option<Vec<f64>> {
        let middle = || self.replacements.iter().map(|number| number.unwrap_or(0.0)).collect();
        (self.strategy == Replacement::Middle).then(middle)
    }

    pub(super) fn apply(&self, rows: Array2<f64>) -> Array2<f64> {
        let mut imputed = Array2::zeros((rows.nrows(), self.output_width()));
        for (row, mut out) in rows.rows().into_iter().zip(imputed.rows_mut()) {
            let kept = row.iter().zip(&self.replacements).filter_map(|(x, replacement)| {
                replacement.map(|replacement| if self.missing.is(*x) { replacement } else { self.missing.keep(*x) })
            });
            let said = self.indicators.iter().map(|feature| f64::from(u8::from(self.missing.is(row[*feature]))));
            out.iter_mut().zip(kept.chain(said)).for_each(|(place, x)| *place = x);
        }
        imputed
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    const NAN: f64 = f64::NAN;

    fn params() -> Params {
        Params {
            missing: MissingMarker::NaN,
            strategy: Replacement::Middle,
            replacements: vec![Some(1.5), None, Some(7.0)],
            indicators: vec![],
        }
    }

    #[test]
    fn nan_is_replaced_and_a_feature_without_numbers_is_left_out() {
        let imputer = SimpleImputer::new(params()).unwrap();
        assert_eq!((imputer.width(), imputer.output_width(), imputer.keeps_features()), (3, 2, false));
        assert_eq!(imputer.apply(array![[NAN, 1.0, 2.0], [3.0, NAN, NAN]]), array![[1.5, 2.0], [3.0, 7.0]]);
    }

    #[test]
    fn a_number_of_its_own_can_stand_for_what_is_missing() {
        let imputer = SimpleImputer::new(Params { missing: MissingMarker::Number(-999.0), ..params() }).unwrap();
        let imputed = imputer.apply(array![[-999.0, 0.0, NAN]]);
        assert_eq!(imputed, array![[1.5, f64::INFINITY]]);
    }

    #[test]
    fn what_was_missing_is_said_behind_the_features() {
        let imputer = SimpleImputer::new(Params { indicators: vec![1, 2], ..params() }).unwrap();
        assert_eq!(imputer.output_width(), 4);
        assert_eq!(
            imputer.apply(array![[1.0, NAN, 2.0], [3.0, 4.0, NAN]]),
            array![[1.0, 2.0, 1.0, 0.0], [3.0, 7.0, 0.0, 1.0]]
        );
    }

    #[test]
    fn a_constant_is_no_centre() {
        assert_eq!(SimpleImputer::new(params()).unwrap().centre(), Some(vec![1.5, 0.0, 7.0]));
        assert_eq!(SimpleImputer::new(Params { strategy: Replacement::Constant, ..params() }).unwrap().centre(), None);
    }

    #[test]
    fn parameters_that_do_not_fit_are_refused() {
        for wrong in [
            Params { replacements: vec![Some(f64::INFINITY); 3], ..params() },
            Params { missing: MissingMarker::Number(NAN), ..params() },
            Params { indicators: vec![3], ..params() },
            Params { indicators: vec![0; 4], ..params() },
            Params { indicators: vec![2, 1], ..params() },
        ] {
            assert!(SimpleImputer::new(wrong.clone()).is_err(), "{wrong:?}");
        }
        assert_eq!(SimpleImputer::new(params()).unwrap().params(), params());
    }
}
