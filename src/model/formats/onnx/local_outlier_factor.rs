//! `LocalOutlierFactor`, which skl2onnx writes as a search for neighbours and the formula over what it finds.

use super::budget::Budget;
use super::error::OnnxError;
use super::graph::Term;
use super::pattern::Pattern::{Hole, Number};
use super::pattern::{Pattern, number_of, op, whole};
use super::proto::NodeProto;
use super::tensor::{Element, Tensor};
use crate::model::local_outlier_factor::{LocalOutlierFactor, Params};
use crate::model::neighbours::Metric;
use crate::model::preprocessing::Step;

/// A local outlier factor, and the rows that it takes.
pub(super) struct GraphParts<'g, 'a> {
    pub(super) rows: Term<'g, 'a>,
    params: Params,
    /// What kind of number the training rows are kept in.
    element: Element,
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
        resolution: 0.0,
    };
    Ok(Some(GraphParts { rows, params, element: trained.element }))
}

/// How far a number may be from what it was before it was rounded to single precision, as a share of it.
const HALF_A_PLACE: f64 = f32::EPSILON as f64 / 2.0;

impl GraphParts<'_, '_> {
    /// The detector behind these steps.
    pub(super) fn factor(&self, steps: &[Step]) -> Result<LocalOutlierFactor, OnnxError> {
        let resolution = if self.element == Element::Float32 { self.resolution(steps) } else { 0.0 };
        Ok(LocalOutlierFactor::new(&Params { resolution, ..self.params.clone() })?)
    }

    /// How far a row may come to lie from itself among the training rows, by the rounding of the file alone.
    ///
    /// Where a row has as many equals in the training as neighbours count, their densities are 1 / 1e-10, and every
    /// distance that is not 0 is multiplied by them: a row of 21.1, whose equals the file keeps as 21.1 in single
    /// precision, would be 4e-7 away from itself, and its factor not 1 but some 4,000.
    fn resolution(&self, steps: &[Step]) -> f64 {
        let of_column = |column: usize| {
            let values = self.params.rows.iter().skip(column).step_by(self.params.width);
            let largest = values.fold(0.0, |most: f64, value| most.max(value.abs()));
            let shift = match steps.last() {
                Some(Step::StandardScaler(scaler)) => {
                    let of = |numbers: Option<&[f64]>| numbers.and_then(|numbers| numbers.get(column)).copied();
                    (of(scaler.mean()).unwrap_or(0.0) / of(scaler.scale()).unwrap_or(1.0)).abs()
                }
                _ => 0.0,
            };
            // The row, the scale that it is divided by, and the mean that was taken off it.
            HALF_A_PLACE * (2.0 * largest + shift)
        };
        let columns: Vec<f64> = (0..self.params.width).map(of_column).collect();
        let none = vec![0.0; columns.len()];
        self.params.metric.distance(self.params.metric.measure(&columns, &none))
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
