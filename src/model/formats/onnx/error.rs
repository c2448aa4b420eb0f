//! Why an ONNX file was refused.

use crate::model::Invalid;
use crate::model::formats::printable::printable;
use crate::model::limits::Exceeded;
use crate::model::network::NetworkError;

/// What is wrong with an ONNX file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OnnxError {
    /// The bytes are not protocol buffers, or not those of a model.
    #[error("at byte {offset} of the ONNX file: {problem}")]
    Damaged {
        /// Where, counted from the file's beginning.
        offset: usize,
        /// What is wrong there.
        problem: &'static str,
    },
    /// A bound was reached.
    #[error(transparent)]
    Limit(#[from] Exceeded),
    /// Part of ONNX that a detector has no use for.
    #[error("the file has {what}; {instead}")]
    Feature {
        /// The part.
        what: &'static str,
        /// How to do without.
        instead: &'static str,
    },
    /// A tensor that cannot be what it says.
    #[error("tensor {name}: {problem}")]
    Tensor {
        /// Its name.
        name: String,
        /// What is wrong.
        problem: String,
    },
    /// The parts of the graph do not hang together.
    #[error("value {name} {problem}")]
    Value {
        /// Its name.
        name: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// The graph takes or gives something else than rows and decision values.
    #[error("the graph {problem}")]
    Graph {
        /// What is wrong.
        problem: String,
    },
    /// A node that is not understood.
    #[error("node {node}, operator {operator} of {domain}: {problem}")]
    Node {
        /// Its name, or that of what it gives if it has none.
        node: String,
        /// Its operator.
        operator: String,
        /// The operator's set.
        domain: String,
        /// What is wrong.
        problem: String,
    },
    /// An autoencoder does not say where its boundary lies.
    #[error(
        "the network gives back its {width} features, so it is an autoencoder, but the file does not say which error is \
         an anomaly; add the threshold T on the mean squared error, with a minus sign, in Python: \
         model = onnx.load(path); onnx.helper.set_model_props(model, {{\"anomalyd.offset\": str(-T)}}); \
         onnx.save(model, path), or use `anomalyd model convert --offset=-T`"
    )]
    NoOffset {
        /// How many features it takes and gives.
        width: usize,
    },
    /// The threshold in the file is not one.
    #[error("anomalyd.offset in the file's metadata is {found}; expected {expected}")]
    Offset {
        /// What it is.
        found: String,
        /// What it may be.
        expected: &'static str,
    },
    /// A network that cannot be evaluated.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// Parameters that no model can be made of.
    #[error(transparent)]
    Invalid(#[from] Invalid),
}

impl OnnxError {
    pub(super) fn tensor(name: &str, problem: impl Into<String>) -> Self {
        Self::Tensor { name: printable(name), problem: problem.into() }
    }

    pub(super) fn value(name: &str, problem: &'static str) -> Self {
        Self::Value { name: printable(name), problem }
    }

    pub(super) fn graph(problem: impl Into<String>) -> Self {
        Self::Graph { problem: problem.into() }
    }
}
