//! `sklearn.impute.SimpleImputer`, there since 0.20, and `sklearn.preprocessing.Imputer`, gone with 0.22.

use super::SklearnError;
use super::estimator::Estimator;
use crate::model::formats::printable::printable;
use crate::model::preprocessing::{MissingMarker, Replacement, SimpleImputer, SimpleImputerParams};

const CLASS: &str = "SimpleImputer";

/// Reads a fitted imputer.
///
/// A feature without numbers in training has NaN among its statistics, and is left out.
pub(super) fn read(estimator: Estimator<'_, '_>) -> Result<SimpleImputer, SklearnError> {
    let strategy = match estimator.text(CLASS, "strategy")? {
        "mean" | "median" | "most_frequent" => Replacement::Middle,
        "constant" => Replacement::Constant,
        other => {
            return Err(estimator.setting(CLASS, "strategy", other, "mean, median, most_frequent, constant"));
        }
    };
    let statistics = estimator.row_with_nan(CLASS, "statistics_")?;
    let replacements = statistics.into_iter().map(|number| (!number.is_nan()).then_some(number)).collect();
    Ok(SimpleImputer::new(SimpleImputerParams {
        missing: missing(estimator)?,
        strategy,
        replacements,
        indicators: indicators(estimator)?,
    })?)
}

/// What stands for a number that is missing. Before 0.20 that NaN is text.
fn missing(estimator: Estimator<'_, '_>) -> Result<MissingMarker, SklearnError> {
    let node = estimator.required(CLASS, "missing_values")?;
    match (node.number(), node.text()) {
        (Some(number), _) if number.is_nan() => Ok(MissingMarker::NaN),
        (Some(number), _) => Ok(MissingMarker::Number(number)),
        (None, Some("NaN")) => Ok(MissingMarker::NaN),
        (None, text) => {
            let found = printable(text.unwrap_or(node.kind()));
            Err(estimator.setting(CLASS, "missing_values", &found, "NaN or a number"))
        }
    }
}

/// The features of which `add_indicator`, there since 0.21, says whether they were missing.
fn indicators(estimator: Estimator<'_, '_>) -> Result<Vec<usize>, SklearnError> {
    const FEATURES: &str = "indicator_.features_";
    // The old imputer can work along rows, where nothing of training is left.
    if let Some(axis) = estimator.attribute("axis")
        && axis.int() != Some(0)
    {
        return Err(estimator.setting(CLASS, "axis", axis.kind(), "0"));
    }
    if !matches!(estimator.attribute("add_indicator"), Some(node) if node.bool() == Some(true)) {
        return Ok(Vec::new());
    }
    let indicator = estimator.required(CLASS, "indicator_")?;
    let said = Estimator::of(indicator).filter(|indicator| indicator.attribute("missing_values").is_some());
    if let Some(said) = said
        && !missing(said)?.is_same(missing(estimator)?)
    {
        let expected = "the missing_values of the imputer";
        return Err(estimator.wrong(CLASS, "indicator_.missing_values", "another one", expected));
    }
    let features = indicator.attribute("features_");
    let features = features.ok_or_else(|| SklearnError::Missing { class: CLASS, attribute: FEATURES.to_owned() })?;
    features
        .ints()
        .and_then(|features| features.into_iter().map(|feature| usize::try_from(feature).ok()).collect())
        .ok_or_else(|| estimator.wrong(CLASS, FEATURES, features.kind(), "an array of features"))
}
