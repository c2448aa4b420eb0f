//! Networks: which of a graph's outputs counts, and where the boundary lies.

use std::sync::Arc;

use super::budget::Budget;
use super::compile::{Value, compile};
use super::error::OnnxError;
use super::graph::{Graph, Term};
use super::opset;
use super::proto::ModelProto;
use crate::model::formats::printable::printable;
use crate::model::network::{Anomalous, Network, Output, Params, Program};

/// The keys of a file's metadata under which the boundary stands, which side of it is anomalous, and which output counts.
const OFFSET: &str = "anomalyd.offset";
const ANOMALOUS: &str = "anomalyd.anomalous";
const OUTPUT: &str = "anomalyd.output";

/// What libraries and people call the output that counts, when there is another beside it.
const TELLING: [&str; 6] = ["recon", "decoded", "x_hat", "x_pred", "score", "anomaly"];

/// Where the boundary is taken from.
#[derive(Clone, Copy, Debug)]
pub(in crate::model) enum Boundary {
    /// What the file says of it.
    OfFile,
    /// What is known of it beside the file.
    Given(f64, Anomalous),
    /// It is to be set before labels mean anything. Which side of it is anomalous, if that is known beside the file.
    ToBeSet(Option<Anomalous>),
}

/// Makes a network of a graph, and says what is worth knowing of how it was read.
pub(super) fn network(
    bytes: &[u8],
    file: &ModelProto<'_>,
    graph: &Graph<'_>,
    boundary: Boundary,
    budget: &mut Budget<'_>,
) -> Result<(Network, Vec<String>), OnnxError> {
    let mut outputs: Vec<_> = graph.float_outputs().collect();
    let mut notes = vec![
        "evaluated in float64; networks are trained in float32, so answers are theirs to about 7 digits".to_owned(),
    ];
    if let Some(name) = metadata(file, OUTPUT) {
        let named = outputs.iter().find(|output| output.name == name).copied();
        outputs =
            vec![named.ok_or_else(|| OnnxError::NoSuchOutput { found: printable(name), there: names(&outputs) })?];
    }
    if outputs.is_empty() {
        return Err(OnnxError::graph("has no output of floating point; export it with one: the row again, or a score"));
    }
    let (program, values) = compile(graph, &outputs, opset(file), budget)?;
    let (term, value, output) = pick(&outputs, &values, graph.width)?;
    if outputs.len() > 1 {
        let (count, name) = (outputs.len(), printable(term.name));
        notes.push(format!("of its {count} outputs, {name} counts"));
    }
    let constant = || OnnxError::graph("gives the same whatever the rows are");
    let program = program.ending_in(&value.place).ok_or_else(constant)?;
    let (output, offset) = boundary_of(file, term, output, &program, boundary)?;
    let weights = graph.constants().map(super::tensor::Tensor::len).sum();
    budget.memory(bytes.len())?;
    Ok((Network::new(Params { file: Arc::from(bytes), program, output, offset, weights })?, notes))
}

/// What a value is for a model.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Row,
    Number,
}

/// The output that counts: the only one that a model can be made of, or the one whose name says so.
fn pick<'t, 'g, 'a>(
    outputs: &'t [Term<'g, 'a>],
    values: &'t [Value],
    width: usize,
) -> Result<(Term<'g, 'a>, &'t Value, Kind), OnnxError> {
    if values.iter().all(|value| !value.of_rows) {
        return Err(OnnxError::graph("gives the same whatever the rows are"));
    }
    let kind = |value: &Value| match value.dims[..] {
        [] | [1] if value.of_rows => Some(Kind::Number),
        [found] if value.of_rows && found == width => Some(Kind::Row),
        _ => None,
    };
    let usable = outputs.iter().zip(values).filter_map(|(term, value)| Some((*term, value, kind(value)?)));
    let usable: Vec<_> = usable.collect();
    let telling = |term: &Term<'_, '_>| {
        // A name may be as long as the file.
        let name: String = term.name.chars().take(64).collect::<String>().to_lowercase();
        TELLING.iter().any(|part| name.contains(part))
    };
    match &usable[..] {
        [only] => Ok(*only),
        [] => {
            let found: Vec<_> = values.iter().take(8).map(dims_of).collect();
            Err(OnnxError::graph(format!(
                "gives {} numbers for a row of {width}; expected {width}, the row again, or 1, a score",
                found.join(", ")
            )))
        }
        all => {
            let mut named = all.iter().filter(|(term, ..)| telling(term));
            match (named.next(), named.next()) {
                (Some(only), None) => Ok(*only),
                _ => {
                    let there: Vec<_> = all.iter().map(|(term, ..)| *term).collect();
                    Err(OnnxError::Outputs { there: names(&there) })
                }
            }
        }
    }
}

