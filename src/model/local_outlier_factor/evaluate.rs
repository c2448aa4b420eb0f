//! The factor, computed from the nearest training rows.

use ndarray::ArrayView2;

use super::params::LocalOutlierFactor;

/// Keeps a density finite when all neighbours equal the row, as in scikit-learn.
const LEAST_DISTANCE: f64 = 1e-10;

impl LocalOutlierFactor {
    /// The decision values of rows of [`width`](Self::width) features.
    pub(in crate::model) fn decide(&self, rows: ArrayView2<'_, f64>) -> Vec<f64> {
        let mut search = self.rows.search(self.neighbours);
        rows.rows().into_iter().map(|row| self.decision(search.nearest(row))).collect()
    }

    fn decision(&self, nearest: &[(f64, usize)]) -> f64 {
        let (metric, count) = (self.rows.metric(), self.neighbours as f64);
        let (mut reached, mut density) = (0.0, 0.0);
        for (measure, row) in nearest {
            let distance = metric.distance(*measure);
            let distance = if distance > self.resolution { distance } else { 0.0 };
            reached += distance.max(self.reach[*row]);
            density += self.densities[*row];
        }
        -(density / count) * (reached / count + LEAST_DISTANCE) - self.offset
    }
}
