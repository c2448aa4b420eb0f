//! Detectors: pure functions from rows to decision values.

use ndarray::ArrayView2;

use super::one_class_svm::OneClassSvm;
use super::sgd_one_class_svm::SgdOneClassSvm;
use crate::verdict::Label;

/// The last step of a model. Each kind has a folder of its own.
#[derive(Clone, PartialEq, Debug)]
pub enum Detector {
    /// One-class support vector machine.
    OneClassSvm(OneClassSvm),
    /// Linear one-class support vector machine, trained by stochastic gradient descent.
    SgdOneClassSvm(SgdOneClassSvm),
}

impl Detector {
    /// Its name in the library that trains it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::OneClassSvm(_) => "OneClassSVM",
            Self::SgdOneClassSvm(_) => "SGDOneClassSVM",
        }
    }

    /// How many features a row has.
    pub fn width(&self) -> usize {
        match self {
            Self::OneClassSvm(svm) => svm.width(),
            Self::SgdOneClassSvm(svm) => svm.width(),
        }
    }

    /// Its parameters that a person would ask for, by their names in the library that trains it.
    pub fn parameters(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::OneClassSvm(svm) => svm.parameters(),
            Self::SgdOneClassSvm(svm) => svm.parameters(),
        }
    }

    /// The memory that it takes beside itself, in bytes.
    pub fn heap_bytes(&self) -> usize {
        match self {
            Self::OneClassSvm(svm) => svm.heap_bytes(),
            Self::SgdOneClassSvm(svm) => svm.heap_bytes(),
        }
    }

    /// The decision values of rows of [`width`](Self::width) finite numbers, a row each by itself.
    pub(super) fn decide(&self, rows: ArrayView2<'_, f64>) -> Vec<f64> {
        match self {
            Self::OneClassSvm(svm) => svm.decide(rows),
            Self::SgdOneClassSvm(svm) => svm.decide(rows),
        }
    }

    /// The label that goes with a decision value: each detector has its own rule for ties.
    pub(super) fn label(&self, decision: f64) -> Label {
        match self {
            Self::OneClassSvm(_) => OneClassSvm::label(decision),
            Self::SgdOneClassSvm(_) => SgdOneClassSvm::label(decision),
        }
    }

    /// How far from the boundary, in decision values, a row is that is twice as strange as one on the boundary: the unit
    /// that makes the scores of different detectors comparable. Above 0.
    pub fn unit(&self) -> f64 {
        match self {
            Self::OneClassSvm(svm) => svm.unit(),
            Self::SgdOneClassSvm(svm) => svm.unit(),
        }
    }

    /// A row in the middle of what it was trained on, if it knows one.
    pub fn centre(&self) -> Option<Vec<f64>> {
        match self {
            Self::OneClassSvm(svm) => Some(svm.centre()),
            Self::SgdOneClassSvm(_) => None,
        }
    }
}
