//! The distance of each row.
//!
//! Each centre is compared with a block of rows at once. The result for a row does not depend on its neighbours.

use ndarray::{ArrayView1, ArrayView2};

use super::params::KmeansDistance;
use crate::model::vectors::{Instructions, Powers, REGISTERS, Work, by_block};

impl KmeansDistance {
    /// The decision values of rows of [`width`](Self::width) features.
    pub(in crate::model) fn decide(&self, rows: ArrayView2<'_, f64>) -> Vec<f64> {
        let rows = rows.as_standard_layout();
        let rows = rows.as_slice().unwrap_or_default();
        Instructions::best().run(Distances { kmeans: self, rows })
    }
}

/// The distances of all rows, and the decision values made of them.
struct Distances<'a> {
    kmeans: &'a KmeansDistance,
    rows: &'a [f64],
}

impl Work for Distances<'_> {
    type Output = Vec<f64>;

    #[inline(always)]
    fn run<S: Powers>(self, simd: S) -> Vec<f64> {
        let Self { kmeans, rows } = self;
        let centres = kmeans.centres.as_slice().unwrap_or_default();
        by_block(
            simd,
            rows,
            kmeans.width(),
            #[inline(always)]
            |block| nearest(simd, centres, block),
            #[inline(always)]
            |square| kmeans.boundary.decision(square.sqrt()),
        )
    }
}

/// The squared distances between rows and the centre that is nearest to each.
#[inline(always)]
fn nearest<S: Powers>(simd: S, centres: &[f64], block: &[[S::f64s; REGISTERS]]) -> [S::f64s; REGISTERS] {
    let mut nearest = [simd.splat_f64s(f64::INFINITY); REGISTERS];
    for centre in centres.chunks_exact(block.len()) {
        let mut squares = [simd.splat_f64s(0.0); REGISTERS];
        for (xs, value) in block.iter().zip(centre) {
            let value = simd.splat_f64s(*value);
            for (square, x) in squares.iter_mut().zip(xs) {
                let difference = simd.sub_f64s(*x, value);
                *square = simd.mul_add_e_f64s(difference, difference, *square);
            }
        }
        for (nearest, square) in nearest.iter_mut().zip(squares) {
            *nearest = simd.min_f64s(*nearest, square);
        }
    }
    nearest
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
