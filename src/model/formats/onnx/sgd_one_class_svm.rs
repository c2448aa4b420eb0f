//! `SGDOneClassSVM`, which skl2onnx writes as a product and a difference.

use super::budget::Budget;
use super::error::OnnxError;
use super::graph::Term;
use super::pattern::Pattern::Hole;
use super::pattern::{number_of, op};
use crate::model::sgd_one_class_svm::{Params, SgdOneClassSvm};

/// A linear machine, and the rows that it takes.
pub(super) struct GraphParts<'g, 'a> {
    pub(super) rows: Term<'g, 'a>,
    params: Params,
}

/// Finds a linear machine behind its decision values: rows · w − ρ.
pub(super) fn find<'g, 'a>(
    scores: Term<'g, 'a>,
    budget: &mut Budget<'_>,
) -> Result<Option<GraphParts<'g, 'a>>, OnnxError> {
    let formula = op("Sub", [op("MatMul", [Hole(0), Hole(1)]), Hole(2)]);
    let Some([rows, coefficients, offset]) = formula.find(scores, budget)? else { return Ok(None) };
    let (Some(coefficients), Some(offset)) = (coefficients.tensor(), number_of(offset, budget)?) else {
        return Ok(None);
    };
    // One weight a feature, whether as a vector or as a matrix of one column.
    if !matches!(coefficients.dims[..], [_] | [_, 1]) {
        return Ok(None);
    }
    Ok(Some(GraphParts { rows, params: Params { coefficients: coefficients.floats(budget)?, offset, nu: None } }))
}

impl GraphParts<'_, '_> {
    pub(super) fn machine(self) -> Result<SgdOneClassSvm, OnnxError> {
        Ok(SgdOneClassSvm::new(self.params)?)
    }
}
