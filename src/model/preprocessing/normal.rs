//! The quantile function of the standard normal distribution.

#![expect(clippy::excessive_precision, reason = "the coefficients stand as the paper gives them")]

/// The number below which a standard normal variable is with probability `p`, for `p` from 1e-10 to 1 − 1e-10.
///
/// M. J. Wichura, "Algorithm AS 241: The Percentage Points of the Normal Distribution", Applied Statistics 37 (1988),
/// pages 477-484, routine PPND16: about 16 digits. Its third region, beyond that range of `p`, is left out.
pub(super) fn quantile(p: f64) -> f64 {
    let q = p - 0.5;
    if q.abs() <= 0.425 {
        let r = 0.180_625 - q * q;
        return q * polynomial(&A, r) / polynomial(&B, r);
    }
    let tail = if q < 0.0 { p } else { 1.0 - p };
    let r = (-tail.ln()).sqrt() - 1.6;
    (polynomial(&C, r) / polynomial(&D, r)).copysign(q)
}

/// The value of the polynomial with these coefficients, of which the constant comes first.
fn polynomial(coefficients: &[f64], x: f64) -> f64 {
    coefficients.iter().rev().fold(0.0, |sum, coefficient| sum * x + coefficient)
}

const A: [f64; 8] = [
    3.387_132_872_796_366_608,
    1.331_416_678_917_843_774_5e2,
    1.971_590_950_306_551_442_7e3,
    1.373_169_376_550_946_112_5e4,
    4.592_195_393_154_987_145_7e4,
    6.726_577_092_700_870_085_3e4,
    3.343_057_558_358_812_810_5e4,
    2.509_080_928_730_122_672_7e3,
];
const B: [f64; 8] = [
    1.0,
    4.231_333_070_160_091_125_2e1,
    6.871_870_074_920_579_083e2,
    5.394_196_021_424_751_107_7e3,
    2.121_379_430_158_659_586_7e4,
    3.930_789_580_009_271_061e4,
    2.872_908_573_572_194_267_4e4,
    5.226_495_278_852_854_561e3,
];
const C: [f64; 8] = [
    1.423_437_110_749_683_577_34,
    4.630_337_846_156_545_295_9,
    5.769_497_221_460_691_405_5,
    3.647_848_324_763_204_605_04,
    1.270_458_252_452_368_382_58,
    2.417_807_251_774_506_117_7e-1,
    2.272_384_498_926_918_458_33e-2,
    7.745_450_142_783_414_076_4e-4,
];
const D: [f64; 8] = [
    1.0,
    2.053_191_626_637_758_821_87,
    1.676_384_830_183_803_849_4,
    6.897_673_349_851_000_045_5e-1,
    1.481_039_764_274_800_745_9e-1,
    1.519_866_656_361_645_719_66e-2,
    5.475_938_084_995_344_946e-4,
    1.050_750_071_644_416_843_24e-9,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_scipy() {
        // scipy.stats.norm.ppf of the first column.
        for (p, expected) in [
            (1e-10, -6.361340902404056),
            (1e-07, -5.1993375821928165),
            (1e-05, -4.264890793922825),
            (0.001, -3.090232306167813),
            (0.02, -2.053748910631823),
            (0.0749999, -1.439532177375901),
            (0.0750001, -1.4395307645017301),
            (0.1, -1.2815515655446004),
            (0.3, -0.5244005127080409),
            (0.49999, -2.5066282748960008e-05),
            (0.6, 0.2533471031357997),
            (0.9, 1.2815515655446004),
            (0.93, 1.475791028179171),
            (0.99, 2.3263478740408408),
            (0.9999999, 5.199337582290661),
        ] {
            let found = quantile(p);
            assert!((found - expected).abs() <= 4e-15 * expected.abs(), "{p}: {found} for {expected}");
        }
    }

    #[test]
    fn the_middle_is_zero_and_both_sides_are_alike() {
        assert_eq!(quantile(0.5).to_bits(), 0.0_f64.to_bits());
        for p in [0.001, 0.02, 0.074, 0.076, 0.25, 0.49] {
            assert!((quantile(p) + quantile(1.0 - p)).abs() < 1e-12, "{p}");
        }
    }
}
