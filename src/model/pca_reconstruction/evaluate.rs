//! The error of each row.

use ndarray::{ArrayView2, Axis};

use super::params::PcaReconstruction;

impl PcaReconstruction {
    /// The decision values of rows of [`width`](Self::width) features.
    pub(in crate::model) fn decide(&self, rows: ArrayView2<'_, f64>) -> Vec<f64> {
        let centred = &rows - &self.mean;
        let mut residual = centred.dot(&self.components.t()).dot(&self.components);
        residual -= &centred;
        let features = self.width() as f64;
        residual
            .axis_iter(Axis(0))
            .map(|row| {
                self.boundary.decision(row.iter().map(|difference| difference * difference).sum::<f64>() / features)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, Array2, Axis, array};
    use proptest::prelude::*;

    use super::super::Params;
    use super::*;

    #[test]
    fn what_lies_in_the_components_is_normal_and_what_is_off_them_is_an_error() {
        let params = Params { mean: array![1.0, 1.0], components: array![[1.0, 0.0]], offset: Some(-2.0) };
        let pca = PcaReconstruction::new(params).unwrap();
        // Off by 0, 1 and 4 in one feature of two: errors of 0, 0.5 and 8.
        assert_eq!(pca.decide(array![[9.0, 1.0], [-3.0, 2.0], [1.0, 5.0]].view()), [2.0, 1.5, -6.0]);
        assert_eq!((pca.unit(), pca.centre()), (2.0, vec![1.0, 1.0]));
    }

    #[test]
    fn parameters_that_do_not_fit_are_refused() {
        let params = |mean: Array1<f64>, components: Array2<f64>| {
            PcaReconstruction::new(Params { mean, components, offset: None }).map(|_| ())
        };
        assert_eq!(params(array![0.0, 0.0], array![[1.0, 0.0]]), Ok(()));
        assert!(params(array![0.0], array![[1.0, 0.0]]).is_err());
        assert!(params(array![f64::NAN, 0.0], array![[1.0, 0.0]]).is_err());
        assert!(params(array![0.0, 0.0], array![[f64::INFINITY, 0.0]]).is_err());
        assert!(params(array![], Array2::zeros((0, 0))).is_err());
        assert!(params(array![0.0, 0.0], Array2::zeros((0, 2))).is_err());
    }

    fn case() -> impl Strategy<Value = (PcaReconstruction, Array2<f64>)> {
        (1_usize..20, 1_usize..20, 1_usize..70).prop_flat_map(|(width, components, rows)| {
            let numbers = |count| proptest::collection::vec(-5.0..5.0, count);
            (numbers(width), numbers(width * components), numbers(width * rows)).prop_map(
                move |(mean, numbers, values)| {
                    let components = Array2::from_shape_vec((components, width), numbers).unwrap();
                    let params = Params { mean: mean.into(), components, offset: Some(-1.0) };
                    (PcaReconstruction::new(params).unwrap(), Array2::from_shape_vec((rows, width), values).unwrap())
                },
            )
        })
    }

    proptest! {
        #[test]
        fn a_row_is_decided_as_if_it_were_alone((pca, rows) in case()) {
            let alone: Vec<_> = rows.rows().into_iter().flat_map(|row| pca.decide(row.insert_axis(Axis(0)))).collect();
            let together = pca.decide(rows.view());
            prop_assert!(alone.iter().zip(&together).all(|(a, b)| a.to_bits() == b.to_bits()));
        }
    }
}
