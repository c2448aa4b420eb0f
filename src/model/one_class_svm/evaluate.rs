//! The sums over the support vectors: the hot loop of the daemon.
//!
//! A block is a few registers of rows, a row a lane, feature by feature. Each support vector in turn is compared with
//! all of them: its numbers are the same for every lane, so they are read from memory one by one, in the order of the
//! file. So a row's sum is taken in the order of the support vectors, as LIBSVM does, whatever the instructions, the
//! neighbouring rows and their number.
//!
//! For the rbf kernel this takes, a support vector and a register of rows: a difference and a square for each of the W
//! features, three to part whole powers from the rest, six for the polynomial, three for the power of two, one to
//! weigh and one to add: [`VECTOR_INSTRUCTIONS`](super::OneClassSvm::VECTOR_INSTRUCTIONS) + 2·W instructions of which
//! a machine can do as many a cycle as multiplications with addition. That is the limit that the benchmark measures
//! against.

use ndarray::ArrayView2;
use pulp::bytemuck::{cast_slice, cast_slice_mut};

use super::kernel::{Anywhere, Between, Kernel, Near, Poly, Sigmoid, Term};
use super::params::OneClassSvm;
use crate::model::vectors::{Instructions, Powers, REGISTERS, Work, fill};
use crate::verdict::Label;

/// The most registers of rows in a block, on machines whose registers also have room for four times as many
/// intermediates.
const MOST_REGISTERS: usize = 2 * REGISTERS;

impl OneClassSvm {
    /// How many vector instructions the rbf kernel needs for a register of rows and a support vector, beside two for
    /// each feature.
    pub const VECTOR_INSTRUCTIONS: u32 = 14;

    /// The decision values of rows of [`width`](Self::width) features.
    pub(in crate::model) fn decide(&self, rows: ArrayView2<'_, f64>) -> Vec<f64> {
        self.decide_with(Instructions::best(), rows)
    }

    fn decide_with(&self, instructions: Instructions, rows: ArrayView2<'_, f64>) -> Vec<f64> {
        let rows = rows.as_standard_layout();
        let rows = rows.as_slice().unwrap_or_default();
        match self.kernel {
            Kernel::Rbf { gamma } => instructions.run(Rbf { svm: self, rows, near: Near::new(gamma) }),
            Kernel::Linear => rows.chunks_exact(self.width).map(|row| self.decide_linear(row)).collect(),
            Kernel::Poly { degree, gamma, coef0 } => {
                instructions.run(Products { svm: self, rows, term: Poly { degree, gamma, coef0 } })
            }
            Kernel::Sigmoid { gamma, coef0 } => {
                instructions.run(Products { svm: self, rows, term: Sigmoid { gamma, coef0 } })
            }
        }
    }

    /// Σ αᵢ·(z·vᵢ) is z·(Σ αᵢ·vᵢ): one product a row instead of one a support vector.
    fn decide_linear(&self, row: &[f64]) -> f64 {
        row.iter().zip(&self.direction).map(|(x, weight)| x * weight).sum::<f64>() + self.intercept
    }

    /// The label for a decision value.
    pub(in crate::model) fn label(&self, decision: f64) -> Label {
        match self.tie {
            Label::Normal => Label::anomaly_below_zero(decision),
            Label::Anomaly if decision > 0.0 => Label::Normal,
            Label::Anomaly => Label::Anomaly,
        }
    }

    /// The decision values of all rows, a block at a time. `sums` computes the sums of a block from its features.
    #[inline(always)]
    fn decide_blocks<S: Powers>(&self, simd: S, width: usize, rows: &[f64], sums: impl Sums<S>) -> Vec<f64> {
        let mut decisions = vec![0.0; rows.len() / width];
        let mut block = vec![simd.splat_f64s(0.0); MOST_REGISTERS * width];
        let (mut rows, mut rest) = (rows, &mut decisions[..]);
        while !rest.is_empty() {
            let registers = match rest.len().div_ceil(S::F64_LANES) {
                1 => 1,
                2 => 2,
                5.. if S::REGISTER_COUNT >= 4 * MOST_REGISTERS => MOST_REGISTERS,
                _ => REGISTERS,
            };
            let taken = rest.len().min(registers * S::F64_LANES);
            let (these, later) = rest.split_at_mut(taken);
            let (rows_of_these, rows_later) = rows.split_at(taken * width);
            let block = &mut block[..registers * width];
            fill(cast_slice_mut(block), registers * S::F64_LANES, rows_of_these, width);
            match registers {
                1 => these.copy_from_slice(&cast_slice(&sums.of::<1>(simd, self, width, block))[..taken]),
                2 => these.copy_from_slice(&cast_slice(&sums.of::<2>(simd, self, width, block))[..taken]),
                MOST_REGISTERS => {
                    these.copy_from_slice(&cast_slice(&sums.of::<MOST_REGISTERS>(simd, self, width, block))[..taken]);
                }
                _ => these.copy_from_slice(&cast_slice(&sums.of::<REGISTERS>(simd, self, width, block))[..taken]),
            }
            (rows, rest) = (rows_later, later);
        }
        decisions
    }

