//! Functions of one number, as ONNX defines them.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI, PI};

use super::interval::Interval;

/// A function of one number.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(in crate::model) enum Function {
    Abs,
    Ceil,
    Celu {
        alpha: f64,
    },
    Clip {
        low: f64,
        high: f64,
    },
    Cos,
    Elu {
        alpha: f64,
    },
    Erf,
    Exp,
    Floor,
    Gelu,
    /// Its approximation by the hyperbolic tangent.
    GeluTanh,
    HardSigmoid {
        alpha: f64,
        beta: f64,
    },
    HardSwish,
    LeakyRelu {
        slope: f64,
    },
    Log,
    Logistic,
    Mish,
    Negative,
    /// 1 for a number that is not 0, else 0.
    NonZero,
    Not,
    Reciprocal,
    Relu,
    /// Halves go to the even neighbour.
    Round,
    Selu {
        alpha: f64,
        gamma: f64,
    },
    Sign,
    Sin,
    Softplus,
    Softsign,
    Sqrt,
    Square,
    Swish {
        alpha: f64,
    },
    Tanh,
    ThresholdedRelu {
        alpha: f64,
    },
    Truncate,
}

impl Function {
    /// The function's value. NaN stays NaN, except where a comparison says otherwise.
    pub(super) fn of(self, x: f64) -> f64 {
        match self {
            Self::Abs => x.abs(),
            Self::Ceil => x.ceil(),
            Self::Celu { alpha } => x.max(0.0) + (alpha * (x / alpha).exp_m1()).min(0.0),
            Self::Clip { low, high } => clip(x, low, high),
            Self::Cos => x.cos(),
            Self::Elu { alpha } => below_zero(x, |x| alpha * x.exp_m1()),
            Self::Erf => erf(x),
            Self::Exp => x.exp(),
            Self::Floor => x.floor(),
            Self::Gelu => 0.5 * x * (1.0 + erf(x * FRAC_1_SQRT_2)),
            Self::GeluTanh => 0.5 * x * (1.0 + ((2.0 / PI).sqrt() * (x + 0.044_715 * x * x * x)).tanh()),
            Self::HardSigmoid { alpha, beta } => clip(alpha * x + beta, 0.0, 1.0),
            Self::HardSwish => x * clip(x / 6.0 + 0.5, 0.0, 1.0),
            Self::LeakyRelu { slope } => below_zero(x, |x| slope * x),
            Self::Log => x.ln(),
            Self::Logistic => logistic(x),
            Self::Mish => x * softplus(x).tanh(),
            Self::Negative => -x,
            Self::NonZero => truth(x != 0.0),
            Self::Not => truth(x == 0.0),
            Self::Reciprocal => x.recip(),
            Self::Relu => below_zero(x, |_| 0.0),
            Self::Round => x.round_ties_even(),
            Self::Selu { alpha, gamma } => gamma * below_zero(x, |x| alpha * x.exp_m1()),
            Self::Sign if x == 0.0 || x.is_nan() => x,
            Self::Sign => x.signum(),
            Self::Sin => x.sin(),
            Self::Softplus => softplus(x),
            Self::Softsign => x / (1.0 + x.abs()),
            Self::Sqrt => x.sqrt(),
            Self::Square => x * x,
            Self::Swish { alpha } => x * logistic(alpha * x),
            Self::Tanh => x.tanh(),
            Self::ThresholdedRelu { alpha } => {
                if x <= alpha {
                    0.0
                } else {
                    x
                }
            }
            Self::Truncate => x.trunc(),
        }
    }

    /// About how many additions one evaluation costs.
    pub(super) fn work(self) -> usize {
        match self {
            Self::Erf | Self::Gelu => 64,
            Self::Celu { .. }
            | Self::Cos
            | Self::Elu { .. }
            | Self::Exp
            | Self::GeluTanh
            | Self::Log
            | Self::Logistic
            | Self::Mish
            | Self::Selu { .. }
            | Self::Sin
            | Self::Softplus
            | Self::Swish { .. }
            | Self::Tanh => 16,
            _ => 1,
        }
    }

    /// Where its values lie.
    pub(super) fn range(self, of: Interval) -> Interval {
        // The function is never above max(x, 0), and never below `least`, which it reaches for some x below 0.
        let dipping = |least: f64| Interval::new(if of.low >= 0.0 { 0.0 } else { least }, of.high.max(0.0));
        match self {
            Self::Abs => of.magnitude(),
            Self::Clip { low, high } if low <= high => of.rising(|x| clip(x, low, high)),
            Self::Cos | Self::Sin => Interval::new(-1.0, 1.0),
            Self::Gelu | Self::GeluTanh => dipping(-0.171),
            Self::HardSwish => dipping(-0.375),
            Self::Mish => dipping(-0.309),
            Self::Swish { alpha } if alpha > 0.0 => dipping(-0.279 / alpha),
            Self::Negative => of.negative(),
            Self::NonZero | Self::Not => Interval::new(0.0, 1.0),
            Self::Reciprocal => of.reciprocal(),
            Self::Softsign => of.rising(|x| if x.is_infinite() { x.signum() } else { self.of(x) }),
            // Below 0 there is no root and no logarithm.
            Self::Sqrt | Self::Log => Interval::new(of.low.max(0.0), of.high.max(0.0)).rising(|x| self.of(x)),
            Self::Square => of.square(),
            Self::ThresholdedRelu { .. } => of.or(Interval::new(0.0, 0.0)),
            Self::Celu { alpha } | Self::Elu { alpha } if alpha > 0.0 => of.rising(|x| self.of(x)),
            Self::Selu { alpha, gamma } if alpha > 0.0 && gamma > 0.0 => of.rising(|x| self.of(x)),
            Self::LeakyRelu { slope } if slope > 0.0 => of.rising(|x| self.of(x)),
            // With a slope of at most 0, a number below 0 becomes one of at least 0.
            Self::LeakyRelu { slope } => Interval::new(of.low.max(0.0), of.high.max(of.low * slope).max(0.0)),
            Self::HardSigmoid { .. } => Interval::new(0.0, 1.0),
            Self::Ceil
            | Self::Erf
            | Self::Exp
            | Self::Floor
            | Self::Logistic
            | Self::Relu
            | Self::Round
            | Self::Sign
            | Self::Softplus
            | Self::Tanh
            | Self::Truncate => of.rising(|x| self.of(x)),
            Self::Celu { .. } | Self::Clip { .. } | Self::Elu { .. } | Self::Selu { .. } | Self::Swish { .. } => {
                Interval::ALL
            }
        }
    }
}

