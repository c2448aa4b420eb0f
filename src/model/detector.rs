//! Detectors: pure functions from rows to decision values.

use ndarray::ArrayView2;

use super::elliptic_envelope::EllipticEnvelope;
use super::isolation_forest::IsolationForest;
use super::local_outlier_factor::LocalOutlierFactor;
use super::network::Network;
use super::one_class_svm::OneClassSvm;
use super::sgd_one_class_svm::SgdOneClassSvm;
use crate::verdict::Label;

/// The last step of a model. Each kind has a folder of its own.
#[derive(Clone, PartialEq, Debug)]
pub enum Detector {
    /// Distance from a robust centre.
    EllipticEnvelope(EllipticEnvelope),
    /// Isolation forest.
    IsolationForest(IsolationForest),
    /// Local outlier factor.
    LocalOutlierFactor(LocalOutlierFactor),
    /// Neural network.
    Network(Network),
    /// One-class support vector machine.
    OneClassSvm(OneClassSvm),
    /// Linear one-class support vector machine, trained by stochastic gradient descent.
    SgdOneClassSvm(SgdOneClassSvm),
}

impl Detector {
    /// Its name in the library that trains it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::EllipticEnvelope(_) => "EllipticEnvelope",
            Self::IsolationForest(_) => "IsolationForest",
            Self::LocalOutlierFactor(_) => "LocalOutlierFactor",
            Self::Network(_) => "Network",
            Self::OneClassSvm(_) => "OneClassSVM",
            Self::SgdOneClassSvm(_) => "SGDOneClassSVM",
        }
    }

    /// How many features a row has.
    pub fn width(&self) -> usize {
        match self {
            Self::EllipticEnvelope(envelope) => envelope.width(),
            Self::IsolationForest(forest) => forest.width(),
            Self::LocalOutlierFactor(factor) => factor.width(),
            Self::Network(network) => network.width(),
            Self::OneClassSvm(svm) => svm.width(),
            Self::SgdOneClassSvm(svm) => svm.width(),
        }
    }

    /// Its parameters that a person would ask for, by their names in the library that trains it.
    pub fn parameters(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::EllipticEnvelope(envelope) => envelope.parameters(),
            Self::IsolationForest(forest) => forest.parameters(),
            Self::LocalOutlierFactor(factor) => factor.parameters(),
            Self::Network(network) => network.parameters(),
            Self::OneClassSvm(svm) => svm.parameters(),
            Self::SgdOneClassSvm(svm) => svm.parameters(),
        }
    }

    /// The memory that it takes beside itself, in bytes.
    pub fn heap_bytes(&self) -> usize {
        match self {
            Self::EllipticEnvelope(envelope) => envelope.heap_bytes(),
            Self::IsolationForest(forest) => forest.heap_bytes(),
            Self::LocalOutlierFactor(factor) => factor.heap_bytes(),
            Self::Network(network) => network.heap_bytes(),
            Self::OneClassSvm(svm) => svm.heap_bytes(),
            Self::SgdOneClassSvm(svm) => svm.heap_bytes(),
        }
    }

    /// The decision values of rows of [`width`](Self::width) finite numbers, a row each by itself.
    pub(super) fn decide(&self, rows: ArrayView2<'_, f64>) -> Vec<f64> {
        match self {
            Self::EllipticEnvelope(envelope) => envelope.decide(rows),
            Self::IsolationForest(forest) => forest.decide(rows),
            Self::LocalOutlierFactor(factor) => factor.decide(rows),
            Self::Network(network) => network.decide(rows),
            Self::OneClassSvm(svm) => svm.decide(rows),
            Self::SgdOneClassSvm(svm) => svm.decide(rows),
        }
    }

    /// The label that goes with a decision value: each detector has its own rule for ties.
    pub(super) fn label(&self, decision: f64) -> Label {
        match self {
            Self::EllipticEnvelope(_) => EllipticEnvelope::label(decision),
            Self::IsolationForest(forest) => forest.label(decision),
            Self::LocalOutlierFactor(_) => LocalOutlierFactor::label(decision),
            Self::Network(_) => Network::label(decision),
            Self::OneClassSvm(_) => OneClassSvm::label(decision),
            Self::SgdOneClassSvm(_) => SgdOneClassSvm::label(decision),
        }
    }

    /// How far from the boundary, in decision values, a row is that is twice as strange as one on the boundary: the unit
    /// that makes the scores of different detectors comparable. Above 0.
    pub fn unit(&self) -> f64 {
        match self {
            Self::EllipticEnvelope(envelope) => envelope.unit(),
            Self::IsolationForest(forest) => forest.unit(),
            Self::LocalOutlierFactor(factor) => factor.unit(),
            Self::Network(network) => network.unit(),
            Self::OneClassSvm(svm) => svm.unit(),
            Self::SgdOneClassSvm(svm) => svm.unit(),
        }
    }

    /// A row in the middle of what it was trained on, if it knows one.
    pub fn centre(&self) -> Option<Vec<f64>> {
        match self {
            Self::EllipticEnvelope(envelope) => Some(envelope.centre()),
            Self::IsolationForest(_) => None,
            Self::LocalOutlierFactor(factor) => Some(factor.centre()),
            Self::Network(_) => None,
            Self::OneClassSvm(svm) => Some(svm.centre()),
            Self::SgdOneClassSvm(_) => None,
        }
    }
}
