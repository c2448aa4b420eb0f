//! `LocalOutlierFactor`, which skl2onnx writes as a search for neighbours and the formula over what it finds.

use super::budget::Budget;
use super::error::OnnxError;
use super::graph::Term;
use super::pattern::Pattern::{Hole, Number};
use super::pattern::{Pattern, number_of, op, whole};
use super::proto::NodeProto;
use super::tensor::Tensor;
use crate::model::local_outlier_factor::{LocalOutlierFactor, Params};
use crate::model::neighbours::Metric;

/// A local outlier factor, and the rows that it takes.
pub(super) struct GraphParts<'g, 'a> {
    pub(super) rows: Term<'g, 'a>,
    params: Params,
}

/// Finds a local outlier factor behind its decision values.
pub(super) fn find<'g, 'a>(
    scores: Term<'g, 'a>,
    budget: &mut Budget<'_>,
) -> Result<Option<GraphParts<'g, 'a>>, OnnxError> {
    let Some([densities, neighbours, distances, reach, last, negative_offset]) = formula().find(scores, budget)? else {
        return Ok(None);
    };
    let Some(negative_offset) = number_of(negative_offset, budget)? else { return Ok(None) };
    let Some((search, 1)) = neighbours.node().filter(|(node, _)| node.operator == "TopK") else { return Ok(None) };
    let sought = neighbours.input(search, 1).map_or(Ok(None), |sought| number_of(sought, budget))?;
    let (Some(sought), Some(last)) = (sought.and_then(count), number_of(last, budget)?.and_then(count)) else {
        return Err(search.refused("it does not look for a constant number of neighbours"));
    };
    let same = distances.node().is_some_and(|(node, output)| output == 0 && std::ptr::eq(node, search));
    if !same || last + 1 != sought || search.int("largest")? != Some(0) {
        return Err(search.refused("it does not look for the nearest neighbours, as skl2onnx writes it"));
    }
    let (metric, rows, trained) = distance(neighbours.input_of(search, 0)?, search)?;
    let constant = |term: Term<'g, 'a>| {
        term.tensor().ok_or_else(|| OnnxError::value(term.name, "is not constant, and the detector's parameters are"))
    };
    let (trained, reach, densities) = (constant(trained)?, constant(reach)?, constant(densities)?);
    let params = Params {
        rows: trained.floats(budget)?,
        width: matrix(trained)?.1,
        // ONNX's search looks at every row.
        levels: 1,
        centres: None,
        neighbours: sought,
        reach: column(reach, last, budget)?,
        densities: densities.floats(budget)?,
        offset: -negative_offset,
        metric,
    };
    Ok(Some(GraphParts { rows, params }))
}

impl GraphParts<'_, '_> {
    pub(super) fn factor(&self) -> Result<LocalOutlierFactor, OnnxError> {
        Ok(LocalOutlierFactor::new(&self.params)?)
    }
}

/// b − mean(lrd of the neighbours / lrd of the row), with lrd = 1 / (mean(max(distance, k-distance)) + 1e-10).
fn formula() -> Pattern {
    let distance = op("Mul", [op("Mul", [Hole(2), Number(-1.0)]), Number(-1.0)]);
    let reach = op("Squeeze", [op("Gather", [op("Gather", [Hole(3), Hole(1)]), Hole(4)])]);
    let mean = op("ReduceMean", [op("Max", [distance, reach])]);
    let density = op("Div", [Number(1.0), op("Add", [mean, Number(1e-10)])]);
    let ratio = op("Div", [op("Gather", [Hole(0), Hole(1)]), density]);
    op("Add", [op("Mul", [op("ReduceMean", [ratio]), Number(-1.0)]), Hole(5)])
}

/// How rows are apart, which rows, and from which.
fn distance<'g, 'a>(
    term: Term<'g, 'a>,
    search: &NodeProto<'a>,
) -> Result<(Metric, Term<'g, 'a>, Term<'g, 'a>), OnnxError> {
    if let Some((node, 0)) = term.node().filter(|(node, _)| node.operator == "CDist") {
        let metric = match node.text("metric")? {
            Some("euclidean") => Metric::Euclidean,
            Some("manhattan" | "cityblock") => Metric::Manhattan,
            metric => return Err(unknown(node, metric.unwrap_or("missing"))),
        };
        return Ok((metric, term.input_of(node, 0)?, term.input_of(node, 1)?));
    }
    let root = term.operand("Sqrt");
    let scanned = root.unwrap_or(term).operand("Transpose");
    let Some((scan, 1)) = scanned.and_then(Term::node).filter(|(node, _)| node.operator == "Scan") else {
        return Err(search.refused("it does not search among distances, as skl2onnx writes them"));
    };
    let body = scan.attribute("body").and_then(|body| body.graph.as_ref());
    let operators = body.iter().flat_map(|body| &body.nodes).map(|node| node.operator);
    // The copies stand wherever they happened to be written.
    let operators: Vec<_> = operators.filter(|operator| *operator != "Identity").collect();
    let metric = match (&operators[..], root) {
        (["Sub", "ReduceSumSquare"], Some(_)) => Metric::Euclidean,
        (["Sub", "Abs", "ReduceSum"], None) => Metric::Manhattan,
        _ => return Err(unknown(scan, "another one")),
    };
    Ok((metric, term.input_of(scan, 0)?, term.input_of(scan, 1)?))
}

fn unknown(node: &NodeProto<'_>, metric: &str) -> OnnxError {
    node.refused(format!("its distance is {metric}; supported: euclidean and manhattan"))
}

fn matrix(tensor: &Tensor<'_>) -> Result<(usize, usize), OnnxError> {
    match tensor.dims[..] {
        [rows, columns] => Ok((rows, columns)),
        _ => Err(OnnxError::tensor(tensor.name, "it is no matrix")),
    }
}

/// One column of a matrix.
fn column(tensor: &Tensor<'_>, place: usize, budget: &mut Budget<'_>) -> Result<Vec<f64>, OnnxError> {
    let (_, columns) = matrix(tensor)?;
    if place >= columns {
        return Err(OnnxError::tensor(tensor.name, format!("column {place} is not there")));
    }
    Ok(tensor.floats(budget)?.into_iter().skip(place).step_by(columns).collect())
}

/// A count, or a place.
fn count(number: f64) -> Option<usize> {
    whole(number).and_then(|whole| usize::try_from(whole).ok())
}
