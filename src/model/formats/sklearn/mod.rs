//! scikit-learn's estimators, as its pickles hold them, from version 0.19 on.
//!
//! Only attributes that `fit` sets are read, and each is checked before it is used: what comes out of here can be
//! evaluated. Modules moved at 0.22 (`sklearn.svm.classes` became `sklearn.svm._classes`, `sklearn.preprocessing.data`
//! became `_data`), so an estimator is told by its package and class.

mod error;
mod estimator;
mod one_class_svm;
mod standard_scaler;

pub use error::SklearnError;

use estimator::Estimator;

use super::pickle::{Graph, Node};
use super::{Contents, Metadata};
use crate::model::detector::Detector;
use crate::model::preprocessing::Step;

/// What can be read, for error messages.
const SUPPORTED: &str = "OneClassSVM with the rbf kernel, alone or in a Pipeline behind StandardScaler";

/// Reads an estimator, or a pipeline of transformers with a detector at its end.
pub(super) fn read(graph: &Graph<'_>) -> Result<Contents, SklearnError> {
    let root = estimator_of(graph.root())?;
    let estimators = match root.path() {
        ("sklearn.pipeline", "Pipeline") => steps(root)?,
        _ => vec![root],
    };
    let Some((last, first)) = estimators.split_last() else {
        return Err(SklearnError::NotAnEstimator { found: "a Pipeline without steps".to_owned() });
    };
    let preprocessing = first.iter().map(|estimator| step(*estimator)).collect::<Result<_, _>>()?;
    let detector = detector(*last)?;
    let metadata = Metadata {
        format: graph.format(),
        library: "scikit-learn".to_owned(),
        library_version: last.version().or_else(|| root.version()),
        training_rows: one_class_svm::training_rows(*last),
        columns: None,
        notes: Vec::new(),
    };
    Ok(Contents { preprocessing, detector, metadata })
}

fn estimator_of<'g, 'a>(node: Node<'g, 'a>) -> Result<Estimator<'g, 'a>, SklearnError> {
    Estimator::of(node).ok_or_else(|| SklearnError::NotAnEstimator { found: node.kind().to_owned() })
}

/// The estimators of a pipeline. A step that is `None` or `passthrough` does nothing.
fn steps<'g, 'a>(pipeline: Estimator<'g, 'a>) -> Result<Vec<Estimator<'g, 'a>>, SklearnError> {
    let steps = pipeline.required("Pipeline", "steps")?;
    let wrong = |found: Node<'_, '_>| SklearnError::Attribute {
        class: "Pipeline",
        attribute: "steps".to_owned(),
        found: found.kind().to_owned(),
        expected: "pairs of a name and an estimator".to_owned(),
    };
    let mut estimators = Vec::new();
    for step in steps.items().ok_or_else(|| wrong(steps))? {
        let Some((_name, estimator)) = step.items().and_then(|mut pair| Some((pair.next()?, pair.next()?))) else {
            return Err(wrong(step));
        };
        if !estimator.is_none() && estimator.text() != Some("passthrough") {
            estimators.push(estimator_of(estimator)?);
        }
    }
    Ok(estimators)
}

fn detector(estimator: Estimator<'_, '_>) -> Result<Detector, SklearnError> {
    match estimator.path() {
        ("sklearn.svm", "OneClassSVM") => one_class_svm::read(estimator).map(Detector::OneClassSvm),
        _ => Err(estimator.unsupported()),
    }
}

fn step(estimator: Estimator<'_, '_>) -> Result<Step, SklearnError> {
    match estimator.path() {
        ("sklearn.preprocessing", "StandardScaler") => standard_scaler::read(estimator).map(Step::StandardScaler),
        _ => Err(estimator.unsupported()),
    }
}
