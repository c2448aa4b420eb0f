//! The nearest training rows, and the factor that comes of them.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use ndarray::{ArrayView1, ArrayView2};

use super::params::{LocalOutlierFactor, Metric};
use crate::verdict::Label;

/// Keeps a density finite where all neighbours are the row itself, as in scikit-learn.
const LEAST_DISTANCE: f64 = 1e-10;

/// A training row, and how far it is. Of two as far, the one that comes later in the training counts as farther.
#[derive(Clone, Copy, PartialEq)]
struct Neighbour {
    distance: f64,
    row: usize,
}

impl Eq for Neighbour {}

impl Ord for Neighbour {
    fn cmp(&self, other: &Self) -> Ordering {
        self.distance.total_cmp(&other.distance).then(self.row.cmp(&other.row))
    }
}

impl PartialOrd for Neighbour {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl LocalOutlierFactor {
    /// The decision values of rows of [`width`](Self::width) features.
    ///
    /// Every training row is looked at: over runs of one feature that takes less than a walk through a tree up to many
    /// thousand of them.
    pub(in crate::model) fn decide(&self, rows: ArrayView2<'_, f64>) -> Vec<f64> {
        let mut distances = vec![0.0; self.reach.len()];
        let mut nearest = BinaryHeap::with_capacity(self.neighbours);
        rows.rows().into_iter().map(|row| self.decide_row(row, &mut distances, &mut nearest)).collect()
    }

    fn decide_row(&self, row: ArrayView1<'_, f64>, distances: &mut [f64], nearest: &mut BinaryHeap<Neighbour>) -> f64 {
        self.measure(row, distances);
        let (first, rest) = distances.split_at(self.neighbours);
        nearest.extend(first.iter().enumerate().map(|(row, distance)| Neighbour { distance: *distance, row }));
        let mut farthest = nearest.peek().map_or(f64::INFINITY, |neighbour| neighbour.distance);
        for (row, distance) in (self.neighbours..).zip(rest) {
            if *distance < farthest {
                if let Some(mut last) = nearest.peek_mut() {
                    *last = Neighbour { distance: *distance, row };
                }
                farthest = nearest.peek().map_or(f64::INFINITY, |neighbour| neighbour.distance);
            }
        }
        let count = self.neighbours as f64;
        let (mut reached, mut density) = (0.0, 0.0);
        for Neighbour { distance, row } in nearest.drain() {
            reached += self.metric.distance(distance).max(self.reach[row]);
            density += self.densities[row];
        }
        -(density / count) * (reached / count + LEAST_DISTANCE) - self.offset
    }

    /// What orders the training rows as their distances from `row` do.
    fn measure(&self, row: ArrayView1<'_, f64>, distances: &mut [f64]) {
        distances.fill(0.0);
        for (x, feature) in row.iter().zip(self.rows.chunks_exact(distances.len())) {
            let both = distances.iter_mut().zip(feature);
            match self.metric {
                Metric::Euclidean => both.for_each(|(sum, y)| *sum += (x - y) * (x - y)),
                Metric::Manhattan => both.for_each(|(sum, y)| *sum += (x - y).abs()),
                Metric::Chebyshev => both.for_each(|(most, y)| *most = most.max((x - y).abs())),
                Metric::Minkowski { p } => both.for_each(|(sum, y)| *sum += (x - y).abs().powf(p)),
            }
        }
    }

    /// The label that goes with a decision value. A tie is normal.
    pub(in crate::model) fn label(decision: f64) -> Label {
        if decision >= 0.0 { Label::Normal } else { Label::Anomaly }
    }
}

impl Metric {
    /// The distance that goes with what `measure` gives.
    fn distance(self, measure: f64) -> f64 {
        match self {
            Self::Euclidean => measure.sqrt(),
            Self::Manhattan | Self::Chebyshev => measure,
            Self::Minkowski { p } => measure.powf(p.recip()),
        }
    }
}
