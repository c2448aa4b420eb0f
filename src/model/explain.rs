//! Why a row is an anomaly: which feature moved the decision most.

use ndarray::{Array2, ArrayView1, Axis};

use super::usual::Usual;
use super::{Detector, Model, Step};

/// The feature that moved a row's decision most.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Cause {
    /// Its place in the row, counted from zero.
    pub feature: usize,
    /// Its value.
    pub value: f64,
    /// The feature's range in the training data, lowest and highest; `None` when the model does not know it.
    pub usual: Option<(f64, f64)>,
}

/// Rows with more features are not explained feature by feature, because each takes an evaluation.
const MAX_TRIED: usize = 256;

/// The most operations that the evaluations may take together: as many as a window of an expensive model, so that
/// explaining a window takes no longer than scoring it.
const MAX_OPERATIONS: usize = 100_000_000;

/// A decision value that rises by less than this share of the detector's unit counts as unmoved.
const LEAST_MOVE: f64 = 1e-9;

impl Model {
    /// Names the feature whose replacement by the centre of the training raises the row's decision value most. In an
    /// isolation forest it is the feature that made the row's paths shortest, if steps before it mix no features.
    ///
    /// When no feature alone raises it, as in a row that is far out in several features at once, the feature furthest
    /// out of its usual range is named. `None` when the model does not know the centre of its training data.
    pub fn explain(&self, row: ArrayView1<'_, f64>) -> Option<Cause> {
        let usual = Usual::of(self).filter(|usual| usual.centre.len() == row.len());
        let ranges = usual.as_ref().and_then(|usual| usual.ranges.as_deref());
        let feature = self
            .most_isolating(row)
            .or_else(|| self.most_moving(row, &usual.as_ref()?.centre))
            .or_else(|| furthest_out(row, ranges?))?;
        Some(Cause { feature, value: row[feature], usual: ranges.and_then(|ranges| ranges.get(feature).copied()) })
    }

    fn most_isolating(&self, row: ArrayView1<'_, f64>) -> Option<usize> {
        let Detector::IsolationForest(forest) = self.detector() else { return None };
        if !self.preprocessing().iter().all(Step::keeps_places) {
            return None;
        }
        let row = row.insert_axis(Axis(0)).to_owned();
        let row = self.preprocessing().iter().fold(row, |row, step| step.apply(row));
        let credits = forest.path_credit(&row.into_raw_vec_and_offset().0).into_iter().enumerate();
        let (feature, credit) = credits.reduce(|most, next| if next.1 > most.1 { next } else { most })?;
        (credit > 0.0).then_some(feature)
    }

    fn most_moving(&self, row: ArrayView1<'_, f64>, centre: &[f64]) -> Option<usize> {
        let width = row.len();
        if width > MAX_TRIED || self.operations_per_row().saturating_mul(width + 1) > MAX_OPERATIONS {
            return None;
        }
        // The last row is the unchanged one.
        let mut rows = Array2::from_shape_fn((width + 1, width), |(_, feature)| row[feature]);
        for (feature, middle) in centre.iter().enumerate() {
            rows[[feature, feature]] = *middle;
        }
        let evaluations = self.evaluate(rows.view()).ok()?;
        let (unmoved, moved) = evaluations.split_last()?;
        let threshold = LEAST_MOVE * self.detector().unit();
        let rises = moved.iter().map(|evaluation| evaluation.decision - unmoved.decision).enumerate();
        let (feature, rise) = rises.reduce(|most, next| if next.1 > most.1 { next } else { most })?;
        (rise > threshold).then_some(feature)
    }
}

