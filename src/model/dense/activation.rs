//! Activations of layers.

use crate::model::vectors::Powers;

/// From here on 1 + eˣ equals eˣ in float64, and below its negative eˣ adds nothing to 1.
const FAR: f64 = 700.0;

/// A function that a layer applies to each of its sums.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(in crate::model) enum Activation {
    /// Nothing.
    Identity,
    /// max(0, x).
    Relu,
    /// x from 0 on, and x times the slope below.
    LeakyRelu { slope: f64 },
    /// x from 0 on, and alpha · (eˣ − 1) below.
    Elu { alpha: f64 },
    /// tanh x.
    Tanh,
    /// 1 / (1 + e⁻ˣ).
    Logistic,
}

impl Activation {
    /// The least value of the function when it does nothing but raise values to that: this is done while the sums are
    /// in registers.
    pub(super) fn floor(self) -> f64 {
        if self == Self::Relu { 0.0 } else { f64::NEG_INFINITY }
    }

    /// Applies to all values what [`floor`](Self::floor) does not cover. NaN stays NaN, as with numpy.
    #[inline(always)]
    pub(super) fn apply<S: Powers>(self, simd: S, values: &mut [S::f64s]) {
        match self {
            Self::Identity | Self::Relu => {}
            Self::LeakyRelu { slope } => {
                let slope = simd.splat_f64s(slope);
                for x in values {
                    *x = below_zero(simd, *x, simd.mul_f64s(*x, slope));
                }
            }
            Self::Elu { alpha } => {
                let alpha = simd.splat_f64s(alpha);
                for x in values {
                    let low = simd.at_most(simd.at_least(*x, -FAR), 0.0);
                    *x = below_zero(simd, *x, simd.mul_f64s(alpha, simd.exp_less_one(low)));
                }
            }
            Self::Tanh => {
                for x in values {
                    *x = simd.tanh(*x);
                }
            }
            Self::Logistic => {
                let one = simd.splat_f64s(1.0);
                for x in values {
                    let power = simd.exp(simd.neg_f64s(simd.at_most(simd.at_least(*x, -FAR), FAR)));
                    *x = simd.div_f64s(one, simd.add_f64s(one, power));
                }
            }
        }
    }
}

/// `x` where it is not below 0, and `other` elsewhere.
#[inline(always)]
fn below_zero<S: Powers>(simd: S, x: S::f64s, other: S::f64s) -> S::f64s {
    simd.select_f64s(simd.less_than_f64s(x, simd.splat_f64s(0.0)), other, x)
}
