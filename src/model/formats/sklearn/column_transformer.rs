//! `sklearn.compose.ColumnTransformer`, there since 0.20, and `sklearn.pipeline.FeatureUnion`.

use super::SklearnError;
use super::columns::Columns;
use super::estimator::Estimator;
use super::walk::{Chain, Walk};
use crate::model::formats::pickle::Node;
use crate::model::invalid::parameter;
use crate::model::preprocessing::{Branch, ColumnTransformer};

const CLASS: &str = "ColumnTransformer";
const UNION: &str = "FeatureUnion";

/// Reads a fitted transformer of columns.
///
/// `transformers_` holds what was fitted, the remainder behind the others; what takes no columns was never fitted.
pub(super) fn read(estimator: Estimator<'_, '_>, walk: &mut Walk) -> Result<ColumnTransformer, SklearnError> {
    let transformers = triples(estimator)?;
    let names = estimator.feature_names();
    let width = width(estimator, names.as_ref(), &transformers)?;
    parameter(CLASS, "n_features_in_").width(width)?;
    walk.spend(names.iter().flatten().map(|name| size_of::<(String, usize)>() + name.len()).sum())?;
    let all = Columns::new(width, names);
    let mut branches = Vec::new();
    for [name, transformer, columns] in transformers {
        if transformer.text() == Some("drop") {
            walk.count()?;
            continue;
        }
        let expected = "names, estimators and columns that are there";
        let columns = all
            .of(input_columns(estimator, name, columns))
            .map_err(|found| estimator.wrong(CLASS, "transformers_", found, expected))?;
        walk.spend(size_of_val(&*columns))?;
        if !columns.is_empty() {
            let steps = walk.branch(transformer, Some(columns.len()))?.steps(Some(columns.len()), None)?;
            branches.push(Branch { columns, steps, weight: weight(estimator, CLASS, name)? });
        }
    }
    Ok(ColumnTransformer::new(width, branches)?)
}

/// Name, estimator and columns of each of `transformers_`.
fn triples<'g, 'a>(estimator: Estimator<'g, 'a>) -> Result<Vec<[Node<'g, 'a>; 3]>, SklearnError> {
    let node = estimator.required(CLASS, "transformers_")?;
    let triple = |item: Node<'g, 'a>| {
        let mut items = item.items()?;
        Some([items.next()?, items.next()?, items.next()?])
    };
    node.items()
        .and_then(|items| items.map(triple).collect())
        .ok_or_else(|| estimator.wrong(CLASS, "transformers_", node.kind(), "names, estimators and columns"))
}

/// What says which columns a transformer takes: what was asked for, or the places that scikit-learn found for it, since
/// 1.0, where that is an index or a series of pandas.
fn input_columns<'g, 'a>(estimator: Estimator<'g, 'a>, name: Node<'g, 'a>, columns: Node<'g, 'a>) -> Node<'g, 'a> {
    let places = || {
        let mut entries = estimator.attribute("_transformer_to_input_indices")?.entries()?;
        entries.rfind(|(key, _)| key.text() == name.text()).map(|(_, places)| places)
    };
    let of_pandas = columns.class().is_some_and(|class| class.module.starts_with("pandas"));
    of_pandas.then(places).flatten().unwrap_or(columns)
}

/// How many features there were. `n_features_in_` came with 0.24, `_n_features` stood before it. The first versions have
/// neither, but name every column, since the remainder takes those that are left.
fn width(
    estimator: Estimator<'_, '_>,
    names: Option<&Vec<String>>,
    transformers: &[[Node<'_, '_>; 3]],
) -> Result<usize, SklearnError> {
    let attribute = estimator.either("n_features_in_", "_n_features");
    if estimator.attribute(attribute).is_some() {
        return estimator.count(CLASS, attribute);
    }
    if let Some(names) = names {
        return Ok(names.len());
    }
    let places = transformers.iter().map(|[_, _, columns]| {
        let places = columns.ints().or_else(|| columns.items()?.map(Node::int).collect())?;
        places.into_iter().max().map_or(Some(0), |place| usize::try_from(place).ok()?.checked_add(1))
    });
    let missing = || SklearnError::Missing { class: CLASS, attribute: "n_features_in_".to_owned() };
    places.collect::<Option<Vec<_>>>().and_then(|widths| widths.into_iter().max()).ok_or_else(missing)
}

/// What the result of a branch is multiplied by.
fn weight(estimator: Estimator<'_, '_>, class: &'static str, name: Node<'_, '_>) -> Result<f64, SklearnError> {
    let Some(weights) = estimator.attribute("transformer_weights").filter(|weights| !weights.is_none()) else {
        return Ok(1.0);
    };
    let wrong = |found: &str| estimator.wrong(class, "transformer_weights", found, "names and numbers");
    let mut entries = weights.entries().ok_or_else(|| wrong(weights.kind()))?;
    match entries.rfind(|(key, _)| key.text() == name.text()) {
        Some((_, weight)) if weight.is_none() => Ok(1.0),
        Some((_, weight)) => weight.number().ok_or_else(|| wrong(weight.kind())),
        None => Ok(1.0),
    }
}

/// Reads fitted transformers that all take all features.
///
/// The union itself does not say how many there are: `width` does, or the first of its branches that knows.
pub(super) fn read_union(
    estimator: Estimator<'_, '_>,
    width: Option<usize>,
    walk: &mut Walk,
) -> Result<ColumnTransformer, SklearnError> {
    let node = estimator.required(UNION, "transformer_list")?;
    let wrong = |found: Node<'_, '_>| estimator.wrong(UNION, "transformer_list", found.kind(), "names and estimators");
    let mut branches: Vec<(Chain, f64)> = Vec::new();
    let mut known = width;
    for item in node.items().ok_or_else(|| wrong(node))? {
        let Some((name, transformer)) = item.items().and_then(|mut pair| Some((pair.next()?, pair.next()?))) else {
            return Err(wrong(item));
        };
        // Here nothing in a transformer's place leaves its branch out, while in a pipeline it lets features pass.
        if transformer.is_none() || transformer.text() == Some("drop") {
            walk.count()?;
        } else {
            let chain = walk.branch(transformer, width)?;
            // A function takes rows of any width, and says what it was given since 0.24.
            let given = || usize::try_from(transformer.attribute("n_features_in_")?.int()?).ok();
            known = known.or(chain.width()).or_else(given);
            branches.push((chain, weight(estimator, UNION, name)?));
        }
    }
    let width = known.ok_or(SklearnError::UnknownWidth { class: UNION })?;
    parameter(UNION, "n_features_in_").width(width)?;
    let branch = |(chain, weight): (Chain, f64)| {
        walk.spend(width.saturating_mul(size_of::<usize>()))?;
        Ok(Branch { columns: (0..width).collect(), steps: chain.steps(Some(width), None)?, weight })
    };
    let branches = branches.into_iter().map(branch).collect::<Result<_, SklearnError>>()?;
    Ok(ColumnTransformer::new(width, branches)?)
}
