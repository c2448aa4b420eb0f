//! The rounding errors of steps, and their effect: the steps' results, each moved by as much as rounding may move it.
//!
//! Scalers and imputers compute the same number in every implementation. Steps with sums or powers may not.

use ndarray::{Array2, ArrayView1, Axis, concatenate};

use super::detectors::{expanded, lost};
use crate::model::preprocessing::{ColumnTransformer, Distribution, Likeness, Method, Pca, PowerTransformer, Step};

/// The relative difference between the same functions of different libraries.
const DIGITS: f64 = 16.0 * f64::EPSILON;

/// Plus and minus, at random, but always the same.
pub(super) struct Signs(u64);

impl Signs {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    pub(super) fn next(&mut self) -> f64 {
        // Knuth's linear congruential generator.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        if self.0 >> 63 == 0 { 1.0 } else { -1.0 }
    }
}

/// Whether a step may round otherwise than another implementation of it.
pub(super) fn rounds(step: &Step) -> bool {
    match step {
        Step::StandardScaler(_)
        | Step::MinMaxScaler(_)
        | Step::MaxAbsScaler(_)
        | Step::RobustScaler(_)
        | Step::SimpleImputer(_)
        | Step::VarianceThreshold(_) => false,
        Step::PowerTransformer(_)
        | Step::QuantileTransformer(_)
        | Step::Pca(_)
        | Step::PolynomialFeatures(_)
        | Step::FunctionTransformer(_)
        | Step::Nystroem(_) => true,
        Step::ColumnTransformer(columns) => columns.branches().iter().flat_map(|branch| &branch.steps).any(rounds),
    }
}

/// The output of a step, with each number moved up or down by as much as rounding may move it.
pub(super) fn disturbed(step: &Step, rows: Array2<f64>, signs: &mut Signs) -> Array2<f64> {
    match step {
        Step::ColumnTransformer(columns) => branches(columns, &rows, signs),
        Step::Nystroem(nystroem) => {
            let params = nystroem.params();
            let mut out = step.apply(rows.clone());
            for (row, mut out) in rows.rows().into_iter().zip(out.rows_mut()) {
                let lost: Vec<f64> =
                    params.components.rows().into_iter().map(|v| of_kernel(params.likeness, row, v)).collect();
                for (y, weights) in out.iter_mut().zip(params.normalization.rows()) {
                    let terms = weights.iter().zip(&lost).map(|(weight, lost)| weight.abs() * lost);
                    *y += terms.sum::<f64>() * signs.next();
                }
            }
            out
        }
        step if !rounds(step) => step.apply(rows),
        step => {
            let mut out = step.apply(rows.clone());
            for (row, mut out) in rows.rows().into_iter().zip(out.rows_mut()) {
                for (place, y) in out.iter_mut().enumerate() {
                    let lost = match step {
                        Step::Pca(pca) => of_projection(pca, place, row.iter()),
                        Step::PowerTransformer(power) => of_power(power, place, *y),
                        // A quantile is found on a scale of 1.
                        Step::QuantileTransformer(quantiles) if quantiles.output() != Distribution::Normal => DIGITS,
                        Step::QuantileTransformer(_) => DIGITS * (1.0 + y.abs()),
                        _ => DIGITS * y.abs(),
                    };
                    *y += lost * signs.next();
                }
            }
            out
        }
    }
}

fn branches(columns: &ColumnTransformer, rows: &Array2<f64>, signs: &mut Signs) -> Array2<f64> {
    let parts = columns.branches().iter().map(|branch| {
        let taken = rows.select(Axis(1), &branch.columns);
        branch.steps.iter().fold(taken, |rows, step| disturbed(step, rows, signs)) * branch.weight
    });
    let parts: Vec<_> = parts.collect();
    let views: Vec<_> = parts.iter().map(|part| part.view()).collect();
    // The constructor has checked that there is output; all branches have all rows.
    concatenate(Axis(1), &views).unwrap_or_default()
}

/// The likeness of a row and a training row. scikit-learn expands the square of the distance.
fn of_kernel(likeness: Likeness, row: ArrayView1<'_, f64>, v: ArrayView1<'_, f64>) -> f64 {
    let width = row.len();
    let products = || row.iter().zip(v).map(|(x, v)| (x * v).abs()).sum::<f64>();
    match likeness {
        Likeness::Rbf { gamma } => {
            let (square, lost) = expanded(row, v.iter().copied());
            (-gamma * square).exp() * (gamma * lost + DIGITS)
        }
        Likeness::Laplacian { .. } | Likeness::Cosine => lost(width, 1.0) + DIGITS,
        Likeness::Linear => lost(width, products()),
        Likeness::Sigmoid { gamma, coef0 } => lost(width, gamma * products() + coef0.abs()) + DIGITS,
        Likeness::Poly { degree, gamma, coef0 } => {
            (gamma * products() + coef0.abs()).powf(degree) * (degree.abs() * lost(width, 1.0) + DIGITS)
        }
    }
}

/// x · component − mean · component, as newer versions of scikit-learn compute it.
fn of_projection<'x>(pca: &Pca, component: usize, row: impl Iterator<Item = &'x f64>) -> f64 {
    let (weights, deviation) = pca.component(component);
    let terms: f64 = row.zip(pca.mean()).zip(weights).map(|((x, mean), w)| w.abs() * (x.abs() + mean.abs())).sum();
    (pca.width() + 2) as f64 * f64::EPSILON * terms / deviation
}

/// The power, before the result is centred and scaled.
fn of_power(power: &PowerTransformer, feature: usize, y: f64) -> f64 {
    let of = |numbers: Option<&[f64]>, default: f64| {
        numbers.and_then(|numbers| numbers.get(feature)).copied().unwrap_or(default)
    };
    let scaler = power.scaler();
    let scale = of(scaler.and_then(|scaler| scaler.scale()), 1.0);
    let mean = of(scaler.and_then(|scaler| scaler.mean()), 0.0);
    // (x + 1)^λ − 1 cancels where λ is small.
    let lambda = of(Some(power.lambdas()), 1.0);
    let taken = if power.method() == Method::YeoJohnsonByPower {
        lambda.abs().min((2.0 - lambda).abs()).max(f64::EPSILON).recip()
    } else {
        0.0
    };
    DIGITS * (y.abs() + (mean.abs() + taken) / scale)
}
