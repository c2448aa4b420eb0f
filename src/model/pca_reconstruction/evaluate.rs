//! The error of each row.
//!
//! Each component is multiplied with a block of rows at once, first to project the rows, then to bring them back. The
//! result for a row does not depend on its neighbours.

use ndarray::ArrayView2;

use super::params::PcaReconstruction;
use crate::model::vectors::{Instructions, Powers, REGISTERS, Work, by_block};

impl PcaReconstruction {
    /// The decision values of rows of [`width`](Self::width) features.
    pub(in crate::model) fn decide(&self, rows: ArrayView2<'_, f64>) -> Vec<f64> {
        let rows = rows.as_standard_layout();
        let rows = rows.as_slice().unwrap_or_default();
        Instructions::best().run(Errors { pca: self, rows })
    }
}

/// The errors of all rows, and the decision values made of them.
struct Errors<'a> {
    pca: &'a PcaReconstruction,
    rows: &'a [f64],
}

impl Work for Errors<'_> {
    type Output = Vec<f64>;

    #[inline(always)]
    fn run<S: Powers>(self, simd: S) -> Vec<f64> {
        let Self { pca, rows } = self;
        let width = pca.width();
        let mut scores = vec![[simd.splat_f64s(0.0); REGISTERS]; pca.components.len() / width];
        by_block(
            simd,
            rows,
            width,
            #[inline(always)]
            |block| squares(simd, pca, block, &mut scores),
            #[inline(always)]
            |sum| pca.boundary.decision(sum / width as f64),
        )
    }
}

/// The sums of the squared differences between rows and their reconstructions.
#[inline(always)]
fn squares<S: Powers>(
    simd: S,
    pca: &PcaReconstruction,
    block: &mut [[S::f64s; REGISTERS]],
    scores: &mut [[S::f64s; REGISTERS]],
) -> [S::f64s; REGISTERS] {
    let zero = simd.splat_f64s(0.0);
    for (xs, mean) in block.iter_mut().zip(&pca.mean) {
        *xs = xs.map(|x| simd.sub_f64s(x, simd.splat_f64s(*mean)));
    }
    for (score, component) in scores.iter_mut().zip(pca.components.chunks_exact(block.len())) {
        let mut sums = [zero; REGISTERS];
        for (xs, weight) in block.iter().zip(component) {
            add_product(simd, &mut sums, xs, *weight);
        }
        *score = sums;
    }
    let mut squares = [zero; REGISTERS];
    for (feature, xs) in block.iter().enumerate() {
        let mut back = [zero; REGISTERS];
        for (score, weight) in scores.iter().zip(pca.components[feature..].iter().step_by(block.len())) {
            add_product(simd, &mut back, score, *weight);
        }
        for ((square, back), x) in squares.iter_mut().zip(back).zip(xs) {
            let difference = simd.sub_f64s(back, *x);
            *square = simd.mul_add_e_f64s(difference, difference, *square);
        }
    }
    squares
}

#[inline(always)]
fn add_product<S: Powers>(simd: S, sums: &mut [S::f64s; REGISTERS], xs: &[S::f64s; REGISTERS], weight: f64) {
    let weight = simd.splat_f64s(weight);
    for (sum, x) in sums.iter_mut().zip(xs) {
        *sum = simd.mul_add_e_f64s(*x, weight, *sum);
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
        // Off by 0, 1 and 4 in one of two features: the errors are 0, 0.5 and 8.
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
