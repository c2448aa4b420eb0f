//! `sklearn.preprocessing.FunctionTransformer`, where it names one of a few functions of numpy.

use super::SklearnError;
use super::estimator::Estimator;
use crate::model::formats::printable::printable;
use crate::model::preprocessing::Function;

const CLASS: &str = "FunctionTransformer";

/// Reads the function; `None` for the identity. It takes rows of any width, and before 0.24 no file says which.
///
/// What it would do the other way round, and whether it looks at its input first, makes no difference here.
pub(super) fn read(estimator: Estimator<'_, '_>) -> Result<Option<Function>, SklearnError> {
    let node = estimator.required(CLASS, "func")?;
    if let Some(arguments) = estimator.attribute("kw_args").filter(|arguments| !arguments.is_none())
        && arguments.entries().is_none_or(|mut entries| entries.next().is_some())
    {
        return Err(estimator.setting(CLASS, "kw_args", arguments.kind(), "None"));
    }
    if node.is_none() {
        return Ok(None);
    }
    let function = node.function();
    let known = match function.map(|function| (function.module, function.name)) {
        Some(("numpy", "absolute" | "abs")) => Some(Function::Abs),
        Some(("numpy", name)) => Function::ALL.into_iter().find(|function| function.name() == name),
        _ => None,
    };
    let found = || function.map_or(node.kind().to_owned(), |function| printable(&function.to_string()));
    let supported = "None, or numpy's log1p, log, sqrt or abs";
    known.map(Some).ok_or_else(|| estimator.setting(CLASS, "func", &found(), supported))
}
