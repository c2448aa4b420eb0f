//! Replaces each number by its rank in the training data: the output is uniformly or normally distributed.

use ndarray::{Array2, s};

use super::normal;
use crate::model::invalid::{Invalid, parameter};

const NAME: &str = "QuantileTransformer";

/// How close to 0 and 1 a probability may come: scikit-learn's `BOUNDS_THRESHOLD`.
const THRESHOLD: f64 = 1e-7;

/// How far below the quantile before it a quantile may be, as a share of it.
const ROUNDING: f64 = 64.0 * f64::EPSILON;

/// The distribution of the output.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Distribution {
    /// From 0 to 1, all alike.
    Uniform,
    /// From 0 to 1, but kept a ten-millionth away from both, as the normal one is: scikit-learn up to 0.20.
    UniformWithin,
    /// The standard normal distribution.
    Normal,
}

/// The parameters as files hold them.
#[derive(Clone, PartialEq, Debug)]
pub struct Params {
    /// How many features a row has.
    pub width: usize,
    /// The probabilities, ascending from 0 to 1.
    pub references: Vec<f64>,
    /// The quantile of each feature at each probability: all features at the first probability, then at the second.
    pub quantiles: Vec<f64>,
    /// The distribution of the output.
    pub output: Distribution,
}

/// scikit-learn's `QuantileTransformer`, fitted.
#[derive(Clone, PartialEq, Debug)]
pub struct QuantileTransformer {
    references: Box<[f64]>,
    /// By feature, so that the search for a number reads contiguous memory.
    quantiles: Array2<f64>,
    output: Distribution,
}

impl QuantileTransformer {
    /// Checks the parameters.
    ///
    /// # Errors
    /// When there are no quantiles, lengths do not agree, a number is not finite, or the quantiles do not ascend. They
    /// may descend by as much as rounding causes, as those of scikit-learn before 0.23 do: then the one before counts.
    pub(in crate::model) fn new(params: &Params) -> Result<Self, Invalid> {
        let Params { width, references, quantiles, output } = params;
        parameter(NAME, "references_").all_finite(references)?;
        parameter(NAME, "quantiles_").all_finite(quantiles)?;
        let misshapen = || {
            let expected = format!("one for each of {} probabilities and {width} features", references.len());
            parameter(NAME, "quantiles_").invalid(format!("{} numbers", quantiles.len()), expected)
        };
        let by_reference =
            Array2::from_shape_vec((references.len(), *width), quantiles.clone()).map_err(|_| misshapen())?;
        if by_reference.is_empty() {
            return Err(misshapen());
        }
        let ascending = |name| parameter(NAME, name).invalid("not in ascending order", "numbers that ascend");
        if !references.is_sorted() {
            return Err(ascending("references_"));
        }
        let mut quantiles = by_reference.t().as_standard_layout().into_owned();
        for mut of_feature in quantiles.rows_mut() {
            let mut highest = f64::NEG_INFINITY;
            for quantile in &mut of_feature {
                if highest - *quantile > ROUNDING * highest.abs() {
                    return Err(ascending("quantiles_"));
                }
                highest = highest.max(*quantile);
                *quantile = highest;
            }
        }
        Ok(Self { references: references.as_slice().into(), quantiles, output: *output })
    }

    /// The parameters from which this was made.
    pub fn params(&self) -> Params {
        Params {
            width: self.width(),
            references: self.references.to_vec(),
            quantiles: self.quantiles.t().iter().copied().collect(),
            output: self.output,
        }
    }

    /// How many features a row has.
    pub fn width(&self) -> usize {
        self.quantiles.nrows()
    }

    /// How many quantiles of each feature are known.
    pub fn quantiles(&self) -> usize {
        self.references.len()
    }

    /// The distribution of the output.
    pub fn output(&self) -> Distribution {
        self.output
    }

    pub(super) fn heap_bytes(&self) -> usize {
        size_of_val(&*self.references) + self.quantiles.len() * size_of::<f64>()
    }

