//! How fast this machine multiplies and adds, with the instructions that the daemon uses.

use std::hint::black_box;
use std::time::Instant;

use pulp::{Arch, Simd, WithSimd};

/// The seconds that an instruction of arithmetic takes, divided by the lanes that it works on at once: of work that
/// multiplies and adds, or of such that also adds alone, which some processors do beside the multiplying.
pub(crate) fn seconds_a_lane(adds_alone: bool) -> f64 {
    Arch::new().dispatch(SecondsALane { adds_alone })
}

struct SecondsALane {
    adds_alone: bool,
}

impl WithSimd for SecondsALane {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f64 {
        let multiplying = seconds::<S, 12, 0>(simd);
        if self.adds_alone { multiplying.min(seconds::<S, 8, 6>(simd)) } else { multiplying }
    }
}

/// With so many chains that multiply and add, and that add alone: as many as no machine can have under way at once.
#[inline(always)]
fn seconds<S: Simd, const MULTIPLYING: usize, const ADDING: usize>(simd: S) -> f64 {
    const STEPS: u32 = 2_000;
    let mut best = f64::INFINITY;
    for _ in 0..200 {
        let (factor, summand) = black_box((0.999, 0.001));
        let (factor, summand) = (simd.splat_f64s(factor), simd.splat_f64s(summand));
        let mut multiplied = [simd.splat_f64s(1.0); MULTIPLYING];
        let mut added = [simd.splat_f64s(1.0); ADDING];
        let began = Instant::now();
        for _ in 0..STEPS {
            for chain in &mut multiplied {
                *chain = simd.mul_add_e_f64s(*chain, factor, summand);
            }
            for chain in &mut added {
                *chain = simd.add_f64s(*chain, summand);
            }
        }
        black_box((&multiplied, &added));
        best = best.min(began.elapsed().as_secs_f64());
    }
    best / f64::from(STEPS) / ((MULTIPLYING + ADDING) * S::F64_LANES) as f64
}
