//! The distance of each row.

use ndarray::{ArrayView1, ArrayView2};

use super::params::KmeansDistance;

impl KmeansDistance {
    /// The decision values of rows of [`width`](Self::width) features.
    pub(in crate::model) fn decide(&self, rows: ArrayView2<'_, f64>) -> Vec<f64> {
        let nearest = |row: ArrayView1<'_, f64>| {
            let squares = self.centres.rows().into_iter().map(|centre| squared_distance(row, centre));
            squares.fold(f64::INFINITY, f64::min).sqrt()
        };
        rows.rows().into_iter().map(|row| self.boundary.decision(nearest(row))).collect()
    }
}

pub(super) fn squared_distance(a: ArrayView1<'_, f64>, b: ArrayView1<'_, f64>) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};

    use super::super::Params;
    use super::*;

    #[test]
    fn the_error_is_the_distance_to_the_nearest_centre() {
        let centres = array![[0.0, 0.0], [10.0, 0.0], [4.0, 0.0]];
        let kmeans = KmeansDistance::new(Params { centres, offset: Some(-5.0) }).unwrap();
        assert_eq!(kmeans.decide(array![[0.0, 0.0], [13.0, 4.0], [10.0, -8.0]].view()), [5.0, 0.0, -3.0]);
        assert_eq!(kmeans.centre(), Some(vec![4.0, 0.0]));
    }

    #[test]
    fn centres_that_are_none_or_not_finite_are_refused() {
        for centres in [Array2::zeros((0, 2)), Array2::zeros((2, 0)), array![[f64::NAN]]] {
            assert!(KmeansDistance::new(Params { centres, offset: None }).is_err());
        }
    }
}