    /// The medians.
    pub(super) fn centre(&self) -> Vec<f64> {
        self.at(0.5).collect()
    }

    /// Between which 95 of 100 numbers of training lay.
    pub(super) fn usual(&self) -> Vec<(f64, f64)> {
        self.at(0.025).zip(self.at(0.975)).collect()
    }

    /// The quantile of each feature at a probability.
    fn at(&self, probability: f64) -> impl Iterator<Item = f64> {
        self.quantiles
            .rows()
            .into_iter()
            .map(move |quantiles| upward(probability, &self.references, quantiles.as_slice().unwrap_or_default()))
    }

    pub(super) fn apply(&self, mut rows: Array2<f64>) -> Array2<f64> {
        for (feature, mut column) in rows.columns_mut().into_iter().enumerate() {
            let quantiles = self.quantiles.slice(s![feature, ..]);
            let quantiles = quantiles.as_slice().unwrap_or_default();
            column.mapv_inplace(|x| self.place(x, quantiles));
        }
        rows
    }

    /// NaN stays NaN, and an infinity stays infinite, because it would look like a reading at the end of the range.
    fn place(&self, x: f64, quantiles: &[f64]) -> f64 {
        let (Some(first), Some(last)) = (quantiles.first(), quantiles.last()) else { return x };
        if !x.is_finite() {
            return x;
        }
        // When a quantile repeats, the upward search finds its last place and the downward search its first: the middle
        // counts.
        let between = || 0.5 * (upward(x, quantiles, &self.references) - downward(x, quantiles, &self.references));
        match self.output {
            Distribution::Uniform if x - first == 0.0 => 0.0,
            Distribution::Uniform if x - last == 0.0 => 1.0,
            Distribution::Uniform => between(),
            Distribution::UniformWithin | Distribution::Normal => {
                let margin = THRESHOLD - f64::EPSILON;
                let probability = if x - THRESHOLD < *first {
                    0.0
                } else if x + THRESHOLD > *last {
                    1.0
                } else {
                    between()
                };
                let probability = probability.clamp(margin, 1.0 - margin);
                // The quantile function never decreases, so clipping before it equals clipping behind it.
                if self.output == Distribution::Normal { normal::quantile(probability) } else { probability }
            }
        }
    }
}

/// `numpy.interp(x, xs, ys)`: the line between the two points around `x`; of equal `xs` the last counts.
fn upward(x: f64, xs: &[f64], ys: &[f64]) -> f64 {
    let above = xs.partition_point(|known| *known <= x);
    match (above.checked_sub(1), xs.get(above)) {
        // Between adjacent floats the slope may be infinite.
        (Some(below), Some(_)) if x - xs[below] == 0.0 => ys[below],
        (Some(below), Some(next)) => {
            let slope = (ys[above] - ys[below]) / (next - xs[below]);
            slope * (x - xs[below]) + ys[below]
        }
        (Some(last), None) => ys[last],
        (None, _) => ys[0],
    }
}

