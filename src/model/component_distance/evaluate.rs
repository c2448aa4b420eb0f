//! The sum of the distances.

use ndarray::ArrayView2;

use super::params::ComponentDistance;

impl ComponentDistance {
    /// The decision values of rows of [`width`](Self::width) features.
    pub(in crate::model) fn decide(&self, rows: ArrayView2<'_, f64>) -> Vec<f64> {
        let decide = |row: ndarray::ArrayView1<'_, f64>| {
            let distance =
                |component: &[f64]| row.iter().zip(component).map(|(x, y)| (x - y) * (x - y)).sum::<f64>().sqrt();
            let components = self.components.chunks_exact(self.width()).zip(&self.weights);
            self.boundary.decision(components.map(|(component, weight)| distance(component) / weight).sum())
        };
        rows.rows().into_iter().map(decide).collect()
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};

    use super::super::Params;
    use super::*;

    #[test]
    fn the_error_is_the_sum_of_the_weighted_distances() {
        let params = Params { components: array![[1.0, 0.0], [0.0, 1.0]], weights: vec![0.5, 1.0], offset: Some(-9.0) };
        let pca = ComponentDistance::new(params.clone()).unwrap();
        // 5 and 5, then 1 and 1 away, of which the first counts twice.
        assert_eq!(pca.decide(array![[4.0, 4.0], [1.0, 1.0]].view()), [-6.0, 6.0]);
        assert_eq!((pca.params(), pca.unit()), (params, 9.0));
    }

    #[test]
    fn parameters_that_do_not_fit_are_refused() {
        let of = |components, weights, offset| ComponentDistance::new(Params { components, weights, offset });
        assert!(of(array![[1.0, 0.0]], vec![1.0], Some(0.0)).is_ok());
        assert!(of(Array2::zeros((0, 2)), vec![], None).is_err());
        assert!(of(array![[f64::NAN, 0.0]], vec![1.0], None).is_err());
        assert!(of(array![[1.0, 0.0]], vec![0.0], None).is_err());
        assert!(of(array![[1.0, 0.0]], vec![1.0, 1.0], None).is_err());
        assert!(of(array![[1.0, 0.0]], vec![1.0], Some(1.0)).is_err());
    }
}
