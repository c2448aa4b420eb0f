//! Detectors: pure functions from rows to decision values.

use super::one_class_svm::OneClassSvm;
use crate::verdict::Label;

/// The last step of a model. Each kind has a folder of its own.
#[derive(Clone, PartialEq, Debug)]
pub enum Detector {
    /// One-class support vector machine.
    OneClassSvm(OneClassSvm),
}

impl Detector {
    /// How many features a row has.
    pub fn width(&self) -> usize {
        match self {
            Self::OneClassSvm(svm) => svm.width(),
        }
    }

    /// The decision values of rows that lie one after another.
    pub(super) fn decide(&self, rows: &[f64]) -> Vec<f64> {
        match self {
            Self::OneClassSvm(svm) => svm.decide(rows),
        }
    }

    /// The label that goes with a decision value: each detector has its own rule for ties.
    pub(super) fn label(&self, decision: f64) -> Label {
        match self {
            Self::OneClassSvm(_) => OneClassSvm::label(decision),
        }
    }
}