    /// The decision values of a block of R registers of rows.
    #[inline(always)]
    fn sums<S: Powers, T: Term, const R: usize>(
        &self,
        simd: S,
        width: usize,
        block: &[S::f64s],
        term: T,
    ) -> [S::f64s; R] {
        let mut sums = [simd.splat_f64s(0.0); R];
        let (features, _) = block.as_chunks::<R>();
        for (vector, weight) in self.vectors.chunks_exact(width).zip(&self.coefficients) {
            let between = between(simd, T::BETWEEN, width, features, vector);
            let weight = simd.splat_f64s(*weight);
            for (sum, between) in sums.iter_mut().zip(between) {
                *sum = term.add(simd, between, weight, *sum);
            }
        }
        let intercept = simd.splat_f64s(self.intercept);
        sums.map(|sum| simd.add_f64s(sum, intercept))
    }

    /// Whether all rows of a block are near every support vector. They are when they are near the farthest corner of
    /// the box around the support vectors: rounding keeps order, so no distance is larger than the one to that corner.
    #[inline(always)]
    fn all_near<S: Powers, const R: usize>(&self, simd: S, block: &[S::f64s], near: Near) -> bool {
        let (features, _) = block.as_chunks::<R>();
        let mut farthest = [simd.splat_f64s(0.0); R];
        for (x, [low, high]) in features.iter().zip(&self.bounds) {
            let (low, high) = (simd.splat_f64s(*low), simd.splat_f64s(*high));
            for (farthest, x) in farthest.iter_mut().zip(x) {
                let side = simd.max_f64s(simd.sub_f64s(*x, low), simd.sub_f64s(high, *x));
                *farthest = simd.mul_add_e_f64s(side, side, *farthest);
            }
        }
        let [first, others @ ..] = &farthest[..] else { return true };
        let farthest = others.iter().fold(*first, |farthest, other| simd.max_f64s(farthest, *other));
        simd.reduce_max_f64s(farthest) <= near.largest()
    }
}

/// The squared distance or the product of the rows of a block and a support vector.
#[inline(always)]
fn between<S: Powers, const R: usize>(
    simd: S,
    between: Between,
    width: usize,
    features: &[[S::f64s; R]],
    vector: &[f64],
) -> [S::f64s; R] {
    let first = simd.splat_f64s(vector[0]);
    let mut sums = features[0];
    for sum in &mut sums {
        *sum = match between {
            Between::SquaredDistance => {
                let difference = simd.sub_f64s(*sum, first);
                simd.mul_f64s(difference, difference)
            }
            Between::Product => simd.mul_f64s(*sum, first),
        };
    }
    for (xs, value) in features[1..width].iter().zip(&vector[1..width]) {
        let value = simd.splat_f64s(*value);
        for (sum, x) in sums.iter_mut().zip(xs) {
            *sum = match between {
                Between::SquaredDistance => {
                    let difference = simd.sub_f64s(*x, value);
                    simd.mul_add_e_f64s(difference, difference, *sum)
                }
                Between::Product => simd.mul_add_e_f64s(*x, value, *sum),
            };
        }
    }
    sums
}

/// Gives the decision values of a block.
trait Sums<S: Powers>: Copy {
    fn of<const R: usize>(self, simd: S, svm: &OneClassSvm, width: usize, block: &[S::f64s]) -> [S::f64s; R];
}

impl<S: Powers> Sums<S> for Near {
    #[inline(always)]
    fn of<const R: usize>(self, simd: S, svm: &OneClassSvm, width: usize, block: &[S::f64s]) -> [S::f64s; R] {
        match svm.all_near::<S, R>(simd, block, self) {
            true => svm.sums(simd, width, block, self),
            false => svm.sums(simd, width, block, Anywhere(self)),
        }
    }
}

#[derive(Clone, Copy)]
struct Of<T>(T);

impl<S: Powers, T: Term> Sums<S> for Of<T> {
    #[inline(always)]
    fn of<const R: usize>(self, simd: S, svm: &OneClassSvm, width: usize, block: &[S::f64s]) -> [S::f64s; R] {
        svm.sums(simd, width, block, self.0)
    }
}

/// All rows through the rbf kernel.
struct Rbf<'a> {
    svm: &'a OneClassSvm,
    rows: &'a [f64],
    near: Near,
}

impl Work for Rbf<'_> {
    type Output = Vec<f64>;

    /// With a width that the compiler knows, the loop over the features is unrolled.
    #[inline(always)]
    fn run<S: Powers>(self, simd: S) -> Vec<f64> {
        let Self { svm, rows, near } = self;
        match svm.width {
            1 => svm.decide_blocks(simd, 1, rows, near),
            2 => svm.decide_blocks(simd, 2, rows, near),
            3 => svm.decide_blocks(simd, 3, rows, near),
            4 => svm.decide_blocks(simd, 4, rows, near),
            8 => svm.decide_blocks(simd, 8, rows, near),
            width => svm.decide_blocks(simd, width, rows, near),
        }
    }
}

/// All rows through a kernel of products.
struct Products<'a, T> {
    svm: &'a OneClassSvm,
    rows: &'a [f64],
    term: T,
}

impl<T: Term> Work for Products<'_, T> {
    type Output = Vec<f64>;

    #[inline(always)]
    fn run<S: Powers>(self, simd: S) -> Vec<f64> {
        self.svm.decide_blocks(simd, self.svm.width, self.rows, Of(self.term))
    }
}

#[cfg(test)]
mod tests;
