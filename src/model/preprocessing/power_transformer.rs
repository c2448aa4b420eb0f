//! A power of each feature that makes it more like a normal distribution, then centred and scaled if so set.
//!
//! Box-Cox: G. E. P. Box and D. R. Cox, "An Analysis of Transformations", J. R. Statist. Soc. B 26 (1964), equation 1.
//! Yeo-Johnson: I.-K. Yeo and R. A. Johnson, "A new family of power transformations to improve normality or symmetry",
//! Biometrika 87 (2000), section 3. With `exp_m1` and `ln_1p`, as in scipy, no digits are lost near 0. scikit-learn
//! before 1.9 has its own Yeo-Johnson, which rounds otherwise; that shows when a large power is scaled up again.

use ndarray::Array2;

use super::StandardScaler;
use crate::model::invalid::{Invalid, parameter};

const NAME: &str = "PowerTransformer";

/// Which family of powers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Method {
    /// Of any number.
    YeoJohnson,
    /// Of any number, rounded as scikit-learn before 1.9 does.
    YeoJohnsonByPower,
    /// Only for numbers above 0.
    BoxCox,
}

/// scikit-learn's `PowerTransformer`, fitted.
#[derive(Clone, PartialEq, Debug)]
pub struct PowerTransformer {
    method: Method,
    lambdas: Box<[f64]>,
    scaler: Option<StandardScaler>,
}

impl PowerTransformer {
    /// One power a feature, and what scales the result.
    ///
    /// # Errors
    /// When a power is not finite, or the scaler is of another width.
    pub(in crate::model) fn new(
        method: Method,
        lambdas: Vec<f64>,
        scaler: Option<StandardScaler>,
    ) -> Result<Self, Invalid> {
        parameter(NAME, "lambdas_").all_finite(&lambdas)?;
        if let Some(scaler) = &scaler {
            parameter(NAME, "_scaler").length(scaler.width(), lambdas.len(), "features")?;
        }
        Ok(Self { method, lambdas: lambdas.into(), scaler })
    }

    /// How many features a row has.
    pub fn width(&self) -> usize {
        self.lambdas.len()
    }

    /// The family of powers.
    pub fn method(&self) -> Method {
        self.method
    }

    /// The power of each feature.
    pub fn lambdas(&self) -> &[f64] {
        &self.lambdas
    }

    /// The scaler of the result; `None` when the result is not scaled.
    pub fn scaler(&self) -> Option<&StandardScaler> {
        self.scaler.as_ref()
    }

    pub(super) fn heap_bytes(&self) -> usize {
        size_of_val(&*self.lambdas) + self.scaler.as_ref().map_or(0, StandardScaler::heap_bytes)
    }

    /// The mean, which is known behind the power, turned back to the input's unit.
    pub(super) fn centre(&self) -> Option<Vec<f64>> {
        let mean = self.scaler.as_ref()?.mean()?;
        self.lambdas.iter().zip(mean).map(|(lambda, y)| self.method.inverse(*y, *lambda)).collect()
    }

    /// The usual range, which is known behind the power, turned back to the input's unit: powers increase with their
    /// argument.
    pub(super) fn usual(&self) -> Option<Vec<(f64, f64)>> {
        let usual = self.scaler.as_ref()?.usual()?;
        let pairs = self.lambdas.iter().zip(usual);
        pairs
            .map(|(lambda, (low, high))| {
                Some((self.method.inverse(low, *lambda)?, self.method.inverse(high, *lambda)?))
            })
            .collect()
    }

    pub(super) fn apply(&self, mut rows: Array2<f64>) -> Array2<f64> {
        for mut row in rows.rows_mut() {
            for (x, lambda) in row.iter_mut().zip(&self.lambdas) {
                // A negative power would make an infinity finite.
                if x.is_finite() {
                    *x = self.method.of(*x, *lambda);
                }
            }
        }
        match &self.scaler {
            Some(scaler) => scaler.apply(rows),
            None => rows,
        }
    }
}

impl Method {
    fn of(self, x: f64, lambda: f64) -> f64 {
        match self {
            Self::BoxCox => box_cox(x, lambda),
            // The negative half mirrors the positive one, with the power mirrored at 1.
            Self::YeoJohnson | Self::YeoJohnsonByPower if x < 0.0 => -self.of(-x, 2.0 - lambda),
            Self::YeoJohnson | Self::YeoJohnsonByPower if lambda.abs() < f64::EPSILON => x.ln_1p(),
            Self::YeoJohnson => (lambda * x.ln_1p()).exp_m1() / lambda,
            Self::YeoJohnsonByPower => ((x + 1.0).powf(lambda) - 1.0) / lambda,
        }
    }

