//! ONNX: graphs of operators over tensors.
//!
//! Two kinds are read. The graphs that skl2onnx writes for scikit-learn's detectors are recognised, operator by
//! operator, and become the steps and detectors that a pickle would have become. Networks become programs of steps that
//! treat each row by itself. Both are evaluated in float64. The graph of any other file is refused at the node that is not
//! understood. A file may keep its numbers in another one beside it; no path that it names leads anywhere else.

mod apart;
mod budget;
mod compile;
mod error;
mod graph;
mod isolation_forest;
mod local_outlier_factor;
mod network;
mod one_class_svm;
mod pattern;
mod proto;
mod rows;
mod scores;
mod sgd_one_class_svm;
mod tensor;
mod wire;

pub(in crate::model) use apart::{location, united};
pub use error::OnnxError;
pub(in crate::model) use network::Boundary;

use budget::Budget;
use graph::{Graph, Term};
use proto::{ModelProto, NodeProto};

use super::printable::printable;
use super::{Contents, Format, Limits, Metadata};
use crate::model::detector::Detector;
use crate::model::network::{Anomalous, Network};

/// Whether a file begins as ONNX does: with its version, a small number, and then with another of a model's fields.
pub(super) fn recognise(bytes: &[u8]) -> bool {
    // The length of a safetensors header may begin alike.
    let header = bytes.get(4..9).is_some_and(|rest| rest == [0, 0, 0, 0, b'{']);
    let field = matches!(bytes, [0x08, 1..0x80, 0x12 | 0x1a | 0x22 | 0x28 | 0x32 | 0x3a | 0x42 | 0x72, ..]);
    field && !header
}

/// Reads a model.
pub(super) fn read(bytes: &[u8], limits: &Limits) -> Result<Contents, OnnxError> {
    read_with_boundary(bytes, Boundary::OfFile, limits)
}

/// Reads a model; of a network, with this boundary.
pub(in crate::model) fn read_with_boundary(
    bytes: &[u8],
    boundary: Boundary,
    limits: &Limits,
) -> Result<Contents, OnnxError> {
    let mut budget = Budget::new(limits);
    let mut file = ModelProto::read(bytes, &mut budget)?;
    let graph = Graph::new(std::mem::take(&mut file.graph), &mut budget)?;
    let (preprocessing, detector, notes) = if is_of_scikit_learn(&file, &graph) {
        let (preprocessing, detector) = scores::read(&graph, &mut budget)?;
        let note = "evaluated in float64; the file holds the parameters in float32, so decision values are \
                    scikit-learn's to about 7 digits";
        (preprocessing, detector, vec![note.to_owned()])
    } else {
        let (network, notes) = network::network(bytes, &file, &graph, boundary, &mut budget)?;
        (Vec::new(), Detector::Network(network), notes)
    };
    let metadata = Metadata {
        format: Format::Onnx { opset: opset(&file) },
        library: printable(if file.producer.is_empty() { "unknown" } else { file.producer }),
        library_version: (!file.producer_version.is_empty()).then(|| printable(file.producer_version)),
        training_rows: None,
        columns: graph.columns.map(|columns| columns.into_iter().map(printable).collect()),
        threshold: None,
        source: None,
        notes,
    };
    Ok(Contents { preprocessing, detector, metadata })
}

/// Reads a network whose boundary is known beside the file: [`Network::boundary`] and the side of it that is anomalous.
///
/// # Errors
/// When the file is no network that can be evaluated, or the boundary is none.
pub fn read_network(bytes: &[u8], boundary: (f64, Anomalous), limits: &Limits) -> Result<Network, OnnxError> {
    let mut budget = Budget::new(limits);
    let mut file = ModelProto::read(bytes, &mut budget)?;
    let graph = Graph::new(std::mem::take(&mut file.graph), &mut budget)?;
    let boundary = Boundary::Given(boundary.0, boundary.1);
    network::network(bytes, &file, &graph, boundary, &mut budget).map(|(network, _)| network)
}

/// The version of the operators that need no domain.
fn opset(file: &ModelProto<'_>) -> i64 {
    let plain = file.opsets.iter().find(|(domain, _)| matches!(*domain, "" | "ai.onnx"));
    plain.map_or(1, |(_, version)| *version)
}

/// Whether it is a detector as skl2onnx writes them: with labels beside the decision values, or with operators that only
/// classical models have.
fn is_of_scikit_learn(file: &ModelProto<'_>, graph: &Graph<'_>) -> bool {
    let labelled = file.producer == "skl2onnx" && graph.gives_labels();
    // A network may stand behind a scaler of it.
    let of_networks = |node: &NodeProto<'_>| matches!(node.operator, "Scaler" | "FeatureVectorizer");
    labelled || graph.nodes.iter().any(|node| node.domain == "ai.onnx.ml" && !of_networks(node))
}

/// The output that holds the decision values: of several, as skl2onnx gives with its option `score_samples`, the one
/// that it names so.
fn decision<'g, 'a>(graph: &'g Graph<'a>) -> Result<Term<'g, 'a>, OnnxError> {
    let outputs: Vec<_> = graph.float_outputs().collect();
    let named = outputs.iter().find(|output| output.name == "scores");
    match (&outputs[..], named) {
        (_, Some(output)) | ([output], None) => Ok(*output),
        _ => Err(OnnxError::graph(format!(
            "has {} outputs of floating point and none of them is named scores; expected the decision values",
            outputs.len()
        ))),
    }
}
