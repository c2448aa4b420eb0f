//! The distances to the nearest training rows, and the decision values made of them.

use ndarray::ArrayView2;

use super::params::{NeighbourDistance, Of};

impl NeighbourDistance {
    /// The decision values of rows of [`width`](Self::width) features.
    pub(in crate::model) fn decide(&self, rows: ArrayView2<'_, f64>) -> Vec<f64> {
        let mut search = self.rows.search(self.neighbours);
        let mut distances = Vec::with_capacity(self.neighbours);
        let decide = |row| {
            distances.clear();
            distances.extend(search.nearest(row).iter().map(|(measure, _)| self.rows.metric().distance(*measure)));
            distances.sort_by(f64::total_cmp);
            self.boundary.decision(self.of.these(&distances))
        };
        rows.rows().into_iter().map(decide).collect()
    }
}

impl Of {
    /// The error for distances in ascending order, of which there is at least one.
    fn these(self, distances: &[f64]) -> f64 {
        let count = distances.len();
        match self {
            Self::Largest => distances[count - 1],
            Self::Mean => distances.iter().sum::<f64>() / count as f64,
            Self::Median => distances[(count - 1) / 2].midpoint(distances[count / 2]),
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::super::Params;
    use super::*;
    use crate::model::Metric;

    fn params(neighbours: usize, of: Of) -> Params {
        Params {
            rows: vec![0.0, 1.0, 4.0, 9.0],
            width: 1,
            levels: 2,
            neighbours,
            of,
            metric: Metric::Euclidean,
            offset: Some(-5.0),
        }
    }

    #[test]
    fn the_error_is_made_of_the_distances_of_the_nearest_rows() {
        let decisions = |neighbours, of| {
            let knn = NeighbourDistance::new(&params(neighbours, of)).unwrap();
            knn.decide(array![[2.0], [20.0]].view())
        };
        // The nearest rows of 2 are 1, 2, 2 and 7 away; those of 20 are 11, 16, 19 and 20 away.
        assert_eq!(decisions(3, Of::Largest), [3.0, -14.0]);
        assert_eq!(decisions(4, Of::Mean), [2.0, -11.5]);
        assert_eq!(decisions(3, Of::Median), [3.0, -11.0]);
        assert_eq!(decisions(4, Of::Median), [3.0, -12.5]);
        assert_eq!(decisions(1, Of::Median), [4.0, -6.0]);
    }

    #[test]
    fn parameters_come_back_and_those_that_do_not_agree_are_refused() {
        let good = params(2, Of::Mean);
        let knn = NeighbourDistance::new(&good).unwrap();
        assert_eq!((knn.params(), knn.unit(), knn.centre()), (good.clone(), 5.0, vec![3.5]));
        for (why, params) in [
            ("no neighbours", Params { neighbours: 0, ..good.clone() }),
            ("more neighbours than rows", Params { neighbours: 5, ..good.clone() }),
            ("no rows", Params { rows: vec![], ..good.clone() }),
            ("a row of NaN", Params { rows: vec![f64::NAN], ..good.clone() }),
            ("too many boxes", Params { levels: 4, ..good.clone() }),
            ("a boundary that no row can be within", Params { offset: Some(1.0), ..good }),
        ] {
            assert!(NeighbourDistance::new(&params).is_err(), "{why}");
        }
    }
}
