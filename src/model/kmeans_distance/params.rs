//! The parameters, and their layout in memory.

use ndarray::{Array2, ArrayView1, Axis};

use crate::model::boundary::Boundary;
use crate::model::invalid::{Invalid, parameter};

const NAME: &str = "KMeans";

/// The parameters as files hold them.
#[derive(Clone, PartialEq, Debug)]
pub(in crate::model) struct Params {
    /// The centres: a row each, a column a feature.
    pub(in crate::model) centres: Array2<f64>,
    /// Minus the greatest distance that is normal.
    pub(in crate::model) offset: Option<f64>,
}

/// The distance to the nearest centre of k-means, fitted.
#[derive(Clone, PartialEq, Debug)]
pub struct KmeansDistance {
    /// Row by row in memory.
    pub(super) centres: Array2<f64>,
    pub(super) boundary: Boundary,
}

impl KmeansDistance {
    /// A detector with these parameters.
    ///
    /// # Errors
    /// When a number is not finite, or there is no centre.
    pub(in crate::model) fn new(params: Params) -> Result<Self, Invalid> {
        let Params { centres, offset } = params;
        let parameter = parameter(NAME, "cluster_centers_");
        if centres.is_empty() {
            return Err(parameter.invalid("empty", "at least one centre of at least one feature"));
        }
        centres.iter().try_for_each(|number| parameter.finite(*number))?;
        let centres = centres.as_standard_layout().into_owned();
        Ok(Self { centres, boundary: Boundary::new(NAME, offset, 0.0)? })
    }

    /// How many features a row has.
    pub fn width(&self) -> usize {
        self.centres.ncols()
    }

    /// How many centres there are.
    pub(in crate::model) fn clusters(&self) -> usize {
        self.centres.nrows()
    }

    /// Minus the greatest error that is normal; `None` when it is not known.
    pub fn offset(&self) -> Option<f64> {
        self.boundary.offset()
    }

    /// The centres: a row each, a column a feature.
    pub(in crate::model) fn centres(&self) -> &Array2<f64> {
        &self.centres
    }

    pub(in crate::model) fn params(&self) -> Params {
        Params { centres: self.centres.clone(), offset: self.boundary.offset() }
    }

    pub(in crate::model) fn parameters(&self) -> Vec<(&'static str, String)> {
        [("centres", self.centres.nrows().to_string())].into_iter().chain(self.boundary.shown()).collect()
    }

    pub(in crate::model) fn heap_bytes(&self) -> usize {
        size_of::<f64>() * self.centres.len()
    }

    pub(in crate::model) fn unit(&self) -> f64 {
        self.boundary.unit()
    }

    /// The centre nearest to the mean of all centres: that mean itself may be where no training row ever was.
    pub(in crate::model) fn centre(&self) -> Option<Vec<f64>> {
        let mean = self.centres.mean_axis(Axis(0))?;
        let distance = |centre: &ArrayView1<'_, f64>| super::evaluate::squared_distance(centre.view(), mean.view());
        let nearest = self.centres.rows().into_iter().min_by(|a, b| distance(a).total_cmp(&distance(b)))?;
        Some(nearest.to_vec())
    }
}
