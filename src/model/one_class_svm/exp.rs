//! The exponential function, in a form that the compiler turns into vector instructions.

/// eˣ for x ≤ 0, within two units in the last place; zero where the result would be subnormal.
///
/// Cody and Waite, *Software manual for the elementary functions*, 1980, chapter 6: x = k·ln 2 + r with whole k and
/// |r| ≤ ½ ln 2, then eˣ = 2ᵏ·eʳ. eʳ is its Taylor series to the 13th power, whose rest is below 2⁻⁵⁷. There is no
/// branch, no table and no call, so a loop over this is a loop over vectors.
#[inline(always)]
pub(super) fn exp_nonpositive(x: f64) -> f64 {
    /// ln 2 in two parts. The first ends in enough zero bits for its product with k to be exact.
    const LN_2: (f64, f64) = (f64::from_bits(0x3fe6_2e42_fee0_0000), f64::from_bits(0x3dea_39ef_3579_3c76));
    /// Adding 1.5 · 2⁵² rounds to a whole number, which then stands in the lowest bits.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    /// Below this, eˣ is subnormal.
    const LOWEST: f64 = -708.0;
    /// 1/2!, 1/3!, … 1/13!, the last first.
    const SERIES: [f64; 12] = [
        1.0 / 6_227_020_800.0,
        1.0 / 479_001_600.0,
        1.0 / 39_916_800.0,
        1.0 / 3_628_800.0,
        1.0 / 362_880.0,
        1.0 / 40_320.0,
        1.0 / 5_040.0,
        1.0 / 720.0,
        1.0 / 120.0,
        1.0 / 24.0,
        1.0 / 6.0,
        1.0 / 2.0,
    ];
    let rounded = x * std::f64::consts::LOG2_E + ROUND;
    let k = rounded - ROUND;
    let r = (x - k * LN_2.0) - k * LN_2.1;
    let mut tail = SERIES[0];
    for coefficient in &SERIES[1..] {
        tail = tail * r + coefficient;
    }
    let exp_r = 1.0 + (r + r * r * tail);
    // k in the exponent's place, on top of the bias.
    let two_to_k = f64::from_bits(rounded.to_bits().wrapping_add(1023) << 52);
    if x < LOWEST { 0.0 } else { exp_r * two_to_k }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ulps(a: f64, b: f64) -> u64 {
        a.to_bits().abs_diff(b.to_bits())
    }

    #[test]
    fn it_is_within_two_units_in_the_last_place_everywhere() {
        let mut worst = 0;
        for step in 0..2_000_000 {
            let x = -708.0 * f64::from(step) / 2_000_000.0;
            worst = worst.max(ulps(exp_nonpositive(x), x.exp()));
        }
        assert!(worst <= 2, "off by {worst}");
    }

    #[test]
    fn its_edges_are_exact() {
        assert_eq!(exp_nonpositive(0.0), 1.0);
        assert_eq!(exp_nonpositive(-0.0), 1.0);
        assert_eq!(exp_nonpositive(f64::NEG_INFINITY), 0.0);
        assert_eq!(exp_nonpositive(-1e300), 0.0);
        assert!(exp_nonpositive(f64::NAN).is_nan());
    }

    proptest! {
        #[test]
        fn it_is_within_two_units_in_the_last_place_near_zero(exponent in -300.0..0.0) {
            let x = -10.0_f64.powf(exponent);
            prop_assert!(ulps(exp_nonpositive(x), x.exp()) <= 2);
        }
    }
}