    /// The number whose power is `y`; `None` when there is none.
    fn inverse(self, y: f64, lambda: f64) -> Option<f64> {
        let inverse = |y: f64, lambda: f64| {
            if lambda.abs() < f64::EPSILON { y.exp_m1() } else { ((lambda * y).ln_1p() / lambda).exp_m1() }
        };
        let x = match self {
            Self::BoxCox => inverse(y, lambda) + 1.0,
            Self::YeoJohnson | Self::YeoJohnsonByPower if y < 0.0 => -inverse(-y, 2.0 - lambda),
            Self::YeoJohnson | Self::YeoJohnsonByPower => inverse(y, lambda),
        };
        x.is_finite().then_some(x)
    }
}

/// (x^λ − 1) / λ for x above 0.
fn box_cox(x: f64, lambda: f64) -> f64 {
    /// Below this power the difference to the logarithm is lost in rounding; scipy's bound.
    const ZERO: f64 = 1e-19;
    if x <= 0.0 {
        return f64::NEG_INFINITY;
    }
    let log = x.ln();
    if lambda.abs() < ZERO { log } else { (lambda * log).exp_m1() / lambda }
}

#[cfg(test)]
mod tests {
    use ndarray::array;
    use proptest::prelude::*;

    use super::*;

    fn power(method: Method, lambda: f64, x: f64) -> f64 {
        PowerTransformer::new(method, vec![lambda], None).unwrap().apply(array![[x]])[[0, 0]]
    }

    #[test]
    fn powers_are_those_of_the_papers() {
        for (method, lambda, x, y) in [
            (Method::YeoJohnson, 1.0, 3.0, 3.0),
            (Method::YeoJohnson, 1.0, -3.0, -3.0),
            (Method::YeoJohnson, 2.0, 3.0, 7.5),
            (Method::YeoJohnson, 2.0, -3.0, -(4.0_f64.ln())),
            (Method::YeoJohnson, 0.0, 3.0, 4.0_f64.ln()),
            (Method::YeoJohnson, 0.0, -3.0, -7.5),
            (Method::YeoJohnsonByPower, 2.0, 3.0, 7.5),
            (Method::YeoJohnsonByPower, 2.0, -3.0, -(4.0_f64.ln())),
            (Method::YeoJohnsonByPower, 0.0, -3.0, -7.5),
            (Method::BoxCox, 2.0, 3.0, 4.0),
            (Method::BoxCox, 0.0, 3.0, 3.0_f64.ln()),
            (Method::BoxCox, -1.0, 4.0, 0.75),
        ] {
            let found = power(method, lambda, x);
            assert!((found - y).abs() < 1e-14, "{method:?} {lambda} of {x}: {found} for {y}");
        }
    }

    #[test]
    fn the_two_ways_to_round_differ_near_zero() {
        // By scikit-learn 1.9.1 and 1.7.2.
        assert_eq!(power(Method::YeoJohnson, 0.5, 1e-12), 9.9999999999975e-13);
        assert_eq!(power(Method::YeoJohnsonByPower, 0.5, 1e-12), 1.000088900582341e-12);
    }

    #[test]
    fn what_box_cox_cannot_take_is_infinite_and_nan_is_left() {
        assert_eq!([0.0, -1.0].map(|x| power(Method::BoxCox, 0.5, x)), [f64::NEG_INFINITY; 2]);
        assert!(power(Method::BoxCox, 0.5, f64::NAN).is_nan());
    }

    #[test]
    fn an_infinity_does_not_become_finite() {
        assert_eq!(power(Method::YeoJohnson, -1.0, f64::INFINITY), f64::INFINITY);
        assert_eq!(power(Method::YeoJohnson, 3.0, f64::NEG_INFINITY), f64::NEG_INFINITY);
    }

    #[test]
    fn the_result_is_scaled_and_what_was_usual_is_found_before_the_power() {
        let scaler = StandardScaler::new(1, Some(vec![1.5]), Some(vec![0.5])).unwrap();
        let transformer = PowerTransformer::new(Method::BoxCox, vec![2.0], Some(scaler)).unwrap();
        let close = |x: f64, y: f64| assert!((x - y).abs() < 1e-12, "{x} for {y}");
        close(transformer.apply(array![[3.0]])[[0, 0]], 5.0);
        close(transformer.centre().unwrap()[0], 2.0);
        close(transformer.usual().unwrap()[0].1, 6.0_f64.sqrt());
    }

    proptest! {
        #[test]
        fn a_power_is_undone_by_its_inverse(x in 0.01..50.0_f64, lambda in -2.0..4.0_f64, negative: bool) {
            let signed = if negative { -x } else { x };
            for (method, x) in
                [(Method::BoxCox, x), (Method::YeoJohnson, signed), (Method::YeoJohnsonByPower, signed)]
            {
                let back = method.inverse(method.of(x, lambda), lambda).unwrap();
                prop_assert!((back - x).abs() <= 1e-6 * x.abs(), "{method:?}: {} for {}", back, x);
            }
        }
    }
}
