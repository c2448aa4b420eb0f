//! The vector instructions of a machine, chosen while the daemon runs.

use pulp::{NullaryFnOnce, Simd};

use super::powers::Powers;

/// Work that can be done with a machine's vector instructions.
pub(in crate::model) trait Work: Sized {
    /// The result.
    type Output;

    /// Does the work. It must be inlined, so that it is compiled with the chosen instructions.
    fn run<S: Powers>(self, simd: S) -> Self::Output;
}

/// A set of instructions that this machine has.
///
/// All sets give the same answers to the last bit, so a window scored on one machine is the same on another: the number
/// of lanes changes no sum, and all sets round once for a multiplication with addition. On a machine without an
/// instruction for that, it is computed in software, slowly.
#[derive(Clone, Copy, Debug)]
pub(in crate::model) enum Instructions {
    /// Works on any machine. Written as eight lanes, which the compiler vectorises as it can.
    Plain,
    /// AVX2 and FMA: four lanes.
    #[cfg(target_arch = "x86_64")]
    Avx2(pulp::x86::V3),
    /// AVX-512: eight lanes.
    #[cfg(target_arch = "x86_64")]
    Avx512(pulp::x86::V4),
    /// NEON: two lanes.
    #[cfg(target_arch = "aarch64")]
    Neon(pulp::aarch64::Neon),
}

impl Instructions {
    /// The best set that this machine has.
    #[inline]
    pub(in crate::model) fn best() -> Self {
        match pulp::Arch::new() {
            #[cfg(target_arch = "x86_64")]
            pulp::Arch::V4(simd) => Self::Avx512(simd),
            #[cfg(target_arch = "x86_64")]
            pulp::Arch::V3(simd) => Self::Avx2(simd),
            #[cfg(target_arch = "aarch64")]
            pulp::Arch::Neon(simd) => Self::Neon(simd),
            _ => Self::Plain,
        }
    }

    /// Does work with this set.
    #[inline]
    pub(in crate::model) fn run<W: Work>(self, work: W) -> W::Output {
        match self {
            Self::Plain => work.run(pulp::Scalar512b),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(simd) => simd.vectorize(With { simd, work }),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(simd) => simd.vectorize(With { simd, work }),
            #[cfg(target_arch = "aarch64")]
            Self::Neon(simd) => simd.vectorize(With { simd, work }),
        }
    }

    /// All sets that this machine has.
    #[cfg(test)]
    pub(in crate::model) fn all() -> Vec<Self> {
        let mut all = vec![Self::Plain];
        #[cfg(target_arch = "x86_64")]
        all.extend(pulp::x86::V3::try_new().map(Self::Avx2));
        #[cfg(target_arch = "x86_64")]
        all.extend(pulp::x86::V4::try_new().map(Self::Avx512));
        #[cfg(target_arch = "aarch64")]
        all.extend(pulp::aarch64::Neon::try_new().map(Self::Neon));
        all
    }
}

struct With<S, W> {
    simd: S,
    work: W,
}

impl<S: Simd + Powers, W: Work> NullaryFnOnce for With<S, W> {
    type Output = W::Output;

    #[inline(always)]
    fn call(self) -> W::Output {
        self.work.run(self.simd)
    }
}

#[cfg(test)]
mod tests {
    use std::mem::discriminant;

    use super::*;

    #[test]
    fn the_best_are_some_that_this_machine_has() {
        let best = discriminant(&Instructions::best());
        assert!(Instructions::all().iter().any(|instructions| discriminant(instructions) == best));
    }

    #[cfg(target_arch = "aarch64")]
    #[test]
    fn every_64_bit_arm_has_neon() {
        assert!(matches!(Instructions::best(), Instructions::Neon(_)));
    }
}
