//! ONNX: graphs of operators over tensors.
//!
//! Two kinds are read. The graphs that skl2onnx writes for scikit-learn's detectors are recognised, operator by
//! operator, and become the steps and detectors that a pickle would have become. Networks become programs of steps that
//! treat each row by itself. Both are evaluated in float64. The graph of any other file is refused at the node that is not
//! understood. No path in a file is ever opened.

mod budget;
mod compile;
mod error;
mod graph;
mod isolation_forest;
mod local_outlier_factor;
mod one_class_svm;
mod pattern;
mod proto;
mod rows;
mod scores;
mod sgd_one_class_svm;
mod tensor;
mod wire;

use std::sync::Arc;

pub use error::OnnxError;

use budget::Budget;
use graph::{Graph, Term};
use proto::ModelProto;

use super::printable::printable;
use super::{Contents, Format, Limits, Metadata};
use crate::model::detector::Detector;
use crate::model::network::{Network, Output, Params};

/// The key of the file's metadata under which the boundary stands.
const OFFSET: &str = "anomalyd.offset";

/// Whether a file begins as ONNX does: with its version, a small number, and then with another of a model's fields.
pub(super) fn recognise(bytes: &[u8]) -> bool {
    // The length of a safetensors header may begin alike.
    let header = bytes.get(4..9).is_some_and(|rest| rest == [0, 0, 0, 0, b'{']);
    let field = matches!(bytes, [0x08, 1..0x80, 0x12 | 0x1a | 0x22 | 0x28 | 0x32 | 0x3a | 0x42 | 0x72, ..]);
    field && !header
}

/// Reads a model.
pub(super) fn read(bytes: &[u8], limits: &Limits) -> Result<Contents, OnnxError> {
    read_with_offset(bytes, None, limits)
}

/// Reads a model; of a network, with this boundary if there is one, else with that of the file.
pub(in crate::model) fn read_with_offset(
    bytes: &[u8],
    offset: Option<f64>,
    limits: &Limits,
) -> Result<Contents, OnnxError> {
    let mut budget = Budget::new(limits);
    let mut file = ModelProto::read(bytes, &mut budget)?;
    let graph = Graph::new(std::mem::take(&mut file.graph))?;
    let (preprocessing, detector, note) = if is_of_scikit_learn(&file, &graph) {
        let (preprocessing, detector) = scores::read(&graph, &mut budget)?;
        let note = "evaluated in float64; the file holds the parameters in float32, so decision values are \
                    scikit-learn's to about 7 digits";
        (preprocessing, detector, note)
    } else {
        let network = network(bytes, &file, &graph, offset, &mut budget)?;
        let note = "evaluated in float64; networks are trained in float32, so answers are theirs to about 7 digits";
        (Vec::new(), Detector::Network(network), note)
    };
    let metadata = Metadata {
        format: Format::Onnx { opset: opset(&file) },
        library: printable(if file.producer.is_empty() { "unknown" } else { file.producer }),
        library_version: (!file.producer_version.is_empty()).then(|| printable(file.producer_version)),
        training_rows: None,
        columns: graph.columns.map(|columns| columns.into_iter().map(printable).collect()),
        threshold: None,
        source: None,
        notes: vec![note.to_owned()],
    };
    Ok(Contents { preprocessing, detector, metadata })
}

/// Reads a network of a file that does not say where its boundary lies, or says it wrongly: `offset` is
/// [`Network::offset`].
///
/// # Errors
/// When the file is no network that can be evaluated, or the offset is none.
pub fn read_network(bytes: &[u8], offset: f64, limits: &Limits) -> Result<Network, OnnxError> {
    let mut budget = Budget::new(limits);
    let mut file = ModelProto::read(bytes, &mut budget)?;
    let graph = Graph::new(std::mem::take(&mut file.graph))?;
    network(bytes, &file, &graph, Some(offset), &mut budget)
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
    labelled || graph.nodes.iter().any(|node| node.domain == "ai.onnx.ml")
}

fn network(
    bytes: &[u8],
    file: &ModelProto<'_>,
    graph: &Graph<'_>,
    offset: Option<f64>,
    budget: &mut Budget<'_>,
) -> Result<Network, OnnxError> {
    let outputs: Vec<_> = graph.float_outputs().collect();
    let [term] = outputs[..] else {
        return Err(OnnxError::graph(format!(
            "has {} outputs of floating point; export it with one: the row again, or a score",
            outputs.len()
        )));
    };
    let width = graph.width;
    let (program, values) = compile::compile(graph, &[term], opset(file), budget)?;
    let value = values.into_iter().next().filter(|value| value.of_rows);
    let value = value.ok_or_else(|| OnnxError::graph("gives the same whatever the rows are"))?;
    let output = match value.dims[..] {
        [] | [1] => Output::Score,
        [found] if found == width => Output::Reconstruction,
        _ => {
            return Err(OnnxError::graph(format!(
                "gives {} numbers for a row of {width}; expected {width}, the row again, or 1, a score",
                value.dims.iter().map(ToString::to_string).collect::<Vec<_>>().join(" by ")
            )));
        }
    };
    let program = program.ending_in(&value.place);
    let program = program.ok_or_else(|| OnnxError::graph("gives the same whatever the rows are"))?;
    let offset = match (offset, output) {
        (Some(offset), _) => offset,
        (None, output) => match (offset_in(file)?, output) {
            (Some(offset), _) => offset,
            (None, Output::Score) => 0.0,
            (None, Output::Reconstruction) => return Err(OnnxError::NoOffset { width }),
        },
    };
    let weights = graph.constants().map(|tensor| tensor.len()).sum();
    budget.memory(bytes.len())?;
    Ok(Network::new(Params { file: Arc::from(bytes), program, output, offset, weights })?)
}

/// The boundary that the file's metadata name.
fn offset_in(file: &ModelProto<'_>) -> Result<Option<f64>, OnnxError> {
    let Some((_, text)) = file.metadata.iter().find(|(key, _)| *key == OFFSET) else { return Ok(None) };
    match text.trim().parse::<f64>() {
        Ok(offset) if offset.is_finite() => Ok(Some(offset)),
        _ => Err(OnnxError::Offset { found: printable(text), expected: "a finite number, such as -0.25" }),
    }
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
