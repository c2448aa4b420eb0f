//! Powers of two for whole vectors of numbers, and functions made of them: the expensive part of kernels and
//! activations.
//!
//! 2^(y/16) for real y is taken apart as in Tang, *Table-driven implementation of the exponential function in IEEE
//! floating-point arithmetic*, ACM Transactions on Mathematical Software 15 (2), 1989: y = n + f with whole n and
//! |f| ≤ ½; n's lowest four bits choose one of sixteen roots of two, its other bits go into the exponent, and a short
//! polynomial does 2^(f/16).

use pulp::{Simd, cast};

/// How many sixteenths of a power of two are in one power of e: 16 / ln 2.
pub(in crate::model) const SIXTEENTHS: f64 = f64::from_bits(0x4037_1547_652b_82fe);

/// The largest |y| for which 2^(y/16) is computed: results below 2^-1021 count as 0.
pub(in crate::model) const LARGEST: f64 = 16.0 * 1021.0;

/// Adding 1.5 · 2⁵² rounds to a whole number, whose bits are then the lowest ones.
const ROUND: f64 = 6_755_399_441_055_744.0;

/// q with 2^(f/16) = 1 + f·q(f), by interpolation in the Chebyshev nodes of |f| ≤ ½; the error is at most 2⁻⁵⁶.
const SERIES: [f64; 6] = [
    f64::from_bits(0x3fa6_2e42_fefa_39f3),
    f64::from_bits(0x3f4e_bfbd_ff82_c590),
    f64::from_bits(0x3eec_6b08_d6f2_a289),
    f64::from_bits(0x3e83_b2ab_6fb4_1213),
    f64::from_bits(0x3e15_d897_e525_c216),
    f64::from_bits(0x3da4_30a1_d08e_c681),
];

/// The bits of 2^(j/16), less j at the position where n's bits are added: n = 16q + j is shifted as a whole, so what j
/// adds to the mantissa is subtracted here.
const ROOTS: [u64; 16] = {
    let mut roots = [
        0x3ff0_0000_0000_0000,
        0x3ff0_b558_6cf9_890f,
        0x3ff1_72b8_3c7d_517b,
        0x3ff2_387a_6e75_6238,
        0x3ff3_06fe_0a31_b715,
        0x3ff3_dea6_4c12_3422,
        0x3ff4_bfda_d536_2a27,
        0x3ff5_ab07_dd48_5429,
        0x3ff6_a09e_667f_3bcd,
        0x3ff7_a114_73eb_0187,
        0x3ff8_ace5_422a_a0db,
        0x3ff9_c491_82a3_f090,
        0x3ffa_e89f_995a_d3ad,
        0x3ffc_199b_dd85_529c,
        0x3ffd_5818_dcfb_a487,
        0x3ffe_a4af_a2a4_90da_u64,
    ];
    let mut j = 0;
    while j < roots.len() {
        roots[j] -= (j as u64) << SHIFT;
        j += 1;
    }
    roots
};

/// From n's bits of whole powers to the exponent.
const SHIFT: u32 = 48;

/// Vectors of numbers that can compute powers of two.
pub(in crate::model) trait Powers: Simd {
    /// 2^(n/16) for a number whose lowest bits are those of n.
    fn power(self, ends_in_n: Self::f64s) -> Self::f64s;

    /// 2^(y/16) for y = s · scale, |y| ≤ [`LARGEST`], in parts.
    #[inline(always)]
    fn parts(self, s: Self::f64s, scale: Self::f64s) -> Parts<Self> {
        let round = self.splat_f64s(ROUND);
        let rounded = self.mul_add_e_f64s(s, scale, round);
        let n = self.sub_f64s(rounded, round);
        let f = self.mul_add_e_f64s(s, scale, self.neg_f64s(n));
        let [first @ .., last] = SERIES;
        let mut series = self.splat_f64s(last);
        for coefficient in first.into_iter().rev() {
            series = self.mul_add_e_f64s(series, f, self.splat_f64s(coefficient));
        }
        Parts { power: self.power(rounded), f, series }
    }

