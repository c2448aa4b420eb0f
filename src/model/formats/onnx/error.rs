//! Why an ONNX file was refused.

use crate::model::Invalid;
use crate::model::formats::printable::printable;
use crate::model::limits::Exceeded;
use crate::model::network::{Interval, NetworkError};

/// What is wrong with an ONNX file.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
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
    /// What it says of where its numbers are is not what is accepted.
    #[error("the file says of where its numbers are: {found}; expected {expected}")]
    Elsewhere {
        /// What it says.
        found: String,
        /// What it may say.
        expected: &'static str,
    },
    /// Its numbers are in another file, and only its bytes are there.
    #[error(
        "the file keeps numbers in another file, {location}, which is read only where all of its initializers are in that \
         one, and it lies beside the model's; make one file of both, in Python: onnx.save(onnx.load(path), path)"
    )]
    Apart {
        /// The other file.
        location: String,
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
    /// A score that lies on one side of the boundary, and nothing says what is anomalous.
    #[error(
        "the network gives a row one number, {output}, which is {range}: never {never} 0, the threshold where none is \
         named, so all rows would have one label; say from where on it is an anomaly, and whether high or low numbers are, \
         in Python: model = onnx.load(path); \
         onnx.helper.set_model_props(model, {{\"anomalyd.offset\": \"0.9\", \"anomalyd.anomalous\": \"high\"}}); \
         onnx.save(model, path), or use `anomalyd model convert --offset 0.9 --anomalous high`"
    )]
    Undeclared {
        /// The output's name.
        output: String,
        /// Where it lies.
        range: Interval,
        /// On which side of 0 it never lies.
        never: &'static str,
    },
    /// A direction where none is to be chosen.
    #[error(
        "the network gives back its row, so it is an autoencoder, and high errors are anomalous; leave anomalyd.anomalous \
         away, which is for networks that give one number"
    )]
    OfScores,
    /// Several outputs that a model could be made of.
    #[error(
        "the outputs {there} could each be the one that counts; export the network with one of them, or name it in Python: \
         model = onnx.load(path); onnx.helper.set_model_props(model, {{\"anomalyd.output\": NAME}}) beside the other \
         settings; onnx.save(model, path)"
    )]
    Outputs {
        /// Their names.
        there: String,
    },
    /// An output that is not there.
    #[error("anomalyd.output in the file's metadata is {found}, and the outputs of floating point are {there}")]
    NoSuchOutput {
        /// What it is.
        found: String,
        /// What there is.
        there: String,
    },
    /// A setting in the file is none.
    #[error("{key} in the file's metadata is {found}; expected {expected}")]
    Metadata {
        /// The setting.
        key: &'static str,
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
