//! The detectors of scikit-learn, by how skl2onnx writes their decision values.

use super::budget::Budget;
use super::error::OnnxError;
use super::graph::Graph;
use super::rows::rows;
use super::{decision, isolation_forest, local_outlier_factor, one_class_svm, sgd_one_class_svm};
use crate::model::detector::Detector;
use crate::model::preprocessing::Step;

const SUPPORTED: &str = "no detector's decision value ends so; supported: OneClassSVM, \
                         SGDOneClassSVM, IsolationForest, LocalOutlierFactor";

/// Finds the detector that makes the decision values, and the steps before it.
pub(super) fn read(graph: &Graph<'_>, budget: &mut Budget<'_>) -> Result<(Vec<Step>, Detector), OnnxError> {
    let scores = decision(graph)?.bare(budget)?;
    let Some((node, 0)) = scores.node() else {
        return Err(OnnxError::value(scores.name, "is no decision value"));
    };
    if let Some(found) = isolation_forest::find(scores, budget)? {
        let rows = rows(found.rows, graph.width, 1, budget)?;
        return Ok((rows.steps, Detector::IsolationForest(found.forest(rows.width)?)));
    }
    if let Some(found) = local_outlier_factor::find(scores, budget)? {
        let rows = rows(found.rows, graph.width, 1, budget)?;
        let factor = found.factor(&rows.steps)?;
        return Ok((rows.steps, Detector::LocalOutlierFactor(factor)));
    }
    if let Some(found) = sgd_one_class_svm::find(scores, budget)? {
        let rows = rows(found.rows, graph.width, 1, budget)?;
        return Ok((rows.steps, Detector::SgdOneClassSvm(found.machine()?)));
    }
    match (node.domain, node.operator) {
        ("ai.onnx.ml", "SVMRegressor") => {
            let rows = rows(scores.input_of(node, 0)?, graph.width, 1, budget)?;
            let svm = one_class_svm::read(node, rows.width, budget)?;
            Ok((rows.steps, Detector::OneClassSvm(svm)))
        }
        _ => Err(node.refused(SUPPORTED)),
    }
}
