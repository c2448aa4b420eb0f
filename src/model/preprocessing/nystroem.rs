//! Likeness to some training rows (Williams, Seeger, *Using the Nyström method to speed up kernel machines*, NIPS
//! 2000): y = k · normalizationᵀ, where k holds a row's kernel with each of these training rows.

use ndarray::{Array2, ArrayView1};

use crate::model::invalid::{Invalid, parameter};

const NAME: &str = "Nystroem";

/// How the likeness of a row x and a training row v is computed.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Likeness {
    /// exp(−γ · ‖x − v‖²).
    Rbf {
        /// γ.
        gamma: f64,
    },
    /// exp(−γ · Σ |x − v|).
    Laplacian {
        /// γ.
        gamma: f64,
    },
    /// x·v.
    Linear,
    /// (γ · x·v + c)ᵈ.
    Poly {
        /// d, which need not be whole.
        degree: f64,
        /// γ.
        gamma: f64,
        /// c.
        coef0: f64,
    },
    /// tanh(γ · x·v + c).
    Sigmoid {
        /// γ.
        gamma: f64,
        /// c.
        coef0: f64,
    },
    /// x·v / (‖x‖ · ‖v‖).
    Cosine,
}

/// The parameters as files hold them.
#[derive(Clone, PartialEq, Debug)]
pub struct Params {
    /// The training rows with which others are compared, a row each.
    pub components: Array2<f64>,
    /// Maps the kernels to the output: a row for each output feature, a column for each component.
    pub normalization: Array2<f64>,
    /// The kernel.
    pub likeness: Likeness,
}

/// scikit-learn's `Nystroem`, fitted.
#[derive(Clone, PartialEq, Debug)]
pub struct Nystroem {
    /// Row by row in memory, as the normalization is.
    components: Array2<f64>,
    normalization: Array2<f64>,
    likeness: Likeness,
}

impl Nystroem {
    /// Checks the parameters.
    ///
    /// # Errors
    /// When there is no component, shapes do not agree, or a number is not finite.
    pub(in crate::model) fn new(params: Params) -> Result<Self, Invalid> {
        let Params { components, normalization, likeness } = params;
        let of_components = parameter(NAME, "components_");
        if components.is_empty() {
            return Err(of_components.invalid("empty", "at least one row of at least one feature"));
        }
        components.iter().try_for_each(|number| of_components.finite(*number))?;
        let of_normalization = parameter(NAME, "normalization_");
        if normalization.is_empty() || normalization.ncols() != components.nrows() {
            let found = format!("{} by {}", normalization.nrows(), normalization.ncols());
            return Err(of_normalization.invalid(found, format!("{0} by {0}", components.nrows())));
        }
        normalization.iter().try_for_each(|number| of_normalization.finite(*number))?;
        let gamma = |gamma: f64| match gamma.is_finite() && gamma >= 0.0 {
            true => Ok(()),
            false => Err(parameter(NAME, "gamma").invalid(gamma, "a finite number, 0 or above")),
        };
        match likeness {
            Likeness::Rbf { gamma: width } | Likeness::Laplacian { gamma: width } => gamma(width)?,
            Likeness::Linear | Likeness::Cosine => {}
            Likeness::Poly { degree, gamma: scale, coef0 } => {
                parameter(NAME, "degree").finite(degree)?;
                gamma(scale)?;
                parameter(NAME, "coef0").finite(coef0)?;
            }
            Likeness::Sigmoid { gamma: scale, coef0 } => {
                gamma(scale)?;
                parameter(NAME, "coef0").finite(coef0)?;
            }
        }
        let row_by_row = |matrix: Array2<f64>| matrix.as_standard_layout().into_owned();
        Ok(Self { components: row_by_row(components), normalization: row_by_row(normalization), likeness })
    }

    /// The parameters from which this was made.
    pub fn params(&self) -> Params {
        Params {
            components: self.components.clone(),
            normalization: self.normalization.clone(),
            likeness: self.likeness,
        }
    }

    /// The number of features of an input row.
    pub fn width(&self) -> usize {
        self.components.ncols()
    }

    /// The number of features of an output row.
    pub fn output_width(&self) -> usize {
        self.normalization.nrows()
    }

    /// How many training rows a row is held against.
    pub(in crate::model) fn held_against(&self) -> usize {
        self.components.nrows()
    }

