//! The parameters, and their layout in memory.

use ndarray::Array2;

use crate::model::invalid::{Invalid, parameter};
use crate::model::neighbours::{Layout, Metric, Neighbours};

const NAME: &str = "LocalOutlierFactor";

/// The parameters as files hold them.
#[derive(Clone, PartialEq, Debug)]
pub(in crate::model) struct Params {
    /// The training rows, one after another, in the order of the search.
    pub(in crate::model) rows: Vec<f64>,
    /// The features of each; at least one.
    pub(in crate::model) width: usize,
    /// How many levels of regions are around the rows: one region around all rows, and each region halved in the next
    /// level. With 1, every row is looked at.
    pub(in crate::model) levels: u32,
    /// The centres of the regions, a row each, when the regions are balls; `None` when they are boxes. A centre is the
    /// mean of its rows, but its last bit depends on an order of the rows that no file keeps.
    pub(in crate::model) centres: Option<Array2<f64>>,
    /// How many neighbours count.
    pub(in crate::model) neighbours: usize,
    /// Of each training row, the distance of its last neighbour that counts: its k-distance.
    pub(in crate::model) reach: Vec<f64>,
    /// The local reachability density of each training row.
    pub(in crate::model) densities: Vec<f64>,
    /// Subtracted from the negative factor.
    pub(in crate::model) offset: f64,
    /// How rows are apart.
    pub(in crate::model) metric: Metric,
    /// Rows that are not further apart than this count as equal: 0, unless the file keeps its numbers as float32.
    pub(in crate::model) resolution: f64,
}

/// A local outlier factor, fitted.
#[derive(Clone, PartialEq, Debug)]
pub struct LocalOutlierFactor {
    pub(super) rows: Neighbours,
    pub(super) neighbours: usize,
    pub(super) reach: Box<[f64]>,
    pub(super) densities: Box<[f64]>,
    pub(super) offset: f64,
    pub(super) resolution: f64,
}

impl LocalOutlierFactor {
    /// Makes the layout of the parameters for evaluation.
    ///
    /// # Errors
    /// When a number is not finite, lengths do not agree, a distance is negative, a density or the power of the metric is
    /// not above 0, there are fewer training rows than neighbours, or too few for the regions.
    pub(in crate::model) fn new(params: &Params) -> Result<Self, Invalid> {
        let Params { ref rows, width, levels, ref centres, neighbours, ref reach, ref densities, offset, .. } = *params;
        let Params { metric, resolution, .. } = *params;
        let layout = Layout { rows, width, levels, centres: centres.as_ref(), metric };
        let rows = Neighbours::new(NAME, layout)?;
        let count = rows.count();
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
        if !(resolution.is_finite() && resolution >= 0.0) {
            return Err(parameter(NAME, "resolution").invalid(resolution, "a finite number, 0 or above"));
        }
        let (reach, densities) = (reach.clone().into(), densities.clone().into());
        Ok(Self { rows, neighbours, reach, densities, offset, resolution })
    }

    /// The parameters from which this was made.
    pub(in crate::model) fn params(&self) -> Params {
        Params {
            rows: self.rows.rows(),
            width: self.rows.width(),
            levels: self.rows.levels(),
            centres: self.rows.centres(),
            neighbours: self.neighbours,
            reach: self.reach.to_vec(),
            densities: self.densities.to_vec(),
            offset: self.offset,
            metric: self.rows.metric(),
            resolution: self.resolution,
        }
    }

    /// The same with another boundary.
    ///
    /// # Errors
    /// When the offset is not finite, or above 0, where every row would be an anomaly.
    pub(in crate::model) fn with_offset(&self, offset: f64) -> Result<Self, Invalid> {
        parameter(NAME, "offset_").below_zero(offset)?;
        Ok(Self { offset, ..self.clone() })
    }

    /// How many features a row has.
    pub fn width(&self) -> usize {
        self.rows.width()
    }

    /// How many rows it was trained on; it keeps all of them.
    pub fn training_rows(&self) -> usize {
        self.reach.len()
    }

    /// The training rows, in the order of the search.
    pub(in crate::model) fn searched(&self) -> &Neighbours {
        &self.rows
    }

    /// How many neighbours count.
    pub fn neighbours(&self) -> usize {
        self.neighbours
    }

    /// How rows are apart.
    pub fn metric(&self) -> Metric {
        self.rows.metric()
    }

    /// The training rows by feature: the first feature of all rows, then the second.
    pub(in crate::model) fn columns(&self) -> impl Iterator<Item = &[f64]> {
        self.rows.columns()
    }

    pub(in crate::model) fn parameters(&self) -> Vec<(&'static str, String)> {
        vec![
            ("n_neighbors", self.neighbours.to_string()),
            ("metric", self.rows.metric().to_string()),
            ("training rows", self.reach.len().to_string()),
            ("offset", self.offset.to_string()),
        ]
    }

    pub(in crate::model) fn heap_bytes(&self) -> usize {
        self.rows.heap_bytes() + size_of_val(&*self.reach) + size_of_val(&*self.densities)
    }

    /// The factor on the boundary.
    pub(in crate::model) fn unit(&self) -> f64 {
        self.offset.abs()
    }

    /// The mean of the training rows.
    pub(in crate::model) fn centre(&self) -> Vec<f64> {
        self.rows.mean()
    }
}
