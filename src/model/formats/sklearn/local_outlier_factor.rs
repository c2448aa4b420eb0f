//! `sklearn.neighbors.LocalOutlierFactor`.

use ndarray::Array2;

use super::SklearnError;
use super::estimator::Estimator;
use crate::model::formats::pickle::{Matrix, Node};
use crate::model::formats::printable::printable;
use crate::model::local_outlier_factor::{LocalOutlierFactor, Params};
use crate::model::neighbours::Metric;

const CLASS: &str = "LocalOutlierFactor";

const NOVELTY: &str = "True, from scikit-learn 0.20 on; with False it judges only the rows that it was fitted to: fit it \
                       again, as LocalOutlierFactor(novelty=True).fit(X)";

/// Reads a detector that was fitted for new rows.
pub(super) fn read(estimator: Estimator<'_, '_>) -> Result<LocalOutlierFactor, SklearnError> {
    // Before 0.20 there was no such setting: it judged its own training rows only.
    if estimator.attribute("novelty").and_then(Node::bool) != Some(true) {
        return Err(setting(estimator, "novelty", "False".to_owned(), NOVELTY));
    }
    let rows = estimator.matrix(CLASS, "_fit_X")?;
    let neighbours = estimator.count(CLASS, "n_neighbors_")?;
    let distances = estimator.matrix(CLASS, "_distances_fit_X_")?;
    // The column of the last neighbour that counts.
    let reach = neighbours
        .checked_sub(1)
        .filter(|last| *last < distances.columns)
        .map(|last| distances.numbers.iter().skip(last).step_by(distances.columns).copied().collect::<Vec<_>>());
    estimator.counted(CLASS, "n_samples_fit_", rows.rows, "rows")?;
    if distances.rows != rows.rows {
        let expected = format!("a row for each of {} training rows", rows.rows);
        return Err(estimator.wrong(CLASS, "_distances_fit_X_", format!("{} rows", distances.rows), expected));
    }
    let metric = metric(estimator, CLASS)?;
    let Search { order, levels, centres } = search(estimator, CLASS, &rows, metric)?;
    // What is too short comes out too short, and is refused with the other parameters.
    let in_order = |numbers: &[f64], width: usize| -> Vec<f64> {
        order.iter().filter_map(|row| numbers.get(row * width..(row + 1) * width)).flatten().copied().collect()
    };
    Ok(LocalOutlierFactor::new(&Params {
        rows: in_order(&rows.numbers, rows.columns),
        width: rows.columns,
        levels,
        centres,
        neighbours,
        reach: in_order(&reach.unwrap_or_default(), 1),
        densities: in_order(&estimator.row(CLASS, "_lrd")?, 1),
        offset: estimator.number(CLASS, "offset_")?,
        metric,
        resolution: 0.0,
    })?)
}

/// How the rows are searched.
pub(super) struct Search {
    /// The rows' places, in the order of the search.
    pub(super) order: Vec<usize>,
    /// The levels of regions around them.
    pub(super) levels: u32,
    /// The centres of the regions, if these are balls.
    pub(super) centres: Option<Array2<f64>>,
}

/// The search that was fitted: through a tree, or with `algorithm="brute"` row by row.
///
/// A tree's state is the tuple of its data, the rows' places in its order, nodes, bounds, size of the leaves, levels,
/// counts, metric and weights. The bounds of a BallTree are the centres of its balls. Its radii are left out: they follow.
pub(super) fn search(
    estimator: Estimator<'_, '_>,
    class: &'static str,
    rows: &Matrix,
    metric: Metric,
) -> Result<Search, SklearnError> {
    let wrong = |found: &str| SklearnError::Attribute {
        class,
        attribute: "_tree".to_owned(),
        found: found.to_owned(),
        expected: format!("a KDTree or a BallTree of {} rows", rows.rows),
    };
    // What was chosen in training goes before the tree, if there is one.
    let method = estimator.attribute("_fit_method").and_then(Node::text);
    let tree = match (method, estimator.attribute("_tree").filter(|tree| !tree.is_none())) {
        (Some("brute"), _) | (None, None) => {
            return Ok(Search { order: (0..rows.rows).collect(), levels: 1, centres: None });
        }
        (Some("kd_tree" | "ball_tree") | None, Some(tree)) => tree,
        (Some("kd_tree" | "ball_tree"), None) => return Err(wrong("None")),
        (Some(other), _) => {
            let expected = "brute, kd_tree or ball_tree";
            return Err(estimator.wrong(class, "_fit_method", printable(other), expected));
        }
    };
    let kind = tree.class().ok_or_else(|| wrong(tree.kind()))?;
    let balls = match (kind.name, method) {
        ("KDTree" | "KDTree64", None | Some("kd_tree")) => false,
        ("BallTree" | "BallTree64", None | Some("ball_tree")) => true,
        ("KDTree" | "KDTree64" | "BallTree" | "BallTree64", Some(method)) => {
            return Err(wrong(&format!("a {}, where _fit_method is {}", kind.name, printable(method))));
        }
        (other, _) => return Err(wrong(&printable(other))),
    };
    let state = tree.state().and_then(Node::items).ok_or_else(|| wrong("a tree without a state"))?;
    let state: Vec<_> = state.collect();
    let part = |place: usize, what| state.get(place).copied().ok_or_else(|| wrong(what));
    let order = part(1, "without an order of the rows")?.whole_numbers();
    let order = order.ok_or_else(|| wrong("without an order of the rows"))?;
    let bounds = part(3, "without bounds")?;
    let levels = part(5, "without levels")?.int().and_then(|levels| u32::try_from(levels).ok());
    let levels = levels.ok_or_else(|| wrong("without levels"))?;
    let mut seen = vec![false; rows.rows];
    let order = order.into_iter().map(|row| {
        let row = usize::try_from(row).ok()?;
        // No row may come twice.
        seen.get_mut(row).is_some_and(|seen| !std::mem::replace(seen, true)).then_some(row)
    });
    let order = order.collect::<Option<Vec<_>>>().filter(|order| order.len() == rows.rows);
    let order = order.ok_or_else(|| wrong("not an order of the rows"))?;
    // The tree measures by what it holds itself.
    if part(0, "without rows")?.matrix().as_ref() != Some(rows) {
        return Err(wrong("of other rows than _fit_X"));
    }
    check_tree_metric(part(11, "without a metric")?, metric).map_err(|found| wrong(&found))?;
    let centres = balls.then(|| {
        let Matrix { rows, columns, numbers } = bounds.only_matrix()?;
        Array2::from_shape_vec((rows, columns), numbers).ok()
    });
    let centres = centres.map(|centres| centres.ok_or_else(|| wrong("a BallTree without centres"))).transpose()?;
    Ok(Search { order, levels, centres })
}

