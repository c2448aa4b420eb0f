//! What a file holds: one estimator, or several side by side as notebooks write them: `{'model': …, 'scaler': …}`,
//! `(scaler, model)`, `[('scaler', …), ('model', …)]`.
//!
//! What an estimator is, its class says, never its key or its place. Whatever leaves a doubt is refused: a scaler that
//! is passed over turns verdicts around without a word.

use std::collections::{HashMap, HashSet};

use super::estimator::Estimator;
use super::walk::{Chain, Walk};
use super::{SklearnError, estimator_of, is_detector};
use crate::model::formats::pickle::Node;
use crate::model::formats::printable::printable;
use crate::model::preprocessing::{MAX_STEPS, MAX_WIDTH};

/// The estimators of a file.
pub(super) struct Bundle<'g, 'a> {
    /// What the file holds, in words.
    kind: &'static str,
    form: Form,
    /// Each with at least one estimator.
    members: Vec<Member<'g, 'a>>,
    columns: Option<Vec<String>>,
    threshold: Option<f64>,
}

/// How they stand in the file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// One estimator, and nothing beside it.
    Alone,
    /// In a tuple or list: in the order in which they are applied.
    InOrder,
    /// In a dictionary, which says nothing of an order.
    ByName,
}

/// An estimator, or a pipeline of them.
struct Member<'g, 'a> {
    /// Where it stands, in words.
    place: String,
    estimators: Vec<Estimator<'g, 'a>>,
}

/// Keys under which people keep what their columns are called.
const COLUMNS: [&str; 7] =
    ["features", "feature_names", "feature_names_in_", "feature_columns", "feature_cols", "columns", "cols"];

/// Keys under which people keep a threshold of their own.
const THRESHOLDS: [&str; 3] = ["threshold", "threshold_", "thresh"];

/// No key of those that matter is longer.
const LONGEST_KEY: usize = 100;

/// What in a key tells that rows were changed before the detector saw them, and whole keys that do.
const CHANGES: [&str; 7] = ["scal", "preproc", "transform", "normali", "standardi", "imput", "encod"];
const MOMENTS: [&str; 8] = ["mean", "means", "mean_", "mu", "std", "stds", "std_", "sigma"];

/// A value of a dictionary or a list that may matter.
struct Item<'g, 'a> {
    /// Its key, if that is text.
    key: Option<&'g str>,
    /// Where it stands, in words.
    place: String,
    value: Node<'g, 'a>,
}

impl<'g, 'a> Bundle<'g, 'a> {
    /// Looks at the root of a file.
    pub(super) fn of(root: Node<'g, 'a>, walk: &mut Walk) -> Result<Self, SklearnError> {
        let (form, items) = if let Some(items) = entries(root)? {
            (Form::ByName, items)
        } else if let Some(items) = steps(root)? {
            (Form::InOrder, items)
        } else {
            estimator_of(root)?;
            (Form::Alone, vec![Item { key: None, place: String::new(), value: root }])
        };
        let mut bundle = Self { kind: root.kind(), form, members: Vec::new(), columns: None, threshold: None };
        let mut seen = HashSet::new();
        for Item { place, value, .. } in &items {
            // Under two names it is still one.
            if !seen.insert(value.place()) {
                continue;
            }
            if form == Form::Alone || is_estimator(*value) {
                let estimators = walk.flatten(*value)?;
                if !estimators.is_empty() {
                    bundle.members.push(Member { place: place.clone(), estimators });
                }
            } else if let Some(class) = within(*value) {
                let found = format!("{class} deeper {place}");
                return Err(bundle.refused(found, "only what stands at the top of a file is read"));
            }
        }
        if form == Form::ByName {
            bundle.take_notes(&items, walk)?;
        }
        Ok(bundle)
    }

    /// The detector; `None` where there are only transformers.
    ///
    /// # Errors
    /// When there are several.
    pub(super) fn detector(&self) -> Result<Option<Estimator<'g, 'a>>, SklearnError> {
        Ok(self.detector_place()?.and_then(|place| self.members.get(place)?.estimators.last().copied()))
    }

