//! Windows unlike the training data, noticed at no cost from what the first step of preprocessing knows of that data.

use ndarray::ArrayView2;

use super::usual::Usual;
use super::{Model, Unscaled};
use crate::verdict::significant;

/// A window is unlike the training.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum Drift {
    /// A feature lies where the training had almost no rows.
    #[error(
        "{feature} {of} {}, {} to {} when the model was trained: has the machine, the sensor or its unit changed? train anew if so",
        significant(*found), significant(usual.0), significant(usual.1)
    )]
    Feature {
        /// The feature's name.
        feature: String,
        /// Whether its mean or its spread moved.
        of: Moved,
        /// The mean or spread over the window.
        found: f64,
        /// The feature's usual range in the training: lowest and highest.
        usual: (f64, f64),
    },
    /// The rows are not scaled, and the model expects scaled rows.
    #[error(transparent)]
    Unscaled(#[from] Unscaled),
}

/// What has moved, of a feature that is unlike the training data.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Moved {
    /// Its mean over the window.
    Mean,
    /// Its standard deviation over the window.
    Spread,
}

impl std::fmt::Display for Moved {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Mean => "has a mean of",
            Self::Spread => "spreads by",
        })
    }
}

/// How far from the middle of the usual range, in halves of that range, a mean may be, and how large a standard
/// deviation may be. A StandardScaler's usual range is two standard deviations to either side, so this is three of
/// them; a RobustScaler's is the distance of the quartiles to either side, so this is two standard deviations where
/// rows are normally distributed.
const MOST: f64 = 1.5;

/// A window with fewer rows is not judged.
const LEAST_ROWS: usize = 5;

impl Model {
    /// The feature of a window that is least like the training data: its mean is further off than one and a half times
    /// the usual range to either side, or its standard deviation is more than that.
    ///
    /// `None` for windows of fewer than five rows, and for a model that knows nothing of its training data. A model
    /// without its scaler is noticed by what its detector keeps (`standardised.rs`).
    pub fn drift(&self, rows: ArrayView2<'_, f64>, name: impl Fn(usize) -> String) -> Option<Drift> {
        if rows.nrows() < LEAST_ROWS {
            return None;
        }
        if let Some(unscaled) = self.unscaled(rows, &name) {
            return Some(unscaled.into());
        }
        let ranges = Usual::of(self)?.ranges.filter(|ranges| ranges.len() == rows.ncols())?;
        let mut worst: Option<(f64, usize, Moved, f64)> = None;
        for (feature, (column, (low, high))) in rows.columns().into_iter().zip(&ranges).enumerate() {
            let present = || column.iter().filter(|x| x.is_finite());
            let count = present().count();
            if count < LEAST_ROWS {
                continue;
            }
            let mean = present().sum::<f64>() / count as f64;
            let spread = (present().map(|x| (x - mean).powi(2)).sum::<f64>() / count as f64).sqrt();
            let middle = 0.5 * (low + high);
            // A feature that never changed in the training data has no range, and rounding alone is no drift.
            let half = (0.5 * (high - low)).max(1e-9 * middle.abs());
            for (of, found, away) in [(Moved::Mean, mean, (mean - middle).abs()), (Moved::Spread, spread, spread)] {
                let share = away / half;
                if share > MOST && worst.is_none_or(|(most, ..)| share > most) {
                    worst = Some((share, feature, of, found));
                }
            }
        }
        let (_, feature, of, found) = worst?;
        Some(Drift::Feature { feature: name(feature), of, found, usual: ranges[feature] })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use ndarray::Array2;

    use super::*;
    use crate::model::{Limits, Step};

    /// The drift of a window whose rows are this many scales away from the middle, in three features.
    fn drift(rows: &[[f64; 3]]) -> Option<(String, Moved)> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples/p3_auto_3d.pkl");
        let model = Model::load(&path, &Limits::default()).unwrap();
        let [Step::StandardScaler(scaler)] = model.preprocessing() else { panic!("not a scaler alone") };
        let (mean, scale) = (scaler.mean().unwrap(), scaler.scale().unwrap());
        let rows = Array2::from_shape_fn((rows.len(), 3), |(row, feature)| {
            mean[feature] + rows[row][feature] * scale[feature]
        });
        model.drift(rows.view(), |feature| ["a", "b", "c"][feature].to_owned()).map(|drift| {
            assert!(drift.to_string().contains("train anew"), "{drift}");
            let Drift::Feature { feature, of, .. } = drift else { panic!("{drift}") };
            (feature, of)
        })
    }

    #[test]
    fn a_window_like_the_training_has_not_drifted() {
        assert_eq!(drift(&[[0.0, 1.0, -1.0], [2.9, 2.9, 2.9], [0.0; 3], [-2.9, 2.9, 0.0], [1.0; 3], [0.0; 3]]), None);
    }

    #[test]
    fn a_mean_more_than_three_deviations_off_has() {
        assert_eq!(drift(&[[0.0, -3.1, 0.0]; 5]), Some(("b".to_owned(), Moved::Mean)));
        assert_eq!(drift(&[[0.0, -2.9, 0.0]; 5]), None);
    }

    #[test]
    fn a_spread_of_more_than_three_deviations_has() {
        let swing = |by| [[0.0, 0.0, by], [0.0, 0.0, -by]].repeat(3);
        assert_eq!(drift(&swing(3.1)), Some(("c".to_owned(), Moved::Spread)));
        assert_eq!(drift(&swing(2.9)), None);
    }

    #[test]
    fn the_feature_that_moved_most_is_named() {
        assert_eq!(drift(&[[4.0, -9.0, 5.0]; 5]), Some(("b".to_owned(), Moved::Mean)));
    }

    #[test]
    fn too_few_rows_say_nothing() {
        assert_eq!(drift(&[[0.0, 50.0, 0.0]; 4]), None);
    }
}
