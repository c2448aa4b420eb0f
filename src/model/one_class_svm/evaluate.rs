//! The sum over the support vectors: the hot loop of the daemon.

use ndarray::{ArrayView1, ArrayView2};

use super::exp::exp_nonpositive;
use super::params::{LANES, OneClassSvm};
use crate::verdict::Label;

impl OneClassSvm {
    /// The decision values of rows of [`width`](Self::width) features.
    ///
    /// Each row is summed by itself, and always in the same order, so its value depends neither on its neighbours nor
    /// on the machine: every [`LANES`]th support vector together, then those sums by halves, then the intercept.
    /// Distances are summed from differences: expanding the square would cancel on data that was not scaled.
    pub(in crate::model) fn decide(&self, rows: ArrayView2<'_, f64>) -> Vec<f64> {
        let mut kernel = vec![0.0; self.coefficients.len()];
        rows.rows().into_iter().map(|row| self.decide_row(row, &mut kernel)).collect()
    }

    /// Three plain loops over `kernel`, a number a support vector: the compiler makes vectors of such, and of a single
    /// loop that does it all it does not.
    fn decide_row(&self, row: ArrayView1<'_, f64>, kernel: &mut [f64]) -> f64 {
        kernel.fill(0.0);
        for (x, feature) in row.iter().zip(self.vectors.chunks_exact(kernel.len())) {
            for (distance, value) in kernel.iter_mut().zip(feature) {
                let difference = x - value;
                *distance += difference * difference;
            }
        }
        for value in kernel.iter_mut() {
            *value = exp_nonpositive(-self.gamma * *value);
        }
        let mut sums = [0.0; LANES];
        for (values, weights) in kernel.chunks_exact(LANES).zip(self.coefficients.chunks_exact(LANES)) {
            for ((sum, value), weight) in sums.iter_mut().zip(values).zip(weights) {
                *sum += weight * value;
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
    use ndarray::{Array2, Axis};
    use proptest::prelude::*;
    use smartcore::svm::{Kernel, Kernels};

    use super::super::Params;
    use super::*;

    /// A detector of `width` features, and rows for it.
    fn case() -> impl Strategy<Value = (Params, Array2<f64>)> {
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
            let rows = numbers(rows * width)
                .prop_map(move |rows| Array2::from_shape_vec((rows.len() / width, width), rows).unwrap());
            (params, rows)
        })
    }

    proptest! {
        #[test]
        fn decisions_agree_with_an_independent_kernel((params, rows) in case()) {
            let decisions = OneClassSvm::new(&params).unwrap().decide(rows.view());
            // Its kernel takes any gamma but zero.
            let kernel = Kernels::rbf().with_gamma(params.gamma.max(f64::MIN_POSITIVE));
            for (row, decision) in rows.rows().into_iter().zip(decisions) {
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
            let svm = OneClassSvm::new(&params).unwrap();
            let alone: Vec<_> = rows.rows().into_iter().flat_map(|row| svm.decide(row.insert_axis(Axis(0)))).collect();
            let together = svm.decide(rows.view());
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
