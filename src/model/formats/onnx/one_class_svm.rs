//! `OneClassSVM`, which skl2onnx writes as the operator `SVMRegressor`.

use super::budget::Budget;
use super::error::OnnxError;
use super::proto::NodeProto;
use crate::model::one_class_svm::{Kernel, OneClassSvm, Params};

/// Reads the operator. Its kernel's numbers are gamma, coef0 and degree, and its rho is the intercept as it is added.
pub(super) fn read(node: &NodeProto<'_>, width: usize, budget: &mut Budget<'_>) -> Result<OneClassSvm, OnnxError> {
    let kernel = node.text("kernel_type")?.unwrap_or("LINEAR");
    if kernel != "RBF" {
        return Err(node.refused(format!("kernel_type is {kernel}; supported: RBF")));
    }
    if let Some(transform) = node.text("post_transform")?.filter(|transform| *transform != "NONE") {
        return Err(node.refused(format!("post_transform is {transform}; expected NONE")));
    }
    let [gamma, ..] = node.floats("kernel_params", budget)?[..] else {
        return Err(node.refused("kernel_params is empty; expected gamma, coef0 and degree"));
    };
    let [intercept] = node.floats("rho", budget)?[..] else { return Err(node.refused("expected one number as rho")) };
    Ok(OneClassSvm::new(Params {
        vectors: node.floats("support_vectors", budget)?,
        width,
        coefficients: node.floats("coefficients", budget)?,
        intercept,
        kernel: Kernel::Rbf { gamma },
        nu: None,
    })?)
}
