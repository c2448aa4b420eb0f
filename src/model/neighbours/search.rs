//! The training rows in their layout in memory, and the search among them.

use std::ops::Range;

use ndarray::{Array2, ArrayView1};

use super::metric::Metric;
use super::nearest::Nearest;
use super::regions::{Regions, halves};
use crate::model::invalid::{Invalid, parameter};

/// Training rows, and how they have to be searched.
#[derive(Clone, Copy, Debug)]
pub(in crate::model) struct Layout<'p> {
    /// The rows, one after another, in the order of the search.
    pub(in crate::model) rows: &'p [f64],
    /// The features of each; at least one.
    pub(in crate::model) width: usize,
    /// How many levels of regions are around the rows: one region around all rows, and each region halved in the next
    /// level. With 1, every row is looked at.
    pub(in crate::model) levels: u32,
    /// The centres of the regions, a row each, when the regions are balls; `None` when they are boxes. A centre is the
    /// mean of its rows, but its last bit depends on an order of the rows that no file keeps.
    pub(in crate::model) centres: Option<&'p Array2<f64>>,
    /// How rows are apart.
    pub(in crate::model) metric: Metric,
}

/// The most powers that are computed to find how far the regions of a metric of powers reach: each takes some thirty
/// nanoseconds.
const MOST_POWERS: usize = 1 << 21;

/// Training rows, laid out to be searched.
#[derive(Clone, PartialEq, Debug)]
pub(in crate::model) struct Neighbours {
    /// The training rows by feature: the first feature of all rows, then the second, so that one instruction takes the
    /// same feature of several rows.
    rows: Box<[f64]>,
    count: usize,
    width: usize,
    regions: Regions,
    metric: Metric,
}

impl Neighbours {
    /// Makes the layout of the rows of the detector `of`.
    ///
    /// # Errors
    /// When there is no row, a number is not finite, lengths do not agree, there are too few rows for the regions, or
    /// the power of the metric is not above 0.
    pub(in crate::model) fn new(of: &'static str, layout: Layout<'_>) -> Result<Self, Invalid> {
        let Layout { rows, width, levels, centres, metric } = layout;
        let of_rows = parameter(of, "_fit_X");
        if width == 0 || rows.is_empty() {
            return Err(of_rows.invalid("empty", "at least one row of at least one feature"));
        }
        let count = rows.len() / width;
        of_rows.length(rows.len(), count * width, "features of the training rows")?;
        of_rows.all_finite(rows)?;
        let tree = parameter(of, "_tree");
        if !(1..=count.ilog2() + 1).contains(&levels) {
            return Err(tree.invalid(format!("of {levels} levels"), format!("fit for {count} rows")));
        }
        if matches!(metric, Metric::Minkowski { .. }) && rows.len().saturating_mul(levels as usize) > MOST_POWERS {
            let found = format!("minkowski over {count} rows of {width} features in {levels} levels");
            return Err(parameter(of, "effective_metric_").invalid(found, "euclidean, or fewer training rows"));
        }
        if let Some(centres) = centres {
            let expected = (Regions::count(levels), width);
            if centres.dim() != expected {
                let (balls, features) = centres.dim();
                let found = format!("with {balls} centres of {features} features");
                return Err(tree.invalid(found, format!("{} of {width}", expected.0)));
            }
            centres.iter().try_for_each(|number| tree.finite(*number))?;
        }
        if let Metric::Minkowski { p } = metric {
            parameter(of, "p").all_positive(&[p])?;
        }
        let by_feature = (0..width).flat_map(|feature| rows.iter().skip(feature).step_by(width)).copied().collect();
        let regions = match centres {
            None => Regions::boxes(rows, width, levels),
            Some(centres) => Regions::balls(rows, centres, levels, metric),
        };
        Ok(Self { rows: by_feature, count, width, regions, metric })
    }

    /// The rows, one after another.
    pub(in crate::model) fn rows(&self) -> Vec<f64> {
        (0..self.count).flat_map(|row| self.rows.iter().skip(row).step_by(self.count)).copied().collect()
    }

    /// The rows by feature: the first feature of all rows, then the second.
    pub(in crate::model) fn columns(&self) -> impl Iterator<Item = &[f64]> {
        self.rows.chunks_exact(self.count)
    }

