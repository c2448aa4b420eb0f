//! The nearest training rows, and the factor that comes of them.

use std::ops::Range;

use ndarray::ArrayView2;

use super::nearest::Nearest;
use super::params::{LocalOutlierFactor, Metric};
use super::regions::halves;

/// Keeps a density finite where all neighbours are the row itself, as in scikit-learn.
const LEAST_DISTANCE: f64 = 1e-10;

impl LocalOutlierFactor {
    /// The decision values of rows of [`width`](Self::width) features.
    pub(in crate::model) fn decide(&self, rows: ArrayView2<'_, f64>) -> Vec<f64> {
        let mut search = Search {
            factor: self,
            row: vec![0.0; self.width],
            distances: vec![0.0; self.reach.len()],
            nearest: Nearest::of(self.neighbours),
        };
        let decide = |row: ndarray::ArrayView1<'_, f64>| {
            search.row.iter_mut().zip(row).for_each(|(to, x)| *to = *x);
            search.nearest.clear();
            search.within(0, 0.0, 0..self.reach.len());
            self.decision(search.nearest.rows())
        };
        rows.rows().into_iter().map(decide).collect()
    }

    fn decision(&self, nearest: &[(f64, usize)]) -> f64 {
        let count = self.neighbours as f64;
        let (mut reached, mut density) = (0.0, 0.0);
        for (measure, row) in nearest {
            reached += self.metric.distance(*measure).max(self.reach[*row]);
            density += self.densities[*row];
        }
        -(density / count) * (reached / count + LEAST_DISTANCE) - self.offset
    }
}

/// The search for the nearest training rows of a row.
struct Search<'f> {
    factor: &'f LocalOutlierFactor,
    row: Vec<f64>,
    /// How far each training row is of the region that is looked into.
    distances: Vec<f64>,
    nearest: Nearest,
}

impl Search<'_> {
    /// Looks into a region, whose rows are at least `least` away: first into the nearer region of the two within.
    fn within(&mut self, place: usize, least: f64, rows: Range<usize>) {
        let LocalOutlierFactor { regions, metric, .. } = self.factor;
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
            None => self.among(rows),
        }
    }

    /// Looks at training rows one by one.
    fn among(&mut self, rows: Range<usize>) {
        let factor = self.factor;
        let distances = &mut self.distances[..rows.len()];
        distances.fill(0.0);
        for (x, feature) in self.row.iter().zip(factor.rows.chunks_exact(factor.reach.len())) {
            let both = distances.iter_mut().zip(&feature[rows.clone()]);
            // A loop for each, so that each becomes one of vectors.
            match factor.metric {
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

impl Metric {
    /// Adds the difference in a feature to what is measured so far, which orders rows as their distances do.
    #[inline]
    pub(super) fn add(self, measure: f64, difference: f64) -> f64 {
        match self {
            Self::Euclidean => measure + difference * difference,
            Self::Manhattan => measure + difference.abs(),
            Self::Chebyshev => measure.max(difference.abs()),
            Self::Minkowski { p } => measure + difference.abs().powf(p),
        }
    }

    /// What is measured between two rows.
    pub(super) fn measure(self, a: &[f64], b: &[f64]) -> f64 {
        a.iter().zip(b).fold(0.0, |sum, (a, b)| self.add(sum, a - b))
    }

    /// What is measured where rows are so far apart.
    pub(super) fn measure_of(self, distance: f64) -> f64 {
        self.add(0.0, distance)
    }

    /// The distance that goes with what was measured.
    pub(super) fn distance(self, measure: f64) -> f64 {
        match self {
            Self::Euclidean => measure.sqrt(),
            Self::Manhattan | Self::Chebyshev => measure,
            Self::Minkowski { p } => measure.powf(p.recip()),
        }
    }
}