/// Checks that a tree measures as the detector says. Its metric's state begins with the power.
fn check_tree_metric(of_tree: Node<'_, '_>, metric: Metric) -> Result<(), String> {
    let class = of_tree.class().ok_or("without a metric")?;
    let name = class.name.trim_end_matches("64").trim_end_matches("Distance");
    let fits = match metric {
        Metric::Euclidean => name == "Euclidean",
        Metric::Manhattan => name == "Manhattan",
        Metric::Chebyshev => name == "Chebyshev",
        Metric::Minkowski { p } => {
            let power = of_tree.state().and_then(Node::items).and_then(|mut state| state.next()?.number());
            name == "Minkowski" && power.is_some_and(|power| power.total_cmp(&p).is_eq())
        }
    };
    if fits { Ok(()) } else { Err(format!("a tree of {}, not of {metric}", printable(class.name))) }
}

/// How many rows it was fitted to.
pub(super) fn training_rows(estimator: Estimator<'_, '_>) -> Option<u64> {
    match estimator.attribute("n_samples_fit_").and_then(Node::int) {
        Some(rows) => u64::try_from(rows).ok(),
        None => u64::try_from(estimator.matrix(CLASS, "_fit_X").ok()?.rows).ok(),
    }
}

/// The metric that was put to use.
pub(super) fn metric(estimator: Estimator<'_, '_>, class: &'static str) -> Result<Metric, SklearnError> {
    const SUPPORTED: &str = "euclidean, manhattan, chebyshev or minkowski, without metric_params";
    if let Some(params) = estimator.attribute("metric_params").filter(|params| !params.is_none()) {
        return Err(estimator.setting(class, "metric_params", params.kind(), SUPPORTED));
    }
    // Minkowski with p = 2 is kept as euclidean.
    let metric = estimator.required(class, "effective_metric_")?;
    Ok(match metric.text() {
        Some("euclidean" | "l2") => Metric::Euclidean,
        Some("manhattan" | "cityblock" | "l1") => Metric::Manhattan,
        Some("chebyshev" | "infinity") => Metric::Chebyshev,
        Some("minkowski" | "p") => Metric::Minkowski { p: power(estimator, class)? },
        other => return Err(estimator.setting(class, "metric", other.unwrap_or(metric.kind()), SUPPORTED)),
    })
}

/// The power that was put to use stands with the metric that was.
fn power(estimator: Estimator<'_, '_>, class: &'static str) -> Result<f64, SklearnError> {
    let mut used = estimator.attribute("effective_metric_params_").and_then(Node::entries);
    let power = used.as_mut().and_then(|used| used.rfind(|(key, _)| key.text() == Some("p")));
    match power.map(|(_, power)| power.number()) {
        Some(power) => power.ok_or_else(|| {
            estimator.wrong(class, "effective_metric_params_", "a power that is none", "a number for p")
        }),
        None => estimator.number(class, "p"),
    }
}

fn setting(
    estimator: Estimator<'_, '_>,
    setting: &'static str,
    value: String,
    supported: &'static str,
) -> SklearnError {
    SklearnError::Setting { class: CLASS, version: estimator.origin(), setting, value, supported }
}