/// `numpy.interp(-x, -xs[::-1], -ys[::-1])`: of equal `xs` the first counts.
fn downward(x: f64, xs: &[f64], ys: &[f64]) -> f64 {
    let above = xs.partition_point(|known| *known < x);
    match (above.checked_sub(1), xs.get(above)) {
        (Some(_), Some(next)) if next - x == 0.0 => -ys[above],
        (Some(below), Some(next)) => {
            let slope = (ys[above] - ys[below]) / (next - xs[below]);
            slope * (next - x) - ys[above]
        }
        (Some(last), None) => -ys[last],
        (None, _) => -ys[0],
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn params(output: Distribution) -> Params {
        Params {
            width: 1,
            references: vec![0.0, 0.25, 0.5, 0.75, 1.0],
            quantiles: vec![1.0, 2.0, 2.0, 2.0, 5.0],
            output,
        }
    }

    fn placed(output: Distribution, x: f64) -> f64 {
        QuantileTransformer::new(&params(output)).unwrap().apply(array![[x]])[[0, 0]]
    }

    #[test]
    fn a_number_comes_to_its_place_in_training() {
        // By QuantileTransformer(n_quantiles=5) of these quantiles.
        for (x, place) in [(0.0, 0.0), (1.0, 0.0), (1.5, 0.125), (2.0, 0.5), (3.5, 0.875), (5.0, 1.0), (9.0, 1.0)] {
            let found = placed(Distribution::Uniform, x);
            assert!((found - place).abs() < 1e-15, "{x}: {found} for {place}");
        }
    }

    #[test]
    fn the_ends_of_the_normal_distribution_are_held_where_scikit_learn_holds_them() {
        for (x, place) in [(-9.0, -5.199_337_582_605_575), (9.0, 5.199_337_582_703_42), (2.0, 0.0)] {
            let found = placed(Distribution::Normal, x);
            assert!((found - place).abs() < 1e-13, "{x}: {found} for {place}");
        }
    }

    #[test]
    fn the_ends_of_the_uniform_distribution_are_held_where_old_versions_hold_them() {
        // By scikit-learn 0.20.4.
        for (x, place) in [(1.0, 9.999_999_977_795_54e-8), (5.0 - 5e-8, 0.999_999_900_000_000_3), (2.0, 0.5)] {
            let found = placed(Distribution::UniformWithin, x);
            assert!((found - place).abs() < 1e-15, "{x}: {found} for {place}");
        }
    }

    #[test]
    fn nan_and_infinities_are_not_placed() {
        for output in [Distribution::Uniform, Distribution::UniformWithin, Distribution::Normal] {
            assert!(placed(output, f64::NAN).is_nan());
            assert_eq!(placed(output, f64::INFINITY), f64::INFINITY);
            assert_eq!(placed(output, f64::NEG_INFINITY), f64::NEG_INFINITY);
        }
    }

    #[test]
    fn the_median_and_95_of_100_are_what_is_usual() {
        let transformer = QuantileTransformer::new(&params(Distribution::Uniform)).unwrap();
        assert_eq!(transformer.centre(), [2.0]);
        let (low, high) = transformer.usual()[0];
        assert!((low - 1.1).abs() < 1e-12 && (high - 4.7).abs() < 1e-12, "{low} {high}");
    }

    #[test]
    fn quantiles_that_are_not_one_for_each_probability_are_refused() {
        let params = params(Distribution::Uniform);
        for quantiles in [vec![], vec![1.0; 4], vec![1.0; 6], vec![f64::NAN; 5]] {
            assert!(QuantileTransformer::new(&Params { quantiles, ..params.clone() }).is_err());
        }
        let descending = Params { quantiles: vec![1.0, 2.0, 1.9, 2.0, 5.0], ..params.clone() };
        let error = QuantileTransformer::new(&descending).unwrap_err().to_string();
        assert!(error.contains("quantiles_ of QuantileTransformer is not in ascending order"), "{error}");
        assert!(
            QuantileTransformer::new(&Params { references: vec![0.5, 0.0, 0.6, 0.7, 1.0], ..params.clone() }).is_err()
        );
        let rounded = Params { quantiles: vec![1.0, 2.0, 2.0 - 4e-16, 2.0, 5.0], ..params.clone() };
        assert_eq!(QuantileTransformer::new(&rounded).unwrap().params(), params);
        assert!(QuantileTransformer::new(&Params { references: vec![], quantiles: vec![], ..params.clone() }).is_err());
        assert_eq!(QuantileTransformer::new(&params).unwrap().params(), params);
    }

    #[test]
    fn one_quantile_is_enough() {
        let one = Params { width: 1, references: vec![0.0], quantiles: vec![3.0], output: Distribution::Uniform };
        let placed = QuantileTransformer::new(&one).unwrap().apply(array![[1.0], [3.0], [4.0]]);
        assert_eq!(placed, array![[0.0], [0.0], [0.0]]);
    }
}
