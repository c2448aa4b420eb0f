//! Rows in blocks: a row a lane, feature by feature, so that a number that is compared with all rows is read once.

use pulp::bytemuck::{cast_slice, cast_slice_mut};

use super::Powers;

/// The registers of rows in a block: as many sums are under way at once.
pub(in crate::model) const REGISTERS: usize = 4;

/// The answer for each row of `width` numbers. `sums` computes the sums of a block at a time, and `answer` turns a sum
/// into an answer.
#[inline(always)]
pub(in crate::model) fn by_block<S: Powers>(
    simd: S,
    rows: &[f64],
    width: usize,
    mut sums: impl FnMut(&mut [[S::f64s; REGISTERS]]) -> [S::f64s; REGISTERS],
    answer: impl Fn(f64) -> f64,
) -> Vec<f64> {
    let mut answers = vec![0.0; rows.len() / width];
    let mut block = vec![[simd.splat_f64s(0.0); REGISTERS]; width];
    let size = REGISTERS * S::F64_LANES;
    for (answers, rows) in answers.chunks_mut(size).zip(rows.chunks(size * width)) {
        fill(cast_slice_mut(block.as_flattened_mut()), size, rows, width);
        for (to, sum) in answers.iter_mut().zip(cast_slice::<_, f64>(&sums(&mut block))) {
            *to = answer(*sum);
        }
    }
    answers
}

/// Writes rows by feature, `size` numbers each. Lanes without a row repeat the last row.
#[inline(always)]
pub(in crate::model) fn fill(block: &mut [f64], size: usize, rows: &[f64], width: usize) {
    let taken = rows.len() / width;
    for (feature, run) in block.chunks_exact_mut(size).enumerate() {
        for (x, row) in run.iter_mut().zip(rows.chunks_exact(width)) {
            *x = row[feature];
        }
        let last = run[taken - 1];
        run[taken..].fill(last);
    }
}
