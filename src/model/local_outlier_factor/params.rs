//! The parameters, and how they lie in memory.

use std::fmt;

use ndarray::Array2;

use super::regions::Regions;
use crate::model::invalid::{Invalid, parameter};

const NAME: &str = "LocalOutlierFactor";

/// The parameters as files hold them.
#[derive(Clone, PartialEq, Debug)]
pub(in crate::model) struct Params {
    /// The training rows, one after another, in the order of the search.
    pub(in crate::model) rows: Vec<f64>,
    /// The features of each; at least one.
    pub(in crate::model) width: usize,
    /// How many levels of regions there are around the rows: the first around all of them, and each halved in the
    /// next. With 1, every row is looked at.
    pub(in crate::model) levels: u32,
    /// The centres of the regions, a row each, if they are balls: else they are boxes. A centre is the mean of its rows,
    /// to a last bit that goes with an order of them that no file keeps.
    pub(in crate::model) centres: Option<Array2<f64>>,
    /// How many neighbours count.
    pub(in crate::model) neighbours: usize,
    /// Of each training row, the distance of its last neighbour that counts: its k-distance.
    pub(in crate::model) reach: Vec<f64>,
    /// The local reachability density of each training row.
    pub(in crate::model) densities: Vec<f64>,
    /// What is subtracted from the negative factor.
    pub(in crate::model) offset: f64,
    /// How rows are apart.
    pub(in crate::model) metric: Metric,
}

/// How far two rows are apart.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Metric {
    /// The root of the sum of squared differences.
    Euclidean,
    /// The sum of absolute differences.
    Manhattan,
    /// The largest absolute difference.
    Chebyshev,
    /// The pth root of the sum of the pth powers of absolute differences.
    Minkowski {
        /// The power, above 0.
        p: f64,
    },
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Euclidean => f.write_str("euclidean"),
            Self::Manhattan => f.write_str("manhattan"),
            Self::Chebyshev => f.write_str("chebyshev"),
            Self::Minkowski { p } => write!(f, "minkowski with p = {p}"),
        }
    }
}

/// A local outlier factor, fitted.
#[derive(Clone, PartialEq, Debug)]
pub struct LocalOutlierFactor {
    /// The training rows by feature: the first feature of all of them, then the second, so that one instruction takes
    /// the same feature of several.
    pub(super) rows: Box<[f64]>,
    pub(super) width: usize,
    pub(super) regions: Regions,
    pub(super) neighbours: usize,
    pub(super) reach: Box<[f64]>,
    pub(super) densities: Box<[f64]>,
    pub(super) offset: f64,
    pub(super) metric: Metric,
}

impl LocalOutlierFactor {
    /// Lays the parameters out for evaluation.
    ///
    /// # Errors
    /// When a number is not finite, lengths do not agree, a distance is negative, a density or the power of the metric is
    /// not above 0, there are fewer training rows than neighbours, or too few for the regions.
    pub(in crate::model) fn new(params: &Params) -> Result<Self, Invalid> {
        let Params { ref rows, width, levels, ref centres, neighbours, ref reach, ref densities, offset, metric } =
            *params;
        let of_rows = parameter(NAME, "_fit_X");
        if width == 0 || rows.is_empty() {
            return Err(of_rows.invalid("empty", "at least one row of at least one feature"));
        }
        let count = rows.len() / width;
        of_rows.length(rows.len(), count * width, "features of the training rows")?;
        of_rows.all_finite(rows)?;
        if !(1..=count.ilog2() + 1).contains(&levels) {
            return Err(
                parameter(NAME, "_tree").invalid(format!("of {levels} levels"), format!("fit for {count} rows"))
            );
        }
        if let Some(centres) = centres {
            let expected = (Regions::count(levels), width);
            if centres.dim() != expected {
                let (balls, features) = centres.dim();
                let found = format!("with {balls} centres of {features} features");
                return Err(parameter(NAME, "_tree").invalid(found, format!("{} of {width}", expected.0)));
            }
            centres.iter().try_for_each(|number| parameter(NAME, "_tree").finite(*number))?;
        }
        if !(1..=count).contains(&neighbours) {
            return Err(parameter(NAME, "n_neighbors_").invalid(neighbours, format!("1 to {count}")));
        }
        let distances = parameter(NAME, "_distances_fit_X_");
        distances.length(reach.len(), count, "training rows")?;
        if let Some(distance) = reach.iter().find(|distance| !(distance.is_finite() && **distance >= 0.0)) {
            return Err(distances.invalid(distance, "a finite number, 0 or above"));
        }
        parameter(NAME, "_lrd").length(densities.len(), count, "training rows")?;
        parameter(NAME, "_lrd").all_positive(densities)?;
        parameter(NAME, "offset_").finite(offset)?;
        if let Metric::Minkowski { p } = metric {
            parameter(NAME, "p").all_positive(&[p])?;
        }
        let by_feature = (0..width).flat_map(|feature| rows.iter().skip(feature).step_by(width)).copied().collect();
        let regions = match centres {
            None => Regions::boxes(rows, width, levels),
            Some(centres) => Regions::balls(rows, centres, levels, metric),
        };
        Ok(Self {
            rows: by_feature,
            width,
            regions,
            neighbours,
            reach: reach.clone().into(),
            densities: densities.clone().into(),
            offset,
            metric,
        })
    }

    /// The parameters that this was made of.
    pub(in crate::model) fn params(&self) -> Params {
        let count = self.reach.len();
        Params {
            rows: (0..count).flat_map(|row| self.rows.iter().skip(row).step_by(count)).copied().collect(),
            width: self.width,
            levels: self.regions.levels(),
            centres: self.regions.centres(),
            neighbours: self.neighbours,
            reach: self.reach.to_vec(),
            densities: self.densities.to_vec(),
            offset: self.offset,
            metric: self.metric,
        }
    }

    /// How many features a row has.
    pub fn width(&self) -> usize {
        self.width
    }

    /// How many rows it was trained on, all of which it keeps.
    pub fn training_rows(&self) -> usize {
        self.reach.len()
    }

    /// How many neighbours count.
    pub fn neighbours(&self) -> usize {
        self.neighbours
    }

    /// How rows are apart.
    pub fn metric(&self) -> Metric {
        self.metric
    }

    pub(in crate::model) fn parameters(&self) -> Vec<(&'static str, String)> {
        vec![
            ("n_neighbors", self.neighbours.to_string()),
            ("metric", self.metric.to_string()),
            ("training rows", self.reach.len().to_string()),
            ("offset", self.offset.to_string()),
        ]
    }

    pub(in crate::model) fn heap_bytes(&self) -> usize {
        size_of_val(&*self.rows) + self.regions.heap_bytes() + size_of_val(&*self.reach) + size_of_val(&*self.densities)
    }

    /// The factor on the boundary.
    pub(in crate::model) fn unit(&self) -> f64 {
        self.offset.abs()
    }

    /// The mean of the training rows.
    pub(in crate::model) fn centre(&self) -> Vec<f64> {
        let count = self.reach.len();
        self.rows.chunks_exact(count).map(|values| values.iter().map(|x| x / count as f64).sum()).collect()
    }
}
