//! How fast this machine multiplies and adds, with the instructions that the daemon uses.

use std::hint::black_box;
use std::time::Instant;

use pulp::{Arch, Simd, WithSimd};

/// The seconds that a multiplication with addition takes, divided by the lanes that it does at once.
pub(crate) fn seconds_a_lane() -> f64 {
    Arch::new().dispatch(SecondsALane)
}

struct SecondsALane;

impl WithSimd for SecondsALane {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f64 {
        /// As many chains as no machine can have under way at once.
        const CHAINS: usize = 12;
        const STEPS: u32 = 2_000;
        let mut best = f64::INFINITY;
        for _ in 0..200 {
            let (factor, summand) = black_box((0.999, 0.001));
            let (factor, summand) = (simd.splat_f64s(factor), simd.splat_f64s(summand));
            let mut chains = [simd.splat_f64s(1.0); CHAINS];
            let began = Instant::now();
            for _ in 0..STEPS {
                for chain in &mut chains {
                    *chain = simd.mul_add_e_f64s(*chain, factor, summand);
                }
            }
            black_box(&chains);
            best = best.min(began.elapsed().as_secs_f64());
        }
        best / f64::from(STEPS) / (CHAINS * S::F64_LANES) as f64
    }
}