    /// What stands before the detector, all of it where there is none, and the estimator that sees rows first. `then` is
    /// how wide their rows are behind all of it, if that is known.
    ///
    /// # Errors
    /// When it is not known what comes first, or a step is not supported.
    pub(super) fn before(
        &self,
        then: Option<usize>,
        walk: &mut Walk,
    ) -> Result<(Chain, Option<Estimator<'g, 'a>>), SklearnError> {
        self.order(self.detector_place()?, then, walk)
    }

    /// What stands before the member at `place`, with what stands in it before its end.
    fn order(
        &self,
        place: Option<usize>,
        then: Option<usize>,
        walk: &mut Walk,
    ) -> Result<(Chain, Option<Estimator<'g, 'a>>), SklearnError> {
        let own = place.and_then(|place| self.members.get(place)).map(|member| &member.estimators[..]);
        let own = own.and_then(|own| own.split_last()).map_or(&[][..], |(_, own)| own);
        let others: Vec<_> = self
            .members
            .iter()
            .enumerate()
            .filter(|(index, _)| Some(*index) != place)
            .map(|(_, member)| member)
            .collect();
        let of_own: HashSet<_> = own.iter().map(|estimator| estimator.place()).collect();
        if let Some(twice) =
            others.iter().flat_map(|member| &member.estimators).find(|one| of_own.contains(&one.place()))
        {
            let found = format!("{}, and {} is also a step of the pipeline", self.contents(), twice.class_name());
            return Err(self.refused(found, "it would be applied twice: leave it out beside the pipeline"));
        }
        let scales = |one: Option<&Estimator<'_, '_>>| one.is_some_and(|one| one.class_name().ends_with("Scaler"));
        if scales(own.first()) && others.iter().any(|member| scales(member.estimators.last())) {
            return Err(self.refused(self.contents(), "rows would be scaled twice: leave one scaler out"));
        }
        if self.form == Form::ByName && others.len() > 1 {
            let own = walk.chain(own, None)?;
            let then = own.width().or(then);
            let chains =
                others.iter().map(|member| walk.chain(&member.estimators, None)).collect::<Result<Vec<_>, _>>()?;
            let order = only_order(&chains, then).ok_or_else(|| {
                self.refused(
                    self.contents(),
                    "a dictionary does not say which of them comes first: write a list in their order, or a Pipeline",
                )
            })?;
            let first = order.first().and_then(|place| others.get(*place)?.estimators.first().copied());
            let mut chains: HashMap<usize, Chain> = chains.into_iter().enumerate().collect();
            let ordered = order.iter().filter_map(|place| chains.remove(place)).chain([own]);
            return Ok((Chain::joined(ordered), first));
        }
        let all: Vec<_> = others.iter().flat_map(|member| &member.estimators).chain(own).copied().collect();
        Ok((walk.chain(&all, None)?, all.first().copied()))
    }

    /// All there is, where only transformers may be: what stands before a detector that takes rows of `then` features.
    ///
    /// # Errors
    /// As [`before`](Self::before), and when a detector is there.
    pub(super) fn transformers(
        &self,
        then: usize,
        walk: &mut Walk,
    ) -> Result<(Chain, Option<Estimator<'g, 'a>>), SklearnError> {
        match self.detector()? {
            Some(detector) if !detector.is_pca() => Err(SklearnError::NotATransformer { found: self.contents() }),
            _ => self.order(None, Some(then), walk),
        }
    }

    /// What the columns are called that go in, if the file says it beside the estimators.
    pub(super) fn columns(&self) -> Option<&[String]> {
        self.columns.as_deref()
    }

    /// A threshold beside the detector that is not its own.
    pub(super) fn threshold(&self) -> Option<f64> {
        self.threshold
    }

    /// What there is, in words.
    pub(super) fn contents(&self) -> String {
        const MOST: usize = 8;
        let member = |member: &Member<'_, '_>| {
            let classes: Vec<_> = member.estimators.iter().take(MOST).map(|one| one.class_name()).collect();
            match self.form {
                Form::Alone => classes.join(", "),
                Form::InOrder | Form::ByName => format!("{} {}", classes.join(", "), member.place),
            }
        };
        let named: Vec<_> = self.members.iter().take(MOST).map(member).collect();
        match (self.members.len(), self.members.len().saturating_sub(MOST)) {
            (0, _) => match self.form {
                Form::Alone => "a Pipeline without steps".to_owned(),
                Form::InOrder | Form::ByName => format!("{} without an estimator", self.kind),
            },
            (_, 0) => named.join("; "),
            (_, more) => format!("{}; and {more} more", named.join("; ")),
        }
    }

