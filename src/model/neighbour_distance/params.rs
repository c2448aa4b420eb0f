//! The parameters, and their layout in memory.

use crate::model::boundary::Boundary;
use crate::model::invalid::{Invalid, parameter};
use crate::model::neighbours::{Layout, Metric, Neighbours};

const NAME: &str = "KNN";

/// The parameters as files hold them.
#[derive(Clone, PartialEq, Debug)]
pub(in crate::model) struct Params {
    /// The training rows, one after another. In the order of a tree they are found faster.
    pub(in crate::model) rows: Vec<f64>,
    /// The features of each; at least one.
    pub(in crate::model) width: usize,
    /// How many levels of boxes are around the rows: one box around all rows, and each box halved in the next level.
    pub(in crate::model) levels: u32,
    /// How many neighbours count.
    pub(in crate::model) neighbours: usize,
    /// Which of their distances is the error.
    pub(in crate::model) of: Of,
    /// How rows are apart.
    pub(in crate::model) metric: Metric,
    /// Minus the greatest error that is normal.
    pub(in crate::model) offset: Option<f64>,
}

/// Which distance of a row's neighbours is its error.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Of {
    /// The largest: the distance of the last neighbour.
    Largest,
    /// Their mean.
    Mean,
    /// Their median.
    Median,
}

impl Of {
    /// pyod's name of it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Largest => "largest",
            Self::Mean => "mean",
            Self::Median => "median",
        }
    }
}

/// The distance to the nearest training rows, fitted.
#[derive(Clone, PartialEq, Debug)]
pub struct NeighbourDistance {
    pub(super) rows: Neighbours,
    pub(super) neighbours: usize,
    pub(super) of: Of,
    pub(super) boundary: Boundary,
}

impl NeighbourDistance {
    /// Makes the layout of the parameters for evaluation.
    ///
    /// # Errors
    /// When a number is not finite, lengths do not agree, the power of the metric is not above 0, there are fewer training
    /// rows than neighbours or too few for the boxes, or every row would be an anomaly.
    pub(in crate::model) fn new(params: &Params) -> Result<Self, Invalid> {
        let Params { ref rows, width, levels, neighbours, of, metric, offset } = *params;
        let rows = Neighbours::new(NAME, Layout { rows, width, levels, centres: None, metric })?;
        if !(1..=rows.count()).contains(&neighbours) {
            return Err(parameter(NAME, "n_neighbors").invalid(neighbours, format!("1 to {}", rows.count())));
        }
        Ok(Self { rows, neighbours, of, boundary: Boundary::new(NAME, offset, 0.0)? })
    }

    /// The training rows by feature: the first feature of all rows, then the second.
    pub(in crate::model) fn columns(&self) -> impl Iterator<Item = &[f64]> {
        self.rows.columns()
    }

    pub(in crate::model) fn params(&self) -> Params {
        Params {
            rows: self.rows.rows(),
            width: self.rows.width(),
            levels: self.rows.levels(),
            neighbours: self.neighbours,
            of: self.of,
            metric: self.rows.metric(),
            offset: self.boundary.offset(),
        }
    }

    /// The same with another boundary; `None` removes it.
    ///
    /// # Errors
    /// When every row would be an anomaly.
    pub(in crate::model) fn with_offset(&self, offset: Option<f64>) -> Result<Self, Invalid> {
        Ok(Self { boundary: Boundary::new(NAME, offset, 0.0)?, ..self.clone() })
    }

    /// The training rows, in the order of the search.
    pub(in crate::model) fn searched(&self) -> &Neighbours {
        &self.rows
    }

    pub(in crate::model) fn neighbours(&self) -> usize {
        self.neighbours
    }

    /// How many features a row has.
    pub fn width(&self) -> usize {
        self.rows.width()
    }

    /// Minus the greatest error that is normal; `None` when it is not known.
    pub fn offset(&self) -> Option<f64> {
        self.boundary.offset()
    }

    pub(in crate::model) fn parameters(&self) -> Vec<(&'static str, String)> {
        [
            ("n_neighbors", self.neighbours.to_string()),
            ("method", self.of.name().to_owned()),
            ("metric", self.rows.metric().to_string()),
            ("training rows", self.rows.count().to_string()),
        ]
        .into_iter()
        .chain(self.boundary.shown())
        .collect()
    }

    pub(in crate::model) fn heap_bytes(&self) -> usize {
        self.rows.heap_bytes()
    }

    pub(in crate::model) fn unit(&self) -> f64 {
        self.boundary.unit()
    }

    /// The mean of the training rows.
    pub(in crate::model) fn centre(&self) -> Vec<f64> {
        self.rows.mean()
    }
}
