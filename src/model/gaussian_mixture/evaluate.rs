//! The scores.

use ndarray::{ArrayView1, ArrayView2};

use super::params::{Covariance, GaussianMixture};

impl GaussianMixture {
    /// The decision values of rows of [`width`](Self::width) features. Without an offset, 0 is used.
    pub(in crate::model) fn decide(&self, rows: ArrayView2<'_, f64>) -> Vec<f64> {
        let mut scratch = Scratch { away: vec![0.0; self.width()], scores: vec![0.0; self.heights.len()] };
        let offset = self.offset.unwrap_or(0.0);
        rows.rows().into_iter().map(|row| self.score(row, &mut scratch) - offset).collect()
    }

    /// The logarithm of the sum of the components' weighted densities.
    fn score(&self, row: ArrayView1<'_, f64>, Scratch { away, scores }: &mut Scratch) -> f64 {
        let means = self.means.chunks_exact(away.len());
        for (component, ((score, height), mean)) in scores.iter_mut().zip(&self.heights).zip(means).enumerate() {
            // Computed from differences: the squares that scikit-learn expands cancel when values are large beside
            // their spread.
            away.iter_mut().zip(row).zip(mean).for_each(|((away, x), mean)| *away = x - mean);
            *score = height - 0.5 * self.square(component, away);
        }
        let highest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        highest + scores.iter().map(|score| (score - highest).exp()).sum::<f64>().ln()
    }

    /// The square of a difference from a component's mean, in the component's widths.
    fn square(&self, component: usize, away: &[f64]) -> f64 {
        let width = away.len();
        let rotated = |factor: &[f64]| {
            let column = |column: usize| {
                away.iter().zip(factor.iter().skip(column).step_by(width)).map(|(x, entry)| x * entry).sum::<f64>()
            };
            (0..width).map(|place| column(place).powi(2)).sum()
        };
        match self.covariance {
            Covariance::Full => rotated(&self.cholesky[component * width * width..][..width * width]),
            Covariance::Tied => rotated(&self.cholesky),
            Covariance::Diag => {
                let widths = &self.cholesky[component * width..][..width];
                away.iter().zip(widths).map(|(x, width)| (x * width).powi(2)).sum()
            }
            Covariance::Spherical => away.iter().map(|x| (x * self.cholesky[component]).powi(2)).sum(),
        }
    }
}

/// Buffers for the steps of scoring a row.
struct Scratch {
    away: Vec<f64>,
    scores: Vec<f64>,
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use ndarray::{Array2, array};

    use super::super::Params;
    use super::*;

    fn params(covariance: Covariance, cholesky: Array2<f64>) -> Params {
        let means = array![[0.0, 0.0], [10.0, 0.0]];
        Params { weights: vec![0.25, 0.75], means, covariance, cholesky, offset: Some(-20.0) }
    }

    fn all() -> [Params; 4] {
        [
            params(Covariance::Full, array![[1.0, 0.5], [0.0, 2.0], [2.0, 0.0], [0.0, 1.0]]),
            params(Covariance::Tied, array![[1.0, 0.5], [0.0, 2.0]]),
            params(Covariance::Diag, array![[1.0, 2.0], [2.0, 1.0]]),
            params(Covariance::Spherical, array![[2.0], [1.0]]),
        ]
    }

    #[test]
    fn a_score_is_the_logarithm_of_the_density() {
        // At (1, 1) the second component is so far away that it adds nothing.
        let squares = [1.0 + 2.5_f64.powi(2), 1.0 + 2.5_f64.powi(2), 5.0, 8.0];
        let determinants = [2.0_f64, 2.0, 2.0, 4.0];
        for ((params, square), determinant) in all().into_iter().zip(squares).zip(determinants) {
            let mixture = GaussianMixture::new(params.clone()).unwrap();
            let found = mixture.decide(array![[1.0, 1.0]].view())[0];
            let expected = (0.25 * determinant / TAU).ln() - 0.5 * square + 20.0;
            assert!((found - expected).abs() < 1e-12, "{:?}: {found} for {expected}", params.covariance);
            assert_eq!(mixture.params(), params);
            assert!(mixture.unit() > found && mixture.centre() == Some(vec![10.0, 0.0]));
        }
    }

    #[test]
    fn parameters_that_do_not_fit_are_refused() {
        for good in all() {
            assert!(GaussianMixture::new(good.clone()).is_ok());
            let turned = Array2::from_elem(good.cholesky.dim(), -1.0);
            for (why, params) in [
                ("no components", Params { means: Array2::zeros((0, 2)), ..good.clone() }),
                ("a mean of NaN", Params { means: array![[0.0, f64::NAN], [0.0, 0.0]], ..good.clone() }),
                ("a component too many", Params { means: array![[0.0, 0.0]], ..good.clone() }),
                ("a weight below 0", Params { weights: vec![1.5, -0.5], ..good.clone() }),
                ("no weight", Params { weights: vec![0.0, 0.0], ..good.clone() }),
                ("factors of another shape", Params { cholesky: array![[1.0, 1.0, 1.0]], ..good.clone() }),
                ("a width below 0", Params { cholesky: turned, ..good.clone() }),
                ("an endless offset", Params { offset: Some(f64::INFINITY), ..good }),
            ] {
                assert!(GaussianMixture::new(params).is_err(), "{why}");
            }
        }
    }
}