    fn detector_place(&self) -> Result<Option<usize>, SklearnError> {
        let last = |place: &usize| self.members.get(*place).and_then(|member| member.estimators.last());
        let mut detectors: Vec<_> =
            (0..self.members.len()).filter(|place| last(place).is_some_and(|last| is_detector(*last))).collect();
        // A PCA is the detector where no other is.
        let is_pca = |place: &usize| last(place).is_some_and(|last| last.is_pca());
        if !detectors.iter().all(is_pca) {
            detectors.retain(|place| !is_pca(place));
        }
        match detectors[..] {
            [] => Ok(None),
            [place] => Ok(Some(place)),
            _ => Err(self.refused(self.contents(), "it is not known which detector is meant")),
        }
    }

    /// Takes what a dictionary says beside the estimators.
    fn take_notes(&mut self, items: &[Item<'_, '_>], walk: &mut Walk) -> Result<(), SklearnError> {
        // A detector by itself: then whatever tells that rows were changed before it matters.
        let bare =
            matches!(&self.members[..], [alone] if alone.estimators.len() == 1) && self.detector_place()?.is_some();
        for Item { key, place, value } in items {
            let key = key.unwrap_or_default().to_lowercase();
            if COLUMNS.contains(&&*key) {
                match names(*value) {
                    Some(names) => {
                        let before = self.columns.replace(names);
                        if before.is_some() && before != self.columns {
                            return Err(self.refused(self.contents(), "two lists of its columns contradict each other"));
                        }
                    }
                    None if value.is_none() || value.number().is_some() => {}
                    None => walk.note(Some(format!(
                        "its columns are not taken from {} {place}, which is no list of texts; write list(X.columns)",
                        value.kind()
                    ))),
                }
            } else if THRESHOLDS.contains(&&*key) {
                self.threshold = value.number().filter(|threshold| threshold.abs() > 0.0);
            } else if bare && tells_of_changes(&key) && tells_something(*value) {
                let found = format!("{}, and {} {place}", self.contents(), value.kind());
                let problem =
                    "what changes rows before the detector must be a fitted transformer, such as a StandardScaler";
                return Err(self.refused(found, problem));
            }
        }
        Ok(())
    }

    fn refused(&self, found: String, problem: &'static str) -> SklearnError {
        SklearnError::Bundle { kind: self.kind, found, problem }
    }
}

/// The entries of a dictionary that may matter, of equal keys the last; `None` of anything else.
fn entries<'g, 'a>(root: Node<'g, 'a>) -> Result<Option<Vec<Item<'g, 'a>>>, SklearnError> {
    let Some(entries) = root.entries() else { return Ok(None) };
    let mut items: Vec<Item<'g, 'a>> = Vec::new();
    let mut places: HashMap<&'g str, usize> = HashMap::new();
    for (key, value) in entries {
        let key = key.text().filter(|key| key.len() <= LONGEST_KEY);
        if !may_hold(value) && !key.is_some_and(says_something) {
            continue;
        }
        let place = key.map_or_else(|| "under a key".to_owned(), |key| format!("under '{}'", printable(key)));
        let item = Item { key, place, value };
        match key.and_then(|key| places.get(key)) {
            Some(before) => items[*before] = item,
            None => {
                places.extend(key.map(|key| (key, items.len())));
                push(&mut items, item, root)?;
            }
        }
    }
    Ok(Some(items))
}

/// The items of a tuple or list that may matter, where a pair of a name and a step is that step.
fn steps<'g, 'a>(root: Node<'g, 'a>) -> Result<Option<Vec<Item<'g, 'a>>>, SklearnError> {
    let Some(values) = root.items() else { return Ok(None) };
    let mut items = Vec::new();
    for (index, value) in values.enumerate().filter(|(_, value)| may_hold(*value)) {
        let named = || {
            let mut pair = value.items().filter(|pair| pair.len() == 2)?;
            let (key, value) = (pair.next()?.text()?, pair.next()?);
            Some(Item { key: None, place: format!("under '{}'", printable(key)), value })
        };
        let item = named().unwrap_or_else(|| Item { key: None, place: format!("at place {index}"), value });
        push(&mut items, item, root)?;
    }
    Ok(Some(items))
}