    /// eˣ, of x from −700 to 700.
    #[inline(always)]
    fn exp(self, x: Self::f64s) -> Self::f64s {
        let Parts { power, f, series } = self.parts(x, self.splat_f64s(SIXTEENTHS));
        self.mul_add_e_f64s(self.mul_f64s(power, f), series, power)
    }

    /// eˣ − 1 for x from −700 to 700, computed so that nothing cancels near zero.
    #[inline(always)]
    fn exp_less_one(self, x: Self::f64s) -> Self::f64s {
        let Parts { power, f, series } = self.parts(x, self.splat_f64s(SIXTEENTHS));
        let less_one = self.sub_f64s(power, self.splat_f64s(1.0));
        self.mul_add_e_f64s(self.mul_f64s(power, f), series, less_one)
    }

    /// tanh x, of any x: tanh |x| = −t / (2 + t) with t = exp(−2|x|) − 1.
    #[inline(always)]
    fn tanh(self, x: Self::f64s) -> Self::f64s {
        /// From here on tanh is 1.
        const ONE_FROM: f64 = 20.0;
        let size = self.at_most(self.abs_f64s(x), ONE_FROM);
        let t = self.exp_less_one(self.mul_f64s(size, self.splat_f64s(-2.0)));
        let tanh = self.div_f64s(self.neg_f64s(t), self.add_f64s(self.splat_f64s(2.0), t));
        self.or_f64s(tanh, self.and_f64s(x, self.splat_f64s(-0.0)))
    }

    /// `x` where it is not above the bound, else the bound. NaN is not above it, and stays NaN.
    #[inline(always)]
    fn at_most(self, x: Self::f64s, bound: f64) -> Self::f64s {
        let bound = self.splat_f64s(bound);
        self.select_f64s(self.greater_than_f64s(x, bound), bound, x)
    }

    /// `x` where it is not below the bound, else the bound. NaN is not below it, and stays NaN.
    #[inline(always)]
    fn at_least(self, x: Self::f64s, bound: f64) -> Self::f64s {
        let bound = self.splat_f64s(bound);
        self.select_f64s(self.less_than_f64s(x, bound), bound, x)
    }
}

/// 2^(y/16) = `power` · (1 + `f` · `series`), in parts: the caller multiplies them, because e^y − 1 needs another order
/// than e^y.
pub(in crate::model) struct Parts<S: Simd> {
    pub(in crate::model) power: S::f64s,
    pub(in crate::model) f: S::f64s,
    pub(in crate::model) series: S::f64s,
}

#[cfg(target_arch = "x86_64")]
impl Powers for pulp::x86::V4 {
    /// The roots are in two registers; the permutation takes the four lowest bits of each number and no others.
    #[inline(always)]
    fn power(self, ends_in_n: Self::f64s) -> Self::f64s {
        const HALVES: [[u64; 8]; 2] = cast(ROOTS);
        let n = cast(ends_in_n);
        let root = self.avx512f._mm512_permutex2var_epi64(cast(HALVES[0]), n, cast(HALVES[1]));
        cast(self.avx512f._mm512_add_epi64(root, self.avx512f._mm512_slli_epi64::<SHIFT>(n)))
    }
}

#[cfg(target_arch = "x86_64")]
impl Powers for pulp::x86::V3 {
    #[inline(always)]
    fn power(self, ends_in_n: Self::f64s) -> Self::f64s {
        cast(cast::<_, [u64; 4]>(ends_in_n).map(power))
    }
}

#[cfg(target_arch = "aarch64")]
impl Powers for pulp::aarch64::Neon {
    #[inline(always)]
    fn power(self, ends_in_n: Self::f64s) -> Self::f64s {
        cast(cast::<_, [u64; 2]>(ends_in_n).map(power))
    }
}

impl Powers for pulp::Scalar512b {
    #[inline(always)]
    fn power(self, ends_in_n: Self::f64s) -> Self::f64s {
        cast(cast::<_, [u64; 8]>(ends_in_n).map(power))
    }
}

/// The bits of 2^(n/16), for bits whose lowest are those of n.
#[inline(always)]
fn power(n: u64) -> u64 {
    ROOTS[(n % 16) as usize].wrapping_add(n << SHIFT)
}