    /// How many rows there are.
    pub(in crate::model) fn count(&self) -> usize {
        self.count
    }

    /// The features of each.
    pub(in crate::model) fn width(&self) -> usize {
        self.width
    }

    /// How many regions around them are searched.
    pub(in crate::model) fn regions(&self) -> usize {
        Regions::count(self.regions.levels())
    }

    pub(in crate::model) fn levels(&self) -> u32 {
        self.regions.levels()
    }

    /// The centres of the regions; `None` when the regions are boxes.
    pub(in crate::model) fn centres(&self) -> Option<Array2<f64>> {
        self.regions.centres()
    }

    pub(in crate::model) fn metric(&self) -> Metric {
        self.metric
    }

    pub(in crate::model) fn heap_bytes(&self) -> usize {
        size_of_val(&*self.rows) + self.regions.heap_bytes()
    }

    /// The mean of the rows.
    pub(in crate::model) fn mean(&self) -> Vec<f64> {
        let count = self.count as f64;
        self.rows.chunks_exact(self.count).map(|values| values.iter().map(|x| x / count).sum()).collect()
    }

    /// A search for the nearest rows, `neighbours` of them: at least one, and at most as many as there are rows.
    pub(in crate::model) fn search(&self, neighbours: usize) -> Search<'_> {
        Search {
            among: self,
            row: vec![0.0; self.width],
            distances: vec![0.0; self.count],
            nearest: Nearest::of(neighbours),
        }
    }
}

/// The search for the nearest training rows of a row.
pub(in crate::model) struct Search<'n> {
    among: &'n Neighbours,
    row: Vec<f64>,
    /// The measure of each training row of the region that is being searched.
    distances: Vec<f64>,
    nearest: Nearest,
}

impl Search<'_> {
    /// The nearest training rows of a row, in no order: their [measures](Metric::distance), and their indices.
    pub(in crate::model) fn nearest(&mut self, row: ArrayView1<'_, f64>) -> &[(f64, usize)] {
        self.row.iter_mut().zip(row).for_each(|(to, x)| *to = *x);
        self.nearest.clear();
        self.within(0, 0.0, 0..self.among.count);
        self.nearest.rows()
    }

    /// Searches a region whose rows are at least `least` away; of the two regions within it, the nearer one first.
    fn within(&mut self, place: usize, least: f64, rows: Range<usize>) {
        let Neighbours { regions, metric, .. } = self.among;
        if least > self.nearest.farthest() {
            return;
        }
        match regions.within(place).filter(|_| rows.len() > 1) {
            Some([left, right]) => {
                let bounds = [left, right].map(|place| regions.least(place, &self.row, *metric));
                let [left_rows, right_rows] = halves(&rows);
                if bounds[0] <= bounds[1] {
                    self.within(left, bounds[0], left_rows);
                    self.within(right, bounds[1], right_rows);
                } else {
                    self.within(right, bounds[1], right_rows);
                    self.within(left, bounds[0], left_rows);
                }
            }
            None => self.look_at(rows),
        }
    }

    /// Looks at training rows one by one.
    fn look_at(&mut self, rows: Range<usize>) {
        let among = self.among;
        let distances = &mut self.distances[..rows.len()];
        distances.fill(0.0);
        for (x, feature) in self.row.iter().zip(among.rows.chunks_exact(among.count)) {
            let both = distances.iter_mut().zip(&feature[rows.clone()]);
            // A loop for each metric, so that the compiler vectorises each.
            match among.metric {
                Metric::Euclidean => both.for_each(|(sum, y)| *sum = Metric::Euclidean.add(*sum, x - y)),
                Metric::Manhattan => both.for_each(|(sum, y)| *sum = Metric::Manhattan.add(*sum, x - y)),
                Metric::Chebyshev => both.for_each(|(sum, y)| *sum = Metric::Chebyshev.add(*sum, x - y)),
                metric @ Metric::Minkowski { .. } => both.for_each(|(sum, y)| *sum = metric.add(*sum, x - y)),
            }
        }
        for (distance, row) in distances.iter().zip(rows) {
            if *distance < self.nearest.farthest() {
                self.nearest.push(*distance, row);
            }
        }
    }
}