fn push<'g, 'a>(items: &mut Vec<Item<'g, 'a>>, item: Item<'g, 'a>, root: Node<'_, '_>) -> Result<(), SklearnError> {
    if items.len() == MAX_STEPS {
        let found = format!("{} of more than {MAX_STEPS} values", root.kind());
        return Err(SklearnError::NotAnEstimator { found });
    }
    items.push(item);
    Ok(())
}

/// Whether a value may be an estimator, or hold one.
fn may_hold(value: Node<'_, '_>) -> bool {
    value.class().is_some() || value.is_container()
}

/// Whether what stands under a key matters, whatever it is.
fn says_something(key: &str) -> bool {
    let key = key.to_lowercase();
    COLUMNS.contains(&&*key) || THRESHOLDS.contains(&&*key) || tells_of_changes(&key)
}

/// Whether a value is an estimator, rather than an array, an index, or numbers of another library.
fn is_estimator(value: Node<'_, '_>) -> bool {
    const OTHERS: [&str; 4] = ["numpy", "pandas", "pyarrow", "joblib"];
    let library = |module: &str| module.split('.').next().is_some_and(|library| OTHERS.contains(&library));
    value.class().is_some_and(|class| !library(class.module))
}

/// The class of an estimator that lies within a value, if one does. What is used twice is looked at once.
fn within(value: Node<'_, '_>) -> Option<String> {
    let mut seen = HashSet::new();
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        if let Some(estimator) = Estimator::of(value).filter(|_| is_estimator(value)) {
            return Some(estimator.class_name());
        }
        if !value.is_container() || !seen.insert(value.place()) {
            continue;
        }
        let holds_more = |value: &Node<'_, '_>| may_hold(*value);
        if let Some(entries) = value.entries() {
            open.extend(entries.map(|(_, value)| value).filter(holds_more));
        } else if let Some(items) = value.items() {
            open.extend(items.filter(holds_more));
        } else if let Some(items) = value.objects() {
            open.extend(items.filter(holds_more));
        }
    }
    None
}

/// The texts of a list, a tuple, an array or an index; `None` of anything else.
fn names(value: Node<'_, '_>) -> Option<Vec<String>> {
    if let Some(texts) = value.texts() {
        return Some(texts.iter().map(|name| printable(name)).collect()).filter(|names: &Vec<_>| !names.is_empty());
    }
    let items = value.items().filter(|items| items.len() <= MAX_WIDTH)?;
    let texts: Option<Vec<_>> = items.map(|item| item.text().map(printable)).collect();
    texts.filter(|names| !names.is_empty())
}

/// Whether a key tells that rows were changed before the detector saw them.
fn tells_of_changes(key: &str) -> bool {
    MOMENTS.contains(&key) || CHANGES.iter().any(|part| key.contains(part))
}

/// Whether a value under such a key says that they were, rather than that they were not.
fn tells_something(value: Node<'_, '_>) -> bool {
    !is_estimator(value) && !value.is_none() && value.bool() != Some(false)
}

/// The one order in which these chains fit each other and what follows them; `None` where there is none, or another.
fn only_order(chains: &[Chain], then: Option<usize>) -> Option<Vec<usize>> {
    /// So many have few enough orders to try them all.
    const MOST: usize = 4;
    if chains.len() > MOST {
        return None;
    }
    let mut orders = Vec::new();
    gather_orders(chains, then, &mut Vec::new(), &mut orders);
    match orders.len() {
        1 => orders.pop(),
        _ => None,
    }
}

/// Puts every chain that may come last before those that are put in order already.
fn gather_orders(chains: &[Chain], then: Option<usize>, behind: &mut Vec<usize>, orders: &mut Vec<Vec<usize>>) {
    if behind.len() == chains.len() {
        orders.push(behind.iter().rev().copied().collect());
        return;
    }
    for (place, chain) in chains.iter().enumerate() {
        let fits = chain.output_width().zip(then).is_none_or(|(gives, takes)| gives == takes);
        if !behind.contains(&place) && fits {
            behind.push(place);
            gather_orders(chains, chain.width().or(then), behind, orders);
            behind.pop();
        }
    }
}
