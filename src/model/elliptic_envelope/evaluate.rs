//! The distances.

use ndarray::ArrayView2;

use super::params::{EllipticEnvelope, Scale};

impl EllipticEnvelope {
    /// The decision values of rows of [`width`](Self::width) features.
    pub(in crate::model) fn decide(&self, rows: ArrayView2<'_, f64>) -> Vec<f64> {
        let mut centred = vec![0.0; self.location.len()];
        let decide = |row: ndarray::ArrayView1<'_, f64>| {
            for ((centred, x), location) in centred.iter_mut().zip(row).zip(&self.location) {
                *centred = x - location;
            }
            let weighted = self.precision.chunks_exact(centred.len()).map(|precision| {
                precision.iter().zip(&centred).map(|(entry, difference)| entry * difference).sum::<f64>()
            });
            let distance: f64 = weighted.zip(&centred).map(|(weighted, difference)| weighted * difference).sum();
            self.decision(distance)
        };
        rows.rows().into_iter().map(decide).collect()
    }

    fn decision(&self, distance: f64) -> f64 {
        match self.scale {
            Scale::Squared => -distance - self.offset,
            Scale::CubeRoot => (-self.offset).powf(0.33) - distance.powf(0.33),
        }
    }
}
