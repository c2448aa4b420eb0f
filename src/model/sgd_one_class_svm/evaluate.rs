//! The weighted sum of a row.

use ndarray::ArrayView2;

use super::params::SgdOneClassSvm;

impl SgdOneClassSvm {
    /// The decision values of rows of [`width`](Self::width) features.
    pub(in crate::model) fn decide(&self, rows: ArrayView2<'_, f64>) -> Vec<f64> {
        let decide = |row: ndarray::ArrayView1<'_, f64>| {
            row.iter().zip(&self.coefficients).map(|(x, weight)| x * weight).sum::<f64>() - self.offset
        };
        rows.rows().into_iter().map(decide).collect()
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::super::Params;
    use super::*;

    #[test]
    fn a_decision_is_the_weighted_sum_less_the_offset() {
        let params = Params { coefficients: vec![2.0, -1.0], offset: 0.5, nu: Some(0.1) };
        let svm = SgdOneClassSvm::new(params.clone()).unwrap();
        assert_eq!(svm.decide(array![[1.0, 1.0], [0.0, 3.0]].view()), [0.5, -3.5]);
        assert_eq!((svm.coefficients(), svm.offset(), svm.nu()), (&params.coefficients[..], 0.5, Some(0.1)));
        assert_eq!(svm.unit(), 0.5);
    }

    #[test]
    fn what_is_not_finite_or_not_there_is_refused() {
        for (coefficients, offset) in [(vec![], 1.0), (vec![f64::NAN], 1.0), (vec![1.0], f64::INFINITY)] {
            assert!(SgdOneClassSvm::new(Params { coefficients, offset, nu: None }).is_err());
        }
    }
}
