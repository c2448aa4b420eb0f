//! The kernels: functions of the squared distance, or the product, of a row and a support vector.

use crate::model::vectors::{LARGEST, Powers, SIXTEENTHS};

/// How alike a row z and a support vector v are.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Kernel {
    /// exp(−γ · ‖z − v‖²).
    Rbf {
        /// γ, 0 or above.
        gamma: f64,
    },
    /// z·v.
    Linear,
    /// (γ · z·v + c)ᵈ.
    Poly {
        /// d.
        degree: u32,
        /// γ.
        gamma: f64,
        /// c.
        coef0: f64,
    },
    /// tanh(γ · z·v + c).
    Sigmoid {
        /// γ.
        gamma: f64,
        /// c.
        coef0: f64,
    },
}

impl Kernel {
    /// Its name in the libraries that train with it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rbf { .. } => "rbf",
            Self::Linear => "linear",
            Self::Poly { .. } => "poly",
            Self::Sigmoid { .. } => "sigmoid",
        }
    }
}

/// One term of the sum: from the distance or product of a row and a support vector.
pub(super) trait Term: Copy {
    /// What is computed from a row and a support vector, feature by feature, before [`add`](Self::add).
    const BETWEEN: Between;

    /// Adds the kernel's value times the weight to a sum.
    fn add<S: Powers>(self, simd: S, between: S::f64s, weight: S::f64s, sum: S::f64s) -> S::f64s;
}

/// What is computed from a row and a support vector, feature by feature.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Between {
    /// The squared distance, computed from differences: the expanded square would cancel on data that was not scaled.
    SquaredDistance,
    /// The product.
    Product,
}

/// The rbf kernel of rows that are near enough to every support vector for a power of two above [`LARGEST`].
#[derive(Clone, Copy)]
pub(super) struct Near {
    /// −γ in sixteenths of powers of two.
    pub(super) scale: f64,
}

impl Near {
    /// With γ.
    pub(super) fn new(gamma: f64) -> Self {
        Self { scale: (-gamma * SIXTEENTHS).max(-f64::MAX) }
    }

    /// The largest squared distance that counts as near.
    pub(super) fn largest(self) -> f64 {
        (LARGEST / -self.scale).min(f64::MAX)
    }
}

impl Term for Near {
    const BETWEEN: Between = Between::SquaredDistance;

    #[inline(always)]
    fn add<S: Powers>(self, simd: S, between: S::f64s, weight: S::f64s, sum: S::f64s) -> S::f64s {
        let parts = simd.parts(between, simd.splat_f64s(self.scale));
        let rest = simd.mul_add_e_f64s(parts.f, parts.series, simd.splat_f64s(1.0));
        simd.mul_add_e_f64s(simd.mul_f64s(parts.power, weight), rest, sum)
    }
}

/// The rbf kernel of rows that may be anywhere: a support vector that is not near counts as 0.
#[derive(Clone, Copy)]
pub(super) struct Anywhere(pub(super) Near);

impl Term for Anywhere {
    const BETWEEN: Between = Between::SquaredDistance;

    #[inline(always)]
    fn add<S: Powers>(self, simd: S, between: S::f64s, weight: S::f64s, sum: S::f64s) -> S::f64s {
        let near = simd.less_than_or_equal_f64s(between, simd.splat_f64s(self.0.largest()));
        let zero = simd.splat_f64s(0.0);
        let with = self.0.add(simd, simd.select_f64s(near, between, zero), weight, sum);
        simd.select_f64s(near, with, sum)
    }
}

/// The polynomial kernel.
#[derive(Clone, Copy)]
pub(super) struct Poly {
    pub(super) degree: u32,
    pub(super) gamma: f64,
    pub(super) coef0: f64,
}

impl Term for Poly {
    const BETWEEN: Between = Between::Product;

    /// The power by squaring, as LIBSVM's `powi`.
    #[inline(always)]
    fn add<S: Powers>(self, simd: S, between: S::f64s, weight: S::f64s, sum: S::f64s) -> S::f64s {
        let mut square = simd.mul_add_e_f64s(between, simd.splat_f64s(self.gamma), simd.splat_f64s(self.coef0));
        let mut power = simd.splat_f64s(1.0);
        let mut degree = self.degree;
        while degree > 0 {
            if degree % 2 == 1 {
                power = simd.mul_f64s(power, square);
            }
            square = simd.mul_f64s(square, square);
            degree /= 2;
        }
        simd.mul_add_e_f64s(power, weight, sum)
    }
}

/// The sigmoid kernel.
#[derive(Clone, Copy)]
pub(super) struct Sigmoid {
    pub(super) gamma: f64,
    pub(super) coef0: f64,
}

impl Term for Sigmoid {
    const BETWEEN: Between = Between::Product;

    #[inline(always)]
    fn add<S: Powers>(self, simd: S, between: S::f64s, weight: S::f64s, sum: S::f64s) -> S::f64s {
        let x = simd.mul_add_e_f64s(between, simd.splat_f64s(self.gamma), simd.splat_f64s(self.coef0));
        simd.mul_add_e_f64s(simd.tanh(x), weight, sum)
    }
}
