//! `sklearn.svm.OneClassSVM`.

use super::SklearnError;
use super::estimator::Estimator;
use crate::model::formats::pickle::Node;
use crate::model::formats::printable::printable;
use crate::model::one_class_svm::{Kernel, OneClassSvm, Params};
use crate::verdict::Label;

const CLASS: &str = "OneClassSVM";

/// Reads a fitted detector.
///
/// LIBSVM takes as many vectors as `support_` has numbers, though it reads none of them.
///
/// `_dual_coef_` and `_intercept_` have LIBSVM's signs; in no version do those of the public ones differ for one class.
/// The counts of support vectors (`n_support_`) hold whatever lay in memory in some versions; shapes are what counts.
pub(super) fn read(estimator: Estimator<'_, '_>) -> Result<OneClassSvm, SklearnError> {
    let kernel = kernel(estimator)?;
    let vectors = estimator.matrix(CLASS, "support_vectors_")?;
    let coefficients = estimator.row(CLASS, either(estimator, "_dual_coef_", "dual_coef_"))?;
    let intercept = estimator.row(CLASS, either(estimator, "_intercept_", "intercept_"))?;
    let [intercept] = intercept[..] else {
        return Err(wrong("intercept_", format!("{} numbers", intercept.len()), "one number"));
    };
    if let Some(support) = estimator.attribute("support_")
        && support.length() != Some(vectors.rows)
    {
        let found = support.length().map_or(support.kind().to_owned(), |length| format!("an array of {length}"));
        return Err(wrong("support_", found, &format!("a number for each of {} support vectors", vectors.rows)));
    }
    // From 0.24 on scikit-learn looks at the first itself; before, it may hold whatever lay in memory.
    let counts = (!estimator.is_before(0, 24)).then(|| estimator.attribute("_n_support")).flatten();
    if let Some(count) = counts.and_then(|counts| counts.ints()?.first().copied())
        && usize::try_from(count) != Ok(vectors.rows)
    {
        let expected = format!("{}, as many support vectors as there are", vectors.rows);
        return Err(wrong("_n_support", count.to_string(), &expected));
    }
    let nu = estimator.attribute("nu").and_then(Node::number).filter(|nu| nu.is_finite());
    Ok(OneClassSvm::new(Params {
        vectors: vectors.numbers,
        width: vectors.columns,
        coefficients,
        intercept,
        kernel,
        nu,
        tie: Label::Anomaly,
    })?)
}

fn kernel(estimator: Estimator<'_, '_>) -> Result<Kernel, SklearnError> {
    let kernel = estimator.required(CLASS, "kernel")?;
    // `gamma` may say `scale` or `auto`; `_gamma` is the number that came of it.
    let gamma = || number(estimator, "_gamma");
    let coef0 = || number(estimator, "coef0");
    match kernel.text() {
        Some("rbf") => Ok(Kernel::Rbf { gamma: gamma()? }),
        Some("linear") => Ok(Kernel::Linear),
        Some("poly") => Ok(Kernel::Poly { degree: degree(estimator)?, gamma: gamma()?, coef0: coef0()? }),
        Some("sigmoid") => Ok(Kernel::Sigmoid { gamma: gamma()?, coef0: coef0()? }),
        name => Err(SklearnError::Setting {
            class: CLASS,
            version: estimator.origin(),
            setting: "kernel",
            value: printable(name.unwrap_or(kernel.kind())),
            supported: "rbf, linear, poly or sigmoid",
        }),
    }
}

fn number(estimator: Estimator<'_, '_>, name: &str) -> Result<f64, SklearnError> {
    let node = estimator.required(CLASS, name)?;
    node.number().ok_or_else(|| wrong(name, node.kind().to_owned(), "a number"))
}

/// A whole number that fits where LIBSVM keeps it.
fn degree(estimator: Estimator<'_, '_>) -> Result<u32, SklearnError> {
    let node = estimator.required(CLASS, "degree")?;
    let found = node.int().map_or(node.kind().to_owned(), |degree| degree.to_string());
    node.int()
        .and_then(|degree| i32::try_from(degree).ok())
        .and_then(|degree| u32::try_from(degree).ok())
        .ok_or_else(|| wrong("degree", found, "a whole number from 0 on"))
}

fn wrong(attribute: &str, found: String, expected: &str) -> SklearnError {
    SklearnError::Attribute { class: CLASS, attribute: attribute.to_owned(), found, expected: expected.to_owned() }
}

/// How many rows it was fitted to.
pub(super) fn training_rows(estimator: Estimator<'_, '_>) -> Option<u64> {
    let rows = estimator.attribute("shape_fit_")?.items()?.next()?.int()?;
    u64::try_from(rows).ok()
}

fn either(estimator: Estimator<'_, '_>, first: &'static str, second: &'static str) -> &'static str {
    if estimator.attribute(first).is_some() { first } else { second }
}
