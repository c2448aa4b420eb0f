//! `sklearn.svm.OneClassSVM`.

use super::SklearnError;
use super::estimator::Estimator;
use crate::model::formats::pickle::{Node, printable};
use crate::model::one_class_svm::{OneClassSvm, Params};

const CLASS: &str = "OneClassSVM";

/// Reads a fitted detector.
///
/// Its counts of support vectors (`n_support_`) hold whatever lay in memory in some versions; shapes are what counts.
pub(super) fn read(estimator: Estimator<'_, '_>) -> Result<OneClassSvm, SklearnError> {
    let kernel = estimator.required(CLASS, "kernel")?;
    if kernel.text() != Some("rbf") {
        let value = printable(kernel.text().unwrap_or(kernel.kind()));
        let version = estimator.origin();
        return Err(SklearnError::Setting { class: CLASS, version, setting: "kernel", value, supported: "rbf" });
    }
    let vectors = estimator.matrix(CLASS, "support_vectors_")?;
    let coefficients = estimator.row(CLASS, either(estimator, "_dual_coef_", "dual_coef_"))?;
    let intercept = estimator.row(CLASS, either(estimator, "_intercept_", "intercept_"))?;
    let wrong = |attribute: &str, found: String, expected: String| SklearnError::Attribute {
        class: CLASS,
        attribute: attribute.to_owned(),
        found,
        expected,
    };
    let [intercept] = intercept[..] else {
        return Err(wrong("intercept_", format!("{} numbers", intercept.len()), "one number".to_owned()));
    };
    // `gamma` may say `scale` or `auto`; `_gamma` is the number that came of it.
    let gamma = estimator.required(CLASS, "_gamma")?;
    let expected = || "a finite number, 0 or above".to_owned();
    let gamma = gamma.number().ok_or_else(|| wrong("_gamma", gamma.kind().to_owned(), expected()))?;
    let nu = estimator.attribute("nu").and_then(Node::number).filter(|nu| nu.is_finite());
    Ok(OneClassSvm::new(&Params {
        vectors: vectors.numbers,
        width: vectors.columns,
        coefficients,
        intercept,
        gamma,
        nu,
    })?)
}

/// How many rows it was fitted to.
pub(super) fn training_rows(estimator: Estimator<'_, '_>) -> Option<u64> {
    let rows = estimator.attribute("shape_fit_")?.items()?.next()?.int()?;
    u64::try_from(rows).ok()
}

fn either(estimator: Estimator<'_, '_>, first: &'static str, second: &'static str) -> &'static str {
    if estimator.attribute(first).is_some() { first } else { second }
}
