//! The way through estimators within estimators: bounded, however they refer to each other.

use super::estimator::Estimator;
use super::{SklearnError, estimator_of, pyod, step};
use crate::model::Limits;
use crate::model::formats::pickle::Node;
use crate::model::limits::Exceeded;
use crate::model::preprocessing::{Function, FunctionTransformer, MAX_STEPS, Step};

/// The searches for the best settings, each of which keeps the estimator that it found best.
const SEARCHES: [&str; 4] = ["GridSearchCV", "RandomizedSearchCV", "HalvingGridSearchCV", "HalvingRandomSearchCV"];

/// The packages of imbalanced-learn whose classes choose or make rows to train on.
const SAMPLERS: [&str; 3] = ["imblearn.combine", "imblearn.over_sampling", "imblearn.under_sampling"];

/// What may still be read.
pub(super) struct Walk {
    limits: Limits,
    depth: usize,
    parts: usize,
    bytes: usize,
    training_rows: Option<u64>,
    notes: Vec<String>,
}

/// Steps in order, as far as a file tells them.
pub(super) struct Chain(Vec<Link>);

/// A step, or a function that takes rows of whatever width.
pub(super) enum Link {
    Step(Step),
    Function(Function),
}

impl Walk {
    pub(super) fn new(limits: &Limits) -> Self {
        Self { limits: *limits, depth: 0, parts: 0, bytes: 0, training_rows: None, notes: Vec::new() }
    }

    /// How many rows the steps say that they were fitted to, if one does.
    pub(super) fn training_rows(&self) -> Option<u64> {
        self.training_rows
    }

    /// Keeps what a person should know, once.
    pub(super) fn note(&mut self, note: Option<String>) {
        self.notes.extend(note.filter(|note| !self.notes.contains(note)));
    }

    pub(super) fn into_notes(self) -> Vec<String> {
        self.notes
    }

    /// Counts one more part.
    pub(super) fn count(&mut self) -> Result<(), SklearnError> {
        self.parts += 1;
        if self.parts > MAX_STEPS { Err(SklearnError::Parts { max: MAX_STEPS }) } else { Ok(()) }
    }

    /// Counts memory that steps take. Several may share an array of the file, and have each their own of it.
    pub(super) fn spend(&mut self, bytes: usize) -> Result<(), SklearnError> {
        self.bytes = self.bytes.saturating_add(bytes);
        let max = self.limits.memory_bytes / 4;
        if self.bytes <= max {
            return Ok(());
        }
        Err(Exceeded { what: "bytes of memory for its steps", max, ..self.limits.memory_exceeded() }.into())
    }

    /// The estimators of a pipeline, those of pipelines within it in their places. What does nothing is left out.
    pub(super) fn flatten<'g, 'a>(&mut self, node: Node<'g, 'a>) -> Result<Vec<Estimator<'g, 'a>>, SklearnError> {
        let mut estimators = Vec::new();
        self.gather(node, &mut estimators)?;
        Ok(estimators)
    }

    fn gather<'g, 'a>(&mut self, node: Node<'g, 'a>, into: &mut Vec<Estimator<'g, 'a>>) -> Result<(), SklearnError> {
        self.count()?;
        if node.is_none() || node.text() == Some("passthrough") {
            return Ok(());
        }
        let estimator = estimator_of(node)?;
        match estimator.path() {
            ("sklearn.pipeline" | "imblearn.pipeline", "Pipeline") => self.gather_steps(estimator, into),
            ("sklearn.model_selection", class) if SEARCHES.contains(&class) => {
                let best = estimator.attribute("best_estimator_").ok_or(SklearnError::NoBestEstimator)?;
                self.within(|walk| walk.gather(best, into))
            }
            // They change what is trained on, and nothing of what is judged.
            (package, _) if SAMPLERS.contains(&package) => Ok(()),
            ("imblearn.base", "FunctionSampler") => Ok(()),
            // Its scaler is a step like any other.
            (pyod::PACKAGE, "PCA") => {
                if let Some(scaler) = pyod::scaler(estimator)? {
                    into.push(estimator_of(scaler)?);
                }
                into.push(estimator);
                Ok(())
            }
            _ => {
                into.push(estimator);
                Ok(())
            }
        }
    }

