//! A given range for each feature: y = x · scale + min, clipped to the range if so set.

use std::ops::RangeInclusive;

use ndarray::Array2;

use crate::model::invalid::{Invalid, parameter};

const NAME: &str = "MinMaxScaler";

/// The parameters as files hold them.
#[derive(Clone, PartialEq, Debug)]
pub struct Params {
    /// The factor of each feature.
    pub scale: Vec<f64>,
    /// Added to each feature after that.
    pub min: Vec<f64>,
    /// The range to which results are clipped; `None` when they are not.
    pub clip: Option<(f64, f64)>,
    /// The smallest and the largest value of each feature in training; `None` when not known.
    pub seen: Option<Vec<(f64, f64)>>,
}

/// scikit-learn's `MinMaxScaler`, fitted.
#[derive(Clone, PartialEq, Debug)]
pub struct MinMaxScaler {
    scale: Box<[f64]>,
    min: Box<[f64]>,
    clip: Option<RangeInclusive<f64>>,
    seen: Option<Box<[(f64, f64)]>>,
}

impl MinMaxScaler {
    /// Checks the parameters.
    ///
    /// # Errors
    /// When lengths do not agree, a number is not finite, a scale is not above 0, or a range is empty.
    pub(in crate::model) fn new(params: Params) -> Result<Self, Invalid> {
        let Params { scale, min, clip, seen } = params;
        parameter(NAME, "scale_").all_positive(&scale)?;
        parameter(NAME, "min_").length(min.len(), scale.len(), "features")?;
        parameter(NAME, "min_").all_finite(&min)?;
        if let Some((low, high)) = clip
            && !(low.is_finite() && high.is_finite() && low < high)
        {
            let found = format!("{low} to {high}");
            return Err(parameter(NAME, "feature_range").invalid(found, "a finite number and a greater one"));
        }
        if let Some(seen) = &seen {
            parameter(NAME, "data_min_").length(seen.len(), scale.len(), "features")?;
            seen.iter().try_for_each(|(low, high)| {
                parameter(NAME, "data_min_").finite(*low)?;
                parameter(NAME, "data_max_").finite(*high)
            })?;
        }
        Ok(Self {
            scale: scale.into(),
            min: min.into(),
            clip: clip.map(|(low, high)| low..=high),
            seen: seen.map(Vec::into_boxed_slice),
        })
    }

    /// The parameters from which this was made.
    pub fn params(&self) -> Params {
        Params {
            scale: self.scale.to_vec(),
            min: self.min.to_vec(),
            clip: self.clip.as_ref().map(|range| (*range.start(), *range.end())),
            seen: self.seen.as_ref().map(|seen| seen.to_vec()),
        }
    }

    /// How many features a row has.
    pub fn width(&self) -> usize {
        self.scale.len()
    }

    /// The smallest and the largest value of each feature in training; `None` when the file does not say.
    pub fn seen(&self) -> Option<&[(f64, f64)]> {
        self.seen.as_deref()
    }

    pub(super) fn heap_bytes(&self) -> usize {
        size_of_val(&*self.scale) + size_of_val(&*self.min) + self.seen.as_deref().map_or(0, size_of_val)
    }

    /// An infinity stays infinite: clipped, it would look like a reading at the end of the range.
    pub(super) fn apply(&self, mut rows: Array2<f64>) -> Array2<f64> {
        for mut row in rows.rows_mut() {
            for ((x, scale), min) in row.iter_mut().zip(&self.scale).zip(&self.min) {
                let scaled = *x * scale + min;
                *x = match &self.clip {
                    Some(range) if !x.is_infinite() => scaled.clamp(*range.start(), *range.end()),
                    _ => scaled,
                };
            }
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn params() -> Params {
        Params { scale: vec![0.5], min: vec![-1.0], clip: Some((0.0, 1.0)), seen: Some(vec![(2.0, 4.0)]) }
    }

    #[test]
    fn a_feature_is_brought_into_the_range_and_clipped_only_if_so_set() {
        let rows = array![[1.0], [3.0], [9.0]];
        let clipping = MinMaxScaler::new(params()).unwrap();
        assert_eq!(clipping.apply(rows.clone()), array![[0.0], [0.5], [1.0]]);
        let plain = MinMaxScaler::new(Params { clip: None, ..params() }).unwrap();
        assert_eq!(plain.apply(rows), array![[-0.5], [0.5], [3.5]]);
    }

    #[test]
    fn clipping_hides_neither_nan_nor_an_infinity() {
        let clipped = MinMaxScaler::new(params()).unwrap().apply(array![[f64::NAN], [f64::INFINITY], [f64::MAX]]);
        assert!(clipped[[0, 0]].is_nan());
        assert_eq!((clipped[[1, 0]], clipped[[2, 0]]), (f64::INFINITY, 1.0));
    }

    #[test]
    fn parameters_that_do_not_fit_are_refused() {
        for wrong in [
            Params { scale: vec![0.0], ..params() },
            Params { min: vec![], ..params() },
            Params { clip: Some((1.0, 0.0)), ..params() },
            Params { clip: Some((f64::NAN, 0.0)), ..params() },
            Params { seen: Some(vec![]), ..params() },
        ] {
            assert!(MinMaxScaler::new(wrong.clone()).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn the_parameters_come_back_as_they_went_in() {
        assert_eq!(MinMaxScaler::new(params()).unwrap().params(), params());
    }
}