/// The feature whose value is furthest out of its usual range, relative to that range.
fn furthest_out(row: ArrayView1<'_, f64>, ranges: &[(f64, f64)]) -> Option<usize> {
    let out = |(value, (low, high)): (&f64, &(f64, f64))| {
        let half = 0.5 * (high - low);
        (value - (low + half)).abs() / half
    };
    let outs = row.iter().zip(ranges).map(out).enumerate().filter(|(_, out)| *out > 1.0);
    outs.reduce(|most, next| if next.1 > most.1 { next } else { most }).map(|(feature, _)| feature)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use ndarray::Array1;
    use proptest::prelude::*;

    use super::*;
    use crate::model::{Limits, StandardScaler, Step};
    use crate::verdict::Label;

    fn sample(name: &str) -> Model {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples").join(name);
        Model::load(&path, &Limits::default()).unwrap()
    }

    fn scaler(model: &Model) -> &StandardScaler {
        let [Step::StandardScaler(scaler)] = model.preprocessing() else { panic!("not a scaler alone") };
        scaler
    }

    /// A row that lies this many scales from the centre.
    fn row(model: &Model, away: &[f64]) -> Array1<f64> {
        let (mean, scale) = (scaler(model).mean().unwrap(), scaler(model).scale().unwrap());
        away.iter().zip(mean.iter().zip(scale)).map(|(away, (mean, scale))| mean + away * scale).collect()
    }

    fn label(model: &Model, row: &Array1<f64>) -> Label {
        model.evaluate(row.view().insert_axis(ndarray::Axis(0))).unwrap()[0].label
    }

    proptest! {
        #[test]
        fn the_feature_that_was_moved_is_named(
            noise in proptest::collection::vec(-0.5..0.5, 3), feature in 0..3_usize, far in 3.0..50.0, sign in any::<bool>(),
        ) {
            let model = sample("p3_auto_3d.pkl");
            let mut away: Vec<f64> = noise;
            away[feature] = if sign { far } else { -far };
            let row = row(&model, &away);
            prop_assert_eq!(label(&model, &row), Label::Anomaly);
            let cause = model.explain(row.view()).unwrap();
            prop_assert_eq!((cause.feature, cause.value), (feature, row[feature]));
        }
    }

    #[test]
    fn the_usual_range_is_two_scales_around_the_mean() {
        let model = sample("p3_auto_3d.pkl");
        let cause = model.explain(row(&model, &[0.0, 9.0, 0.0]).view()).unwrap();
        let (mean, scale) = (scaler(&model).mean().unwrap()[1], scaler(&model).scale().unwrap()[1]);
        assert_eq!(cause.usual, Some((mean - 2.0 * scale, mean + 2.0 * scale)));
    }

    #[test]
    fn of_several_features_far_out_the_furthest_is_named() {
        let model = sample("p3_auto_3d.pkl");
        let cause = model.explain(row(&model, &[300.0, 0.0, -400.0]).view()).unwrap();
        assert_eq!(cause.feature, 2);
    }

    #[test]
    fn a_model_without_steps_explains_by_its_detectors_centre_and_one_that_knows_no_centre_not_at_all() {
        let bare = sample("p4_bare_1d.pkl");
        let cause = bare.explain(Array1::from(vec![1e6]).view());
        assert_eq!(cause, Some(Cause { feature: 0, value: 1e6, usual: None }));
        let no_mean = sample("p4_no_mean_2d.pkl");
        assert_eq!(no_mean.explain(Array1::from(vec![1e6, 1e6]).view()), None);
    }

    #[test]
    fn a_forest_names_the_feature_that_made_its_paths_shortest() {
        let model = sample("detectors/forest_contamination.pkl");
        let Detector::IsolationForest(forest) = model.detector() else { panic!("not a forest") };
        for far in 0..model.width() {
            let row: Array1<f64> = (0..model.width()).map(|feature| if feature == far { 1e3 } else { 0.0 }).collect();
            let credits = forest.path_credit(row.as_slice().unwrap());
            let cause = model.explain(row.view()).unwrap();
            assert!(credits.iter().all(|credit| *credit <= credits[cause.feature]), "{credits:?}, {cause:?}");
        }
    }
}
