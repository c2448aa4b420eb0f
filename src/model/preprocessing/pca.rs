//! Projection on principal components: y = (x − mean) · componentsᵀ, each divided by its standard deviation if so set.

use ndarray::{Array2, ArrayView1};

use super::refusing_nan;
use crate::model::invalid::{Invalid, parameter};

const NAME: &str = "PCA";

/// The parameters as files hold them.
#[derive(Clone, PartialEq, Debug)]
pub struct Params {
    /// The mean of each feature in training.
    pub mean: Vec<f64>,
    /// The components, one after another; each is as long as the mean.
    pub components: Vec<f64>,
    /// The variance along each component in training, when the projection is divided by its root.
    pub whiten: Option<Vec<f64>>,
}

/// scikit-learn's `PCA`, fitted, as a step.
#[derive(Clone, PartialEq, Debug)]
pub struct Pca {
    mean: Box<[f64]>,
    components: Array2<f64>,
    whiten: Option<Box<[f64]>>,
}

impl Pca {
    /// Checks the parameters.
    ///
    /// # Errors
    /// When there is no component, lengths do not agree, a number is not finite, or a variance is below 0.
    pub(in crate::model) fn new(params: &Params) -> Result<Self, Invalid> {
        let Params { mean, components, whiten } = params;
        parameter(NAME, "mean_").all_finite(mean)?;
        parameter(NAME, "components_").all_finite(components)?;
        let count = components.len().checked_div(mean.len()).unwrap_or(0);
        let misshapen = || {
            let found = format!("{} numbers", components.len());
            parameter(NAME, "components_").invalid(found, format!("rows of {} features", mean.len()))
        };
        let components = Array2::from_shape_vec((count, mean.len()), components.clone()).map_err(|_| misshapen())?;
        if components.is_empty() {
            return Err(misshapen());
        }
        if let Some(variances) = whiten {
            let variance = parameter(NAME, "explained_variance_");
            variance.length(variances.len(), count, "components")?;
            if let Some(wrong) = variances.iter().find(|variance| !(variance.is_finite() && **variance >= 0.0)) {
                return Err(variance.invalid(wrong, "a finite number, 0 or above"));
            }
        }
        Ok(Self { mean: mean.as_slice().into(), components, whiten: whiten.as_deref().map(Into::into) })
    }

    /// The parameters from which this was made.
    pub fn params(&self) -> Params {
        Params {
            mean: self.mean.to_vec(),
            components: self.components.iter().copied().collect(),
            whiten: self.whiten.as_ref().map(|variances| variances.to_vec()),
        }
    }

    /// The number of features of an input row.
    pub fn width(&self) -> usize {
        self.mean.len()
    }

    /// How many components there are: the number of features of an output row.
    pub fn components(&self) -> usize {
        self.components.nrows()
    }

    /// The mean of each feature in training.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// The weights of one component, and the divisor of its projection.
    pub(in crate::model) fn component(&self, component: usize) -> (ArrayView1<'_, f64>, f64) {
        let whiten = self.whiten.as_deref().map_or(1.0, |variances| deviation(variances[component]));
        (self.components.row(component), whiten)
    }

    pub(super) fn heap_bytes(&self) -> usize {
        size_of_val(&*self.mean)
            + self.components.len() * size_of::<f64>()
            + self.whiten.as_deref().map_or(0, size_of_val)
    }

    /// Centres first, while newer scikit-learns centre last: the result is the same apart from rounding, and exact far
    /// from zero.
    pub(super) fn apply(&self, mut rows: Array2<f64>) -> Array2<f64> {
        let mut projected = Array2::zeros((rows.nrows(), self.components()));
        for (mut row, mut out) in rows.rows_mut().into_iter().zip(projected.rows_mut()) {
            row.iter_mut().zip(&self.mean).for_each(|(x, mean)| *x -= mean);
            for (y, component) in out.iter_mut().zip(self.components.rows()) {
                let projected: f64 = row.iter().zip(component).map(|(x, weight)| x * weight).sum();
                *y = refusing_nan(projected);
            }
            for (y, variance) in out.iter_mut().zip(self.whiten.iter().flatten()) {
                *y /= deviation(*variance);
            }
        }
        projected
    }
}

/// The root of a variance, at least scikit-learn's bound: without it, a component along which training did not vary
/// would be divided by 0.
fn deviation(variance: f64) -> f64 {
    variance.sqrt().max(f64::EPSILON)
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn params() -> Params {
        Params { mean: vec![1.0, 2.0, 3.0], components: vec![1.0, 0.0, 0.0, 0.0, 0.6, 0.8], whiten: None }
    }

    #[test]
    fn a_row_is_centred_and_projected_on_each_component() {
        let pca = Pca::new(&params()).unwrap();
        assert_eq!((pca.width(), pca.components()), (3, 2));
        assert_eq!(pca.apply(array![[3.0, 2.0, 3.0], [1.0, 7.0, 13.0]]), array![[2.0, 0.0], [0.0, 11.0]]);
    }

    #[test]
    fn whitening_divides_by_the_standard_deviation() {
        let pca = Pca::new(&Params { whiten: Some(vec![4.0, 0.0]), ..params() }).unwrap();
        assert_eq!(pca.apply(array![[3.0, 2.0, 3.0]]), array![[1.0, 0.0]]);
    }

    #[test]
    fn parameters_that_do_not_fit_are_refused() {
        for wrong in [
            Params { components: vec![1.0; 5], ..params() },
            Params { components: vec![], ..params() },
            Params { mean: vec![], ..params() },
            Params { mean: vec![f64::NAN; 3], ..params() },
            Params { whiten: Some(vec![1.0]), ..params() },
            Params { whiten: Some(vec![1.0, -1.0]), ..params() },
        ] {
            assert!(Pca::new(&wrong).is_err(), "{wrong:?}");
        }
        assert_eq!(Pca::new(&params()).unwrap().params(), params());
    }
}