    fn gather_steps<'g, 'a>(
        &mut self,
        estimator: Estimator<'g, 'a>,
        into: &mut Vec<Estimator<'g, 'a>>,
    ) -> Result<(), SklearnError> {
        let steps = estimator.required("Pipeline", "steps")?;
        let wrong = |found: Node<'_, '_>| {
            estimator.wrong("Pipeline", "steps", found.kind(), "pairs of a name and an estimator")
        };
        self.within(|walk| {
            for step in steps.items().ok_or_else(|| wrong(steps))? {
                let step = step.items().and_then(|mut pair| pair.nth(1)).ok_or_else(|| wrong(step))?;
                walk.gather(step, into)?;
            }
            Ok(())
        })
    }

    /// The steps that these estimators are, for rows of `width` features, if that is known.
    pub(super) fn chain(
        &mut self,
        estimators: &[Estimator<'_, '_>],
        mut width: Option<usize>,
    ) -> Result<Chain, SklearnError> {
        let mut links = Vec::new();
        for estimator in estimators {
            let link = step(*estimator, width, self)?;
            if let Some(Link::Step(step)) = &link {
                self.spend(size_of::<Step>() + step.heap_bytes())?;
                width = Some(step.output_width());
            }
            links.extend(link);
            self.training_rows = self.training_rows.max(estimator.training_rows());
        }
        Ok(Chain(links))
    }

    /// The steps of a transformer that lies within another, for rows of `width` features, if that is known.
    pub(super) fn branch(&mut self, transformer: Node<'_, '_>, width: Option<usize>) -> Result<Chain, SklearnError> {
        self.within(|walk| {
            let estimators = walk.flatten(transformer)?;
            walk.chain(&estimators, width)
        })
    }

    /// One level down.
    fn within<T>(&mut self, inner: impl FnOnce(&mut Self) -> Result<T, SklearnError>) -> Result<T, SklearnError> {
        if self.depth >= self.limits.depth {
            return Err(self.limits.depth_exceeded().into());
        }
        self.depth += 1;
        let result = inner(self);
        self.depth -= 1;
        result
    }
}

impl Chain {
    /// Chains one behind the other.
    pub(super) fn joined(chains: impl Iterator<Item = Self>) -> Self {
        Self(chains.flat_map(|chain| chain.0).collect())
    }

    /// How many features a row has that comes out, if that is known.
    pub(super) fn output_width(&self) -> Option<usize> {
        self.0.iter().rev().find_map(|link| match link {
            Link::Step(step) => Some(step.output_width()),
            Link::Function(_) => None,
        })
    }

    /// How many features a row has that goes in, if that is known.
    pub(super) fn width(&self) -> Option<usize> {
        self.0.iter().find_map(|link| match link {
            Link::Step(step) => Some(step.width()),
            Link::Function(_) => None,
        })
    }

    /// The steps for rows of `width` features, or, where that is not known, before something that takes `then` features.
    pub(super) fn steps(self, width: Option<usize>, then: Option<usize>) -> Result<Vec<Step>, SklearnError> {
        let mut width = width.or(self.width()).or(then);
        let mut steps = Vec::with_capacity(self.0.len());
        for link in self.0 {
            let step = match (link, width) {
                (Link::Step(step), _) => step,
                (Link::Function(function), Some(width)) => {
                    Step::FunctionTransformer(FunctionTransformer::new(width, function))
                }
                (Link::Function(_), None) => {
                    return Err(SklearnError::UnknownWidth { class: "FunctionTransformer" });
                }
            };
            width = Some(step.output_width());
            steps.push(step);
        }
        Ok(steps)
    }
}