/// A truth value as a number: 1 or 0.
pub(super) fn truth(is: bool) -> f64 {
    f64::from(u8::from(is))
}

/// `x` where it is not below 0, and a function of it elsewhere.
fn below_zero(x: f64, function: impl Fn(f64) -> f64) -> f64 {
    if x < 0.0 { function(x) } else { x }
}

/// When the bounds cross, the upper one counts. NaN stays NaN.
fn clip(x: f64, low: f64, high: f64) -> f64 {
    let x = if x < low { low } else { x };
    if x > high { high } else { x }
}

fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn softplus(x: f64) -> f64 {
    if x.is_nan() { x } else { x.max(0.0) + (-x.abs()).exp().ln_1p() }
}

/// The error function: 2/√π · e^(−x²) · Σ 2ⁿ x^(2n+1) / (1 · 3 · … · (2n + 1)), whose summands are all of one sign.
///
/// Abramowitz and Stegun, "Handbook of Mathematical Functions", 1964, formula 7.1.6.
fn erf(x: f64) -> f64 {
    if x.is_nan() {
        return x;
    }
    // From here on the function is 1 to the last bit.
    if x.abs() > 6.0 {
        return x.signum();
    }
    let (mut term, mut sum, mut odd) = (x, x, 1.0);
    while term.abs() > f64::EPSILON / 4.0 * sum.abs() {
        odd += 2.0;
        term *= 2.0 * x * x / odd;
        sum += term;
    }
    FRAC_2_SQRT_PI * (-x * x).exp() * sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_function_is_that_of_the_tables() {
        // scipy.special.erf
        for (x, expected) in [
            (0.0, 0.0),
            (1e-8, 1.128_379_167_095_512_6e-8),
            (0.5, 0.520_499_877_813_046_5),
            (-1.0, -0.842_700_792_949_714_9),
            (2.0, 0.995_322_265_018_952_7),
            (3.5, 0.999_999_256_901_627_7),
            (5.9, 1.0),
            (f64::NEG_INFINITY, -1.0),
        ] {
            assert!((erf(x) - expected).abs() <= 2e-15 * expected.abs(), "{x}: {}", erf(x));
        }
        assert!(erf(f64::NAN).is_nan());
    }

    #[test]
    fn no_function_leaves_its_range() {
        let functions = [
            Function::Abs,
            Function::Ceil,
            Function::Celu { alpha: 0.7 },
            Function::Clip { low: -0.5, high: 0.25 },
            Function::Cos,
            Function::Elu { alpha: 0.7 },
            Function::Elu { alpha: -0.7 },
            Function::Erf,
            Function::Exp,
            Function::Floor,
            Function::Gelu,
            Function::GeluTanh,
            Function::HardSigmoid { alpha: 0.2, beta: 0.5 },
            Function::HardSwish,
            Function::LeakyRelu { slope: 0.1 },
            Function::LeakyRelu { slope: -0.1 },
            Function::LeakyRelu { slope: -3.0 },
            Function::Logistic,
            Function::Mish,
            Function::Negative,
            Function::NonZero,
            Function::Not,
            Function::Reciprocal,
            Function::Relu,
            Function::Round,
            Function::Selu { alpha: 1.7, gamma: 1.05 },
            Function::Sign,
            Function::Sin,
            Function::Softplus,
            Function::Softsign,
            Function::Square,
            Function::Swish { alpha: 1.5 },
            Function::Tanh,
            Function::ThresholdedRelu { alpha: 0.3 },
            Function::ThresholdedRelu { alpha: -0.3 },
            Function::Truncate,
        ];
        let ends = [f64::NEG_INFINITY, -7.3, -1.0, -0.2, 0.0, 0.4, 1.0, 8.1, f64::INFINITY];
        for function in functions {
            for (place, low) in ends.iter().enumerate() {
                for high in &ends[place..] {
                    let range = function.range(Interval { low: *low, high: *high });
                    let from = low.max(-20.0);
                    let step = (high.min(20.0) - from) / 500.0;
                    for x in (0..=500).map(|count| (from + step * f64::from(count)).min(*high)) {
                        let y = function.of(x);
                        let inside = range.low - 1e-12 <= y && y <= range.high + 1e-12;
                        assert!(inside || y.is_nan(), "{function:?} of {x} is {y}, outside of {range:?}");
                    }
                }
            }
        }
    }
}
