//! Detectors of pyod (Zhao, Nasrullah, Li, *PyOD: a Python toolbox for scalable outlier detection*, JMLR 20, 2019), from
//! version 1.0 on.
//!
//! pyod's scores are high for what is strange, and an anomaly is a score above `threshold_`; so the decision value is
//! `threshold_` less the score, and a tie is normal. Three classes wrap a detector of scikit-learn, their `detector_`,
//! and turn its sign.

mod knn;
mod pca;

use super::SklearnError;
use super::estimator::Estimator;
use super::{isolation_forest, local_outlier_factor, one_class_svm};
use crate::model::detector::Detector;
use crate::model::isolation_forest::IsolationForest;
use crate::model::one_class_svm::OneClassSvm;
use crate::verdict::Label;

/// The package of its detectors.
pub(super) const PACKAGE: &str = "pyod.models";

/// Reads a fitted detector.
pub(super) fn read(estimator: Estimator<'_, '_>) -> Result<Detector, SklearnError> {
    match estimator.path().1 {
        "IForest" => forest(estimator).map(Detector::IsolationForest),
        "OCSVM" => svm(estimator).map(Detector::OneClassSvm),
        "LOF" => factor(estimator),
        "PCA" => pca::read(estimator).map(Detector::ComponentDistance),
        "KNN" => knn::read(estimator).map(Detector::NeighbourDistance),
        _ => Err(estimator.unsupported()),
    }
}

pub(super) use pca::scaler;

/// How many rows it was fitted to.
pub(super) fn training_rows(estimator: Estimator<'_, '_>) -> Option<u64> {
    u64::try_from(estimator.attribute("decision_scores_")?.length()?).ok()
}

/// The score is minus the forest's decision function, which is its own score less its offset.
fn forest(estimator: Estimator<'_, '_>) -> Result<IsolationForest, SklearnError> {
    let forest = isolation_forest::read(wrapped(estimator, "IForest")?)?;
    let lowest = lowest_normal(forest.offset(), threshold(estimator, "IForest")?);
    Ok(forest.with_offset(lowest)?.with_ties_normal())
}

/// The score is minus the decision function, in which the intercept stands.
fn svm(estimator: Estimator<'_, '_>) -> Result<OneClassSvm, SklearnError> {
    let params = one_class_svm::read(wrapped(estimator, "OCSVM")?)?.params();
    let intercept = -lowest_normal(-params.intercept, threshold(estimator, "OCSVM")?);
    Ok(OneClassSvm::new(crate::model::one_class_svm::Params { intercept, tie: Label::Normal, ..params })?)
}

/// The lowest score of scikit-learn that is normal for pyod, which calls a row an anomaly when `offset` less that score is
/// above the threshold.
///
/// It is `offset` less the threshold, but for rounding; and rounded readings lie on the threshold by the dozen, so the last
/// bit counts. It is found by halving between two numbers of which one is surely normal and one surely is not.
fn lowest_normal(offset: f64, threshold: f64) -> f64 {
    let is_normal = |score: f64| -(score - offset) <= threshold;
    let rounding = 4.0 * f64::EPSILON * offset.abs().max(threshold.abs());
    let (mut below, mut lowest) = (offset - threshold - rounding, offset - threshold + rounding);
    loop {
        let middle = below.midpoint(lowest);
        if middle <= below || middle >= lowest {
            return lowest;
        }
        if is_normal(middle) {
            lowest = middle;
        } else {
            below = middle;
        }
    }
}

/// The score is the factor itself.
fn factor(estimator: Estimator<'_, '_>) -> Result<Detector, SklearnError> {
    let factor = local_outlier_factor::read(wrapped(estimator, "LOF")?)?;
    Ok(Detector::LocalOutlierFactor(factor.with_offset(-threshold(estimator, "LOF")?)?))
}

/// The detector of scikit-learn that it wraps.
fn wrapped<'g, 'a>(estimator: Estimator<'g, 'a>, class: &'static str) -> Result<Estimator<'g, 'a>, SklearnError> {
    let detector = estimator.required(class, "detector_")?;
    Estimator::of(detector)
        .filter(|detector| !detector.path().0.starts_with("pyod"))
        .ok_or_else(|| estimator.wrong(class, "detector_", detector.kind(), "a detector of scikit-learn"))
}

/// The greatest score that is normal. A `contamination` that is no number is a function of another library, by which
/// pyod judges instead.
fn threshold(estimator: Estimator<'_, '_>, class: &'static str) -> Result<f64, SklearnError> {
    let contamination = estimator.required(class, "contamination")?;
    if contamination.number().is_none() {
        return Err(estimator.setting(class, "contamination", contamination.kind(), "a number"));
    }
    estimator.number(class, "threshold_")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_lowest_normal_score_is_normal_and_the_next_below_is_not(
            score in -1.0..1.0_f64,
            offset in prop_oneof![-1.0..1.0_f64, -1e6..1e6_f64, Just(0.0)],
        ) {
            // A row on the threshold.
            let threshold = -(score - offset);
            let lowest = lowest_normal(offset, threshold);
            prop_assert!(lowest <= score && -(lowest - offset) <= threshold);
            prop_assert!(-(lowest.next_down() - offset) > threshold);
        }
    }
}
