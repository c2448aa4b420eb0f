//! The parameters.

use ndarray::Array2;

use crate::model::invalid::{Invalid, parameter};

const NAME: &str = "GaussianMixture";

/// The parameters as files hold them.
#[derive(Clone, PartialEq, Debug)]
pub(in crate::model) struct Params {
    /// The weight of each component.
    pub(in crate::model) weights: Vec<f64>,
    /// The mean of each component, a row each.
    pub(in crate::model) means: Array2<f64>,
    /// How the components' directions and widths are described.
    pub(in crate::model) covariance: Covariance,
    /// The Cholesky factors of the precisions, as many rows and columns as [`Covariance::shape`] says.
    pub(in crate::model) cholesky: Array2<f64>,
    /// The lowest score that is normal.
    pub(in crate::model) offset: Option<f64>,
}

/// How the components' directions and widths are described.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Covariance {
    /// Each component has a covariance of its own: a matrix each, one below the other.
    Full,
    /// All components share one covariance matrix.
    Tied,
    /// Each has its own width in each feature: a row each.
    Diag,
    /// Each component has one width for all features: a row of one number each.
    Spherical,
}

impl Covariance {
    /// scikit-learn's name of it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Tied => "tied",
            Self::Diag => "diag",
            Self::Spherical => "spherical",
        }
    }

    /// The one of this name.
    pub(in crate::model) fn named(name: &str) -> Option<Self> {
        [Self::Full, Self::Tied, Self::Diag, Self::Spherical].into_iter().find(|covariance| covariance.name() == name)
    }

    /// The rows and columns of the factors of so many components of so many features.
    fn shape(self, components: usize, features: usize) -> (usize, usize) {
        match self {
            Self::Full => (components.saturating_mul(features), features),
            Self::Tied => (features, features),
            Self::Diag => (components, features),
            Self::Spherical => (components, 1),
        }
    }
}

/// A Gaussian mixture, fitted.
#[derive(Clone, PartialEq, Debug)]
pub struct GaussianMixture {
    weights: Box<[f64]>,
    /// A component after another.
    pub(super) means: Box<[f64]>,
    pub(super) covariance: Covariance,
    /// Row by row.
    pub(super) cholesky: Box<[f64]>,
    /// The score of each component at its own mean.
    pub(super) heights: Box<[f64]>,
    pub(super) offset: Option<f64>,
    /// The likeliest score of a mean.
    peak: f64,
}

/// How many additions take as long as one exponential function.
const EXPONENTIAL: usize = 10;

/// The most additions that finding the likeliest mean may take. With more means than that, they are taken to be so far
/// apart that each is as likely as its own component makes it.
const MOST_ADDITIONS: usize = 20_000_000;

impl GaussianMixture {
    /// Checks the parameters.
    ///
    /// # Errors
    /// When a number is not finite, shapes do not agree, no weight is above 0 or one below, or a factor has a number on
    /// its diagonal that is not above 0.
    pub(in crate::model) fn new(params: Params) -> Result<Self, Invalid> {
        let Params { weights, means, covariance, cholesky, offset } = params;
        let of_means = parameter(NAME, "means_");
        if means.is_empty() {
            return Err(of_means.invalid("empty", "at least one component of at least one feature"));
        }
        let (components, features) = means.dim();
        means.iter().try_for_each(|number| of_means.finite(*number))?;
        let of_weights = parameter(NAME, "weights_");
        of_weights.length(weights.len(), components, "components")?;
        if let Some(weight) = weights.iter().find(|weight| !(weight.is_finite() && **weight >= 0.0)) {
            return Err(of_weights.invalid(weight, "a finite number, 0 or above"));
        }
        if weights.iter().all(|weight| *weight <= 0.0) {
            return Err(of_weights.invalid("nothing but 0", "a weight above 0"));
        }
        let of_factors = parameter(NAME, "precisions_cholesky_");
        let (rows, columns) = covariance.shape(components, features);
        if cholesky.dim() != (rows, columns) {
            let found = format!("{} by {}", cholesky.nrows(), cholesky.ncols());
            return Err(of_factors.invalid(found, format!("{rows} by {columns}")));
        }
        cholesky.iter().try_for_each(|number| of_factors.finite(*number))?;
        let cholesky: Box<[f64]> = cholesky.iter().copied().collect();
        // The numbers on the diagonals; these are all numbers when there are none beside the diagonal.
        let diagonal = |component: usize| -> Vec<f64> {
            match covariance {
                Covariance::Full => {
                    let factor = &cholesky[component * features * features..][..features * features];
                    factor.iter().step_by(features + 1).copied().collect()
                }
                Covariance::Tied => cholesky.iter().step_by(features + 1).copied().collect(),
                Covariance::Diag => cholesky[component * features..][..features].to_vec(),
                Covariance::Spherical => vec![cholesky[component]; features],
            }
        };
        let height = |(component, weight): (usize, &f64)| {
            let diagonal = diagonal(component);
            of_factors.all_positive(&diagonal)?;
            let determinant = diagonal.iter().map(|width| width.ln()).sum::<f64>();
            Ok(weight.ln() + determinant - 0.5 * features as f64 * std::f64::consts::TAU.ln())
        };
        let heights = weights.iter().enumerate().map(height).collect::<Result<_, Invalid>>()?;
        if let Some(offset) = offset {
            parameter(NAME, "offset_").finite(offset)?;
        }
        let mixture = Self {
            weights: weights.into(),
            means: means.iter().copied().collect(),
            covariance,
            cholesky,
            heights,
            offset: None,
            peak: f64::NEG_INFINITY,
        };
        let peak = match mixture.products().saturating_mul(components) <= MOST_ADDITIONS {
            true => mixture.decide(means.view()).into_iter().fold(f64::NEG_INFINITY, f64::max),
            false => mixture.heights.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        };
        Ok(Self { offset, peak, ..mixture })
    }

