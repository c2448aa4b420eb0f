//! The bounds of a number over all possible rows: interval arithmetic.
//!
//! The bounds need not be the closest, but no number is beyond them, apart from rounding. NaN is in no interval: a
//! decision that is NaN is an error.

use std::fmt;

/// All numbers from `low` to `high`, neither of them NaN.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Interval {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

impl Interval {
    /// Every number.
    pub(super) const ALL: Self = Self { low: f64::NEG_INFINITY, high: f64::INFINITY };

    /// The numbers from one bound to the other. A bound that is not known (NaN) becomes infinite.
    pub(super) fn new(low: f64, high: f64) -> Self {
        Self {
            low: if low.is_nan() { f64::NEG_INFINITY } else { low },
            high: if high.is_nan() { f64::INFINITY } else { high },
        }
    }

    /// The numbers from the least of some to the greatest.
    pub(super) fn around(numbers: &[f64]) -> Self {
        if numbers.iter().any(|number| number.is_nan()) {
            return Self::ALL;
        }
        let low = numbers.iter().copied().fold(f64::INFINITY, f64::min);
        Self { low, high: numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max) }
    }

    /// The smallest interval that holds both.
    pub(super) fn or(self, other: Self) -> Self {
        Self { low: self.low.min(other.low), high: self.high.max(other.high) }
    }

    /// The interval after a function that never decreases.
    pub(super) fn rising(self, function: impl Fn(f64) -> f64) -> Self {
        Self::new(function(self.low), function(self.high))
    }

    /// The numbers without their signs.
    pub(super) fn magnitude(self) -> Self {
        let high = self.low.abs().max(self.high.abs());
        let low = if self.low > 0.0 || self.high < 0.0 { self.low.abs().min(self.high.abs()) } else { 0.0 };
        Self { low, high }
    }

    /// The squares of its numbers.
    pub(super) fn square(self) -> Self {
        self.magnitude().rising(|x| x * x)
    }

    /// With each number's sign changed.
    pub(super) fn negative(self) -> Self {
        Self { low: -self.high, high: -self.low }
    }

    pub(super) fn plus(self, other: Self) -> Self {
        Self::new(self.low + other.low, self.high + other.high)
    }

    pub(super) fn times(self, other: Self) -> Self {
        let mut product = Self { low: f64::INFINITY, high: f64::NEG_INFINITY };
        for (a, b) in [(self.low, other.low), (self.low, other.high), (self.high, other.low), (self.high, other.high)] {
            // An infinite bound stands for numbers that are finite, however large: times 0 they are 0.
            let corner = if a.abs() <= 0.0 || b.abs() <= 0.0 { 0.0 } else { a * b };
            product = product.or(Self { low: corner, high: corner });
        }
        product
    }

    /// 1 over the interval's numbers; all numbers when 0 is among them.
    pub(super) fn reciprocal(self) -> Self {
        match self.low > 0.0 || self.high < 0.0 {
            true => Self { low: self.high.recip(), high: self.low.recip() },
            // Numbers that are never negative stay so, however near to 0 they come.
            false if self.low >= 0.0 => Self { low: 0.0, high: f64::INFINITY },
            false => Self::ALL,
        }
    }

    /// The numbers to a power.
    pub(super) fn power(self, exponent: Self) -> Self {
        let whole = |number: f64| number.fract().abs() <= 0.0;
        if self.low >= 0.0 {
            return Self { low: 0.0, high: f64::INFINITY };
        }
        match exponent.high - exponent.low <= 0.0 && whole(exponent.low) && whole(exponent.low / 2.0) {
            true => Self { low: 0.0, high: f64::INFINITY },
            false => Self::ALL,
        }
    }

    /// Whether there are numbers on both sides of a boundary.
    pub(in crate::model) fn crosses(self, boundary: f64) -> bool {
        self.low < boundary && boundary < self.high
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.low.is_finite(), self.high.is_finite()) {
            (true, true) => write!(f, "from {} to {}", self.low, self.high),
            (true, false) => write!(f, "{} or more", self.low),
            (false, true) => write!(f, "{} or less", self.high),
            (false, false) => f.write_str("any number"),
        }
    }
}