    pub(super) fn heap_bytes(&self) -> usize {
        (self.components.len() + self.normalization.len()) * size_of::<f64>()
    }

    pub(super) fn apply(&self, rows: Array2<f64>) -> Array2<f64> {
        let mut out = Array2::zeros((rows.nrows(), self.output_width()));
        let mut kernels = vec![0.0; self.components.nrows()];
        for (row, mut out) in rows.rows().into_iter().zip(out.rows_mut()) {
            // An infinitely far row would give 0, as if it were a reading.
            if row.iter().any(|x| !x.is_finite()) {
                out.fill(f64::INFINITY);
                continue;
            }
            for (kernel, component) in kernels.iter_mut().zip(self.components.rows()) {
                *kernel = self.likeness.of(row, component);
            }
            for (y, weights) in out.iter_mut().zip(self.normalization.rows()) {
                *y = kernels.iter().zip(weights).map(|(kernel, weight)| kernel * weight).sum();
            }
        }
        out
    }
}

impl Likeness {
    fn of(self, x: ArrayView1<'_, f64>, v: ArrayView1<'_, f64>) -> f64 {
        let apart = || x.iter().zip(v).map(|(x, v)| x - v);
        let product = |a: ArrayView1<'_, f64>, b: ArrayView1<'_, f64>| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        match self {
            Self::Rbf { gamma } => (-gamma * apart().map(|x| x * x).sum::<f64>()).exp(),
            Self::Laplacian { gamma } => (-gamma * apart().map(f64::abs).sum::<f64>()).exp(),
            Self::Linear => product(x, v),
            Self::Poly { degree, gamma, coef0 } => (gamma * product(x, v) + coef0).powf(degree),
            Self::Sigmoid { gamma, coef0 } => (gamma * product(x, v) + coef0).tanh(),
            Self::Cosine => {
                // As in scikit-learn, a row of zeros has no direction and is like no other.
                let length = |row| match product(row, row).sqrt() {
                    0.0 => 1.0,
                    length => length,
                };
                product(x, v) / (length(x) * length(v))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn params(likeness: Likeness) -> Params {
        Params { components: array![[1.0, 0.0], [0.0, 2.0]], normalization: array![[1.0, 0.0], [1.0, -1.0]], likeness }
    }

    #[test]
    fn the_kernels_with_the_components_are_weighed() {
        let kernels = |likeness: Likeness| {
            let out = Nystroem::new(params(likeness)).unwrap().apply(array![[3.0, 4.0]]);
            [out[[0, 0]], out[[0, 0]] - out[[0, 1]]]
        };
        assert_eq!(kernels(Likeness::Linear), [3.0, 8.0]);
        assert_eq!(kernels(Likeness::Poly { degree: 2.0, gamma: 0.5, coef0: 1.0 }), [6.25, 25.0]);
        assert_eq!(kernels(Likeness::Cosine), [0.6, 0.8]);
        let gamma = 0.125;
        assert_eq!(kernels(Likeness::Rbf { gamma })[0], (-2.5_f64).exp());
        assert_eq!(kernels(Likeness::Laplacian { gamma })[0], (-0.75_f64).exp());
        assert_eq!(kernels(Likeness::Sigmoid { gamma, coef0: 0.5 })[0], 0.875_f64.tanh());
        let nothing = Nystroem::new(params(Likeness::Cosine)).unwrap().apply(array![[0.0, 0.0]]);
        assert_eq!(nothing, array![[0.0, 0.0]]);
    }

    #[test]
    fn parameters_that_do_not_fit_are_refused() {
        let good = params(Likeness::Linear);
        assert_eq!(Nystroem::new(good.clone()).unwrap().params(), good);
        for (why, params) in [
            ("no components", Params { components: Array2::zeros((0, 2)), ..good.clone() }),
            ("a component of NaN", Params { components: array![[f64::NAN], [1.0]], ..good.clone() }),
            ("weights for another number", Params { normalization: array![[1.0]], ..good.clone() }),
            ("endless weights", Params { normalization: array![[1.0, f64::INFINITY]], ..good.clone() }),
            ("a gamma below 0", Params { likeness: Likeness::Rbf { gamma: -1.0 }, ..good }),
        ] {
            assert!(Nystroem::new(params).is_err(), "{why}");
        }
    }
}