fn dims_of(value: &Value) -> String {
    match &value.dims[..] {
        [] => "1".to_owned(),
        dims => dims.iter().map(ToString::to_string).collect::<Vec<_>>().join(" by "),
    }
}

fn names(outputs: &[Term<'_, '_>]) -> String {
    let names: Vec<_> = outputs.iter().take(8).map(|output| printable(output.name)).collect();
    names.join(", ")
}

/// What the output means, and where its boundary lies, if it is known.
fn boundary_of(
    file: &ModelProto<'_>,
    term: Term<'_, '_>,
    kind: Kind,
    program: &Program,
    boundary: Boundary,
) -> Result<(Output, Option<f64>), OnnxError> {
    let range = program.output_range();
    let undeclared = || OnnxError::Undeclared {
        output: printable(term.name),
        range,
        never: if range.low >= 0.0 { "below" } else { "above" },
    };
    let (offset, anomalous) = match boundary {
        Boundary::OfFile => (offset_in(file)?, anomalous_in(file)?),
        Boundary::Given(offset, anomalous) => (Some(offset), Some(anomalous)),
        Boundary::ToBeSet(anomalous) => (None, anomalous.map_or_else(|| anomalous_in(file), |given| Ok(Some(given)))?),
    };
    match (kind, boundary) {
        (Kind::Row, Boundary::OfFile) if offset.is_none() => Err(OnnxError::NoOffset { width: program.outputs() }),
        (Kind::Row, Boundary::OfFile | Boundary::ToBeSet(_)) if anomalous.is_some() => Err(OnnxError::OfScores),
        (Kind::Row, _) => Ok((Output::Reconstruction, offset)),
        // What lies on both sides of 0 may do without: as in scikit-learn, below 0 is anomalous.
        (Kind::Number, Boundary::OfFile) if range.crosses(0.0) => {
            Ok((Output::Score(anomalous.unwrap_or(Anomalous::Low)), Some(offset.unwrap_or(0.0))))
        }
        (Kind::Number, Boundary::OfFile) => match (offset, anomalous) {
            (Some(offset), Some(anomalous)) => Ok((Output::Score(anomalous), Some(offset))),
            _ => Err(undeclared()),
        },
        (Kind::Number, _) => match anomalous {
            Some(anomalous) => Ok((Output::Score(anomalous), offset)),
            None if range.crosses(0.0) => Ok((Output::Score(Anomalous::Low), offset)),
            None => Err(undeclared()),
        },
    }
}

fn metadata<'a>(file: &ModelProto<'a>, wanted: &str) -> Option<&'a str> {
    file.metadata.iter().find(|(key, _)| *key == wanted).map(|(_, text)| text.trim())
}

/// The boundary that the file's metadata name.
fn offset_in(file: &ModelProto<'_>) -> Result<Option<f64>, OnnxError> {
    let Some(text) = metadata(file, OFFSET) else { return Ok(None) };
    match text.parse::<f64>() {
        Ok(offset) if offset.is_finite() => Ok(Some(offset)),
        _ => {
            Err(OnnxError::Metadata { key: OFFSET, found: printable(text), expected: "a finite number, such as -0.25" })
        }
    }
}

/// The side of the boundary that the file's metadata name.
fn anomalous_in(file: &ModelProto<'_>) -> Result<Option<Anomalous>, OnnxError> {
    let Some(text) = metadata(file, ANOMALOUS) else { return Ok(None) };
    match Anomalous::named(text) {
        Some(anomalous) => Ok(Some(anomalous)),
        None => Err(OnnxError::Metadata { key: ANOMALOUS, found: printable(text), expected: "high or low" }),
    }
}
