//! The sum over the support vectors: the hot loop of the daemon.

use super::exp::exp_nonpositive;
use super::params::{LANES, OneClassSvm};
use crate::verdict::Label;

impl OneClassSvm {
    /// The decision values of rows of [`width`](Self::width) features that lie one after another.
    ///
    /// Each row is summed by itself, and always in the same order, so its value depends neither on its neighbours nor
    /// on the machine: lane by lane over the groups of support vectors, then the lanes by halves, then the intercept.
    /// Distances are summed from differences: expanding the square would cancel on data that was not scaled.
    pub(in crate::model) fn decide(&self, rows: &[f64]) -> Vec<f64> {
        rows.chunks_exact(self.width).map(|row| self.decide_row(row)).collect()
    }

    fn decide_row(&self, row: &[f64]) -> f64 {
        let mut sums = [0.0; LANES];
        for (vectors, coefficients) in self.vectors.chunks_exact(self.width).zip(&self.coefficients) {
            let mut distances = [0.0; LANES];
            for (x, features) in row.iter().zip(vectors) {
                for (distance, feature) in distances.iter_mut().zip(features) {
                    let difference = x - feature;
                    *distance += difference * difference;
                }
            }
            for lane in 0..LANES {
                sums[lane] += coefficients[lane] * exp_nonpositive(-self.gamma * distances[lane]);
            }
        }
        let [a, b, c, d, e, f, g, h] = sums;
        ((a + e) + (c + g)) + ((b + f) + (d + h)) + self.intercept
    }

    /// The label that goes with a decision value. A tie is an anomaly, as in LIBSVM.
    pub(in crate::model) fn label(decision: f64) -> Label {
        if decision > 0.0 { Label::Normal } else { Label::Anomaly }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use smartcore::svm::{Kernel, Kernels};

    use super::super::Params;
    use super::*;

    /// A detector of `width` features, and rows for it.
    fn case() -> impl Strategy<Value = (Params, Vec<f64>)> {
        let number = -5.0..5.0;
        (1_usize..6, 1_usize..40, 1_usize..10).prop_flat_map(move |(width, vectors, rows)| {
            let numbers = |count| proptest::collection::vec(number.clone(), count);
            let params = (numbers(vectors * width), numbers(vectors), -1.0..1.0, 0.0..2.0).prop_map(
                move |(vectors, coefficients, intercept, gamma)| Params {
                    vectors,
                    width,
                    coefficients,
                    intercept,
                    gamma,
                    nu: None,
                },
            );
            (params, numbers(rows * width))
        })
    }

    proptest! {
        #[test]
        fn decisions_agree_with_an_independent_kernel((params, rows) in case()) {
            let decisions = OneClassSvm::new(&params).decide(&rows);
            // Its kernel takes any gamma but zero.
            let kernel = Kernels::rbf().with_gamma(params.gamma.max(f64::MIN_POSITIVE));
            for (row, decision) in rows.chunks_exact(params.width).zip(decisions) {
                let sum: f64 = params
                    .vectors
                    .chunks_exact(params.width)
                    .zip(&params.coefficients)
                    .map(|(vector, alpha)| alpha * kernel.apply(&row.to_vec(), &vector.to_vec()).unwrap())
                    .sum();
                prop_assert!((decision - (sum + params.intercept)).abs() < 1e-12, "{decision} against {sum}");
            }
        }

        #[test]
        fn a_row_is_decided_as_if_it_were_alone((params, rows) in case()) {
            let svm = OneClassSvm::new(&params);
            let alone: Vec<_> = rows.chunks_exact(params.width).flat_map(|row| svm.decide(row)).collect();
            let together = svm.decide(&rows);
            prop_assert!(alone.iter().zip(&together).all(|(a, b)| a.to_bits() == b.to_bits()));
        }
    }

    #[test]
    fn a_tie_is_an_anomaly() {
        assert_eq!(
            [-1.0, 0.0, f64::MIN_POSITIVE].map(OneClassSvm::label),
            [Label::Anomaly, Label::Anomaly, Label::Normal]
        );
    }
}