    /// The parameters from which this was made.
    pub(in crate::model) fn params(&self) -> Params {
        let (components, features) = (self.weights.len(), self.width());
        let matrix = |shape, numbers: &[f64]| Array2::from_shape_vec(shape, numbers.to_vec()).unwrap_or_default();
        Params {
            weights: self.weights.to_vec(),
            means: matrix((components, features), &self.means),
            covariance: self.covariance,
            cholesky: matrix(self.covariance.shape(components, features), &self.cholesky),
            offset: self.offset,
        }
    }

    /// The same with another boundary; `None` removes it.
    ///
    /// # Errors
    /// When the offset is not finite.
    pub(in crate::model) fn with_offset(&self, offset: Option<f64>) -> Result<Self, Invalid> {
        offset.map_or(Ok(()), |offset| parameter(NAME, "offset_").finite(offset))?;
        Ok(Self { offset, ..self.clone() })
    }

    /// The cost of a row: for each component a product with each column of a factor, whose numbers are apart in memory,
    /// then an exponential function.
    pub(in crate::model) fn products(&self) -> usize {
        let (components, features) = (self.weights.len(), self.width());
        let each = match self.covariance {
            Covariance::Full | Covariance::Tied => features.saturating_mul(3 * features + 2),
            Covariance::Diag | Covariance::Spherical => 3 * features,
        };
        components.saturating_mul(each.saturating_add(EXPONENTIAL))
    }

    /// How many features a row has.
    pub fn width(&self) -> usize {
        self.means.len() / self.weights.len()
    }

    /// The lowest score that is normal; `None` when it is not known.
    pub fn offset(&self) -> Option<f64> {
        self.offset
    }

    pub(in crate::model) fn parameters(&self) -> Vec<(&'static str, String)> {
        [("components", self.weights.len().to_string()), ("covariance_type", self.covariance.name().to_owned())]
            .into_iter()
            .chain(self.offset.map(|offset| ("offset", offset.to_string())))
            .collect()
    }

    pub(in crate::model) fn heap_bytes(&self) -> usize {
        let numbers = [&self.weights, &self.means, &self.cholesky, &self.heights];
        numbers.into_iter().map(|numbers| size_of_val(&**numbers)).sum()
    }

    /// The way from the boundary to the likeliest of the means.
    pub(in crate::model) fn unit(&self) -> f64 {
        self.peak - self.offset.unwrap_or(0.0)
    }

    /// The mean of the heaviest component: the mean of all may be where no training row ever was.
    pub(in crate::model) fn centre(&self) -> Option<Vec<f64>> {
        let components = self.means.chunks_exact(self.width()).zip(&self.weights);
        components.max_by(|a, b| a.1.total_cmp(b.1)).map(|(mean, _)| mean.to_vec())
    }
}
